#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "h1_head_case.h"

/* --- first line ---------------------------------------------------------- */

START_TEST(a_request_is_taken_apart)
{
	accept("GET /a?b=c HTTP/1.1\r\nHost: Example.org:80\r\nX-One:  two \t\r\n\r\n");
	ck_str(c.m.method_text, "GET");
	ck_assert_int_eq(c.m.method, METHOD_GET);
	ck_str(c.m.path, "/a?b=c");
	ck_str(c.m.authority, "Example.org:80");
	ck_str(c.m.scheme, "");
	ck_assert_int_eq(c.m.minor_version, 1);
	ck_assert_int_eq(c.m.content_length, LENGTH_UNKNOWN);
	ck_assert(c.m.no_body && c.h.keep_alive);
	ck_assert_int_eq(c.h.framing, H1_NONE);
	ck_assert_uint_eq(c.m.headers.n, 2);
	ck_assert_str_eq(case_value(&c.m.headers, "x-one", 0), "two");
	ck_assert_int_eq(fields_get(&c.m.headers, FIELD_HOST)->id, FIELD_HOST);
}
END_TEST

START_TEST(nothing_behind_the_head_is_used)
{
	again(false, METHOD_OTHER);
	ck_assert(head(GET HOST END "GET", 30) == H1_HEAD);
	ck_assert_uint_eq(c.used, 27);
}
END_TEST

START_TEST(any_token_is_a_method)
{
	accept("M-SEARCH / HTTP/1.1\r\n" HOST END);
	ck_assert_int_eq(c.m.method, METHOD_OTHER);
	ck_str(c.m.method_text, "M-SEARCH");
	refuse("G(T / HTTP/1.1\r\n" HOST END, 400);
	refuse("G\tT / HTTP/1.1\r\n" HOST END, 400);
	refuse("G\x80T / HTTP/1.1\r\n" HOST END, 400);
	refuse("GET\r\n" HOST END, 400);
}
END_TEST

START_TEST(a_method_has_32_bytes_at_most)
{
	accept("ABCDEFGHIJABCDEFGHIJABCDEFGHIJ12 / HTTP/1.1\r\n" HOST END);
	refuse("ABCDEFGHIJABCDEFGHIJABCDEFGHIJ123 / HTTP/1.1\r\n" HOST END, 501);
}
END_TEST

START_TEST(one_space_is_between_the_parts_of_a_request_line)
{
	refuse("GET  / HTTP/1.1\r\n" HOST END, 400);
	refuse("GET /  HTTP/1.1\r\n" HOST END, 400);
	refuse("GET\t/ HTTP/1.1\r\n" HOST END, 400);
	refuse("GET /\tHTTP/1.1\r\n" HOST END, 400);
	refuse("GET / HTTP/1.1 \r\n" HOST END, 400);
	refuse(" GET / HTTP/1.1\r\n" HOST END, 400);
	refuse("GET /a b HTTP/1.1\r\n" HOST END, 400);
	refuse("GET /HTTP/1.1\r\n" HOST END, 400);
	refuse("GET  HTTP/1.1\r\n" HOST END, 400);
}
END_TEST

START_TEST(only_http_1_0_and_1_1_are_spoken)
{
	accept("GET / HTTP/1.0\r\n" END);
	ck_assert_int_eq(c.m.minor_version, 0);
	refuse("GET / HTTP/1.2\r\n" HOST END, 505);
	refuse("GET / HTTP/2.0\r\n" HOST END, 505);
	refuse("GET / HTTP/0.9\r\n" HOST END, 505);
	refuse("GET / HTTP/9.1\r\n" HOST END, 505);
	refuse("GET / http/1.1\r\n" HOST END, 400);
	refuse("GET / HTTP/1.10\r\n" HOST END, 400);
	refuse("GET / HTTP/11\r\n" HOST END, 400);
	refuse("GET / HTTP/1.\r\n" HOST END, 400);
	refuse("GET / HTTP/1.x\r\n" HOST END, 400);
	refuse("GET / HTTP/x.1\r\n" HOST END, 400);
	refuse("GET / HTTP/1,1\r\n" HOST END, 400);
	refuse("GET / ICAP/1.1\r\n" HOST END, 400);
	refuse("GET / \r\n" HOST END, 400);
	refuse("GET /\r\n" HOST END, 400);
}
END_TEST

