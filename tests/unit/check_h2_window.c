/* h2_session: windows, of what comes and of what goes. */
#include "h2_case.h"

/* --- what comes ---------------------------------------------------------------- */

START_TEST(windows_are_opened_again_by_halves)
{
	h2_case_open_server();
	h2_case_post(1);
	h2_case_data(0, 1, 9999);
	h2_case_turn();
	ck_sent("");
	h2_case_data(0, 1, 1); /* half of 20000 */
	h2_case_turn();
	ck_sent("WINDOW 1 10000\n");
	ck_assert_int_eq(h2_case_stream(1)->h2.in_window, 20000);
	h2_case_clear();
	for (unsigned int i = 0; i < 4; i++) {
		h2_case_data(0, 1, 10000);
		h2_case_turn();
	}
	ck_sent("WINDOW 1 10000\nWINDOW 1 10000\nWINDOW 1 10000\n"
		"WINDOW 0 50000\nWINDOW 1 10000\n"); /* half of 100000 */
	ck_assert_int_eq(the.h.in_window, 100000);
	h2_case_close();
}
END_TEST

START_TEST(who_sends_more_than_the_streams_window_is_reset)
{
	h2_case_open_server();
	the.keeps = true;
	h2_case_post(1);
	h2_case_data(0, 1, 10000);
	h2_case_data(0, 1, 10000);
	h2_case_data(0, 1, 0);
	ck_assert(!h2_case_stream(1)->h2.reset_due);
	h2_case_data(0, 1, 1);
	h2_case_turn();
	ck_sent("RST 1 3\n");
	ck_assert_uint_eq(h2_case_stream(1)->n_data, 20000);
	ck_assert_uint_eq(the.h.in_taken, 1); /* what was not given */
	h2_case_close();
}
END_TEST

START_TEST(who_sends_more_than_the_connections_window_is_sent_away)
{
	h2_case_open_server();
	the.keeps = true;
	for (uint32_t id = 1; id < 11; id += 2) {
		h2_case_post(id);
		h2_case_data(0, id, 10000);
		h2_case_data(0, id, 10000);
	}
	h2_case_post(11);
	h2_case_data(0, 11, 0);
	ck_assert(!the.h.over);
	h2_case_clear();
	h2_case_data(0, 11, 1);
	h2_case_turn();
	ck_told("fail 0\n");
	ck_sent("GOAWAY 11 3\n");
	h2_case_close();
}
END_TEST

START_TEST(padding_counts_and_is_given_back_at_once)
{
	static const uint8_t p[] = {200, 'x', 'y'};
	uint8_t payload[203] = {0};

	h2_case_open_server();
	the.keeps = true;
	memcpy(payload, p, sizeof(p));
	h2_case_post(1);
	h2_case_frame(H2_DATA, H2_PADDED, 1, payload, sizeof(payload));
	ck_assert_int_eq(the.h.in_window, 100000 - 203);
	ck_assert_int_eq(h2_case_stream(1)->h2.in_window, 20000 - 203);
	ck_assert_uint_eq(the.h.in_taken, 201);
	ck_assert_uint_eq(h2_case_stream(1)->h2.in_taken, 201);
	ck_assert_uint_eq(h2_case_stream(1)->n_data, 2);
	h2_consume(&the.h, &h2_case_stream(1)->h2, 2);
	ck_assert_uint_eq(the.h.in_taken, 203);
	/* Nothing but padding opens windows too. */
	for (unsigned int i = 0; i < 100; i++)
		h2_case_frame(H2_DATA, H2_PADDED, 1, payload, 201);
	ck_assert(the.h.over ||
		  h2_case_stream(1)->h2.reset_due); /* no turn: too much */
	h2_case_close();
	h2_case_open_server();
	h2_case_post(1);
	for (unsigned int i = 0; i < 1000; i++) {
		h2_case_frame(H2_DATA, H2_PADDED, 1, payload, 201);
		h2_case_turn();
	}
	ck_assert(!the.h.over && h2_case_stream(1)->open);
	ck_assert_int_eq(the.h.in_window + (int32_t)the.h.in_taken, 100000);
	h2_case_close();
}
END_TEST

static void consume_nothing(struct h2_case_stream *s)
{
	if (s->n_data >= 10)
		h2_reset(&the.h, &s->h2, H2_CANCEL);
}

