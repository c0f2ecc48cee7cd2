#include <ares.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "dns.h"
#include "runner.h"
#include "upstream/upstream.h"

static struct upstream_conf conf;
static struct server_conf server_confs[4];
static struct server_stats stats[8];
static struct upstream *u;
static struct resolver *resolver;
static struct dns dns;

static void start(void)
{
	start_loop();
	ck_assert_int_eq(log_open("/dev/null", LOG_ERROR, "t"), 0);
	conf = (struct upstream_conf){
		.name = "app",
		.servers = server_confs,
		.max_fails = 3,
		.fail_timeout_ms = 10000,
	};
	test_loop.now_ms = 100000;
}

static void end(void)
{
	upstream_free(&u);
	resolver_free(&resolver);
	stop_loop();
	ck_assert_uint_eq(mem_live(mem_counters(), MEM_WORKER), 0);
}

static struct server_conf *add(const char *text)
{
	struct server_conf *s = &server_confs[conf.n_servers];

	*s = (struct server_conf){.text = text, .weight = 1};
	s->index = conf.n_servers++ + 2; /* others come first */
	if (!addr_parse(&s->addr, text))
		s->host = text;
	return s;
}

static void open_it(void)
{
	char err[256] = "";

	u = upstream_new(&test_loop, resolver, &conf, stats, err, sizeof(err));
	ck_assert_msg(u != NULL, "%s", err);
}

static void two_servers(void)
{
	add("127.0.0.1:9001");
	add("127.0.0.1:9002");
	open_it();
}

static struct server *pick(void)
{
	return upstream_pick(u, NULL, 0);
}

static void fail_it(struct server *s, unsigned int n)
{
	while (n--)
		server_on_failure(s, test_loop.now_ms);
}

/* --- passive health -------------------------------------------------- */

START_TEST(servers_are_up_at_first)
{
	two_servers();
	ck_assert(server_is_up(&u->servers[0], test_loop.now_ms));
	ck_assert_uint_eq(stats[2].up, 1);
	ck_assert_uint_eq(stats[3].up, 1);
	ck_assert_uint_eq(stats[0].up, 0); /* another upstream's */
	ck_assert_ptr_eq(pick(), &u->servers[0]);
	ck_assert_ptr_eq(pick(), &u->servers[1]);
}
END_TEST

START_TEST(max_fails_in_the_window_take_a_server_out)
{
	two_servers();
	fail_it(&u->servers[0], 2);
	ck_assert(server_is_up(&u->servers[0], test_loop.now_ms));
	fail_it(&u->servers[0], 1);
	ck_assert(!server_is_up(&u->servers[0], test_loop.now_ms));
	ck_assert_uint_eq(stats[2].up, 0);
	for (int i = 0; i < 4; i++)
		ck_assert_ptr_eq(pick(), &u->servers[1]);
}
END_TEST

START_TEST(failures_far_apart_do_not_add_up)
{
	two_servers();
	for (int i = 0; i < 10; i++) {
		fail_it(&u->servers[0], 2);
		ck_assert(server_is_up(&u->servers[0], test_loop.now_ms));
		test_loop.now_ms += 10001;
	}
}
END_TEST

START_TEST(a_server_that_comes_back_is_tried_by_one_request)
{
	struct server *s;

	two_servers();
	s = &u->servers[0];
	fail_it(s, 3);
	test_loop.now_ms += 9999;
	ck_assert(!server_is_up(s, test_loop.now_ms));
	test_loop.now_ms += 1;
	ck_assert(server_is_up(s, test_loop.now_ms));
	ck_assert_uint_eq(stats[2].up, 0); /* not known to be */
	while (pick() != s)
		;
	for (int i = 0; i < 4; i++)
		ck_assert_ptr_ne(pick(), s);
	server_on_success(s);
	ck_assert(server_is_up(s, test_loop.now_ms));
	ck_assert_uint_eq(stats[2].up, 1);
	fail_it(s, 2);
	ck_assert(server_is_up(s, test_loop.now_ms));
}
END_TEST

START_TEST(one_that_fails_again_stays_out)
{
	struct server *s;

	two_servers();
	s = &u->servers[0];
	fail_it(s, 3);
	test_loop.now_ms += 20000;
	while (pick() != s)
		;
	fail_it(s, 1);
	ck_assert(!server_is_up(s, test_loop.now_ms));
	ck_assert(!server_is_up(s, test_loop.now_ms + 9999));
	ck_assert(server_is_up(s, test_loop.now_ms + 10000));
}
END_TEST

START_TEST(a_try_that_came_to_nothing_does_not_lose_the_server)
{
	two_servers();
	fail_it(&u->servers[0], 3);
	test_loop.now_ms += 10000;
	while (pick() != &u->servers[0])
		;
	/* that client left; nobody says what came of it */
	test_loop.now_ms += 10000;
	while (pick() != &u->servers[0])
		;
}
END_TEST

START_TEST(the_only_server_is_never_taken_out)
{
	add("127.0.0.1:9001");
	open_it();
	fail_it(&u->servers[0], 100);
	ck_assert_ptr_eq(pick(), &u->servers[0]);
}
END_TEST

