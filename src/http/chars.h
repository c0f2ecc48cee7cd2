/*
 * chars: what each byte may be part of in HTTP's grammar, as one table.
 */
#ifndef HEAPGATE_CHARS_H
#define HEAPGATE_CHARS_H

#include "base/str.h"

#define CHAR_TOKEN     0x01 /* tchar, RFC 9110 §5.6.2 */
#define CHAR_VALUE     0x02 /* in a field value: tab, space, visible, obs-text */
#define CHAR_TARGET    0x04 /* in a request target: visible ASCII but '#' */
#define CHAR_HOST      0x08 /* in a reg-name, RFC 3986 §3.2.2, but for '%' */
#define CHAR_AUTHORITY 0x10 /* in user@host:port, RFC 3986 §3.2 */
#define CHAR_NAME      0x20 /* a tchar that is no capital, RFC 9113 §8.2.1 */

extern const uint8_t http_chars[256];
/* A tchar in lower case; 0 for what is no tchar. */
extern const uint8_t http_token_lower[256];

static inline bool char_is(char c, unsigned int classes)
{
	return http_chars[(unsigned char)c] & classes;
}

/* Whether all bytes of s are of one of the classes; true when it is empty. */
bool chars_are(struct str s, unsigned int classes);

/* The first LF in [p, end), or NULL. As memchr(), for what ends within a line. */
const char *find_lf(const char *p, const char *end);

/* How many bytes at the start of s may be in a field value. */
size_t value_span(struct str s);

/* Folds the token at the start of p to lower case, in place; end: of what may be
 * read. Returns: its length. */
size_t token_fold(char *p, const char *end);

/* The value of a hexadecimal digit; 16 or more: not one. */
static inline unsigned int hex_digit(char c)
{
	unsigned int d = (unsigned char)c - '0';

	if (d <= 9)
		return d;
	d = ((unsigned char)c | 0x20u) - 'a';
	return d <= 5 ? d + 10 : 16;
}

#endif
