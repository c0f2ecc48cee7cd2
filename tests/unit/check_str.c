#include <check.h>
#include <stdlib.h>

#include "base/str.h"

START_TEST(empty_strings_are_equal_whatever_they_point_to)
{
	ck_assert(str_eq(str_of(NULL, 0), STR("")));
	ck_assert(str_eq(str_of("a", 0), str_of(NULL, 0)));
	ck_assert(str_eq_nocase(str_of(NULL, 0), STR("")));
	ck_assert(str_starts(str_of(NULL, 0), str_of(NULL, 0)));
	ck_assert(!str_eq(str_of(NULL, 0), STR("a")));
}
END_TEST

START_TEST(equality_wants_the_same_length_and_bytes)
{
	ck_assert(str_eq(STR("abc"), str_of("abcd", 3)));
	ck_assert(!str_eq(STR("abc"), STR("abcd")));
	ck_assert(!str_eq(STR("abc"), STR("abC")));
	ck_assert(str_eq(STR("a\0b"), STR("a\0b")));
	ck_assert(!str_eq(STR("a\0b"), STR("a\0c")));
	ck_assert(str_eq(str_z("abc"), STR("abc")));
}
END_TEST

START_TEST(case_is_ignored_for_ascii_letters_only)
{
	ck_assert(str_eq_nocase(STR("Content-Type"), STR("cONTENT-tYPE")));
	ck_assert(!str_eq_nocase(STR("@"), STR("`")));
	ck_assert(!str_eq_nocase(STR("["), STR("{")));
	ck_assert(!str_eq_nocase(STR("\xc4"), STR("\xe4")));
	ck_assert(!str_eq_nocase(STR("a"), STR("ab")));
}
END_TEST

START_TEST(a_prefix_may_be_all_or_nothing)
{
	ck_assert(str_starts(STR("abc"), STR("")));
	ck_assert(str_starts(STR("abc"), STR("ab")));
	ck_assert(str_starts(STR("abc"), STR("abc")));
	ck_assert(!str_starts(STR("abc"), STR("abcd")));
	ck_assert(!str_starts(STR("abc"), STR("b")));
}
END_TEST

START_TEST(trimming_takes_spaces_and_tabs_at_both_ends)
{
	ck_assert(str_eq(str_trim(STR(" \t a b\t ")), STR("a b")));
	ck_assert(str_eq(str_trim(STR("\r a \n")), STR("\r a \n")));
	ck_assert_uint_eq(str_trim(STR(" \t ")).len, 0);
	ck_assert_uint_eq(str_trim(STR("")).len, 0);
}
END_TEST

START_TEST(splitting_gives_every_part_also_empty_ones)
{
	struct str rest = STR("a,,b,");
	struct str part;

	ck_assert(str_split(&rest, ',', &part) && str_eq(part, STR("a")));
	ck_assert(str_split(&rest, ',', &part) && !part.len);
	ck_assert(str_split(&rest, ',', &part) && str_eq(part, STR("b")));
	ck_assert(str_split(&rest, ',', &part) && !part.len);
	ck_assert(!str_split(&rest, ',', &part));
	ck_assert_ptr_null(rest.p);
}
END_TEST

START_TEST(splitting_an_empty_string_gives_one_empty_part)
{
	struct str rest = STR("");
	struct str part = STR("x");

	ck_assert(str_split(&rest, ',', &part));
	ck_assert_uint_eq(part.len, 0);
	ck_assert(!str_split(&rest, ',', &part));
}
END_TEST

START_TEST(a_number_is_digits_and_nothing_else)
{
	uint64_t n = 7;

	ck_assert(!str_u64(STR(""), &n));
	ck_assert(!str_u64(STR("+1"), &n));
	ck_assert(!str_u64(STR("-1"), &n));
	ck_assert(!str_u64(STR(" 1"), &n));
	ck_assert(!str_u64(STR("1 "), &n));
	ck_assert(!str_u64(STR("0x1"), &n));
	ck_assert(!str_u64(STR("1/"), &n));
	ck_assert(!str_u64(STR("1:"), &n));
	ck_assert_uint_eq(n, 7);
	ck_assert(str_u64(STR("0"), &n) && n == 0);
	ck_assert(str_u64(STR("0042"), &n) && n == 42);
}
END_TEST

START_TEST(a_number_ends_at_64_bits)
{
	uint64_t n = 7;

	ck_assert(str_u64(STR("18446744073709551615"), &n));
	ck_assert(n == UINT64_MAX);
	n = 7;
	ck_assert(!str_u64(STR("18446744073709551616"), &n));
	ck_assert(!str_u64(STR("18446744073709551620"), &n));
	ck_assert(!str_u64(STR("99999999999999999999999"), &n));
	ck_assert_uint_eq(n, 7);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("str");
	TCase *t = tcase_create("str");
	SRunner *r;
	int failed;

	tcase_add_test(t, empty_strings_are_equal_whatever_they_point_to);
	tcase_add_test(t, equality_wants_the_same_length_and_bytes);
	tcase_add_test(t, case_is_ignored_for_ascii_letters_only);
	tcase_add_test(t, a_prefix_may_be_all_or_nothing);
	tcase_add_test(t, trimming_takes_spaces_and_tabs_at_both_ends);
	tcase_add_test(t, splitting_gives_every_part_also_empty_ones);
	tcase_add_test(t, splitting_an_empty_string_gives_one_empty_part);
	tcase_add_test(t, a_number_is_digits_and_nothing_else);
	tcase_add_test(t, a_number_ends_at_64_bits);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
