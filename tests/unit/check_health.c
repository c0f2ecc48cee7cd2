#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "io/conn.h"
#include "io/listen.h"
#include "runner.h"
#include "upstream/health.h"

static struct upstream_conf conf;
static struct server_conf server_conf;
static struct server_stats stats[1];
static struct upstream *u;
static struct health *health;

/* --- a server to check ----------------------------------------------- */

static struct listener *listener;
static struct addr where;
static const char *reply; /* NULL: says nothing; "": closes */
static bool one_by_one;   /* each byte of it in a write of its own */
static char asked[4096];
static size_t n_asked;
static unsigned int n_conns, n_open;

static void on_open(struct conn *c)
{
	(void)c;
}

static void on_input(struct conn *c, char *data, size_t len)
{
	ck_assert_uint_lt(n_asked + len, sizeof(asked));
	memcpy(asked + n_asked, data, len);
	n_asked += len;
	asked[n_asked] = '\0';
	if (!strstr(asked, "\r\n\r\n") || !reply)
		return;
	for (size_t n = strlen(reply), i = 0; i < n; i += one_by_one ? 1 : n) {
		conn_begin(c);
		conn_write(c, reply + i, one_by_one ? 1 : n);
		conn_flush(c);
	}
	if (!*reply) {
		n_open--;
		conn_close(&c);
	}
}

static void on_writable(struct conn *c)
{
	(void)c;
}

static void on_end(struct conn *c, enum conn_end why)
{
	(void)why;
	n_open--;
	conn_free(&c);
}

static const struct conn_ops ops = {
	.on_open = on_open,
	.on_input = on_input,
	.on_writable = on_writable,
	.on_end = on_end,
};

static void on_accept(int fd, const struct addr *peer, void *arg)
{
	(void)arg;
	n_conns++;
	n_open++;
	n_asked = 0;
	ck_assert_ptr_nonnull(
		conn_accepted(&test_loop, fd, peer, NULL, 1000, &ops, NULL));
}

static void start_server(void)
{
	int fd;

	ck_assert_int_eq(listen_open(&where, 16, &fd, 1), 0);
	listener = listener_new(&test_loop, fd, on_accept, NULL);
	ck_assert_ptr_nonnull(listener);
}

/* --- checking it ----------------------------------------------------- */

static char server_text[ADDR_TEXT_BYTES];

static void start(void)
{
	start_loop();
	ck_assert_int_eq(log_open("/dev/null", LOG_ERROR, "t"), 0);
	ck_assert(addr_parse(&where, "127.0.0.1:0"));
	start_server();
	addr_text(&where, server_text);
	server_conf =
		(struct server_conf){.text = server_text, .addr = where, .weight = 1};
	conf = (struct upstream_conf){
		.name = "app",
		.servers = &server_conf,
		.n_servers = 1,
		.check_path = "/healthz?x=1",
		.check_every_ms = 100,
		.check_fall = 2,
		.check_rise = 2,
	};
}

static void check(void)
{
	char err[128] = "";

	u = upstream_new(&test_loop, NULL, &conf, stats, err, sizeof(err));
	ck_assert_msg(u != NULL, "%s", err);
	health = health_start(u);
	ck_assert_ptr_nonnull(health);
}

static bool all_closed(void *arg)
{
	(void)arg;
	return n_open == 0;
}

static void end(void)
{
	health_stop(&health);
	ck_assert_ptr_null(health);
	health_stop(&health);
	upstream_free(&u);
	ck_assert(loop_until(all_closed, NULL, 1000));
	listener_free(&listener);
	stop_loop();
	ck_assert_uint_eq(mem_live(mem_counters(), MEM_WORKER), 0);
	ck_assert_uint_eq(mem_live(mem_counters(), MEM_CONN), 0);
}

static uint64_t wanted;

static bool checked(void *arg)
{
	(void)arg;
	return stats[0].checks_total >= wanted;
}

/* Until there were n checks in all. */
static void wait_for(uint64_t n)
{
	wanted = n;
	ck_assert(loop_until(checked, NULL, 5000));
}

static bool is_up(void)
{
	return server_is_up(&u->servers[0], test_loop.now_ms);
}

START_TEST(a_check_is_one_plain_request)
{
	char want[256];

	reply = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	check();
	ck_assert(is_up()); /* until something else is known */
	wait_for(1);
	snprintf(want, sizeof(want), "GET /healthz?x=1 HTTP/1.1\r\nHost: %s\r\n",
		 server_text);
	ck_assert_int_eq(strncmp(asked, want, strlen(want)), 0);
	ck_assert_ptr_nonnull(strstr(asked, "\r\nConnection: close\r\n"));
	ck_assert(is_up());
	ck_assert_uint_eq(stats[0].checks_failed, 0);
}
END_TEST

