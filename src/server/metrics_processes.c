#include "server/metrics_inner.h"

/* The processes: the build, the workers, the config, the supervisor. */

/* at: an _Atomic uint32_t in struct stats. */
static void print_flag(struct exposition *e)
{
	each_worker (w, e) {
		const _Atomic uint32_t *v = metric_at(e, w->stats);

		metric_worker_sample(e, w);
		metric_value(e, w->is_running &&
					atomic_load_explicit(v, memory_order_relaxed));
	}
}

static void print_started(struct exposition *e)
{
	each_worker (w, e) {
		uint64_t us = stat_get(&w->stats->started_wall_us);

		if (!us || !w->is_running)
			continue;
		metric_worker_sample(e, w);
		metric_value(e, us);
	}
}

static void print_build(struct exposition *e)
{
	metric_sample(e, "");
	metric_label(e, "version", HEAPGATE_VERSION);
	metric_value(e, 1);
}

static void arm_sample(struct exposition *e, unsigned int arm, uint64_t v)
{
	metric_sample(e, "");
	metric_label(e, "arm", e->v->arms[arm].name);
	metric_value(e, v);
}

static void print_workers(struct exposition *e)
{
	for (unsigned int arm = 0; arm < e->v->n_arms; arm++) {
		uint64_t n = 0;

		each_worker (w, e)
			n += w->is_running && w->arm == arm;
		arm_sample(e, arm, n);
	}
}

static void print_restarts(struct exposition *e)
{
	for (unsigned int arm = 0; arm < e->v->n_arms; arm++)
		arm_sample(e, arm, e->v->arms[arm].restarts);
}

static void print_weights(struct exposition *e)
{
	for (unsigned int arm = 0; e->v->has_experiment && arm < e->v->n_arms; arm++)
		arm_sample(e, arm, e->v->arms[arm].weight);
}

static void print_drained(struct exposition *e)
{
	for (unsigned int arm = 0; e->v->has_experiment && arm < e->v->n_arms; arm++)
		arm_sample(e, arm, e->v->arms[arm].is_drained);
}

static void print_reloads(struct exposition *e)
{
	metric_sample(e, "");
	metric_label(e, "result", "done");
	metric_value(e, e->v->reloads_done);
	metric_sample(e, "");
	metric_label(e, "result", "failed");
	metric_value(e, e->v->reloads_failed);
}

static void print_reload_ok(struct exposition *e)
{
	metric_sample(e, "");
	metric_value(e, !e->v->reload_failed);
}

/* at: a uint64_t in struct metrics_view; not there while it is 0 or unknown. */
static void print_own(struct exposition *e)
{
	const uint64_t *v = metric_at(e, e->v);

	if (!*v || *v == PROCFS_UNKNOWN)
		return;
	metric_sample(e, "");
	metric_value(e, *v);
}

/* at: a uint64_t in struct procfs_reading, of the supervisor. */
static void print_own_process(struct exposition *e)
{
	const uint64_t *v = e->v->process ? metric_at(e, e->v->process) : NULL;

	if (!v || *v == PROCFS_UNKNOWN)
		return;
	metric_sample(e, "");
	metric_value(e, *v);
}

#define COUNTER METRIC_COUNTER
#define GAUGE   METRIC_GAUGE

#define OWN(name, type, field, what)                                                   \
	{                                                                              \
		"process_" name, type, "", what, print_own_process,                    \
			offsetof(struct procfs_reading, field), 0                      \
	}

const struct family metrics_of_processes[] = {
	{"heapgate_build", METRIC_INFO, "version", "The running version.", print_build,
	 0, 0},
	{"heapgate_workers", GAUGE, "arm", "Worker processes that run.", print_workers,
	 0, 0},
	{"heapgate_worker_restarts", COUNTER, "arm",
	 "Workers that ended unasked and were replaced.", print_restarts, 0, 0},
	{"heapgate_arm_weight", GAUGE, "arm",
	 "Share of the clients that the arm is to get, of the sum of all weights.",
	 print_weights, 0, 0},
	{"heapgate_arm_drained", GAUGE, "arm",
	 "1: a guard was broken; the arm's clients go to the baseline.", print_drained,
	 0, 0},
	{"heapgate_worker_ready", GAUGE, "worker arm", "1: the worker serves.",
	 print_flag, offsetof(struct stats, ready), 0},
	{"heapgate_worker_draining", GAUGE, "worker arm",
	 "1: the worker finishes what it has and takes nothing new.", print_flag,
	 offsetof(struct stats, draining), 0},
	{"heapgate_worker_start_time_seconds", GAUGE, "worker arm",
	 "When the worker started, since 1970.", print_started, 0, 6},
	{"heapgate_config_reloads", COUNTER, "result",
	 "Reloads of the config: done, or failed and the old config kept.",
	 print_reloads, 0, 0},
	{"heapgate_config_last_reload_successful", GAUGE, "",
	 "0: the last reload failed; an old config is in use.", print_reload_ok, 0, 0},
	{"heapgate_config_loaded_time_seconds", GAUGE, "",
	 "When the config in use was read, since 1970.", print_own,
	 offsetof(struct metrics_view, loaded_wall_us), 6},
	{"process_cpu_seconds", COUNTER, "", "CPU time of the supervisor.",
	 print_own_process, offsetof(struct procfs_reading, cpu_ns), 9},
	OWN("resident_memory_bytes", GAUGE, resident_bytes, "RSS of the supervisor."),
	OWN("virtual_memory_bytes", GAUGE, virtual_bytes,
	    "Address space of the supervisor."),
	{"process_start_time_seconds", GAUGE, "",
	 "When the supervisor started, since 1970.", print_own,
	 offsetof(struct metrics_view, started_wall_us), 6},
	{"process_open_fds", GAUGE, "", "Open file descriptors of the supervisor.",
	 print_own, offsetof(struct metrics_view, open_fds), 0},
	{"process_max_fds", GAUGE, "", "How many it may have.", print_own,
	 offsetof(struct metrics_view, max_fds), 0},
	{NULL, METRIC_GAUGE, NULL, NULL, NULL, 0, 0},
};
