#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "http/h1.h"

static struct message m;
static struct arena a;
static char out[4096];
static size_t n;

static void setup(void)
{
	char err[256] = "";

	ck_assert_msg(mem_choose("system,regions=heap", err, sizeof(err)) == 0, "%s",
		      err);
	arena_init(&a, MEM_STREAM, 1024);
	message_init(&m);
	m.method = METHOD_GET;
	m.method_text = STR("GET");
	m.authority = STR("b:80");
	m.path = STR("/p?q");
	m.status = 200;
}

static void teardown(void)
{
	arena_fini(&a);
}

static void add(const char *name, const char *value)
{
	ck_assert_int_eq(fields_copy(&m.headers, &a, str_z(name), str_z(value)), 0);
}

static void method(const char *text)
{
	m.method_text = str_z(text);
	m.method = method_of(m.method_text);
}

static void is_request(enum h1_body_form form, bool close, const char *want)
{
	n = h1_write_request(out, sizeof(out), &m, form, close);
	ck_assert_uint_le(n, h1_head_bytes(&m));
	out[n] = '\0';
	ck_assert_str_eq(out, want);
}

static void is_response(enum h1_body_form form, bool close, unsigned int minor,
			const char *want)
{
	n = h1_write_response(out, sizeof(out), &m, form, close, minor);
	ck_assert_uint_le(n, h1_head_bytes(&m));
	out[n] = '\0';
	ck_assert_str_eq(out, want);
}

/* Neither writer writes m. */
static void is_not_written(void)
{
	ck_assert_uint_eq(h1_write_request(out, sizeof(out), &m, H1_WRITE_NONE, false),
			  0);
	ck_assert_uint_eq(
		h1_write_response(out, sizeof(out), &m, H1_WRITE_NONE, false, 1), 0);
}

START_TEST(a_request_has_its_host_first)
{
	add("x-one", "1");
	add("host", "other");
	add("x-two", "");
	is_request(H1_WRITE_NONE, false,
		   "GET /p?q HTTP/1.1\r\nhost: b:80\r\nx-one: 1\r\nx-two: \r\n\r\n");
}
END_TEST

START_TEST(a_host_is_written_even_if_there_is_none)
{
	m.authority = str_of(NULL, 0);
	is_request(H1_WRITE_NONE, false, "GET /p?q HTTP/1.1\r\nhost: \r\n\r\n");
}
END_TEST

START_TEST(a_request_is_framed_by_its_form_alone)
{
	add("content-length", "99");
	add("transfer-encoding", "gzip");
	m.content_length = 1234567890123;
	is_request(
		H1_WRITE_LENGTH, false,
		"GET /p?q HTTP/1.1\r\nhost: b:80\r\ncontent-length: 1234567890123\r\n"
		"\r\n");
	is_request(H1_WRITE_CHUNKED, false,
		   "GET /p?q HTTP/1.1\r\nhost: b:80\r\ntransfer-encoding: chunked\r\n"
		   "\r\n");
	is_request(H1_WRITE_NONE, false, "GET /p?q HTTP/1.1\r\nhost: b:80\r\n\r\n");
	ck_assert_uint_eq(h1_write_request(out, sizeof(out), &m, H1_WRITE_CLOSE, true),
			  0);
}
END_TEST

START_TEST(an_unknown_length_is_not_written)
{
	m.content_length = LENGTH_UNKNOWN;
	ck_assert_uint_eq(
		h1_write_request(out, sizeof(out), &m, H1_WRITE_LENGTH, false), 0);
	ck_assert_uint_eq(
		h1_write_response(out, sizeof(out), &m, H1_WRITE_LENGTH, false, 1), 0);
}
END_TEST

START_TEST(a_method_that_is_about_content_says_that_there_is_none)
{
	method("POST");
	is_request(H1_WRITE_NONE, false,
		   "POST /p?q HTTP/1.1\r\nhost: b:80\r\ncontent-length: 0\r\n\r\n");
	method("PUT");
	is_request(H1_WRITE_NONE, false,
		   "PUT /p?q HTTP/1.1\r\nhost: b:80\r\ncontent-length: 0\r\n\r\n");
	method("DELETE");
	is_request(H1_WRITE_NONE, false, "DELETE /p?q HTTP/1.1\r\nhost: b:80\r\n\r\n");
}
END_TEST

