#include <string.h>

#include "runner.h"
#include "server/memory_rss.h"

static struct memory_part parts[MEMORY_N_PARTS];
static struct mem_counters counters;
static struct mem_stats stats;

static void nothing_known(void)
{
	memset(&counters, 0, sizeof(counters));
	memset(&stats, 0xff, sizeof(stats));
}

static void hold(enum mem_tag tag, uint64_t live, uint64_t asked, uint64_t given)
{
	counters.tag[tag].live_bytes = live;
	counters.tag[tag].asked_bytes = asked;
	counters.tag[tag].given_bytes = given;
}

static int64_t sum(void)
{
	int64_t n = 0;

	for (unsigned int i = 0; i < MEMORY_N_PARTS; i++)
		n += parts[i].bytes;
	return n;
}

START_TEST(the_parts_add_up_whatever_is_known)
{
	static const uint64_t anons[] = {0, 1000, 123456789, 1ull << 40};

	hold(MEM_CONN, 5000, 900, 1000);
	for (unsigned int i = 0; i < 16; i++) {
		nothing_known();
		hold(MEM_CONN, 5000, 900, 1000);
		stats.active = i & 1 ? 9000 : MEM_UNKNOWN;
		stats.resident = i & 2 ? 20000 : MEM_UNKNOWN;
		stats.metadata = i & 4 ? 700 : MEM_UNKNOWN;
		memory_explain(parts, anons[i % 4], i & 8 ? 1234 : MEM_UNKNOWN,
			       &counters, &stats);
		ck_assert_int_eq(sum(), (int64_t)anons[i % 4]);
		ck_assert(parts[MEMORY_REST].known);
	}
}
END_TEST

START_TEST(each_part_is_what_it_says)
{
	hold(MEM_CONN, 5000, 900, 1000);
	hold(MEM_OPENSSL, 1000, 500, 500);
	stats.active = 9000;
	stats.resident = 20000;
	stats.metadata = 700;
	counters.folded_bytes = 800;
	memory_explain(parts, 30000, 4000, &counters, &stats);
	ck_assert_int_eq(parts[MEMORY_ASKED].bytes, 5500);
	ck_assert_int_eq(parts[MEMORY_ROUNDING].bytes, 500);
	ck_assert_int_eq(parts[MEMORY_BETWEEN].bytes, 3000);
	ck_assert_int_eq(parts[MEMORY_CACHED].bytes, 10300);
	ck_assert_int_eq(parts[MEMORY_METADATA].bytes, 700);
	ck_assert_int_eq(parts[MEMORY_PROGRAM].bytes, 4000);
	ck_assert_int_eq(parts[MEMORY_FOLDED].bytes, -800);
	ck_assert_int_eq(parts[MEMORY_REST].bytes, 6800);
}
END_TEST

START_TEST(address_space_is_no_memory)
{
	hold(MEM_CONN, 5000, 900, 1000);
	stats.active = 33 << 20;
	memory_explain(parts, 3 << 20, 0, &counters, &stats);
	ck_assert(!parts[MEMORY_BETWEEN].known);
	ck_assert_int_ge(parts[MEMORY_REST].bytes, 0);
}
END_TEST

START_TEST(what_was_handed_out_but_not_touched_makes_the_rest_negative)
{
	hold(MEM_CONN, 5000, 1000, 1000);
	memory_explain(parts, 2000, MEM_UNKNOWN, &counters, &stats);
	ck_assert_int_eq(parts[MEMORY_REST].bytes, -3000);
}
END_TEST

START_TEST(each_has_a_name_and_a_sentence)
{
	for (unsigned int i = 0; i < MEMORY_N_PARTS; i++) {
		ck_assert_uint_gt(strlen(memory_part_name(i)), 0);
		ck_assert_uint_gt(strlen(memory_part_text(i)), 10);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("memory_rss");
	TCase *t = tcase_create("memory_rss");

	tcase_add_checked_fixture(t, nothing_known, NULL);
	tcase_add_test(t, the_parts_add_up_whatever_is_known);
	tcase_add_test(t, each_part_is_what_it_says);
	tcase_add_test(t, address_space_is_no_memory);
	tcase_add_test(t, what_was_handed_out_but_not_touched_makes_the_rest_negative);
	tcase_add_test(t, each_has_a_name_and_a_sentence);
	suite_add_tcase(s, t);
	return run_suite(s);
}
