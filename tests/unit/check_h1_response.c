#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "h1_head_case.h"

/* --- responses ----------------------------------------------------------- */

START_TEST(a_response_is_taken_apart)
{
	accept_answer(METHOD_GET, "HTTP/1.1 404 Not Found\r\nServer: x\r\n"
				  "Content-Length: 3\r\n\r\n");
	ck_assert_int_eq(c.m.status, 404);
	ck_assert_int_eq(c.m.minor_version, 1);
	ck_assert_int_eq(c.m.method, METHOD_GET);
	ck_assert_int_eq(c.m.content_length, 3);
	ck_assert_int_eq(c.h.framing, H1_LENGTH);
	ck_assert(c.h.keep_alive);
	ck_assert_str_eq(case_value(&c.m.headers, "server", 0), "x");
}
END_TEST

START_TEST(the_reason_phrase_may_be_missing_or_odd)
{
	accept_answer(METHOD_GET, "HTTP/1.1 200\r\n\r\n");
	accept_answer(METHOD_GET, "HTTP/1.1 200 \r\n\r\n");
	accept_answer(METHOD_GET, "HTTP/1.1 200  \t(\"\x80\xff\")\r\n\r\n");
	refuse_answer(METHOD_GET, "HTTP/1.1 200 a\x01\r\n\r\n");
	refuse_answer(METHOD_GET, "HTTP/1.1 200 a\x7f\r\n\r\n");
}
END_TEST

START_TEST(a_status_has_three_digits_from_100_to_599)
{
	static const char *const bad[] = {
		"099", "000", "600", "999", "20",   "2000",  "2x0",
		"+20", "-20", "20a", "",    " 200", "200\t", "0200",
	};
	char bytes[64];

	for (unsigned int n = 100; n < 600; n++) {
		if (n == 101)
			continue;
		snprintf(bytes, sizeof(bytes), "HTTP/1.1 %u \r\n\r\n", n);
		accept_answer(METHOD_GET, bytes);
		ck_assert_uint_eq(c.m.status, n);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(bytes, sizeof(bytes), "HTTP/1.1 %s\r\n\r\n", bad[i]);
		refuse_answer(METHOD_GET, bytes);
		snprintf(bytes, sizeof(bytes), "HTTP/1.1 %s OK\r\n\r\n", bad[i]);
		refuse_answer(METHOD_GET, bytes);
	}
}
END_TEST

START_TEST(a_status_line_has_the_version_first)
{
	static const char *const bad[] = {
		"HTTP/1.2 200 OK",
		"HTTP/2.0 200 OK",
		"HTTP/0.9 200 OK",
		"http/1.1 200 OK",
		"HTTP/1.1200 OK",
		"HTTP/1.1  200 OK",
		"HTTP/1.1\t200 OK",
		"HTTP/1.1",
		"HTTP 200 OK",
		"HTTP/1.10 200 OK",
		"H",
		"HTTP/2 200 OK",
		"GET / HTTP/1.1",
		"ICY 200 OK",
		"HTTPS/1.1 200 OK",
	};
	char bytes[64];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(bytes, sizeof(bytes), "%s\r\n\r\n", bad[i]);
		refuse_answer(METHOD_GET, bytes);
	}
}
END_TEST

START_TEST(a_response_without_framing_lasts_until_the_close)
{
	accept_answer(METHOD_GET, OK "Connection: keep-alive\r\n\r\n");
	ck_assert_int_eq(c.h.framing, H1_CLOSE);
	ck_assert(!c.h.keep_alive && !c.m.no_body);
	accept_answer(METHOD_GET, OK "Transfer-Encoding: chunked\r\n\r\n");
	ck_assert_int_eq(c.h.framing, H1_CHUNKED);
	ck_assert(c.h.keep_alive);
	accept_answer(METHOD_GET, OK "Content-Length: 0\r\n\r\n");
	ck_assert_int_eq(c.h.framing, H1_NONE);
	ck_assert(c.h.keep_alive && c.m.no_body);
}
END_TEST

