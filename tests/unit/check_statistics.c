#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "lab/rank_test.h"
#include "base/statistics.h"
#include "lab/verdict.h"
#include "runner.h"

#define N_OF(a) ((unsigned int)(sizeof(a) / sizeof(*(a))))

/* --- descriptions ---------------------------------------------------- */

START_TEST(sorting_puts_any_order_right)
{
	struct random r;
	double v[100];

	random_init(&r, 1);
	for (unsigned int n = 0; n <= N_OF(v); n++) {
		double sum = 0;

		for (unsigned int i = 0; i < n; i++)
			sum += v[i] = (double)random_below(&r, 50);
		statistics_sort(v, n);
		for (unsigned int i = 0; i < n; i++)
			sum -= v[i];
		ck_assert_double_eq(sum, 0);
		for (unsigned int i = 1; i < n; i++)
			ck_assert_double_le(v[i - 1], v[i]);
	}
}
END_TEST

START_TEST(quantiles_are_linear_between_values)
{
	double v[] = {40, 10, 30, 20}; /* R: quantile(c(10,20,30,40)) */

	ck_assert_double_eq(statistics_median(v, 4), 25);
	ck_assert_double_eq(statistics_quantile(v, 4, 0), 10);
	ck_assert_double_eq(statistics_quantile(v, 4, 0.25), 17.5);
	ck_assert_double_eq(statistics_quantile(v, 4, 1), 40);
	ck_assert_double_eq(statistics_quantile(v, 1, 0.9), 10);
	ck_assert(isnan(statistics_quantile(v, 0, 0.5)));
}
END_TEST

START_TEST(mean_and_deviation_are_those_of_a_sample)
{
	double v[] = {2, 4, 4, 4, 5, 5, 7, 9};

	ck_assert_double_eq(statistics_mean(v, 8), 5);
	ck_assert_double_eq_tol(statistics_deviation(v, 8), sqrt(32 / 7.0), 1e-12);
	ck_assert_double_eq(statistics_deviation(v, 1), 0);
	ck_assert(isnan(statistics_mean(v, 0)));
}
END_TEST

/* --- distributions, by the tables in the backs of textbooks ----------- */

START_TEST(normal_distribution_agrees_with_the_table)
{
	ck_assert_double_eq_tol(statistics_normal_below(0), 0.5, 1e-12);
	ck_assert_double_eq_tol(statistics_normal_below(1), 0.84134, 1e-5);
	ck_assert_double_eq_tol(statistics_normal_below(1.96), 0.97500, 1e-5);
	ck_assert_double_eq_tol(statistics_normal_below(-2.58), 0.00494, 1e-5);
}
END_TEST

START_TEST(students_t_agrees_with_the_table)
{
	static const struct {
		unsigned int degrees;
		double t95, t99; /* two-sided 95 % and 99 % */
	} table[] = {
		{1, 12.706, 63.657}, {2, 4.303, 9.925},   {3, 3.182, 5.841},
		{5, 2.571, 4.032},   {7, 2.365, 3.499},   {10, 2.228, 3.169},
		{15, 2.131, 2.947},  {20, 2.086, 2.845},  {30, 2.042, 2.750},
		{60, 2.000, 2.660},  {120, 1.980, 2.617},
	};

	for (unsigned int i = 0; i < N_OF(table); i++) {
		ck_assert_double_eq_tol(statistics_t_quantile(0.975, table[i].degrees),
					table[i].t95, 6e-4);
		ck_assert_double_eq_tol(statistics_t_quantile(0.005, table[i].degrees),
					-table[i].t99, 6e-4);
	}
}
END_TEST

