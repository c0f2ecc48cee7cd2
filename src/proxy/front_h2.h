/*
 * front_h2: a client's HTTP/2 connection (RFC 9113), by nghttp2.
 */
#ifndef HEAPGATE_FRONT_H2_H
#define HEAPGATE_FRONT_H2_H

#include "http/h2.h"
#include "proxy/front.h"

struct front_h2 {
	struct h2_user user; /* first: nghttp2's callbacks get it */
	struct front f;
	nghttp2_session *session;
	bool goaway_sent;    /* the last one, with the last stream id */
};

/* Callbacks and options of all such sessions, for the gate. */
int front_h2_kit_init(struct h2_kit *k) MUST_USE;

#endif
