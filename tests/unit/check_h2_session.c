/*
 * h2_session of either role: how it ends, how streams do, what is too much, and
 * that it means the same however its bytes are cut. What breaks a rule is
 * check_h2_errors', windows check_h2_window's, what is sent check_h2_send's.
 */
#include "h2_case.h"

#include <stdio.h>
#include <stdlib.h>

/* Never indexed: a: b. */
#define FIELD "\x10\x01\x61\x01\x62"
#define GET   "\x82\x86\x84\x01\x01x"

/* --- however its bytes are cut ------------------------------------------------- */

static uint8_t bytes[4096];
static size_t n_bytes;

static void put(unsigned int type, unsigned int flags, uint32_t id, const char *p,
		size_t len)
{
	n_bytes =
		(size_t)(h2_case_put(bytes + n_bytes, type, flags, id, p, len) - bytes);
}

static void make_server_input(void)
{
	memcpy(bytes, H2_MAGIC, H2_MAGIC_BYTES);
	n_bytes = H2_MAGIC_BYTES;
	put(H2_SETTINGS, 0, 0, P("\0\4\0\1\0\0\0\1\0\0\0\x64"));
	put(H2_SETTINGS, 1, 0, P(""));
	put(H2_HEADERS, 0x28, 1, P("\x03\0\0\0\0\x10\x83\x86\x84\x01\0\0\0"));
	put(H2_CONTINUATION, 0, 1, P("\x01"));
	put(H2_CONTINUATION, 0, 1, P(""));
	put(H2_CONTINUATION, 4, 1,
	    P("x\x40\x03x-a\x07"
	      "a value"));
	put(H2_PRIORITY, 0, 9, P("\0\0\0\1\x10"));
	put(H2_DATA, 8, 1, P("\x02hello\0\0"));
	put(0xfa, 0xff, 7, P("unknown"));
	put(H2_DATA, 0, 1, P(""));
	put(H2_DATA, 8, 1, P("\0 world"));
	put(H2_HEADERS, 5, 3, P("\x82\x86\x84\x41\x01x\xbf"));
	put(H2_PING, 0, 0, P("12345678"));
	put(H2_WINDOW_UPDATE, 0, 0, P("\0\0\x10\0"));
	put(H2_WINDOW_UPDATE, 0, 1, P("\0\0\x10\0"));
	put(H2_HEADERS, 0xd, 1,
	    P("\x02\x10\x03x-t\x01"
	      "1\0\0"));
	put(H2_HEADERS, 4, 5,
	    P("\x83\x86\x84\xbe\x0f\x0d\x01"
	      "3"));
	put(H2_RST_STREAM, 0, 5, P("\0\0\0\x08"));
	put(H2_HEADERS, 4, 7,
	    P("\x83\x86\x84\xbe\x0f\x0d\x01"
	      "3"));
	put(H2_DATA, 9, 7,
	    P("\x04"
	      "abcd\0\0\0\0")); /* one too many */
	put(H2_HEADERS, 5, 9, P("\x82\x86\x84\xbe\0\1A\0"));
	put(H2_GOAWAY, 0, 0, P("\0\0\0\0\0\0\0\2bye"));
	put(H2_PING, 1, 0, P("12345678"));
}

static const char server_told[] =
	"settings\nopen 1\nfield 1 :method=POST\nfield 1 :scheme=http\nfield 1 "
	":path=/\n"
	"field 1 :authority=x\nfield 1 x-a=a value\nhead 1\ndata 1 hello world\n"
	"open 3\nfield 3 :method=GET\nfield 3 :scheme=http\nfield 3 :path=/\n"
	"field 3 :authority=x\nfield 3 x-a=a value\nhead 3 end\nfield 1 x-t=1\n"
	"trailers 1 end\nopen 5\nfield 5 :method=POST\nfield 5 :scheme=http\n"
	"field 5 :path=/\nfield 5 :authority=x\nfield 5 content-length=3\nhead 5\n"
	"reset 5 8\nclose 5 8\nopen 7\nfield 7 :method=POST\nfield 7 :scheme=http\n"
	"field 7 :path=/\nfield 7 :authority=x\nfield 7 content-length=3\nhead 7\n"
	"fault 1\nopen 9\nfield 9 :method=GET\nfield 9 :scheme=http\nfield 9 :path=/\n"
	"field 9 :authority=x\nfault 1\ngoaway 2\npong\n";