START_TEST(hop_by_hop_fields_are_not_written)
{
	add("connection", "x-one");
	add("x-one", "1");
	add("keep-alive", "5");
	add("proxy-connection", "x");
	add("upgrade", "h2c");
	add("http2-settings", "x");
	add("te", "gzip");
	is_request(H1_WRITE_NONE, false, "GET /p?q HTTP/1.1\r\nhost: b:80\r\n\r\n");
	is_response(H1_WRITE_NONE, false, 1,
		    "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
}
END_TEST

START_TEST(te_trailers_goes_on_and_is_named_in_connection)
{
	add("te", "trailers");
	is_request(
		H1_WRITE_NONE, false,
		"GET /p?q HTTP/1.1\r\nhost: b:80\r\nconnection: te\r\nte: trailers\r\n"
		"\r\n");
	is_request(H1_WRITE_NONE, true,
		   "GET /p?q HTTP/1.1\r\nhost: b:80\r\nconnection: close, te\r\n"
		   "te: trailers\r\n\r\n");
}
END_TEST

START_TEST(cookie_crumbs_are_joined_where_the_first_stood)
{
	add("cookie", "a=1");
	add("x", "y");
	add("cookie", "b=2");
	add("cookie", "c=3");
	is_request(
		H1_WRITE_NONE, false,
		"GET /p?q HTTP/1.1\r\nhost: b:80\r\ncookie: a=1; b=2; c=3\r\nx: y\r\n"
		"\r\n");
}
END_TEST

START_TEST(an_upgrade_is_asked_for)
{
	m.protocol = STR("websocket");
	is_request(H1_WRITE_NONE, false,
		   "GET /p?q HTTP/1.1\r\nhost: b:80\r\nconnection: upgrade\r\n"
		   "upgrade: websocket\r\n\r\n");
}
END_TEST

START_TEST(an_extended_connect_is_a_get_with_an_upgrade)
{
	method("CONNECT");
	m.protocol = STR("websocket");
	is_request(H1_WRITE_NONE, false,
		   "GET /p?q HTTP/1.1\r\nhost: b:80\r\nconnection: upgrade\r\n"
		   "upgrade: websocket\r\n\r\n");
}
END_TEST

START_TEST(connect_asks_for_the_authority)
{
	method("CONNECT");
	m.path = str_of(NULL, 0);
	is_request(H1_WRITE_NONE, false, "CONNECT b:80 HTTP/1.1\r\nhost: b:80\r\n\r\n");
}
END_TEST

START_TEST(options_may_ask_for_the_server_itself)
{
	method("OPTIONS");
	m.path = STR("*");
	is_request(H1_WRITE_NONE, false, "OPTIONS * HTTP/1.1\r\nhost: b:80\r\n\r\n");
}
END_TEST

START_TEST(a_target_that_is_none_is_not_written)
{
	static const char *const bad[] = {
		"", "a", "http://a/", "*", "/a b", "/a\r\nb", "/a#b", "/\x7f", "/\x80"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		m.path = str_z(bad[i]);
		ck_assert_msg(
			!h1_write_request(out, sizeof(out), &m, H1_WRITE_NONE, false),
			"%s", bad[i]);
	}
	m.path = str_of("/a\0b", 4);
	ck_assert(!h1_write_request(out, sizeof(out), &m, H1_WRITE_NONE, false));
}
END_TEST

START_TEST(a_method_that_is_no_token_is_not_written)
{
	static const char *const bad[] = {"", "G T", "GET\r\n", "G\x80"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		method(bad[i]);
		ck_assert(
			!h1_write_request(out, sizeof(out), &m, H1_WRITE_NONE, false));
	}
}
END_TEST

START_TEST(an_authority_that_is_none_is_not_written)
{
	static const char *const bad[] = {"a b", "a\r\nx: y", "u@a", "a/b", ":1"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		m.authority = str_z(bad[i]);
		ck_assert(
			!h1_write_request(out, sizeof(out), &m, H1_WRITE_NONE, false));
	}
	method("CONNECT");
	m.authority = str_of(NULL, 0);
	ck_assert(!h1_write_request(out, sizeof(out), &m, H1_WRITE_NONE, false));
}
END_TEST

START_TEST(a_protocol_that_is_no_token_is_not_written)
{
	m.protocol = STR("a\r\nx: y");
	ck_assert(!h1_write_request(out, sizeof(out), &m, H1_WRITE_NONE, false));
	m.status = 101;
	ck_assert(!h1_write_response(out, sizeof(out), &m, H1_WRITE_NONE, false, 1));
}
END_TEST

START_TEST(no_control_gets_into_a_value)
{
	for (int b = 0; b < 256; b++) {
		char value[3] = {'a', (char)b, 'c'};

		m.headers.n = 0;
		ck_assert_int_eq(
			fields_copy(&m.headers, &a, STR("x"), str_of(value, 3)), 0);
		if (b == '\t' || (b >= ' ' && b != 0x7f))
			ck_assert(h1_write_request(out, sizeof(out), &m, H1_WRITE_NONE,
						   false));
		else
			is_not_written();
		m.headers.at[0].id = FIELD_COOKIE;
		if (b == '\r' || b == '\n' || !b)
			is_not_written();
	}
}
END_TEST

START_TEST(no_name_is_written_that_is_no_token)
{
	static const char *const bad[] = {"", "a b", "a:", "a\r\nb", ":path", "\x80"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		m.headers.n = 0;
		add(bad[i], "x");
		is_not_written();
	}
}
END_TEST

START_TEST(a_response_is_framed_by_its_form_alone)
{
	add("content-length", "99");
	add("server", "x");
	m.content_length = 5;
	is_response(H1_WRITE_LENGTH, false, 1,
		    "HTTP/1.1 200 OK\r\nserver: x\r\ncontent-length: 5\r\n\r\n");
	is_response(
		H1_WRITE_CHUNKED, false, 1,
		"HTTP/1.1 200 OK\r\nserver: x\r\ntransfer-encoding: chunked\r\n\r\n");
	is_response(H1_WRITE_CLOSE, false, 1,
		    "HTTP/1.1 200 OK\r\nconnection: close\r\nserver: x\r\n\r\n");
	is_response(H1_WRITE_NONE, false, 1,
		    "HTTP/1.1 200 OK\r\nserver: x\r\ncontent-length: 0\r\n\r\n");
	is_response(H1_WRITE_NONE, true, 1,
		    "HTTP/1.1 200 OK\r\nconnection: close\r\nserver: x\r\n"
		    "content-length: 0\r\n\r\n");
}
END_TEST

START_TEST(a_client_of_1_0_is_told_of_keep_alive_and_gets_no_chunks)
{
	m.content_length = 5;
	is_response(H1_WRITE_LENGTH, false, 0,
		    "HTTP/1.1 200 OK\r\nconnection: keep-alive\r\ncontent-length: 5\r\n"
		    "\r\n");
	is_response(H1_WRITE_CLOSE, true, 0,
		    "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
	ck_assert(!h1_write_response(out, sizeof(out), &m, H1_WRITE_CHUNKED, false, 0));
}
END_TEST

START_TEST(an_answer_to_head_tells_the_length_that_get_would_have)
{
	method("HEAD");
	m.content_length = 5;
	is_response(H1_WRITE_NONE, false, 1,
		    "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n");
	m.content_length = LENGTH_UNKNOWN;
	is_response(H1_WRITE_NONE, false, 1, "HTTP/1.1 200 OK\r\n\r\n");
	method("GET");
	m.status = 304;
	m.content_length = 7;
	is_response(H1_WRITE_NONE, false, 1,
		    "HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n");
}
END_TEST

START_TEST(no_length_is_written_where_there_can_be_no_content)
{
	m.content_length = 5;
	m.status = 204;
	is_response(H1_WRITE_NONE, false, 1, "HTTP/1.1 204 No Content\r\n\r\n");
	m.status = 103;
	add("link", "x");
	is_response(H1_WRITE_NONE, true, 1,
		    "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n");
	m.headers.n = 0;
	m.status = 100;
	is_response(H1_WRITE_NONE, false, 0, "HTTP/1.1 100 Continue\r\n\r\n");
	m.status = 200;
	method("CONNECT");
	is_response(H1_WRITE_NONE, false, 1, "HTTP/1.1 200 OK\r\n\r\n");
}
END_TEST

START_TEST(a_body_is_not_written_where_there_can_be_none)
{
	static const unsigned short statuses[] = {100, 103, 204, 304};

	m.content_length = 5;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		m.status = statuses[i];
		for (int form = H1_WRITE_LENGTH; form <= H1_WRITE_CLOSE; form++)
			ck_assert(!h1_write_response(out, sizeof(out), &m,
						     (enum h1_body_form)form, false,
						     1));
	}
	m.status = 200;
	method("HEAD");
	ck_assert(!h1_write_response(out, sizeof(out), &m, H1_WRITE_LENGTH, false, 1));
}
END_TEST

START_TEST(a_switch_of_protocols_names_the_new_one)
{
	m.status = 101;
	ck_assert(!h1_write_response(out, sizeof(out), &m, H1_WRITE_NONE, false, 1));
	m.protocol = STR("websocket");
	is_response(H1_WRITE_NONE, false, 1,
		    "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n"
		    "upgrade: websocket\r\n\r\n");
}
END_TEST

START_TEST(a_status_that_is_none_is_not_written)
{
	static const unsigned short bad[] = {0, 1, 99, 600, 999, 1000, 65535};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		m.status = bad[i];
		ck_assert(!h1_write_response(out, sizeof(out), &m, H1_WRITE_NONE, false,
					     1));
	}
	m.status = 599;
	is_response(H1_WRITE_NONE, false, 1,
		    "HTTP/1.1 599 \r\ncontent-length: 0\r\n\r\n");
}
END_TEST

