#include "base/statistics.h"

#include <math.h>

#include "base/must.h"
#include "base/random.h"

/* --- descriptions ---------------------------------------------------- */

static void sift(double *v, unsigned int from, unsigned int n)
{
	for (unsigned int child; (child = 2 * from + 1) < n; from = child) {
		double x = v[from];

		if (child + 1 < n && v[child + 1] > v[child])
			child++;
		if (v[child] <= x)
			return;
		v[from] = v[child];
		v[child] = x;
	}
}

/* A heap sort, since libc's qsort() calls malloc. */
void statistics_sort(double *v, unsigned int n)
{
	for (unsigned int i = n / 2; i-- > 0;)
		sift(v, i, n);
	for (unsigned int end = n; end > 1; end--) {
		double x = v[0];

		v[0] = v[end - 1];
		v[end - 1] = x;
		sift(v, 0, end - 1);
	}
}

double statistics_mean(const double *v, unsigned int n)
{
	double sum = 0;

	for (unsigned int i = 0; i < n; i++)
		sum += v[i];
	return n ? sum / n : NAN;
}

double statistics_deviation(const double *v, unsigned int n)
{
	double mean = statistics_mean(v, n), sum = 0;

	if (n < 2)
		return 0;
	for (unsigned int i = 0; i < n; i++)
		sum += (v[i] - mean) * (v[i] - mean);
	return sqrt(sum / (n - 1));
}

double statistics_quantile(const double *sorted, unsigned int n, double q)
{
	double at;
	unsigned int i;

	if (!n)
		return NAN;
	at = q * (n - 1.0);
	i = (unsigned int)at;
	if (i + 1 >= n)
		return sorted[n - 1];
	return sorted[i] + (at - i) * (sorted[i + 1] - sorted[i]);
}

double statistics_median(double *v, unsigned int n)
{
	statistics_sort(v, n);
	return statistics_quantile(v, n, 0.5);
}

/* --- the bootstrap --------------------------------------------------- */

/* How far out, as a probability, the percentile is taken: Hesterberg 2015,
 * "What Teachers Should Know About the Bootstrap", section 3.4. */
static double expanded_tail(unsigned int n, double level)
{
	double t = statistics_t_quantile((1 + level) / 2, n - 1);

	return statistics_normal_below(-sqrt(n / (n - 1.0)) * t);
}

static void resample(const double *v, unsigned int n, double *means,
		     unsigned int n_resamples, uint64_t seed)
{
	struct random r;

	random_init(&r, seed);
	for (unsigned int i = 0; i < n_resamples; i++) {
		means[i] = 0;
		for (unsigned int j = 0; j < n; j++)
			means[i] += v[random_below(&r, n)];
		means[i] /= n;
	}
	statistics_sort(means, n_resamples);
}

/* Student's interval is exact for normal values. Means of resamples have thinner
 * tails than those: of 8 values they reach 3 % less far. */
static void reach_as_far_as_t(const double *v, unsigned int n, double level,
			      struct interval *out)
{
	double mean = statistics_mean(v, n);
	double reach = statistics_t_quantile((1 + level) / 2, n - 1) *
		       statistics_deviation(v, n) / sqrt(n);

	out->low = fmin(out->low, mean - reach);
	out->high = fmax(out->high, mean + reach);
}

int statistics_bootstrap(const double *v, unsigned int n, double level,
			 unsigned int n_resamples, uint64_t seed, struct interval *out)
{
	double *means, tail;

	must(level > 0 && level < 1 && n_resamples > 0);
	*out = (struct interval){-INFINITY, INFINITY};
	if (n < 2)
		return 0;
	means = mem_alloc(MEM_WORKER, n_resamples * sizeof(*means));
	if (!means)
		return -1;
	resample(v, n, means, n_resamples, seed);
	tail = expanded_tail(n, level);
	out->low = statistics_quantile(means, n_resamples, tail);
	out->high = statistics_quantile(means, n_resamples, 1 - tail);
	mem_free(MEM_WORKER, means);
	reach_as_far_as_t(v, n, level, out);
	return 0;
}

/* --- distributions --------------------------------------------------- */

double statistics_normal_below(double z)
{
	return erfc(-z / M_SQRT2) / 2;
}

/* P(-|t| < T < |t|) by the finite series for whole degrees of freedom,
 * Abramowitz and Stegun 26.7.3 and 26.7.4. */
static double t_inside(double t, unsigned int degrees)
{
	double angle = atan(fabs(t) / sqrt(degrees));
	double cosine = cos(angle), term, sum = 0;
	bool odd = degrees % 2;

	term = odd ? cosine : 1;
	for (unsigned int k = odd ? 3 : 2; k <= degrees; k += 2) {
		sum += term;
		term *= cosine * cosine * (k - 1) / k;
	}
	if (odd)
		return (angle + sin(angle) * sum) * 2 / M_PI;
	return sin(angle) * sum;
}

double statistics_t_below(double t, unsigned int degrees)
{
	double half = t_inside(t, degrees) / 2;

	return t < 0 ? 0.5 - half : 0.5 + half;
}

double statistics_t_quantile(double p, unsigned int degrees)
{
	double low = -1e6, high = 1e6;

	must(p > 0 && p < 1 && degrees > 0);
	for (unsigned int i = 0; i < 100; i++) {
		double middle = (low + high) / 2;

		if (statistics_t_below(middle, degrees) < p)
			low = middle;
		else
			high = middle;
	}
	return (low + high) / 2;
}

/* The lower regularised gamma function by its series; good for x < a + 1. */
static double gamma_below(double a, double x)
{
	double term = 1 / a, sum = term;

	for (unsigned int i = 1; i < 1000 && term > sum * 1e-16; i++) {
		term *= x / (a + i);
		sum += term;
	}
	return sum * exp(-x + a * log(x) - lgamma(a));
}

/* The upper one by its continued fraction (Lentz); good for x >= a + 1. */
static double gamma_above(double a, double x)
{
	double b = x + 1 - a, c = 1e300, d = 1 / b, h = d;

	for (unsigned int i = 1; i < 1000; i++) {
		double an = -(double)i * (i - a), step;

		b += 2;
		d = 1 / (an * d + b);
		c = b + an / c;
		step = c * d;
		h *= step;
		if (fabs(step - 1) < 1e-15)
			break;
	}
	return h * exp(-x + a * log(x) - lgamma(a));
}

double statistics_chi_square_above(double x, double degrees)
{
	double a = degrees / 2;

	if (x <= 0)
		return 1;
	x /= 2;
	return x < a + 1 ? 1 - gamma_below(a, x) : gamma_above(a, x);
}

/* --- many tests ------------------------------------------------------ */

static unsigned int n_done(const double *p, unsigned int n)
{
	unsigned int done = 0;

	for (unsigned int i = 0; i < n; i++)
		done += !isnan(p[i]);
	return done;
}

/* The least p[i] that is not taken; n for none. */
static unsigned int next_least(const double *p, unsigned int n, const bool *taken)
{
	unsigned int best = n;

	for (unsigned int i = 0; i < n; i++)
		if (!taken[i] && !isnan(p[i]) && (best == n || p[i] < p[best]))
			best = i;
	return best;
}

void statistics_holm(double *p, unsigned int n)
{
	bool taken[STATISTICS_MAX_TESTS] = {false};
	unsigned int left = n_done(p, n), i;
	double least = 0;

	must(n <= STATISTICS_MAX_TESTS);
	for (; left && (i = next_least(p, n, taken)) < n; left--) {
		double q = fmin(1, p[i] * left);

		taken[i] = true;
		least = fmax(least, q);
		p[i] = least;
	}
}
