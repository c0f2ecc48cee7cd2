#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "h1_head_case.h"

/* --- Host ---------------------------------------------------------------- */

START_TEST(http_1_1_wants_exactly_one_host)
{
	refuse(GET END, 400);
	refuse(GET HOST HOST END, 400);
	refuse(GET HOST "host: b\r\n" END, 400);
	accept("GET / HTTP/1.0\r\n" END);
	ck_str(c.m.authority, "");
	refuse("GET / HTTP/1.0\r\n" HOST HOST END, 400);
	accept("GET / HTTP/1.0\r\n" HOST END);
	ck_str(c.m.authority, "a");
}
END_TEST

START_TEST(a_host_is_an_authority_or_empty)
{
	accept(GET "Host:\r\n" END);
	ck_str(c.m.authority, "");
	refuse(GET "Host: a b\r\n" END, 400);
	refuse(GET "Host: a, b\r\n" END, 400);
	refuse(GET "Host: u@a\r\n" END, 400);
	refuse(GET "Host: a/b\r\n" END, 400);
	refuse(GET "Host: a:b\r\n" END, 400);
	refuse(GET "Host: http://a\r\n" END, 400);
	refuse(GET "Host: a?b\r\n" END, 400);
	refuse(GET "Host: a#b\r\n" END, 400);
	refuse(GET "Host: \x80\r\n" END, 400);
	refuse(GET "Host: a:80:80\r\n" END, 400);
}
END_TEST

/* --- framing ------------------------------------------------------------- */

START_TEST(a_request_without_a_length_has_no_body)
{
	accept("POST / HTTP/1.1\r\n" HOST END);
	ck_assert_int_eq(c.h.framing, H1_NONE);
	ck_assert(c.m.no_body);
	ck_assert_int_eq(c.m.content_length, LENGTH_UNKNOWN);
}
END_TEST

START_TEST(a_content_length_frames_the_body)
{
	accept("POST / HTTP/1.1\r\nContent-Length: 42\r\n" HOST END);
	ck_assert_int_eq(c.h.framing, H1_LENGTH);
	ck_assert_int_eq(c.m.content_length, 42);
	ck_assert(!c.m.no_body);
	accept("POST / HTTP/1.1\r\nContent-Length: 0\r\n" HOST END);
	ck_assert_int_eq(c.h.framing, H1_NONE);
	ck_assert_int_eq(c.m.content_length, 0);
	ck_assert(c.m.no_body);
	accept("POST / HTTP/1.1\r\nContent-Length: 007\r\n" HOST END);
	ck_assert_int_eq(c.m.content_length, 7);
	accept("POST / HTTP/1.1\r\nContent-Length: 9223372036854775807\r\n" HOST END);
	ck_assert(c.m.content_length == INT64_MAX);
}
END_TEST

START_TEST(a_content_length_is_digits_only)
{
	static const char *const bad[] = {
		"",
		"+1",
		"-1",
		"1 1",
		"0x10",
		"1.0",
		"1e1",
		"a",
		"1,1",
		"1, 1",
		",1",
		"1,",
		"1;",
		"\"1\"",
		"\xb2",
		"9223372036854775808",
		"18446744073709551616",
		"99999999999999999999999999",
		"1\t1",
		"-0",
		"1_0",
	};
	char bytes[128];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(bytes, sizeof(bytes),
			 "POST / HTTP/1.1\r\n" HOST "Content-Length: %s\r\n\r\n",
			 bad[i]);
		refuse_n(bytes, strlen(bytes), 400);
		snprintf(bytes, sizeof(bytes), OK "Content-Length: %s\r\n\r\n", bad[i]);
		refuse_answer(METHOD_GET, bytes);
	}
}
END_TEST

START_TEST(a_repeated_content_length_must_be_equal)
{
	accept("POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n" HOST
		       END);
	ck_assert_int_eq(c.m.content_length, 5);
	ck_assert_uint_eq(c.m.headers.n, 2);
	refuse("POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n" HOST END,
	       400);
	refuse("POST / HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 6\r\n" HOST END,
	       400);
	refuse("POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: x\r\n" HOST END,
	       400);
	refuse("POST / HTTP/1.1\r\nContent-Length: x\r\nContent-Length: x\r\n" HOST END,
	       400);
	refuse_answer(METHOD_GET, OK "Content-Length: 1\r\nContent-Length: 2\r\n\r\n");
}
END_TEST

START_TEST(content_length_beside_transfer_encoding_is_refused)
{
	refuse("POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: "
	       "chunked\r\n" HOST END,
	       400);
	refuse("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: "
	       "0\r\n" HOST END,
	       400);
	refuse("POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\nContent-Length: "
	       "0\r\n" HOST END,
	       400);
	refuse_answer(METHOD_GET,
		      OK "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n");
}
END_TEST

