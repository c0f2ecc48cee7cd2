/*
 * front_h2: a client's HTTP/2 connection (RFC 9113).
 */
#ifndef HEAPGATE_FRONT_H2_H
#define HEAPGATE_FRONT_H2_H

#include "proxy/front.h"
#include "proxy/guard_h2.h"

struct front_h2 {
	struct front f;
	struct h2_session h2;
	struct guard_h2 guard;
	uint32_t n_wide;  /* streams that may buffer more than H2_FIRST_BYTES */
	bool pinged : 1;  /* and not answered yet */
	bool closing : 1; /* only to get our GOAWAY out */
};

/* What all such sessions want, for the gate. */
void front_h2_conf(struct h2_conf *conf, const struct limits_conf *limits);

#endif
