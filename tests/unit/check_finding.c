#include <math.h>
#include <string.h>

#include "base/random.h"
#include "runner.h"
#include "server/finding.h"

static struct ratios ratios;

/* n samples around ratio, each like the one before it. */
static void sample(double ratio, double noise, unsigned int n, uint64_t seed)
{
	struct random r;
	double drift = 0;

	random_init(&r, seed);
	memset(&ratios, 0, sizeof(ratios));
	for (unsigned int i = 0; i < n; i++) {
		drift = drift * 0.8 + noise * random_normal(&r);
		ratios_add(&ratios, ratio * exp(drift), 1);
	}
}

START_TEST(a_ratio_is_not_known_before_there_are_enough_samples)
{
	sample(0.9, 0.01, FINDING_MIN_SAMPLES - 1, 1);
	ck_assert(!ratios_mean(&ratios).is_known);
	ratios_add(&ratios, 0, 1);
	ratios_add(&ratios, 1, 0);
	ratios_add(&ratios, NAN, 1);
	ck_assert(!ratios_mean(&ratios).is_known);
	ratios_add(&ratios, 9, 10);
	ck_assert(ratios_mean(&ratios).is_known);
}
END_TEST

START_TEST(the_interval_holds_the_truth_though_samples_are_alike)
{
	unsigned int misses = 0;

	for (uint64_t seed = 1; seed <= 400; seed++) {
		struct ratio r;

		sample(0.9, 0.02, 400, seed);
		r = ratios_mean(&ratios);
		misses += r.low > 0.9 || r.high < 0.9;
	}
	/* 1 % is promised; at 99 in 10,000 by chance */
	ck_assert_uint_le(misses, 9);
}
END_TEST

START_TEST(only_the_last_samples_count)
{
	sample(5, 0.01, 300, 1);
	for (unsigned int i = 0; i < FINDING_MAX_SAMPLES; i++)
		ratios_add(&ratios, 2 + (i % 2) * 0.01, 1);
	ck_assert_uint_eq(ratios.n, FINDING_MAX_SAMPLES);
	ck_assert_double_eq_tol(ratios_mean(&ratios).mean, 2.005, 0.001);
}
END_TEST

START_TEST(a_split_as_asked_is_likely_and_another_is_not)
{
	const double weights[] = {90, 0, 10};
	const double fair[] = {905, 3, 95}, unfair[] = {850, 0, 150};
	const double few[] = {9, 0, 1}, rare[] = {99, 0, 1};

	/* chi-square 0.2778 and 27.78 at 1 degree of freedom */
	ck_assert_double_eq_tol(finding_sample_p(fair, weights, NULL, 3), 0.598, 0.001);
	ck_assert_double_lt(finding_sample_p(unfair, weights, NULL, 3), 2e-7);
	ck_assert(isnan(finding_sample_p(few, weights, NULL, 3)));
	ck_assert_double_gt(finding_sample_p(rare, weights, NULL, 3), 0.002);
	ck_assert(isnan(finding_sample_p(fair, weights, NULL, 1)));
}
END_TEST

START_TEST(slack_makes_the_same_split_more_likely)
{
	const double weights[] = {1, 1}, seen[] = {1100, 1000}, slack[] = {500, 500};

	ck_assert_double_gt(finding_sample_p(seen, weights, slack, 2),
			    finding_sample_p(seen, weights, NULL, 2));
}
END_TEST

START_TEST(bits_tell_how_many_clients_there_were)
{
	double variance;

	ck_assert_double_eq_tol(finding_distinct(0, 32768, &variance), 0, 1e-9);
	ck_assert_double_eq_tol(variance, 0, 1e-9);
	/* 10,000 leave 32768 (1 - e^(-10000/32768)) set */
	ck_assert_double_eq_tol(finding_distinct(8618, 32768, &variance), 10000, 5);
	ck_assert_double_lt(variance, 2000);
	ck_assert(isfinite(finding_distinct(32768, 32768, &variance)));
}
END_TEST

static struct finding good(void)
{
	return (struct finding){.baseline = "a",
				.sample_p = 0.5,
				.load = 1,
				.requests = 5000,
				.memory = {true, 0.87, 0.83, 0.91},
				.cpu = {true, 1.01, 0.97, 1.05}};
}

static void expect_text(const struct finding *f, const char *want)
{
	char text[FINDING_TEXT_BYTES];

	ck_assert_str_eq(finding_text(f, text), want);
}

START_TEST(it_says_what_the_figures_support_and_no_more)
{
	struct finding f = good();

	expect_text(&f, "memory 0.87x (0.83 to 0.91): less than a; CPU per request "
			"1.01x (0.97 to 1.05): no difference seen");
	f.cpu.is_known = false;
	f.memory = (struct ratio){true, 1.2, 1.1, 1.3};
	expect_text(&f, "memory 1.20x (1.10 to 1.30): more than a");
	f.load = 0.11;
	expect_text(&f, "none: one of its workers has 0.11x to do of one of a; give "
			"the arms workers by their weight");
	f.requests = FINDING_MIN_REQUESTS - 1;
	expect_text(&f, "none yet: too little was seen");
	f.sample_p = 0.0009;
	expect_text(&f, "withheld: the split is not what was asked (p = 0.0009)");
	f.is_down = true;
	expect_text(&f, "down: none of its workers stays alive");
	f.drained = "rss 700m > 600m";
	expect_text(&f, "drained: rss 700m > 600m");
}
END_TEST

START_TEST(it_waits_until_there_is_enough_to_judge_the_split)
{
	struct finding f = good();

	f.sample_p = NAN;
	expect_text(&f, "none yet: too little was seen");
	f = good();
	f.memory.is_known = false;
	expect_text(&f, "none yet: too little was seen");
	f.is_baseline = true;
	expect_text(&f, "baseline");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("finding");
	TCase *t = tcase_create("finding");

	tcase_add_checked_fixture(t, choose_system, NULL);
	tcase_add_test(t, a_ratio_is_not_known_before_there_are_enough_samples);
	tcase_add_test(t, the_interval_holds_the_truth_though_samples_are_alike);
	tcase_add_test(t, only_the_last_samples_count);
	tcase_add_test(t, a_split_as_asked_is_likely_and_another_is_not);
	tcase_add_test(t, slack_makes_the_same_split_more_likely);
	tcase_add_test(t, bits_tell_how_many_clients_there_were);
	tcase_add_test(t, it_says_what_the_figures_support_and_no_more);
	tcase_add_test(t, it_waits_until_there_is_enough_to_judge_the_split);
	suite_add_tcase(s, t);
	return run_suite(s);
}
