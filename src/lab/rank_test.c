#include "lab/rank_test.h"

#include <math.h>
#include <string.h>

#include "base/must.h"
#include "base/statistics.h"

struct ranked {
	double value;
	unsigned int doubled; /* 2 × the rank: a tie's mean rank is a half */
};

/* Ranks of value[0..n); *ties is the sum of t³ - t over groups of ties. */
static void give_ranks(struct ranked *r, unsigned int n, double *ties)
{
	*ties = 0;
	for (unsigned int i = 0; i < n; i++) {
		unsigned int below = 0, equal = 0;

		for (unsigned int j = 0; j < n; j++) {
			below += r[j].value < r[i].value;
			equal += r[j].value == r[i].value;
		}
		r[i].doubled = 2 * below + equal + 1;
		*ties += (double)equal * equal - 1; /* each member its share */
	}
}

/* Both tails of w in a distribution given by counts; two-sided p. */
static double two_sided(const double *count, unsigned int n_counts, unsigned int at)
{
	double below = 0, above = 0, all = 0;

	for (unsigned int i = 0; i < n_counts; i++) {
		all += count[i];
		if (i <= at)
			below += count[i];
		if (i >= at)
			above += count[i];
	}
	return fmin(1, 2 * fmin(below, above) / all);
}

static double normal_p(double distance, double variance)
{
	double z;

	if (variance <= 0)
		return 1;
	z = fmax(0, fabs(distance) - 0.5) / sqrt(variance);
	return fmin(1, 2 * statistics_normal_below(-z));
}

/* --- signed ranks ---------------------------------------------------- */

#define SIGNED_SUMS (RANK_TEST_EXACT_PAIRS * (RANK_TEST_EXACT_PAIRS + 1) + 1)

/* In how many of the 2^n ways to choose signs has W+ each value. */
static double signed_exact(const struct ranked *r, unsigned int n, unsigned int w)
{
	double count[SIGNED_SUMS] = {1};
	unsigned int top = 0;

	for (unsigned int i = 0; i < n; i++) {
		top += r[i].doubled;
		for (unsigned int s = top; s >= r[i].doubled; s--)
			count[s] += count[s - r[i].doubled];
	}
	return two_sided(count, top + 1, w);
}

static double signed_normal(unsigned int n, double w, double ties)
{
	double m = n;
	double variance = m * (m + 1) * (2 * m + 1) / 24 - ties / 48;

	return normal_p(w - m * (m + 1) / 4, variance);
}

struct rank_test rank_test_signed(const double *d, unsigned int n)
{
	struct ranked r[RANK_TEST_MAX];
	bool positive[RANK_TEST_MAX];
	struct rank_test t = {.p = 1};
	unsigned int w = 0;
	double ties;

	must(n <= RANK_TEST_MAX);
	for (unsigned int i = 0; i < n; i++) {
		if (d[i] == 0 || isnan(d[i]))
			continue;
		positive[t.n] = d[i] > 0;
		r[t.n++].value = fabs(d[i]);
	}
	give_ranks(r, t.n, &ties);
	for (unsigned int i = 0; i < t.n; i++)
		w += positive[i] ? r[i].doubled : 0;
	t.statistic = w / 2.0;
	if (!t.n)
		return t;
	t.p = t.n <= RANK_TEST_EXACT_PAIRS ? signed_exact(r, t.n, w)
					   : signed_normal(t.n, t.statistic, ties);
	return t;
}

/* --- two groups ------------------------------------------------------ */

#define MAX_GROUP (RANK_TEST_EXACT_BOTH / 2)
#define BOTH_SUMS (RANK_TEST_EXACT_BOTH * (RANK_TEST_EXACT_BOTH + 1) + 1)

/* In how many ways have k of the n values each sum of (doubled) ranks. k is
 * that of the smaller group. */
static double both_exact(const struct ranked *r, unsigned int n, unsigned int k,
			 unsigned int sum)
{
	double count[MAX_GROUP + 1][BOTH_SUMS];
	unsigned int top = 0;

	memset(count, 0, sizeof(count));
	count[0][0] = 1;
	for (unsigned int i = 0; i < n; i++) {
		unsigned int rank = r[i].doubled;

		top += rank;
		for (unsigned int m = i + 1 < k ? i + 1 : k; m > 0; m--)
			for (unsigned int s = top; s >= rank; s--)
				count[m][s] += count[m - 1][s - rank];
	}
	return two_sided(count[k], top + 1, sum);
}

static double both_normal(double u, double n_a, double n_b, double ties)
{
	double n = n_a + n_b;
	double variance = n_a * n_b / 12 * (n + 1 - ties / (n * (n - 1)));

	return normal_p(u - n_a * n_b / 2, variance);
}

struct rank_test rank_test_two(const double *a, unsigned int n_a, const double *b,
			       unsigned int n_b)
{
	struct rank_test t = {.n = n_a + n_b, .p = 1};
	struct ranked r[RANK_TEST_MAX];
	unsigned int sum_a = 0, sum_b = 0;
	double ties;

	must(t.n <= RANK_TEST_MAX);
	for (unsigned int i = 0; i < t.n; i++)
		r[i].value = i < n_a ? a[i] : b[i - n_a];
	give_ranks(r, t.n, &ties);
	for (unsigned int i = 0; i < t.n; i++)
		*(i < n_a ? &sum_a : &sum_b) += r[i].doubled;
	t.statistic = sum_a / 2.0 - n_a * (n_a + 1) / 2.0;
	if (!n_a || !n_b)
		return t;
	if (t.n > RANK_TEST_EXACT_BOTH)
		t.p = both_normal(t.statistic, n_a, n_b, ties);
	else
		t.p = n_a <= n_b ? both_exact(r, t.n, n_a, sum_a)
				 : both_exact(r, t.n, n_b, sum_b);
	return t;
}
