/*
 * metrics: all that is counted and measured, as Prometheus text or as
 * OpenMetrics. One table of families makes both and docs/metrics.md.
 */
#ifndef HEAPGATE_METRICS_H
#define HEAPGATE_METRICS_H

#include "base/stats.h"
#include "base/text.h"
#include "server/procfs.h"

struct metrics_arm {
	const char *name;  /* label arm= */
	uint64_t restarts; /* of workers that ended unasked */
	uint64_t weight;   /* of the sum of all */
	bool is_drained;
};

struct metrics_worker {
	struct stats *stats; /* shared with the worker; only read here */
	unsigned int number; /* label worker= */
	unsigned int arm;    /* index into metrics_view.arms */
	bool is_running;
	const struct procfs_reading *process; /* NULL: not known */
};

struct metrics_server {
	const char *upstream; /* labels upstream= and server= */
	const char *server;
};

/* What there is to show; names are in the order of the stats' indices. */
struct metrics_view {
	const struct metrics_arm *arms;
	unsigned int n_arms;
	bool has_experiment; /* else weights say nothing */
	const struct metrics_worker *workers;
	unsigned int n_workers;
	const char *const *listeners;
	unsigned int n_listeners;
	const char *const *routes; /* without the one for "no route" */
	unsigned int n_routes;
	const struct metrics_server *servers;
	unsigned int n_servers;
	/* the supervisor's own */
	uint64_t started_wall_us;
	uint64_t reloads_done;
	uint64_t reloads_failed;
	uint64_t loaded_wall_us;              /* when the config in use was read */
	bool reload_failed;                   /* the last one */
	const struct procfs_reading *process; /* NULL: not known */
	uint64_t open_fds;                    /* PROCFS_UNKNOWN: not known */
	uint64_t max_fds;
};

/* Adds to *to; check to->failed afterwards. */
void metrics_print(struct text *to, const struct metrics_view *v, bool openmetrics);
/* docs/metrics.md */
void metrics_print_docs(struct text *to);

/* What an Accept field asks for; an empty one asks for Prometheus text. */
bool metrics_wants_openmetrics(struct str accept);
const char *metrics_content_type(bool openmetrics);

#endif