START_TEST(chi_square_agrees_with_the_table)
{
	static const struct {
		double degrees, x, p;
	} table[] = {
		{1, 3.841, 0.05},     {1, 6.635, 0.01},   {1, 10.828, 0.001},
		{2, 5.991, 0.05},     {3, 0.352, 0.95},   {4, 13.277, 0.01},
		{5, 11.070, 0.05},    {10, 18.307, 0.05}, {10, 29.588, 0.001},
		{20, 10.851, 0.95},   {30, 43.773, 0.05}, {60, 79.082, 0.05},
		{100, 124.342, 0.05},
	};

	for (unsigned int i = 0; i < N_OF(table); i++) {
		double p = statistics_chi_square_above(table[i].x, table[i].degrees);

		ck_assert_double_eq_tol(p, table[i].p, table[i].p * 2e-3);
	}
	ck_assert_double_eq(statistics_chi_square_above(0, 3), 1);
}
END_TEST

/* --- signed ranks ---------------------------------------------------- */

/* n differences whose positive ones have ranks that sum up to w. */
static double p_of_sum(unsigned int n, unsigned int w)
{
	double d[64];

	for (unsigned int i = n; i > 0; i--) {
		bool positive = w >= i;

		d[i - 1] = positive ? i : -(double)i;
		w -= positive ? i : 0;
	}
	ck_assert_uint_eq(w, 0);
	return rank_test_signed(d, n).p;
}

/* Wilcoxon 1945 and later; the greatest sum of ranks that is significant in
 * a two-sided test. */
START_TEST(signed_rank_agrees_with_the_table_of_critical_values)
{
	static const unsigned int at_05[] = {0,  2,  3,  5,  8,  10, 13, 17, 21, 25,
					     29, 34, 40, 46, 52, 58, 65, 73, 81, 89};
	static const unsigned int at_01[] = {0,  1,  3,  5,  7,  9,  12, 15, 19,
					     23, 27, 32, 37, 42, 48, 54, 61, 68};

	for (unsigned int n = 6; n <= 25; n++) {
		ck_assert_double_le(p_of_sum(n, at_05[n - 6]), 0.05);
		ck_assert_double_gt(p_of_sum(n, at_05[n - 6] + 1), 0.05);
	}
	for (unsigned int n = 8; n <= 25; n++) {
		ck_assert_double_le(p_of_sum(n, at_01[n - 8]), 0.01);
		ck_assert_double_gt(p_of_sum(n, at_01[n - 8] + 1), 0.01);
	}
}
END_TEST

/* Hollander and Wolfe 1973, p. 29: a depression scale before and after. */
START_TEST(signed_rank_agrees_with_a_worked_example)
{
	static const double x[] = {1.83, 0.50, 1.62, 2.48, 1.68,
				   1.88, 1.55, 3.06, 1.30};
	static const double y[] = {0.878, 0.647, 0.598, 2.05, 1.06,
				   1.29,  1.06,  3.14,  1.29};
	struct rank_test t;
	double d[9];

	for (unsigned int i = 0; i < 9; i++)
		d[i] = x[i] - y[i];
	t = rank_test_signed(d, 9);
	ck_assert_uint_eq(t.n, 9);
	ck_assert_double_eq(t.statistic, 40);
	ck_assert_double_eq_tol(t.p, 0.0390625, 1e-9);
}
END_TEST

/* The definition: all 2^n ways to choose the signs, one by one. */
static double p_by_hand(const double *rank, unsigned int n, double w)
{
	unsigned int below = 0, above = 0;

	for (unsigned int signs = 0; signs < 1u << n; signs++) {
		double sum = 0;

		for (unsigned int i = 0; i < n; i++)
			sum += signs >> i & 1 ? rank[i] : 0;
		below += sum <= w;
		above += sum >= w;
	}
	return fmin(1, 2.0 * (below < above ? below : above) / (1u << n));
}

