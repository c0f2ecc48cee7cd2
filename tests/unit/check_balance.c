#include <string.h>

#include "runner.h"
#include "upstream/balance.h"

#define MAX 6

static struct upstream_conf conf;
static struct server_conf server_confs[MAX];
static struct server servers[MAX];
static struct upstream u = {.conf = &conf, .servers = servers};

static void add(unsigned int weight, bool backup)
{
	unsigned int i = u.n_servers++;

	server_confs[i].weight = weight;
	server_confs[i].backup = backup;
	servers[i].conf = &server_confs[i];
	servers[i].upstream = &u;
	servers[i].n_addrs = 1;
}

static struct server *pick(void)
{
	return balance_pick(&u, NULL, 0, 1000);
}

/* Which server comes next: "a" is the first one, "-" none. */
static char name(const struct server *s)
{
	return s ? (char)('a' + (s - servers)) : '-';
}

static void assert_order(const char *want)
{
	for (const char *p = want; *p; p++) {
		char got = name(pick());

		ck_assert_msg(got == *p, "%c, not %c, at %d of %s", got, *p,
			      (int)(p - want), want);
	}
}

START_TEST(equal_weights_take_turns)
{
	add(1, false);
	add(1, false);
	add(1, false);
	assert_order("abcabcabc");
}
END_TEST

START_TEST(weights_are_kept_and_spread)
{
	add(5, false);
	add(1, false);
	add(1, false);
	assert_order("aabacaaaabacaa");
}
END_TEST

START_TEST(large_weights_are_exact_over_a_round)
{
	unsigned int n[3] = {0};

	add(1000, false);
	add(500, false);
	add(1, false);
	for (int i = 0; i < 1501; i++)
		n[pick() - servers]++;
	ck_assert_uint_eq(n[0], 1000);
	ck_assert_uint_eq(n[1], 500);
	ck_assert_uint_eq(n[2], 1);
}
END_TEST

START_TEST(a_server_that_is_down_is_left_out)
{
	add(1, false);
	add(1, false);
	add(1, false);
	servers[1].check_down = true;
	assert_order("acac");
	servers[0].down_until_ms = 1001;
	assert_order("cc");
	servers[2].n_addrs = 0; /* its name is not resolved */
	assert_order("--");
	servers[0].down_until_ms = 1000; /* may be tried again from now on */
	assert_order("aa");
}
END_TEST

START_TEST(what_was_tried_is_left_out)
{
	struct server *tried[] = {&servers[0], &servers[2]};

	add(1, false);
	add(1, false);
	add(1, false);
	for (int i = 0; i < 4; i++)
		ck_assert_ptr_eq(balance_pick(&u, tried, 2, 1000), &servers[1]);
}
END_TEST

START_TEST(when_all_were_tried_one_is_tried_again)
{
	struct server *tried[] = {&servers[0], &servers[1]};

	add(1, false);
	add(1, false);
	ck_assert_ptr_nonnull(balance_pick(&u, tried, 2, 1000));
	servers[0].check_down = true;
	ck_assert_ptr_eq(balance_pick(&u, tried, 2, 1000), &servers[1]);
	servers[1].check_down = true;
	ck_assert_ptr_null(balance_pick(&u, tried, 2, 1000));
}
END_TEST

START_TEST(backups_serve_when_no_other_can)
{
	struct server *tried[] = {&servers[0]};

	add(1, false);
	add(1, true);
	add(1, true);
	assert_order("aaaa");
	ck_assert_ptr_ne(balance_pick(&u, tried, 1, 1000), &servers[0]);
	servers[0].check_down = true;
	for (int i = 0; i < 4; i++)
		ck_assert_ptr_ne(pick(), &servers[0]);
	servers[0].check_down = false;
	assert_order("aa");
}
END_TEST

START_TEST(the_one_with_the_fewest_requests_is_chosen)
{
	conf.balance = BALANCE_LEAST_REQUESTS;
	add(1, false);
	add(1, false);
	add(1, false);
	servers[0].n_requests = 3;
	servers[1].n_requests = 1;
	servers[2].n_requests = 2;
	assert_order("bb");
	servers[1].check_down = true;
	assert_order("cc");
}
END_TEST

START_TEST(requests_are_weighed)
{
	conf.balance = BALANCE_LEAST_REQUESTS;
	add(1, false);
	add(4, false);
	servers[0].n_requests = 1;
	servers[1].n_requests = 3;
	assert_order("b");
	servers[1].n_requests = 5;
	assert_order("a");
}
END_TEST

START_TEST(equal_loads_take_turns_by_weight)
{
	conf.balance = BALANCE_LEAST_REQUESTS;
	add(2, false);
	add(1, false);
	add(1, false);
	assert_order("abcaabca");
	servers[0].n_requests = 9;
	assert_order("bcbc");
}
END_TEST

START_TEST(a_load_that_lasts_is_shared_by_weight)
{
	conf.balance = BALANCE_LEAST_REQUESTS;
	add(3, false);
	add(1, false);
	for (int i = 0; i < 400; i++)
		pick()->n_requests++;
	ck_assert_uint_eq(servers[0].n_requests, 300);
	ck_assert_uint_eq(servers[1].n_requests, 100);
}
END_TEST

START_TEST(no_servers_no_choice)
{
	ck_assert_ptr_null(pick());
}
END_TEST

int main(void)
{
	Suite *s = suite_create("balance");
	TCase *t = tcase_create("balance");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, equal_weights_take_turns);
	tcase_add_test(t, weights_are_kept_and_spread);
	tcase_add_test(t, large_weights_are_exact_over_a_round);
	tcase_add_test(t, a_server_that_is_down_is_left_out);
	tcase_add_test(t, what_was_tried_is_left_out);
	tcase_add_test(t, when_all_were_tried_one_is_tried_again);
	tcase_add_test(t, backups_serve_when_no_other_can);
	tcase_add_test(t, the_one_with_the_fewest_requests_is_chosen);
	tcase_add_test(t, requests_are_weighed);
	tcase_add_test(t, equal_loads_take_turns_by_weight);
	tcase_add_test(t, a_load_that_lasts_is_shared_by_weight);
	tcase_add_test(t, no_servers_no_choice);
	suite_add_tcase(s, t);
	return run_suite(s);
}
