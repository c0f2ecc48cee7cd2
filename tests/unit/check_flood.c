#include <check.h>
#include <stdlib.h>

#include "http/h2_ids.h"
#include "proxy/flood.h"

static const struct flood_conf conf = {10000, 5000};

/* How many of these at once until the budget is overdrawn. */
static unsigned int how_many(struct flood *f, uint64_t now_ms, enum flood_event e)
{
	unsigned int n = 0;

	while (flood_spend(f, &conf, now_ms, e, 1))
		n++;
	return n;
}

START_TEST(never_more_than_100_unanswered_requests_can_be_reset_at_once)
{
	struct flood f;

	flood_init(&f, &conf, 1000);
	ck_assert_uint_eq(how_many(&f, 1000, FLOOD_CANCEL), 90);
	flood_init(&f, &conf, 1000);
	ck_assert_uint_eq(how_many(&f, 1000, FLOOD_FAULT), 90);
}
END_TEST

START_TEST(time_fills_the_budget_up_to_the_burst)
{
	struct flood f;

	flood_init(&f, &conf, 0);
	ck_assert_uint_eq(how_many(&f, 0, FLOOD_SETTINGS), 100);
	/* 101 were spent; a second brings 50 */
	ck_assert_uint_eq(how_many(&f, 1000, FLOOD_SETTINGS), 49);
	ck_assert_uint_eq(how_many(&f, 3600000, FLOOD_SETTINGS), 100);
}
END_TEST

START_TEST(a_client_that_lets_requests_be_answered_may_cancel_as_many)
{
	struct flood f;
	bool ok = true;

	flood_init(&f, &conf, 0);
	for (int i = 0; i < 20000; i++) {
		ok &= flood_spend(&f, &conf, 0, FLOOD_CANCEL, 1);
		flood_gain(&f, &conf, FLOOD_GAIN_ANSWER);
	}
	ck_assert(ok);
}
END_TEST

START_TEST(window_updates_are_paid_by_the_data_they_answer)
{
	struct flood f;
	bool ok = true;

	flood_init(&f, &conf, 0);
	for (int i = 0; i < 20000; i++) {
		ok &= flood_spend(&f, &conf, 0, FLOOD_WINDOW, 2);
		flood_gain(&f, &conf, FLOOD_GAIN_DATA);
	}
	ck_assert(ok);
	ck_assert_uint_eq(how_many(&f, 0, FLOOD_WINDOW), 5000);
}
END_TEST

START_TEST(data_frames_of_some_size_are_free_and_single_bytes_are_not)
{
	struct flood f;
	bool ok = true;

	flood_init(&f, &conf, 0);
	for (int i = 0; i < 20000; i++) {
		ok &= flood_spend(&f, &conf, 0, FLOOD_DATA, 1);
		flood_gain_bytes(&f, &conf, 32);
	}
	ck_assert(ok);
	for (int i = 0; i < 20000; i++) {
		if (!flood_spend(&f, &conf, 0, FLOOD_DATA, 1))
			return;
		flood_gain_bytes(&f, &conf, 1);
	}
	ck_abort_msg("single bytes cost nothing");
}
END_TEST

START_TEST(a_burst_of_0_is_no_limit)
{
	static const struct flood_conf none = {0, 0};
	struct flood f;
	bool ok = true;

	flood_init(&f, &none, 0);
	for (int i = 0; i < 20000; i++)
		ok &= flood_spend(&f, &none, 0, FLOOD_CANCEL, 1);
	ck_assert(ok);
}
END_TEST

START_TEST(each_event_costs_something_and_has_a_reason)
{
	for (int e = 0; e < FLOOD_N_EVENTS; e++) {
		ck_assert_uint_gt(flood_cost((enum flood_event)e), 0);
		ck_assert_int_ge(flood_reason((enum flood_event)e), REJECT_RESET_FLOOD);
		ck_assert_int_le(flood_reason((enum flood_event)e),
				 REJECT_CONTROL_FLOOD);
	}
}
END_TEST

/* --- what it is told by --------------------------------------------------- */

START_TEST(ids_are_open_dropped_skipped_or_forgotten)
{
	struct h2_ids ids = {.highest = -1};

	h2_ids_open(&ids, 1);
	h2_ids_open(&ids, 7);
	ck_assert_int_eq(h2_ids_state(&ids, 1), H2_ID_OPENED);
	ck_assert_int_eq(h2_ids_state(&ids, 3), H2_ID_SKIPPED);
	h2_ids_drop(&ids, 7);
	h2_ids_drop(&ids, 3);
	ck_assert_int_eq(h2_ids_state(&ids, 7), H2_ID_DROPPED);
	ck_assert_int_eq(h2_ids_state(&ids, 3), H2_ID_SKIPPED);
	for (int32_t id = 9; id < 9 + 2 * H2_IDS; id += 2)
		h2_ids_open(&ids, id);
	ck_assert_int_eq(h2_ids_state(&ids, 7), H2_ID_FORGOTTEN);
	ck_assert_int_eq(h2_ids_state(&ids, 9), H2_ID_OPENED);
	h2_ids_open(&ids, 100001);
	ck_assert_int_eq(h2_ids_state(&ids, 9), H2_ID_FORGOTTEN);
	ck_assert_int_eq(h2_ids_state(&ids, 99999), H2_ID_SKIPPED);
	ck_assert_int_eq(h2_ids_state(&ids, 100001), H2_ID_OPENED);
	h2_ids_open(&ids, INT32_MAX);
	ck_assert_int_eq(h2_ids_state(&ids, INT32_MAX), H2_ID_OPENED);
	ck_assert_int_eq(h2_ids_state(&ids, 1), H2_ID_FORGOTTEN);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("flood");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_test(t, never_more_than_100_unanswered_requests_can_be_reset_at_once);
	tcase_add_test(t, time_fills_the_budget_up_to_the_burst);
	tcase_add_test(t, a_client_that_lets_requests_be_answered_may_cancel_as_many);
	tcase_add_test(t, window_updates_are_paid_by_the_data_they_answer);
	tcase_add_test(t, data_frames_of_some_size_are_free_and_single_bytes_are_not);
	tcase_add_test(t, a_burst_of_0_is_no_limit);
	tcase_add_test(t, each_event_costs_something_and_has_a_reason);
	tcase_add_test(t, ids_are_open_dropped_skipped_or_forgotten);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
