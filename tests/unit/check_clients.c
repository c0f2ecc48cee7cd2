/* clients: connections counted by address. */
#include "proxy/clients.h"

#include <arpa/inet.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "allocators/mem.h"

static struct clients all;

static struct addr ip(const char *text)
{
	struct addr a = {.len = sizeof(a.in6)};

	if (inet_pton(AF_INET, text, &a.in.sin_addr) == 1) {
		a.in.sin_family = AF_INET;
		return a;
	}
	ck_assert_int_eq(inet_pton(AF_INET6, text, &a.in6.sin6_addr), 1);
	a.in6.sin6_family = AF_INET6;
	return a;
}

static struct client *enter(const char *text)
{
	struct addr a = ip(text);

	return clients_enter(&all, &a);
}

static void setup(void)
{
	char err[256] = "";

	ck_assert_msg(mem_choose("system", err, sizeof(err)) == 0, "%s", err);
	clients_init(&all);
}

static void teardown(void)
{
	clients_fini(&all);
}

START_TEST(an_address_is_one_client_however_it_is_written)
{
	struct client *a = enter("192.0.2.1"), *b = enter("::ffff:192.0.2.1");
	struct client *c = enter("192.0.2.2");

	ck_assert_ptr_eq(a, b);
	ck_assert_ptr_ne(a, c);
	ck_assert_uint_eq(a->n_conns, 2);
	ck_assert_uint_eq(c->n_conns, 1);
	clients_leave(&all, &a);
	ck_assert_ptr_null(a);
	ck_assert_uint_eq(b->n_conns, 1);
	clients_leave(&all, &b);
	clients_leave(&all, &c);
	clients_leave(&all, &c);
	ck_assert_uint_eq(all.n_clients, 0);
}
END_TEST

START_TEST(sixty_four_bits_of_an_ipv6_address_are_one_client)
{
	struct client *a = enter("2001:db8:1:2::1"), *b = enter("2001:db8:1:2:ffff::9");
	struct client *c = enter("2001:db8:1:3::1");

	ck_assert_ptr_eq(a, b);
	ck_assert_ptr_ne(a, c);
	clients_leave(&all, &a);
	clients_leave(&all, &b);
	clients_leave(&all, &c);
}
END_TEST

START_TEST(a_peer_without_an_address_is_not_counted)
{
	struct addr a = {.len = sizeof(a.un)};

	a.sa.sa_family = AF_UNIX;
	ck_assert_ptr_null(clients_enter(&all, &a));
}
END_TEST

#define MANY 20000

START_TEST(twenty_thousand_clients_are_found_and_forgotten)
{
	static struct client *of[MANY];
	char text[32];

	for (unsigned int round = 0; round < 2; round++) {
		for (unsigned int i = 0; i < MANY; i++) {
			struct client *c;

			snprintf(text, sizeof(text), "10.%u.%u.1", i >> 8, i & 255);
			c = enter(text);
			ck_assert_ptr_nonnull(c);
			ck_assert(!round || c == of[i]);
			of[i] = c;
		}
	}
	ck_assert_uint_eq(all.n_clients, MANY);
	ck_assert_uint_le(all.n_buckets, 2 * MANY);
	for (unsigned int i = 0; i < MANY; i++) {
		struct client *again = of[i];

		ck_assert_uint_eq(of[i]->n_conns, 2);
		clients_leave(&all, &of[i]);
		clients_leave(&all, &again);
	}
	ck_assert_uint_eq(all.n_clients, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("clients");
	TCase *t = tcase_create("clients");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, an_address_is_one_client_however_it_is_written);
	tcase_add_test(t, sixty_four_bits_of_an_ipv6_address_are_one_client);
	tcase_add_test(t, a_peer_without_an_address_is_not_counted);
	tcase_add_test(t, twenty_thousand_clients_are_found_and_forgotten);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
