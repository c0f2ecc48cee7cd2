/*
 * h2_session: what is sent: in which order, heads of any size, interim answers; what
 * an owner may do meanwhile; and all of it without memory.
 */
#include "h2_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* --- order (RFC 9218) --------------------------------------------------------------
 */

static void ask_with(uint32_t id, const char *priority)
{
	h2_case_head(H2_END_STREAM, id,
		     (const char *const[]){":method", "GET", ":scheme", "http", ":path",
					   "/", ":authority", "x", "priority", priority,
					   NULL});
	h2_case_answer((int32_t)id, 20000, true);
}

START_TEST(bodies_go_by_urgency_and_in_turn_where_that_is_wanted)
{
	h2_case_open_server();
	h2_case_window(0, 1 << 20);
	ask_with(1, "u=5");
	ask_with(3, "i");
	ask_with(5, "u=3, i");
	ask_with(7, "u=1");
	ask_with(9, "u=9, nonsense"); /* as if nothing was said */
	ask_with(11, "u=1");
	h2_case_turn();
	ck_assert_uint_eq(the.n_data, 120000);
	ck_assert_str_eq(strstr(the.sent, "DATA"), "DATA 7 16370\nDATA 7 3630 end\n"
						   "DATA 11 16370\nDATA 11 3630 end\n"
						   "DATA 3 16370\nDATA 5 16370\n"
						   "DATA 9 16370\nDATA 9 3630 end\n"
						   "DATA 3 3630 end\nDATA 5 3630 end\n"
						   "DATA 1 16370\nDATA 1 3630 end\n");
	h2_case_close();
}
END_TEST

/* --- blocks --------------------------------------------------------------------------
 */

START_TEST(a_large_head_goes_in_pieces)
{
	static char value[5][20001];

	h2_case_open_asked(2);
	for (int i = 0; i < 5; i++) {
		memset(value[i], 1 + i, 20000); /* Huffman makes them longer */
		h2_case_field(&h2_case_stream(1)->m.headers, i ? "b" : "a", value[i]);
		h2_case_field(&h2_case_stream(1)->m.trailers, "c", value[i]);
	}
	h2_case_answer(1, 10, true);
	h2_case_field(&h2_case_stream(3)->m.headers, "d", "e");
	h2_case_answer(3, 0, true);
	h2_case_turn();
	ck_assert(h2_case_has(the.sent, "HEADERS 1 :status=200"));
	ck_assert(h2_case_has(the.sent, "CONTINUATION 1"));
	ck_assert_ptr_nonnull(strstr(the.sent, " a=(20000)"));
	ck_assert_ptr_nonnull(strstr(the.sent, " b=(20000)"));
	ck_assert_ptr_nonnull(strstr(the.sent, " c=(20000)"));
	ck_assert(h2_case_has(the.sent, "HEADERS 3 end :status=200 d=e\n"));
	ck_assert_uint_eq(the.h.n_streams, 0);
	h2_case_close();
}
END_TEST

/* Around the size of a frame, to the byte. */
START_TEST(a_head_of_about_one_frame_goes_whole)
{
	static char value[H2_PAYLOAD_BYTES + 100];

	for (size_t n = H2_PAYLOAD_BYTES - 20; n < H2_PAYLOAD_BYTES + 20; n++) {
		h2_case_open_asked(1);
		memset(value, 1, n);
		value[n] = '\0';
		h2_case_field(&h2_case_stream(1)->m.headers, "a", value);
		h2_case_answer(1, 0, true);
		h2_case_turn();
		ck_assert_ptr_nonnull(strstr(the.sent, " a=("));
		h2_case_close();
	}
}
END_TEST

static struct message info;

static void make_info(const char *value)
{
	message_init(&info);
	info.status = 103;
	h2_case_field(&info.headers, "link", value);
}

START_TEST(interim_answers_go_before_the_answer_and_in_their_order)
{
	h2_case_open_asked(2);
	make_info("a");
	ck_assert_int_eq(h2_inform(&the.h, &h2_case_stream(1)->h2, &info), 0);
	make_info("b");
	ck_assert_int_eq(h2_inform(&the.h, &h2_case_stream(3)->h2, &info), 0);
	h2_case_answer(1, 0, true);
	make_info("a"); /* packed by the table */
	ck_assert_int_eq(h2_inform(&the.h, &h2_case_stream(3)->h2, &info), 0);
	ck_assert_uint_gt(h2_waiting_bytes(&the.h), 0);
	h2_case_answer(3, 0, true);
	h2_case_turn();
	ck_sent("HEADERS 1 :status=103 link=a\nHEADERS 3 :status=103 link=b\n"
		"HEADERS 3 :status=103 link=a\nHEADERS 1 end :status=200\n"
		"HEADERS 3 end :status=200\n");
	h2_case_close();
}
END_TEST

