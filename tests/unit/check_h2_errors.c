/*
 * h2_session of either role: what breaks a rule of RFC 9113, and what that costs.
 */
#include "h2_case.h"

#include <stdio.h>
#include <stdlib.h>

/* --- what breaks a rule ------------------------------------------------------ */

enum cost {
	FREE,
	FAULT, /* RST_STREAM of .id */
	FAIL,  /* GOAWAY */
};

struct row {
	const char *what;
	struct {
		uint8_t type, flags;
		uint32_t id;
		const char *p;
		size_t len;
	} frames[3];
	enum cost cost;
	uint32_t code;
	int32_t id;
	enum h2_fault why;
};

#define LONG_ID(id) (0x80000000u | (id))
#define DATA_OF(flags, id, p)                                                          \
	{                                                                              \
		H2_DATA, flags, id, P(p)                                               \
	}
#define HEAD_OF(flags, id, p)                                                          \
	{                                                                              \
		H2_HEADERS, flags, id, P(p)                                            \
	}
/* Indexed: GET http / x, and 200. */
#define GET "\x82\x86\x84\x01\x01x"
#define OK  "\x88"
/* Never indexed: a: b. */
#define FIELD "\x10\x01\x61\x01\x62"

/* Stream 1 waits for a body, 3 has come whole, 5 is over, 7 the client has
 * reset, 9 we have reset, 13 is refused; 11 was passed over. */