static const char server_sent[] =
	"SETTINGS\nWINDOW 0 34465\nPING ack\nSETTINGS ack\nRST 7 1\nRST 9 1\n"
	"HEADERS 1 :status=200\nHEADERS 3 end :status=200\nDATA 1 5 end\n";

static void begin_cut(void)
{
	if (the.conf.is_server)
		return;
	for (int i = 0; i < 4; i++)
		h2_case_ask(i == 1);
	h2_case_turn();
	h2_case_clear();
}

static void make_client_input(void)
{
	n_bytes = 0;
	put(H2_SETTINGS, 0, 0, P("\0\4\0\1\0\0\0\3\0\0\0\x64"));
	put(H2_WINDOW_UPDATE, 0, 0, P("\0\0\x10\0"));
	put(H2_SETTINGS, 1, 0, P(""));
	put(H2_HEADERS, 0xc, 1,
	    P("\x03\x08\x03"
	      "103\x40\x03x-a\x07"
	      "a value\0\0\0"));
	put(H2_HEADERS, 0x20, 1, P("\0\0\0\0\x10\x88"));
	put(H2_CONTINUATION, 4, 1,
	    P("\xbe\x0f\x0d\x02"
	      "10"));
	put(H2_DATA, 8, 1, P("\x02hello\0\0"));
	put(H2_HEADERS, 5, 5, P("\x8d")); /* 404 */
	put(0xfa, 0xff, 7, P("unknown"));
	put(H2_DATA, 1, 1, P("there"));
	put(H2_PING, 0, 0, P("12345678"));
	put(H2_HEADERS, 4, 3, P("\x88"));
	put(H2_WINDOW_UPDATE, 0, 3, P("\0\0\x10\0"));
	put(H2_DATA, 0, 3, P("more"));
	put(H2_HEADERS, 5, 3,
	    P("\x10\x03x-t\x01"
	      "1"));
	put(H2_RST_STREAM, 0, 3, P("\0\0\0\0"));
	put(H2_GOAWAY, 0, 0, P("\0\0\0\5\0\0\0\0bye"));
	put(H2_PING, 1, 0, P("12345678"));
}

static const char client_told[] =
	"settings\nfield 1 :status=103\nfield 1 x-a=a value\nhead 1\n"
	"field 1 :status=200\nfield 1 x-a=a value\nfield 1 content-length=10\nhead 1\n"
	"data 1 hello\nfield 5 :status=404\nhead 5 end\nclose 5 0\ndata 1 there\nend "
	"1\n"
	"close 1 0\nfield 3 :status=200\nhead 3\ndata 3 more\nfield 3 x-t=1\n"
	"trailers 3 end\nreset 3 0\nclose 3 8\ngoaway 0\nclose 7 7\npong\n";

static const char client_sent[] = "PING ack\nSETTINGS ack\n";

/* step: bytes of each piece; but the first has .first of them, if not 0. */
static void recv_cut(size_t first, size_t step, bool between)
{
	for (size_t at = 0; at < n_bytes;) {
		size_t n = !at && first ? first : step;
		uint8_t *piece;

		n = n < n_bytes - at ? n : n_bytes - at;
		piece = malloc(n);
		ck_assert_ptr_nonnull(piece);
		memcpy(piece, bytes + at, n);
		h2_recv(&the.h, piece, n);
		free(piece);
		at += n;
		if (between)
			h2_case_turn();
	}
}

/* between: it also sends after each piece, so that resets go out sooner. */
static void run_cut(size_t first, size_t step, bool between, bool is_server)
{
	h2_case_open();
	begin_cut();
	recv_cut(first, step, between);
	h2_case_told();
	if (!between)
		ck_assert_msg(strcmp(the.told, is_server ? server_told : client_told) ==
				      0,
			      "cut %zu, %zu: %s", first, step, the.told);
	if (is_server) {
		h2_case_answer(1, 5, true);
		h2_case_answer(3, 0, true);
	}
	h2_case_turn();
	if (!between)
		ck_sent(is_server ? server_sent : client_sent);
	ck_assert(h2_is_over(&the.h));
	ck_assert_uint_eq(the.h.n_streams, 0);
	h2_case_close();
}

