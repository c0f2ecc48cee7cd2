#include "lab/measure.h"

#include <math.h>
#include <string.h>

/* With the CPUs so contended, or the generator so late, a latency says more of
 * the host than of the arm. */
#define MAX_PRESSURE 0.5
#define MAX_LATE_US  5000.0

#define WARM_UP 0u

/* A backlog: so much, and so many times the median. */
#define BACKLOG_US    100000.0
#define BACKLOG_TIMES 10.0

static double known(uint64_t v)
{
	return v == READING_UNKNOWN ? NAN : (double)v;
}

static double lazyfree(const struct reading *r)
{
	return r->lazyfree_bytes == READING_UNKNOWN ? 0 : (double)r->lazyfree_bytes;
}

static double anon(const struct reading *r)
{
	return known(r->anon_bytes) - lazyfree(r);
}

uint64_t measure_phase_start(const struct campaign *c, unsigned int phase)
{
	uint64_t us = 0;

	for (unsigned int i = 0; i < phase; i++)
		us += c->phases[i].lasts_us;
	return us;
}

double measure_net_of_lazyfree(const struct run *r, unsigned int sample)
{
	const struct sample *s = &r->samples[sample];
	const struct reading *before = &r->base;
	double from = 0;

	for (unsigned int i = 0; i < r->n_phases; i++) {
		const struct load_result *l = &r->phases[i].load;
		double to = (double)(l->begun_us + l->lasted_us -
				     r->phases[0].load.begun_us);
		double at = (double)s->at_us;

		if (at <= to && to > from) {
			double share = (at - from) / (to - from);

			return (double)s->anon_bytes - (1 - share) * lazyfree(before) -
			       share * lazyfree(&r->phases[i].end);
		}
		from = to;
		before = &r->phases[i].end;
	}
	return (double)s->anon_bytes - lazyfree(before);
}

/* Over the samples after the warm-up. */
static double each_sample(const struct campaign *c, const struct run *r, bool peak)
{
	uint64_t from = measure_phase_start(c, WARM_UP + 1);
	double sum = 0, most = NAN;
	unsigned int n = 0;

	for (unsigned int i = 0; i < r->n_samples; i++) {
		double v = measure_net_of_lazyfree(r, i);

		if (r->samples[i].at_us < from)
			continue;
		sum += v;
		most = fmax(most, v);
		n++;
	}
	if (!n)
		return NAN;
	return peak ? most : sum / n;
}

static double rss_avg_gross(const struct campaign *c, const struct run *r)
{
	return each_sample(c, r, false);
}

static double rss_avg(const struct campaign *c, const struct run *r)
{
	double net = each_sample(c, r, false) - anon(&r->base);

	return net > 0 ? net : NAN;
}

static double rss_peak(const struct campaign *c, const struct run *r)
{
	return each_sample(c, r, true);
}

static double rss_end(const struct campaign *c, const struct run *r)
{
	(void)c;
	return r->n_phases ? anon(&r->phases[r->n_phases - 1].end) : NAN;
}

static double rss_base(const struct campaign *c, const struct run *r)
{
	(void)c;
	return anon(&r->base);
}

/* From the end of the warm-up to the end of the last phase with requests. */
static double per_request(const struct campaign *c, const struct run *r,
			  double (*of)(const struct reading *))
{
	unsigned int last = WARM_UP;
	uint64_t n = 0;

	for (unsigned int i = WARM_UP + 1; i < r->n_phases; i++) {
		if (!(c->phases[i].factor > 0))
			continue;
		n += r->phases[i].load.ok;
		last = i;
	}
	if (!n)
		return NAN;
	return (of(&r->phases[last].end) - of(&r->phases[WARM_UP].end)) / (double)n;
}

static double cpu_of(const struct reading *r)
{
	return known(r->cpu_ns) / 1000;
}

static double faults_of(const struct reading *r)
{
	return known(r->minor_faults);
}

static double cpu(const struct campaign *c, const struct run *r)
{
	return per_request(c, r, cpu_of);
}

static double faults(const struct campaign *c, const struct run *r)
{
	double v = per_request(c, r, faults_of);

	return v > 0 ? v : NAN;
}

static double latency_ms(const struct run *r, double q)
{
	const struct load_result *l = &r->phases[WARM_UP + 1].load;

	if (r->n_phases < WARM_UP + 2 || r->cpu_pressure > MAX_PRESSURE ||
	    latencies_quantile(&l->late, 0.99) > MAX_LATE_US)
		return NAN;
	return latencies_quantile(&l->latency, q) / 1000;
}

static double p50(const struct campaign *c, const struct run *r)
{
	(void)c;
	return latency_ms(r, 0.5);
}

static double p99(const struct campaign *c, const struct run *r)
{
	(void)c;
	return latency_ms(r, 0.99);
}

double measure_backlog_us(const struct campaign *c, const struct run *r)
{
	double usual = INFINITY, longest = 0;

	for (unsigned int i = 0; i < r->n_phases; i++) {
		const struct latencies *h = &r->phases[i].load.latency;

		if (!(c->phases[i].factor > 0) || c->phases[i].n_per_conn)
			continue;
		usual = fmin(usual, latencies_quantile(h, 0.5));
		longest = fmax(longest, latencies_quantile(h, 0.99));
	}
	if (r->cpu_pressure > MAX_PRESSURE && longest > BACKLOG_US &&
	    longest > BACKLOG_TIMES * usual)
		return longest;
	return 0;
}

const struct measure measures[] = {
	{"rss_avg", "bytes",
	 "average anonymous RSS less LazyFree after the warm-up, net of what it was "
	 "before the load",
	 rss_avg},
	{"rss_avg_gross", "bytes", "the same with what was there before the load",
	 rss_avg_gross},
	{"rss_peak", "bytes", "highest sample of it", rss_peak},
	{"rss_end", "bytes",
	 "anonymous RSS less LazyFree at the end of the idle phase: what was not given "
	 "back",
	 rss_end},
	{"rss_base", "bytes", "anonymous RSS less LazyFree before the load", rss_base},
	{"cpu", "us", "CPU time of the workers for each request", cpu},
	{"p50", "ms", "median latency in the steady phase", p50},
	{"p99", "ms", "99th percentile of the latency in the steady phase", p99},
	{"faults", "", "page faults for each request", faults},
};
_Static_assert(sizeof(measures) / sizeof(*measures) == N_MEASURES, "all measures");

int measure_find(const char *name)
{
	for (unsigned int i = 0; i < N_MEASURES; i++)
		if (strcmp(measures[i].name, name) == 0)
			return (int)i;
	return -1;
}

char *measure_text(double v, const char *unit, char *to, size_t cap)
{
	if (isnan(v))
		snprintf(to, cap, "–");
	else if (strcmp(unit, "bytes") == 0)
		snprintf(to, cap, "%.2f MB", v / 1e6);
	else if (strcmp(unit, "us") == 0)
		snprintf(to, cap, "%.1f µs", v);
	else if (strcmp(unit, "ms") == 0)
		snprintf(to, cap, "%.3f ms", v);
	else
		snprintf(to, cap, "%.3g", v);
	return to;
}
