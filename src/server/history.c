#include "server/history.h"

#include <math.h>
#include <stdio.h>

#include "base/must.h"

const char *const history_fields[HISTORY_N_FIELDS] = {
	[HISTORY_ANON] = "anon_bytes",
	[HISTORY_ALLOCATED] = "allocated_bytes",
	[HISTORY_RESIDENT] = "resident_bytes",
	[HISTORY_CPU] = "cpu_cores",
	[HISTORY_CPU_REQUEST] = "cpu_us_per_request",
	[HISTORY_REQUESTS] = "requests_per_second",
	[HISTORY_P50] = "p50_us",
	[HISTORY_P99] = "p99_us",
	[HISTORY_CONNECTIONS] = "connections",
	[HISTORY_STREAMS] = "streams",
	[HISTORY_ERRORS] = "errors_per_second",
};

/* The code classes that are errors: see STATS_N_CLASSES. */
#define CLASS_5XX  4
#define CLASS_NONE 5

struct counts {
	uint64_t cpu_ns;
	uint64_t requests;
	uint64_t errors;
	struct histogram latency_us;
};

struct history_before {
	const struct stats *stats; /* whose; NULL: none. Never followed */
	uint64_t started_wall_us;  /* of the process: its CPU time is its own */
	struct counts counts;
};

/* What happened between two samples, and what there is at the second. Sums of
 * what is not known are not known: NAN. */
struct reading {
	double gauges[HISTORY_N_FIELDS]; /* those that are no rates */
	double cpu_ns;
	double requests;
	double errors;
	struct histogram latency_us;
	unsigned int n_running;
};

void history_init(struct history *h)
{
	memset(h, 0, sizeof(*h));
}

void history_fini(struct history *h)
{
	for (unsigned int i = 0; i < h->n_series; i++)
		mem_free(MEM_WORKER, h->series[i]);
	mem_free(MEM_WORKER, h->series);
	mem_free(MEM_WORKER, h->before);
	history_init(h);
}

/* --- one worker ---------------------------------------------------------- */

static void count_requests(struct stats *s, struct counts *to)
{
	for (uint32_t l = 0; l < s->n_listeners; l++) {
		for (uint32_t r = 0; r < s->n_routes; r++) {
			const struct request_stats *q = stats_request(s, l, r);

			for (unsigned int c = 0; c < STATS_N_CLASSES; c++)
				to->requests += stat_get(&q->by_class[c]);
			to->errors += stat_get(&q->by_class[CLASS_5XX]) +
				      stat_get(&q->by_class[CLASS_NONE]);
		}
	}
}

static void count_now(const struct metrics_worker *w, struct counts *to)
{
	memset(to, 0, sizeof(*to));
	to->cpu_ns = w->process ? w->process->cpu_ns : PROCFS_UNKNOWN;
	count_requests(w->stats, to);
	histogram_merge(&to->latency_us, &w->stats->request_us);
}

static double known(uint64_t v)
{
	return v == UINT64_MAX ? NAN : (double)v; /* PROCFS_ and MEM_UNKNOWN */
}

static void read_gauges(const struct metrics_worker *w, double to[HISTORY_N_FIELDS])
{
	const struct stats *s = w->stats;

	to[HISTORY_ANON] = w->process ? known(w->process->anon_bytes) : NAN;
	to[HISTORY_ALLOCATED] = known(s->allocator.allocated);
	to[HISTORY_RESIDENT] = known(s->allocator.resident);
	to[HISTORY_CONNECTIONS] =
		(double)(stat_get(&s->fronts_h1) + stat_get(&s->fronts_h2));
	to[HISTORY_STREAMS] = (double)stat_get(&s->streams_active);
}

/* Counters never go back, but what is read of another process while it writes
 * may be of two moments. */
static uint64_t grown(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

static void subtract(struct histogram *h, const struct histogram *before)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		h->at[i] = grown(h->at[i], before->at[i]);
		n += h->at[i];
	}
	h->n = n;
}