static void cut_everywhere(bool is_server)
{
	void (*choose)(void) = is_server ? h2_case_server : h2_case_client;

	for (int between = 0; between < 2; between++) {
		for (size_t i = 1; i <= n_bytes; i++) {
			choose();
			run_cut(i, n_bytes, between, is_server);
		}
		for (size_t step = 1; step < 4; step++) {
			choose();
			run_cut(0, step, between, is_server);
		}
	}
}

START_TEST(a_client_means_the_same_however_its_bytes_are_cut)
{
	make_server_input();
	cut_everywhere(true);
}
END_TEST

START_TEST(a_server_means_the_same_however_its_bytes_are_cut)
{
	make_client_input();
	cut_everywhere(false);
}
END_TEST

/* --- GOAWAY ---------------------------------------------------------------------- */

START_TEST(a_drain_is_a_notice_and_then_the_last_stream)
{
	h2_case_begin_server();
	h2_notice(&the.h);
	h2_case_turn();
	ck_sent("GOAWAY 2147483647 0\n");
	ck_assert(!h2_is_over(&the.h));
	h2_case_get(15);
	h2_goaway(&the.h);
	h2_case_get(17); /* too late: not looked at, and no fault */
	h2_case_turn();
	ck_sent("GOAWAY 2147483647 0\nGOAWAY 15 0\n");
	h2_case_clear();
	h2_case_post(19);
	h2_case_data(H2_END_STREAM, 19, 10);
	h2_case_turn();
	ck_told("");
	ck_sent("");
	h2_case_answer(3, 0, true);
	h2_case_answer(15, 0, true);
	h2_case_answer(1, 0, true);
	h2_case_turn();
	ck_assert(!h2_is_over(&the.h)); /* 1 still uploads */
	h2_case_data(H2_END_STREAM, 1, 10);
	ck_assert(h2_is_over(&the.h));
	h2_case_close();
}
END_TEST

START_TEST(blocks_of_refused_streams_keep_hpack_in_step)
{
	h2_case_begin_server();
	h2_goaway(&the.h);
	h2_case_turn();
	/* It puts x-a into the table. */
	h2_case_frame(H2_HEADERS, 5, 15,
		      P(GET "\x40\x03x-a\x01"
			    "1"));
	h2_case_clear();
	h2_case_frame(H2_HEADERS, 5, 1, P("\xbe"));
	ck_told("field 1 x-a=1\ntrailers 1 end\n");
	h2_case_close();
}
END_TEST

START_TEST(what_a_server_did_not_look_at_is_refused)
{
	h2_case_begin_client();
	h2_case_frame(H2_GOAWAY, 0, 0, P("\0\0\0\x05\0\0\0\x0b"));
	ck_assert(h2_case_has(h2_case_told(), "goaway 11\n"));
	ck_assert(h2_case_has(the.told, "close 7 7\n"));
	ck_assert(h2_case_has(the.told, "close 13 7\n"));
	ck_assert(!h2_case_has(the.told, "close 1 ") &&
		  !h2_case_has(the.told, "close 5 "));
	h2_case_turn();
	ck_sent(""); /* 13 is not sent any more */
	h2_case_ok(H2_END_STREAM, 3);
	h2_case_data(H2_END_STREAM, 5, 1);
	h2_case_ok(H2_END_STREAM, 1);
	ck_assert(!h2_is_over(&the.h));
	h2_case_more(1, 1, true);
	h2_case_turn();
	ck_assert(h2_is_over(&the.h));
	h2_case_close();
}
END_TEST

/* §6.8: no stream is opened on a connection that has said it goes. */
START_TEST(a_request_that_waits_is_not_sent_behind_a_goaway)
{
	h2_case_begin_client();
	h2_case_frame(H2_GOAWAY, 0, 0, P("\x7f\xff\xff\xff\0\0\0\0"));
	ck_told("goaway 0\nclose 13 7\n");
	h2_case_turn();
	ck_sent("");
	h2_case_close();
}
END_TEST

static void reset_all(struct h2_case_stream *s)
{
	(void)s;
	for (unsigned int i = 0; i < the.n_streams; i++)
		if (the.streams[i].open)
			h2_reset(&the.h, &the.streams[i].h2, H2_CANCEL);
}

START_TEST(who_is_told_of_one_end_may_reset_all_others)
{
	h2_case_begin_client();
	the.on_close = reset_all;
	h2_case_frame(H2_GOAWAY, 0, 0, P("\0\0\0\x01\0\0\0\0"));
	h2_case_turn();
	ck_sent("RST 1 8\n");
	ck_assert(h2_is_over(&the.h));
	h2_case_close();
}
END_TEST

