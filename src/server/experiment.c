#include "server/experiment.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/must.h"
#include "server/crew.h"

#define SECOND_MS 1000
/* An interval with fewer requests says nothing about CPU per request. */
#define MIN_REQUESTS 50
/* So many quick deaths in a row, and a seat's next worker must first live for
 * a while before it gets clients. */
#define WARY    2
#define WARY_MS 1000

/* --- who gets what ------------------------------------------------------- */

static struct seat *seat_of(const struct experiment *e, const struct arm *a,
			    unsigned int i)
{
	return &e->crew->seats[a->first_seat + i];
}

static bool is_trusted(const struct experiment *e, const struct seat *s)
{
	return s->n_quick < WARY || (s->state == SEAT_READY &&
				     e->crew->loop->now_ms - s->started_ms >= WARY_MS);
}

/* Those that serve; if none does, those that soon will: their clients wait in
 * the queue meanwhile. */
static void list_able(struct experiment *e, struct arm *a)
{
	uint16_t *to = &e->able[a->first_seat];
	unsigned int n = 0;

	a->n_able = 0;
	for (unsigned int i = 0; i < a->conf->workers; i++) {
		const struct seat *s = seat_of(e, a, i);

		if (s->state == SEAT_READY && is_trusted(e, s))
			to[a->n_able++] = (uint16_t)s->number;
		e->is_wary |= !is_trusted(e, s);
	}
	for (unsigned int i = 0; !a->n_able && i < a->conf->workers; i++)
		if (is_trusted(e, seat_of(e, a, i)))
			to[n++] = (uint16_t)(a->first_seat + i);
	a->n_able += n;
}

/* Itself, or the first arm that can serve for it: the baseline, if it can. */
static unsigned int server_for(const struct experiment *e, unsigned int i)
{
	if (!e->arms[i].drained && e->arms[i].n_able)
		return i;
	for (unsigned int k = 0; k < e->n_arms; k++)
		if (!e->arms[k].drained && e->arms[k].n_able)
			return k;
	for (unsigned int k = 0; k < e->n_arms; k++)
		if (e->arms[k].n_able)
			return k;
	return i;
}

/* None can serve: all wait where they would have been served. */
static void list_all(struct experiment *e, struct arm *a)
{
	for (unsigned int i = 0; i < a->conf->workers; i++)
		e->able[a->first_seat + i] = (uint16_t)(a->first_seat + i);
	a->n_able = a->conf->workers;
}

static void log_change(const struct arm *a, const struct arm *from,
		       const struct arm *to)
{
	if (to == a)
		log_notice("arm %s gets its clients again", a->conf->name);
	else if (!a->drained)
		log_error("arm %s: none of its workers stays alive; its clients go to "
			  "arm %s",
			  a->conf->name, to->conf->name);
	else if (from != a)
		log_notice("the clients of arm %s go to arm %s", a->conf->name,
			   to->conf->name);
}

static void begin_window(struct experiment *e)
{
	e->window_due = true;
}

/* Returns: 0, or -1 with errno set and the old program in place. */
static int steer(struct experiment *e)
{
	struct reuseport_slice slices[ARMS_MAX];
	enum reuseport_by by = e->conf->assign == ASSIGN_CLIENT_IP ? REUSEPORT_CLIENT_IP
								   : REUSEPORT_RANDOM;

	e->is_wary = false;
	for (unsigned int i = 0; i < e->n_arms; i++)
		list_able(e, &e->arms[i]);
	for (unsigned int i = 0; i < e->n_arms; i++) {
		struct arm *a = &e->arms[i], *to = &e->arms[server_for(e, i)];

		if (!to->n_able)
			list_all(e, to);
		if (a->gets != (unsigned int)(to - e->arms)) {
			log_change(a, &e->arms[a->gets], to);
			a->gets = (unsigned int)(to - e->arms);
			begin_window(e);
		}
		slices[i] = (struct reuseport_slice){
			a->weight, &e->able[to->first_seat], to->n_able};
	}
	return ports_steer(&e->crew->ports, by, slices, e->n_arms);
}

