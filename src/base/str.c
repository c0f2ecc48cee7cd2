#include "base/str.h"

static unsigned char lower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

bool str_eq_nocase(struct str a, struct str b)
{
	if (a.len != b.len)
		return false;
	if (bytes_eq(a.p, b.p, a.len)) /* as it mostly is */
		return true;
	for (size_t i = 0; i < a.len; i++)
		if (lower((unsigned char)a.p[i]) != lower((unsigned char)b.p[i]))
			return false;
	return true;
}

bool str_starts(struct str s, struct str prefix)
{
	return s.len >= prefix.len && str_eq(str_of(s.p, prefix.len), prefix);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct str str_trim(struct str s)
{
	while (s.len && is_blank(s.p[0])) {
		s.p++;
		s.len--;
	}
	while (s.len && is_blank(s.p[s.len - 1]))
		s.len--;
	return s;
}

bool str_split(struct str *rest, char sep, struct str *part)
{
	const char *at;

	if (!rest->p)
		return false;
	at = rest->len ? memchr(rest->p, sep, rest->len) : NULL;
	if (!at) {
		*part = *rest;
		*rest = (struct str){NULL, 0};
		return true;
	}
	*part = str_of(rest->p, (size_t)(at - rest->p));
	*rest = str_of(at + 1, rest->len - part->len - 1);
	return true;
}

bool str_u64(struct str s, uint64_t *out)
{
	uint64_t v = 0;

	if (!s.len)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned int d = (unsigned char)s.p[i] - '0';

		if (d > 9)
			return false;
		/* Nineteen digits always fit. */
		if (i >= 19 && v > (UINT64_MAX - d) / 10)
			return false;
		v = v * 10 + d;
	}
	*out = v;
	return true;
}