START_TEST(what_is_not_http_is_refused_at_its_first_byte)
{
	again(false, METHOD_OTHER);
	ck_assert(head("\x16", 1) == H1_ERROR);
	ck_assert_int_eq(c.h.status, 400);
	again(false, METHOD_OTHER);
	ck_assert(head("\r\n\n", 3) == H1_ERROR);
	again(false, METHOD_OTHER);
	ck_assert(head("\r\n\r", 3) == H1_ERROR);
	again(true, METHOD_GET);
	ck_assert(head("S", 1) == H1_ERROR);
	ck_assert_int_eq(c.h.status, 502);
}
END_TEST

START_TEST(one_empty_line_before_a_request_is_skipped)
{
	accept("\r\n" GET HOST END);
	ck_str(c.m.path, "/");
	refuse("\r\n\r\n" GET HOST END, 400);
	refuse("\n" GET HOST END, 400);
	refuse("\r" GET HOST END, 400);
	refuse_answer(METHOD_GET, "\r\n" OK END);
}
END_TEST

/* --- request target ------------------------------------------------------ */

START_TEST(an_origin_form_target_is_visible_ascii)
{
	for (int b = 1; b < 256; b++) {
		char bytes[64];
		bool good = b > ' ' && b < 0x7f && b != '#';
		int n = snprintf(bytes, sizeof(bytes),
				 "GET /x%cy HTTP/1.1\r\n" HOST END, b);

		if (good)
			accept_n(bytes, (size_t)n);
		else
			refuse_n(bytes, (size_t)n, 400);
	}
	refuse("GET /a\0b HTTP/1.1\r\n" HOST END, 400);
}
END_TEST

START_TEST(an_absolute_form_target_gives_scheme_authority_and_path)
{
	accept("GET http://b:8080/c?d HTTP/1.1\r\nHost: b:8080\r\n" END);
	ck_str(c.m.scheme, "http");
	ck_str(c.m.authority, "b:8080");
	ck_str(c.m.path, "/c?d");
	accept("GET HTTPS://b HTTP/1.1\r\nHost: b\r\n" END);
	ck_str(c.m.scheme, "https");
	ck_str(c.m.path, "/");
	accept("GET http://b?q=1 HTTP/1.1\r\nHost: b\r\n" END);
	ck_str(c.m.authority, "b");
	ck_str(c.m.path, "/?q=1");
	accept("OPTIONS http://b HTTP/1.1\r\nHost: b\r\n" END);
	ck_str(c.m.path, "*");
	accept("OPTIONS http://b/ HTTP/1.1\r\nHost: b\r\n" END);
	ck_str(c.m.path, "/");
}
END_TEST

START_TEST(an_absolute_form_target_wins_over_host)
{
	accept("GET http://real/ HTTP/1.1\r\nHost: other\r\n" END);
	ck_str(c.m.authority, "real");
	ck_assert_str_eq(case_value(&c.m.headers, "host", 0), "real");
	ck_assert_uint_eq(c.m.headers.bytes, 4 + 4 + 32);
	refuse("GET http://real/ HTTP/1.1\r\n" END, 400);
	refuse("GET http://real/ HTTP/1.1\r\nHost: u@h\r\n" END, 400);
}
END_TEST

START_TEST(no_other_form_of_target_is_taken)
{
	refuse("GET a HTTP/1.1\r\n" HOST END, 400);
	refuse("GET * HTTP/1.1\r\n" HOST END, 400);
	refuse("GET a:80 HTTP/1.1\r\n" HOST END, 400);
	refuse("GET ftp://a/ HTTP/1.1\r\n" HOST END, 400);
	refuse("GET http:/a HTTP/1.1\r\n" HOST END, 400);
	refuse("GET http://a\\b/ HTTP/1.1\r\n" HOST END, 400);
	refuse("GET https:// HTTP/1.1\r\n" HOST END, 400);
	refuse("GET http:/// HTTP/1.1\r\n" HOST END, 400);
	refuse("GET http://:80/ HTTP/1.1\r\n" HOST END, 400);
	refuse("GET http HTTP/1.1\r\n" HOST END, 400);
	refuse("OPTIONS ** HTTP/1.1\r\n" HOST END, 400);
}
END_TEST

START_TEST(userinfo_in_a_target_is_refused)
{
	refuse("GET http://user@a/ HTTP/1.1\r\n" HOST END, 400);
	refuse("GET http://user:pw@a/ HTTP/1.1\r\n" HOST END, 400);
	accept("GET http://a/user@b HTTP/1.1\r\n" HOST END);
}
END_TEST

