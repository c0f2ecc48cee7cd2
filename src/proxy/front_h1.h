/*
 * front_h1: a client's HTTP/1.1 or 1.0 connection (RFC 9112): one request at
 * a time; what is pipelined behind it waits unread.
 */
#ifndef HEAPGATE_FRONT_H1_H
#define HEAPGATE_FRONT_H1_H

#include "http/h1_session.h"
#include "proxy/front.h"

struct front_h1 {
	struct front f;
	struct h1_session w;
	struct stream *s; /* NULL: between requests */
	bool got_head : 1;
	bool req_done : 1; /* all of the request is here */
	bool asks : 1;     /* for an upgrade; not answered yet */
	bool head_sent : 1;
	bool until_close : 1; /* only the end of the connection ends the answer */
	bool close : 1;       /* after this answer */
};

#endif