/* Reads a worker and keeps its counters in *b, if not NULL. */
static void read_worker(const struct metrics_worker *w, struct history_before *b,
			struct reading *to)
{
	uint64_t started = stat_get(&w->stats->started_wall_us);
	bool same = b && b->stats == w->stats;
	bool same_process = same && b->started_wall_us == started;
	struct counts now;

	memset(to, 0, sizeof(*to));
	to->n_running = w->is_running;
	if (w->is_running)
		read_gauges(w, to->gauges);
	count_now(w, &now);
	to->cpu_ns = to->requests = to->errors = NAN;
	if (same_process && now.cpu_ns != PROCFS_UNKNOWN &&
	    b->counts.cpu_ns != PROCFS_UNKNOWN)
		to->cpu_ns = (double)grown(now.cpu_ns, b->counts.cpu_ns);
	if (same) {
		to->requests = (double)grown(now.requests, b->counts.requests);
		to->errors = (double)grown(now.errors, b->counts.errors);
		to->latency_us = now.latency_us;
		subtract(&to->latency_us, &b->counts.latency_us);
	}
	if (!b)
		return;
	b->stats = w->stats;
	b->started_wall_us = started;
	b->counts = now;
}

static void add(struct reading *sum, const struct reading *r)
{
	for (unsigned int i = 0; i < HISTORY_N_FIELDS; i++)
		sum->gauges[i] += r->gauges[i];
	sum->cpu_ns += r->cpu_ns;
	sum->requests += r->requests;
	sum->errors += r->errors;
	histogram_merge(&sum->latency_us, &r->latency_us);
	sum->n_running += r->n_running;
}

/* --- what becomes of it -------------------------------------------------- */

/* As histogram_quantile(), but within its bucket: 12.5 % steps would look
 * like jumps. */
static double quantile(const struct histogram *h, double q)
{
	double want = q * (double)h->n, seen = 0;

	if (!h->n)
		return NAN;
	for (unsigned int i = 0; i + 1 < HISTOGRAM_BUCKETS; i++) {
		double here = (double)h->at[i];
		double low = i ? (double)histogram_upper(i - 1) : 0;

		if (here > 0 && seen + here >= want)
			return low + (want - seen) / here *
					     ((double)histogram_upper(i) - low);
		seen += here;
	}
	return (double)histogram_upper(HISTOGRAM_BUCKETS - 2);
}

static void put(const struct reading *r, double seconds, float to[HISTORY_N_FIELDS])
{
	for (unsigned int i = 0; i < HISTORY_N_FIELDS; i++)
		to[i] = r->n_running ? (float)r->gauges[i] : NAN;
	to[HISTORY_CPU] = (float)(r->cpu_ns / 1e9 / seconds);
	to[HISTORY_CPU_REQUEST] =
		r->requests > 0 ? (float)(r->cpu_ns / 1e3 / r->requests) : NAN;
	to[HISTORY_REQUESTS] = (float)(r->requests / seconds);
	to[HISTORY_ERRORS] = (float)(r->errors / seconds);
	to[HISTORY_P50] = (float)quantile(&r->latency_us, 0.50);
	to[HISTORY_P99] = (float)quantile(&r->latency_us, 0.99);
}

/* --- series -------------------------------------------------------------- */

static struct history_series *lookup(const struct history *h, const char *arm,
				     int worker)
{
	for (unsigned int i = 0; i < h->n_series; i++)
		if (h->series[i]->worker == worker &&
		    strncmp(h->series[i]->arm, arm, HISTORY_NAME_BYTES - 1) == 0)
			return h->series[i];
	return NULL;
}

const struct history_series *history_find(const struct history *h, const char *arm,
					  int worker)
{
	return lookup(h, arm, worker);
}

static struct history_series *make(struct history *h, const char *arm, int worker)
{
	struct history_series *s;