static const struct row server_rows[] = {
	/* §6.1 */
	{"DATA of no stream", {DATA_OF(0, 0, "x")}, FAIL, 1, 0, 0},
	{"DATA of an idle stream", {DATA_OF(0, 15, "x")}, FAIL, 1, 0, 0},
	{"DATA of an even stream", {DATA_OF(0, 2, "x")}, FAIL, 1, 0, 0},
	{"DATA behind the end", {DATA_OF(0, 3, "x")}, FAIL, 5, 0, 0},
	{"DATA of a closed stream", {DATA_OF(0, 5, "x")}, FAIL, 5, 0, 0},
	{"DATA behind its own RST_STREAM", {DATA_OF(0, 7, "x")}, FAIL, 5, 0, 0},
	{"DATA behind our RST_STREAM", {DATA_OF(1, 9, "x")}, FREE, 0, 0, 0},
	{"DATA of a stream passed over", {DATA_OF(0, 11, "x")}, FAIL, 5, 0, 0},
	{"DATA of a stream refused", {DATA_OF(0, 13, "x")}, FREE, 0, 0, 0},
	{"padding without its length", {DATA_OF(8, 1, "")}, FAIL, 6, 0, 0},
	{"padding of all there is", {DATA_OF(8, 1, "\x03xy")}, FAIL, 1, 0, 0},
	{"padding of nearly all there is", {DATA_OF(8, 1, "\x02\0\0")}, FREE, 0, 0, 0},
	{"a reserved bit of the id", {DATA_OF(0, LONG_ID(1), "x")}, FREE, 0, 0, 0},
	{"flags that DATA has not", {DATA_OF(0xf6, 1, "x")}, FREE, 0, 0, 0},
	/* §6.2 */
	{"HEADERS of no stream", {HEAD_OF(5, 0, GET)}, FAIL, 1, 0, 0},
	{"HEADERS of an even stream", {HEAD_OF(5, 2, GET)}, FAIL, 1, 0, 0},
	{"HEADERS behind the end", {HEAD_OF(5, 3, FIELD)}, FAIL, 5, 0, 0},
	{"HEADERS of a closed stream", {HEAD_OF(5, 5, GET)}, FAIL, 5, 0, 0},
	{"HEADERS behind our RST_STREAM", {HEAD_OF(5, 9, FIELD)}, FREE, 0, 0, 0},
	{"HEADERS of a stream passed over", {HEAD_OF(5, 11, GET)}, FAIL, 1, 0, 0},
	{"HEADERS without the padding's length", {HEAD_OF(0xd, 15, "")}, FAIL, 6, 0, 0},
	{"HEADERS with half a priority",
	 {HEAD_OF(0x25, 15, "\0\0\0\0")},
	 FAIL,
	 6,
	 0,
	 0},
	{"HEADERS with padding and half a priority",
	 {HEAD_OF(0x2d, 15, "\0\0\0\0\0")},
	 FAIL,
	 6,
	 0,
	 0},
	{"HEADERS of padding alone", {HEAD_OF(0xd, 15, "\x05xxxx")}, FAIL, 1, 0, 0},
	{"HEADERS of padding and priority, too long by one",
	 {HEAD_OF(0x2d, 15, "\x05\0\0\0\1\0xxxx")},
	 FAIL,
	 1,
	 0,
	 0},
	{"a request with padding and priority",
	 {HEAD_OF(0x2d, 15, "\x02\0\0\0\1\0" GET "\0\0")},
	 FREE,
	 0,
	 0,
	 0},
	{"a stream that depends on itself (no more an error)",
	 {HEAD_OF(0x25, 15, "\0\0\0\x0f\0" GET)},
	 FREE,
	 0,
	 0,
	 0},
	{"trailers without an end", {HEAD_OF(4, 1, FIELD)}, FAULT, 1, 1, 0},
	{"trailers with a pseudo-header", {HEAD_OF(5, 1, GET)}, FAULT, 1, 1, 0},
	{"trailers of a stream in order", {HEAD_OF(5, 1, FIELD)}, FREE, 0, 0, 0},
	{"a request without a path",
	 {HEAD_OF(5, 15, "\x82\x86\x01\x01x")},
	 FAULT,
	 1,
	 15,
	 0},
	{"a name with a capital", {HEAD_OF(5, 15, GET "\0\1A\1b")}, FAULT, 1, 15, 0},
	{"an end before the body's length",
	 {HEAD_OF(5, 15,
		  GET "\x0f\x0d\x01"
		      "1")},
	 FAULT,
	 1,
	 15,
	 0},
	{"a body beyond its length",
	 {HEAD_OF(4, 15,
		  GET "\x0f\x0d\x01"
		      "1"),
	  DATA_OF(0, 15, "xx")},
	 FAULT,
	 1,
	 15,
	 0},
	{"a body short of its length",
	 {HEAD_OF(4, 15,
		  GET "\x0f\x0d\x01"
		      "2"),
	  DATA_OF(1, 15, "x")},
	 FAULT,
	 1,
	 15,
	 0},
	{"trailers short of its length",
	 {HEAD_OF(4, 15,
		  GET "\x0f\x0d\x01"
		      "2"),
	  HEAD_OF(5, 15, FIELD)},
	 FAULT,
	 1,
	 15,
	 0},
	{"a body's length in order",
	 {HEAD_OF(4, 15,
		  GET "\x0f\x0d\x01"
		      "2"),
	  DATA_OF(9, 15, "\x02xx\0\0")},
	 FREE,
	 0,
	 0,
	 0},
	{"an owner that refuses a field",
	 {HEAD_OF(5, 15,
		  GET "\0\x08x-refuse\x01"
		      "b")},
	 FAULT,
	 2,
	 15,
	 0},
	/* §4.3, RFC 7541 */
	{"no HPACK", {HEAD_OF(5, 15, "\x80")}, FAIL, 9, 0, 0},
	{"an index without an entry", {HEAD_OF(5, 15, "\xff\x80\x01")}, FAIL, 9, 0, 0},
	{"half a field", {HEAD_OF(5, 15, "\x82\x86\x84\x01\x05x")}, FAIL, 9, 0, 0},
	{"a table larger than allowed",
	 {HEAD_OF(5, 15, "\x3f\xe2\x1f")},
	 FAIL,
	 9,
	 0,
	 0},
	{"no HPACK for a closed stream", {HEAD_OF(5, 9, "\x80")}, FAIL, 9, 0, 0},
	{"an empty block", {HEAD_OF(5, 15, "")}, FAULT, 1, 15, 0},
	/* §6.10 */
	{"CONTINUATION of nothing", {{H2_CONTINUATION, 4, 1, P("")}}, FAIL, 1, 0, 0},
	{"CONTINUATION of no stream",
	 {HEAD_OF(1, 15, GET), {H2_CONTINUATION, 4, 0, P("")}},
	 FAIL,
	 1,
	 0,
	 0},
	{"CONTINUATION of another stream",
	 {HEAD_OF(1, 15, GET), {H2_CONTINUATION, 4, 1, P("")}},
	 FAIL,
	 1,
	 0,
	 0},
	{"another frame within a block",
	 {HEAD_OF(1, 15, GET), {H2_PING, 0, 0, P("12345678")}},
	 FAIL,
	 1,
	 0,
	 0},
	{"an unknown frame within a block",
	 {HEAD_OF(1, 15, GET), {0x77, 0, 15, P("")}},
	 FAIL,
	 1,
	 0,
	 0},
	{"CONTINUATION behind the block",
	 {HEAD_OF(5, 15, GET), {H2_CONTINUATION, 4, 15, P("")}},
	 FAIL,
	 1,
	 0,
	 0},
	{"a field in two frames",
	 {HEAD_OF(1, 15, "\x82\x86\x84\x01\x01"), {H2_CONTINUATION, 4, 15, P("x")}},
	 FREE,
	 0,
	 0,
	 0},
	{"END_STREAM of a CONTINUATION is no flag",
	 {HEAD_OF(0, 15, GET), {H2_CONTINUATION, 5, 15, P("")}, DATA_OF(1, 15, "x")},
	 FREE,
	 0,
	 0,
	 0},
	/* §6.3 */
	{"PRIORITY of no stream", {{H2_PRIORITY, 0, 0, P("12345")}}, FAIL, 1, 0, 0},
	{"PRIORITY too short", {{H2_PRIORITY, 0, 1, P("1234")}}, FAIL, 6, 0, 0},
	{"PRIORITY of an idle stream",
	 {{H2_PRIORITY, 0, 99, P("12345")}},
	 FREE,
	 0,
	 0,
	 0},
	{"PRIORITY of a closed stream",
	 {{H2_PRIORITY, 0, 5, P("12345")}},
	 FREE,
	 0,
	 0,
	 0},
	/* §6.4 */
	{"RST_STREAM of no stream",
	 {{H2_RST_STREAM, 0, 0, P("\0\0\0\x08")}},
	 FAIL,
	 1,
	 0,
	 0},
	{"RST_STREAM of an idle stream",
	 {{H2_RST_STREAM, 0, 15, P("\0\0\0\x08")}},
	 FAIL,
	 1,
	 0,
	 0},
	{"RST_STREAM of an even stream",
	 {{H2_RST_STREAM, 0, 2, P("\0\0\0\x08")}},
	 FAIL,
	 1,
	 0,
	 0},
	{"RST_STREAM too long",
	 {{H2_RST_STREAM, 0, 1, P("\0\0\0\x08\0")}},
	 FAIL,
	 6,
	 0,
	 0},
	{"RST_STREAM of a closed stream",
	 {{H2_RST_STREAM, 0, 5, P("\0\0\0\x08")}},
	 FREE,
	 0,
	 0,
	 0},
	/* §6.5 */
	{"SETTINGS of a stream", {{H2_SETTINGS, 0, 1, P("")}}, FAIL, 1, 0, 0},
	{"SETTINGS of 5 bytes", {{H2_SETTINGS, 0, 0, P("\0\1\0\0\0")}}, FAIL, 6, 0, 0},
	{"an ACK with an entry",
	 {{H2_SETTINGS, 1, 0, P("\0\1\0\0\0\0")}},
	 FAIL,
	 6,
	 0,
	 0},
	{"an ACK of nothing", {{H2_SETTINGS, 1, 0, P("")}}, FAIL, 1, 0, 0},
	{"ENABLE_PUSH of 2", {{H2_SETTINGS, 0, 0, P("\0\2\0\0\0\2")}}, FAIL, 1, 0, 0},
	{"ENABLE_PUSH of 1", {{H2_SETTINGS, 0, 0, P("\0\2\0\0\0\1")}}, FREE, 0, 0, 0},
	{"a window of 2^31", {{H2_SETTINGS, 0, 0, P("\0\4\x80\0\0\0")}}, FAIL, 3, 0, 0},
	{"a window of 2^31-1",
	 {{H2_SETTINGS, 0, 0, P("\0\4\x7f\xff\xff\xff")}},
	 FREE,
	 0,
	 0,
	 0},
	{"frames of 16383",
	 {{H2_SETTINGS, 0, 0, P("\0\5\0\0\x3f\xff")}},
	 FAIL,
	 1,
	 0,
	 0},
	{"frames of 2^24", {{H2_SETTINGS, 0, 0, P("\0\5\1\0\0\0")}}, FAIL, 1, 0, 0},
	{"frames of 2^24-1",
	 {{H2_SETTINGS, 0, 0, P("\0\5\0\xff\xff\xff")}},
	 FREE,
	 0,
	 0,
	 0},
	{"CONNECT_PROTOCOL of 2",
	 {{H2_SETTINGS, 0, 0, P("\0\x08\0\0\0\2")}},
	 FAIL,
	 1,
	 0,
	 0},
	{"NO_RFC7540_PRIORITIES of 2",
	 {{H2_SETTINGS, 0, 0, P("\0\x09\0\0\0\2")}},
	 FAIL,
	 1,
	 0,
	 0},
	{"a setting that nobody knows",
	 {{H2_SETTINGS, 0, 0, P("\xff\xff\xff\xff\xff\xff")}},
	 FREE,
	 0,
	 0,
	 0},
	/* §6.6 */
	{"PUSH_PROMISE", {{H2_PUSH_PROMISE, 4, 1, P("\0\0\0\2" GET)}}, FAIL, 1, 0, 0},
	/* §6.7 */
	{"PING of a stream", {{H2_PING, 0, 1, P("12345678")}}, FAIL, 1, 0, 0},
	{"PING of 7 bytes", {{H2_PING, 0, 0, P("1234567")}}, FAIL, 6, 0, 0},
	{"PING", {{H2_PING, 0, 0, P("12345678")}}, FREE, 0, 0, 0},
	/* §6.8 */
	{"GOAWAY of a stream",
	 {{H2_GOAWAY, 0, 1, P("\0\0\0\0\0\0\0\0")}},
	 FAIL,
	 1,
	 0,
	 0},
	{"GOAWAY of 7 bytes", {{H2_GOAWAY, 0, 0, P("\0\0\0\0\0\0\0")}}, FAIL, 6, 0, 0},
	{"GOAWAY with a word",
	 {{H2_GOAWAY, 0, 0, P("\0\0\0\0\0\0\0\0bye")}},
	 FREE,
	 0,
	 0,
	 0},
	/* §6.9 */
	{"WINDOW_UPDATE of 0",
	 {{H2_WINDOW_UPDATE, 0, 0, P("\0\0\0\0")}},
	 FAIL,
	 1,
	 0,
	 0},
	{"WINDOW_UPDATE of 0 for a stream",
	 {{H2_WINDOW_UPDATE, 0, 1, P("\x80\0\0\0")}},
	 FAIL,
	 1,
	 0,
	 0},
	{"WINDOW_UPDATE of 3 bytes",
	 {{H2_WINDOW_UPDATE, 0, 0, P("\0\0\1")}},
	 FAIL,
	 6,
	 0,
	 0},
	{"WINDOW_UPDATE of an idle stream",
	 {{H2_WINDOW_UPDATE, 0, 15, P("\0\0\0\1")}},
	 FAIL,
	 1,
	 0,
	 0},
	{"WINDOW_UPDATE of a closed stream",
	 {{H2_WINDOW_UPDATE, 0, 5, P("\0\0\0\1")}},
	 FREE,
	 0,
	 0,
	 0},
	{"WINDOW_UPDATE behind the end",
	 {{H2_WINDOW_UPDATE, 0, 3, P("\0\0\0\1")}},
	 FREE,
	 0,
	 0,
	 0},
	{"a window of the connection beyond 2^31-1",
	 {{H2_WINDOW_UPDATE, 0, 0, P("\x7f\xff\0\1")}},
	 FAIL,
	 3,
	 0,
	 0},
	{"a window of the connection of 2^31-1",
	 {{H2_WINDOW_UPDATE, 0, 0, P("\x7f\xff\0\0")}},
	 FREE,
	 0,
	 0,
	 0},
	{"a window of a stream beyond 2^31-1",
	 {{H2_WINDOW_UPDATE, 0, 1, P("\x7f\xff\0\1")}},
	 FAULT,
	 3,
	 1,
	 0},
	{"the window of a stream beyond 2^31-1 by SETTINGS",
	 {{H2_WINDOW_UPDATE, 0, 1, P("\0\0\1\0")},
	  {H2_SETTINGS, 0, 0, P("\0\4\x7f\xff\xff\xff")}},
	 FAIL,
	 3,
	 0,
	 0},
	/* §4.1, §5.5 */
	{"a frame of an unknown type", {{0xee, 0xff, 99, P("?")}}, FREE, 0, 0, 0},
};

