#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "h1_case.h"

#define CHUNKED   "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
#define LENGTH(n) "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " n "\r\n\r\n"
#define OK        "HTTP/1.1 200 OK\r\n"

static struct h1_case c;

static void setup(void)
{
	char err[256] = "";

	ck_assert_msg(mem_choose("system,regions=heap", err, sizeof(err)) == 0, "%s",
		      err);
	case_init(&c);
}

static void teardown(void)
{
	case_fini(&c);
}

static void feed(const char *bytes, size_t len)
{
	case_fini(&c);
	case_init(&c);
	case_feed(&c, bytes, len, len, len);
}

static void feed_answer(enum method method, const char *bytes)
{
	case_fini(&c);
	case_init_response(&c, method);
	case_feed(&c, bytes, strlen(bytes), strlen(bytes), 1);
}

static void gives_n(const char *bytes, size_t len, const char *body)
{
	feed(bytes, len);
	ck_assert_msg(c.result == H1_DONE && !c.ended, "%s: %s", c.h.reason, bytes);
	ck_assert_uint_eq(c.used, len);
	ck_assert_uint_eq(c.body_len, strlen(body));
	ck_assert_mem_eq(c.body ? c.body : "", body, c.body_len);
}

static void refuses_n(const char *bytes, size_t len)
{
	size_t used;
	struct str data;

	feed(bytes, len);
	ck_assert_msg(c.result == H1_ERROR && !c.ended, "%d: %s", c.result, bytes);
	ck_assert_int_eq(c.h.status, 400);
	ck_assert(!c.h.keep_alive);
	ck_assert(h1_read_body(&c.h, "0", 1, &used, &data, &c.m, &c.a) == H1_ERROR);
	ck_assert(h1_read_eof(&c.h) == H1_ERROR);
}

#define gives(bytes, body) gives_n(bytes, sizeof(bytes) - 1, body)
#define refuses(bytes)     refuses_n(bytes, sizeof(bytes) - 1)

/* "CHUNKED" and this, refused. */
static void refuses_chunk(const char *chunk)
{
	char bytes[256];

	snprintf(bytes, sizeof(bytes), "%s%s", CHUNKED, chunk);
	refuses_n(bytes, strlen(bytes));
}

