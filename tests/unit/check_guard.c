#include "runner.h"
#include "server/guard.h"

static const struct guard_figures calm = {
	.requests = 1000, .errors = 1, .p99_us = 40000, .rss_bytes = 100 << 20};

static const struct guard_conf errors = {
	GUARD_ERROR_RATIO, GUARD_SHARE, 0.005, "0.5%", 3, 5};
static const struct guard_conf slow = {GUARD_P99, GUARD_TIMES, 1.25, "1.25x", 3, 5};
static const struct guard_conf late = {GUARD_P99, GUARD_MS, 50, "50ms", 1, 1};
static const struct guard_conf fat = {GUARD_RSS, GUARD_BYTES, 600 << 20, "600m", 2, 2};
static const struct guard_conf fatter = {GUARD_RSS, GUARD_TIMES, 1.5, "1.5x", 2, 2};

START_TEST(an_arm_that_breaks_a_limit_is_told_from_one_that_keeps_it)
{
	struct guard_figures arm = calm;

	ck_assert_int_eq(guard_judge(&errors, &arm, &calm), JUDGEMENT_KEPT);
	arm.errors = 5;
	ck_assert_int_eq(guard_judge(&errors, &arm, &calm), JUDGEMENT_KEPT);
	arm.errors = 6;
	ck_assert_int_eq(guard_judge(&errors, &arm, &calm), JUDGEMENT_BROKEN);
	arm.p99_us = 50000;
	ck_assert_int_eq(guard_judge(&slow, &arm, &calm), JUDGEMENT_KEPT);
	ck_assert_int_eq(guard_judge(&late, &arm, &calm), JUDGEMENT_KEPT);
	arm.p99_us = 50001;
	ck_assert_int_eq(guard_judge(&slow, &arm, &calm), JUDGEMENT_BROKEN);
	ck_assert_int_eq(guard_judge(&late, &arm, &calm), JUDGEMENT_BROKEN);
	ck_assert_int_eq(guard_judge(&fat, &arm, &calm), JUDGEMENT_KEPT);
	arm.rss_bytes = 601 << 20;
	ck_assert_int_eq(guard_judge(&fat, &arm, &calm), JUDGEMENT_BROKEN);
	ck_assert_int_eq(guard_judge(&fatter, &arm, &calm), JUDGEMENT_BROKEN);
}
END_TEST

START_TEST(what_the_baseline_suffers_too_is_nobodys_fault)
{
	struct guard_figures arm = calm, base = calm;

	arm.errors = base.errors = 500;
	arm.p99_us = base.p99_us = 90000;
	arm.rss_bytes = base.rss_bytes = 900 << 20;
	ck_assert_int_eq(guard_judge(&errors, &arm, &base), JUDGEMENT_NONE);
	ck_assert_int_eq(guard_judge(&late, &arm, &base), JUDGEMENT_NONE);
	ck_assert_int_eq(guard_judge(&fat, &arm, &base), JUDGEMENT_NONE);
	ck_assert_int_eq(guard_judge(&slow, &arm, &base), JUDGEMENT_KEPT);
}
END_TEST

START_TEST(few_requests_are_not_judged)
{
	struct guard_figures arm = calm, base = calm;

	arm.requests = arm.errors = GUARD_MIN_REQUESTS - 1;
	ck_assert_int_eq(guard_judge(&errors, &arm, &base), JUDGEMENT_NONE);
	arm = calm;
	arm.p99_us = 1000000;
	base.requests = 3;
	ck_assert_int_eq(guard_judge(&slow, &arm, &base), JUDGEMENT_NONE);
	/* but an absolute limit needs no baseline */
	ck_assert_int_eq(guard_judge(&late, &arm, &base), JUDGEMENT_BROKEN);
	arm.rss_bytes = 0;
	ck_assert_int_eq(guard_judge(&fat, &arm, &base), JUDGEMENT_NONE);
	base.rss_bytes = 0;
	arm = calm;
	ck_assert_int_eq(guard_judge(&fatter, &arm, &base), JUDGEMENT_NONE);
}
END_TEST

/* b: broken, k: kept, n: none, at each step; the last one drains. */
static bool drains_at_last(const char *steps)
{
	struct guard_memory m = {0};
	bool drains = false;

	for (; *steps; steps++) {
		ck_assert(!drains);
		drains = guard_remember(&m, &slow,
					*steps == 'b'   ? JUDGEMENT_BROKEN
					: *steps == 'k' ? JUDGEMENT_KEPT
							: JUDGEMENT_NONE);
	}
	return drains;
}

START_TEST(three_of_five_drain_and_fewer_do_not)
{
	ck_assert(drains_at_last("bbb"));
	ck_assert(drains_at_last("bkbkb"));
	ck_assert(drains_at_last("bnnnnnnbnnnb"));
	ck_assert(!drains_at_last("bkbkkb"));
	ck_assert(!drains_at_last("bb"));
	ck_assert(!drains_at_last("bbkkkb"));
	ck_assert(drains_at_last("bkkkbbkb"));
}
END_TEST

START_TEST(it_says_what_it_saw)
{
	struct guard_figures arm = calm;
	char text[GUARD_TEXT_BYTES];

	arm.p99_us = 61400;
	arm.errors = 25;
	ck_assert_str_eq(guard_text(&slow, text), "p99 <= 1.25x");
	ck_assert_str_eq(guard_seen_text(&slow, &arm, &calm, "a", text),
			 "p99 61.4 ms, a 40.0 ms");
	ck_assert_str_eq(guard_seen_text(&errors, &arm, &calm, "a", text),
			 "error_ratio 2.50%, a 0.10%");
	arm.rss_bytes = 0;
	ck_assert_str_eq(guard_seen_text(&fat, &arm, &calm, "a", text),
			 "rss unknown, a 100.0 MiB");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("guard");
	TCase *t = tcase_create("guard");

	tcase_add_checked_fixture(t, choose_system, NULL);
	tcase_add_test(t, an_arm_that_breaks_a_limit_is_told_from_one_that_keeps_it);
	tcase_add_test(t, what_the_baseline_suffers_too_is_nobodys_fault);
	tcase_add_test(t, few_requests_are_not_judged);
	tcase_add_test(t, three_of_five_drain_and_fewer_do_not);
	tcase_add_test(t, it_says_what_it_saw);
	suite_add_tcase(s, t);
	return run_suite(s);
}
