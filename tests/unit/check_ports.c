#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "runner.h"
#include "server/ports.h"

static char report[1024], dir[64], unix_text[96];

static FILE *open_report(void)
{
	memset(report, 0, sizeof(report));
	return fmemopen(report, sizeof(report), "w");
}

static struct listen_conf conf(const char *text)
{
	struct listen_conf c = {.text = text, .where = "a.conf:3:1", .backlog = 8};

	ck_assert(addr_parse(&c.addr, text));
	return c;
}

static int try_open(struct ports *p, const struct listen_conf *confs, unsigned int n,
		    unsigned int n_workers, const struct ports *old)
{
	FILE *to = open_report();
	int got = ports_open(p, confs, n, n_workers, old, to);

	fclose(to);
	return got;
}

static void must_open(struct ports *p, const struct listen_conf *confs, unsigned int n,
		      unsigned int n_workers, const struct ports *old)
{
	ck_assert_msg(try_open(p, confs, n, n_workers, old) == 0, "%s", report);
}

static int knock(const struct addr *to)
{
	int fd = socket(to->sa.sa_family, SOCK_STREAM, 0);

	if (connect(fd, &to->sa, to->len) == 0)
		return fd;
	close(fd);
	return -1;
}

/* How many of the sockets have somebody in their queue; takes them. */
static unsigned int take_all(const struct ports *p, unsigned int listener)
{
	unsigned int n = 0;
	int fd;

	for (unsigned int i = 0; i < p->n_workers; i++) {
		while ((fd = accept(ports_fd(p, listener, i), NULL, NULL)) >= 0) {
			close(fd);
			n++;
		}
	}
	return n;
}

static void start(void)
{
	choose_system();
	strcpy(dir, "/tmp/check_ports.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(unix_text, sizeof(unix_text), "unix:%s/s", dir);
}

static void end(void)
{
	ck_assert_int_eq(rmdir(dir), 0); /* no socket file is left */
}

START_TEST(each_worker_has_a_socket_of_each_listener)
{
	struct listen_conf confs[] = {conf("127.0.0.1:0"), conf(unix_text)};
	struct ports p;

	must_open(&p, confs, 2, 3, NULL);
	ck_assert_int_ne(addr_port(&p.bound[0]), 0);
	for (unsigned int i = 0; i < 2; i++) {
		for (unsigned int k = 0; k < 3; k++)
			ck_assert_int_ge(ports_fd(&p, i, k), 0);
		close(knock(&p.bound[i]));
		ck_assert_uint_eq(take_all(&p, i), 1);
	}
	ports_close(&p, NULL);
	ports_close(&p, NULL);
	ck_assert_int_eq(knock(&confs[1].addr), -1);
}
END_TEST

START_TEST(a_port_in_use_is_told_with_its_line_and_nothing_stays_open)
{
	struct listen_conf taken = conf("127.0.0.1:0");
	struct listen_conf confs[] = {conf(unix_text), taken};
	struct ports first, second;

	must_open(&first, &taken, 1, 1, NULL);
	confs[1].addr = first.bound[0];
	ck_assert_int_eq(try_open(&second, confs, 2, 2, NULL), -1);
	ck_assert_ptr_nonnull(strstr(report, "a.conf:3:1: error: cannot listen on "
					     "127.0.0.1:0: Address already in use"));
	ck_assert_int_eq(knock(&confs[0].addr), -1);
	ports_close(&first, NULL);
}
END_TEST

static const unsigned int counts[][2] = {{2, 2}, {1, 4}, {4, 1}};

/* All to the first n workers, evenly. */
static void steer(struct ports *p, unsigned int n)
{
	static const uint16_t all[] = {0, 1, 2, 3, 4, 5};
	const struct reuseport_slice one = {1, all, n};

	ck_assert_int_eq(ports_steer(p, REUSEPORT_RANDOM, &one, 1), 0);
}

START_TEST(a_reload_takes_sockets_over_with_what_is_queued)
{
	struct listen_conf confs[] = {conf("127.0.0.1:0"), conf(unix_text)};
	struct ports old, new;
	int clients[12];
	unsigned int taken = 0;

	must_open(&old, confs, 2, counts[_i][0], NULL);
	for (int i = 0; i < 12; i++)
		clients[i] = knock(&old.bound[i & 1]);
	must_open(&new, confs, 2, counts[_i][1], &old);
	ck_assert(addr_eq(&new.bound[0], &old.bound[0]));
	/* what only the old ones have, their workers take */
	if (counts[_i][1] < counts[_i][0])
		taken = take_all(&old, 0);
	ports_close(&old, &new);
	ck_assert_int_eq(ports_want_steering(&new), counts[_i][1] < counts[_i][0]);
	if (ports_want_steering(&new))
		steer(&new, new.n_workers);
	taken += take_all(&new, 0) + take_all(&new, 1);
	ck_assert_uint_eq(taken, 12);
	for (unsigned int i = 0; i < 2; i++)
		close(knock(&new.bound[i]));
	ck_assert_uint_eq(take_all(&new, 0), 1);
	ck_assert_uint_eq(take_all(&new, 1), 1);
	for (int i = 0; i < 12; i++)
		close(clients[i]);
	ports_close(&new, NULL);
}
END_TEST

static int index_of(const struct ports *p, int worker)
{
	const uint16_t at[] = {(uint16_t)worker};
	const struct reuseport_slice one = {1, at, 1};
	struct ports all = *p;

	ck_assert_int_eq(ports_steer(&all, REUSEPORT_RANDOM, &one, 1), 0);
	close(knock(&p->bound[0]));
	for (unsigned int i = 0; i < p->n_sockets[0]; i++) {
		int fd = accept(p->fds[i], NULL, NULL);

		if (fd < 0)
			continue;
		close(fd);
		return (int)i;
	}
	return -1;
}

START_TEST(a_workers_socket_keeps_its_index_through_reloads)
{
	static const unsigned int sizes[] = {4, 2, 1, 5, 3, 6, 6};
	struct listen_conf conf4 = conf("127.0.0.1:0");
	struct ports old, new;

	must_open(&old, &conf4, 1, 3, NULL);
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		must_open(&new, &conf4, 1, sizes[i], &old);
		ports_close(&old, &new);
		ck_assert_uint_ge(new.n_sockets[0], sizes[i]);
		for (int k = 0; k < (int)sizes[i]; k++)
			ck_assert_int_eq(index_of(&new, k), k);
		old = new;
	}
	/* one that fails leaves no trace */
	must_open(&new, &conf4, 1, 9, &old);
	ports_close(&new, &old);
	for (int k = 0; k < 6; k++)
		ck_assert_int_eq(index_of(&old, k), k);
	ports_close(&old, NULL);
}
END_TEST