START_TEST(a_response_keeps_each_set_cookie_and_cookie_apart)
{
	add("set-cookie", "a=1");
	add("set-cookie", "b=2");
	add("cookie", "c=3");
	add("cookie", "d=4");
	is_response(H1_WRITE_NONE, false, 1,
		    "HTTP/1.1 200 OK\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n"
		    "cookie: c=3\r\ncookie: d=4\r\ncontent-length: 0\r\n\r\n");
}
END_TEST

START_TEST(what_does_not_fit_is_not_written)
{
	size_t len;

	add("cookie", "a=1");
	add("cookie", "b=2");
	add("x", "y");
	m.protocol = STR("websocket");
	len = h1_write_request(out, sizeof(out), &m, H1_WRITE_NONE, true);
	ck_assert_uint_gt(len, 0);
	for (size_t cap = 0; cap < len; cap++) {
		char *exact = malloc(cap + 1);

		ck_assert(!h1_write_request(exact, cap, &m, H1_WRITE_NONE, true));
		free(exact);
	}
	ck_assert_uint_eq(h1_write_request(out, len, &m, H1_WRITE_NONE, true), len);
	len = h1_write_response(out, sizeof(out), &m, H1_WRITE_NONE, true, 1);
	for (size_t cap = 0; cap < len; cap++)
		ck_assert(!h1_write_response(out, cap, &m, H1_WRITE_NONE, true, 1));
	ck_assert_uint_eq(h1_write_response(out, len, &m, H1_WRITE_NONE, true, 1), len);
}
END_TEST