START_TEST(some_responses_end_with_their_head)
{
	accept_answer(METHOD_HEAD, OK "Content-Length: 5\r\n\r\n");
	ck_assert_int_eq(c.h.framing, H1_NONE);
	ck_assert(c.m.no_body && c.h.keep_alive);
	ck_assert_int_eq(c.m.content_length, 5);
	accept_answer(METHOD_HEAD, OK "Transfer-Encoding: chunked\r\n\r\n");
	ck_assert_int_eq(c.h.framing, H1_NONE);
	accept_answer(METHOD_HEAD, OK "\r\n");
	ck_assert_int_eq(c.h.framing, H1_NONE);
	ck_assert(c.h.keep_alive);
	accept_answer(METHOD_GET, "HTTP/1.1 304 \r\nContent-Length: 5\r\n\r\n");
	ck_assert_int_eq(c.h.framing, H1_NONE);
	ck_assert_int_eq(c.m.content_length, 5);
	accept_answer(METHOD_GET,
		      "HTTP/1.1 304 \r\nTransfer-Encoding: chunked\r\n\r\n");
	ck_assert_int_eq(c.h.framing, H1_NONE);
	ck_assert(!c.h.keep_alive);
	accept_answer(METHOD_GET, "HTTP/1.1 204 \r\n\r\n");
	ck_assert_int_eq(c.h.framing, H1_NONE);
	ck_assert(c.h.keep_alive);
	accept_answer(METHOD_GET, "HTTP/1.1 103 \r\nLink: x\r\n\r\n");
	ck_assert_int_eq(c.h.framing, H1_NONE);
	ck_assert(c.m.no_body);
}
END_TEST

START_TEST(no_content_is_announced_where_there_can_be_none)
{
	refuse_answer(METHOD_GET, "HTTP/1.1 100 \r\nContent-Length: 5\r\n\r\n");
	refuse_answer(METHOD_GET,
		      "HTTP/1.1 100 \r\nTransfer-Encoding: chunked\r\n\r\n");
	refuse_answer(METHOD_GET, "HTTP/1.1 204 \r\nContent-Length: 5\r\n\r\n");
	refuse_answer(METHOD_GET,
		      "HTTP/1.1 204 \r\nTransfer-Encoding: chunked\r\n\r\n");
	accept_answer(METHOD_GET, "HTTP/1.1 204 \r\nContent-Length: 0\r\n\r\n");
	ck_assert_int_eq(c.m.content_length, LENGTH_UNKNOWN);
	ck_assert_uint_eq(c.m.headers.n, 0);
}
END_TEST

START_TEST(a_2xx_to_connect_opens_a_tunnel)
{
	accept_answer(METHOD_CONNECT, OK "Content-Length: 5\r\n\r\n");
	ck_assert_int_eq(c.h.framing, H1_TUNNEL);
	ck_assert_int_eq(c.m.content_length, LENGTH_UNKNOWN);
	ck_assert(!c.m.no_body && !c.h.keep_alive);
	accept_answer(METHOD_CONNECT, "HTTP/1.1 403 \r\nContent-Length: 5\r\n\r\n");
	ck_assert_int_eq(c.h.framing, H1_LENGTH);
	/* An extended CONNECT went out as GET: 2xx is an answer like others. */
	again(true, METHOD_CONNECT);
	c.m.protocol = STR("websocket");
	ck_assert(head(OK "Content-Length: 5\r\n\r\n", 38) == H1_HEAD);
	ck_assert_int_eq(c.h.framing, H1_LENGTH);
}
END_TEST

START_TEST(a_switch_of_protocols_must_have_been_asked_for)
{
#define SWITCH "HTTP/1.1 101 \r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
#define OTHER  "HTTP/1.1 101 \r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n"
#define BARE   "HTTP/1.1 101 \r\n\r\n"
	refuse_answer(METHOD_GET, SWITCH);
	again(true, METHOD_GET);
	c.m.protocol = STR("websocket");
	ck_assert(head(SWITCH, sizeof(SWITCH) - 1) == H1_HEAD);
	ck_assert_int_eq(c.h.framing, H1_TUNNEL);
	ck_str(c.m.protocol, "websocket");
	again(true, METHOD_GET);
	c.m.protocol = STR("websocket");
	ck_assert(head(OTHER, sizeof(OTHER) - 1) == H1_ERROR);
	again(true, METHOD_GET);
	c.m.protocol = STR("websocket");
	ck_assert(head(BARE, sizeof(BARE) - 1) == H1_ERROR);
	ck_assert_int_eq(c.h.status, 502);
}
END_TEST