START_TEST(spares_get_nobody_and_who_came_too_late_is_let_go)
{
	struct listen_conf conf4 = conf("127.0.0.1:0");
	unsigned int n_ended = 0, n_kept;
	struct ports old, new;
	int clients[50];
	char byte;

	conf4.backlog = 128;
	must_open(&old, &conf4, 1, 4, NULL);
	for (int i = 0; i < 50; i++)
		clients[i] = knock(&old.bound[0]);
	must_open(&new, &conf4, 1, 1, &old);
	steer(&new, 1);
	ports_close(&old, &new);
	ports_sweep(&new);
	for (int i = 0; i < 50; i++) {
		struct timeval soon = {.tv_usec = 1000};

		setsockopt(clients[i], SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon));
		n_ended += recv(clients[i], &byte, 1, 0) == 0;
	}
	n_kept = take_all(&new, 0);
	ck_assert_uint_eq(n_ended + n_kept, 50);
	ck_assert_uint_gt(n_ended, 0);
	for (int i = 0; i < 50; i++) {
		close(clients[i]);
		close(knock(&new.bound[0]));
	}
	ck_assert_uint_eq(take_all(&new, 0), 50);
	ports_close_spares(&new);
	ck_assert_uint_eq(new.n_sockets[0], 1);
	ports_close(&new, NULL);
}
END_TEST

START_TEST(a_reload_that_fails_leaves_the_old_sockets)
{
	struct listen_conf taken = conf("127.0.0.1:0"), same = conf(unix_text);
	struct listen_conf confs[] = {same, taken};
	struct ports other, old, new;

	must_open(&other, &taken, 1, 1, NULL);
	confs[1].addr = other.bound[0];
	must_open(&old, &same, 1, 1, NULL);
	ck_assert_int_eq(try_open(&new, confs, 2, 1, &old), -1);
	close(knock(&old.bound[0]));
	ck_assert_uint_eq(take_all(&old, 0), 1);
	ports_close(&old, NULL);
	ports_close(&other, NULL);
}
END_TEST

START_TEST(a_unix_socket_that_is_no_more_wanted_goes)
{
	struct listen_conf before = conf(unix_text), after = conf("127.0.0.1:0");
	struct ports old, new;

	must_open(&old, &before, 1, 1, NULL);
	must_open(&new, &after, 1, 1, &old);
	ports_close(&old, &new);
	ck_assert_int_eq(access(unix_text + 5, F_OK), -1);
	ports_close(&new, NULL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ports");
	TCase *t = tcase_create("ports");

	tcase_add_checked_fixture(t, start, end);
	tcase_add_test(t, each_worker_has_a_socket_of_each_listener);
	tcase_add_test(t, a_port_in_use_is_told_with_its_line_and_nothing_stays_open);
	tcase_add_loop_test(t, a_reload_takes_sockets_over_with_what_is_queued, 0, 3);
	tcase_add_test(t, a_workers_socket_keeps_its_index_through_reloads);
	tcase_add_test(t, spares_get_nobody_and_who_came_too_late_is_let_go);
	tcase_add_test(t, a_reload_that_fails_leaves_the_old_sockets);
	tcase_add_test(t, a_unix_socket_that_is_no_more_wanted_goes);
	suite_add_tcase(s, t);
	return run_suite(s);
}