START_TEST(it_is_over_when_its_goaway_is_out_and_not_before)
{
	h2_case_begin_server();
	ck_assert(!h2_is_over(&the.h));
	h2_end(&the.h, H2_ENHANCE_YOUR_CALM);
	h2_end(&the.h, H2_NO_ERROR); /* only the first counts */
	ck_assert(!h2_is_over(&the.h));
	h2_answer(&the.h, &h2_case_stream(3)->h2);
	h2_case_turn();
	ck_told("");
	ck_sent("GOAWAY 13 11\n");
	ck_assert(h2_is_over(&the.h));
	h2_case_close();
}
END_TEST

START_TEST(a_client_that_goes_is_served_to_the_end)
{
	h2_case_begin_server();
	h2_case_frame(H2_GOAWAY, 0, 0, P("\0\0\0\0\0\0\0\0"));
	h2_case_frame(H2_PING, 0, 0, P("12345678"));
	h2_case_frame(H2_RST_STREAM, 0, 1, P("\0\0\0\x08"));
	h2_case_answer(3, 3, false);
	h2_case_turn();
	ck_assert(!h2_is_over(&the.h));
	h2_case_more(3, 0, true);
	h2_case_turn();
	ck_sent("PING ack\nHEADERS 3 :status=200\nDATA 3 3\nDATA 3 0 end\n");
	ck_assert(h2_is_over(&the.h));
	h2_case_frame(H2_PING, 0, 0, P("12345678"));
	ck_assert(!h2_is_over(&the.h)); /* its answer must go out */
	h2_case_close();
}
END_TEST

/* --- resets ---------------------------------------------------------------------- */

START_TEST(only_the_first_reset_of_a_stream_counts)
{
	h2_case_begin_server();
	h2_reset(&the.h, &h2_case_stream(1)->h2, H2_CANCEL);
	h2_reset(&the.h, &h2_case_stream(1)->h2, H2_INTERNAL_ERROR);
	h2_case_data(0, 1, 10);
	h2_case_answer(1, 0, true);
	ck_told("");
	h2_case_turn();
	ck_told("close 1 8\n");
	ck_sent("RST 1 8\n");
	h2_case_close();
}
END_TEST

START_TEST(a_reset_of_both_at_once_is_one_end)
{
	h2_case_begin_server();
	h2_reset(&the.h, &h2_case_stream(1)->h2, H2_CANCEL);
	h2_case_frame(H2_RST_STREAM, 0, 1, P("\0\0\0\0"));
	ck_told("reset 1 0\nclose 1 8\n"); /* NO_ERROR is no end in order */
	h2_case_turn();
	ck_sent("");
	h2_case_close();
}
END_TEST

START_TEST(a_request_that_was_never_sent_is_reset_in_silence)
{
	h2_case_begin_client();
	h2_reset(&the.h, &h2_case_stream(13)->h2, H2_CANCEL);
	h2_case_ask(false);
	h2_case_turn();
	ck_told("close 13 8\n");
	ck_sent("HEADERS 15 end :method=GET :scheme=http :authority=x :path=/\n");
	h2_case_close();
}
END_TEST

static void reset_it(struct h2_case_stream *s)
{
	h2_reset(&the.h, &s->h2, H2_INTERNAL_ERROR);
}

START_TEST(a_stream_may_be_reset_while_its_own_frames_come)
{
	h2_case_begin_server();
	the.on_data = reset_it;
	h2_case_data(H2_END_STREAM, 1, 100);
	the.on_field = reset_it;
	h2_case_get(15);
	h2_case_post(17);
	h2_case_data(0, 17, 100);
	ck_assert_ptr_null(the.h.now);
	h2_case_turn();
	ck_told("data 1 \nopen 15\nfield 15 :method=GET\nopen 17\nfield 17 "
		":method=POST\n"
		"close 1 2\nclose 15 2\nclose 17 2\n");
	ck_sent("RST 1 2\nRST 15 2\nRST 17 2\n");
	ck_assert_uint_eq(the.h.in_taken, 200);
	h2_case_close();
}
END_TEST