START_TEST(a_response_keeps_the_connection_by_version_and_options)
{
#define LENGTH "Content-Length: 0\r\n"
	accept_answer(METHOD_GET, OK LENGTH "Connection: close\r\n\r\n");
	ck_assert(!c.h.keep_alive);
	accept_answer(METHOD_GET, "HTTP/1.0 200 OK\r\n" LENGTH "\r\n");
	ck_assert(!c.h.keep_alive);
	ck_assert_int_eq(c.m.minor_version, 0);
	accept_answer(METHOD_GET,
		      "HTTP/1.0 200 OK\r\n" LENGTH "Connection: keep-alive\r\n\r\n");
	ck_assert(c.h.keep_alive);
}
END_TEST

START_TEST(an_answer_may_come_after_1xx_in_the_same_message)
{
	accept_answer(METHOD_HEAD, "HTTP/1.1 103 \r\nLink: x\r\n\r\n");
	h1_next(&c.h);
	ck_assert(head(OK "Content-Length: 7\r\n\r\n", 38) == H1_HEAD);
	ck_assert_uint_eq(c.m.headers.n, 1);
	ck_assert_int_eq(c.m.status, 200);
	ck_assert_int_eq(c.m.method, METHOD_HEAD);
	ck_assert_int_eq(c.h.framing, H1_NONE);
}
END_TEST

/* --- limits -------------------------------------------------------------- */

/* "GET /xxx… HTTP/1.1\r\n" of n bytes, then HOST and END. */
static size_t long_line(char *to, size_t n)
{
	memcpy(to, "GET /", 5);
	memset(to + 5, 'x', n - 16);
	strcpy(to + n - 11, " HTTP/1.1\r\n" HOST END);
	return strlen(to);
}

START_TEST(a_request_line_too_long_is_a_414)
{
	char bytes[512];

	c.limits.line_bytes = 100;
	accept_n(bytes, long_line(bytes, 100));
	refuse_n(bytes, long_line(bytes, 101), 414);
	/* Also before its end has come. */
	again(false, METHOD_OTHER);
	ck_assert(head(bytes, 100) == H1_MORE);
	ck_assert(head(bytes, 101) == H1_ERROR);
	ck_assert_int_eq(c.h.status, 414);
}
END_TEST

START_TEST(a_head_too_long_is_a_431)
{
	char bytes[512] = GET HOST "x: ";
	size_t len = strlen(bytes);

	c.limits.header_bytes = 200;
	memset(bytes + len, 'y', 200 - 4 - len);
	strcpy(bytes + 196, "\r\n\r\n");
	accept_n(bytes, 200);
	strcpy(bytes + 196, "y\r\n\r\n");
	refuse_n(bytes, 201, 431);
	again(false, METHOD_OTHER);
	ck_assert(head(bytes, 200) == H1_MORE);
	ck_assert(head(bytes, 201) == H1_ERROR);
	again(true, METHOD_GET);
	memcpy(bytes, OK "X: y", 21);
	ck_assert(head(bytes, 201) == H1_ERROR);
	ck_assert_int_eq(c.h.status, 502);
}
END_TEST

START_TEST(the_smaller_of_two_limits_decides)
{
	char bytes[512];

	c.limits.line_bytes = 100;
	c.limits.header_bytes = 50;
	refuse_n(bytes, long_line(bytes, 200), 431);
	c.limits.header_bytes = 150;
	refuse_n(bytes, long_line(bytes, 200), 414);
}
END_TEST

START_TEST(too_many_fields_are_a_431)
{
	c.limits.n_headers = 2;
	accept(GET HOST "a: b\r\n" END);
	refuse(GET HOST "a: b\r\nc: d\r\n" END, 431);
	c.limits.n_headers = 0;
	accept("GET / HTTP/1.0\r\n" END);
	refuse("GET / HTTP/1.0\r\na: b\r\n" END, 431);
}
END_TEST