/* Streams 1 (its request goes on) and 3 (it does not) wait for answers; 5 and 7 have
 * begun to be answered, and 7's request goes on; 9 is over, 11 we have reset; 13 waits
 * to be sent. */
static const struct row client_rows[] = {
	{"DATA of an idle stream", {DATA_OF(0, 15, "x")}, FAIL, 1, 0, 0},
	{"DATA of an even stream", {DATA_OF(0, 2, "x")}, FAIL, 1, 0, 0},
	{"DATA of a request not sent", {DATA_OF(0, 13, "x")}, FAIL, 1, 0, 0},
	{"DATA before the head", {DATA_OF(0, 3, "x")}, FAULT, 1, 3, 0},
	{"DATA behind an interim head",
	 {HEAD_OF(4, 3,
		  "\x08\x03"
		  "103"),
	  DATA_OF(0, 3, "x")},
	 FAULT,
	 1,
	 3,
	 0},
	{"DATA of a closed stream", {DATA_OF(0, 9, "x")}, FREE, 0, 0, 0},
	{"DATA behind our RST_STREAM", {DATA_OF(0, 11, "x")}, FREE, 0, 0, 0},
	{"DATA", {DATA_OF(1, 5, "x")}, FREE, 0, 0, 0},
	{"DATA behind the end",
	 {DATA_OF(1, 7, "x"), DATA_OF(0, 7, "x")},
	 FAIL,
	 5,
	 0,
	 0},
	{"HEADERS of an even stream", {HEAD_OF(4, 2, OK)}, FAIL, 1, 0, 0},
	{"HEADERS of an idle stream", {HEAD_OF(4, 15, OK)}, FAIL, 1, 0, 0},
	{"HEADERS of a request not sent", {HEAD_OF(4, 13, OK)}, FAIL, 1, 0, 0},
	{"HEADERS of a closed stream", {HEAD_OF(5, 9, OK)}, FREE, 0, 0, 0},
	{"an answer without a status", {HEAD_OF(5, 3, FIELD)}, FAULT, 1, 3, 0},
	{"an interim answer that ends",
	 {HEAD_OF(5, 3,
		  "\x08\x03"
		  "103")},
	 FAULT,
	 1,
	 3,
	 0},
	{"an answer of 101",
	 {HEAD_OF(5, 3,
		  "\x08\x03"
		  "101")},
	 FAULT,
	 1,
	 3,
	 0},
	{"a second answer", {HEAD_OF(5, 5, OK)}, FAULT, 1, 5, 0},
	{"trailers without an end", {HEAD_OF(4, 5, FIELD)}, FAULT, 1, 5, 0},
	{"trailers", {HEAD_OF(5, 5, FIELD)}, FREE, 0, 0, 0},
	{"a body where there is none",
	 {HEAD_OF(4, 3, "\x89"), DATA_OF(0, 3, "x")},
	 FAULT,
	 1,
	 3,
	 0},
	{"no body where there is none",
	 {HEAD_OF(4, 3, "\x89"), DATA_OF(1, 3, "")},
	 FREE,
	 0,
	 0,
	 0},
	{"PUSH_PROMISE", {{H2_PUSH_PROMISE, 4, 1, P("\0\0\0\2" GET)}}, FAIL, 1, 0, 0},
	{"ENABLE_PUSH of 1", {{H2_SETTINGS, 0, 0, P("\0\2\0\0\0\1")}}, FAIL, 1, 0, 0},
	{"ENABLE_PUSH of 0", {{H2_SETTINGS, 0, 0, P("\0\2\0\0\0\0")}}, FREE, 0, 0, 0},
	{"RST_STREAM of an idle stream",
	 {{H2_RST_STREAM, 0, 15, P("\0\0\0\x08")}},
	 FAIL,
	 1,
	 0,
	 0},
	{"RST_STREAM of a request not sent",
	 {{H2_RST_STREAM, 0, 13, P("\0\0\0\x08")}},
	 FAIL,
	 1,
	 0,
	 0},
	{"RST_STREAM of a closed stream",
	 {{H2_RST_STREAM, 0, 9, P("\0\0\0\x08")}},
	 FREE,
	 0,
	 0,
	 0},
	{"WINDOW_UPDATE of an idle stream",
	 {{H2_WINDOW_UPDATE, 0, 15, P("\0\0\0\1")}},
	 FAIL,
	 1,
	 0,
	 0},
	{"WINDOW_UPDATE of a request not sent",
	 {{H2_WINDOW_UPDATE, 0, 13, P("\0\0\0\1")}},
	 FAIL,
	 1,
	 0,
	 0},
	{"WINDOW_UPDATE of a closed stream",
	 {{H2_WINDOW_UPDATE, 0, 11, P("\0\0\0\1")}},
	 FREE,
	 0,
	 0,
	 0},
	{"a window of a stream beyond 2^31-1",
	 {{H2_WINDOW_UPDATE, 0, 1, P("\x7f\xff\0\1")}},
	 FAULT,
	 3,
	 1,
	 0},
	{"an ACK of nothing", {{H2_SETTINGS, 1, 0, P("")}}, FAIL, 1, 0, 0},
	{"PRIORITY", {{H2_PRIORITY, 0, 99, P("12345")}}, FREE, 0, 0, 0},
};

