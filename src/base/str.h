/*
 * str: a run of bytes that somebody else owns. Not NUL-terminated.
 */
#ifndef HEAPGATE_STR_H
#define HEAPGATE_STR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct str {
	const char *p;
	size_t len;
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
/* For printf's "%.*s". */
#define STR_ARG(s) (int)(s).len, (s).p

static inline struct str str_of(const char *p, size_t len)
{
	return (struct str){p, len};
}

static inline struct str str_z(const char *z)
{
	return (struct str){z, strlen(z)};
}

static inline uint64_t eight_bytes(const char *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

static inline uint32_t four_bytes(const char *p)
{
	uint32_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

/* Whether n bytes are the same: memcmp() for what is short, without the call, by
 * words that overlap. */
static inline bool bytes_eq(const char *a, const char *b, size_t n)
{
	if (n > 24)
		return memcmp(a, b, n) == 0;
	if (n >= 8)
		return eight_bytes(a) == eight_bytes(b) &&
		       eight_bytes(a + n - 8) == eight_bytes(b + n - 8) &&
		       (n <= 16 || eight_bytes(a + 8) == eight_bytes(b + 8));
	if (n >= 4)
		return four_bytes(a) == four_bytes(b) &&
		       four_bytes(a + n - 4) == four_bytes(b + n - 4);
	return !n || (a[0] == b[0] && a[n / 2] == b[n / 2] && a[n - 1] == b[n - 1]);
}

static inline bool str_eq(struct str a, struct str b)
{
	/* memcmp() must not be given NULL, which an empty string may be. */
	return a.len == b.len && (!a.len || memcmp(a.p, b.p, a.len) == 0);
}

/* ASCII letters only; never the locale's. */
bool str_eq_nocase(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);
/* Without spaces and tabs at both ends. */
struct str str_trim(struct str s);
/* Cuts the part before the first sep off *rest; false when *rest is used up
 * (its p is then NULL). */
bool str_split(struct str *rest, char sep, struct str *part);
/* Decimal digits only, no sign. Returns false on any other byte, on no digit
 * and on overflow; *out is untouched then. */
bool str_u64(struct str s, uint64_t *out);

#endif