START_TEST(a_stream_may_be_gone_before_the_rest_of_its_frame_comes)
{
	uint8_t p[H2_HEAD_BYTES + 10] = {0};

	h2_case_begin_server();
	h2_put_head(p, 10, H2_DATA, H2_END_STREAM, 1);
	h2_recv(&the.h, p, H2_HEAD_BYTES + 4);
	h2_reset(&the.h, &h2_case_stream(1)->h2, H2_CANCEL);
	h2_case_turn();
	h2_recv(&the.h, p + H2_HEAD_BYTES + 4, 6);
	ck_assert_uint_eq(the.h.in_taken, 10);
	/* The same in the middle of a block. */
	h2_case_frame(H2_HEADERS, 0, 15, P(GET));
	h2_reset(&the.h, &h2_case_stream(15)->h2, H2_CANCEL);
	h2_case_turn();
	h2_case_clear();
	h2_case_frame(H2_CONTINUATION, 4, 15, P(FIELD));
	h2_case_data(0, 15, 10);
	ck_told("");
	ck_assert_uint_eq(the.h.in_taken, 20);
	ck_assert(!the.h.over);
	h2_case_close();
}
END_TEST

/* How many other streams come between our reset and what came too late for it. */
static void come_late(unsigned int n_before, unsigned int n_between,
		      unsigned int at_once)
{
	uint32_t id = 15;

	h2_case_begin_server();
	the.conf.max_streams = at_once;
	for (unsigned int i = 0; i < n_before; i++, id += 2) {
		h2_case_get(id);
		h2_case_answer((int32_t)id, 0, true);
		h2_case_turn();
	}
	h2_case_reset_by_us(1);
	for (unsigned int i = 0; i < n_between; i++, id += 2) {
		h2_case_get(id);
		h2_case_answer((int32_t)id, 0, true);
		h2_case_turn();
	}
	h2_case_clear();
	h2_case_data(0, 1, 5);
	h2_case_frame(H2_HEADERS, 5, 1, P(FIELD));
	ck_assert_msg(!the.h.over, "%u, %u: %s", n_before, n_between, the.told);
	h2_case_close();
}

START_TEST(what_comes_late_for_a_stream_that_we_reset_is_no_fault)
{
	come_late(0, 100, 100);
	come_late(100, 100, 100);
	come_late(240, 100, 100); /* forgotten only after the reset */
	come_late(300, 100, 100); /* and before it */
	come_late(0, 600, 300);
}
END_TEST

START_TEST(a_stream_ended_long_ago_is_closed)
{
	h2_case_begin_server();
	for (uint32_t id = 15; id < 800; id += 2) {
		h2_case_get(id);
		h2_case_answer((int32_t)id, 0, true);
		h2_case_turn();
	}
	h2_case_clear();
	h2_case_data(0, 17, 5);
	ck_told("fail 0\n");
	h2_case_turn();
	ck_sent("GOAWAY 799 5\n");
	h2_case_close();
}
END_TEST

/* --- too much ----------------------------------------------------------------------
 */

static void flood(unsigned int type, const char *p, size_t len, unsigned int n)
{
	h2_case_begin_server();
	the.is_deaf = true;
	for (unsigned int i = 0; i < n && !the.h.over; i++) {
		h2_case_frame(type, 0, 0, p, len);
		ck_assert_uint_le(h2_waiting_bytes(&the.h), 17000);
		ck_assert_uint_le(h2_held_bytes(&the.h), 40000);
	}
	ck_told("fail 1\n");
	the.is_deaf = false;
	h2_case_turn();
	ck_assert(h2_case_has(the.sent, "GOAWAY 13 11\n"));
	h2_case_close();
}

START_TEST(who_asks_for_more_answers_than_it_takes_is_sent_away)
{
	flood(H2_PING, P("12345678"), 1100);
}
END_TEST

START_TEST(settings_without_end_are_the_end)
{
	h2_case_begin_server();
	for (unsigned int i = 0; i < 1500 && !the.h.over; i++)
		h2_case_frame(H2_SETTINGS, 0, 0, NULL, 0);
	h2_case_turn();
	ck_assert(h2_case_has(the.told, "fail 1\n"));
	ck_sent("GOAWAY 13 11\n");
	h2_case_close();
	h2_case_begin_server();
	h2_case_frame(H2_SETTINGS, 0, 0, bytes, (H2_MAX_SETTINGS + 1) * 6);
	ck_told("fail 1\n");
	h2_case_close();
	h2_case_begin_server();
	h2_case_frame(H2_SETTINGS, 0, 0, bytes, H2_MAX_SETTINGS * 6);
	ck_told("settings\n");
	h2_case_close();
}
END_TEST