static void check_row(const struct row *r, int32_t last_id)
{
	char end[64], fail[64];

	for (unsigned int i = 0; i < 3 && r->frames[i].p; i++)
		h2_case_frame(r->frames[i].type, r->frames[i].flags, r->frames[i].id,
			      r->frames[i].p, r->frames[i].len);
	h2_case_turn();
	h2_case_told();
	snprintf(fail, sizeof(fail), "fail %d\n", (int)r->why);
	if (r->cost == FAIL)
		snprintf(end, sizeof(end), "GOAWAY %d %u\n", last_id, r->code);
	else
		snprintf(end, sizeof(end), "RST %d %u\n", r->id, r->code);
	ck_assert_msg(h2_case_has(the.sent, end) == (r->cost != FREE), "%s: %s",
		      r->what, the.sent);
	ck_assert_msg(h2_case_has(the.told, fail) == (r->cost == FAIL), "%s: %s",
		      r->what, the.told);
	ck_assert_msg(h2_case_has(the.sent, "GOAWAY") == (r->cost == FAIL), "%s: %s",
		      r->what, the.sent);
	ck_assert_msg(h2_case_has(the.sent, "RST") == (r->cost == FAULT), "%s: %s",
		      r->what, the.sent);
	ck_assert_msg(h2_case_has(the.told, "fault") ==
			      (r->cost == FAULT && r->code != H2_INTERNAL_ERROR),
		      "%s: %s", r->what, the.told);
	ck_assert_int_eq(h2_is_over(&the.h), r->cost == FAIL);
	ck_assert_int_eq(the.h.over, r->cost == FAIL);
	if (r->cost == FAIL)
		return;
	/* And the connection serves on. */
	h2_case_clear();
	h2_case_frame(H2_PING, 0, 0, "12345678", 8);
	h2_case_turn();
	ck_sent("PING ack\n");
}

