#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "h1_case.h"
#include "h1_corpus.h"

static void setup(void)
{
	char err[256] = "";

	ck_assert_msg(mem_choose("system,regions=heap", err, sizeof(err)) == 0, "%s",
		      err);
}

struct split {
	size_t first, step;
};

/* What a reader says of the sample in these pieces. Owns: the caller. */
static char *said(const struct h1_sample *s, bool response, struct split at,
		  const struct h1_limits *limits)
{
	struct h1_case c;
	char *text;

	if (response)
		case_init_response(&c, s->method);
	else
		case_init(&c);
	if (limits)
		c.limits = *limits;
	case_feed(&c, s->bytes.p, s->bytes.len, at.first, at.step);
	text = case_dump(&c);
	case_fini(&c);
	return text;
}

static void same_at_every_split(const struct h1_sample *s, bool response,
				const struct h1_limits *limits)
{
	size_t len = s->bytes.len;
	char *whole = said(s, response, (struct split){len, len}, limits);

	for (size_t at = 0; at <= len; at++) {
		/* at 0: one byte after another; else two pieces. */
		struct split pieces = {at ? at : 1, at ? len : 1};
		char *split = said(s, response, pieces, limits);

		ck_assert_msg(strcmp(whole, split) == 0, "%s, at %zu: %s instead of %s",
			      s->name, at, split, whole);
		free(split);
	}
	free(whole);
}

START_TEST(a_request_is_the_same_however_it_is_split)
{
	same_at_every_split(&h1_requests[_i], false, NULL);
}
END_TEST

START_TEST(a_response_is_the_same_however_it_is_split)
{
	same_at_every_split(&h1_responses[_i], true, NULL);
}
END_TEST

START_TEST(a_limit_is_the_same_however_a_message_is_split)
{
	static const struct h1_limits limits[] = {
		{20, 1000, 100}, {1000, 30, 100}, {1000, 60, 100}, {30, 20, 100},
		{20, 30, 1},     {1000, 1000, 1}, {1000, 1000, 3}, {17, 100, 0},
		{0, 0, 0},       {12, 60, 2},
	};
	const size_t n = sizeof(limits) / sizeof(limits[0]);

	for (size_t i = 0; i < n; i++)
		same_at_every_split(&h1_requests[_i], false, &limits[i]);
}
END_TEST

START_TEST(the_corpus_has_good_and_bad_messages)
{
	size_t good = 0;

	for (size_t i = 0; i < n_h1_requests; i++) {
		struct split whole = {SIZE_MAX, 1};
		char *text = said(&h1_requests[i], false, whole, NULL);

		good += strncmp(text, "result 3", 8) == 0;
		free(text);
	}
	ck_assert_uint_gt(good, 20);
	ck_assert_uint_gt(n_h1_requests - good, 30);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("h1_split");
	TCase *t = tcase_create("splits");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_loop_test(t, a_request_is_the_same_however_it_is_split, 0,
			    (int)n_h1_requests);
	tcase_add_loop_test(t, a_response_is_the_same_however_it_is_split, 0,
			    (int)n_h1_responses);
	tcase_add_loop_test(t, a_limit_is_the_same_however_a_message_is_split, 0,
			    (int)n_h1_requests);
	tcase_add_test(t, the_corpus_has_good_and_bad_messages);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
