/*
 * back_h1: a server's HTTP/1.1 connection: one stream at a time, kept for the
 * next one only when nothing about it is in doubt.
 */
#ifndef HEAPGATE_BACK_H1_H
#define HEAPGATE_BACK_H1_H

#include "http/h1_session.h"
#include "proxy/back.h"

struct back_h1 {
	uint32_t magic;
	struct gate *gate;
	struct server *server;
	struct h1_session w;
	struct stream *s; /* NULL: idle */
	struct list node; /* in server->idle while idle */
	struct dirty dirty;
	struct timer timer; /* while idle */
	struct grave grave;
	char *room;          /* given to conn for the next read */
	uint64_t in_counted; /* bytes of conn already in the stats */
	uint64_t out_counted;
	bool open : 1;   /* connected */
	bool reused : 1; /* has served a stream before */
	bool head_sent : 1;
	bool req_done : 1;  /* all of the request is out */
	bool got_bytes : 1; /* of this answer */
	bool got_head : 1;
	uint8_t n_infos; /* interim answers of this stream */
};

#endif