START_TEST(streams_beyond_the_limit_are_refused_and_their_number_bounded)
{
	h2_case_begin_server();
	the.conf.max_streams = 4;
	h2_case_get(15);
	h2_case_get(17);
	h2_case_get(19);
	h2_case_turn();
	ck_sent("RST 19 7\n");
	ck_assert(h2_case_has(the.told, "fault 7\n"));
	h2_case_data(0, 19, 1); /* may be on its way */
	ck_assert(!the.h.over);
	for (uint32_t id = 21; id < 20000 && !the.h.over; id += 2)
		h2_case_get(id);
	ck_assert(the.h.over);
	ck_assert_uint_le(h2_waiting_bytes(&the.h), 17000);
	h2_case_turn();
	ck_assert_ptr_nonnull(strstr(the.sent, " 11\n"));
	h2_case_close();
}
END_TEST

START_TEST(a_block_has_so_many_fields_and_no_more)
{
	memset(bytes, 0x82, sizeof(bytes)); /* :method GET, again and again */
	h2_case_begin_server();
	h2_case_frame(H2_HEADERS, 5, 15, bytes, the.conf.max_block_fields);
	ck_assert(!the.h.over);
	h2_case_frame(H2_HEADERS, 5, 17, bytes, the.conf.max_block_fields + 1);
	ck_assert(h2_case_has(h2_case_told(), "fail 2\n"));
	h2_case_turn();
	ck_assert(h2_case_has(the.sent, "GOAWAY 17 11\n"));
	h2_case_close();
}
END_TEST

START_TEST(a_block_has_so_many_frames_and_no_more)
{
	for (unsigned int n = H2_MAX_CONTINUATIONS; n <= H2_MAX_CONTINUATIONS + 1;
	     n++) {
		h2_case_begin_server();
		h2_case_frame(H2_HEADERS, 1, 15, P(GET));
		for (unsigned int i = 1; i < n; i++)
			h2_case_frame(H2_CONTINUATION, 0, 15, P(""));
		ck_assert(!the.h.over);
		h2_case_frame(H2_CONTINUATION, H2_END_HEADERS, 15, P(""));
		ck_assert_int_eq(h2_case_has(h2_case_told(), "fail 2\n"),
				 n > H2_MAX_CONTINUATIONS);
		ck_assert_int_eq(h2_case_has(the.told, "head 15 end\n"),
				 n <= H2_MAX_CONTINUATIONS);
		h2_case_close();
	}
}
END_TEST

/* A field of the table, 4 KiB each time it is named by one byte. */
START_TEST(a_bomb_of_a_block_ends_before_it_grows)
{
	static char value[4001];
	static uint8_t block[8192];
	const char *const words[] = {"a", value, NULL};
	size_t n;

	memset(value, 'v', 4000);
	for (int more = 0; more < 2; more++) {
		h2_case_begin_server();
		the.conf.max_block_bytes = 10 * (4000 + 1 + 32);
		n = h2_case_block(block, words);
		block[0] = 0x40; /* to be indexed */
		memset(block + n, 0xbe, 9 + (size_t)more);
		h2_case_frame(H2_HEADERS, 5, 15, block, n + 9 + (size_t)more);
		ck_assert_int_eq(h2_case_has(h2_case_told(), "fail 2\n"), more);
		h2_case_close();
	}
}
END_TEST

/* --- the table
 * ------------------------------------------------------------------------ */

static void open_many(unsigned int n)
{
	h2_case_begin_server();
	the.conf.max_streams = 2000;
	for (unsigned int i = 0; i < n; i++)
		h2_case_get(15 + 2 * i);
	ck_assert_uint_eq(the.h.n_streams, n + 2);
	h2_case_clear();
}

static void end_many(unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) { /* in another order */
		uint32_t id = 15 + 2 * (i * 7 % n);

		h2_case_frame(H2_RST_STREAM, 0, id, P("\0\0\0\x08"));
		ck_assert_uint_eq(h2_case_stream((int32_t)id)->n_closed, 1);
	}
	ck_assert_uint_eq(the.h.n_streams, 2);
}