START_TEST(signed_rank_is_exact_with_ties_and_zeros)
{
	static const double d[] = {0, 2, -2, 2, 5, 0, 5, -1, 7};
	static const double rank[] = {3, 3, 3, 5.5, 5.5, 1, 7};
	struct rank_test t = rank_test_signed(d, N_OF(d));

	ck_assert_uint_eq(t.n, 7);
	ck_assert_double_eq(t.statistic, 3 + 3 + 5.5 + 5.5 + 7);
	ck_assert_double_eq_tol(t.p, p_by_hand(rank, 7, t.statistic), 1e-12);
}
END_TEST

START_TEST(signed_rank_without_differences_says_nothing)
{
	static const double d[] = {0, 0, 0};

	ck_assert_double_eq(rank_test_signed(d, 3).p, 1);
	ck_assert_double_eq(rank_test_signed(d, 0).p, 1);
}
END_TEST

/* The approximation takes over without a step. */
START_TEST(signed_rank_of_many_pairs_is_close_to_exact)
{
	ck_assert_double_eq_tol(p_of_sum(26, 98), 0.05, 0.003);
	ck_assert_double_eq_tol(p_of_sum(40, 264), 0.05, 0.002); /* Zar, B.12 */
}
END_TEST

/* --- two groups ------------------------------------------------------ */

/* Groups without ties, U of the first being u. */
static double p_of_u(unsigned int n_a, unsigned int n_b, unsigned int u)
{
	double a[64], b[64];

	for (unsigned int i = 0; i < n_b; i++)
		b[i] = i + 1;
	for (unsigned int i = 0; i < n_a; i++) {
		unsigned int beats = u < n_b ? u : n_b;

		u -= beats;
		a[i] = beats + 0.5 + i / 1000.0;
	}
	ck_assert_uint_eq(u, 0);
	return rank_test_two(a, n_a, b, n_b).p;
}

/* Mann and Whitney 1947, Auble 1953; two-sided at 5 %. */
START_TEST(mann_whitney_agrees_with_the_table_of_critical_values)
{
	static const struct {
		unsigned int n_a, n_b, u;
	} table[] = {
		{4, 4, 0},    {3, 5, 0},    {4, 8, 4},    {5, 5, 2},
		{5, 10, 8},   {6, 6, 5},    {6, 12, 14},  {7, 7, 8},
		{8, 8, 13},   {8, 16, 31},  {9, 9, 17},   {10, 10, 23},
		{10, 20, 55}, {12, 12, 37}, {15, 15, 64}, {20, 20, 127},
	};

	for (unsigned int i = 0; i < N_OF(table); i++) {
		ck_assert_double_le(p_of_u(table[i].n_a, table[i].n_b, table[i].u),
				    0.05);
		ck_assert_double_gt(p_of_u(table[i].n_a, table[i].n_b, table[i].u + 1),
				    0.05);
	}
}
END_TEST

/* Hollander and Wolfe 1973, p. 69: permeability of a membrane. */
START_TEST(mann_whitney_agrees_with_a_worked_example)
{
	static const double x[] = {0.80, 0.83, 1.89, 1.04, 1.45,
				   1.38, 1.91, 1.64, 0.73, 1.46};
	static const double y[] = {1.15, 0.88, 0.90, 0.74, 1.21};
	struct rank_test t = rank_test_two(x, 10, y, 5);

	ck_assert_double_eq(t.statistic, 35);
	ck_assert_double_eq_tol(t.p, 0.2544, 5e-5);
	ck_assert_double_eq_tol(rank_test_two(y, 5, x, 10).p, t.p, 1e-12);
	ck_assert_double_eq(rank_test_two(y, 5, x, 10).statistic, 50 - 35);
}
END_TEST

START_TEST(mann_whitney_of_equal_values_says_nothing)
{
	static const double v[] = {1, 1, 1, 1, 1};

	ck_assert_double_eq(rank_test_two(v, 5, v, 5).p, 1);
	ck_assert_double_eq(rank_test_two(v, 5, v, 5).statistic, 12.5);
	ck_assert_double_eq(rank_test_two(v, 0, v, 5).p, 1);
}
END_TEST

