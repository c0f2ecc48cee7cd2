#include "base/stats.h"

#include <string.h>

#include "base/must.h"

static const char *const reject_names[REJECT_N] = {
	[REJECT_CONN_LIMIT] = "conn_limit",
	[REJECT_CLIENT_LIMIT] = "client_limit",
	[REJECT_NO_MEMORY] = "no_memory",
	[REJECT_HANDSHAKE_TIMEOUT] = "handshake_timeout",
	[REJECT_HEADER_TIMEOUT] = "header_timeout",
	[REJECT_IDLE_TIMEOUT] = "idle_timeout",
	[REJECT_STREAM_LIMIT] = "stream_limit",
	[REJECT_HEADER_BYTES] = "header_bytes",
	[REJECT_BODY_BYTES] = "body_bytes",
	[REJECT_URI_BYTES] = "uri_bytes",
	[REJECT_BAD_REQUEST] = "bad_request",
	[REJECT_NO_ROUTE] = "no_route",
	[REJECT_NO_SERVER] = "no_server",
	[REJECT_RESET_FLOOD] = "reset_flood",
	[REJECT_HEADER_FLOOD] = "header_flood",
	[REJECT_EMPTY_FLOOD] = "empty_flood",
	[REJECT_WINDOW_FLOOD] = "window_flood",
	[REJECT_CONTROL_FLOOD] = "control_flood",
	[REJECT_PING_TIMEOUT] = "ping_timeout",
	[REJECT_SLOW] = "slow",
};

const char *reject_name(enum reject r)
{
	must(r < REJECT_N);
	return reject_names[r];
}

static size_t servers_at(uint32_t n_listeners)
{
	return n_listeners * sizeof(struct listener_stats);
}

static size_t requests_at(uint32_t n_listeners, uint32_t n_servers)
{
	return servers_at(n_listeners) + n_servers * sizeof(struct server_stats);
}

size_t stats_bytes(uint32_t n_listeners, uint32_t n_routes, uint32_t n_servers)
{
	size_t n = sizeof(struct stats) + requests_at(n_listeners, n_servers) +
		   (size_t)n_listeners * n_routes * sizeof(struct request_stats);

	/* whole cache lines, so that the next worker's do not share one */
	return (n + 63) & ~(size_t)63;
}

void stats_init(struct stats *s, uint32_t n_listeners, uint32_t n_routes,
		uint32_t n_servers)
{
	memset(s, 0, stats_bytes(n_listeners, n_routes, n_servers));
	memset(&s->allocator, 0xff, sizeof(s->allocator)); /* MEM_UNKNOWN */
	s->n_listeners = n_listeners;
	s->n_routes = n_routes;
	s->n_servers = n_servers;
}

struct listener_stats *stats_listener(struct stats *s, uint32_t i)
{
	must(i < s->n_listeners);
	return (struct listener_stats *)(void *)s->tail + i;
}

struct server_stats *stats_server(struct stats *s, uint32_t i)
{
	must(i < s->n_servers);
	return (struct server_stats *)(void *)(s->tail + servers_at(s->n_listeners)) +
	       i;
}

struct request_stats *stats_request(struct stats *s, uint32_t listener, uint32_t route)
{
	unsigned char *at = s->tail + requests_at(s->n_listeners, s->n_servers);

	must(listener < s->n_listeners && route < s->n_routes);
	return (struct request_stats *)(void *)at + (size_t)listener * s->n_routes +
	       route;
}

void stats_reset_gauges(struct stats *s)
{
	memset(&s->mem, 0, sizeof(s->mem));
	memset(&s->allocator, 0xff, sizeof(s->allocator));
	atomic_store(&s->ready, 0);
	atomic_store(&s->draining, 0);
	atomic_store(&s->fronts_h1, 0);
	atomic_store(&s->fronts_h2, 0);
	atomic_store(&s->streams_active, 0);
	for (uint32_t i = 0; i < s->n_listeners; i++)
		atomic_store(&stats_listener(s, i)->active, 0);
	for (uint32_t i = 0; i < s->n_servers; i++) {
		struct server_stats *v = stats_server(s, i);

		atomic_store(&v->up, 0);
		atomic_store(&v->conns_active, 0);
		atomic_store(&v->conns_idle, 0);
		atomic_store(&v->requests_active, 0);
	}
}

/* Spreads what differs in any bit over all (the finalizer of MurmurHash3). */
static uint32_t spread(uint32_t h)
{
	h ^= h >> 16;
	h *= 0x85ebca6bu;
	h ^= h >> 13;
	h *= 0xc2b2ae35u;
	return h ^ h >> 16;
}

void stats_note_client(struct stats *s, uint32_t hash, uint32_t epoch)
{
	uint32_t bit = spread(hash) % STATS_CLIENT_BITS;
	_Atomic uint64_t *word = &s->clients[bit / 64];

	if (atomic_load_explicit(&s->clients_epoch, memory_order_relaxed) != epoch) {
		for (uint32_t i = 0; i < STATS_CLIENT_BITS / 64; i++)
			atomic_store_explicit(&s->clients[i], 0, memory_order_relaxed);
		atomic_store_explicit(&s->clients_epoch, epoch, memory_order_release);
	}
	atomic_store_explicit(word,
			      atomic_load_explicit(word, memory_order_relaxed) |
				      1ull << bit % 64,
			      memory_order_relaxed);
}
