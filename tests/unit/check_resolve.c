#include <ares.h>
#include <stdio.h>
#include <string.h>

#include "dns.h"
#include "io/resolve.h"
#include "runner.h"

static struct dns dns;
static struct resolver *resolver;
static struct addr got[16];
static unsigned int n_got, n_calls;
static char why[128];

static void *cares_malloc(size_t n)
{
	return mem_alloc(MEM_CARES, n);
}

static void cares_free(void *p)
{
	mem_free(MEM_CARES, p);
}

static void *cares_realloc(void *p, size_t n)
{
	return mem_realloc(MEM_CARES, p, n);
}

static void start(void)
{
	start_loop();
	ck_assert_int_eq(ares_library_init_mem(ARES_LIB_INIT_ALL, cares_malloc,
					       cares_free, cares_realloc),
			 ARES_SUCCESS);
	dns_start(&dns);
	resolver = resolver_new(&test_loop);
	ck_assert_ptr_nonnull(resolver);
	ck_assert_int_eq(resolver_set_servers(resolver, dns.where), 0);
}

static void end(void)
{
	resolver_free(&resolver);
	dns_stop(&dns);
	stop_loop();
	ares_library_cleanup();
	ck_assert_uint_eq(mem_live(mem_counters(), MEM_WORKER), 0);
	ck_assert_uint_eq(mem_live(mem_counters(), MEM_CARES), 0);
}

static void on_answer(void *arg, const struct addr *addrs, unsigned int n,
		      const char *error)
{
	ck_assert_int_eq(n > 0, error == NULL);
	ck_assert_uint_le(n, 16);
	(void)arg;
	n_calls++;
	n_got = n;
	if (n)
		memcpy(got, addrs, n * sizeof(*addrs));
	snprintf(why, sizeof(why), "%s", error ? error : "");
}

static bool called(void *arg)
{
	(void)arg;
	return n_calls > 0;
}

static bool ask(const char *host)
{
	n_calls = 0;
	ck_assert_int_eq(resolver_ask(resolver, host, on_answer, NULL), 0);
	ck_assert_uint_eq(n_calls, 0);
	return loop_until(called, NULL, 5000);
}

static bool has(const char *text)
{
	char to[ADDR_TEXT_BYTES];

	for (unsigned int i = 0; i < n_got; i++)
		if (strcmp(addr_text(&got[i], to), text) == 0)
			return true;
	return false;
}

START_TEST(a_name_has_its_ipv4_and_ipv6_addresses)
{
	dns.in[0] = "192.0.2.1";
	dns.in[1] = "192.0.2.2";
	dns.in6[0] = "2001:db8::1";
	ck_assert(ask("app.test."));
	ck_assert_uint_eq(n_got, 3);
	ck_assert(has("192.0.2.1:0"));
	ck_assert(has("192.0.2.2:0"));
	ck_assert(has("[2001:db8::1]:0"));
}
END_TEST

START_TEST(one_family_is_enough)
{
	dns.in6[0] = "2001:db8::1";
	ck_assert(ask("app.test."));
	ck_assert_uint_eq(n_got, 1);
	ck_assert(has("[2001:db8::1]:0"));
}
END_TEST

START_TEST(a_name_that_is_not_there_has_a_reason)
{
	dns.refuse = true;
	ck_assert(ask("app.test."));
	ck_assert_uint_eq(n_got, 0);
	ck_assert_str_ne(why, "");
}
END_TEST

START_TEST(a_name_without_addresses_has_a_reason)
{
	ck_assert(ask("app.test."));
	ck_assert_uint_eq(n_got, 0);
	ck_assert_str_ne(why, "");
}
END_TEST

START_TEST(localhost_needs_no_dns)
{
	ck_assert(ask("localhost"));
	ck_assert(has("127.0.0.1:0") || has("[::1]:0"));
	ck_assert_uint_eq(dns.n_queries, 0);
}
END_TEST

START_TEST(an_address_is_its_own_answer)
{
	ck_assert(ask("192.0.2.7"));
	ck_assert(has("192.0.2.7:0"));
}
END_TEST

