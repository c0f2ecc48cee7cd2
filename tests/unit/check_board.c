#include <math.h>
#include <string.h>

#include "runner.h"
#include "server/board.h"

static const struct {
	double v;
	enum board_kind kind;
	const char *text;
} values[] = {
	{0, BOARD_BYTES, "0 B"},
	{999, BOARD_BYTES, "999 B"},
	{1000, BOARD_BYTES, "1.00 kB"},
	{12345678, BOARD_BYTES, "12.3 MB"},
	{99960000, BOARD_BYTES, "100 MB"},
	{1.5e9, BOARD_BYTES, "1.50 GB"},
	{2.5e13, BOARD_BYTES, "25000 GB"},
	{0, BOARD_US, "0 µs"},
	{0.25, BOARD_US, "0.25 µs"},
	{33.24, BOARD_US, "33.2 µs"},
	{1250, BOARD_US, "1.25 ms"},
	{2e6, BOARD_US, "2.00 s"},
	{0.0042, BOARD_SECONDS, "4.20 ms"},
	{0.005, BOARD_SHARE, "0.50 %"},
	{1, BOARD_SHARE, "100 %"},
	{0, BOARD_RATE, "0"},
	{0.2, BOARD_RATE, "0.20"},
	{99.94, BOARD_RATE, "99.9"},
	{1234.4, BOARD_RATE, "1,234"},
	{7, BOARD_COUNT, "7"},
	{999, BOARD_COUNT, "999"},
	{1234567, BOARD_COUNT, "1,234,567"},
	{1e300, BOARD_COUNT, "1,000,000,000,000,000"},
	{1e300, BOARD_BYTES, "1000000000 GB"},
	{NAN, BOARD_BYTES, "–"},
	{INFINITY, BOARD_COUNT, "–"},
	{-1, BOARD_RATE, "–"},
};

START_TEST(values_have_units_and_three_digits)
{
	char text[BOARD_TEXT_BYTES];

	ck_assert_str_eq(board_value(values[_i].v, values[_i].kind, text),
			 values[_i].text);
}
END_TEST

START_TEST(what_is_not_there_is_a_dash)
{
	json_t *row = json_pack("{s:{s:i, s:s}}", "now", "anon_bytes", 2000000,
				"p50_us", "word");
	char text[BOARD_TEXT_BYTES];

	ck_assert_str_eq(board_cell(row, 0, text), "2.00 MB");
	for (unsigned int i = 1; i < BOARD_N_COLUMNS; i++)
		ck_assert_str_eq(board_cell(row, i, text), "–");
	ck_assert_str_eq(board_cell(NULL, 0, text), "–");
	ck_assert_str_eq(board_string(row, "now"), "");
	json_decref(row);
}
END_TEST

START_TEST(a_ratio_comes_with_its_interval)
{
	json_t *arm = json_pack("{s:{s:f, s:f, s:f}, s:n}", "memory", "ratio", 0.784,
				"low", 0.76, "high", 0.8, "cpu");
	char text[BOARD_TEXT_BYTES];

	ck_assert_str_eq(board_member(arm, "memory", BOARD_RATIO, text),
			 "0.78× (0.76–0.80)");
	ck_assert_str_eq(board_member(arm, "cpu", BOARD_RATIO, text), "–");
	json_decref(arm);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("board");
	TCase *t = tcase_create("board");

	tcase_add_loop_test(t, values_have_units_and_three_digits, 0,
			    (int)(sizeof(values) / sizeof(*values)));
	tcase_add_test(t, what_is_not_there_is_a_dash);
	tcase_add_test(t, a_ratio_comes_with_its_interval);
	suite_add_tcase(s, t);
	return run_suite(s);
}
