/*
 * The table of an experiment.
 */
#include <math.h>
#include <string.h>

#include "server/crew.h"
#include "server/experiment.h"

/* --- the split ----------------------------------------------------------- */

/* Distinct addresses: a client that comes often is one draw, not many. */
static double clients_of(const struct experiment *e, const struct arm *a,
			 double *variance)
{
	struct shared *shared = e->crew->shared;
	uint32_t epoch = atomic_load(&shared->clients_epoch);
	unsigned int n = 0;

	for (unsigned int w = 0; w < STATS_CLIENT_BITS / 64; w++) {
		uint64_t bits = 0;

		for (unsigned int i = 0; i < a->conf->workers; i++) {
			struct stats *s = shared_stats(shared, a->first_seat + i);

			if (atomic_load(&s->clients_epoch) == epoch)
				bits |= stat_get(&s->clients[w]);
		}
		n += (unsigned int)__builtin_popcountll(bits);
	}
	return finding_distinct(n, STATS_CLIENT_BITS, variance);
}

/* What each arm should have, with those counted whose clients it gets. */
static void asked_shares(const struct experiment *e, double *asked)
{
	double sum = 0;

	memset(asked, 0, ARMS_MAX * sizeof(*asked));
	for (unsigned int i = 0; i < e->n_arms; i++) {
		asked[e->arms[i].gets] += e->arms[i].weight;
		sum += e->arms[i].weight;
	}
	for (unsigned int i = 0; i < e->n_arms; i++)
		asked[i] /= sum;
}

double experiment_sample_p(const struct experiment *e, double seen[ARMS_MAX])
{
	double asked[ARMS_MAX], slack[ARMS_MAX] = {0}, total = 0, p = NAN;
	bool by_client = e->conf->assign == ASSIGN_CLIENT_IP;

	asked_shares(e, asked);
	for (unsigned int i = 0; i < e->n_arms; i++) {
		const struct arm *a = &e->arms[i];

		seen[i] = by_client ? clients_of(e, a, &slack[i])
				    : (double)(a->now.accepted - a->at_window.accepted);
		total += seen[i];
	}
	if (e->window_at_ms && !e->window_due)
		p = finding_sample_p(seen, asked, slack, e->n_arms);
	for (unsigned int i = 0; i < e->n_arms; i++)
		seen[i] = total > 0 ? seen[i] / total : NAN;
	return p;
}

/* --- the verdict --------------------------------------------------------- */

/* What one worker of a has to do, in these. */
static double load_of(uint64_t n, const struct arm *a)
{
	return (double)n / a->conf->workers;
}

/* As a multiple of what one of the baseline's has: of connections or of
 * requests, whichever is further from 1. */
static double relative_load(const struct arm_count *ours, const struct arm *a,
			    const struct arm_count *theirs, const struct arm *baseline)
{
	double c = load_of(ours->accepted, a) / load_of(theirs->accepted, baseline);
	double r = load_of(ours->requests, a) / load_of(theirs->requests, baseline);

	return fabs(log(c)) > fabs(log(r)) ? c : r;
}

/* Nothing between a change and the window that begins after it. */
static struct arm_count window_of(const struct experiment *e, const struct arm *a)
{
	struct arm_count c;

	memset(&c, 0, sizeof(c));
	if (e->window_due)
		return c;
	histogram_merge(&c.request_us, &a->now.request_us);
	histogram_subtract(&c.request_us, &a->at_window.request_us);
	c.accepted = a->now.accepted - a->at_window.accepted;
	c.requests = a->now.requests - a->at_window.requests;
	c.errors = a->now.errors - a->at_window.errors;
	c.cpu_ns = a->now.cpu_ns - a->at_window.cpu_ns;
	return c;
}

static char *verdict(const struct experiment *e, const struct arm *a, double p,
		     char text[FINDING_TEXT_BYTES])
{
	const struct arm *baseline = &e->arms[0];
	struct arm_count ours = window_of(e, a), theirs = window_of(e, baseline);
	struct finding f = {
		.baseline = baseline->conf->name,
		.is_baseline = a == baseline,
		.drained = a->drained ? a->why : NULL,
		.is_down = !a->drained && a->gets != (unsigned int)(a - e->arms),
		.sample_p = p,
		.load = relative_load(&ours, a, &theirs, baseline),
		.requests = ours.requests < theirs.requests ? ours.requests
							    : theirs.requests,
		.memory = ratios_mean(&a->memory),
		.cpu = ratios_mean(&a->cpu),
	};

	return finding_text(&f, text);
}

/* --- json ---------------------------------------------------------------- */

static void set_number(json_t *to, const char *key, double v)
{
	json_object_set_new(to, key, isfinite(v) ? json_real(v) : json_null());
}

