/*
 * answer_head: what a load generator wants to know of an answer's fields, out
 * of HPACK (RFC 7541).
 *
 * Most answers of a connection have the same fields. A block that does not
 * change the table means the same when it comes again before the table has
 * changed: it is then compared, not decoded.
 */
#ifndef HEAPGATE_ANSWER_HEAD_H
#define HEAPGATE_ANSWER_HEAD_H

#include <nghttp2/nghttp2.h>

#include "allocators/mem.h"

#define ANSWER_HEAD_SEEN 128u

struct answer_fields {
	uint16_t status; /* 0: none, or not a number */
	bool has_length; /* there is a content-length */
	bool bad;        /* which is not a number */
	uint64_t length; /* has_length */
};

struct answer_head {
	nghttp2_hd_inflater *inflater;
	struct answer_fields now; /* of the block that is read */
	bool in_block;            /* a part of it was read */
	struct answer_fields meant;
	size_t n_seen; /* bytes in seen; 0: none is remembered */
	uint8_t seen[ANSWER_HEAD_SEEN];
};

/* Returns: 0, or -1 without memory. */
int answer_head_init(struct answer_head *a) MUST_USE;
void answer_head_fini(struct answer_head *a);

/* Reads a part of a block; last: of it. *f is set when it was the last.
 * Returns: 0; -1: not HPACK, or no memory: nothing can be read any more. */
int answer_head_read(struct answer_head *a, const uint8_t *p, size_t n, bool last,
		     struct answer_fields *f) MUST_USE;

#endif