START_TEST(a_thousand_streams_are_found_and_then_forgotten)
{
	open_many(1000);
	ck_assert_uint_eq(the.h.n_slots, 1024);
	end_many(1000);
	h2_fold(&the.h);
	ck_assert_uint_eq(the.h.n_slots, 1024); /* two are left */
	ck_assert_uint_ge(h2_held_bytes(&the.h), 1024 * sizeof(void *));
	reset_all(NULL);
	h2_case_turn();
	h2_fold(&the.h);
	ck_assert_uint_eq(the.h.n_slots, H2_N_SLOTS);
	ck_assert_uint_eq(h2_held_bytes(&the.h), 0);
	h2_case_clear();
	h2_case_get(3001);
	h2_case_answer(3001, 0, true);
	h2_case_turn();
	ck_assert(h2_case_has(the.sent, "HEADERS 3001 end :status=200\n"));
	h2_case_close();
}
END_TEST

START_TEST(when_the_ids_are_used_up_no_more_are_given)
{
	struct h2_case_stream *s;
	struct h2_stream none = {.id = 0};

	h2_case_begin_client();
	the.h.last_id = INT32_MAX - 2;
	s = h2_case_ask(false);
	ck_assert_int_eq(s->h2.id, INT32_MAX);
	ck_assert_int_eq(h2_open(&the.h, &none), -1);
	ck_assert_int_eq(h2_open(&the.h, &none), -1);
	h2_case_turn();
	h2_case_clear();
	h2_case_ok(H2_END_STREAM, INT32_MAX);
	ck_told("field 2147483647 :status=200\nhead 2147483647 end\n"
		"close 2147483647 0\n");
	h2_case_close();
	h2_case_begin_server();
	h2_case_get(INT32_MAX);
	h2_case_answer(INT32_MAX, 0, true);
	h2_case_turn();
	h2_case_clear();
	h2_case_get(15); /* passed over */
	h2_case_turn();
	ck_sent("GOAWAY 2147483647 1\n");
	h2_case_close();
}
END_TEST

START_TEST(a_ping_of_ours_is_answered_and_one_of_theirs)
{
	h2_case_begin_client();
	h2_ping(&the.h);
	h2_case_turn();
	ck_assert(h2_case_has(the.sent, "PING\n"));
	h2_case_frame(H2_PING, H2_ACK, 0, P("\0\0\0\0\0\0\0\0"));
	ck_told("pong\n");
	h2_case_close();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("h2_session");
	TCase *t = tcase_create("h2_session");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_client_means_the_same_however_its_bytes_are_cut);
	tcase_add_test(t, a_server_means_the_same_however_its_bytes_are_cut);
	tcase_add_test(t, a_drain_is_a_notice_and_then_the_last_stream);
	tcase_add_test(t, blocks_of_refused_streams_keep_hpack_in_step);
	tcase_add_test(t, what_a_server_did_not_look_at_is_refused);
	tcase_add_test(t, a_request_that_waits_is_not_sent_behind_a_goaway);
	tcase_add_test(t, who_is_told_of_one_end_may_reset_all_others);
	tcase_add_test(t, it_is_over_when_its_goaway_is_out_and_not_before);
	tcase_add_test(t, a_client_that_goes_is_served_to_the_end);
	tcase_add_test(t, only_the_first_reset_of_a_stream_counts);
	tcase_add_test(t, a_reset_of_both_at_once_is_one_end);
	tcase_add_test(t, a_request_that_was_never_sent_is_reset_in_silence);
	tcase_add_test(t, a_stream_may_be_reset_while_its_own_frames_come);
	tcase_add_test(t, a_stream_may_be_gone_before_the_rest_of_its_frame_comes);
	tcase_add_test(t, what_comes_late_for_a_stream_that_we_reset_is_no_fault);
	tcase_add_test(t, a_stream_ended_long_ago_is_closed);
	tcase_add_test(t, who_asks_for_more_answers_than_it_takes_is_sent_away);
	tcase_add_test(t, settings_without_end_are_the_end);
	tcase_add_test(t,
		       streams_beyond_the_limit_are_refused_and_their_number_bounded);
	tcase_add_test(t, a_block_has_so_many_fields_and_no_more);
	tcase_add_test(t, a_block_has_so_many_frames_and_no_more);
	tcase_add_test(t, a_bomb_of_a_block_ends_before_it_grows);
	tcase_add_test(t, a_thousand_streams_are_found_and_then_forgotten);
	tcase_add_test(t, when_the_ids_are_used_up_no_more_are_given);
	tcase_add_test(t, a_ping_of_ours_is_answered_and_one_of_theirs);
	suite_add_tcase(s, t);
	return run_suite(s);
}
