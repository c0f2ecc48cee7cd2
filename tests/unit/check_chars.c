/* Sixteen bytes at once tell what the table tells byte by byte. */
#include <check.h>
#include <stdlib.h>

#include "http/chars.h"
#include "tests/unit/runner.h"

#define MOST 40

static size_t slow_value_span(struct str s)
{
	size_t i = 0;

	while (i < s.len && char_is(s.p[i], CHAR_VALUE))
		i++;
	return i;
}

static bool slow_chars_are(struct str s, unsigned int classes)
{
	for (size_t i = 0; i < s.len; i++)
		if (!char_is(s.p[i], classes))
			return false;
	return true;
}

/* Exactly as long as it says, so that a sanitizer sees each byte too many. */
static char *exact(size_t len)
{
	char *p = malloc(len ? len : 1);

	ck_assert_ptr_nonnull(p);
	memset(p, 'a', len);
	return p;
}

static void check_all(struct str s)
{
	static const unsigned int classes[] = {
		CHAR_TOKEN,
		CHAR_VALUE,
		CHAR_TARGET,
		CHAR_HOST,
		CHAR_AUTHORITY,
		CHAR_NAME,
		CHAR_NAME | CHAR_TOKEN,
		CHAR_VALUE | CHAR_TARGET,
	};

	ck_assert_uint_eq(value_span(s), slow_value_span(s));
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		ck_assert_int_eq(chars_are(s, classes[i]),
				 slow_chars_are(s, classes[i]));
}

START_TEST(each_byte_counts_at_each_place_of_each_length)
{
	size_t len = (size_t)_i;
	char *p = exact(len);

	check_all(str_of(p, len));
	for (size_t at = 0; at < len; at++) {
		for (int c = 0; c < 256; c++) {
			p[at] = (char)c;
			check_all(str_of(p, len));
		}
		p[at] = 'a';
	}
	free(p);
}
END_TEST

START_TEST(a_name_is_folded_up_to_the_first_byte_that_is_no_token)
{
	size_t len = (size_t)_i;
	char *p = exact(len);

	for (size_t at = 0; at < len; at++) {
		for (int c = 0; c < 256; c++) {
			char low = (char)http_token_lower[c];

			memset(p, 'X', len);
			p[at] = (char)c;
			ck_assert_uint_eq(token_fold(p, p + len), low ? len : at);
			for (size_t i = 0; i < at; i++)
				ck_assert_int_eq(p[i], 'x');
			ck_assert_int_eq(p[at], low ? low : (char)c);
			for (size_t i = at + 1; i < len; i++)
				ck_assert_int_eq(p[i], low ? 'x' : 'X');
		}
	}
	free(p);
}
END_TEST

START_TEST(a_bad_byte_behind_a_good_run_of_any_length_is_found)
{
	char *p = exact(MOST);

	for (size_t first = 0; first < MOST; first++) {
		for (size_t second = 0; second < MOST; second++) {
			memset(p, 'a', MOST);
			p[first] = '\n';
			p[second] = '\0';
			ck_assert_uint_eq(value_span(str_of(p, MOST)),
					  first < second ? first : second);
		}
	}
	free(p);
}
END_TEST

/* Also from the middle of a run of sixteen, and with more of them behind it. */
START_TEST(the_first_line_end_is_found_wherever_it_stands)
{
	size_t len = (size_t)_i;
	char *p = exact(len);

	for (size_t from = 0; from <= len; from++)
		ck_assert_ptr_null(find_lf(p + from, p + len));
	for (size_t first = 0; first < len; first++) {
		for (size_t second = first; second < len; second++) {
			p[first] = p[second] = '\n';
			for (size_t from = 0; from <= len; from++) {
				const char *lf = find_lf(p + from, p + len);

				if (lf != memchr(p + from, '\n', len - from))
					ck_abort_msg("%zu and %zu of %zu, from %zu",
						     first, second, len, from);
			}
			p[first] = p[second] = 'a';
		}
	}
	free(p);
}
END_TEST

START_TEST(a_line_end_behind_the_end_is_not_found)
{
	char *p = exact(MOST);

	for (size_t from = 0; from <= MOST; from++) {
		for (size_t end = from; end < MOST; end++) {
			memset(p, '\n', MOST);
			memset(p + from, 'a', end - from);
			ck_assert_ptr_null(find_lf(p + from, p + end));
			ck_assert_ptr_eq(find_lf(p + from, p + end + 1), p + end);
		}
	}
	ck_assert_ptr_null(find_lf(NULL, NULL));
	free(p);
}
END_TEST

START_TEST(no_other_byte_ends_a_line)
{
	char *p = exact(MOST);

	for (int c = 0; c < 256; c++) {
		memset(p, c, MOST);
		for (size_t from = 0; from <= MOST; from++)
			ck_assert_ptr_eq(find_lf(p + from, p + MOST),
					 c == '\n' && from < MOST ? p + from : NULL);
	}
	free(p);
}
END_TEST

static Suite *chars_suite(void)
{
	Suite *s = suite_create("chars");
	TCase *c = tcase_create("spans"), *l = tcase_create("line ends");

	tcase_add_loop_test(c, each_byte_counts_at_each_place_of_each_length, 0,
			    MOST + 1);
	tcase_add_loop_test(c, a_name_is_folded_up_to_the_first_byte_that_is_no_token,
			    0, MOST + 1);
	tcase_add_test(c, a_bad_byte_behind_a_good_run_of_any_length_is_found);
	suite_add_tcase(s, c);
	tcase_add_loop_test(l, the_first_line_end_is_found_wherever_it_stands, 0,
			    MOST + 1);
	tcase_add_test(l, a_line_end_behind_the_end_is_not_found);
	tcase_add_test(l, no_other_byte_ends_a_line);
	suite_add_tcase(s, l);
	return s;
}

int main(void)
{
	return run_suite(chars_suite());
}
