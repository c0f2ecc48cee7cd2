#include "server/finding.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/statistics.h"

#define N_BATCHES 10
#define LEVEL     0.99

void ratios_add(struct ratios *r, double arm, double baseline)
{
	if (!(arm > 0) || !(baseline > 0))
		return;
	if (r->n == FINDING_MAX_SAMPLES)
		memmove(r->log, r->log + 1, --r->n * sizeof(r->log[0]));
	r->log[r->n++] = log(arm / baseline);
}

struct ratio ratios_mean(const struct ratios *r)
{
	unsigned int each = r->n / N_BATCHES, skip = r->n % N_BATCHES;
	double batch[N_BATCHES], mean, half;

	if (r->n < FINDING_MIN_SAMPLES)
		return (struct ratio){.is_known = false};
	for (unsigned int i = 0; i < N_BATCHES; i++)
		batch[i] = statistics_mean(r->log + skip + i * each, each);
	mean = statistics_mean(batch, N_BATCHES);
	half = statistics_deviation(batch, N_BATCHES) / sqrt(N_BATCHES) *
	       statistics_t_quantile((1 + LEVEL) / 2, N_BATCHES - 1);
	return (struct ratio){true, exp(mean), exp(mean - half), exp(mean + half)};
}

/* --- the split ----------------------------------------------------------- */

/* The usual rule for chi-square, and no fewer than one would look at. */
#define MIN_EXPECTED 5
#define MIN_SEEN     100

double finding_sample_p(const double *seen, const double *weights, const double *slack,
			unsigned int n)
{
	double total = 0, weight = 0, chi = 0;
	unsigned int n_arms = 0;

	for (unsigned int i = 0; i < n; i++) {
		if (weights[i] <= 0)
			continue;
		total += seen[i];
		weight += weights[i];
		n_arms++;
	}
	if (n_arms < 2 || total < MIN_SEEN)
		return NAN;
	for (unsigned int i = 0; i < n; i++) {
		double expected = total * weights[i] / weight;
		double off = seen[i] - expected;

		if (weights[i] <= 0)
			continue;
		if (expected < MIN_EXPECTED)
			return NAN;
		chi += off * off / (expected + (slack ? slack[i] : 0));
	}
	return statistics_chi_square_above(chi, n_arms - 1.0);
}

double finding_distinct(unsigned int n_set, unsigned int n_bits, double *variance)
{
	double free_bits = n_set < n_bits ? n_bits - n_set : 0.5;
	double n = n_bits * log(n_bits / free_bits);
	double load = n / n_bits;

	*variance = n_bits * (exp(load) - load - 1);
	return n;
}

/* --- words --------------------------------------------------------------- */

static int say_ratio(char *to, size_t cap, const char *what, const struct ratio *r,
		     const char *baseline)
{
	char word[96];

	if (r->low <= 1 && r->high >= 1)
		snprintf(word, sizeof(word), "no difference seen");
	else
		snprintf(word, sizeof(word), "%s than %.64s",
			 r->mean < 1 ? "less" : "more", baseline);
	return snprintf(to, cap, "%s %.2fx (%.2f to %.2f): %s", what, r->mean, r->low,
			r->high, word);
}

/* Too much or too little to do, for memory to be compared. */
static bool is_load_alike(double load)
{
	return load >= 0.8 && load <= 1.25;
}

static char *say_ratios(const struct finding *f, char *to)
{
	int n = say_ratio(to, FINDING_TEXT_BYTES, "memory", &f->memory, f->baseline);

	if (f->cpu.is_known && n < FINDING_TEXT_BYTES - 2) {
		n += snprintf(to + n, FINDING_TEXT_BYTES - (size_t)n, "; ");
		say_ratio(to + n, FINDING_TEXT_BYTES - (size_t)n, "CPU per request",
			  &f->cpu, f->baseline);
	}
	return to;
}

char *finding_text(const struct finding *f, char to[FINDING_TEXT_BYTES])
{
	if (f->drained)
		snprintf(to, FINDING_TEXT_BYTES, "drained: %s", f->drained);
	else if (f->is_down)
		snprintf(to, FINDING_TEXT_BYTES,
			 "down: none of its workers stays alive");
	else if (f->is_baseline)
		snprintf(to, FINDING_TEXT_BYTES, "baseline");
	else if (f->sample_p < FINDING_SAMPLE_P)
		snprintf(to, FINDING_TEXT_BYTES,
			 "withheld: the split is not what was asked (p = %.2g)",
			 f->sample_p);
	else if (isnan(f->sample_p) || f->requests < FINDING_MIN_REQUESTS ||
		 !f->memory.is_known)
		snprintf(to, FINDING_TEXT_BYTES, "none yet: too little was seen");
	else if (!is_load_alike(f->load))
		snprintf(to, FINDING_TEXT_BYTES,
			 "none: one of its workers has %.2fx to do of one of %.64s; "
			 "give the arms workers by their weight",
			 f->load, f->baseline);
	else
		return say_ratios(f, to);
	return to;
}