START_TEST(mann_whitney_of_many_values_is_close_to_exact)
{
	/* z = (162 - 312.5 + .5) / sqrt(25 * 25 * 51 / 12) = -2.91 */
	ck_assert_double_eq_tol(p_of_u(25, 25, 162), 0.0036, 2e-4);
}
END_TEST

/* --- many tests ------------------------------------------------------ */

START_TEST(holm_agrees_with_worked_examples)
{
	double p[] = {0.01, 0.04, 0.03, 0.005};
	double q[] = {0.01, 0.02, 0.03, 0.04, 0.05}; /* R: p.adjust(q, "holm") */
	static const double want[] = {0.05, 0.08, 0.09, 0.09, 0.09};

	statistics_holm(p, 4);
	ck_assert_double_eq_tol(p[0], 0.03, 1e-12);
	ck_assert_double_eq_tol(p[1], 0.06, 1e-12);
	ck_assert_double_eq_tol(p[2], 0.06, 1e-12);
	ck_assert_double_eq_tol(p[3], 0.02, 1e-12);
	statistics_holm(q, 5);
	for (unsigned int i = 0; i < 5; i++)
		ck_assert_double_eq_tol(q[i], want[i], 1e-12);
}
END_TEST

START_TEST(holm_leaves_out_what_was_not_tested)
{
	double p[] = {0.6, NAN, 0.02, 0.7};

	statistics_holm(p, 4);
	ck_assert(isnan(p[1]));
	ck_assert_double_eq_tol(p[2], 0.06, 1e-12);
	ck_assert_double_eq(p[0], 1);
	ck_assert_double_eq(p[3], 1);
}
END_TEST

/* --- the bootstrap --------------------------------------------------- */

/* How often the interval holds the true mean, 0. */
static double coverage(unsigned int n, double level, double (*draw)(struct random *r))
{
	unsigned int hits = 0, rounds = 2000;
	struct random r;
	double v[64];

	random_init(&r, n);
	for (unsigned int i = 0; i < rounds; i++) {
		struct interval ci;

		for (unsigned int j = 0; j < n; j++)
			v[j] = draw(&r);
		ck_assert_int_eq(statistics_bootstrap(v, n, level, 500, i, &ci), 0);
		hits += ci.low <= 0 && ci.high >= 0;
	}
	return (double)hits / rounds;
}

static double skewed(struct random *r)
{
	return random_exponential(r) - 1;
}

/* What a comparison draws if runs are skewed: the log of an arm's value less the
 * mean of the baseline's two. What else the round had in common is not in it. */
static double compared(struct random *r)
{
	return skewed(r) - (skewed(r) + skewed(r)) / 2;
}

/* Student's t with 3 degrees of freedom: now and then a value far away. */
static double stray(struct random *r)
{
	double chi = 0;

	for (unsigned int i = 0; i < 3; i++)
		chi += pow(random_normal(r), 2);
	return random_normal(r) / sqrt(chi / 3);
}

/* The rounds of a campaign: the fewest; a short one's; a minute's with four arms,
 * and with one. Of 2,000 the coverage comes out within a point. */
static const unsigned int n_rounds[] = {6, 8, 10, 16};

START_TEST(bootstrap_covers_the_truth_as_often_as_it_says)
{
	unsigned int n = n_rounds[_i];

	ck_assert_double_ge(coverage(n, 0.95, random_normal), 0.945);
	ck_assert_double_le(coverage(n, 0.95, random_normal), 0.965);
	ck_assert_double_ge(coverage(n, 0.99, random_normal), 0.985);
	ck_assert_double_le(coverage(n, 0.99, random_normal), 0.996);
}
END_TEST

