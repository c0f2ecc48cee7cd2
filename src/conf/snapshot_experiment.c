/*
 * The experiment, its arms and guards. Without one there is a single arm
 * "main", so that nobody else need tell the two apart.
 */
#include <stdlib.h>

#include "base/must.h"
#include "conf/loader.h"
#include "conf/nouns.h"

/* --- experiment ---------------------------------------------------------- */

static void *experiment_open(struct loader *ld, void *parent,
			     const struct statement *st)
{
	struct snapshot *s = parent;
	struct experiment_conf *conf = &s->experiment;
	unsigned int n_arms = statement_count(st->inner, "arm");
	unsigned int n_guards = statement_count(st->inner, "guard");

	conf->is_on = true;
	conf->arms = room_alloc(&ld->keep, (n_arms + 1) * sizeof(*conf->arms));
	conf->guards = room_alloc(&ld->keep, (n_guards + 1) * sizeof(*conf->guards));
	ld->experiment = st;
	return conf;
}

static void experiment_settle(struct loader *ld, void *self, const struct statement *st,
			      const struct word *const *given)
{
	const struct experiment_conf *conf = self;
	uint64_t sum = 0;

	(void)given;
	for (unsigned int i = 0; i < conf->n_arms; i++)
		sum += conf->arms[i].weight;
	if (!st->has_block || ld->report.blind)
		return;
	if (conf->n_arms < 2) {
		report_error(&ld->report, &st->at, "experiment lacks its arms");
		report_hint(&ld->report, "at least two: arm a allocator=jemalloc; "
					 "arm b allocator=hybrid");
	} else if (!sum) {
		report_error(&ld->report, &st->at, "no arm has a weight");
	}
	if (conf->n_arms > ARMS_MAX)
		report_error(&ld->report, &st->at, "experiment has more than %d arms",
			     ARMS_MAX);
	if (conf->n_guards > ARMS_MAX_GUARDS)
		report_error(&ld->report, &st->at, "experiment has more than %d guards",
			     ARMS_MAX_GUARDS);
}

static const void *experiment_at(const void *parent, unsigned int i)
{
	const struct snapshot *s = parent;

	return i == 0 && s->experiment.is_on ? &s->experiment : NULL;
}

const struct noun noun_experiment = {experiment_open, experiment_settle, experiment_at};

/* --- arm ----------------------------------------------------------------- */

static void *arm_open(struct loader *ld, void *parent, const struct statement *st)
{
	struct experiment_conf *conf = parent;
	struct arm_conf *arm = &conf->arms[conf->n_arms++];

	arm->where = loader_where(ld, &st->at);
	arm->name = "";
	return arm;
}

static void check_spec(struct loader *ld, const struct arm_conf *arm,
		       const struct word *w)
{
	char err[256];

	if (!w || !arm->allocator ||
	    mem_check_spec(arm->allocator, err, sizeof(err)) == 0)
		return;
	report_error(&ld->report, &w->value_at, "%s", err);
	ld->unknown_allocator = snapshot_is_unknown_allocator(arm->allocator);
}

static void arm_settle(struct loader *ld, void *self, const struct statement *st,
		       const struct word *const *given)
{
	const struct directive *d = directive_find(BLOCK_EXPERIMENT, "arm", NULL);
	const struct experiment_conf *conf = &ld->s->experiment;
	const struct arm_conf *arm = self;

	(void)st;
	check_spec(ld, arm, given[argument_index(d, "allocator")]);
	for (const struct arm_conf *a = conf->arms; given[0] && a < arm; a++) {
		if (!*arm->name || strcmp(a->name, arm->name) != 0)
			continue;
		report_error(&ld->report, &given[0]->at, "arm \"%s\" is there twice",
			     arm->name);
		return;
	}
}

static const void *arm_at(const void *parent, unsigned int i)
{
	const struct experiment_conf *conf = parent;

	return i < conf->n_arms ? &conf->arms[i] : NULL;
}

const struct noun noun_arm = {arm_open, arm_settle, arm_at};

/* --- guard --------------------------------------------------------------- */

static void *guard_open(struct loader *ld, void *parent, const struct statement *st)
{
	struct experiment_conf *conf = parent;

	(void)ld;
	(void)st;
	return &conf->guards[conf->n_guards++];
}

static bool has_unit(const struct guard_conf *g)
{
	switch (g->metric) {
	case GUARD_ERROR_RATIO:
		return g->unit == GUARD_SHARE;
	case GUARD_P99:
		return g->unit == GUARD_TIMES || g->unit == GUARD_MS;
	case GUARD_RSS:
		break;
	}
	return g->unit == GUARD_TIMES || g->unit == GUARD_BYTES;
}

