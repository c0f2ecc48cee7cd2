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
