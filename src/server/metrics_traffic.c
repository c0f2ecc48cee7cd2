#include "server/metrics_inner.h"

#include <string.h>

/* What goes through: connections, requests, servers. */

#define N_OF(a) (sizeof(a) / sizeof(*(a)))

/* The names may be of a newer config than a worker's counters. */
static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* at: an _Atomic uint64_t in struct stats. */
static void print_stat(struct exposition *e)
{
	each_worker (w, e) {
		metric_worker_sample(e, w);
		metric_value(e, metric_counter_at(e, w->stats));
	}
}

/* --- one label with few words ---------------------------------------- */

struct word {
	const char *word;
	size_t field; /* offset of an _Atomic uint64_t in struct stats */
};

static void print_words(struct exposition *e, const char *label,
			const struct word *words, size_t n)
{
	each_worker (w, e) {
		for (size_t i = 0; i < n; i++) {
			const char *stats = (const char *)w->stats;

			metric_worker_sample(e, w);
			metric_label(e, label, words[i].word);
			metric_value(e,
				     stat_get((const void *)(stats + words[i].field)));
		}
	}
}

static void print_connections(struct exposition *e)
{
	static const struct word words[] = {
		{"h1", offsetof(struct stats, fronts_h1)},
		{"h2", offsetof(struct stats, fronts_h2)},
	};

	print_words(e, "proto", words, N_OF(words));
}

static void print_handshakes(struct exposition *e)
{
	static const struct word words[] = {
		{"new", offsetof(struct stats, tls_handshakes_new)},
		{"resumed", offsetof(struct stats, tls_handshakes_resumed)},
		{"failed", offsetof(struct stats, tls_handshakes_failed)},
	};

	print_words(e, "result", words, N_OF(words));
}

static void print_client_bytes(struct exposition *e)
{
	static const struct word words[] = {
		{"in", offsetof(struct stats, front_in_bytes)},
		{"out", offsetof(struct stats, front_out_bytes)},
	};

	print_words(e, "dir", words, N_OF(words));
}

static void print_server_bytes(struct exposition *e)
{
	static const struct word words[] = {
		{"in", offsetof(struct stats, back_in_bytes)},
		{"out", offsetof(struct stats, back_out_bytes)},
	};

	print_words(e, "dir", words, N_OF(words));
}

static void print_rejected(struct exposition *e)
{
	each_worker (w, e) {
		for (unsigned int i = 0; i < REJECT_N; i++) {
			metric_worker_sample(e, w);
			metric_label(e, "reason", reject_name((enum reject)i));
			metric_value(e, stat_get(&w->stats->rejected[i]));
		}
	}
}

/* --- HTTP/2 ---------------------------------------------------------- */

/* RFC 9113 §7; what is beyond is counted as the last. */
static const char *const h2_codes[16] = {
	"NO_ERROR",
	"PROTOCOL_ERROR",
	"INTERNAL_ERROR",
	"FLOW_CONTROL_ERROR",
	"SETTINGS_TIMEOUT",
	"STREAM_CLOSED",
	"FRAME_SIZE_ERROR",
	"REFUSED_STREAM",
	"CANCEL",
	"COMPRESSION_ERROR",
	"CONNECT_ERROR",
	"ENHANCE_YOUR_CALM",
	"INADEQUATE_SECURITY",
	"HTTP_1_1_REQUIRED",
	"0xe",
	"other",
};

static void print_codes(struct exposition *e, const struct metrics_worker *w,
			const char *dir, const _Atomic uint64_t *counts)
{
	for (unsigned int i = 0; i < N_OF(h2_codes); i++) {
		uint64_t n = stat_get(&counts[i]);

		if (!n)
			continue;
		metric_worker_sample(e, w);
		metric_label(e, "dir", dir);
		metric_label(e, "code", h2_codes[i]);
		metric_value(e, n);
	}
}

static void print_resets(struct exposition *e)
{
	each_worker (w, e) {
		print_codes(e, w, "in", w->stats->h2_resets_in);
		print_codes(e, w, "out", w->stats->h2_resets_out);
	}
}

static void print_goaways(struct exposition *e)
{
	each_worker (w, e) {
		print_codes(e, w, "in", w->stats->h2_goaways_in);
		print_codes(e, w, "out", w->stats->h2_goaways_out);
	}
}

/* --- listeners, routes, servers -------------------------------------- */

/* at: in struct listener_stats. */
static void print_listeners(struct exposition *e)
{
	each_worker (w, e) {
		uint32_t n = least(w->stats->n_listeners, e->v->n_listeners);

		for (uint32_t i = 0; i < n; i++) {
			metric_worker_sample(e, w);
			metric_label(e, "listener", e->v->listeners[i]);
			metric_value(e,
				     metric_counter_at(e, stats_listener(w->stats, i)));
		}
	}
}

static void request_samples(struct exposition *e, const struct metrics_worker *w,
			    uint32_t listener, uint32_t route)
{
	static const char *const classes[STATS_N_CLASSES] = {
		"1xx", "2xx", "3xx", "4xx", "5xx", "none",
	};
	const struct request_stats *r = stats_request(w->stats, listener, route);
	bool no_route = route == w->stats->n_routes - 1;

	if (!no_route && route >= e->v->n_routes)
		return;
	for (unsigned int i = 0; i < STATS_N_CLASSES; i++) {
		uint64_t n = stat_get(&r->by_class[i]);

		if (!n)
			continue;
		metric_worker_sample(e, w);
		metric_label(e, "listener", e->v->listeners[listener]);
		metric_label(e, "route", no_route ? "none" : e->v->routes[route]);
		metric_label(e, "code_class", classes[i]);
		metric_value(e, n);
	}
}