void experiment_on_seats(struct experiment *e)
{
	if (e->is_running && steer(e) != 0)
		log_error("cannot divide the clients anew: %m");
}

struct arm *experiment_arm(struct experiment *e, struct str name)
{
	for (unsigned int i = 0; i < e->n_arms; i++)
		if (str_eq(name, str_z(e->arms[i].conf->name)))
			return &e->arms[i];
	return NULL;
}

static void exchange_weights(struct experiment *e, uint32_t *weights)
{
	for (unsigned int i = 0; i < e->n_arms; i++) {
		uint32_t old = e->arms[i].weight;

		e->arms[i].weight = weights[i];
		weights[i] = old;
	}
}

static void log_weights(const struct experiment *e)
{
	for (unsigned int i = 0; i < e->n_arms; i++)
		log_notice("arm %s has weight %u", e->arms[i].conf->name,
			   e->arms[i].weight);
}

int experiment_set_weights(struct experiment *e, const uint32_t *weights)
{
	uint32_t both[ARMS_MAX];
	uint64_t sum = 0;

	for (unsigned int i = 0; i < e->n_arms; i++)
		sum += both[i] = weights[i];
	if (!sum) {
		errno = EINVAL;
		return -1;
	}
	exchange_weights(e, both);
	if (e->is_running && steer(e) != 0) {
		exchange_weights(e, both);
		return -1;
	}
	begin_window(e);
	log_weights(e);
	return 0;
}

void experiment_drain(struct experiment *e, struct arm *arm, const char *why)
{
	if (arm->drained)
		return;
	arm->drained = true;
	snprintf(arm->why, sizeof(arm->why), "%s", why);
	log_error("arm %s is drained: %s", arm->conf->name, why);
	experiment_on_seats(e);
	for (unsigned int i = 0; i < arm->conf->workers; i++)
		seat_recycle(seat_of(e, arm, i));
}

void experiment_resume(struct experiment *e, struct arm *arm)
{
	if (!arm->drained)
		return;
	arm->drained = false;
	arm->why[0] = '\0';
	memset(arm->guards, 0, sizeof(arm->guards));
	experiment_on_seats(e);
}

/* --- what they do -------------------------------------------------------- */

static void add_stats(struct arm_count *to, struct stats *s)
{
	for (uint32_t l = 0; l < s->n_listeners; l++) {
		to->accepted += stat_get(&stats_listener(s, l)->accepted);
		for (uint32_t r = 0; r < s->n_routes; r++) {
			const struct request_stats *q = stats_request(s, l, r);

			for (unsigned int i = 0; i < STATS_N_CLASSES; i++) {
				uint64_t n = stat_get(&q->by_class[i]);

				to->requests += n;
				to->errors += i >= 4 ? n : 0;
			}
		}
	}
	histogram_merge(&to->request_us, &s->request_us);
}

static void follow_cpu(struct seat_cpu *cpu, const struct seat *s)
{
	uint64_t now = s->process.now.cpu_ns;

	if (cpu->pid != s->pid)
		*cpu = (struct seat_cpu){s->pid, 0, cpu->sum_ns};
	if (now == PROCFS_UNKNOWN || now < cpu->last_ns)
		return;
	cpu->sum_ns += now - cpu->last_ns;
	cpu->last_ns = now;
}