/* Each way in which DATA comes to nothing gives all of it back. */
START_TEST(no_byte_of_the_connections_window_is_lost)
{
	uint8_t padded[] = {4, 'a', 'b', 0, 0, 0, 0};
	uint32_t all = 0;

	h2_case_open_server();
	h2_case_post(1);
	h2_reset(&the.h, &h2_case_stream(1)->h2, H2_CANCEL);
	h2_case_data(0, 1, 100); /* before its RST_STREAM is out */
	h2_case_frame(H2_DATA, H2_PADDED, 1, padded, 7);
	all += 107;
	ck_assert_uint_eq(the.h.in_taken, all);
	h2_case_turn();
	h2_case_data(0, 1, 100); /* and behind it */
	h2_case_frame(H2_DATA, H2_PADDED, 1, padded, 7);
	all += 107;
	ck_assert_uint_eq(the.h.in_taken, all);
	h2_case_head(0, 3,
		     (const char *const[]){":method", "POST", ":scheme", "http",
					   ":path", "/", ":authority", "x",
					   "content-length", "3", NULL});
	h2_case_data(0, 3, 4); /* too long */
	h2_case_frame(H2_DATA, H2_PADDED, 3, padded, 7);
	all += 11;
	ck_assert_uint_eq(the.h.in_taken, all);
	h2_case_post(5);
	h2_case_frame(H2_DATA, H2_PADDED, 5, padded, 7);
	all += 7;
	ck_assert_uint_eq(the.h.in_taken, all);
	the.no_open = true;
	h2_case_post(7);
	h2_case_data(0, 7, 20);
	all += 20;
	ck_assert_uint_eq(the.h.in_taken, all);
	the.no_open = false;
	h2_case_post(9);
	the.on_data = consume_nothing;
	h2_case_data(0, 9, 20);
	h2_case_data(H2_END_STREAM, 9, 20);
	all += 40;
	ck_assert_uint_eq(the.h.in_taken, all);
	h2_case_turn();
	h2_goaway(&the.h);
	h2_case_turn();
	h2_case_post(11);
	h2_case_data(0, 11, 20);
	all += 20;
	ck_assert_uint_eq(the.h.in_taken, all);
	ck_assert_int_eq(the.h.in_window + (int32_t)all, 100000);
	h2_case_close();
}
END_TEST

static void give_back(struct h2_case_stream *s)
{
	h2_consume_conn(&the.h, s->n_data);
}

START_TEST(what_a_stream_gives_back_at_its_end_opens_the_window_at_once)
{
	h2_case_open_server();
	the.conf.window_bytes = 40000;
	the.h.in_window = 40000;
	the.keeps = true;
	for (uint32_t id = 1; id < 4; id += 2) {
		h2_case_post(id);
		h2_case_data(0, id, 10000);
		h2_case_data(0, id, 10000);
	}
	the.on_close = give_back;
	h2_reset(&the.h, &h2_case_stream(1)->h2, H2_CANCEL);
	h2_case_send(); /* once */
	ck_assert_int_eq(the.h.in_window, 20000);
	h2_case_turn();
	ck_sent("RST 1 8\nWINDOW 0 20000\n");
	h2_case_close();
}
END_TEST

static void give_back_sent(struct h2_case_stream *s)
{
	if (s->h2.out_ended)
		h2_consume(&the.h, &s->h2, s->n_data);
}

START_TEST(an_upload_dropped_when_the_answer_is_out_opens_it_too)
{
	h2_case_open_server();
	the.conf.window_bytes = 20000;
	the.h.in_window = 20000;
	the.keeps = true;
	h2_case_post(1);
	h2_case_data(0, 1, 12000);
	h2_case_answer(1, 10, true);
	the.on_sent = give_back_sent;
	h2_case_clear();
	h2_case_send(); /* once */
	ck_assert_int_eq(the.h.in_window, 20000);
	h2_case_turn();
	ck_sent("HEADERS 1 :status=200\nDATA 1 10 end\nWINDOW 1 12000\nWINDOW 0 "
		"12000\n");
	h2_case_close();
}
END_TEST

/* --- a window that is narrower than the first one ------------------------------- */