START_TEST(bootstrap_of_values_that_are_not_normal_covers_nearly_as_often)
{
	unsigned int n = n_rounds[_i];

	ck_assert_double_ge(coverage(n, 0.95, compared), 0.935);
	ck_assert_double_ge(coverage(n, 0.95, stray), 0.94);
	ck_assert_double_ge(coverage(n, 0.95, skewed), 0.88);
	ck_assert_double_ge(coverage(n, 0.99, compared), 0.975);
	ck_assert_double_ge(coverage(n, 0.99, stray), 0.985);
	ck_assert_double_ge(coverage(n, 0.99, skewed), 0.93);
}
END_TEST

START_TEST(bootstrap_is_repeated_by_its_seed)
{
	static const double v[] = {1.1, 2, 1.4, 1.2, 1.8, 1.3, 1.6, 20};
	struct interval a, b, c;

	ck_assert_int_eq(statistics_bootstrap(v, 8, 0.95, 1000, 7, &a), 0);
	ck_assert_int_eq(statistics_bootstrap(v, 8, 0.95, 1000, 7, &b), 0);
	ck_assert_int_eq(statistics_bootstrap(v, 8, 0.95, 1000, 8, &c), 0);
	ck_assert_mem_eq(&a, &b, sizeof(a));
	ck_assert_mem_ne(&a, &c, sizeof(a));
}
END_TEST

START_TEST(bootstrap_of_one_value_knows_nothing)
{
	static const double v[] = {1};
	struct interval ci;

	ck_assert_int_eq(statistics_bootstrap(v, 1, 0.95, 100, 1, &ci), 0);
	ck_assert(isinf(ci.low) && isinf(ci.high));
}
END_TEST

/* --- random numbers -------------------------------------------------- */

START_TEST(the_same_seed_gives_the_same_numbers_on_every_host)
{
	struct random r;

	/* splitmix64 and xoshiro256** as their authors publish them: state
	 * {1, 2, 3, 4} starts with these. */
	r = (struct random){{1, 2, 3, 4}};
	ck_assert_uint_eq(random_u64(&r), 11520);
	ck_assert_uint_eq(random_u64(&r), 0);
	ck_assert_uint_eq(random_u64(&r), 1509978240);
	ck_assert_uint_eq(random_u64(&r), 1215971899390074240);
	random_init(&r, 1234567);
	ck_assert_uint_eq(r.s[0], 6457827717110365317u);
	ck_assert_uint_eq(r.s[1], 3203168211198807973u);
}
END_TEST

START_TEST(numbers_below_a_bound_are_equally_likely)
{
	unsigned int count[10] = {0};
	double chi = 0;
	struct random r;

	random_init(&r, 3);
	for (unsigned int i = 0; i < 100000; i++)
		count[random_below(&r, 10)]++;
	for (unsigned int i = 0; i < 10; i++)
		chi += pow(count[i] - 10000.0, 2) / 10000;
	ck_assert_double_gt(statistics_chi_square_above(chi, 9), 0.001);
}
END_TEST

START_TEST(exponential_and_normal_numbers_have_their_moments)
{
	double e = 0, n = 0, n2 = 0;
	struct random r;

	random_init(&r, 4);
	for (unsigned int i = 0; i < 100000; i++) {
		double z = random_normal(&r);

		e += random_exponential(&r);
		n += z;
		n2 += z * z;
	}
	ck_assert_double_eq_tol(e / 100000, 1, 0.01);
	ck_assert_double_eq_tol(n / 100000, 0, 0.01);
	ck_assert_double_eq_tol(n2 / 100000, 1, 0.02);
}
END_TEST

START_TEST(every_order_comes_up)
{
	unsigned int seen[6] = {0}, order[3];
	struct random r;

	random_init(&r, 5);
	for (unsigned int i = 0; i < 6000; i++) {
		random_order(&r, order, 3);
		ck_assert_uint_eq(
			(1u << order[0]) | (1u << order[1]) | (1u << order[2]), 7);
		seen[order[0] * 2 + (order[1] > order[2])]++;
	}
	for (unsigned int i = 0; i < 6; i++)
		ck_assert_uint_gt(seen[i], 850);
}
END_TEST