	if (h->n_series == HISTORY_MAX_SERIES)
		return NULL;
	if (!h->series)
		h->series = mem_zalloc(MEM_WORKER, HISTORY_MAX_SERIES,
				       sizeof(struct history_series *));
	s = h->series ? mem_alloc(MEM_WORKER, sizeof(*s)) : NULL;
	if (!s)
		return NULL;
	snprintf(s->arm, sizeof(s->arm), "%s", arm);
	s->worker = worker;
	for (unsigned int i = 0; i < HISTORY_SAMPLES; i++)
		for (unsigned int k = 0; k < HISTORY_N_FIELDS; k++)
			s->values[i][k] = NAN;
	h->series[h->n_series++] = s;
	return s;
}

/* Into the sample that is being taken, which is number h->n. */
static void record(struct history *h, const char *arm, int worker,
		   const struct reading *r, double seconds)
{
	struct history_series *s = lookup(h, arm, worker);

	if (!s)
		s = make(h, arm, worker);
	if (!s)
		return;
	s->seen_at = h->n;
	put(r, seconds, s->values[h->n % HISTORY_SAMPLES]);
}

/* What was here an hour ago goes; so does a series that has nothing newer. */
static void forget_oldest(struct history *h)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < h->n_series; i++) {
		struct history_series *s = h->series[i];

		if (h->n - s->seen_at >= HISTORY_SAMPLES) {
			mem_free(MEM_WORKER, s);
			continue;
		}
		for (unsigned int k = 0; k < HISTORY_N_FIELDS; k++)
			s->values[h->n % HISTORY_SAMPLES][k] = NAN;
		h->series[kept++] = s;
	}
	h->n_series = kept;
}

/* --- samples ------------------------------------------------------------- */

static void resize_before(struct history *h, unsigned int n)
{
	struct history_before *more;

	if (n <= h->n_before)
		return;
	more = mem_realloc(MEM_WORKER, h->before, n * sizeof(*more));
	if (!more)
		return;
	memset(more + h->n_before, 0, (n - h->n_before) * sizeof(*more));
	h->before = more;
	h->n_before = n;
}

static void sample_arm(struct history *h, const struct metrics_view *v,
		       unsigned int arm, double seconds)
{
	const char *name = v->arms[arm].name;
	struct reading sum, one;

	memset(&sum, 0, sizeof(sum));
	for (unsigned int i = 0; i < v->n_workers; i++) {
		const struct metrics_worker *w = &v->workers[i];

		must(w->arm < v->n_arms);
		if (w->arm != arm)
			continue;
		read_worker(w, i < h->n_before ? &h->before[i] : NULL, &one);
		record(h, name, (int)w->number, &one, seconds);
		add(&sum, &one);
	}
	record(h, name, HISTORY_WHOLE_ARM, &sum, seconds);
}

void history_sample(struct history *h, const struct metrics_view *v, uint64_t mono_us,
		    uint64_t wall_us)
{
	double seconds = (double)(mono_us - h->before_us) / 1e6;
	struct reading none;

	memset(&none, 0, sizeof(none));
	none.cpu_ns = none.requests = none.errors = NAN;
	forget_oldest(h);
	h->wall_us[h->n % HISTORY_SAMPLES] = wall_us;
	resize_before(h, v->n_workers);
	/* Arms first: when there are too many, workers go without. */
	for (unsigned int arm = 0; arm < v->n_arms; arm++)
		record(h, v->arms[arm].name, HISTORY_WHOLE_ARM, &none, seconds);
	for (unsigned int arm = 0; arm < v->n_arms; arm++)
		sample_arm(h, v, arm, seconds);
	h->before_us = mono_us;
	h->n++;
}

uint64_t history_oldest(const struct history *h)
{
	return h->n > HISTORY_SAMPLES ? h->n - HISTORY_SAMPLES : 0;
}

float history_value(const struct history *h, const struct history_series *s,
		    uint64_t sample, enum history_field field)
{
	if (sample < history_oldest(h) || sample >= h->n)
		return NAN;
	return s->values[sample % HISTORY_SAMPLES][field];
}

bool history_is_current(const struct history *h, const struct history_series *s)
{
	return h->n && s->seen_at == h->n - 1;
}
