#include "server/guard.h"

#include <stdio.h>

static const char *const names[] = {
	[GUARD_ERROR_RATIO] = "error_ratio",
	[GUARD_P99] = "p99",
	[GUARD_RSS] = "rss",
};

/* A figure in the unit of an absolute limit; < 0: not known. */
static double figure(enum guard_metric metric, const struct guard_figures *f)
{
	switch (metric) {
	case GUARD_RSS:
		return f->rss_bytes ? (double)f->rss_bytes : -1;
	case GUARD_P99:
		return f->requests < GUARD_MIN_REQUESTS ? -1 : (double)f->p99_us / 1000;
	case GUARD_ERROR_RATIO:
		break;
	}
	return f->requests < GUARD_MIN_REQUESTS
		       ? -1
		       : (double)f->errors / (double)f->requests;
}

enum judgement guard_judge(const struct guard_conf *g, const struct guard_figures *arm,
			   const struct guard_figures *baseline)
{
	double ours = figure(g->metric, arm), theirs = figure(g->metric, baseline);

	if (ours < 0)
		return JUDGEMENT_NONE;
	if (g->unit == GUARD_TIMES) {
		if (theirs <= 0)
			return JUDGEMENT_NONE;
		return ours > g->limit * theirs ? JUDGEMENT_BROKEN : JUDGEMENT_KEPT;
	}
	if (ours <= g->limit)
		return JUDGEMENT_KEPT;
	/* What the baseline suffers too is not this arm's doing, and to send
	 * its clients there would help nobody. */
	return theirs > g->limit ? JUDGEMENT_NONE : JUDGEMENT_BROKEN;
}

unsigned int guard_breaches(const struct guard_memory *m, const struct guard_conf *g)
{
	uint32_t mask = g->of >= 32 ? UINT32_MAX : (1u << g->of) - 1;

	return (unsigned int)__builtin_popcount(m->broken & mask);
}

bool guard_remember(struct guard_memory *m, const struct guard_conf *g,
		    enum judgement j)
{
	if (j == JUDGEMENT_NONE)
		return false;
	m->broken = m->broken << 1 | (j == JUDGEMENT_BROKEN);
	return j == JUDGEMENT_BROKEN && guard_breaches(m, g) >= g->breaches;
}

char *guard_text(const struct guard_conf *g, char to[GUARD_TEXT_BYTES])
{
	snprintf(to, GUARD_TEXT_BYTES, "%s <= %s", names[g->metric], g->text);
	return to;
}

static void write_figure(enum guard_metric metric, double v, char to[32])
{
	if (v < 0)
		snprintf(to, 32, "unknown");
	else if (metric == GUARD_RSS)
		snprintf(to, 32, "%.1f MiB", v / (1 << 20));
	else if (metric == GUARD_P99)
		snprintf(to, 32, "%.1f ms", v);
	else
		snprintf(to, 32, "%.2f%%", v * 100);
}

char *guard_seen_text(const struct guard_conf *g, const struct guard_figures *arm,
		      const struct guard_figures *baseline, const char *baseline_name,
		      char to[GUARD_TEXT_BYTES])
{
	char ours[32], theirs[32];

	write_figure(g->metric, figure(g->metric, arm), ours);
	write_figure(g->metric, figure(g->metric, baseline), theirs);
	snprintf(to, GUARD_TEXT_BYTES, "%s %s, %.16s %s", names[g->metric], ours,
		 baseline_name, theirs);
	return to;
}