START_TEST(a_chunk_head_is_the_length_in_hexadecimal)
{
	static const struct {
		size_t len;
		const char *text;
	} cases[] = {
		{1, "1\r\n"},         {15, "f\r\n"},
		{16, "10\r\n"},       {0x1f40, "1f40\r\n"},
		{0xffff, "ffff\r\n"}, {SIZE_MAX, "ffffffffffffffff\r\n"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char to[H1_CHUNK_HEAD_BYTES + 1];

		n = h1_write_chunk_head(to, cases[i].len);
		to[n] = '\0';
		ck_assert_str_eq(to, cases[i].text);
	}
}
END_TEST

START_TEST(the_last_chunk_carries_the_trailers)
{
	struct fields none = {0};

	n = h1_write_last_chunk(out, sizeof(out), NULL);
	ck_assert(str_eq(str_of(out, n), STR("0\r\n\r\n")));
	n = h1_write_last_chunk(out, 5, &none);
	ck_assert(str_eq(str_of(out, n), STR("0\r\n\r\n")));
	ck_assert_uint_eq(h1_write_last_chunk(out, 4, &none), 0);
	add("grpc-status", "0");
	add("content-length", "5");
	add("connection", "x");
	add("x", "y");
	n = h1_write_last_chunk(out, sizeof(out), &m.headers);
	ck_assert(str_eq(str_of(out, n), STR("0\r\ngrpc-status: 0\r\nx: y\r\n\r\n")));
	add("x", "a\nb");
	ck_assert_uint_eq(h1_write_last_chunk(out, sizeof(out), &m.headers), 0);
}
END_TEST

START_TEST(the_bound_of_a_head_holds_at_its_worst)
{
	m.protocol = STR("websocket");
	m.content_length = INT64_MAX;
	add("te", "trailers");
	for (int i = 0; i < 50; i++)
		add("cookie", "");
	n = h1_write_request(out, sizeof(out), &m, H1_WRITE_LENGTH, true);
	ck_assert_uint_gt(n, 0);
	ck_assert_uint_le(n, h1_head_bytes(&m));
	m.status = 431;
	n = h1_write_response(out, sizeof(out), &m, H1_WRITE_LENGTH, true, 1);
	ck_assert_uint_gt(n, 0);
	ck_assert_uint_le(n, h1_head_bytes(&m));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("h1_write");
	TCase *t = tcase_create("writers");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_request_has_its_host_first);
	tcase_add_test(t, a_host_is_written_even_if_there_is_none);
	tcase_add_test(t, a_request_is_framed_by_its_form_alone);
	tcase_add_test(t, an_unknown_length_is_not_written);
	tcase_add_test(t, a_method_that_is_about_content_says_that_there_is_none);
	tcase_add_test(t, hop_by_hop_fields_are_not_written);
	tcase_add_test(t, te_trailers_goes_on_and_is_named_in_connection);
	tcase_add_test(t, cookie_crumbs_are_joined_where_the_first_stood);
	tcase_add_test(t, an_upgrade_is_asked_for);
	tcase_add_test(t, an_extended_connect_is_a_get_with_an_upgrade);
	tcase_add_test(t, connect_asks_for_the_authority);
	tcase_add_test(t, options_may_ask_for_the_server_itself);
	tcase_add_test(t, a_target_that_is_none_is_not_written);
	tcase_add_test(t, a_method_that_is_no_token_is_not_written);
	tcase_add_test(t, an_authority_that_is_none_is_not_written);
	tcase_add_test(t, a_protocol_that_is_no_token_is_not_written);
	tcase_add_test(t, no_control_gets_into_a_value);
	tcase_add_test(t, no_name_is_written_that_is_no_token);
	tcase_add_test(t, a_response_is_framed_by_its_form_alone);
	tcase_add_test(t, a_client_of_1_0_is_told_of_keep_alive_and_gets_no_chunks);
	tcase_add_test(t, an_answer_to_head_tells_the_length_that_get_would_have);
	tcase_add_test(t, no_length_is_written_where_there_can_be_no_content);
	tcase_add_test(t, a_body_is_not_written_where_there_can_be_none);
	tcase_add_test(t, a_switch_of_protocols_names_the_new_one);
	tcase_add_test(t, a_status_that_is_none_is_not_written);
	tcase_add_test(t, a_response_keeps_each_set_cookie_and_cookie_apart);
	tcase_add_test(t, what_does_not_fit_is_not_written);
	tcase_add_test(t, a_chunk_head_is_the_length_in_hexadecimal);
	tcase_add_test(t, the_last_chunk_carries_the_trailers);
	tcase_add_test(t, the_bound_of_a_head_holds_at_its_worst);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