START_TEST(max_fails_0_never_takes_out)
{
	conf.max_fails = 0;
	two_servers();
	fail_it(&u->servers[0], 100);
	ck_assert_ptr_eq(pick(), &u->servers[0]);
}
END_TEST

START_TEST(when_all_are_out_there_is_none)
{
	two_servers();
	fail_it(&u->servers[0], 3);
	fail_it(&u->servers[1], 3);
	ck_assert_ptr_null(pick());
}
END_TEST

START_TEST(checks_take_out_and_put_back)
{
	struct server *s;

	two_servers();
	s = &u->servers[1];
	server_set_check(s, true, "test");
	ck_assert_uint_eq(stats[3].up, 0);
	ck_assert(!server_is_up(s, test_loop.now_ms));
	fail_it(s, 3);
	server_set_check(s, false, "test");
	ck_assert(server_is_up(s, test_loop.now_ms));
	ck_assert_uint_eq(stats[3].up, 1);
}
END_TEST

/* --- addresses ------------------------------------------------------- */

START_TEST(an_address_is_used_as_written)
{
	char text[ADDR_TEXT_BYTES];

	add("[::1]:9001");
	add("unix:/run/app.sock");
	open_it();
	ck_assert_str_eq(addr_text(server_addr(&u->servers[0]), text), "[::1]:9001");
	ck_assert_str_eq(addr_text(server_addr(&u->servers[1]), text),
			 "unix:/run/app.sock");
}
END_TEST

static void with_dns(void)
{
	start();
	ck_assert_int_eq(ares_library_init(ARES_LIB_INIT_ALL), ARES_SUCCESS);
	dns_start(&dns);
	resolver = resolver_new(&test_loop);
	ck_assert_ptr_nonnull(resolver);
	ck_assert_int_eq(resolver_set_servers(resolver, dns.where), 0);
	add("app.test.")->port = 9001;
}

static void without_dns(void)
{
	dns_stop(&dns);
	end();
	ares_library_cleanup();
}

static bool asked_twice(void *arg)
{
	(void)arg;
	return dns.n_queries >= 2; /* A and AAAA */
}

static void look_up_again(void)
{
	dns.n_queries = 0;
	timer_set(&test_loop, &u->servers[0].resolve_timer, 0);
	ck_assert(loop_until(asked_twice, NULL, 3000));
	loop_for(50);
}

START_TEST(a_name_is_up_once_it_is_resolved)
{
	char text[ADDR_TEXT_BYTES];

	dns.in[0] = "127.0.0.7";
	open_it();
	ck_assert_ptr_null(server_addr(&u->servers[0]));
	ck_assert_ptr_null(pick());
	ck_assert_uint_eq(stats[2].up, 0);
	ck_assert(loop_until(asked_twice, NULL, 3000));
	loop_for(50);
	ck_assert_uint_eq(stats[2].up, 1);
	ck_assert_ptr_eq(pick(), &u->servers[0]);
	ck_assert_str_eq(addr_text(server_addr(&u->servers[0]), text),
			 "127.0.0.7:9001");
}
END_TEST

START_TEST(all_addresses_of_a_name_are_used_in_turn)
{
	unsigned int seen[8] = {0};

	dns.in[0] = "127.0.0.1";
	dns.in[1] = "127.0.0.2";
	dns.in[2] = "127.0.0.3";
	open_it();
	look_up_again();
	for (int i = 0; i < 9; i++) {
		const struct addr *a = server_addr(&u->servers[0]);

		seen[ntohl(a->in.sin_addr.s_addr) & 7]++;
	}
	ck_assert_uint_eq(seen[1], 3);
	ck_assert_uint_eq(seen[2], 3);
	ck_assert_uint_eq(seen[3], 3);
}
END_TEST

START_TEST(a_new_answer_replaces_the_old_addresses)
{
	char text[ADDR_TEXT_BYTES];

	dns.in[0] = "127.0.0.1";
	dns.in[1] = "127.0.0.2";
	open_it();
	look_up_again();
	server_addr(&u->servers[0]);
	dns.in[0] = "127.0.0.9";
	dns.in[1] = NULL;
	look_up_again();
	for (int i = 0; i < 3; i++)
		ck_assert_str_eq(addr_text(server_addr(&u->servers[0]), text),
				 "127.0.0.9:9001");
}
END_TEST

START_TEST(a_failed_look_up_keeps_the_old_addresses)
{
	char text[ADDR_TEXT_BYTES];

	dns.in[0] = "127.0.0.1";
	open_it();
	look_up_again();
	dns.refuse = true;
	look_up_again();
	ck_assert_str_eq(addr_text(server_addr(&u->servers[0]), text),
			 "127.0.0.1:9001");
	ck_assert_uint_eq(stats[2].up, 1);
	ck_assert(timer_is_set(&u->servers[0].resolve_timer));
	dns.refuse = false;
	dns.in[0] = "127.0.0.2";
	look_up_again();
	ck_assert_str_eq(addr_text(server_addr(&u->servers[0]), text),
			 "127.0.0.2:9001");
}
END_TEST

