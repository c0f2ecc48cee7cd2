/*
 * gate: what all fronts, streams and backs of one process share.
 */
#ifndef HEAPGATE_GATE_H
#define HEAPGATE_GATE_H

#include "allocators/pool.h"
#include "base/stats.h"
#include "http/h2_session.h"
#include "io/loop.h"
#include "proxy/accesslog.h"
#include "proxy/clients.h"
#include "proxy/limits.h"

struct stream;
struct routes;
struct error_pages;

struct gate {
	struct loop *loop;
	struct stats *stats;
	const struct limits_conf *limits;
	struct accesslog *log; /* NULL: none */
	/* Who serves a stream: dispatch() in a worker, the origin's or the
	 * admin's own in those processes. Must attach side B or answer. */
	void (*dispatch)(struct stream *s);
	/* Asks another server after side B failed; false: cannot. NULL: never. */
	bool (*retry)(struct stream *s, int why);
	void *handler;                         /* for dispatch: theirs */
	const struct routes *routes;           /* dispatch() */
	const char *via;                       /* pseudonym in Via; NULL: none */
	char via_text[3][80];                  /* Via by received version, once made */
	const char *server;                    /* Server of our own answers */
	const struct error_pages *error_pages; /* NULL: none but our words */
	const char *arm;   /* heapgate-arm of all answers; NULL: none */
	uint8_t forwarded; /* enum forwarded: what becomes of X-Forwarded-* */
	bool draining;
	struct h2_conf front_h2, back_h2;
	struct pool streams;
	struct pool fronts_h1, fronts_h2, backs_h1, backs_h2;
	struct list fronts; /* struct front, all */
	struct list *walk;  /* the next one of an inventory's; NULL: none */
	struct list guests; /* sockets before they are fronts */
	struct clients clients;
	struct client *arriving; /* a guest's, on its way to the front */
	unsigned int n_fronts;   /* guests included */
	unsigned int n_streams;
	void (*on_idle)(struct gate *g); /* draining, and the last front left */
	void *owner;                     /* of on_idle: the worker */
};

void gate_init(struct gate *g, struct loop *l, struct stats *stats,
	       const struct limits_conf *limits);
/* Closes all fronts at once; what they held is freed after this turn. */
void gate_close_all(struct gate *g);
/* Gives back what the pools keep empty; for a timer. */
void gate_trim(struct gate *g);
/* All fronts, backs and streams must be gone. */
void gate_fini(struct gate *g);
/* No new requests: h2 clients get GOAWAY, h1 clients Connection: close; each
 * front closes when its last stream is done. on_idle is called when (or if)
 * none is left. */
void gate_drain(struct gate *g);

#endif