START_TEST(a_body_of_a_length_ends_there)
{
	gives(LENGTH("5") "hello", "hello");
	gives(LENGTH("0"), "");
	gives("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "");
	feed(LENGTH("5") "hello, world", sizeof(LENGTH("5")) - 1 + 12);
	ck_assert(c.result == H1_DONE);
	ck_assert_uint_eq(c.used, sizeof(LENGTH("5")) - 1 + 5);
	ck_assert_uint_eq(c.body_len, 5);
}
END_TEST

START_TEST(a_body_cut_short_is_an_error)
{
	feed(LENGTH("5") "hell", sizeof(LENGTH("5")) - 1 + 4);
	ck_assert(c.ended && c.result == H1_ERROR);
	ck_assert_int_eq(c.h.status, 400);
	feed_answer(METHOD_GET, OK "Content-Length: 5\r\n\r\nhell");
	ck_assert(c.ended && c.result == H1_ERROR);
	ck_assert_int_eq(c.h.status, 502);
}
END_TEST

START_TEST(a_chunked_body_cut_short_is_an_error_at_every_byte)
{
	static const char bytes[] = CHUNKED "5;a=b\r\nhello\r\n0\r\nx: y\r\n\r\n";

	for (size_t n = 1; n < sizeof(bytes) - 1; n++) {
		feed(bytes, n);
		ck_assert_msg(c.ended && c.result == H1_ERROR, "after %zu bytes", n);
	}
}
END_TEST

START_TEST(chunks_make_a_body)
{
	gives(CHUNKED "5\r\nhello\r\n0\r\n\r\n", "hello");
	gives(CHUNKED "0\r\n\r\n", "");
	gives(CHUNKED "1\r\nh\r\n4\r\nello\r\n00\r\n\r\n", "hello");
	gives(CHUNKED "00a\r\n0123456789\r\n0\r\n\r\n", "0123456789");
	gives(CHUNKED "A\r\n0123456789\r\n0\r\n\r\n", "0123456789");
	gives(CHUNKED "2\r\n\r\n\r\n0\r\n\r\n", "\r\n");
}
END_TEST

START_TEST(nothing_behind_the_last_chunk_is_used)
{
	feed(CHUNKED "1\r\na\r\n0\r\n\r\nGET", sizeof(CHUNKED) - 1 + 14);
	ck_assert(c.result == H1_DONE);
	ck_assert_uint_eq(c.used, sizeof(CHUNKED) - 1 + 11);
}
END_TEST

START_TEST(a_chunk_size_is_hexadecimal_digits_only)
{
	static const char *const bad[] = {
		"\r\nhello\r\n", "g\r\n",   "-5\r\nhello\r\n", "+5\r\nhello\r\n",
		" 5\r\nhello",   "0x5\r\n", "5h\r\nhello",     "5 5\r\n",
		";a\r\n",        "5.\r\n",  "\t5\r\n",         "5,5\r\n",
		"5\x80\r\n",     "5_\r\n",  "\n5\r\n",         "/\r\n",
		":\r\n",         "@\r\n",   "G\r\n",           "`\r\n",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refuses_chunk(bad[i]);
	refuses(CHUNKED "5\0\r\nhello\r\n");
}
END_TEST

START_TEST(a_chunk_size_has_16_digits_at_most)
{
	gives(CHUNKED "0000000000000005\r\nhello\r\n0000000000000000\r\n\r\n", "hello");
	refuses_chunk("00000000000000005\r\nhello\r\n");
	refuses_chunk("5\r\nhello\r\n00000000000000000\r\n\r\n");
}
END_TEST

START_TEST(a_chunk_size_does_not_overflow)
{
	refuses_chunk("8000000000000000\r\n");
	refuses_chunk("ffffffffffffffff\r\n");
	refuses_chunk("10000000000000005\r\nhello\r\n");
	feed(CHUNKED "7fffffffffffffff\r\nhello",
	     sizeof(CHUNKED "7fffffffffffffff\r\nhello") - 1);
	ck_assert(c.ended);
	ck_assert_uint_eq(c.body_len, 5);
	ck_assert_uint_eq(c.h.left_bytes, INT64_MAX - 5);
}
END_TEST

START_TEST(a_chunk_line_ends_with_cr_lf)
{
	refuses_chunk("5\nhello\r\n0\r\n\r\n");
	refuses_chunk("5\rhello\r\n0\r\n\r\n");
	refuses_chunk("5\r\rhello\r\n0\r\n\r\n");
	refuses_chunk("5;a\nhello\r\n0\r\n\r\n");
	refuses_chunk("5;a\rb\r\nhello\r\n0\r\n\r\n");
	refuses_chunk("0\n\r\n");
	refuses_chunk("0\r\n\n");
	refuses_chunk("0\r\r\n\r\n");
}
END_TEST

START_TEST(the_data_of_a_chunk_ends_where_its_size_says)
{
	refuses_chunk("5\r\nhelloo\r\n0\r\n\r\n");
	refuses_chunk("5\r\nhell\r\n0\r\n\r\n");
	refuses_chunk("5\r\nhello\n0\r\n\r\n");
	refuses_chunk("5\r\nhello\r0\r\n\r\n");
	refuses_chunk("5\r\nhello0\r\n\r\n");
	refuses_chunk("5\r\nhello\r\n\r\n0\r\n\r\n");
}
END_TEST

START_TEST(chunk_extensions_are_read_and_forgotten)
{
	gives(CHUNKED "5;a\r\nhello\r\n0;b=c\r\n\r\n", "hello");
	gives(CHUNKED "5;a=\"b c\";d\r\nhello\r\n0\r\n\r\n", "hello");
	gives(CHUNKED "5 ; \t a = b \r\nhello\r\n0\t;c\r\n\r\n", "hello");
	gives(CHUNKED "5;a=\"\x80\"\r\nhello\r\n0\r\n\r\n", "hello");
}
END_TEST

START_TEST(a_chunk_extension_has_a_name_and_no_controls)
{
	refuses_chunk("5;\r\nhello\r\n0\r\n\r\n");
	refuses_chunk("5; \r\nhello\r\n0\r\n\r\n");
	refuses_chunk("5;=a\r\nhello\r\n0\r\n\r\n");
	refuses_chunk("5;;\r\nhello\r\n0\r\n\r\n");
	refuses_chunk("5 \r\nhello\r\n0\r\n\r\n");
	refuses_chunk("5\t\r\nhello\r\n0\r\n\r\n");
	refuses_chunk("5 a\r\nhello\r\n0\r\n\r\n");
	refuses_chunk("5;a\x01\r\nhello\r\n0\r\n\r\n");
	refuses_chunk("5;a\x7f\r\nhello\r\n0\r\n\r\n");
	refuses(CHUNKED "5;a\0\r\nhello\r\n0\r\n\r\n");
}
END_TEST

/* Chunks of one byte with n bytes of extension each, count times. */
static char *extended(size_t n, size_t count)
{
	char *bytes = malloc(sizeof(CHUNKED) + count * (n + 8) + 8);
	size_t at = sizeof(CHUNKED) - 1;

	strcpy(bytes, CHUNKED);
	for (size_t i = 0; i < count; i++) {
		bytes[at++] = '1';
		bytes[at++] = ';';
		memset(bytes + at, 'x', n - 1);
		at += n - 1;
		memcpy(bytes + at, "\r\na\r\n", 5);
		at += 5;
	}
	strcpy(bytes + at, "0\r\n\r\n");
	return bytes;
}

START_TEST(chunk_extensions_are_bounded_in_one_chunk_and_in_all)
{
	static const struct {
		size_t n, count;
		bool good;
	} cases[] = {
		{4000, 1, true},  {4100, 1, false}, {10, 340, true},
		{10, 410, false}, {2, 1300, true},  {2, 2000, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *bytes = extended(cases[i].n, cases[i].count);

		feed(bytes, strlen(bytes));
		ck_assert_msg((c.result == H1_DONE) == cases[i].good, "case %zu", i);
		free(bytes);
	}
}
END_TEST

START_TEST(chunks_without_extensions_are_not_bounded)
{
	size_t n = 10000;
	char *bytes = malloc(sizeof(CHUNKED) + n * 6 + 8);

	strcpy(bytes, CHUNKED);
	for (size_t i = 0; i < n; i++)
		memcpy(bytes + sizeof(CHUNKED) - 1 + i * 6, "1\r\na\r\n", 6);
	strcpy(bytes + sizeof(CHUNKED) - 1 + n * 6, "0\r\n\r\n");
	feed(bytes, strlen(bytes));
	ck_assert(c.result == H1_DONE);
	ck_assert_uint_eq(c.body_len, n);
	free(bytes);
}
END_TEST

START_TEST(trailers_are_read)
{
	gives(CHUNKED "1\r\na\r\n0\r\nGrpc-Status: 0\r\nx:  y \r\n\r\n", "a");
	ck_assert_uint_eq(c.m.trailers.n, 2);
	ck_assert_str_eq(case_value(&c.m.trailers, "grpc-status", 0), "0");
	ck_assert_str_eq(case_value(&c.m.trailers, "x", 0), "y");
	ck_assert_uint_eq(c.m.headers.n, 1);
}
END_TEST

START_TEST(trailers_that_come_too_late_are_dropped)
{
	gives(CHUNKED "0\r\nAuthorization: x\r\nConnection: close\r\nx: y\r\n"
		      "Set-Cookie: a\r\nTE: b\r\nContent-Type: c\r\n\r\n",
	      "");
	ck_assert_uint_eq(c.m.trailers.n, 1);
	ck_assert_str_eq(case_value(&c.m.trailers, "x", 0), "y");
	ck_assert(c.h.keep_alive);
}
END_TEST

START_TEST(trailers_that_frame_or_route_are_refused)
{
	refuses_chunk("0\r\nContent-Length: 5\r\n\r\n");
	refuses_chunk("0\r\nTransfer-Encoding: chunked\r\n\r\n");
	refuses_chunk("0\r\nx: y\r\nHOST: b\r\n\r\n");
}
END_TEST

START_TEST(trailers_are_as_strict_as_headers)
{
	refuses_chunk("0\r\nx : y\r\n\r\n");
	refuses_chunk("0\r\nx: y\r\n z\r\n\r\n");
	refuses_chunk("0\r\nx: y\n\r\n");
	refuses_chunk("0\r\nx: y\r\n\n");
	refuses_chunk("0\r\nx: y\rz\r\n\r\n");
	refuses_chunk("0\r\n: y\r\n\r\n");
	refuses_chunk("0\r\nx\r\n\r\n");
	refuses_chunk("0\r\nGET / HTTP/1.1\r\n\r\n");
	refuses(CHUNKED "0\r\nx: \0\r\n\r\n");
}
END_TEST

static void feed_trailers(const char *trailers, uint32_t bytes, uint16_t n)
{
	char all[512];

	snprintf(all, sizeof(all), "%s0\r\n%s\r\n", CHUNKED, trailers);
	case_fini(&c);
	case_init(&c);
	c.limits.header_bytes = bytes;
	c.limits.n_headers = n;
	case_feed(&c, all, strlen(all), strlen(all), 1);
}

START_TEST(trailers_are_bounded_in_bytes_and_count)
{
	char line[128] = "a: ";

	feed_trailers("a: b\r\nc: d\r\n", 100, 2);
	ck_assert(c.result == H1_DONE);
	feed_trailers("a: b\r\nc: d\r\ne: f\r\n", 100, 2);
	ck_assert(c.result == H1_ERROR);
	ck_assert_int_eq(c.h.status, 431);
	memset(line + 3, 'b', 93);
	strcpy(line + 96, "\r\n");
	feed_trailers(line, 100, 2);
	ck_assert(c.result == H1_DONE);
	feed_trailers(line, 99, 2);
	ck_assert(c.result == H1_ERROR);
	ck_assert_int_eq(c.h.status, 431);
}
END_TEST

START_TEST(without_memory_for_trailers_the_message_is_refused)
{
	static const char rest[] = "0\r\nx: y\r\n\r\n";
	int refused = 0;

	for (uint64_t more = 1; more < 1024; more += 16) {
		size_t used;
		struct str data;

		case_fini(&c);
		case_init(&c);
		ck_assert(h1_read_head(&c.h, CHUNKED, sizeof(CHUNKED) - 1, &used, &c.m,
				       &c.a) == H1_HEAD);
		c.a.cap_bytes = c.a.used_bytes + more;
		c.result = h1_read_body(&c.h, rest, sizeof(rest) - 1, &used, &data,
					&c.m, &c.a);
		if (c.result == H1_DONE)
			break;
		ck_assert(c.result == H1_ERROR);
		ck_assert_int_eq(c.h.status, 503);
		refused++;
	}
	ck_assert(c.result == H1_DONE);
	ck_assert_int_gt(refused, 1);
}
END_TEST

START_TEST(a_response_without_framing_ends_with_the_connection)
{
	feed_answer(METHOD_GET, OK "\r\nall that comes");
	ck_assert(c.ended && c.result == H1_DONE);
	ck_assert_str_eq(c.body, "all that comes");
	feed_answer(METHOD_GET, OK "\r\n");
	ck_assert(c.ended && c.result == H1_DONE);
	ck_assert_uint_eq(c.body_len, 0);
}
END_TEST

START_TEST(a_response_without_body_is_done_at_once)
{
	feed_answer(METHOD_HEAD, OK "Content-Length: 5\r\n\r\nhello");
	ck_assert(c.result == H1_DONE && !c.ended);
	ck_assert_uint_eq(c.used, 38);
	feed_answer(METHOD_GET, "HTTP/1.1 304 \r\n\r\nhello");
	ck_assert(c.result == H1_DONE && !c.ended);
	ck_assert_uint_eq(c.body_len, 0);
	ck_assert(h1_read_eof(&c.h) == H1_DONE);
}
END_TEST

START_TEST(everything_in_a_tunnel_is_data)
{
	feed_answer(METHOD_CONNECT, OK "Content-Length: 1\r\n\r\n\r\n0\r\n\r\nabc");
	ck_assert(c.ended && c.result == H1_DONE);
	ck_assert_str_eq(c.body, "\r\n0\r\n\r\nabc");
}
END_TEST

START_TEST(a_request_can_become_a_tunnel)
{
	size_t used;
	struct str data;

	gives("CONNECT b:1 HTTP/1.1\r\nHost: b:1\r\n\r\n", "");
	ck_assert(c.result == H1_DONE);
	h1_set_tunnel(&c.h);
	ck_assert(!c.h.keep_alive);
	ck_assert(h1_read_body(&c.h, "", 0, &used, &data, &c.m, &c.a) == H1_MORE);
	ck_assert(h1_read_body(&c.h, "ab", 2, &used, &data, &c.m, &c.a) == H1_DATA);
	ck_assert(str_eq(data, STR("ab")));
	ck_assert_uint_eq(used, 2);
	ck_assert(h1_read_eof(&c.h) == H1_DONE);
}
END_TEST

START_TEST(pipelined_messages_come_apart_one_by_one)
{
	static const char bytes[] =
		LENGTH("3") "abc" CHUNKED "2;x\r\nde\r\n0\r\nt: u\r\n\r\n"
			    "GET /last HTTP/1.1\r\nHost: a\r\n\r\n";
	const char *p = bytes;
	int n = 0;

	while (p < bytes + sizeof(bytes) - 1) {
		size_t used;
		struct str data;
		enum h1_result r;

		ck_assert(h1_read_head(&c.h, p, strlen(p), &used, &c.m, &c.a) ==
			  H1_HEAD);
		p += used;
		while ((r = h1_read_body(&c.h, p, strlen(p), &used, &data, &c.m,
					 &c.a)) == H1_DATA)
			p += used;
		ck_assert(r == H1_DONE);
		p += used;
		n++;
		ck_assert(c.h.keep_alive);
		h1_next(&c.h);
	}
	ck_assert_int_eq(n, 3);
	ck_assert(str_eq(c.m.path, STR("/last")));
	ck_assert_uint_eq(c.m.trailers.n, 0);
	ck_assert(h1_read_eof(&c.h) == H1_ERROR);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("h1_body");
	TCase *t = tcase_create("bodies");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_body_of_a_length_ends_there);
	tcase_add_test(t, a_body_cut_short_is_an_error);
	tcase_add_test(t, a_chunked_body_cut_short_is_an_error_at_every_byte);
	tcase_add_test(t, chunks_make_a_body);
	tcase_add_test(t, nothing_behind_the_last_chunk_is_used);
	tcase_add_test(t, a_chunk_size_is_hexadecimal_digits_only);
	tcase_add_test(t, a_chunk_size_has_16_digits_at_most);
	tcase_add_test(t, a_chunk_size_does_not_overflow);
	tcase_add_test(t, a_chunk_line_ends_with_cr_lf);
	tcase_add_test(t, the_data_of_a_chunk_ends_where_its_size_says);
	tcase_add_test(t, chunk_extensions_are_read_and_forgotten);
	tcase_add_test(t, a_chunk_extension_has_a_name_and_no_controls);
	tcase_add_test(t, chunk_extensions_are_bounded_in_one_chunk_and_in_all);
	tcase_add_test(t, chunks_without_extensions_are_not_bounded);
	tcase_add_test(t, trailers_are_read);
	tcase_add_test(t, trailers_that_come_too_late_are_dropped);
	tcase_add_test(t, trailers_that_frame_or_route_are_refused);
	tcase_add_test(t, trailers_are_as_strict_as_headers);
	tcase_add_test(t, trailers_are_bounded_in_bytes_and_count);
	tcase_add_test(t, without_memory_for_trailers_the_message_is_refused);
	tcase_add_test(t, a_response_without_framing_ends_with_the_connection);
	tcase_add_test(t, a_response_without_body_is_done_at_once);
	tcase_add_test(t, everything_in_a_tunnel_is_data);
	tcase_add_test(t, a_request_can_become_a_tunnel);
	tcase_add_test(t, pipelined_messages_come_apart_one_by_one);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