START_TEST(a_name_without_an_answer_is_asked_for_again_soon)
{
	dns.refuse = true;
	open_it();
	ck_assert(loop_until(asked_twice, NULL, 3000));
	loop_for(50);
	dns.n_queries = 0;
	dns.refuse = false;
	dns.in[0] = "127.0.0.1";
	ck_assert(loop_until(asked_twice, NULL, 4000));
	loop_for(50);
	ck_assert_ptr_nonnull(server_addr(&u->servers[0]));
}
END_TEST

START_TEST(an_answer_after_the_end_finds_nobody)
{
	dns.in[0] = "127.0.0.1";
	open_it();
	upstream_free(&u);
	loop_for(100);
	ck_assert_uint_eq(stats[2].up, 0);
}
END_TEST

/* --- TLS ------------------------------------------------------------- */

START_TEST(tls_is_for_the_host_the_address_or_the_name_given)
{
	struct server_conf *s = add("127.0.0.1:9443");

	s->is_tls = true;
	s = add("[::1]:9443");
	s->is_tls = true;
	s->tls.name = "other.test";
	add("127.0.0.1:9001");
	open_it();
	ck_assert_ptr_nonnull(u->servers[0].tls);
	ck_assert_str_eq(u->servers[0].tls_name, "127.0.0.1");
	ck_assert_str_eq(u->servers[1].tls_name, "other.test");
	ck_assert_ptr_null(u->servers[2].tls);
}
END_TEST

START_TEST(a_ca_file_that_is_not_there_is_an_error)
{
	struct server_conf *s = add("127.0.0.1:9443");
	char err[256] = "";

	s->is_tls = true;
	s->tls.verify = true;
	s->tls.ca = "/nonexistent/ca.pem";
	ck_assert_ptr_null(
		upstream_new(&test_loop, NULL, &conf, stats, err, sizeof(err)));
	ck_assert_msg(strstr(err, "127.0.0.1:9443"), "%s", err);
	ck_assert_msg(strstr(err, "/nonexistent/ca.pem"), "%s", err);
}
END_TEST

START_TEST(without_memory_there_is_no_upstream_and_a_reason)
{
	char spec[32], err[256] = "";

	snprintf(spec, sizeof(spec), "system+fail=%d", _i);
	ck_assert_msg(mem_choose(spec, err, sizeof(err)) == 0, "%s", err);
	err[0] = '\0';
	conf = (struct upstream_conf){.name = "app", .servers = server_confs};
	add("127.0.0.1:9001");
	ck_assert_ptr_null(
		upstream_new(&test_loop, NULL, &conf, stats, err, sizeof(err)));
	ck_assert_str_eq(err, "no memory");
	ck_assert_uint_eq(mem_live(mem_counters(), MEM_WORKER), 0);
}
END_TEST

static void add_health(Suite *s)
{
	TCase *t = tcase_create("passive health");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, start, end);
	tcase_add_test(t, servers_are_up_at_first);
	tcase_add_test(t, max_fails_in_the_window_take_a_server_out);
	tcase_add_test(t, failures_far_apart_do_not_add_up);
	tcase_add_test(t, a_server_that_comes_back_is_tried_by_one_request);
	tcase_add_test(t, one_that_fails_again_stays_out);
	tcase_add_test(t, a_try_that_came_to_nothing_does_not_lose_the_server);
	tcase_add_test(t, the_only_server_is_never_taken_out);
	tcase_add_test(t, max_fails_0_never_takes_out);
	tcase_add_test(t, when_all_are_out_there_is_none);
	tcase_add_test(t, checks_take_out_and_put_back);
	tcase_add_test(t, an_address_is_used_as_written);
	tcase_add_test(t, tls_is_for_the_host_the_address_or_the_name_given);
	tcase_add_test(t, a_ca_file_that_is_not_there_is_an_error);
	suite_add_tcase(s, t);
}

static void add_names(Suite *s)
{
	TCase *t = tcase_create("names");

	tcase_add_checked_fixture(t, with_dns, without_dns);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_name_is_up_once_it_is_resolved);
	tcase_add_test(t, all_addresses_of_a_name_are_used_in_turn);
	tcase_add_test(t, a_new_answer_replaces_the_old_addresses);
	tcase_add_test(t, a_failed_look_up_keeps_the_old_addresses);
	tcase_add_test(t, a_name_without_an_answer_is_asked_for_again_soon);
	tcase_add_test(t, an_answer_after_the_end_finds_nobody);
	suite_add_tcase(s, t);
}

int main(void)
{
	Suite *s = suite_create("upstream");
	TCase *oom = tcase_create("without memory");

	add_health(s);
	add_names(s);
	tcase_set_timeout(oom, 60);
	tcase_add_loop_test(oom, without_memory_there_is_no_upstream_and_a_reason, 1,
			    3);
	suite_add_tcase(s, oom);
	return run_suite(s);
}
