/*
 * request_head: the requests of a workload as HPACK blocks (RFC 7541), each
 * made when it is first asked for and then only copied.
 *
 * A connection's first request puts :authority and user-agent into the server's
 * table; those that follow point there. Nothing else is ever put into it, so
 * the same bytes are right on every connection.
 */
#ifndef HEAPGATE_REQUEST_HEAD_H
#define HEAPGATE_REQUEST_HEAD_H

#include "base/str.h"
#include "lab/workload.h"

enum request_head_kind {
	REQUEST_HEAD_FIRST, /* of its connection */
	REQUEST_HEAD_NEXT,
	REQUEST_HEAD_PLAIN, /* for a server that wants no table */
};
#define REQUEST_HEAD_KINDS 3

struct request_heads {
	const struct workload *workload;
	const struct request *extra; /* one that is not in it */
	const char *scheme;
	const char *authority;
	struct str *made; /* REQUEST_HEAD_KINDS for each, extra last; p NULL: not
			   * yet */
};

/* Lives: what the arguments point to, as long as *h.
 * Returns: 0, or -1 without memory. */
int request_heads_init(struct request_heads *h, const struct workload *w,
		       const struct request *extra, const char *scheme,
		       const char *authority) MUST_USE;
void request_heads_fini(struct request_heads *h);

/* r: of the workload, or extra. Lives: as long as *h. Returns: the block; p NULL
 * when it does not fit in a frame, or without memory. */
struct str request_heads_get(struct request_heads *h, const struct request *r,
			     enum request_head_kind kind);

#endif
