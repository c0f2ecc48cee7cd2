#include <stdio.h>
#include <string.h>

#include "io/addr.h"
#include "runner.h"

static struct addr parse(const char *text)
{
	struct addr a;

	ck_assert_msg(addr_parse(&a, text), "%s", text);
	return a;
}

START_TEST(text_and_address_are_one_to_one)
{
	static const char *const texts[] = {
		"127.0.0.1:80", "0.0.0.0:0", "255.255.255.255:65535",
		"[::1]:443",    "[::]:8080", "[2001:db8::1:2]:9",
		"unix:/run/x",
	};
	char to[ADDR_TEXT_BYTES];

	for (unsigned int i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct addr a = parse(texts[i]);

		ck_assert_str_eq(addr_text(&a, to), texts[i]);
	}
}
END_TEST

START_TEST(a_port_alone_means_any_address)
{
	struct addr a = parse(":8443");

	ck_assert_int_eq(a.sa.sa_family, AF_INET6);
	ck_assert(IN6_IS_ADDR_UNSPECIFIED(&a.in6.sin6_addr));
	ck_assert_int_eq(addr_port(&a), 8443);
}
END_TEST

START_TEST(what_is_no_address_is_refused_and_leaves_the_old_one)
{
	static const char *const bad[] = {
		"",
		":",
		"127.0.0.1",
		"127.0.0.1:",
		"127.0.0.1:65536",
		"127.0.0.1:-1",
		"127.0.0.1:+1",
		"127.0.0.1:8o",
		"127.0.0.1: 80",
		"127.0.0.256:80",
		"localhost:80",
		"::1:80",
		"[::1]",
		"[::1:80",
		"::1]:80",
		"[127.0.0.1]:80",
		"[]:80",
		"[",
		"[:80",
		"]:80",
		"unix:",
		"[2001:db8:1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb]:1",
		"9999999999999999999999999999999999999999999999999999999999999999:1",
	};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct addr a = parse("127.0.0.1:1"), before = a;

		ck_assert_msg(!addr_parse(&a, bad[i]), "%s", bad[i]);
		ck_assert_mem_eq(&a, &before, sizeof(a));
	}
}
END_TEST

START_TEST(a_socket_path_has_the_kernels_limit)
{
	char text[256] = "unix:/", to[ADDR_TEXT_BYTES];
	struct addr a;

	memset(text + 6, 'x', 106); /* with "/" 107, and a NUL */
	a = parse(text);
	ck_assert_uint_eq(strlen(a.un.sun_path), 107);
	ck_assert_str_eq(addr_text(&a, to), text);
	text[6 + 106] = 'x';
	ck_assert(!addr_parse(&a, text));
}
END_TEST

START_TEST(the_host_alone_has_no_brackets_and_no_port)
{
	char to[ADDR_TEXT_BYTES];
	struct addr a = parse("[::1]:443");

	ck_assert_str_eq(addr_host_text(&a, to), "::1");
	a = parse("10.0.0.1:443");
	ck_assert_str_eq(addr_host_text(&a, to), "10.0.0.1");
	a = parse("unix:/x");
	ck_assert_str_eq(addr_host_text(&a, to), "unix:");
	a.len = sizeof(sa_family_t); /* a client's end */
	ck_assert_str_eq(addr_text(&a, to), "unix:");
	a.len = 0;
	ck_assert_str_eq(addr_text(&a, to), "");
	ck_assert_str_eq(addr_host_text(&a, to), "");
}
END_TEST

START_TEST(a_port_can_be_set_where_there_is_one)
{
	char to[ADDR_TEXT_BYTES];
	struct addr a = parse("127.0.0.1:0"), b = parse("[::1]:0"),
		    c = parse("unix:/x");

	addr_set_port(&a, 65535);
	addr_set_port(&b, 1);
	addr_set_port(&c, 1);
	ck_assert_str_eq(addr_text(&a, to), "127.0.0.1:65535");
	ck_assert_str_eq(addr_text(&b, to), "[::1]:1");
	ck_assert_str_eq(addr_text(&c, to), "unix:/x");
	ck_assert_int_eq(addr_port(&c), 0);
}
END_TEST

START_TEST(equal_is_family_address_and_port)
{
	static const char *const texts[] = {
		"127.0.0.1:80", "127.0.0.2:80", "127.0.0.1:81", "[::1]:80",
		"[::2]:80",     "unix:/a",      "unix:/ab",
	};
	struct addr none = {0};

	for (unsigned int i = 0; i < 7; i++) {
		struct addr a = parse(texts[i]);

		ck_assert(!addr_eq(&a, &none));
		for (unsigned int j = 0; j < 7; j++) {
			struct addr b = parse(texts[j]);

			ck_assert_int_eq(addr_eq(&a, &b), i == j);
		}
	}
	ck_assert(addr_eq(&none, &none));
}
END_TEST

START_TEST(an_ipv4_client_on_an_ipv6_socket_is_an_ipv4_client)
{
	char to[ADDR_TEXT_BYTES];
	struct addr a = parse("[::ffff:10.1.2.3]:999"), b = parse("[::1]:1"), c = b;

	addr_unmap(&a);
	ck_assert_str_eq(addr_text(&a, to), "10.1.2.3:999");
	ck_assert_uint_eq(a.len, sizeof(struct sockaddr_in));
	addr_unmap(&b);
	ck_assert(addr_eq(&b, &c));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("addr");
	TCase *t = tcase_create("addr");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, text_and_address_are_one_to_one);
	tcase_add_test(t, a_port_alone_means_any_address);
	tcase_add_test(t, what_is_no_address_is_refused_and_leaves_the_old_one);
	tcase_add_test(t, a_socket_path_has_the_kernels_limit);
	tcase_add_test(t, the_host_alone_has_no_brackets_and_no_port);
	tcase_add_test(t, a_port_can_be_set_where_there_is_one);
	tcase_add_test(t, equal_is_family_address_and_port);
	tcase_add_test(t, an_ipv4_client_on_an_ipv6_socket_is_an_ipv4_client);
	suite_add_tcase(s, t);
	return run_suite(s);
}