START_TEST(many_addresses_are_cut_to_sixteen)
{
	for (int i = 0; i < 19; i++)
		dns.in[i] = "192.0.2.1";
	ck_assert(ask("app.test."));
	ck_assert_uint_eq(n_got, 16);
}
END_TEST

START_TEST(what_is_forgotten_is_not_told)
{
	int mine, other;

	dns.in[0] = "192.0.2.1";
	ck_assert_int_eq(resolver_ask(resolver, "a.test.", on_answer, &mine), 0);
	ck_assert_int_eq(resolver_ask(resolver, "localhost", on_answer, &mine), 0);
	ck_assert_int_eq(resolver_ask(resolver, "b.test.", on_answer, &other), 0);
	resolver_forget(resolver, &mine);
	loop_for(300);
	ck_assert_uint_eq(n_calls, 1);
}
END_TEST

START_TEST(freeing_forgets_all_questions)
{
	dns.mute = true;
	ck_assert_int_eq(resolver_ask(resolver, "a.test.", on_answer, NULL), 0);
	ck_assert_int_eq(resolver_ask(resolver, "localhost", on_answer, NULL), 0);
	loop_for(0);
	n_calls = 0;
	ck_assert_int_eq(resolver_ask(resolver, "localhost", on_answer, NULL), 0);
	resolver_free(&resolver);
	ck_assert_ptr_null(resolver);
	loop_for(50);
	ck_assert_uint_eq(n_calls, 0);
}
END_TEST

START_TEST(a_server_that_says_nothing_is_asked_again_and_given_up)
{
	dns.mute = true;
	n_calls = 0;
	ck_assert_int_eq(resolver_ask(resolver, "a.test.", on_answer, NULL), 0);
	ck_assert(loop_until(called, NULL, 40000));
	ck_assert_uint_eq(n_got, 0);
	ck_assert_str_ne(why, "");
	ck_assert_uint_gt(dns.n_queries, 2);
}
END_TEST

START_TEST(a_list_of_servers_that_is_none_is_refused)
{
	ck_assert_int_eq(resolver_set_servers(resolver, "not an address"), -1);
}
END_TEST

START_TEST(without_memory_a_question_fails_or_has_a_reason)
{
	char spec[32], err[128];

	snprintf(spec, sizeof(spec), "system+fail=%d", _i);
	ck_assert_msg(mem_choose(spec, err, sizeof(err)) == 0, "%s", err);
	if (loop_init(&test_loop))
		return;
	ares_library_init_mem(ARES_LIB_INIT_ALL, cares_malloc, cares_free,
			      cares_realloc);
	resolver = resolver_new(&test_loop);
	if (resolver && resolver_ask(resolver, "localhost", on_answer, NULL) == 0)
		ck_assert(loop_until(called, NULL, 5000));
	end();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("resolve");
	TCase *t = tcase_create("resolve"), *oom = tcase_create("without memory");
	TCase *slow = tcase_create("slow");

	tcase_add_checked_fixture(t, start, end);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_name_has_its_ipv4_and_ipv6_addresses);
	tcase_add_test(t, one_family_is_enough);
	tcase_add_test(t, a_name_that_is_not_there_has_a_reason);
	tcase_add_test(t, a_name_without_addresses_has_a_reason);
	tcase_add_test(t, localhost_needs_no_dns);
	tcase_add_test(t, an_address_is_its_own_answer);
	tcase_add_test(t, many_addresses_are_cut_to_sixteen);
	tcase_add_test(t, what_is_forgotten_is_not_told);
	tcase_add_test(t, freeing_forgets_all_questions);
	tcase_add_test(t, a_list_of_servers_that_is_none_is_refused);
	suite_add_tcase(s, t);
	tcase_add_checked_fixture(slow, start, end);
	tcase_set_timeout(slow, 60);
	tcase_add_test(slow, a_server_that_says_nothing_is_asked_again_and_given_up);
	suite_add_tcase(s, slow);
	tcase_set_timeout(oom, 60);
	tcase_add_loop_test(oom, without_memory_a_question_fails_or_has_a_reason, 1,
			    60);
	suite_add_tcase(s, oom);
	return run_suite(s);
}