START_TEST(checks_go_on_at_their_pace)
{
	uint64_t from;

	reply = "HTTP/1.1 204 No Content\r\n\r\n";
	check();
	wait_for(1);
	from = test_loop.now_ms;
	wait_for(6);
	ck_assert_uint_ge(test_loop.now_ms - from, 5 * 90);
	ck_assert_uint_eq(n_conns, 6);
}
END_TEST

START_TEST(the_first_answer_decides_alone)
{
	reply = "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n";
	check();
	wait_for(1);
	ck_assert(!is_up());
	ck_assert_uint_eq(stats[0].up, 0);
	ck_assert_uint_eq(stats[0].checks_failed, 1);
}
END_TEST

START_TEST(later_it_takes_fall_and_rise)
{
	reply = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	check();
	wait_for(1);
	reply = "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n";
	wait_for(2);
	ck_assert(is_up());
	reply = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	wait_for(3); /* which starts the count anew */
	reply = "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n";
	wait_for(4);
	ck_assert(is_up());
	wait_for(5);
	ck_assert(!is_up());
	reply = "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n";
	wait_for(6);
	ck_assert(!is_up());
	wait_for(7);
	ck_assert(is_up());
	ck_assert_uint_eq(stats[0].up, 1);
}
END_TEST

START_TEST(an_answer_may_come_byte_by_byte_and_after_a_1xx)
{
	one_by_one = true;
	reply = "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	check();
	wait_for(1);
	ck_assert(is_up());
}
END_TEST

static const char *const bad[] = {
	"SSH-2.0-OpenSSH_9.2\r\n\r\n\r\n",
	"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
	"",
};

START_TEST(what_is_no_good_answer_takes_it_out)
{
	reply = bad[_i];
	check();
	wait_for(1);
	ck_assert(!is_up());
}
END_TEST

START_TEST(an_endless_head_takes_it_out)
{
	static char endless[20000];

	memset(endless, 'x', sizeof(endless) - 1);
	memcpy(endless, "HTTP/1.1 200 OK\r\nX: ", 20);
	for (size_t i = 1000; i + 5 < sizeof(endless); i += 1000)
		memcpy(endless + i, "\r\nX: ", 5);
	reply = endless;
	check();
	wait_for(1);
	ck_assert(!is_up());
}
END_TEST

START_TEST(silence_takes_it_out_after_the_interval)
{
	check();
	wait_for(1);
	ck_assert(!is_up());
	ck_assert(loop_until(all_closed, NULL, 50) || n_conns > 1);
}
END_TEST

START_TEST(nobody_there_takes_it_out_and_somebody_puts_it_back)
{
	reply = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	listener_free(&listener);
	check();
	wait_for(1);
	ck_assert(!is_up());
	start_server();
	wait_for(stats[0].checks_total + 3);
	ck_assert(is_up());
}
END_TEST

START_TEST(of_an_h2_server_the_connection_is_enough)
{
	server_conf.proto = PROTO_H2;
	check();
	wait_for(2);
	ck_assert(is_up());
	ck_assert_uint_eq(n_asked, 0);
	ck_assert_uint_ge(n_conns, 1);
}
END_TEST

START_TEST(stopping_in_the_middle_leaves_nothing)
{
	check();
	while (!n_conns)
		loop_for(20);
	/* the fixture's end stops it while the server is silent */
}
END_TEST

START_TEST(without_a_path_there_is_nothing_to_check)
{
	char err[128] = "";

	conf.check_path = NULL;
	u = upstream_new(&test_loop, NULL, &conf, stats, err, sizeof(err));
	ck_assert_ptr_null(health_start(u));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("health");
	TCase *t = tcase_create("health");

	tcase_add_checked_fixture(t, start, end);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_check_is_one_plain_request);
	tcase_add_test(t, checks_go_on_at_their_pace);
	tcase_add_test(t, the_first_answer_decides_alone);
	tcase_add_test(t, later_it_takes_fall_and_rise);
	tcase_add_test(t, an_answer_may_come_byte_by_byte_and_after_a_1xx);
	tcase_add_loop_test(t, what_is_no_good_answer_takes_it_out, 0,
			    sizeof(bad) / sizeof(*bad));
	tcase_add_test(t, an_endless_head_takes_it_out);
	tcase_add_test(t, silence_takes_it_out_after_the_interval);
	tcase_add_test(t, nobody_there_takes_it_out_and_somebody_puts_it_back);
	tcase_add_test(t, of_an_h2_server_the_connection_is_enough);
	tcase_add_test(t, stopping_in_the_middle_leaves_nothing);
	tcase_add_test(t, without_a_path_there_is_nothing_to_check);
	suite_add_tcase(s, t);
	return run_suite(s);
}
