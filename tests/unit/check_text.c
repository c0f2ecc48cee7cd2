#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "runner.h"

static struct text t;

static void start(void)
{
	choose_system();
	text_init(&t, MEM_TICK);
}

static void end(void)
{
	text_fini(&t);
	text_fini(&t);
	ck_assert_uint_eq(mem_live(mem_counters(), MEM_TICK), 0);
}

START_TEST(an_empty_text_holds_no_memory)
{
	ck_assert_uint_eq(text_str(&t).len, 0);
	ck_assert_uint_eq(mem_live(mem_counters(), MEM_TICK), 0);
}
END_TEST

START_TEST(what_is_added_stands_in_order)
{
	text_z(&t, "a=");
	text_u64(&t, UINT64_MAX);
	text_char(&t, ',');
	text_add(&t, "bcd", 2);
	text_printf(&t, "%s%d", ",c", -5);
	ck_assert_str_eq(t.p, "a=18446744073709551615,bc,c-5");
	ck_assert_uint_eq(t.len, strlen(t.p));
}
END_TEST

START_TEST(decimals_have_no_trailing_zeros)
{
	static const struct {
		uint64_t v;
		unsigned int digits;
		const char *text;
	} cases[] = {
		{0, 6, "0.0"},
		{1, 6, "0.000001"},
		{500, 6, "0.0005"},
		{1000000, 6, "1.0"},
		{1500000, 6, "1.5"},
		{123456789, 9, "0.123456789"},
		{10000000000, 9, "10.0"},
		{UINT64_MAX, 6, "18446744073709.551615"},
	};

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		text_reset(&t);
		text_decimal(&t, cases[i].v, cases[i].digits);
		ck_assert_str_eq(t.p, cases[i].text);
	}
}
END_TEST

START_TEST(it_grows_as_far_as_it_must)
{
	for (int i = 0; i < 100000; i++)
		text_printf(&t, "%05d", i);
	ck_assert(!t.failed);
	ck_assert_uint_eq(t.len, 500000);
	for (int i = 0; i < 100000; i += 997) {
		char want[16];

		snprintf(want, sizeof(want), "%05d", i);
		ck_assert_int_eq(memcmp(t.p + i * 5, want, 5), 0);
	}
}
END_TEST

START_TEST(every_length_around_a_growth_is_right)
{
	char *big = malloc(9000);

	memset(big, 'x', 9000);
	for (size_t n = 4090; n < 4100; n++) {
		text_fini(&t);
		text_add(&t, big, n);
		text_printf(&t, "%s", "end");
		ck_assert_uint_eq(t.len, n + 3);
		ck_assert_str_eq(t.p + n, "end");
	}
	free(big);
}
END_TEST

START_TEST(a_reset_keeps_the_memory)
{
	text_z(&t, "abc");
	text_reset(&t);
	ck_assert_uint_eq(t.len, 0);
	ck_assert_uint_gt(mem_live(mem_counters(), MEM_TICK), 0);
	text_z(&t, "d");
	ck_assert_str_eq(t.p, "d");
}
END_TEST

START_TEST(without_memory_it_fails_once_and_for_all)
{
	char spec[32], err[128];

	snprintf(spec, sizeof(spec), "system+fail=%d", _i);
	ck_assert_msg(mem_choose(spec, err, sizeof(err)) == 0, "%s", err);
	text_init(&t, MEM_TICK);
	for (int i = 0; i < 1000; i++)
		text_printf(&t, "%060d", i);
	ck_assert(t.failed);
	ck_assert_uint_lt(t.len, 60000);
	for (size_t i = 0; i * 60 < t.len; i++) /* what is there is right */
		ck_assert_int_eq(t.p[i * 60 + 59], (char)('0' + i % 10));
	end();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("text");
	TCase *c = tcase_create("text"), *oom = tcase_create("without memory");

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, start, end);
	tcase_add_test(c, an_empty_text_holds_no_memory);
	tcase_add_test(c, what_is_added_stands_in_order);
	tcase_add_test(c, decimals_have_no_trailing_zeros);
	tcase_add_test(c, it_grows_as_far_as_it_must);
	tcase_add_test(c, every_length_around_a_growth_is_right);
	tcase_add_test(c, a_reset_keeps_the_memory);
	suite_add_tcase(s, c);
	tcase_set_timeout(oom, 60);
	tcase_add_loop_test(oom, without_memory_it_fails_once_and_for_all, 1, 5);
	suite_add_tcase(s, oom);
	return run_suite(s);
}
