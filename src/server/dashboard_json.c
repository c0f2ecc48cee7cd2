#include "server/dashboard_json.h"

#include <math.h>

#include "server/experiment.h"
#include "server/overview.h"
#include "server/supervisor.h"

#define SCHEMA_VERSION 1

/* What one answer is made from. */
struct making {
	const struct supervisor *s;
	const struct history *h;
	const struct metrics_view *v;
	uint64_t from; /* number of the first sample in it */
};

static bool is_whole(enum history_field f)
{
	return f <= HISTORY_RESIDENT || f == HISTORY_CONNECTIONS ||
	       f == HISTORY_STREAMS;
}

/* NULL: not known. */
static json_t *value_json(float v, enum history_field f)
{
	if (!isfinite(v))
		return NULL;
	return is_whole(f) ? json_integer((json_int_t)llroundf(v))
			   : json_real((double)v);
}

/* The last sample; what is not known is not there. */
static json_t *now_json(const struct history *h, const struct history_series *s)
{
	json_t *now = json_object();

	for (unsigned int f = 0; f < HISTORY_N_FIELDS && h->n; f++) {
		json_t *v = value_json(history_value(h, s, h->n - 1, f), f);

		if (v)
			json_object_set_new(now, history_fields[f], v);
	}
	return now;
}

static json_t *values_json(const struct making *m, const struct history_series *s)
{
	json_t *values = json_object();

	for (unsigned int f = 0; f < HISTORY_N_FIELDS; f++) {
		json_t *list = json_array();

		for (uint64_t i = m->from; i < m->h->n; i++) {
			json_t *v = value_json(history_value(m->h, s, i, f), f);

			json_array_append_new(list, v ? v : json_null());
		}
		json_object_set_new(values, history_fields[f], list);
	}
	return values;
}

/* Adds to row what the history says of a worker or an arm. */
static void add_series(const struct making *m, json_t *row, const char *arm, int worker,
		       bool with_values)
{
	const struct history_series *s = history_find(m->h, arm, worker);

	json_object_set_new(row, "now", s ? now_json(m->h, s) : json_object());
	if (s && with_values && m->from < m->h->n)
		json_object_set_new(row, "values", values_json(m, s));
}

/* --- rows ---------------------------------------------------------------- */

static void add_allocator(json_t *row, const struct stats *s)
{
	json_object_set_new(row, "allocator", json_string(s->allocator_name));
	json_object_set_new(row, "version", json_string(s->allocator_version));
	json_object_set_new(row, "regions", json_string(s->allocator_regions));
}

static const char *state_of(const struct metrics_worker *w)
{
	if (!w->is_running)
		return "down";
	if (w->stats->draining)
		return "draining";
	return w->stats->ready ? "ready" : "starting";
}

static json_t *arm_json(const struct making *m, unsigned int arm)
{
	const char *name = m->v->arms[arm].name;
	json_t *row = json_pack("{s:s}", "arm", name);
	const struct metrics_worker *shown = NULL;
	int n = 0, n_ready = 0;

	for (unsigned int i = 0; i < m->v->n_workers; i++) {
		const struct metrics_worker *w = &m->v->workers[i];

		if (w->arm != arm)
			continue;
		n++;
		n_ready += w->is_running && w->stats->ready && !w->stats->draining;
		if (!shown || !shown->is_running)
			shown = w;
	}
	json_object_set_new(row, "workers", json_integer(n));
	json_object_set_new(row, "workers_ready", json_integer(n_ready));
	json_object_set_new(row, "restarts",
			    json_integer((json_int_t)m->v->arms[arm].restarts));
	if (shown)
		add_allocator(row, shown->stats);
	add_series(m, row, name, HISTORY_WHOLE_ARM, true);
	return row;
}

static json_t *worker_json(const struct making *m, const struct metrics_worker *w,
			   bool with_values)
{
	const char *arm = m->v->arms[w->arm].name;
	json_t *row = json_pack("{s:i, s:s, s:s}", "worker", (int)w->number, "arm", arm,
				"state", state_of(w));

	if (row)
		add_allocator(row, w->stats);
	add_series(m, row, arm, (int)w->number, with_values);
	return row;
}

/* --- all ----------------------------------------------------------------- */

static json_int_t ms(uint64_t wall_us)
{
	return (json_int_t)(wall_us / 1000);
}

static json_t *times_json(const struct making *m)
{
	json_t *times = json_array();

	for (uint64_t i = m->from; i < m->h->n; i++)
		json_array_append_new(
			times, json_integer(ms(m->h->wall_us[i % HISTORY_SAMPLES])));
	return times;
}

static json_t *status_json(const struct making *m)
{
	const char *why = supervisor_not_ready(m->s);
	const struct crew *c = m->s->crew;
	json_t *status = json_pack("{s:b, s:i, s:i, s:i}", "ready", why == NULL,
				   "workers", c ? (int)c->n_seats : 0, "workers_ready",
				   c ? (int)crew_n_ready(c) : 0, "config",
				   c ? (int)c->number : 0);

	if (why)
		json_object_set_new(status, "reason", json_string(why));
	if (m->s->reload == RELOAD_FAILED)
		json_object_set_new(status, "reload", json_string("failed"));
	return status;
}

static void add_rows(const struct making *m, json_t *root, bool worker_values)
{
	json_t *arms = json_array(), *workers = json_array();

	for (unsigned int i = 0; i < m->v->n_arms; i++)
		json_array_append_new(arms, arm_json(m, i));
	for (unsigned int i = 0; i < m->v->n_workers; i++)
		json_array_append_new(workers,
				      worker_json(m, &m->v->workers[i], worker_values));
	json_object_set_new(root, "arms", arms);
	json_object_set_new(root, "workers", workers);
}

static json_t *json_of_experiment(const struct supervisor *s)
{
	return s->crew && s->crew->experiment ? experiment_json(s->crew->experiment)
					      : json_null();
}

json_t *dashboard_json(struct supervisor *s, const struct history *h,
		       const struct dashboard_ask *ask)
{
	struct metrics_view v = {.arms = NULL};
	struct making m = {.s = s, .h = h, .v = &v, .from = history_oldest(h)};
	json_t *root;

	if (overview_fill(s, &v, false) != 0)
		return NULL;
	/* Of a number that is not reached the asker knows from another run. */
	if (ask->since > m.from && ask->since <= h->n)
		m.from = ask->since;
	if (ask->now)
		m.from = h->n;
	root = json_pack("{s:i, s:s, s:I, s:I, s:i, s:I, s:I}", "schema",
			 SCHEMA_VERSION, "heapgate", HEAPGATE_VERSION, "started_ms",
			 ms(s->started_wall_us), "now_ms", ms(loop_wall_us(&s->loop)),
			 "every_ms", HISTORY_EVERY_MS, "first", (json_int_t)m.from,
			 "next", (json_int_t)h->n);
	if (!root)
		return NULL;
	json_object_set_new(root, "status", status_json(&m));
	json_object_set_new(root, "times_ms", times_json(&m));
	add_rows(&m, root, ask->workers);
	json_object_set_new(root, "experiment", json_of_experiment(s));
	return root;
}