static void inform_other(struct h2_case_stream *s)
{
	if (s->h2.id != 1)
		return;
	make_info("c");
	ck_assert_int_eq(h2_inform(&the.h, &h2_case_stream(5)->h2, &info), 0);
	h2_case_field(&h2_case_stream(5)->m.headers, "x-new", "1");
	if (!h2_case_stream(5)->m.status)
		h2_case_answer(5, 0, true);
}

START_TEST(an_interim_answer_while_it_sends_keeps_hpack_in_step)
{
	h2_case_open_asked(3);
	the.on_sent = inform_other;
	h2_case_field(&h2_case_stream(1)->m.headers, "x-a", "1");
	h2_case_field(&h2_case_stream(3)->m.headers, "x-b", "1");
	h2_case_field(&h2_case_stream(3)->m.trailers, "x-new", "1");
	h2_case_answer(1, 0, true); /* on_sent() within the first pass */
	h2_case_answer(3, 5, true);
	h2_case_turn();
	ck_sent("HEADERS 1 end :status=200 x-a=1\nHEADERS 5 :status=103 link=c\n"
		"HEADERS 3 :status=200 x-b=1\nHEADERS 5 end :status=200 x-new=1\n"
		"DATA 3 5\nHEADERS 3 end x-new=1\n");
	h2_case_close();
}
END_TEST

START_TEST(an_interim_answer_among_bodies_keeps_hpack_in_step)
{
	h2_case_open_asked(3);
	the.on_sent = inform_other;
	h2_case_answer(1, 20000, true);
	h2_case_turn();
	ck_sent("HEADERS 1 :status=200\nDATA 1 16370\nHEADERS 5 :status=103 link=c\n"
		"DATA 1 3630 end\nHEADERS 5 :status=103 link=c\n"
		"HEADERS 5 end :status=200 x-new=1 x-new=1\n");
	h2_case_close();
}
END_TEST

/* The peer's decoder takes a larger table from when it sees our ACK, not before; and
 * a smaller one from there on. */
START_TEST(blocks_and_acks_of_the_tables_size_keep_their_order)
{
	h2_case_open_asked(1);
	make_info("a");
	ck_assert_int_eq(h2_inform(&the.h, &h2_case_stream(1)->h2, &info), 0);
	h2_case_setting(H2_HEADER_TABLE_SIZE, 0);
	h2_case_turn();
	ck_sent("HEADERS 1 :status=103 link=a\nSETTINGS ack\n");
	h2_case_peer_table(0);
	h2_case_clear();
	h2_case_setting(H2_HEADER_TABLE_SIZE, 4096);
	ck_assert_int_eq(h2_inform(&the.h, &h2_case_stream(1)->h2, &info), 0);
	h2_case_frame(H2_SETTINGS, 0, 0, NULL, 0);
	h2_case_peer_table(4096);
	h2_case_turn();
	ck_sent("SETTINGS ack\nHEADERS 1 :status=103 link=a\nSETTINGS ack\n");
	h2_case_close();
}
END_TEST

START_TEST(interim_answers_that_nobody_takes_are_bounded)
{
	static char value[4001];
	int lost = 0;

	h2_case_open_asked(1);
	memset(value, 'v', 4000);
	make_info(value);
	for (int i = 0; i < 100; i++)
		lost += h2_inform(&the.h, &h2_case_stream(1)->h2, &info) != 0;
	ck_assert_int_gt(lost, 0);
	ck_assert_uint_le(h2_waiting_bytes(&the.h), 80 * 1024);
	h2_case_frame(H2_PING, 0, 0, P("12345678"));
	ck_assert(!the.h.over); /* the client floods nobody */
	h2_case_answer(1, 0, true);
	h2_case_turn();
	ck_assert(h2_case_has(the.sent, "HEADERS 1 :status=103 link=(4000)\n"));
	ck_assert(h2_case_has(the.sent, "HEADERS 1 end :status=200\n"));
	h2_case_close();
}
END_TEST

/* --- owners that do much at once -----------------------------------------------------
 */

static unsigned int n_calls;

static void reset_others(struct h2_case_stream *s)
{
	for (unsigned int i = 0; i < the.n_streams; i++)
		if (the.streams[i].open && &the.streams[i] != s)
			h2_reset(&the.h, &the.streams[i].h2, H2_CANCEL);
	n_calls++;
}

