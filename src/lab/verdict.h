/*
 * verdict: what a series of paired ratios allows to be said, and no more.
 *
 * A ratio is an arm's value for the baseline's of the same block. Smaller is
 * better: whoever has a metric where larger is better turns it round.
 */
#ifndef HEAPGATE_VERDICT_H
#define HEAPGATE_VERDICT_H

#include "base/statistics.h"

enum verdict_word {
	VERDICT_INCONCLUSIVE, /* neither shown to differ nor shown to be close */
	VERDICT_SAME,         /* the whole interval lies inside the margin */
	VERDICT_BETTER,       /* the interval lies below 1, p agrees, and the
			       * ratio is outside the margin */
	VERDICT_WORSE,
};

#define VERDICT_ALPHA       0.05 /* of p */
#define VERDICT_LEVEL       0.99 /* of intervals: see docs/comparing.md */
#define VERDICT_RESAMPLES   10000u
#define VERDICT_LEAST_PAIRS 6 /* fewer cannot give p < 0.05 */

struct verdict {
	enum verdict_word word;
	unsigned int n;     /* blocks with a ratio */
	double ratio;       /* geometric mean of the ratios; NAN without any */
	struct interval ci; /* of the ratio, at VERDICT_LEVEL */
	double p;           /* signed-rank test, two-sided */
	double p_holm;      /* the same, corrected for all tests of its family */
};

/*
 * Measures: everything but p_holm and word. ratios that are not above 0 or
 * not finite are left out. Returns: 0, or -1 when there is no memory.
 */
int verdict_measure(struct verdict *v, const double *ratios, unsigned int n,
		    uint64_t seed) MUST_USE;
/*
 * Corrects p over a family of verdicts and finds each one's word. margin:
 * 0.03 says that ratios from 1/1.03 to 1.03 make no difference to anyone.
 */
void verdict_decide(struct verdict *const *family, unsigned int n, double margin);
/* "better" "worse" "same" "inconclusive". */
const char *verdict_text(enum verdict_word word);

#endif