/* Also the memory of its workers now. */
static void count_arm(struct experiment *e, struct arm *a)
{
	uint64_t sum = 0, n = 0;

	memset(&a->now, 0, sizeof(a->now));
	a->rss_max_bytes = 0;
	for (unsigned int i = 0; i < a->conf->workers; i++) {
		struct seat *s = seat_of(e, a, i);
		struct seat_cpu *cpu = &e->cpu[s->number];
		uint64_t anon;

		add_stats(&a->now, shared_stats(e->crew->shared, s->number));
		if (s->pid &&
		    procfs_read(&s->process, e->crew->loop->now_ms, false) == 0)
			follow_cpu(cpu, s);
		a->now.cpu_ns += cpu->sum_ns;
		anon = s->pid ? s->process.now.anon_bytes : PROCFS_UNKNOWN;
		if (anon == PROCFS_UNKNOWN)
			continue;
		sum += anon;
		n++;
		if (anon > a->rss_max_bytes)
			a->rss_max_bytes = anon;
	}
	a->rss_bytes = n ? sum / n : 0;
}

static struct guard_figures figures_of(const struct arm *a)
{
	struct histogram h;

	memset(&h, 0, sizeof(h));
	histogram_merge(&h, &a->now.request_us);
	histogram_subtract(&h, &a->at_interval.request_us);
	return (struct guard_figures){.requests =
					      a->now.requests - a->at_interval.requests,
				      .errors = a->now.errors - a->at_interval.errors,
				      .p99_us = histogram_quantile(&h, 0.99),
				      .rss_bytes = a->rss_max_bytes};
}

static void judge(struct experiment *e, struct arm *a, const struct guard_conf *g,
		  const struct guard_figures *ours, const struct guard_figures *theirs)
{
	struct guard_memory *m = &a->guards[g - e->conf->guards];
	char rule[GUARD_TEXT_BYTES], seen[GUARD_TEXT_BYTES], why[2 * GUARD_TEXT_BYTES];

	if (!guard_remember(m, g, guard_judge(g, ours, theirs)) || a->drained)
		return;
	snprintf(why, sizeof(why), "%.60s broken in %u of %u intervals: %.80s",
		 guard_text(g, rule), guard_breaches(m, g), g->of,
		 guard_seen_text(g, ours, theirs, e->arms[0].conf->name, seen));
	experiment_drain(e, a, why);
}

static double cpu_per_request(const struct arm *a)
{
	uint64_t n = a->now.requests - a->at_interval.requests;

	if (n < MIN_REQUESTS)
		return 0;
	return (double)(a->now.cpu_ns - a->at_interval.cpu_ns) / (double)n;
}

static void compare(struct arm *a, const struct arm *baseline)
{
	if (!a->n_rss || !baseline->n_rss || a->drained)
		return;
	ratios_add(&a->memory, a->rss_sum / a->n_rss,
		   baseline->rss_sum / baseline->n_rss);
	ratios_add(&a->cpu, cpu_per_request(a), cpu_per_request(baseline));
}

static void begin_interval(struct experiment *e)
{
	e->interval_at_ms = e->crew->loop->now_ms;
	for (unsigned int i = 0; i < e->n_arms; i++) {
		struct arm *a = &e->arms[i];

		a->at_interval = a->now;
		a->rss_sum = 0;
		a->n_rss = 0;
	}
}

static void end_interval(struct experiment *e)
{
	struct guard_figures baseline = figures_of(&e->arms[0]);

	for (unsigned int i = 1; i < e->n_arms; i++) {
		struct arm *a = &e->arms[i];
		struct guard_figures ours = figures_of(a);

		compare(a, &e->arms[0]);
		for (unsigned int k = 0; k < e->conf->n_guards; k++)
			judge(e, a, &e->conf->guards[k], &ours, &baseline);
	}
	begin_interval(e);
}

/* What came before was divided otherwise and is not counted any more. */
static void start_window(struct experiment *e)
{
	struct shared *shared = e->crew->shared;

	e->window_due = false;
	e->window_at_ms = e->crew->loop->now_ms;
	if (e->conf->assign == ASSIGN_CLIENT_IP)
		atomic_fetch_add(&shared->clients_epoch, 1);
	for (unsigned int i = 0; i < e->n_arms; i++) {
		struct arm *a = &e->arms[i];

		a->at_window = a->now;
		a->memory.n = a->cpu.n = 0;
		memset(a->guards, 0, sizeof(a->guards));
	}
	begin_interval(e);
}