static void set_count(json_t *to, const char *key, uint64_t v)
{
	json_object_set_new(to, key, json_integer((json_int_t)v));
}

static void set_ratio(json_t *to, const char *key, const struct ratio *r)
{
	json_t *v = json_null();

	if (r->is_known)
		v = json_pack("{s:f, s:f, s:f}", "ratio", r->mean, "low", r->low,
			      "high", r->high);
	json_object_set_new(to, key, v);
}

static const char *state_of(const struct experiment *e, const struct arm *a)
{
	if (a->drained)
		return "drained";
	return a->gets == (unsigned int)(a - e->arms) ? "serving" : "down";
}

static void set_figures(json_t *to, const struct experiment *e, const struct arm *a)
{
	struct arm_count c = window_of(e, a);
	struct ratio memory = ratios_mean(&a->memory), cpu = ratios_mean(&a->cpu);
	double n = (double)c.requests;

	set_count(to, "connections", c.accepted);
	set_count(to, "requests", c.requests);
	set_count(to, "errors", c.errors);
	set_number(to, "error_ratio", (double)c.errors / n);
	set_number(to, "p50_seconds",
		   n > 0 ? (double)histogram_quantile(&c.request_us, 0.5) / 1e6 : NAN);
	set_number(to, "p99_seconds",
		   n > 0 ? (double)histogram_quantile(&c.request_us, 0.99) / 1e6 : NAN);
	set_number(to, "rss_anon_bytes", a->rss_bytes ? (double)a->rss_bytes : NAN);
	set_number(to, "rss_anon_max_bytes",
		   a->rss_max_bytes ? (double)a->rss_max_bytes : NAN);
	set_number(to, "cpu_seconds_per_request", (double)c.cpu_ns / 1e9 / n);
	set_ratio(to, "memory", &memory);
	set_ratio(to, "cpu", &cpu);
}

static json_t *arm_json(const struct experiment *e, const struct arm *a, double asked,
			double seen, double p)
{
	struct stats *s = shared_stats(e->crew->shared, a->first_seat);
	char text[FINDING_TEXT_BYTES];
	unsigned int n_ready = 0;
	json_t *to;

	for (unsigned int i = 0; i < a->conf->workers; i++)
		n_ready += e->crew->seats[a->first_seat + i].state == SEAT_READY;
	to = json_pack(
		"{s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:f, s:s}", "arm", a->conf->name,
		"allocator",
		snapshot_arm_allocator(e->crew->snapshot, (unsigned int)(a - e->arms)),
		"version", s->allocator_version, "state", state_of(e, a), "workers",
		(int)a->conf->workers, "workers_ready", (int)n_ready, "weight",
		(int)a->weight, "share_asked", asked, "verdict",
		verdict(e, a, p, text));
	if (!to)
		return NULL;
	set_number(to, "share_seen", seen);
	set_figures(to, e, a);
	return to;
}

static json_t *guards_json(const struct experiment *e)
{
	json_t *to = json_array();
	char text[GUARD_TEXT_BYTES];

	for (unsigned int i = 0; i < e->conf->n_guards; i++) {
		const struct guard_conf *g = &e->conf->guards[i];

		json_array_append_new(
			to, json_pack("{s:s, s:i, s:i}", "guard", guard_text(g, text),
				      "breaches", (int)g->breaches, "of", (int)g->of));
	}
	return to;
}

static const char *const notes[] = {
	[ASSIGN_RANDOM] =
		"Connections are divided at random; the requests of one go together.",
	[ASSIGN_CLIENT_IP] =
		"Clients are divided by their address, not requests at random: one arm "
		"may have the heavier clients. What differs was seen, not proven.",
};

json_t *experiment_json(const struct experiment *e)
{
	double asked[ARMS_MAX], seen[ARMS_MAX], p = experiment_sample_p(e, seen);
	bool by_client = e->conf->assign == ASSIGN_CLIENT_IP;
	bool is_open = e->window_at_ms && !e->window_due;
	uint64_t ms = is_open ? e->crew->loop->now_ms - e->window_at_ms : 0;
	json_t *arms = json_array();
	json_t *root = json_pack(
		"{s:s, s:f, s:f, s:s, s:s, s:o, s:o}", "assign",
		by_client ? "client_ip" : "random", "seconds", (double)ms / 1000,
		"interval_seconds", e->conf->interval_ms / 1000.0, "counted",
		by_client ? "clients" : "connections", "note", notes[e->conf->assign],
		"guards", guards_json(e), "arms", arms);

	if (!root)
		return NULL;
	set_number(root, "sample_p", p);
	asked_shares(e, asked);
	for (unsigned int i = 0; i < e->n_arms; i++)
		json_array_append_new(arms,
				      arm_json(e, &e->arms[i], asked[i], seen[i], p));
	return root;
}
