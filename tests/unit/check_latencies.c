/*
 * What a comparison says of latencies must not come from how they are counted.
 */
#include "lab/latencies.h"
#include "runner.h"

static struct latencies l;

static uint64_t lower(unsigned int i)
{
	return i ? latencies_upper(i - 1) : 0;
}

START_TEST(every_value_lies_in_its_bucket)
{
	for (unsigned int bit = 0; bit < 34; bit++) {
		for (int off = -3; off <= 3; off++) {
			uint64_t v = (UINT64_C(1) << bit) + (uint64_t)off;
			unsigned int i = latencies_bucket(v);

			if (v >= UINT64_C(1) << 34)
				continue;
			ck_assert_uint_ge(v, lower(i));
			ck_assert_uint_lt(v, latencies_upper(i));
		}
	}
}
END_TEST

START_TEST(a_bucket_is_at_most_one_64th_wide)
{
	for (unsigned int i = 64; i < LATENCIES_BUCKETS; i++)
		ck_assert_uint_le((latencies_upper(i) - lower(i)) * 64, lower(i));
}
END_TEST

START_TEST(the_last_bucket_takes_what_is_too_long)
{
	latencies_add(&l, UINT64_MAX);
	latencies_add(&l, UINT64_C(1) << 34);
	ck_assert_uint_eq(l.at[LATENCIES_BUCKETS - 1], 2);
}
END_TEST

/* A server that takes 100 ms: the tail is a few ms above. */
START_TEST(a_narrow_tail_is_told_from_its_middle)
{
	for (unsigned int i = 0; i < 1000; i++)
		latencies_add(&l, 100200 + 4 * i);
	ck_assert_double_eq_tol(latencies_quantile(&l, 0.5), 102200, 500);
	ck_assert_double_eq_tol(latencies_quantile(&l, 0.99), 104160, 500);
}
END_TEST

START_TEST(quantiles_are_within_half_a_bucket)
{
	for (unsigned int i = 1; i <= 100000; i++)
		latencies_add(&l, i);
	for (double q = 0.05; q < 1; q += 0.05)
		ck_assert_double_eq_tol(latencies_quantile(&l, q), q * 100000,
					q * 100000 / 128);
	ck_assert_double_eq(latencies_quantile(&(struct latencies){0}, 0.5), 0);
}
END_TEST

START_TEST(merged_they_are_as_if_added_together)
{
	struct latencies a = {0}, b = {0};

	for (unsigned int i = 0; i < 10000; i++) {
		latencies_add(i % 3 ? &a : &b, i * i);
		latencies_add(&l, i * i);
	}
	latencies_merge(&a, &b);
	ck_assert_mem_eq(&a, &l, sizeof(l));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("latencies");
	TCase *t = tcase_create("latencies");

	tcase_add_checked_fixture(t, choose_system, NULL);
	tcase_add_test(t, every_value_lies_in_its_bucket);
	tcase_add_test(t, a_bucket_is_at_most_one_64th_wide);
	tcase_add_test(t, the_last_bucket_takes_what_is_too_long);
	tcase_add_test(t, a_narrow_tail_is_told_from_its_middle);
	tcase_add_test(t, quantiles_are_within_half_a_bucket);
	tcase_add_test(t, merged_they_are_as_if_added_together);
	suite_add_tcase(s, t);
	return run_suite(s);
}