static void second_cb(struct timer *t)
{
	struct experiment *e = container_of(t, struct experiment, second);

	for (unsigned int i = 0; i < e->n_arms; i++) {
		struct arm *a = &e->arms[i];

		count_arm(e, a);
		a->rss_sum += (double)a->rss_bytes;
		a->n_rss += a->rss_bytes != 0;
	}
	if (e->window_due)
		start_window(e);
	else if (e->crew->loop->now_ms - e->interval_at_ms >= e->conf->interval_ms)
		end_interval(e);
	if (e->is_wary)
		experiment_on_seats(e);
	timer_set(e->crew->loop, &e->second, SECOND_MS);
}

/* --- life ---------------------------------------------------------------- */

static bool is_same(const struct experiment *a, const struct experiment *b)
{
	if (a->n_arms != b->n_arms || a->conf->assign != b->conf->assign)
		return false;
	for (unsigned int i = 0; i < a->n_arms; i++) {
		const struct arm_conf *x = a->arms[i].conf, *y = b->arms[i].conf;

		if (strcmp(x->name, y->name) != 0 || x->weight != y->weight ||
		    x->workers != y->workers ||
		    strcmp(snapshot_arm_allocator(a->crew->snapshot, i),
			   snapshot_arm_allocator(b->crew->snapshot, i)) != 0)
			return false;
	}
	return true;
}

/* A reload for the sake of a route must not bring back a bad arm. */
static void go_on_from(struct experiment *e, const struct experiment *old)
{
	if (!old || !is_same(e, old))
		return;
	for (unsigned int i = 0; i < e->n_arms; i++) {
		e->arms[i].weight = old->arms[i].weight;
		e->arms[i].drained = old->arms[i].drained;
		memcpy(e->arms[i].why, old->arms[i].why, sizeof(e->arms[i].why));
	}
}

static int alloc_arrays(struct experiment *e)
{
	e->arms = mem_zalloc(MEM_BOOT, e->conf->n_arms, sizeof(*e->arms));
	e->cpu = mem_zalloc(MEM_BOOT, e->crew->snapshot->n_seats, sizeof(*e->cpu));
	e->able = mem_zalloc(MEM_BOOT, e->crew->snapshot->n_seats, sizeof(*e->able));
	return e->arms && e->cpu && e->able ? 0 : -1;
}

struct experiment *experiment_new(struct crew *c, const struct experiment *old)
{
	struct experiment *e = mem_zalloc(MEM_BOOT, 1, sizeof(*e));
	unsigned int seat = 0;

	if (!e)
		return NULL;
	e->crew = c;
	e->conf = &c->snapshot->experiment;
	timer_init(&e->second, second_cb);
	if (alloc_arrays(e) != 0) {
		experiment_free(&e);
		return NULL;
	}
	e->n_arms = e->conf->n_arms;
	for (unsigned int i = 0; i < e->n_arms; i++) {
		e->arms[i].conf = &e->conf->arms[i];
		e->arms[i].first_seat = seat;
		e->arms[i].weight = e->conf->arms[i].weight;
		e->arms[i].gets = i;
		seat += e->conf->arms[i].workers;
	}
	go_on_from(e, old);
	return e;
}

void experiment_free(struct experiment **e)
{
	struct experiment *old = *e;

	*e = NULL;
	if (!old)
		return;
	experiment_stop(old);
	mem_free(MEM_BOOT, old->able);
	mem_free(MEM_BOOT, old->cpu);
	mem_free(MEM_BOOT, old->arms);
	mem_free(MEM_BOOT, old);
}

int experiment_start(struct experiment *e)
{
	if (steer(e) != 0)
		return -1;
	e->is_running = true;
	begin_window(e);
	timer_set(e->crew->loop, &e->second, SECOND_MS);
	return 0;
}

void experiment_stop(struct experiment *e)
{
	e->is_running = false;
	timer_stop(e->crew->loop, &e->second);
}