START_TEST(a_name_longer_than_64_kib_is_refused)
{
	size_t len = 66000;
	char *bytes = malloc(len + 64);

	c.limits.header_bytes = 1 << 20;
	strcpy(bytes, GET HOST);
	memset(bytes + 25, 'x', len);
	strcpy(bytes + 25 + len, ": y\r\n\r\n");
	refuse_n(bytes, strlen(bytes), 400);
	free(bytes);
}
END_TEST

START_TEST(more_bytes_than_the_head_do_not_matter_to_the_limits)
{
	char bytes[4096] = GET HOST END;

	c.limits.header_bytes = 100;
	c.limits.line_bytes = 50;
	memset(bytes + 27, '\n', sizeof(bytes) - 27);
	again(false, METHOD_OTHER);
	ck_assert(head(bytes, sizeof(bytes)) == H1_HEAD);
	ck_assert_uint_eq(c.used, 27);
}
END_TEST

/* --- memory -------------------------------------------------------------- */

START_TEST(without_memory_a_head_is_a_503_and_nothing_leaks)
{
	static const char bytes[] = "GET http://b?q HTTP/1.1\r\n" HOST "a: b\r\n\r\n";
	int refused = 0;

	for (uint64_t cap = 1; cap < 4096; cap += 16) {
		again(false, METHOD_OTHER);
		c.a.cap_bytes = cap;
		if (head(bytes, sizeof(bytes) - 1) == H1_HEAD) {
			ck_str(c.m.path, "/?q");
			break;
		}
		ck_assert(c.result == H1_ERROR);
		ck_assert_int_eq(c.h.status, 503);
		refused++;
	}
	ck_assert(c.result == H1_HEAD);
	ck_assert_int_gt(refused, 3);
	/* Not the answer's fault. */
	again(true, METHOD_GET);
	c.a.cap_bytes = 1;
	ck_assert(head(OK END, 19) == H1_ERROR);
	ck_assert_int_eq(c.h.status, 503);
	case_fini(&c);
	ck_assert_uint_eq(mem_live(mem_counters(), MEM_STREAM), 0);
}
END_TEST

START_TEST(a_head_that_is_not_whole_takes_no_memory)
{
	again(false, METHOD_OTHER);
	for (size_t n = 0; n < sizeof(GET HOST) + 1; n++)
		ck_assert(head(GET HOST END, n) == H1_MORE);
	ck_assert_uint_eq(mem_live(mem_counters(), MEM_STREAM), 0);
}
END_TEST

static TCase *responses(void)
{
	TCase *t = tcase_create("responses");

	tcase_add_test(t, a_response_is_taken_apart);
	tcase_add_test(t, the_reason_phrase_may_be_missing_or_odd);
	tcase_add_test(t, a_status_has_three_digits_from_100_to_599);
	tcase_add_test(t, a_status_line_has_the_version_first);
	tcase_add_test(t, a_response_without_framing_lasts_until_the_close);
	tcase_add_test(t, some_responses_end_with_their_head);
	tcase_add_test(t, no_content_is_announced_where_there_can_be_none);
	tcase_add_test(t, a_2xx_to_connect_opens_a_tunnel);
	tcase_add_test(t, a_switch_of_protocols_must_have_been_asked_for);
	tcase_add_test(t, a_response_keeps_the_connection_by_version_and_options);
	tcase_add_test(t, an_answer_may_come_after_1xx_in_the_same_message);
	return t;
}

static TCase *limits(void)
{
	TCase *t = tcase_create("limits");

	tcase_add_test(t, a_request_line_too_long_is_a_414);
	tcase_add_test(t, a_head_too_long_is_a_431);
	tcase_add_test(t, the_smaller_of_two_limits_decides);
	tcase_add_test(t, too_many_fields_are_a_431);
	tcase_add_test(t, a_name_longer_than_64_kib_is_refused);
	tcase_add_test(t, more_bytes_than_the_head_do_not_matter_to_the_limits);
	tcase_add_test(t, without_memory_a_head_is_a_503_and_nothing_leaks);
	tcase_add_test(t, a_head_that_is_not_whole_takes_no_memory);
	return t;
}

int main(void)
{
	TCase *cases[] = {responses(), limits()};
	Suite *s = suite_create("h1_response");
	SRunner *r;
	int failed;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		tcase_add_checked_fixture(cases[i], setup, teardown);
		suite_add_tcase(s, cases[i]);
	}
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
