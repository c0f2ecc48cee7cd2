/*
 * upstream: a named group of servers, and which of them comes next.
 *
 * Knows of a server whether it is up, how much it is doing and which backs
 * wait for it; what a back is, the proxy layer knows.
 */
#ifndef HEAPGATE_UPSTREAM_H
#define HEAPGATE_UPSTREAM_H

#include "base/stats.h"
#include "io/addr.h"
#include "io/loop.h"
#include "io/resolve.h"
#include "io/tls.h"

enum proto { PROTO_H1, PROTO_H2 };
enum balance { BALANCE_ROUND_ROBIN, BALANCE_LEAST_REQUESTS };

struct server_conf {
	const char *text;  /* as written: "127.0.0.1:9001" */
	const char *where; /* in the config: "heapgate.conf:3:1" */
	const char *host;  /* a name to resolve, or NULL when addr is set */
	int port;
	struct addr addr;    /* of an address written as such */
	unsigned int weight; /* 1..1000 (1) */
	bool backup;         /* only when no other is up */
	bool is_tls;
	enum proto proto; /* h1 (default), h2c or h2 over TLS */
	struct tls_client_conf tls;
	unsigned int index; /* 0… over all upstreams: the label's number */
};

struct upstream_conf {
	const char *name;
	struct server_conf *servers;
	unsigned int n_servers;
	enum balance balance;
	uint32_t connect_timeout_ms;  /* 5 s */
	uint32_t response_timeout_ms; /* request sent to first header: 60 s */
	uint32_t idle_timeout_ms;     /* a pooled back that waits: 60 s */
	uint32_t n_idle;              /* pooled h1 backs per server: 1024 */
	uint32_t n_streams;           /* per h2 back, until SETTINGS: 100 */
	uint32_t max_fails;           /* 3; 0: never taken out */
	uint32_t fail_timeout_ms;     /* counted in, and taken out for: 10 s */
	uint32_t retries;             /* other servers to try: 1 */
	/* active checks; check_path NULL: none */
	const char *check_path;
	uint32_t check_every_ms; /* 2 s */
	uint32_t check_fall;     /* 3 */
	uint32_t check_rise;     /* 2 */
};

struct server {
	const struct server_conf *conf;
	struct upstream *upstream;
	SSL_CTX *tls;         /* NULL: cleartext */
	const char *tls_name; /* for conn_connect(): SNI, name to check */
	struct addr addrs[8]; /* resolved; only the first n_addrs */
	unsigned int n_addrs;
	unsigned int addr_at; /* the next one to use */
	struct list idle;     /* h1 backs without a stream, newest first */
	struct list sessions; /* h2 backs, all */
	unsigned int n_idle;
	unsigned int n_requests; /* streams on it now */
	unsigned int n_fails;    /* connect failures in the current window */
	uint64_t fails_since_ms;
	uint64_t down_until_ms;     /* passive: not chosen before; 0: up */
	bool check_down;            /* active check says it is down */
	int current_weight;         /* smooth weighted round robin */
	struct timer resolve_timer; /* asks for its name again */
	bool resolve_failed;        /* the last answer; for one log line only */
	struct server_stats *stats; /* this worker's counters of this server */
};

struct upstream {
	const struct upstream_conf *conf;
	struct loop *loop;
	struct resolver *resolver;
	struct server *servers;
	unsigned int n_servers;
};

/*
 * stats: this worker's server_stats array, indexed by server_conf.index.
 * resolver: may be NULL when no server has a host name. Names are asked for
 * now and every 30 s; an answer that fails leaves the old addresses in use.
 * Returns: NULL with a reason in err (a TLS context that cannot be had).
 * Owns: the caller, until upstream_free(), which needs all pools empty.
 */
struct upstream *upstream_new(struct loop *l, struct resolver *r,
			      const struct upstream_conf *conf,
			      struct server_stats *stats, char *err,
			      size_t err_cap) MUST_USE;
void upstream_free(struct upstream **u);

/*
 * The server that the next request goes to; not one of tried[0..n_tried),
 * unless all were tried. NULL: none is up (answer 503). Tell what came of it
 * by server_on_success() or server_on_failure().
 */
struct server *upstream_pick(struct upstream *u, struct server *const *tried,
			     unsigned int n_tried);
/* The next address of a server, its port set; NULL: its name is not resolved
 * (yet). Lives: until the loop turns. */
const struct addr *server_addr(struct server *s);

/*
 * Passive health: after max_fails failures within fail_timeout a server is
 * taken out for fail_timeout; then one request may try it, and one success
 * puts it back. The only server of an upstream is never taken out: its answer
 * is better than none of ours.
 */
void server_on_success(struct server *s);
void server_on_failure(struct server *s, uint64_t now_ms);
/* What the active check says, and why, for the log; see health.h. */
void server_set_check(struct server *s, bool is_down, const char *why);
/* Whether a request may go to it. */
bool server_is_up(const struct server *s, uint64_t now_ms);

#endif