START_TEST(a_client_that_breaks_a_rule_is_told_which)
{
	const struct row *r = &server_rows[_i];

	h2_case_begin_server();
	check_row(r, r->frames[0].type == H2_HEADERS && r->frames[0].id == 15 &&
				     (r->code == 9 || r->frames[1].p)
			     ? 15
			     : 13);
	h2_case_close();
}
END_TEST

START_TEST(a_server_that_breaks_a_rule_is_told_which)
{
	h2_case_begin_client();
	check_row(&client_rows[_i], 0);
	h2_case_close();
}
END_TEST

START_TEST(a_preface_that_is_none_ends_it)
{
	static const struct {
		const char *p;
		size_t len;
		uint32_t code;
	} bad[] = {
		{P("GET / HTTP/1.1\r\n"), 1},
		{P("PRI * HTTP/2.0\r\n\r\nSM\r\n\rX"), 1},
		{P(H2_MAGIC "\0\0\x08\6\0\0\0\0\0"), 1}, /* no SETTINGS */
		{P(H2_MAGIC "\0\0\0\4\1\0\0\0\0"), 1},   /* its ACK first */
		{P(H2_MAGIC "\0\x40\1\4\0\0\0\0\0"), 6}, /* 16385 bytes */
	};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char want[64];

		h2_case_server();
		h2_case_open();
		h2_recv(&the.h, (const uint8_t *)bad[i].p, bad[i].len);
		h2_case_turn();
		snprintf(want, sizeof(want), "SETTINGS\nWINDOW 0 34465\nGOAWAY 0 %u\n",
			 bad[i].code);
		ck_told("fail 0\n");
		ck_sent(want);
		ck_assert(h2_is_over(&the.h));
		h2_case_get(1); /* nobody hears it */
		h2_case_turn();
		ck_told("fail 0\n");
		ck_sent(want);
		h2_case_close();
	}
}
END_TEST

