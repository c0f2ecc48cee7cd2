#include <math.h>

#include "lab/report.h"

/* --- CSV (RFC 4180) -------------------------------------------------- */

/* Labels hold commas. */
static void put_quoted(const char *text, FILE *to)
{
	fputc('"', to);
	for (; *text; text++) {
		if (*text == '"')
			fputc('"', to);
		fputc(*text, to);
	}
	fputc('"', to);
}

static void put_number(double v, FILE *to)
{
	fputc(',', to);
	if (!isnan(v))
		fprintf(to, "%.9g", v);
}

static void put_row(const struct campaign *c, const struct run *r, FILE *to)
{
	uint64_t ok = 0, bad = 0;

	for (unsigned int i = 0; i < r->n_phases; i++) {
		const struct load_result *l = &r->phases[i].load;

		ok += l->ok;
		bad += l->other_status + l->failed + l->unfinished;
	}
	fprintf(to, "%u,%u,%u,", r->round + 1, r->place + 1, r->attempt + 1);
	put_quoted(c->arms.at[r->arm].label, to);
	fputc(',', to);
	put_quoted(r->why_void, to);
	for (unsigned int m = 0; m < N_MEASURES; m++)
		put_number(measures[m].of(c, r), to);
	fprintf(to, ",%llu,%llu", (unsigned long long)ok, (unsigned long long)bad);
	put_number(r->steal, to);
	put_number(r->cpu_pressure, to);
	put_number(r->memory_pressure, to);
	put_number(r->io_pressure, to);
	fputs("\r\n", to);
}

void report_rounds_csv(const struct report *r, FILE *to)
{
	const struct campaign *c = r->analysis->campaign;

	fputs("round,place,attempt,arm,void", to);
	for (unsigned int m = 0; m < N_MEASURES; m++)
		fprintf(to, ",%s%s%s", measures[m].name, measures[m].unit[0] ? "_" : "",
			measures[m].unit);
	fputs(",requests_ok,requests_bad,steal,cpu_pressure,memory_pressure,"
	      "io_pressure\r\n",
	      to);
	for (unsigned int i = 0; i < c->n_runs; i++)
		put_row(c, &c->runs[i], to);
}

static const char *phase_at(const struct campaign *c, uint64_t us)
{
	unsigned int i = c->n_phases;

	while (--i > 0)
		if (us >= measure_phase_start(c, i))
			break;
	return c->phases[i].name;
}

void report_samples_csv(const struct report *r, FILE *to)
{
	const struct campaign *c = r->analysis->campaign;

	fputs("round,attempt,arm,void,phase,seconds,rss_anon_bytes,"
	      "rss_net_of_lazyfree_bytes,cpu_seconds\r\n",
	      to);
	for (unsigned int i = 0; i < c->n_runs; i++) {
		const struct run *run = &c->runs[i];

		for (unsigned int k = 0; k < run->n_samples; k++) {
			const struct sample *s = &run->samples[k];

			fprintf(to, "%u,%u,", run->round + 1, run->attempt + 1);
			put_quoted(c->arms.at[run->arm].label, to);
			fprintf(to, ",%d,%s,%.3f,%llu,%.0f,%.6f\r\n",
				run->why_void[0] != '\0', phase_at(c, s->at_us),
				(double)s->at_us / 1e6,
				(unsigned long long)s->anon_bytes,
				measure_net_of_lazyfree(run, k),
				(double)s->cpu_ns / 1e9);
		}
	}
}

/* --- OpenMetrics ----------------------------------------------------- */

static void put_label(const char *text, FILE *to)
{
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', to);
		fputc(*text, to);
	}
}

static void put_sample(const struct analysis *a, const char *name, unsigned int arm,
		       const char *more, double v, FILE *to)
{
	if (isnan(v) || isinf(v))
		return;
	fprintf(to, "%s{arm=\"", name);
	put_label(a->campaign->arms.at[arm].label, to);
	fprintf(to, "\"%s} %.9g\n", more, v);
}

struct base_unit {
	const char *suffix;
	double factor;
};

/* OpenMetrics wants base units, and the unit at the end of the name. */
static struct base_unit base_unit(const char *unit)
{
	switch (unit[0]) {
	case 'b':
		return (struct base_unit){"_bytes", 1};
	case 'u':
		return (struct base_unit){"_seconds", 1e-6};
	case 'm':
		return (struct base_unit){"_seconds", 1e-3};
	default:
		return (struct base_unit){"_per_request", 1};
	}
}

static void put_measure(const struct analysis *a, unsigned int m, FILE *to)
{
	struct base_unit unit = base_unit(measures[m].unit);
	char name[96];

	snprintf(name, sizeof(name), "heapgate_ab_%s%s", measures[m].name, unit.suffix);
	fprintf(to, "# HELP %s Median of: %s.\n# TYPE %s gauge\n", name,
		measures[m].what, name);
	if (measures[m].unit[0])
		fprintf(to, "# UNIT %s %s\n", name, unit.suffix + 1);
	for (unsigned int arm = 0; arm < a->campaign->arms.n; arm++)
		put_sample(a, name, arm, "", a->at[arm][m].median * unit.factor, to);
	snprintf(name, sizeof(name), "heapgate_ab_%s_ratio", measures[m].name);
	fprintf(to, "# HELP %s Of the baseline's %s, geometric mean and interval.\n",
		name, measures[m].name);
	fprintf(to, "# TYPE %s gauge\n# UNIT %s ratio\n", name, name);
	for (unsigned int arm = ARM_AGAIN; arm < a->campaign->arms.n; arm++) {
		const struct verdict *v = &a->at[arm][m].verdict;

		put_sample(a, name, arm, ",bound=\"low\"", v->ci.low, to);
		put_sample(a, name, arm, ",bound=\"estimate\"", v->ratio, to);
		put_sample(a, name, arm, ",bound=\"high\"", v->ci.high, to);
	}
}

void report_openmetrics(const struct report *r, FILE *to)
{
	const struct analysis *a = r->analysis;

	for (unsigned int m = 0; m < N_MEASURES; m++)
		put_measure(a, m, to);
	fputs("# HELP heapgate_ab_unreliable 1: nothing here is to be believed.\n"
	      "# TYPE heapgate_ab_unreliable gauge\n",
	      to);
	fprintf(to, "heapgate_ab_unreliable %d\n# EOF\n", a->unreliable);
}

/* --- the format of Go's benchmarks, for benchstat -------------------- */

static void put_name(const char *text, FILE *to)
{
	for (; *text; text++)
		fputc(*text == ' ' || *text == '/' ? '_' : *text, to);
}

void report_bench(const struct report *r, FILE *to)
{
	const struct campaign *c = r->analysis->campaign;

	fprintf(to, "goos: linux\npkg: heapgate\nworkload: %s\n", c->workload);
	for (unsigned int i = 0; i < c->n_runs; i++) {
		const struct run *run = &c->runs[i];
		uint64_t ok = 0;

		if (run->why_void[0])
			continue;
		for (unsigned int k = 0; k < run->n_phases; k++)
			ok += run->phases[k].load.ok;
		fputs("BenchmarkAB/arm=", to);
		put_name(c->arms.at[run->arm].label, to);
		fprintf(to, " %llu", (unsigned long long)ok);
		for (unsigned int m = 0; m < N_MEASURES; m++) {
			double v = measures[m].of(c, run);

			if (!isnan(v))
				fprintf(to, " %.9g %s%s%s", v, measures[m].name,
					measures[m].unit[0] ? "-" : "",
					measures[m].unit);
		}
		fputc('\n', to);
	}
}
