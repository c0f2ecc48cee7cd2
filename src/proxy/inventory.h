/*
 * inventory: what the connections of a gate and their streams hold, byte by
 * byte, in numbers only: nothing points anywhere, so it can be sent to another
 * process.
 *
 * A walk over many connections goes on in the next turn of the loop, so that
 * it never holds it for long. Connections that begin or end meanwhile may be
 * missed.
 */
#ifndef HEAPGATE_INVENTORY_H
#define HEAPGATE_INVENTORY_H

#include "proxy/gate.h"

struct upstream;

#define INVENTORY_CONNS   20 /* kept: those that hold most */
#define INVENTORY_STREAMS 10 /* kept of each: those that hold most */

enum inventory_state {
	INVENTORY_ASKS,    /* its request is not whole */
	INVENTORY_WAITS,   /* for the server's answer */
	INVENTORY_ANSWERS, /* the answer is on its way */
	INVENTORY_TUNNEL,
};

struct inventory_stream {
	uint64_t bytes;        /* sum of what follows */
	uint32_t struct_bytes; /* struct stream */
	uint32_t arena_bytes;  /* headers, path, log record */
	uint32_t req_bytes;    /* blocks of the request's body */
	uint32_t res_bytes;    /* blocks of the answer's body */
	uint32_t age_ms;
	int32_t id;      /* h2; 0 in h1 */
	uint8_t state;   /* enum inventory_state */
	uint16_t status; /* of the answer; 0: none yet */
	char method[12]; /* cut to fit */
	char route[36];  /* its name, cut to fit; "" before there is one */
};

/* What one connection holds, or what several do. */
struct inventory_sum {
	uint64_t bytes;         /* of all that follows, but hpack and saved */
	uint64_t struct_bytes;  /* struct conn, front or back */
	uint64_t nghttp2_bytes; /* the session, HPACK's tables included */
	uint64_t hpack_bytes;   /* of these; by the count of RFC 7541 §4.1 */
	uint64_t tls_bytes;     /* what OpenSSL holds */
	uint64_t packed_bytes;  /* of it and the session, what was folded */
	uint64_t saved_bytes;   /* of it and the session, not in RAM: folded */
	uint64_t pending_bytes; /* output that the socket did not take */
	uint64_t held_bytes;    /* input that is not whole yet (HTTP/1) */
	uint64_t stream_bytes;  /* structs of streams and their arenas */
	uint64_t body_bytes;    /* bodies of streams, both ways */
	uint32_t n_conns;
	uint32_t n_streams;
};

struct inventory_conn {
	struct inventory_sum sum;
	char peer[48]; /* address; with port if it is a server */
	bool is_server;
	bool is_tls;
	bool is_h2;
	uint32_t n_kept;
	struct inventory_stream streams[INVENTORY_STREAMS]; /* the most first */
};

struct inventory {
	struct inventory_sum clients; /* all of them */
	struct inventory_sum servers; /* without streams: they are the clients' */
	uint32_t n_kept;
	struct inventory_conn conns[INVENTORY_CONNS]; /* the most first */
};

/* One at a time for each gate. inv: zeroed here. */
void inventory_begin(struct inventory *inv, struct gate *g);
/* Goes on for about max_us. Returns: true when all clients were looked at. */
bool inventory_step(struct inventory *inv, struct gate *g, uint64_t max_us);
/* Adds the connections to these servers that wait for work or carry streams
 * over HTTP/2; those of HTTP/1 that carry one come with the client's. Looks at
 * 4,096 at most. */
void inventory_add_servers(struct inventory *inv, struct upstream *const *upstreams,
			   unsigned int n);

#endif