START_TEST(a_frame_too_large_ends_it_whatever_it_is)
{
	static const uint8_t types[] = {H2_DATA, H2_HEADERS, H2_SETTINGS, H2_PING,
					0xee};

	for (unsigned int i = 0; i < sizeof(types); i++) {
		uint8_t head[H2_HEAD_BYTES];

		h2_case_begin_server();
		h2_put_head(head, H2_PAYLOAD_BYTES + 1, types[i], 0, 1);
		h2_recv(&the.h, head, sizeof(head));
		h2_case_turn();
		ck_sent("GOAWAY 13 6\n");
		ck_told("fail 0\n");
		h2_case_close();
	}
}
END_TEST

#define N(rows) (int)(sizeof(rows) / sizeof((rows)[0]))

int main(void)
{
	Suite *s = suite_create("h2_errors");
	TCase *t = tcase_create("h2_errors");

	tcase_add_loop_test(t, a_client_that_breaks_a_rule_is_told_which, 0,
			    N(server_rows));
	tcase_add_loop_test(t, a_server_that_breaks_a_rule_is_told_which, 0,
			    N(client_rows));
	tcase_add_test(t, a_preface_that_is_none_ends_it);
	tcase_add_test(t, a_frame_too_large_ends_it_whatever_it_is);
	suite_add_tcase(s, t);
	return run_suite(s);
}
