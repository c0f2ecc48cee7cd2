/*
 * back_h2: a server's HTTP/2 connection, h2c or over TLS: many streams at a
 * time.
 */
#ifndef HEAPGATE_BACK_H2_H
#define HEAPGATE_BACK_H2_H

#include "http/h2.h"
#include "proxy/back.h"

struct back_h2 {
	struct h2_user user; /* first: nghttp2's callbacks get it */
	uint32_t magic;
	struct gate *gate;
	struct server *server;
	struct list node;    /* in server->sessions */
	struct list streams; /* struct stream by b.node */
	struct dirty dirty;
	struct timer timer; /* idle; with streams: until a PING is due */
	struct grave grave;
	uint64_t in_counted; /* bytes of conn already in the stats */
	uint64_t out_counted;
	uint32_t n_streams; /* open or asked for */
	uint32_t n_allowed; /* by the server, once got_settings */
	bool open : 1;      /* connected */
	bool greeted : 1;   /* the preface is out */
	bool got_settings : 1;
	bool heard : 1;   /* something came since the timer was set */
	bool pinged : 1;  /* and not heard since */
	bool leaving : 1; /* GOAWAY, or out of stream ids: no new ones */
};

/* Callbacks and options of all such sessions, for the gate. */
int back_h2_kit_init(struct h2_kit *k) MUST_USE;

#endif