START_TEST(asterisk_is_for_options_only)
{
	accept("OPTIONS * HTTP/1.1\r\n" HOST END);
	ck_str(c.m.path, "*");
	refuse("POST * HTTP/1.1\r\n" HOST END, 400);
}
END_TEST

START_TEST(connect_takes_a_host_with_a_port_only)
{
	accept("CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n" END);
	ck_str(c.m.authority, "b:443");
	ck_str(c.m.path, "");
	accept("CONNECT [::1]:443 HTTP/1.1\r\n" HOST END);
	refuse("CONNECT b HTTP/1.1\r\n" HOST END, 400);
	refuse("CONNECT b: HTTP/1.1\r\n" HOST END, 400);
	refuse("CONNECT [::1] HTTP/1.1\r\n" HOST END, 400);
	refuse("CONNECT /b:443 HTTP/1.1\r\n" HOST END, 400);
	refuse("CONNECT * HTTP/1.1\r\n" HOST END, 400);
	refuse("CONNECT http://b:443/ HTTP/1.1\r\n" HOST END, 400);
	refuse("CONNECT u@b:443 HTTP/1.1\r\n" HOST END, 400);
	refuse("CONNECT :443 HTTP/1.1\r\n" HOST END, 400);
}
END_TEST

START_TEST(connect_has_no_content)
{
	accept("CONNECT b:1 HTTP/1.1\r\nContent-Length: 0\r\n" HOST END);
	refuse("CONNECT b:1 HTTP/1.1\r\nContent-Length: 5\r\n" HOST END, 400);
	refuse("CONNECT b:1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" HOST END, 400);
}
END_TEST

/* --- lines --------------------------------------------------------------- */

START_TEST(a_bare_lf_is_refused_wherever_it_stands)
{
	refuse("GET / HTTP/1.1\n" HOST END, 400);
	refuse(GET "Host: a\n" END, 400);
	refuse(GET HOST "\n", 400);
	refuse(GET "Host: a\nX: y\r\n" END, 400);
	refuse(GET "X: a\n\nHost: a\r\n" END, 400);
	refuse(GET HOST "X: y\r\n\n", 400);
	refuse_answer(METHOD_GET, "HTTP/1.1 200 OK\n\r\n");
	refuse_answer(METHOD_GET, OK "A: b\n\r\n");
	refuse_answer(METHOD_GET, OK "\n");
}
END_TEST

START_TEST(a_bare_cr_is_refused_wherever_it_stands)
{
	refuse("G\rET / HTTP/1.1\r\n" HOST END, 400);
	refuse("GET /\r HTTP/1.1\r\n" HOST END, 400);
	refuse("GET / HTTP/1.1\r\r\n" HOST END, 400);
	refuse(GET "Host\r: a\r\n" END, 400);
	refuse(GET "Host:\ra\r\n" END, 400);
	refuse(GET "Host: a\r\r\n" END, 400);
	refuse(GET "X: a\rY: b\r\n" HOST END, 400);
	refuse(GET HOST "\rX: y\r\n" END, 400);
	refuse(GET HOST "X: a\rbY: c\r\n" END, 400);
	refuse(GET HOST "X: a\r\rY: c\r\n" END, 400);
	refuse(GET HOST "\r\r\n" END, 400);
	refuse_answer(METHOD_GET, "HTTP/1.1 200 O\rK\r\n\r\n");
	refuse_answer(METHOD_GET, OK "A: b\rc\r\n\r\n");
	refuse_answer(METHOD_GET, OK "A: b\r\rSet-Cookie: c\r\n\r\n");
}
END_TEST

START_TEST(a_folded_line_is_refused)
{
	refuse(GET HOST "X: a\r\n b\r\n" END, 400);
	ck_assert_str_eq(c.h.reason, "folded line");
	refuse(GET HOST "X: a\r\n\tb\r\n" END, 400);
	refuse(GET " " HOST END, 400);
	refuse(GET HOST " \r\n" END, 400);
	refuse_answer(METHOD_GET, OK "X: a\r\n b\r\n\r\n");
}
END_TEST

START_TEST(no_space_stands_before_the_colon)
{
	refuse(GET HOST "X : a\r\n" END, 400);
	ck_assert_str_eq(c.h.reason, "space in or after a field name");
	refuse(GET HOST "X\t: a\r\n" END, 400);
	refuse(GET HOST "Transfer-Encoding : chunked\r\n" END, 400);
	refuse(GET HOST "X Y: a\r\n" END, 400);
	refuse_answer(METHOD_GET, OK "Content-Length : 5\r\n\r\n");
}
END_TEST

