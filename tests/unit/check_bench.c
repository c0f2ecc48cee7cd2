#include "lab/bench.h"

#include "base/clock.h"
#include "runner.h"

static struct bench bench;

static double waits_s(struct run r, uint64_t patience_us)
{
	uint64_t begun = clock_mono_us();

	bench.patience_us = patience_us;
	bench_wait(&bench, &r);
	return (double)(clock_mono_us() - begun) / 1e6;
}

START_TEST(a_run_that_the_host_did_not_disturb_is_not_waited_for)
{
	ck_assert_double_lt(
		waits_s((struct run){.cpu_pressure = 1, .steal = 0.04}, 60000000), 0.5);
	ck_assert_uint_eq(bench.patience_us, 60000000);
}
END_TEST

static const struct run disturbed[] = {
	{.steal = 0.2},
	{.memory_pressure = 0.2},
	{.io_pressure = 0.2},
};

START_TEST(after_a_disturbed_run_the_host_must_be_quiet_for_a_second)
{
	double s = waits_s(disturbed[_i], 1200000);

	ck_assert_double_ge(s, 1);
	ck_assert_double_lt(s, 4);
	ck_assert_uint_lt(bench.patience_us, 200001);
}
END_TEST

START_TEST(without_patience_nothing_is_waited_for)
{
	ck_assert_double_lt(waits_s(disturbed[0], 0), 0.5);
	ck_assert_uint_eq(bench.patience_us, 0);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("bench");
	Suite *s = suite_create("bench");

	tcase_set_timeout(t, 30);
	tcase_add_test(t, a_run_that_the_host_did_not_disturb_is_not_waited_for);
	tcase_add_loop_test(
		t, after_a_disturbed_run_the_host_must_be_quiet_for_a_second, 0, 3);
	tcase_add_test(t, without_patience_nothing_is_waited_for);
	suite_add_tcase(s, t);
	return run_suite(s);
}