START_TEST(who_is_told_of_bytes_sent_may_reset_all_others)
{
	h2_case_open_asked(5);
	the.on_sent = reset_others;
	for (int32_t id = 1; id < 11; id += 2)
		h2_case_answer(id, 5000, true);
	h2_case_turn();
	ck_assert(h2_case_has(the.sent, "DATA 1 5000 end\n"));
	ck_assert(!h2_case_has(the.sent, "DATA 3"));
	ck_assert(h2_case_has(the.sent, "RST 3 8\nRST 5 8\nRST 7 8\nRST 9 8\n"));
	ck_assert_uint_eq(the.h.n_streams, 0);
	ck_assert_uint_eq(n_calls, 1);
	h2_case_close();
}
END_TEST

static void reset_self(struct h2_case_stream *s)
{
	h2_reset(&the.h, &s->h2, H2_INTERNAL_ERROR);
}

START_TEST(who_is_told_of_bytes_sent_may_reset_that_stream)
{
	h2_case_open_server();
	the.on_sent = reset_self;
	ask_with(1, "i");
	ask_with(3, "u=3");
	h2_case_get(5);
	h2_case_answer(5, 0, true);
	h2_case_clear();
	h2_case_turn();
	ck_sent("HEADERS 1 :status=200\nHEADERS 3 :status=200\n"
		"HEADERS 5 end :status=200\nRST 5 2\n"
		"DATA 1 16370\nDATA 3 16370\nRST 1 2\nRST 3 2\n");
	ck_told("close 5 2\nclose 1 2\nclose 3 2\n");
	h2_case_close();
}
END_TEST

static void ask_again(struct h2_case_stream *s)
{
	(void)s;
	if (the.n_streams < 100)
		h2_case_ask(false);
}

START_TEST(who_is_told_of_an_end_may_ask_anew)
{
	h2_case_open_client(10, true);
	the.on_close = ask_again;
	for (unsigned int i = 0; i < 10; i++)
		h2_reset(&the.h, &the.streams[i].h2, H2_CANCEL);
	h2_case_turn();
	ck_assert_uint_eq(the.n_streams, 20);
	ck_assert_uint_eq(the.h.n_streams, 10);
	for (uint32_t id = 21; id < 199; id += 2) {
		h2_case_ok(H2_END_STREAM, id);
		h2_case_turn();
	}
	ck_assert(!the.h.over);
	ck_assert_uint_eq(the.n_streams, 100);
	h2_case_close();
}
END_TEST

static void end_it(struct h2_case_stream *s)
{
	(void)s;
	h2_end(&the.h, H2_ENHANCE_YOUR_CALM);
}

START_TEST(who_is_told_of_bytes_sent_may_end_it_all)
{
	h2_case_open_asked(3);
	the.on_sent = end_it;
	h2_case_answer(1, 20000, true);
	h2_case_answer(3, 0, true);
	h2_case_answer(5, 0, true);
	h2_case_turn();
	ck_sent("HEADERS 1 :status=200\nHEADERS 3 end :status=200\nGOAWAY 5 11\n");
	ck_assert(h2_is_over(&the.h));
	h2_case_close();
}
END_TEST

START_TEST(a_stream_is_due_once_whatever_is_wanted_of_it)
{
	struct h2_stream *s;

	h2_case_open_server();
	the.keeps = true;
	h2_case_post(1);
	h2_case_data(0, 1, 16000);
	s = &h2_case_stream(1)->h2;
	h2_consume(&the.h, s, 16000);
	h2_case_answer(1, 10, true);
	h2_widen(&the.h, s, 30000);
	h2_data(&the.h, s);
	h2_case_clear();
	h2_case_turn();
	ck_sent("WINDOW 1 26000\nHEADERS 1 :status=200\nDATA 1 10 end\n");
	h2_consume(&the.h, s, 0);
	h2_reset(&the.h, s, H2_NO_ERROR);
	h2_data(&the.h, s);
	h2_widen(&the.h, s, 40000);
	h2_case_clear();
	h2_case_turn();
	ck_sent("RST 1 0\n");
	ck_told("close 1 0\n");
	ck_assert(list_empty(&the.h.due) && list_empty(&the.h.ready));
	h2_case_close();
}
END_TEST

/* --- without memory
 * -------------------------------------------------------------------- */

static _Atomic uint64_t *orders; /* of +fail=file: calls until one fails; calls */

