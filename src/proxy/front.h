/*
 * front: our session with a client, of either protocol.
 */
#ifndef HEAPGATE_FRONT_H
#define HEAPGATE_FRONT_H

#include "io/conn.h"
#include "proxy/gate.h"

struct front;

struct front_ops {
	void (*drain)(struct front *f); /* no new requests; close when done */
	void (*free)(struct front *f);  /* at once; its streams are cancelled */
};

/* The head of struct front_h1 and struct front_h2. */
struct front {
	uint32_t magic;
	const struct front_ops *ops;
	struct gate *gate;
	struct conn *conn;
	struct list node;    /* in gate->fronts */
	struct client *from; /* NULL: not counted */
	struct list streams; /* struct stream by a.node */
	struct dirty dirty;
	struct timer timer;
	struct grave grave;
	uint64_t in_counted; /* bytes of conn already in the stats */
	uint64_t out_counted;
	uint16_t listener;    /* index */
	uint16_t head_bytes;  /* an arena for what the last request took; 0: none yet */
	uint16_t head_fields; /* of that request, with room for ours */
	bool is_tls;
	bool is_h2; /* a struct front_h2, else a front_h1 */
	bool draining;
	char client[48]; /* the peer's address, for X-Forwarded-For */
};

/*
 * Takes an accepted socket: TLS by ctx (NULL: cleartext), the protocol by
 * ALPN, or in cleartext by the first bytes (RFC 9113 §3.3). The front lives
 * until the connection ends. Refused connections are closed and counted.
 */
void front_accept(struct gate *g, int fd, const struct addr *peer, SSL_CTX *ctx,
		  unsigned int listener);

/* For the two protocols: called when conn is open, with its first input (or
 * none). They take the conn over. */
void front_h1_start(struct gate *g, struct conn *c, unsigned int listener, char *data,
		    size_t len);
void front_h2_start(struct gate *g, struct conn *c, unsigned int listener, char *data,
		    size_t len);

/* Closes the sockets whose protocol is not known yet. */
void front_drop_guests(struct gate *g);

/* Shared steps of both. */
void front_init(struct front *f, struct gate *g, struct conn *c, unsigned int listener,
		const struct front_ops *ops);
void front_fini(struct front *f);
void front_count_bytes(struct front *f);
/* A request, its head or its body, is refused with this status. */
void front_count_refusal(struct front *f, unsigned int status);

#endif