START_TEST(chunked_frames_the_body)
{
	accept("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" HOST END);
	ck_assert_int_eq(c.h.framing, H1_CHUNKED);
	ck_assert(!c.m.no_body);
	ck_assert_uint_eq(c.m.headers.n, 1);
	accept("POST / HTTP/1.1\r\nTransfer-Encoding:\t CHUNKED \r\n" HOST END);
	ck_assert_int_eq(c.h.framing, H1_CHUNKED);
}
END_TEST

START_TEST(chunked_comes_once_and_last)
{
	refuse("POST / HTTP/1.1\r\nTransfer-Encoding: chunked, chunked\r\n" HOST END,
	       400);
	refuse("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
	       "chunked\r\n" HOST END,
	       400);
	refuse("POST / HTTP/1.1\r\nTransfer-Encoding: chunked, identity\r\n" HOST END,
	       400);
	refuse("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
	       "identity\r\n" HOST END,
	       400);
	refuse("POST / HTTP/1.1\r\nTransfer-Encoding: \r\n" HOST END, 400);
	refuse("POST / HTTP/1.1\r\nTransfer-Encoding: ,chunked\r\n" HOST END, 400);
	refuse("POST / HTTP/1.1\r\nTransfer-Encoding: chunked,\r\n" HOST END, 400);
}
END_TEST

START_TEST(an_unknown_transfer_coding_is_not_known_here)
{
	static const char *const others[] = {
		"gzip",        "gzip, chunked",     "identity",
		"xchunked",    "chunkedx",          "chunk",
		"chunked;a=b", "\"chunked\"",       "chunked chunked",
		"cow",         "identity, chunked", "'chunked'",
		"chu\tnked",   "\x63hunked\x80",    "chunked;",
		"x-chunked",
	};
	char bytes[128];

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		snprintf(bytes, sizeof(bytes),
			 "POST / HTTP/1.1\r\nTransfer-Encoding: %s\r\n" HOST END,
			 others[i]);
		refuse_n(bytes, strlen(bytes), 501);
		snprintf(bytes, sizeof(bytes), OK "Transfer-Encoding: %s\r\n\r\n",
			 others[i]);
		refuse_answer(METHOD_GET, bytes);
	}
}
END_TEST

