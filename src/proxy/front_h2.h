/*
 * front_h2: a client's HTTP/2 connection (RFC 9113), by nghttp2.
 */
#ifndef HEAPGATE_FRONT_H2_H
#define HEAPGATE_FRONT_H2_H

#include "http/h2.h"
#include "proxy/front.h"
#include "proxy/guard_h2.h"

struct front_h2 {
	struct h2_user user; /* first: nghttp2's callbacks get it */
	struct front f;
	struct guard_h2 guard;
	uint32_t n_wide;      /* streams that may buffer more than H2_FIRST_BYTES */
	bool goaway_sent : 1; /* the last one, with the last stream id */
	bool settings_acked : 1;
	bool pinged : 1;  /* and not answered yet */
	bool closing : 1; /* only to get our GOAWAY out */
};

/* Callbacks and options of all such sessions, for the gate. */
int front_h2_kit_init(struct h2_kit *k) MUST_USE;

#endif
