/*
 * rank_test: tests that look only at the order of values, so that no
 * distribution has to be assumed and a wild value counts as one value.
 *
 * Ties get the mean of their ranks, and the exact distribution is that of the
 * ranks as they are.
 */
#ifndef HEAPGATE_RANK_TEST_H
#define HEAPGATE_RANK_TEST_H

/* Up to here the distribution is computed, beyond it is approximated by the
 * normal one with corrections for ties and continuity. */
#define RANK_TEST_EXACT_PAIRS 25 /* differences other than 0 */
#define RANK_TEST_EXACT_BOTH  40 /* values of both groups together */
#define RANK_TEST_MAX         1000

struct rank_test {
	unsigned int n;   /* values that counted */
	double statistic; /* W+ or U */
	double p;         /* two-sided */
};

/*
 * Wilcoxon's signed-rank test: are the differences d[0..n) symmetric about 0?
 * Zeros are left out. With none left p is 1. n <= RANK_TEST_MAX.
 */
struct rank_test rank_test_signed(const double *d, unsigned int n);
/*
 * Mann and Whitney's test: does one of the groups tend to larger values? The
 * statistic is U of a: how often a value of a beats one of b.
 * n_a + n_b <= RANK_TEST_MAX.
 */
struct rank_test rank_test_two(const double *a, unsigned int n_a, const double *b,
			       unsigned int n_b);

#endif