START_TEST(our_settings_narrow_a_stream_when_they_are_acknowledged)
{
	struct h2_case_stream *s;

	h2_case_client();
	h2_case_open();
	the.keeps = true;
	s = h2_case_ask(false);
	h2_case_turn();
	ck_sent("SETTINGS\nWINDOW 0 34465\n"
		"HEADERS 1 end :method=GET :scheme=http :authority=x :path=/\n");
	h2_case_frame(H2_SETTINGS, 0, 0, NULL, 0);
	h2_case_ok(0, 1);
	ck_assert_int_eq(s->h2.in_window, 65535); /* it does not know better yet */
	for (int i = 0; i < 6; i++)
		h2_case_data(0, 1, 10000);
	ck_assert_uint_eq(s->n_data, 60000);
	h2_case_frame(H2_SETTINGS, H2_ACK, 0, NULL, 0);
	ck_assert_int_eq(s->h2.in_window, 8192 - 60000);
	h2_consume(&the.h, &s->h2, 60000);
	h2_case_turn();
	ck_assert_int_eq(s->h2.in_window, 8192);
	ck_assert(h2_case_has(the.sent, "WINDOW 1 60000\n"));
	h2_case_data(0, 1, 8192);
	ck_assert(!s->h2.reset_due);
	h2_case_data(0, 1, 1);
	ck_assert(s->h2.reset_due);
	ck_assert_int_eq(h2_case_ask(false)->h2.in_window, 8192);
	h2_case_close();
}
END_TEST

START_TEST(a_body_may_end_while_its_window_is_below_zero)
{
	h2_case_client();
	h2_case_open();
	the.keeps = true;
	h2_case_ask(false);
	h2_case_turn();
	h2_case_frame(H2_SETTINGS, 0, 0, NULL, 0);
	h2_case_ok(0, 1);
	h2_case_data(0, 1, 16000);
	h2_case_frame(H2_SETTINGS, H2_ACK, 0, NULL, 0);
	h2_case_clear();
	h2_case_data(H2_END_STREAM, 1, 0);
	ck_told("end 1\nclose 1 0\n");
	h2_case_turn();
	ck_assert(!h2_case_has(the.sent, "RST"));
	h2_case_close();
}
END_TEST

START_TEST(a_wider_window_is_told_and_counts)
{
	struct h2_case_stream *s;

	h2_case_open_client(1, false);
	s = h2_case_stream(1);
	h2_case_ok(0, 1);
	h2_widen(&the.h, &s->h2, 8192); /* no wider */
	h2_widen(&the.h, &s->h2, 100);
	h2_case_turn();
	ck_sent("");
	h2_case_data(0, 1, 4000); /* less than half */
	h2_widen(&the.h, &s->h2, 65536);
	h2_widen(&the.h, &s->h2, 70000);
	h2_case_turn();
	ck_sent("WINDOW 1 65808\n"); /* 70000 - 8192 + 4000 */
	ck_assert_int_eq(s->h2.in_window, 70000);
	h2_case_clear();
	h2_case_data(0, 1, 10000);
	h2_case_turn();
	ck_sent(""); /* half is of the wider one */
	h2_case_data(H2_END_STREAM, 1, 10000);
	h2_case_turn();
	ck_sent("");
	h2_case_close();
}
END_TEST

START_TEST(nobody_widens_a_stream_that_has_ended)
{
	h2_case_open_client(1, true);
	h2_case_ok(0, 1);
	h2_case_data(H2_END_STREAM, 1, 8000);
	h2_case_turn();
	h2_case_clear();
	h2_widen(&the.h, &h2_case_stream(1)->h2, 70000);
	h2_consume_stream(&the.h, &h2_case_stream(1)->h2, 0);
	h2_case_turn();
	ck_sent("");
	h2_case_close();
}
END_TEST

START_TEST(a_widest_window_stays_within_31_bits)
{
	h2_case_open_client(1, false);
	h2_case_ok(0, 1);
	h2_widen(&the.h, &h2_case_stream(1)->h2, INT32_MAX);
	h2_case_turn();
	ck_assert_int_eq(h2_case_stream(1)->h2.in_window, INT32_MAX);
	h2_case_data(0, 1, 10000);
	h2_case_turn();
	ck_sent("WINDOW 1 2147475455\n");
	h2_case_close();
}
END_TEST

/* --- what goes -------------------------------------------------------------------- */

