/*
 * h1_inner: what the files of the h1 codec share. Nobody else includes it.
 */
#ifndef HEAPGATE_H1_INNER_H
#define HEAPGATE_H1_INNER_H

#include "http/h1.h"

enum h1_state {
	H1_AT_HEAD,
	H1_AT_BODY,       /* of a known length, or of a chunk */
	H1_AT_REST,       /* all that comes, until the end */
	H1_AT_SIZE_START, /* before the first digit of a chunk's size */
	H1_AT_SIZE,       /* after at least one digit */
	H1_AT_EXT_BLANK,  /* after a blank behind the size */
	H1_AT_EXT_START,  /* after the ';' of the first extension */
	H1_AT_EXT,
	H1_AT_SIZE_LF,
	H1_AT_DATA_CR, /* after the data of a chunk */
	H1_AT_DATA_LF,
	H1_AT_TRAILERS,
	H1_AT_DONE,
	H1_AT_ERROR,
};

/* Most options that all Connection fields of a head may name. */
#define H1_MAX_OPTIONS 32

/* Ends the message. For a response status becomes 502 but for 503, which is
 * ours: no memory. Returns: H1_ERROR. */
enum h1_result h1_fail(struct h1 *h, unsigned int status, const char *reason);

/*
 * Looks for the empty line that ends the section at data[0..len), a head or
 * trailers. Limits and line ends are checked here, the rest when the section
 * is whole: so no verdict depends on how the bytes were split. Returns:
 * H1_DONE: h->scanned is the length; H1_MORE; H1_ERROR.
 */
enum h1_result h1_scan(struct h1 *h, const char *data, size_t len);
/* Forgets what h1_scan() found, for the next section. */
void h1_scan_reset(struct h1 *h);

/* A field line at *at, its name folded in place; *at moves past it. The
 * section ends at end, with LF. Returns: NULL, or why it is not one. */
const char *h1_parse_field(char **at, const char *end, struct field *f);

#endif