static void print_requests(struct exposition *e)
{
	each_worker (w, e) {
		uint32_t n = least(w->stats->n_listeners, e->v->n_listeners);

		for (uint32_t l = 0; l < n; l++)
			for (uint32_t r = 0; r < w->stats->n_routes; r++)
				request_samples(e, w, l, r);
	}
}

/* at: a struct histogram in struct stats. All workers of an arm in one. */
static void print_histogram(struct exposition *e)
{
	for (unsigned int arm = 0; arm < e->v->n_arms; arm++) {
		struct histogram sum;

		memset(&sum, 0, sizeof(sum));
		each_worker (w, e)
			if (w->arm == arm)
				histogram_merge(&sum, metric_at(e, w->stats));
		metric_histogram(e, &sum, "arm", e->v->arms[arm].name);
	}
}

/* at: in struct server_stats. */
static void print_servers(struct exposition *e)
{
	each_worker (w, e) {
		uint32_t n = least(w->stats->n_servers, e->v->n_servers);

		for (uint32_t i = 0; i < n; i++) {
			metric_worker_sample(e, w);
			metric_label(e, "upstream", e->v->servers[i].upstream);
			metric_label(e, "server", e->v->servers[i].server);
			metric_value(e,
				     metric_counter_at(e, stats_server(w->stats, i)));
		}
	}
}

#define COUNTER METRIC_COUNTER
#define GAUGE   METRIC_GAUGE

#define SERVER(name, type, field, what)                                                \
	{                                                                              \
		"heapgate_upstream_" name, type, "worker arm upstream server", what,   \
			print_servers, offsetof(struct server_stats, field), 0         \
	}

const struct family metrics_of_traffic[] = {
	{"heapgate_connections", GAUGE, "worker arm proto",
	 "Client connections that are open.", print_connections, 0, 0},
	{"heapgate_connections_accepted", COUNTER, "worker arm listener",
	 "Client connections taken.", print_listeners,
	 offsetof(struct listener_stats, accepted), 0},
	{"heapgate_listener_connections", GAUGE, "worker arm listener",
	 "Client connections that are open, by listener.", print_listeners,
	 offsetof(struct listener_stats, active), 0},
	{"heapgate_streams_active", GAUGE, "worker arm", "Exchanges under way.",
	 print_stat, offsetof(struct stats, streams_active), 0},
	{"heapgate_streams", COUNTER, "worker arm", "Exchanges begun.", print_stat,
	 offsetof(struct stats, streams_total), 0},
	{"heapgate_rejected", COUNTER, "worker arm reason",
	 "Connections and streams that heapgate refused or ended.", print_rejected, 0,
	 0},
	{"heapgate_http_requests", COUNTER, "worker arm listener route code_class",
	 "Exchanges ended, by the class of their status; none: ended without one.",
	 print_requests, 0, 0},
	{"heapgate_request_duration_seconds", METRIC_HISTOGRAM, "arm",
	 "From a request's first header to the last byte of its response.",
	 print_histogram, offsetof(struct stats, request_us), 6},
	{"heapgate_upstream_response_seconds", METRIC_HISTOGRAM, "arm",
	 "From sending a request to a server to the header of its response.",
	 print_histogram, offsetof(struct stats, upstream_us), 6},
	{"heapgate_client_bytes", COUNTER, "worker arm dir",
	 "From (in) and to (out) clients, TLS included.", print_client_bytes, 0, 0},
	{"heapgate_server_bytes", COUNTER, "worker arm dir",
	 "From (in) and to (out) servers, TLS included.", print_server_bytes, 0, 0},
	{"heapgate_h2_resets", COUNTER, "worker arm dir code",
	 "RST_STREAM frames got (in) and sent (out).", print_resets, 0, 0},
	{"heapgate_h2_goaways", COUNTER, "worker arm dir code",
	 "GOAWAY frames got (in) and sent (out).", print_goaways, 0, 0},
	{"heapgate_tls_handshakes", COUNTER, "worker arm result",
	 "TLS handshakes of clients: new, resumed or failed.", print_handshakes, 0, 0},

	SERVER("server_up", GAUGE, up, "1: requests go to this server."),
	SERVER("connections", GAUGE, conns_active, "Open connections to the server."),
	SERVER("connections_idle", GAUGE, conns_idle,
	       "Those of them that wait for a request."),
	SERVER("connections_opened", COUNTER, conns_total, "Connections opened."),
	SERVER("connections_reused", COUNTER, conns_reused,
	       "Requests that found an open connection."),
	SERVER("connect_failures", COUNTER, connect_failures,
	       "Connections that could not be opened."),
	SERVER("requests", COUNTER, requests_total, "Requests sent."),
	SERVER("requests_active", GAUGE, requests_active, "Requests under way."),
	SERVER("retries", COUNTER, retries,
	       "Requests tried once more after this server failed."),
	SERVER("checks", COUNTER, checks_total, "Active health checks made."),
	SERVER("checks_failed", COUNTER, checks_failed, "Those of them that failed."),

	{"heapgate_log_lost_lines", COUNTER, "worker arm",
	 "Lines of the access log that could not be written.", print_stat,
	 offsetof(struct stats, log_lost_lines), 0},
	{"heapgate_loop_turns", COUNTER, "worker arm", "Turns of the event loop.",
	 print_stat, offsetof(struct stats, loop_turns), 0},
	{NULL, METRIC_GAUGE, NULL, NULL, NULL, 0, 0},
};