/* --- verdicts -------------------------------------------------------- */

static struct verdict judge(double effect, double noise, unsigned int n, uint64_t seed,
			    double margin)
{
	struct verdict v, *family = &v;
	struct random r;
	double ratios[64];

	random_init(&r, seed);
	for (unsigned int i = 0; i < n; i++)
		ratios[i] = effect * exp(noise * random_normal(&r));
	ck_assert_int_eq(verdict_measure(&v, ratios, n, seed), 0);
	verdict_decide(&family, 1, margin);
	return v;
}

static unsigned int n_words(double effect, double noise, unsigned int n, double margin,
			    enum verdict_word word)
{
	unsigned int hits = 0;

	for (uint64_t seed = 0; seed < 200; seed++)
		hits += judge(effect, noise, n, seed, margin).word == word;
	return hits;
}

START_TEST(noise_alone_is_seldom_called_a_difference)
{
	unsigned int better = n_words(1, 0.1, 8, 0.03, VERDICT_BETTER);
	unsigned int worse = n_words(1, 0.1, 8, 0.03, VERDICT_WORSE);

	ck_assert_uint_le(better + worse, 16); /* 10 of 200 on average */
	ck_assert_uint_ge(n_words(1, 0.01, 8, 0.03, VERDICT_SAME), 190);
}
END_TEST

START_TEST(a_tenth_more_is_called_worse)
{
	ck_assert_uint_ge(n_words(1.1, 0.03, 8, 0.03, VERDICT_WORSE), 195);
	ck_assert_uint_ge(n_words(1 / 1.1, 0.03, 8, 0.03, VERDICT_BETTER), 195);
}
END_TEST

START_TEST(a_certain_difference_inside_the_margin_is_the_same)
{
	struct verdict v = judge(1.01, 0.001, 8, 1, 0.03);

	ck_assert_double_gt(v.ci.low, 1);
	ck_assert_int_eq(v.word, VERDICT_SAME);
	ck_assert_int_eq(judge(1.01, 0.001, 8, 1, 0.001).word, VERDICT_WORSE);
}
END_TEST

START_TEST(a_ratio_inside_the_margin_is_never_better_or_worse)
{
	static const double ratios[] = {1.012, 1.04,  1.016, 1.03,
					1.013, 1.035, 1.017, 1.05};
	struct verdict v, *family = &v;

	ck_assert_int_eq(verdict_measure(&v, ratios, N_OF(ratios), 1), 0);
	verdict_decide(&family, 1, 0.03);
	ck_assert_double_gt(v.ci.low, 1);
	ck_assert_double_gt(v.ci.high, 1.03);
	ck_assert_double_lt(v.p_holm, 0.05);
	ck_assert_int_eq(v.word, VERDICT_INCONCLUSIVE);
	verdict_decide(&family, 1, 0.02);
	ck_assert_int_eq(v.word, VERDICT_WORSE);
}
END_TEST

START_TEST(few_blocks_give_no_verdict)
{
	ck_assert_int_eq(judge(2, 0.01, 5, 1, 0.03).word, VERDICT_INCONCLUSIVE);
	ck_assert_int_eq(judge(2, 0.01, 6, 1, 0.03).word, VERDICT_WORSE);
	ck_assert(isnan(judge(2, 0.01, 0, 1, 0.03).ratio));
}
END_TEST

START_TEST(a_family_pays_for_its_size)
{
	struct verdict v[4], *family[4];
	double ratios[] = {1.2, 1.3, 1.25, 1.22, 1.31, 1.28};

	for (unsigned int i = 0; i < 4; i++) {
		ck_assert_int_eq(verdict_measure(&v[i], ratios, 6, i), 0);
		family[i] = &v[i];
	}
	verdict_decide(family, 1, 0.03);
	ck_assert_int_eq(v[0].word, VERDICT_WORSE);
	verdict_decide(family, 4, 0.03);
	ck_assert_int_eq(v[0].word, VERDICT_INCONCLUSIVE);
	ck_assert_double_eq_tol(v[0].p_holm, 4 * 0.03125, 1e-12);
}
END_TEST

