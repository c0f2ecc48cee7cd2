#include "server/setup.h"

#include "server/exits.h"
#include "server/probe.h"

const char *setup_name(const struct setup *s)
{
	return s->path ? s->path : "(command line)";
}

static bool has_allocator(const struct setup *s, const struct snapshot *snapshot,
			  FILE *report)
{
	struct probe probe;
	const char *where =
		s->allocator ? "--allocator" : snapshot_where(snapshot, "allocator");

	if (probe_allocator(snapshot->allocator, &probe))
		return true;
	fprintf(report, "%s: error: allocator %s: %s\n", where, snapshot->allocator,
		probe.reason);
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
	if (snapshot_check_host(snapshot, report) == 0) {
		if (has_allocator(s, snapshot, report)) {
			*code = EXITS_OK;
			return snapshot;
		}
		*code = EXITS_ALLOCATOR;
	}
	snapshot_free(&snapshot);
	return NULL;
}