static void choose_failing(void)
{
	int fd = memfd_create("orders", MFD_CLOEXEC);
	char spec[64];

	ck_assert_int_eq(ftruncate(fd, 16), 0);
	orders = mmap(NULL, 16, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne((void *)orders, MAP_FAILED);
	snprintf(spec, sizeof(spec), "system+fail=file=/proc/self/fd/%d,regions=heap",
		 fd);
	choose_allocator(spec);
	close(fd);
}

/* A part of each: an upload, an interim answer, answers, trailers, many streams. */
static void much(void)
{
	for (uint32_t id = 3; id < 40; id += 2)
		h2_case_get(id);
	if (the.h.over)
		return;
	h2_case_frame(H2_PING, 0, 0, P("12345678"));
	for (unsigned int i = 0; i < the.n_streams; i++) {
		struct h2_case_stream *s = &the.streams[i];

		if (!s->open || h2_inform(&the.h, &s->h2, &info) != 0)
			continue;
		s->m.status = 200;
		s->body.ended = true;
		h2_answer(&the.h, &s->h2);
	}
	h2_case_turn();
}

START_TEST(each_allocation_may_fail)
{
	uint64_t n;

	choose_failing();
	for (uint64_t nth = 0;; nth++) {
		bool made;

		h2_case_server();
		h2_case_open();
		h2_case_greet();
		h2_case_post(1);
		h2_case_field(&h2_case_stream(1)->m.trailers, "x-t", "1");
		ck_assert_int_eq(body_put(&h2_case_stream(1)->body, "hello", 5), 0);
		make_info("a"); /* the case's own does not fail */
		orders[0] = nth;
		n = orders[1];
		much();
		n = orders[1] - n;
		made = orders[0] > 0 || !nth;
		orders[0] = 0;
		h2_case_turn();
		/* The smallest thing is refused, or all is over with a reason. */
		ck_assert_int_eq(the.h.over,
				 strstr(h2_case_told(), "fail 3\n") != NULL);
		ck_assert(!the.h.over || h2_is_over(&the.h));
		h2_case_close();
		if (nth && made)
			break;
		ck_assert_uint_lt(nth, 1000);
	}
	ck_assert_uint_gt(n, 3);
}
END_TEST

START_TEST(bytes_before_trailers_without_memory_are_told_as_sent)
{
	static char value[400];
	uint64_t nth = 1;
	bool failed;

	memset(value, 'v', sizeof(value) - 1);
	choose_failing();
	do {
		h2_case_server();
		h2_case_open();
		h2_case_greet();
		h2_case_get(1);
		for (int i = 0; i < 60; i++) /* too large for the loop's frame */
			h2_case_field(&h2_case_stream(1)->m.trailers, "x-trailer",
				      value);
		h2_case_answer(1, 5, false);
		h2_case_stream(1)->body.ended = true;
		orders[0] = nth++;
		h2_case_send();
		failed = !orders[0];
		orders[0] = 0;
		h2_case_turn(); /* looks whether the owner knows of all DATA */
		h2_case_close();
	} while (failed && nth < 100);
	ck_assert_uint_gt(nth, 2);
}
END_TEST

START_TEST(a_table_that_cannot_grow_serves_on)
{
	choose_failing();
	h2_case_server();
	h2_case_open();
	h2_case_greet();
	for (uint32_t id = 1; id < 160; id += 2) {
		orders[0] = the.h.n_streams >= the.h.n_slots; /* the next is grow()'s */
		h2_case_get(id);
		orders[0] = 0;
	}
	ck_assert(!the.h.over);
	ck_assert_uint_eq(the.h.n_streams, 80);
	ck_assert_uint_eq(the.h.n_slots, H2_N_SLOTS);
	for (int32_t id = 159; id > 0; id -= 2)
		h2_case_answer(id, 0, true);
	h2_case_turn();
	ck_assert_uint_eq(the.h.n_streams, 0);
	h2_case_get(161);
	h2_case_close();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("h2_send");
	TCase *t = tcase_create("h2_send");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, bodies_go_by_urgency_and_in_turn_where_that_is_wanted);
	tcase_add_test(t, a_large_head_goes_in_pieces);
	tcase_add_test(t, a_head_of_about_one_frame_goes_whole);
	tcase_add_test(t, interim_answers_go_before_the_answer_and_in_their_order);
	tcase_add_test(t, an_interim_answer_while_it_sends_keeps_hpack_in_step);
	tcase_add_test(t, an_interim_answer_among_bodies_keeps_hpack_in_step);
	tcase_add_test(t, blocks_and_acks_of_the_tables_size_keep_their_order);
	tcase_add_test(t, interim_answers_that_nobody_takes_are_bounded);
	tcase_add_test(t, who_is_told_of_bytes_sent_may_reset_all_others);
	tcase_add_test(t, who_is_told_of_bytes_sent_may_reset_that_stream);
	tcase_add_test(t, who_is_told_of_an_end_may_ask_anew);
	tcase_add_test(t, who_is_told_of_bytes_sent_may_end_it_all);
	tcase_add_test(t, a_stream_is_due_once_whatever_is_wanted_of_it);
	tcase_add_test(t, each_allocation_may_fail);
	tcase_add_test(t, bytes_before_trailers_without_memory_are_told_as_sent);
	tcase_add_test(t, a_table_that_cannot_grow_serves_on);
	suite_add_tcase(s, t);
	return run_suite(s);
}