static void guard_settle(struct loader *ld, void *self, const struct statement *st,
			 const struct word *const *given)
{
	const struct guard_conf *g = self;
	const struct directive *d = directive_find(BLOCK_EXPERIMENT, "guard", NULL);
	const struct word *limit = given[argument_index(d, "LIMIT")];

	if (limit && g->text && given[0] && !has_unit(g)) {
		report_error(&ld->report, &limit->at, "%s cannot be measured by \"%s\"",
			     given[0]->text, g->text);
		report_hint(&ld->report, "error_ratio <= 0.5%%, p99 <= 1.25x or 50ms, "
					 "rss <= 1.25x or 600m");
	}
	if (g->breaches > g->of)
		report_error(&ld->report, &st->at, "breaches=%u is more than of=%u",
			     g->breaches, g->of);
}

static const void *guard_at(const void *parent, unsigned int i)
{
	const struct experiment_conf *conf = parent;

	return i < conf->n_guards ? &conf->guards[i] : NULL;
}

const struct noun noun_guard = {guard_open, guard_settle, guard_at};

static const struct {
	const char *suffix;
	enum guard_unit unit;
	double factor;
} units[] = {
	{"x", GUARD_TIMES, 1},       {"%", GUARD_SHARE, 0.01},
	{"ms", GUARD_MS, 1},         {"s", GUARD_MS, 1000},
	{"k", GUARD_BYTES, 1 << 10}, {"m", GUARD_BYTES, 1 << 20},
	{"g", GUARD_BYTES, 1 << 30},
};

static bool parse_limit(struct value_in *in, void *to)
{
	struct guard_conf *g = to;
	size_t n = strspn(in->text, "0123456789.");
	char *end = NULL;
	double v = n && n < 16 ? strtod(in->text, &end) : 0;

	for (unsigned int i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (end != in->text + n || strcmp(end, units[i].suffix) != 0 || v <= 0)
			continue;
		g->unit = units[i].unit;
		g->limit = v * units[i].factor;
		g->text = room_copy(in->keep, in->text, strlen(in->text));
		return true;
	}
	value_refuse(in, "\"%.60s\" is not a limit", in->text);
	return value_hint(in, "a limit is 1.25x (of the baseline), 0.5%%, 50ms, 2s, "
			      "600m or 1g");
}

static const char *text_limit(const struct argument *arg, const void *from, char *buf)
{
	const struct guard_conf *g = from;

	(void)arg;
	(void)buf;
	return g->text;
}

const struct value_type value_limit = {
	.syntax = "LIMIT", .parse = parse_limit, .text = text_limit};

/* --- the whole ----------------------------------------------------------- */

static void share_out(struct snapshot *s)
{
	struct experiment_conf *conf = &s->experiment;
	unsigned int each = (s->n_workers + conf->n_arms - 1) / conf->n_arms;

	for (unsigned int i = 0; i < conf->n_arms; i++)
		if (!conf->arms[i].workers)
			conf->arms[i].workers = each ? each : 1;
}

static void add_main(struct loader *ld)
{
	struct experiment_conf *conf = &ld->s->experiment;

	conf->arms = room_alloc(&ld->keep, sizeof(*conf->arms));
	conf->n_arms = 1;
	conf->arms[0] = (struct arm_conf){
		.name = "main", .where = "", .weight = 1, .workers = ld->s->n_workers};
}

/* Whoever connects to a socket file has no packet that could be looked at, and
 * no address. */
static void check_sockets(struct loader *ld)
{
	for (unsigned int i = 0; i < ld->s->n_listens; i++)
		if (ld->s->listens[i].addr.sa.sa_family == AF_UNIX)
			report_error(&ld->report, &ld->listen_of[i]->words->next->at,
				     "an experiment cannot divide the clients of a "
				     "unix socket");
}

void loader_settle_arms(struct loader *ld)
{
	struct snapshot *s = ld->s;

	if (!s->experiment.is_on)
		add_main(ld);
	else if (s->experiment.n_arms)
		share_out(s);
	for (unsigned int i = 0; i < s->experiment.n_arms; i++)
		s->n_seats += s->experiment.arms[i].workers;
	if (!ld->experiment)
		return;
	check_sockets(ld);
	if (s->n_seats > ARMS_MAX_SEATS)
		report_error(&ld->report, &ld->experiment->at,
			     "the arms have %u workers; %d can be", s->n_seats,
			     ARMS_MAX_SEATS);
}

const char *snapshot_arm_allocator(const struct snapshot *s, unsigned int arm)
{
	const char *own = s->experiment.arms[arm].allocator;

	return own ? own : s->allocator;
}

unsigned int snapshot_arm_of(const struct snapshot *s, unsigned int seat)
{
	unsigned int arm = 0;

	while (seat >= s->experiment.arms[arm].workers) {
		seat -= s->experiment.arms[arm++].workers;
		must(arm < s->experiment.n_arms);
	}
	return arm;
}
