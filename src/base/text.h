/*
 * text: a text that grows as it is written. Out of memory is noticed once, at
 * the end: what does not fit is dropped and failed is set.
 */
#ifndef HEAPGATE_TEXT_H
#define HEAPGATE_TEXT_H

#include "allocators/mem.h"
#include "base/str.h"

struct text {
	char *p; /* len bytes and a NUL; NULL while cap is 0 */
	size_t len;
	size_t cap;
	enum mem_tag tag; /* of the bytes at p */
	bool failed;      /* something was dropped for want of memory */
};

/* Nothing is allocated yet. Owns: the caller, until text_fini(). */
void text_init(struct text *t, enum mem_tag tag);
/* Idempotent. */
void text_fini(struct text *t);
/* Empty again; the memory stays. */
void text_reset(struct text *t);

void text_add(struct text *t, const char *p, size_t len);
void text_z(struct text *t, const char *z);
void text_char(struct text *t, char c);
void text_u64(struct text *t, uint64_t v);
/* v / 10^digits without trailing zeros: text_decimal(t, 1500000, 6) adds
 * "1.5", 0 adds "0.0". */
void text_decimal(struct text *t, uint64_t v, unsigned int digits);
void text_printf(struct text *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static inline struct str text_str(const struct text *t)
{
	return str_of(t->len ? t->p : "", t->len);
}

#endif