START_TEST(no_more_is_sent_than_the_streams_window_takes)
{
	h2_case_open_asked(1);
	h2_case_answer(1, 100000, true);
	h2_case_window(0, 1000000);
	h2_case_turn();
	ck_assert_uint_eq(the.n_data, 65535);
	ck_assert_int_eq(h2_case_stream(1)->h2.out_window, 0);
	h2_case_clear();
	h2_case_window(1, 1);
	h2_case_turn();
	ck_sent("DATA 1 1\n");
	h2_case_window(1, 100000);
	h2_case_turn();
	ck_assert_uint_eq(the.n_data, 100000);
	ck_told("close 1 0\n");
	h2_case_close();
}
END_TEST

START_TEST(no_more_is_sent_than_the_connections_window_takes)
{
	h2_case_open_asked(3);
	h2_case_window(3, 100000);
	h2_case_answer(1, 40000, true);
	h2_case_answer(3, 90000, true);
	h2_case_answer(5, 10, true);
	h2_case_turn();
	ck_assert_uint_eq(the.n_data, 65535);
	ck_assert_int_eq(the.h.out_window, 0);
	h2_case_clear();
	h2_case_window(0, 64464);
	h2_case_turn();
	ck_assert_uint_eq(the.n_data, 129999);
	h2_case_window(0, 1000);
	h2_case_turn();
	ck_assert(h2_case_has(the.sent, "DATA 3 1 end\n"));
	ck_assert(h2_case_has(the.sent, "DATA 5 10 end\n"));
	h2_case_close();
}
END_TEST

START_TEST(settings_move_the_windows_of_open_streams_below_zero_and_back)
{
	h2_case_open_asked(2);
	h2_case_answer(1, 10000, false);
	h2_case_turn();
	h2_case_setting(H2_INITIAL_WINDOW_SIZE, 0);
	ck_assert_int_eq(h2_case_stream(1)->h2.out_window, -10000);
	ck_assert_int_eq(h2_case_stream(3)->h2.out_window, 0);
	h2_case_more(1, 10, false);
	h2_case_answer(3, 10, true);
	h2_case_clear();
	h2_case_turn();
	ck_sent("SETTINGS ack\nHEADERS 3 :status=200\n");
	h2_case_window(1, 10000);
	h2_case_clear();
	h2_case_turn();
	ck_sent("");
	h2_case_setting(H2_INITIAL_WINDOW_SIZE, 5);
	h2_case_turn();
	ck_sent("SETTINGS ack\nDATA 1 5\nDATA 3 5\n");
	h2_case_clear();
	h2_case_get(5);
	h2_case_answer(5, 6, true);
	h2_case_turn();
	ck_sent("HEADERS 5 :status=200\nDATA 5 5\n");
	h2_case_setting(H2_INITIAL_WINDOW_SIZE, INT32_MAX);
	h2_case_turn();
	ck_assert(h2_case_has(the.sent, "DATA 1 5\n"));
	ck_assert(h2_case_has(the.sent, "DATA 3 5 end\n"));
	ck_assert(h2_case_has(the.sent, "DATA 5 1 end\n"));
	h2_case_close();
}
END_TEST

START_TEST(an_end_needs_no_window)
{
	h2_case_open_asked(3);
	h2_case_setting(H2_INITIAL_WINDOW_SIZE, 0);
	h2_case_answer(1, 0, false);
	h2_case_answer(3, 0, false);
	h2_case_answer(5, 0, false);
	h2_case_turn();
	h2_case_clear();
	h2_case_more(1, 0, true);
	h2_case_field(&h2_case_stream(3)->m.trailers, "x-t", "1");
	h2_case_more(3, 0, true);
	h2_case_more(5, 1, true);
	h2_case_turn();
	ck_sent("DATA 1 0 end\nHEADERS 3 end x-t=1\n");
	h2_case_close();
}
END_TEST

START_TEST(an_end_waits_for_nobody_elses_window)
{
	h2_case_open_asked(3);
	h2_case_answer(3, 0, false);
	h2_case_answer(5, 0, false);
	h2_case_window(1, 100000);
	h2_case_answer(1, 100000, true);
	h2_case_turn();
	ck_assert_int_eq(the.h.out_window, 0);
	h2_case_clear();
	h2_case_more(3, 0, true);
	h2_case_field(&h2_case_stream(5)->m.trailers, "x-t", "1");
	h2_case_more(5, 0, true);
	h2_case_turn();
	ck_sent("DATA 3 0 end\nHEADERS 5 end x-t=1\n");
	h2_case_window(0, 100000);
	h2_case_turn();
	ck_assert(h2_case_has(the.sent, "DATA 1 1"));
	ck_assert_uint_eq(the.h.n_streams, 0);
	h2_case_close();
}
END_TEST

