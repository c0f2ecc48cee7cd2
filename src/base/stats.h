/*
 * stats: one worker's counters, gauges and histograms, in memory that it
 * shares with the supervisor. One writer, any number of readers; no locks.
 */
#ifndef HEAPGATE_STATS_H
#define HEAPGATE_STATS_H

#include "allocators/mem.h"
#include "base/histogram.h"

#define STATS_N_CLASSES 6 /* code classes: 1xx … 5xx, and none */

/* Why a connection or a stream was refused or ended by us. */
enum reject {
	REJECT_CONN_LIMIT,
	REJECT_CLIENT_LIMIT,
	REJECT_NO_MEMORY,
	REJECT_HANDSHAKE_TIMEOUT,
	REJECT_HEADER_TIMEOUT,
	REJECT_IDLE_TIMEOUT,
	REJECT_STREAM_LIMIT,
	REJECT_HEADER_BYTES,
	REJECT_BODY_BYTES,
	REJECT_URI_BYTES,
	REJECT_BAD_REQUEST,
	REJECT_NO_ROUTE,
	REJECT_NO_SERVER,
	REJECT_RESET_FLOOD,
	REJECT_HEADER_FLOOD,
	REJECT_EMPTY_FLOOD,
	REJECT_WINDOW_FLOOD,
	REJECT_CONTROL_FLOOD,
	REJECT_PING_TIMEOUT,
	REJECT_SLOW,
	REJECT_N,
};

struct listener_stats {
	_Atomic uint64_t accepted;
	_Atomic uint64_t active; /* gauge */
};

struct server_stats {
	_Atomic uint64_t up; /* gauge: 0 or 1 */
	_Atomic uint64_t conns_total;
	_Atomic uint64_t conns_active; /* gauge */
	_Atomic uint64_t conns_idle;   /* gauge */
	_Atomic uint64_t conns_reused;
	_Atomic uint64_t connect_failures;
	_Atomic uint64_t requests_total;
	_Atomic uint64_t requests_active; /* gauge */
	_Atomic uint64_t retries;
	_Atomic uint64_t checks_failed;
	_Atomic uint64_t checks_total;
};

/* requests of one listener × route */
struct request_stats {
	_Atomic uint64_t by_class[STATS_N_CLASSES];
};

/* One bit for each of many clients: how many are set tells how many clients
 * there were. */
#define STATS_CLIENT_BITS 32768

struct stats {
	uint32_t n_listeners;
	uint32_t n_routes; /* the last one: no route */
	uint32_t n_servers;
	_Atomic uint32_t ready; /* the worker serves */
	_Atomic uint32_t draining;
	_Atomic uint64_t started_wall_us;
	struct mem_counters mem;
	struct mem_stats allocator; /* refreshed by the worker each second */
	char allocator_name[64];
	char allocator_version[64];
	char allocator_path[256];
	char allocator_regions[8];
	_Atomic uint64_t region_overflow;

	_Atomic uint64_t fronts_h1, fronts_h2; /* gauges */
	_Atomic uint64_t streams_active;       /* gauge */
	_Atomic uint64_t streams_total;
	_Atomic uint64_t rejected[REJECT_N];
	_Atomic uint64_t front_in_bytes, front_out_bytes;
	_Atomic uint64_t back_in_bytes, back_out_bytes;
	_Atomic uint64_t tls_handshakes_new, tls_handshakes_resumed;
	_Atomic uint64_t tls_handshakes_failed;
	_Atomic uint64_t h2_resets_in[16], h2_resets_out[16]; /* by code */
	_Atomic uint64_t h2_goaways_in[16], h2_goaways_out[16];
	_Atomic uint64_t log_lost_lines;
	_Atomic uint64_t loop_turns;
	struct histogram request_us;  /* first header in to last byte queued */
	struct histogram upstream_us; /* request sent to response header */
	/* Clients since an epoch began (see shared.h). */
	_Atomic uint32_t clients_epoch;
	_Atomic uint64_t clients[STATS_CLIENT_BITS / 64];
	/* then: listener_stats[n_listeners], server_stats[n_servers],
	 * request_stats[n_listeners * n_routes] */
	_Alignas(64) unsigned char tail[];
};

/* Bytes to map for one worker: a multiple of 64. */
size_t stats_bytes(uint32_t n_listeners, uint32_t n_routes, uint32_t n_servers);
/* All zero, what the allocator says unknown. s: stats_bytes() long, aligned
 * to 64. */
void stats_init(struct stats *s, uint32_t n_listeners, uint32_t n_routes,
		uint32_t n_servers);
/* The worker that wrote here is gone and another will: what says how much
 * there is now goes to zero, what counts from the start stays. */
void stats_reset_gauges(struct stats *s);
/* hash: of the client's address. epoch: one that is new forgets the clients
 * of the one before. */
void stats_note_client(struct stats *s, uint32_t hash, uint32_t epoch);
/* i: 0 up to the number that stats_init() was told. Lives: as long as s. */
struct listener_stats *stats_listener(struct stats *s, uint32_t i);
struct server_stats *stats_server(struct stats *s, uint32_t i);
struct request_stats *stats_request(struct stats *s, uint32_t listener, uint32_t route);
/* The word in metrics and logs: "conn_limit". Lives: always. */
const char *reject_name(enum reject r);

/* The one writer's way to change a value. */
static inline void stat_add(_Atomic uint64_t *v, uint64_t n)
{
	atomic_store_explicit(v, atomic_load_explicit(v, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

static inline void stat_sub(_Atomic uint64_t *v, uint64_t n)
{
	stat_add(v, (uint64_t)0 - n);
}

static inline uint64_t stat_get(const _Atomic uint64_t *v)
{
	return atomic_load_explicit(v, memory_order_relaxed);
}

#endif
