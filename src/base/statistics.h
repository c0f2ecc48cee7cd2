/*
 * statistics: what a series of numbers says. Pure functions: no clock, no
 * files; randomness only by the seed given.
 */
#ifndef HEAPGATE_STATISTICS_H
#define HEAPGATE_STATISTICS_H

#include "allocators/mem.h"

struct interval {
	double low, high;
};

/* Ascending, in place; allocates nothing. */
void statistics_sort(double *v, unsigned int n);
double statistics_mean(const double *v, unsigned int n);
/* Of a sample (divided by n - 1); 0 for n < 2. */
double statistics_deviation(const double *v, unsigned int n);
/* The q-quantile of ascending v, 0 <= q <= 1, linear between neighbours
 * (Hyndman and Fan's type 7); NAN for n = 0. */
double statistics_quantile(const double *sorted, unsigned int n, double q);
/* Of v in any order. v is sorted on the way. */
double statistics_median(double *v, unsigned int n);

/*
 * A confidence interval for the mean of v by the bootstrap: percentiles of
 * the means of n_resamples samples drawn with replacement, taken further out
 * than the level says as Student's t does, because the percentiles alone are
 * too narrow for few values (the "expanded percentile" interval), and nowhere
 * nearer to the mean than Student's interval: the bootstrap adds what skewed
 * values want on one side.
 * level: 0.95, say. n < 2: from -INFINITY to INFINITY.
 * Returns: 0, or -1 when there is no memory.
 */
int statistics_bootstrap(const double *v, unsigned int n, double level,
			 unsigned int n_resamples, uint64_t seed,
			 struct interval *out) MUST_USE;

/* Distribution functions: P(Z <= z), P(T <= t), P(X >= x). */
double statistics_normal_below(double z);
double statistics_t_below(double t, unsigned int degrees);
double statistics_chi_square_above(double x, double degrees);
/* The t with P(T <= t) = p, 0 < p < 1. */
double statistics_t_quantile(double p, unsigned int degrees);

/*
 * Holm's correction: p[0..n) become the values at which each hypothesis
 * would be rejected with the chance of any false rejection kept. NAN stands
 * for a test that was not done: it stays and does not count.
 */
#define STATISTICS_MAX_TESTS 256
void statistics_holm(double *p, unsigned int n);

#endif