START_TEST(trailers_end_a_body_with_and_without_bytes)
{
	h2_case_open_asked(3);
	h2_case_field(&h2_case_stream(1)->m.trailers, "x-t", "1");
	h2_case_answer(1, 5, true);
	h2_case_field(&h2_case_stream(3)->m.trailers, "x-t", "3");
	h2_case_answer(3, 0, true);
	h2_case_answer(5, 0, true);
	h2_case_turn();
	ck_sent("HEADERS 1 :status=200\nHEADERS 3 :status=200\n"
		"HEADERS 5 end :status=200\nDATA 1 5\nHEADERS 1 end x-t=1\n"
		"HEADERS 3 end x-t=3\n");
	ck_assert_uint_eq(the.h.n_streams, 0);
	h2_case_close();
}
END_TEST

START_TEST(a_request_has_a_body_too)
{
	h2_case_open_client(1, true);
	h2_case_more(1, 70000, false);
	h2_case_turn();
	ck_assert_uint_eq(the.n_data, 65535);
	h2_case_ok(H2_END_STREAM, 1); /* answered before it has all */
	ck_assert(h2_case_stream(1)->open);
	h2_case_window(0, 10000);
	h2_case_window(1, 10000);
	h2_case_more(1, 0, true);
	h2_case_turn();
	ck_assert(h2_case_has(the.sent, "DATA 1 4465 end\n"));
	ck_assert(!h2_case_stream(1)->open);
	h2_case_close();
}
END_TEST

START_TEST(a_socket_that_is_full_holds_the_bodies_back)
{
	h2_case_open_asked(2);
	h2_case_window(0, 1 << 24);
	h2_case_window(1, 1 << 24);
	h2_case_window(3, 1 << 24);
	h2_case_answer(1, 5000000, true);
	h2_case_answer(3, 10, true);
	the.is_deaf = true;
	for (int i = 0; i < 10; i++)
		h2_case_turn();
	ck_assert_uint_lt(the.n_on_sent, 5000000);
	ck_assert(!conn_can_write(the.conn));
	the.is_deaf = false;
	h2_case_turn();
	ck_assert_uint_eq(the.n_data, 5000010);
	ck_assert_uint_eq(the.h.n_streams, 0);
	h2_case_close();
}
END_TEST

static void add_in(TCase *t)
{
	tcase_add_test(t, windows_are_opened_again_by_halves);
	tcase_add_test(t, who_sends_more_than_the_streams_window_is_reset);
	tcase_add_test(t, who_sends_more_than_the_connections_window_is_sent_away);
	tcase_add_test(t, padding_counts_and_is_given_back_at_once);
	tcase_add_test(t, no_byte_of_the_connections_window_is_lost);
	tcase_add_test(t, what_a_stream_gives_back_at_its_end_opens_the_window_at_once);
	tcase_add_test(t, an_upload_dropped_when_the_answer_is_out_opens_it_too);
	tcase_add_test(t, our_settings_narrow_a_stream_when_they_are_acknowledged);
	tcase_add_test(t, a_body_may_end_while_its_window_is_below_zero);
	tcase_add_test(t, a_wider_window_is_told_and_counts);
	tcase_add_test(t, nobody_widens_a_stream_that_has_ended);
	tcase_add_test(t, a_widest_window_stays_within_31_bits);
}

static void add_out(TCase *t)
{
	tcase_add_test(t, no_more_is_sent_than_the_streams_window_takes);
	tcase_add_test(t, no_more_is_sent_than_the_connections_window_takes);
	tcase_add_test(t,
		       settings_move_the_windows_of_open_streams_below_zero_and_back);
	tcase_add_test(t, an_end_needs_no_window);
	tcase_add_test(t, an_end_waits_for_nobody_elses_window);
	tcase_add_test(t, trailers_end_a_body_with_and_without_bytes);
	tcase_add_test(t, a_request_has_a_body_too);
	tcase_add_test(t, a_socket_that_is_full_holds_the_bodies_back);
}

int main(void)
{
	Suite *s = suite_create("h2_window");
	TCase *t = tcase_create("h2_window");

	tcase_set_timeout(t, 60);
	add_in(t);
	add_out(t);
	suite_add_tcase(s, t);
	return run_suite(s);
}
