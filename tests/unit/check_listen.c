#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "io/listen.h"
#include "runner.h"

static struct addr at(const char *text)
{
	struct addr a;

	ck_assert(addr_parse(&a, text));
	return a;
}

static int try_connect(const struct addr *to)
{
	int fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	if (connect(fd, &to->sa, to->len) == 0)
		return fd;
	close(fd);
	return -1;
}

static int must_connect(const struct addr *to)
{
	int fd = try_connect(to);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static void close_n(const int *fds, int n)
{
	for (int i = 0; i < n; i++)
		close(fds[i]);
}

/* --- opening --------------------------------------------------------- */

START_TEST(port_0_gives_one_port_to_all)
{
	struct addr a = at("127.0.0.1:0"), got = {.len = sizeof(got.in6)};
	int fds[4];

	ck_assert_int_eq(listen_open(&a, 16, fds, 4), 0);
	ck_assert_int_ne(addr_port(&a), 0);
	for (int i = 0; i < 4; i++) {
		got.len = sizeof(got.in6);
		ck_assert_int_eq(getsockname(fds[i], &got.sa, &got.len), 0);
		ck_assert(addr_eq(&got, &a));
		ck_assert(fcntl(fds[i], F_GETFL) & O_NONBLOCK);
		ck_assert(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
	}
	close(must_connect(&a));
	close_n(fds, 4);
	ck_assert_int_eq(try_connect(&a), -1);
}
END_TEST

START_TEST(a_port_that_another_of_us_listens_on_is_in_use)
{
	struct addr a = at("127.0.0.1:0");
	int fds[2], again[2];

	ck_assert_int_eq(listen_open(&a, 16, fds, 2), 0);
	ck_assert_int_eq(listen_open(&a, 16, again, 2), -1);
	ck_assert_int_eq(errno, EADDRINUSE);
	close_n(fds, 2);
	ck_assert_int_eq(listen_open(&a, 16, fds, 2), 0);
	close_n(fds, 2);
}
END_TEST

START_TEST(more_sockets_join_those_that_listen)
{
	struct addr a = at("127.0.0.1:0");
	int fds[3];

	ck_assert_int_eq(listen_open(&a, 16, fds, 1), 0);
	ck_assert_int_eq(listen_more(&a, 16, fds + 1, 2), 0);
	close_n(fds, 3);
}
END_TEST

START_TEST(an_address_that_is_not_ours_is_refused)
{
	struct addr a = at("192.0.2.1:0");
	int fds[1];

	ck_assert_int_eq(listen_open(&a, 16, fds, 1), -1);
	ck_assert_int_eq(errno, EADDRNOTAVAIL);
}
END_TEST

static bool has_ipv6(void)
{
	struct addr a = at("[::1]:0");
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	bool ok = fd >= 0 && bind(fd, &a.sa, a.len) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

START_TEST(any_address_takes_both_families)
{
	struct addr a = at(":0"), in = at("127.0.0.1:1"), in6 = at("[::1]:1");
	int fds[1];

	ck_assert_int_eq(listen_open(&a, 16, fds, 1), 0);
	addr_set_port(&in, addr_port(&a));
	close(must_connect(&in));
	if (has_ipv6()) {
		addr_set_port(&in6, addr_port(&a));
		close(must_connect(&in6));
	}
	close_n(fds, 1);
}
END_TEST

static struct addr a_socket_path(void)
{
	const char *tmp = getenv("TMPDIR");
	char text[128];

	snprintf(text, sizeof(text), "unix:%.70s/check_listen.%d", tmp ? tmp : "/tmp",
		 (int)getpid());
	return at(text);
}

START_TEST(a_socket_file_is_shared_by_dups)
{
	struct addr a = a_socket_path();
	int fds[3];

	ck_assert_int_eq(listen_open(&a, 16, fds, 3), 0);
	close_n(fds, 2);
	close(must_connect(&a));
	close(fds[2]);
	unlink(a.un.sun_path);
}
END_TEST

START_TEST(a_socket_file_left_by_a_crash_is_replaced)
{
	struct addr a = a_socket_path();
	int fds[1];

	ck_assert_int_eq(listen_open(&a, 16, fds, 1), 0);
	close_n(fds, 1);
	ck_assert_int_eq(listen_open(&a, 16, fds, 1), 0);
	close(must_connect(&a));
	close_n(fds, 1);
	unlink(a.un.sun_path);
}
END_TEST

START_TEST(a_socket_file_in_use_is_left_alone)
{
	struct addr a = a_socket_path();
	int fds[1], again[1];

	ck_assert_int_eq(listen_open(&a, 16, fds, 1), 0);
	ck_assert_int_eq(listen_open(&a, 16, again, 1), -1);
	ck_assert_int_eq(errno, EADDRINUSE);
	close(must_connect(&a));
	close_n(fds, 1);
	unlink(a.un.sun_path);
}
END_TEST

START_TEST(a_file_that_is_no_socket_is_left_alone)
{
	struct addr a = a_socket_path();
	int fd = open(a.un.sun_path, O_CREAT | O_WRONLY, 0600), fds[1];
	struct stat st;

	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(listen_open(&a, 16, fds, 1), -1);
	ck_assert_int_eq(errno, EADDRINUSE);
	ck_assert_int_eq(stat(a.un.sun_path, &st), 0);
	unlink(a.un.sun_path);
}
END_TEST

/* --- accepting ------------------------------------------------------- */

static struct listener *listener;
static struct addr where;
static int taken[200];
static struct addr peers[200];
static int n_taken, wanted;

static void (*then)(void); /* called after each socket, inside the callback */

static void on_accept(int fd, const struct addr *peer, void *arg)
{
	ck_assert_ptr_eq(arg, &where);
	taken[n_taken] = fd;
	peers[n_taken++] = *peer;
	if (then)
		then();
}

static bool enough(void *arg)
{
	(void)arg;
	return n_taken >= wanted;
}

static bool take(int n)
{
	wanted = n;
	return loop_until(enough, NULL, 3000);
}

static void listen_at(const char *text)
{
	int fd;

	where = at(text);
	ck_assert_int_eq(listen_open(&where, 511, &fd, 1), 0);
	listener = listener_new(&test_loop, fd, on_accept, &where);
	ck_assert_ptr_nonnull(listener);
}

static void start(void)
{
	start_loop();
	listen_at("127.0.0.1:0");
}

static void end(void)
{
	close_n(taken, n_taken);
	listener_free(&listener);
	stop_loop();
	ck_assert_uint_eq(mem_live(mem_counters(), MEM_WORKER), 0);
}

START_TEST(each_connection_is_handed_over_ready_to_use)
{
	int fd = must_connect(&where), on = 0;
	socklen_t len = sizeof(on);
	struct addr local = {.len = sizeof(local.in6)};

	ck_assert(take(1));
	ck_assert(fcntl(taken[0], F_GETFL) & O_NONBLOCK);
	ck_assert(fcntl(taken[0], F_GETFD) & FD_CLOEXEC);
	ck_assert_int_eq(getsockopt(taken[0], IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
	ck_assert_int_ne(on, 0);
	ck_assert_int_eq(getsockname(fd, &local.sa, &local.len), 0);
	ck_assert(addr_eq(&local, &peers[0]));
	close(fd);
}
END_TEST

START_TEST(an_ipv4_client_of_any_address_looks_like_one)
{
	struct addr to = at("127.0.0.1:1");
	char text[ADDR_TEXT_BYTES];
	int fd;

	listener_free(&listener);
	listen_at(":0");
	addr_set_port(&to, addr_port(&where));
	fd = must_connect(&to);
	ck_assert(take(1));
	ck_assert_str_eq(addr_host_text(&peers[0], text), "127.0.0.1");
	close(fd);
}
END_TEST

START_TEST(many_at_once_are_all_taken)
{
	int fds[150];

	for (int i = 0; i < 150; i++)
		fds[i] = must_connect(&where);
	ck_assert(take(150));
	close_n(fds, 150);
}
END_TEST

START_TEST(a_paused_listener_leaves_connections_in_the_queue)
{
	int fd;

	listener_pause(listener, true);
	fd = must_connect(&where);
	loop_for(100);
	ck_assert_int_eq(n_taken, 0);
	listener_pause(listener, false);
	ck_assert(take(1));
	close(fd);
}
END_TEST

static void pause_it(void)
{
	listener_pause(listener, true);
}

START_TEST(the_callback_may_pause)
{
	int fds[3];

	then = pause_it;
	for (int i = 0; i < 3; i++)
		fds[i] = must_connect(&where);
	loop_for(100);
	ck_assert_int_eq(n_taken, 1);
	listener_pause(listener, false);
	loop_for(100);
	ck_assert_int_eq(n_taken, 2);
	close_n(fds, 3);
}
END_TEST

START_TEST(draining_takes_what_is_queued_and_closes)
{
	int fds[100];

	for (int i = 0; i < 100; i++)
		fds[i] = must_connect(&where);
	listener_pause(listener, true); /* which does not matter any more */
	listener_drain(listener);
	ck_assert_int_eq(n_taken, 100);
	ck_assert_int_eq(try_connect(&where), -1);
	listener_drain(listener);
	loop_for(50);
	ck_assert_int_eq(n_taken, 100);
	close_n(fds, 100);
}
END_TEST

static void drain_it(void)
{
	listener_drain(listener);
}

START_TEST(the_callback_may_drain)
{
	int fds[3];

	then = drain_it;
	for (int i = 0; i < 3; i++)
		fds[i] = must_connect(&where);
	ck_assert(take(3));
	ck_assert_int_eq(try_connect(&where), -1);
	close_n(fds, 3);
}
END_TEST

static void free_it(void)
{
	listener_free(&listener);
}

START_TEST(the_callback_may_free)
{
	int fds[3];

	then = free_it;
	for (int i = 0; i < 3; i++)
		fds[i] = must_connect(&where);
	loop_for(100);
	ck_assert_int_eq(n_taken, 1);
	ck_assert_ptr_null(listener);
	close_n(fds, 3);
}
END_TEST

START_TEST(draining_may_end_in_free)
{
	int fd = must_connect(&where);

	then = free_it;
	listener_drain(listener);
	ck_assert_int_eq(n_taken, 1);
	close(fd);
}
END_TEST

START_TEST(without_descriptors_it_waits_and_goes_on_later)
{
	struct rlimit old, none;
	int fd = must_connect(&where);
	uint64_t turns_until;

	ck_assert_int_eq(log_open("/dev/null", LOG_ERROR, "t"), 0);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = 3; /* all of them are in use */
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	turns_until = test_loop.now_ms + 300;
	loop_for(300);
	ck_assert_uint_ge(test_loop.now_ms, turns_until);
	ck_assert_int_eq(n_taken, 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	ck_assert(take(1));
	close(fd);
}
END_TEST

START_TEST(a_listener_frees_all_it_has)
{
	/* the fixture's end looks at the counters */
	listener_free(&listener);
	ck_assert_ptr_null(listener);
	listener_free(&listener);
	ck_assert_int_eq(try_connect(&where), -1);
}
END_TEST

static void add_opening(Suite *s)
{
	TCase *t = tcase_create("opening");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, port_0_gives_one_port_to_all);
	tcase_add_test(t, a_port_that_another_of_us_listens_on_is_in_use);
	tcase_add_test(t, more_sockets_join_those_that_listen);
	tcase_add_test(t, an_address_that_is_not_ours_is_refused);
	tcase_add_test(t, any_address_takes_both_families);
	tcase_add_test(t, a_socket_file_is_shared_by_dups);
	tcase_add_test(t, a_socket_file_left_by_a_crash_is_replaced);
	tcase_add_test(t, a_socket_file_in_use_is_left_alone);
	tcase_add_test(t, a_file_that_is_no_socket_is_left_alone);
	suite_add_tcase(s, t);
}

static void add_accepting(Suite *s)
{
	TCase *t = tcase_create("accepting");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, start, end);
	tcase_add_test(t, each_connection_is_handed_over_ready_to_use);
	tcase_add_test(t, an_ipv4_client_of_any_address_looks_like_one);
	tcase_add_test(t, many_at_once_are_all_taken);
	tcase_add_test(t, a_paused_listener_leaves_connections_in_the_queue);
	tcase_add_test(t, the_callback_may_pause);
	tcase_add_test(t, draining_takes_what_is_queued_and_closes);
	tcase_add_test(t, the_callback_may_drain);
	tcase_add_test(t, the_callback_may_free);
	tcase_add_test(t, draining_may_end_in_free);
	tcase_add_test(t, without_descriptors_it_waits_and_goes_on_later);
	tcase_add_test(t, a_listener_frees_all_it_has);
	suite_add_tcase(s, t);
}

int main(void)
{
	Suite *s = suite_create("listen");

	add_opening(s);
	add_accepting(s);
	return run_suite(s);
}
