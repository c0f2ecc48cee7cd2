#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>

#define FIRST_BYTES 4096

void text_init(struct text *t, enum mem_tag tag)
{
	*t = (struct text){.tag = tag};
}

void text_fini(struct text *t)
{
	if (t->p)
		mem_free(t->tag, t->p);
	text_init(t, t->tag);
}

void text_reset(struct text *t)
{
	t->len = 0;
	t->failed = false;
	if (t->p)
		t->p[0] = '\0';
}

/* Room for len bytes more and a NUL. */
static bool grow(struct text *t, size_t len)
{
	size_t cap = t->cap ? t->cap : FIRST_BYTES;
	char *p;

	if (t->failed)
		return false;
	if (len < t->cap - t->len)
		return true;
	while (cap - t->len <= len)
		cap *= 2;
	p = mem_realloc(t->tag, t->p, cap);
	if (!p) {
		t->failed = true;
		return false;
	}
	t->p = p;
	t->cap = cap;
	return true;
}

void text_add(struct text *t, const char *p, size_t len)
{
	if (!grow(t, len))
		return;
	memcpy(t->p + t->len, p, len);
	t->len += len;
	t->p[t->len] = '\0';
}

void text_z(struct text *t, const char *z)
{
	text_add(t, z, strlen(z));
}

void text_char(struct text *t, char c)
{
	text_add(t, &c, 1);
}

/* At least width digits. */
static void put_number(struct text *t, uint64_t v, unsigned int width)
{
	char digits[24];
	unsigned int at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v || sizeof(digits) - at < width);
	text_add(t, digits + at, sizeof(digits) - at);
}

void text_u64(struct text *t, uint64_t v)
{
	put_number(t, v, 1);
}

void text_decimal(struct text *t, uint64_t v, unsigned int digits)
{
	uint64_t unit = 1, rest;

	for (unsigned int i = 0; i < digits; i++)
		unit *= 10;
	rest = v % unit;
	put_number(t, v / unit, 1);
	text_char(t, '.');
	for (; digits > 1 && rest % 10 == 0; digits--)
		rest /= 10;
	put_number(t, rest, digits);
}

void text_printf(struct text *t, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(NULL, 0, format, ap);
	va_end(ap);
	if (n < 0 || !grow(t, (size_t)n))
		return;
	va_start(ap, format);
	vsnprintf(t->p + t->len, (size_t)n + 1, format, ap);
	va_end(ap);
	t->len += (size_t)n;
}
