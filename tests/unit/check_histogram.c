#include <string.h>

#include "base/histogram.h"
#include "runner.h"

static struct histogram h;

static uint64_t lower(unsigned int i)
{
	return i ? histogram_upper(i - 1) : 0;
}

static uint64_t all(void)
{
	return histogram_below(&h, UINT64_MAX);
}

START_TEST(every_value_lies_in_its_bucket)
{
	for (unsigned int bit = 0; bit < 34; bit++) {
		for (int off = -2; off <= 2; off++) {
			uint64_t v = (UINT64_C(1) << bit) + (uint64_t)off;
			unsigned int i = histogram_bucket(v);

			if (v >= UINT64_C(1) << 34)
				continue;
			ck_assert_uint_ge(v, lower(i));
			ck_assert_uint_lt(v, histogram_upper(i));
		}
	}
}
END_TEST

START_TEST(a_bucket_is_at_most_an_eighth_wide)
{
	for (unsigned int i = 8; i < HISTOGRAM_BUCKETS - 1; i++)
		ck_assert_uint_le((histogram_upper(i) - lower(i)) * 8, lower(i));
}
END_TEST

START_TEST(the_last_bucket_takes_what_is_too_long)
{
	histogram_add(&h, UINT64_MAX);
	histogram_add(&h, UINT64_C(1) << 40);
	ck_assert_uint_eq(h.at[HISTOGRAM_BUCKETS - 1], 2);
	ck_assert_uint_eq(histogram_below(&h, UINT64_C(1) << 50), 0);
	ck_assert_uint_eq(all(), 2);
}
END_TEST

START_TEST(adding_counts_and_sums)
{
	histogram_add(&h, 5);
	histogram_add(&h, 5);
	histogram_add(&h, 1000);
	ck_assert_uint_eq(h.n, 3);
	ck_assert_uint_eq(h.sum, 1010);
	ck_assert_uint_eq(h.at[5], 2);
	ck_assert_uint_eq(histogram_below(&h, 4), 0);
	ck_assert_uint_eq(histogram_below(&h, 5), 2);
	ck_assert_uint_eq(all(), 3);
}
END_TEST

START_TEST(below_never_goes_back)
{
	uint64_t before = 0;

	for (uint64_t v = 1; v < 100000000; v = v * 17 / 13 + 1)
		for (int i = 0; i < 7; i++)
			histogram_add(&h, v);
	for (uint64_t us = 0; us < 100000000; us = us * 101 / 100 + 1) {
		uint64_t n = histogram_below(&h, us);

		ck_assert_uint_ge(n, before);
		before = n;
	}
	ck_assert_uint_le(before, all());
}
END_TEST

START_TEST(below_divides_the_bucket_it_falls_in)
{
	/* 512..575 is one bucket */
	for (int i = 0; i < 64; i++)
		histogram_add(&h, 512 + (uint64_t)i);
	ck_assert_uint_eq(histogram_below(&h, 511), 0);
	ck_assert_uint_eq(histogram_below(&h, 543), 32);
	ck_assert_uint_eq(histogram_below(&h, 575), 64);
}
END_TEST

START_TEST(a_quantile_is_within_an_eighth)
{
	static const double qs[] = {0.01, 0.5, 0.9, 0.99, 0.999};

	for (uint64_t v = 1; v <= 100000; v++)
		histogram_add(&h, v);
	for (unsigned int i = 0; i < sizeof(qs) / sizeof(*qs); i++) {
		double want = qs[i] * 100000;
		double got = (double)histogram_quantile(&h, qs[i]);

		ck_assert_double_ge(got, want);
		ck_assert_double_le(got, want * 1.13 + 1);
	}
}
END_TEST

START_TEST(an_empty_one_has_no_quantile)
{
	ck_assert_uint_eq(histogram_quantile(&h, 0.5), 0);
}
END_TEST

START_TEST(merging_adds_up)
{
	struct histogram to;

	memset(&to, 0, sizeof(to));
	histogram_add(&h, 10);
	histogram_add(&h, 100);
	histogram_add(&to, 100);
	histogram_merge(&to, &h);
	ck_assert_uint_eq(to.n, 3);
	ck_assert_uint_eq(to.sum, 210);
	ck_assert_uint_eq(to.at[histogram_bucket(100)], 2);
	ck_assert_uint_eq(h.n, 2);
}
END_TEST

START_TEST(what_came_since_is_what_is_left)
{
	static struct histogram before;

	histogram_add(&h, 10);
	histogram_add(&h, 100000);
	histogram_merge(&before, &h);
	histogram_add(&h, 500);
	histogram_add(&h, 700);
	histogram_subtract(&h, &before);
	ck_assert_uint_eq(h.n, 2);
	ck_assert_uint_eq(h.sum, 1200);
	ck_assert_uint_eq(histogram_below(&h, 400), 0);
	ck_assert_uint_eq(all(), 2);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("histogram");
	TCase *t = tcase_create("histogram");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, every_value_lies_in_its_bucket);
	tcase_add_test(t, a_bucket_is_at_most_an_eighth_wide);
	tcase_add_test(t, the_last_bucket_takes_what_is_too_long);
	tcase_add_test(t, adding_counts_and_sums);
	tcase_add_test(t, below_never_goes_back);
	tcase_add_test(t, below_divides_the_bucket_it_falls_in);
	tcase_add_test(t, a_quantile_is_within_an_eighth);
	tcase_add_test(t, an_empty_one_has_no_quantile);
	tcase_add_test(t, merging_adds_up);
	tcase_add_test(t, what_came_since_is_what_is_left);
	suite_add_tcase(s, t);
	return run_suite(s);
}
