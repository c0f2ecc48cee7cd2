#include "server/setup.h"

#include "server/exits.h"
#include "server/probe.h"

const char *setup_name(const struct setup *s)
{
	return s->path ? s->path : "(command line)";
}

static const char *where_of(const struct setup *s, const struct snapshot *snapshot,
			    unsigned int arm)
{
	const struct arm_conf *conf = &snapshot->experiment.arms[arm];

	if (conf->allocator)
		return conf->where;
	return s->allocator ? "--allocator" : snapshot_where(snapshot, "allocator");
}

static bool has_allocators(const struct setup *s, const struct snapshot *snapshot,
			   FILE *report)
{
	unsigned int n_bad = 0;

	for (unsigned int i = 0; i < snapshot->experiment.n_arms; i++) {
		const char *spec = snapshot_arm_allocator(snapshot, i);
		struct probe probe;

		if (probe_allocator(spec, &probe))
			continue;
		fprintf(report, "%s: error: allocator %s: %s\n",
			where_of(s, snapshot, i), spec, probe.reason);
		n_bad++;
	}
	return n_bad == 0;
}

/* --allocator is for the arms that name none of their own. */
static bool is_override_good(const struct setup *s, const struct snapshot *snapshot,
			     FILE *report)
{
	for (unsigned int i = 0; i < snapshot->experiment.n_arms; i++)
		if (!s->allocator || !snapshot->experiment.arms[i].allocator)
			return true;
	fprintf(report, "--allocator: error: each arm of the experiment names its own "
			"allocator\n");
	return false;
}

struct snapshot *setup_load(const struct setup *s, FILE *report, int *code)
{
	struct snapshot *snapshot;
	bool lacks_allocator = false;

	if (s->path)
		snapshot = snapshot_try(s->path, report, &lacks_allocator);
	else
		snapshot =
			snapshot_parse(setup_name(s), s->text.p, s->text.len, report);
	*code = lacks_allocator ? EXITS_ALLOCATOR : EXITS_CONFIG;
	if (!snapshot)
		return NULL;
	if (s->allocator)
		snapshot->allocator = s->allocator;
	if (is_override_good(s, snapshot, report) &&
	    snapshot_check_host(snapshot, report) == 0) {
		if (has_allocators(s, snapshot, report)) {
			*code = EXITS_OK;
			return snapshot;
		}
		*code = EXITS_ALLOCATOR;
	}
	snapshot_free(&snapshot);
	return NULL;
}