START_TEST(a_field_name_is_a_token)
{
	for (int b = 1; b < 256; b++) {
		char bytes[64];
		char byte = (char)b;
		int n = snprintf(bytes, sizeof(bytes), GET HOST "x%cy: z\r\n" END, b);

		if (is_token(str_of(&byte, 1)) || b == ':')
			accept_n(bytes, (size_t)n);
		else
			refuse_n(bytes, (size_t)n, 400);
	}
	refuse(GET HOST "x\0y: z\r\n" END, 400);
	refuse(GET HOST ": z\r\n" END, 400);
	refuse(GET HOST "z\r\n" END, 400);
	refuse_answer(METHOD_GET, OK "x(y: z\r\n\r\n");
}
END_TEST

START_TEST(a_field_value_has_no_controls)
{
	for (int b = 1; b < 256; b++) {
		char bytes[64];
		int n = snprintf(bytes, sizeof(bytes), GET HOST "x: y%cz\r\n" END, b);

		if (b == '\t' || (b >= ' ' && b != 0x7f))
			accept_n(bytes, (size_t)n);
		else
			refuse_n(bytes, (size_t)n, 400);
	}
	refuse(GET HOST "x: y\0z\r\n" END, 400);
	refuse_answer(METHOD_GET, OK "x: y\x01z\r\n\r\n");
}
END_TEST

START_TEST(blanks_around_a_value_are_no_part_of_it)
{
	accept(GET HOST "a:b\r\nc: \t d e \t\r\nf:\r\ng: \t \r\n" END);
	ck_assert_str_eq(case_value(&c.m.headers, "a", 0), "b");
	ck_assert_str_eq(case_value(&c.m.headers, "c", 0), "d e");
	ck_assert_str_eq(case_value(&c.m.headers, "f", 0), "");
	ck_assert_str_eq(case_value(&c.m.headers, "g", 0), "");
}
END_TEST

START_TEST(names_come_in_lower_case_and_values_as_they_are)
{
	accept(GET HOST "X-MiXed_Case!: VaLuE: \x80\xff\r\n" END);
	ck_assert_str_eq(case_value(&c.m.headers, "x-mixed_case!", 0),
			 "VaLuE: \x80\xff");
}
END_TEST

static TCase *lines(void)
{
	TCase *t = tcase_create("lines");

	tcase_add_test(t, a_request_is_taken_apart);
	tcase_add_test(t, nothing_behind_the_head_is_used);
	tcase_add_test(t, any_token_is_a_method);
	tcase_add_test(t, a_method_has_32_bytes_at_most);
	tcase_add_test(t, one_space_is_between_the_parts_of_a_request_line);
	tcase_add_test(t, only_http_1_0_and_1_1_are_spoken);
	tcase_add_test(t, what_is_not_http_is_refused_at_its_first_byte);
	tcase_add_test(t, one_empty_line_before_a_request_is_skipped);
	tcase_add_test(t, an_origin_form_target_is_visible_ascii);
	tcase_add_test(t, an_absolute_form_target_gives_scheme_authority_and_path);
	tcase_add_test(t, an_absolute_form_target_wins_over_host);
	tcase_add_test(t, no_other_form_of_target_is_taken);
	tcase_add_test(t, userinfo_in_a_target_is_refused);
	tcase_add_test(t, asterisk_is_for_options_only);
	tcase_add_test(t, connect_takes_a_host_with_a_port_only);
	tcase_add_test(t, connect_has_no_content);
	tcase_add_test(t, a_bare_lf_is_refused_wherever_it_stands);
	tcase_add_test(t, a_bare_cr_is_refused_wherever_it_stands);
	tcase_add_test(t, a_folded_line_is_refused);
	tcase_add_test(t, no_space_stands_before_the_colon);
	tcase_add_test(t, a_field_name_is_a_token);
	tcase_add_test(t, a_field_value_has_no_controls);
	tcase_add_test(t, blanks_around_a_value_are_no_part_of_it);
	tcase_add_test(t, names_come_in_lower_case_and_values_as_they_are);
	return t;
}

int main(void)
{
	TCase *cases[] = {lines()};
	Suite *s = suite_create("h1_head");
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
