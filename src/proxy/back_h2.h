/*
 * back_h2: a server's HTTP/2 connection, h2c or over TLS: many streams at a
 * time.
 */
#ifndef HEAPGATE_BACK_H2_H
#define HEAPGATE_BACK_H2_H

#include "http/h2_session.h"
#include "proxy/back.h"
#include "proxy/limits.h"

struct back_h2 {
	uint32_t magic;
	struct h2_session h2;
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
	bool open : 1;      /* connected */
	bool heard : 1;     /* something came since the timer was set */
	bool pinged : 1;    /* and not heard since */
	bool leaving : 1;   /* GOAWAY, or out of stream ids: no new ones */
	bool no_memory : 1; /* is why the session is over */
};

/* What all such sessions want, for the gate. */
void back_h2_conf(struct h2_conf *conf, const struct limits_conf *limits);

#endif