START_TEST(ratios_that_are_none_are_left_out)
{
	static const double ratios[] = {1.1, NAN, 0, INFINITY, -1, 1.1};
	struct verdict v;

	ck_assert_int_eq(verdict_measure(&v, ratios, 6, 1), 0);
	ck_assert_uint_eq(v.n, 2);
	ck_assert_double_eq_tol(v.ratio, 1.1, 1e-12);
}
END_TEST

static TCase *add(Suite *s, const char *name)
{
	TCase *t = tcase_create(name);

	tcase_add_checked_fixture(t, choose_system, NULL);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return t;
}

static void add_tests(Suite *s)
{
	TCase *t = add(s, "describe");

	tcase_add_test(t, sorting_puts_any_order_right);
	tcase_add_test(t, quantiles_are_linear_between_values);
	tcase_add_test(t, mean_and_deviation_are_those_of_a_sample);
	tcase_add_test(t, normal_distribution_agrees_with_the_table);
	tcase_add_test(t, students_t_agrees_with_the_table);
	tcase_add_test(t, chi_square_agrees_with_the_table);
	t = add(s, "ranks");
	tcase_add_test(t, signed_rank_agrees_with_the_table_of_critical_values);
	tcase_add_test(t, signed_rank_agrees_with_a_worked_example);
	tcase_add_test(t, signed_rank_is_exact_with_ties_and_zeros);
	tcase_add_test(t, signed_rank_without_differences_says_nothing);
	tcase_add_test(t, signed_rank_of_many_pairs_is_close_to_exact);
	tcase_add_test(t, mann_whitney_agrees_with_the_table_of_critical_values);
	tcase_add_test(t, mann_whitney_agrees_with_a_worked_example);
	tcase_add_test(t, mann_whitney_of_equal_values_says_nothing);
	tcase_add_test(t, mann_whitney_of_many_values_is_close_to_exact);
	tcase_add_test(t, holm_agrees_with_worked_examples);
	tcase_add_test(t, holm_leaves_out_what_was_not_tested);
}

static void add_more_tests(Suite *s)
{
	TCase *t = add(s, "random");

	tcase_add_loop_test(t, bootstrap_covers_the_truth_as_often_as_it_says, 0,
			    N_OF(n_rounds));
	tcase_add_loop_test(
		t, bootstrap_of_values_that_are_not_normal_covers_nearly_as_often, 0,
		N_OF(n_rounds));
	tcase_add_test(t, bootstrap_is_repeated_by_its_seed);
	tcase_add_test(t, bootstrap_of_one_value_knows_nothing);
	tcase_add_test(t, the_same_seed_gives_the_same_numbers_on_every_host);
	tcase_add_test(t, numbers_below_a_bound_are_equally_likely);
	tcase_add_test(t, exponential_and_normal_numbers_have_their_moments);
	tcase_add_test(t, every_order_comes_up);
	t = add(s, "verdict");
	tcase_add_test(t, noise_alone_is_seldom_called_a_difference);
	tcase_add_test(t, a_tenth_more_is_called_worse);
	tcase_add_test(t, a_certain_difference_inside_the_margin_is_the_same);
	tcase_add_test(t, a_ratio_inside_the_margin_is_never_better_or_worse);
	tcase_add_test(t, few_blocks_give_no_verdict);
	tcase_add_test(t, a_family_pays_for_its_size);
	tcase_add_test(t, ratios_that_are_none_are_left_out);
}

int main(void)
{
	Suite *s = suite_create("statistics");

	add_tests(s);
	add_more_tests(s);
	return run_suite(s);
}
