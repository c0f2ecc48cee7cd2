#include "lab/verdict.h"

#include <math.h>

#include "base/must.h"
#include "lab/rank_test.h"

int verdict_measure(struct verdict *v, const double *ratios, unsigned int n,
		    uint64_t seed)
{
	double logs[RANK_TEST_MAX];

	must(n <= RANK_TEST_MAX);
	*v = (struct verdict){.ratio = NAN, .p = NAN, .p_holm = NAN};
	for (unsigned int i = 0; i < n; i++)
		if (ratios[i] > 0 && isfinite(ratios[i]))
			logs[v->n++] = log(ratios[i]);
	if (statistics_bootstrap(logs, v->n, VERDICT_LEVEL, VERDICT_RESAMPLES, seed,
				 &v->ci) != 0)
		return -1;
	v->ci.low = exp(v->ci.low);
	v->ci.high = exp(v->ci.high);
	if (!v->n)
		return 0;
	v->ratio = exp(statistics_mean(logs, v->n));
	v->p = rank_test_signed(logs, v->n).p;
	return 0;
}

/* Inside the margin wins over different from 1: a difference that is certain
 * and too small to matter is no reason to change an allocator. */
static enum verdict_word word_of(const struct verdict *v, double margin)
{
	if (v->n < VERDICT_LEAST_PAIRS)
		return VERDICT_INCONCLUSIVE;
	if (v->ci.low >= 1 / (1 + margin) && v->ci.high <= 1 + margin)
		return VERDICT_SAME;
	if (!(v->p_holm < VERDICT_ALPHA))
		return VERDICT_INCONCLUSIVE;
	if (v->ci.high < 1 && v->ratio < 1 / (1 + margin))
		return VERDICT_BETTER;
	return v->ci.low > 1 && v->ratio > 1 + margin ? VERDICT_WORSE
						      : VERDICT_INCONCLUSIVE;
}

void verdict_decide(struct verdict *const *family, unsigned int n, double margin)
{
	double p[STATISTICS_MAX_TESTS];

	must(n <= STATISTICS_MAX_TESTS);
	for (unsigned int i = 0; i < n; i++)
		p[i] = family[i]->p;
	statistics_holm(p, n);
	for (unsigned int i = 0; i < n; i++) {
		family[i]->p_holm = p[i];
		family[i]->word = word_of(family[i], margin);
	}
}

const char *verdict_text(enum verdict_word word)
{
	static const char *const words[] = {"inconclusive", "same", "better", "worse"};

	return words[word];
}