START_TEST(transfer_encoding_is_not_for_http_1_0)
{
	refuse("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n" HOST END, 400);
	refuse_answer(METHOD_GET,
		      "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
}
END_TEST

/* --- the connection ------------------------------------------------------ */

START_TEST(a_request_keeps_the_connection_unless_it_says_close)
{
	accept(GET HOST END);
	ck_assert(c.h.keep_alive);
	accept(GET HOST "Connection: close\r\n" END);
	ck_assert(!c.h.keep_alive);
	accept(GET HOST "Connection: x, CLOSE\r\n" END);
	ck_assert(!c.h.keep_alive);
	accept(GET HOST "Connection: x\r\nConnection: keep-alive, close\r\n" END);
	ck_assert(!c.h.keep_alive);
	accept(GET HOST "Connection: closed\r\n" END);
	ck_assert(c.h.keep_alive);
}
END_TEST

START_TEST(http_1_0_closes_unless_it_says_keep_alive)
{
	accept("GET / HTTP/1.0\r\n" END);
	ck_assert(!c.h.keep_alive);
	accept("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n" END);
	ck_assert(c.h.keep_alive);
	accept("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n" END);
	ck_assert(!c.h.keep_alive);
	accept("GET / HTTP/1.0\r\nProxy-Connection: keep-alive\r\n" END);
	ck_assert(!c.h.keep_alive);
}
END_TEST

START_TEST(hop_by_hop_fields_end_at_the_head)
{
	accept(GET HOST
	       "Connection: x-one, te\r\nX-One: 1\r\nX-Two: 2\r\n"
	       "Keep-Alive: 5\r\nProxy-Connection: close\r\nUpgrade: h2c\r\n"
	       "HTTP2-Settings: AAMAAABkAAQAAP__\r\nTE: gzip, trailers\r\n" END);
	ck_assert_uint_eq(c.m.headers.n, 3);
	ck_assert_ptr_nonnull(case_value(&c.m.headers, "host", 0));
	ck_assert_str_eq(case_value(&c.m.headers, "x-two", 0), "2");
	ck_assert_str_eq(case_value(&c.m.headers, "te", 0), "trailers");
	ck_assert(c.h.keep_alive);
}
END_TEST

START_TEST(what_connection_names_ends_at_the_head)
{
	accept(GET HOST "X-One: 1\r\nX-Two: 2\r\nConnection: x-one\r\n" END);
	ck_assert_uint_eq(c.m.headers.n, 2);
	ck_assert_str_eq(case_value(&c.m.headers, "x-two", 0), "2");
	accept(GET HOST
	       "X-One: 1\r\nConnection: keep-alive\r\nConnection: x-one\r\n" END);
	ck_assert_uint_eq(c.m.headers.n, 1);
}
END_TEST

START_TEST(connection_cannot_take_away_what_frames_or_routes)
{
	accept("POST / HTTP/1.1\r\nContent-Length: 5\r\n"
	       "Connection: content-length, host, transfer-encoding\r\n" HOST END);
	ck_assert_int_eq(c.h.framing, H1_LENGTH);
	ck_assert_int_eq(c.m.content_length, 5);
	ck_str(c.m.authority, "a");
}
END_TEST

START_TEST(connection_names_32_options_at_most)
{
	char bytes[512] = GET HOST "Connection: a";

	for (int i = 0; i < 31; i++)
		strcat(bytes, ",b");
	strcat(bytes, "\r\n\r\n");
	accept_n(bytes, strlen(bytes));
	bytes[strlen(bytes) - 4] = '\0';
	strcat(bytes, "\r\nConnection: c\r\n\r\n");
	refuse_n(bytes, strlen(bytes), 400);
}
END_TEST

START_TEST(a_websocket_upgrade_is_understood)
{
	accept(GET HOST
	       "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n" END);
	ck_str(c.m.protocol, "websocket");
	ck_assert_uint_eq(c.m.headers.n, 1);
}
END_TEST

START_TEST(any_other_upgrade_is_ignored)
{
	accept(GET HOST "Connection: upgrade\r\nUpgrade: h2c\r\n" END);
	ck_str(c.m.protocol, "");
	accept(GET HOST "Upgrade: websocket\r\n" END);
	ck_str(c.m.protocol, "");
	accept(GET HOST "Connection: upgrade\r\n" END);
	ck_str(c.m.protocol, "");
	accept("POST / HTTP/1.1\r\n" HOST
	       "Connection: upgrade\r\nUpgrade: websocket\r\n" END);
	ck_str(c.m.protocol, "");
	accept("GET / HTTP/1.0\r\n" HOST
	       "Connection: upgrade\r\nUpgrade: websocket\r\n" END);
	ck_str(c.m.protocol, "");
	accept(GET HOST "Connection: upgrade\r\nUpgrade: websocket\r\n"
			"Content-Length: 5\r\n" END);
	ck_str(c.m.protocol, "");
	ck_assert_int_eq(c.h.framing, H1_LENGTH);
}
END_TEST

START_TEST(expect_100_continue_is_seen)
{
	accept("POST / HTTP/1.1\r\n" HOST
	       "Expect: 100-Continue\r\nContent-Length: 5\r\n" END);
	ck_assert(c.m.expect_continue);
	accept(GET HOST "Expect: 100-continue\r\n" END);
	ck_assert(!c.m.expect_continue);
	accept("POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n" END);
	ck_assert(!c.m.expect_continue);
	ck_assert_ptr_null(case_value(&c.m.headers, "expect", 0));
}
END_TEST

START_TEST(any_other_expectation_fails)
{
	refuse(GET HOST "Expect: a\r\n" END, 417);
	refuse(GET HOST "Expect: 100-continue, a\r\n" END, 417);
	refuse(GET HOST "Expect: 100-continue\r\nExpect: b\r\n" END, 417);
	refuse(GET HOST "Expect:\r\n" END, 417);
}
END_TEST

static TCase *meaning(void)
{
	TCase *t = tcase_create("meaning");

	tcase_add_test(t, http_1_1_wants_exactly_one_host);
	tcase_add_test(t, a_host_is_an_authority_or_empty);
	tcase_add_test(t, a_request_without_a_length_has_no_body);
	tcase_add_test(t, a_content_length_frames_the_body);
	tcase_add_test(t, a_content_length_is_digits_only);
	tcase_add_test(t, a_repeated_content_length_must_be_equal);
	tcase_add_test(t, content_length_beside_transfer_encoding_is_refused);
	tcase_add_test(t, chunked_frames_the_body);
	tcase_add_test(t, chunked_comes_once_and_last);
	tcase_add_test(t, an_unknown_transfer_coding_is_not_known_here);
	tcase_add_test(t, transfer_encoding_is_not_for_http_1_0);
	tcase_add_test(t, a_request_keeps_the_connection_unless_it_says_close);
	tcase_add_test(t, http_1_0_closes_unless_it_says_keep_alive);
	tcase_add_test(t, hop_by_hop_fields_end_at_the_head);
	tcase_add_test(t, what_connection_names_ends_at_the_head);
	tcase_add_test(t, connection_cannot_take_away_what_frames_or_routes);
	tcase_add_test(t, connection_names_32_options_at_most);
	tcase_add_test(t, a_websocket_upgrade_is_understood);
	tcase_add_test(t, any_other_upgrade_is_ignored);
	tcase_add_test(t, expect_100_continue_is_seen);
	tcase_add_test(t, any_other_expectation_fails);
	return t;
}

int main(void)
{
	TCase *cases[] = {meaning()};
	Suite *s = suite_create("h1_meaning");
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
