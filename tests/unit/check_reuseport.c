#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/listen.h"
#include "io/reuseport.h"
#include "runner.h"

#define N_SOCKETS 5

static struct addr group;
static int fds[N_SOCKETS];
static unsigned int counts[N_SOCKETS];

static const uint16_t of_a[] = {0, 1}, of_b[] = {2, 3}, of_c[] = {4};
static const struct reuseport_slice slices[] = {
	{60, of_a, 2}, {30, of_b, 2}, {10, of_c, 1}};

static void open_group(const char *text)
{
	ck_assert(addr_parse(&group, text));
	ck_assert_int_eq(listen_open(&group, 512, fds, N_SOCKETS), 0);
	memset(counts, 0, sizeof(counts));
}

static void close_group(void)
{
	for (unsigned int i = 0; i < N_SOCKETS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* Takes what waits. Returns: the last socket that had something, or -1. */
static int take(void)
{
	int at = -1;

	for (int i = 0; i < N_SOCKETS; i++) {
		int fd;

		while (fds[i] >= 0 && (fd = accept(fds[i], NULL, NULL)) >= 0) {
			close(fd);
			counts[i]++;
			at = i;
		}
	}
	return at;
}

/* from: NULL for any. Returns: the socket that got the connection. */
static int knock(const struct addr *from)
{
	struct linger at_once = {.l_onoff = 1};
	int fd = socket(group.sa.sa_family, SOCK_STREAM, 0), on = 1, at;

	/* an address that is ours by a route alone */
	if (from && from->sa.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on));
	if (from)
		ck_assert_msg(bind(fd, &from->sa, from->len) == 0, "%s",
			      strerror(errno));
	ck_assert_msg(connect(fd, &group.sa, group.len) == 0, "%s", strerror(errno));
	at = take();
	/* no TIME_WAIT: ports are scarce */
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
	return at;
}

static int slice_at(int socket)
{
	return socket < 2 ? 0 : socket < 4 ? 1 : 2;
}

static struct addr client4(unsigned int i)
{
	struct addr a = {.len = sizeof(a.in)};

	a.in.sin_family = AF_INET;
	a.in.sin_addr.s_addr = htonl(0x7f000000u + i);
	return a;
}

static struct addr client6(unsigned int i)
{
	struct addr a = {.len = 0};
	char text[64];

	snprintf(text, sizeof(text), "[fd00::%x]:0", i);
	ck_assert(addr_parse(&a, text));
	return a;
}

/* Within five standard deviations: one run in a million is further off by chance. */
static void expect_near(unsigned int got, unsigned int n, double share)
{
	double off = (double)got / n - share;

	ck_assert_msg(off * off < 25 * share * (1 - share) / n, "%u of %u, wanted %.2f",
		      got, n, share);
}

START_TEST(random_gives_each_slice_its_weight_spread_over_its_sockets)
{
	open_group("127.0.0.1:0");
	ck_assert_int_eq(reuseport_steer(fds[3], REUSEPORT_RANDOM, slices, 3), 0);
	for (int i = 0; i < 6000; i++)
		ck_assert_int_ge(knock(NULL), 0);
	expect_near(counts[0] + counts[1], 6000, 0.6);
	expect_near(counts[2] + counts[3], 6000, 0.3);
	expect_near(counts[4], 6000, 0.1);
	expect_near(counts[0], 6000, 0.3);
	expect_near(counts[3], 6000, 0.15);
	close_group();
}
END_TEST

static void expect_clients_to_stay(struct addr (*client)(unsigned int), unsigned int n)
{
	for (unsigned int k = 0; k < 5; k++) {
		for (unsigned int i = 1; i <= n; i++) {
			struct addr from = client(i);

			ck_assert_int_eq(slice_at(knock(&from)),
					 reuseport_slice_of(&from, slices, 3));
		}
	}
}

START_TEST(a_client_of_ipv4_has_one_slice)
{
	open_group("127.0.0.1:0");
	ck_assert_int_eq(reuseport_steer(fds[0], REUSEPORT_CLIENT_IP, slices, 3), 0);
	expect_clients_to_stay(client4, 200);
	expect_near(counts[0] + counts[1], 1000, 0.6);
	expect_near(counts[4], 1000, 0.1);
	/* within its slice a client's connections are spread */
	for (int i = 0; i < N_SOCKETS; i++)
		ck_assert_uint_gt(counts[i], 0);
	close_group();
}
END_TEST

/* Whoever is not root becomes it in a world of their own. */
static bool own_world(void)
{
	char map[32];
	bool ok;
	int fd;

	snprintf(map, sizeof(map), "0 %u 1", (unsigned int)getuid());

	if (unshare(CLONE_NEWNET) == 0)
		return true;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
		return false;
	fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ok = write(fd, map, strlen(map)) > 0;
	close(fd);
	return ok;
}

/* In a network of our own, where all of fd00::/64 is us. */
static bool own_network(void)
{
	struct ifreq up = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd;

	if (!own_world())
		return false;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &up) != 0)
		return false;
	close(fd);
	return system("ip -6 route add local fd00::/64 dev lo 2>/dev/null") == 0;
}

START_TEST(a_client_of_ipv6_has_one_slice_also_where_ipv4_is_served_too)
{
	int port;

	if (!own_network()) {
		fprintf(stderr, "no network of our own here: IPv6 is not tried\n");
		return;
	}
	open_group("[::]:0");
	port = addr_port(&group);
	group = client6(1000);
	addr_set_port(&group, port);
	ck_assert_int_eq(reuseport_steer(fds[0], REUSEPORT_CLIENT_IP, slices, 3), 0);
	expect_clients_to_stay(client6, 200);
	expect_near(counts[0] + counts[1], 1000, 0.6);
	expect_near(counts[2] + counts[3], 1000, 0.3);
	group = client4(1);
	addr_set_port(&group, port);
	expect_clients_to_stay(client4, 50);
	close_group();
}
END_TEST

START_TEST(a_slice_without_weight_gets_nobody)
{
	const struct reuseport_slice some[] = {
		{0, of_a, 2}, {7, of_b, 2}, {0, of_c, 1}};

	open_group("127.0.0.1:0");
	ck_assert_int_eq(reuseport_steer(fds[0], REUSEPORT_RANDOM, some, 3), 0);
	for (int i = 0; i < 200; i++)
		knock(NULL);
	ck_assert_uint_eq(counts[2] + counts[3], 200);
	ck_assert_uint_gt(counts[2], 50);
	ck_assert_uint_gt(counts[3], 50);
	close_group();
}
END_TEST

START_TEST(sockets_that_are_in_no_row_are_spread_over_too)
{
	static const uint16_t apart[] = {0, 2, 4};
	const struct reuseport_slice one[] = {{1, apart, 3}};

	open_group("127.0.0.1:0");
	ck_assert_int_eq(reuseport_steer(fds[0], REUSEPORT_RANDOM, one, 1), 0);
	for (int i = 0; i < 3000; i++)
		knock(NULL);
	ck_assert_uint_eq(counts[1] + counts[3], 0);
	for (int i = 0; i < N_SOCKETS; i += 2)
		expect_near(counts[i], 3000, 1 / 3.0);
	close_group();
}
END_TEST

START_TEST(another_weight_moves_only_clients_at_the_border)
{
	const struct reuseport_slice before[] = {{50, of_a, 2}, {50, of_b, 2}};
	const struct reuseport_slice after[] = {{90, of_a, 2}, {10, of_b, 2}};
	unsigned int moved = 0;

	for (unsigned int i = 0; i < 1000; i++) {
		struct addr c = client4(i * 7919);
		unsigned int was = reuseport_slice_of(&c, before, 2);
		unsigned int is = reuseport_slice_of(&c, after, 2);

		ck_assert(was == is || (was == 1 && is == 0));
		moved += was != is;
	}
	expect_near(moved, 1000, 0.4);
}
END_TEST

START_TEST(a_worker_that_has_its_socket_from_us_may_close_it)
{
	const struct reuseport_slice one[] = {{1, of_b, 1}};
	int copy;

	open_group("127.0.0.1:0");
	ck_assert_int_eq(reuseport_steer(fds[0], REUSEPORT_RANDOM, one, 1), 0);
	/* what a dup() of another process does at its end */
	copy = fcntl(fds[0], F_DUPFD_CLOEXEC, 0);
	close(copy);
	for (int i = 0; i < 50; i++)
		ck_assert_int_eq(knock(NULL), 2);
	/* the last one takes the index of one that is really closed */
	close(fds[2]);
	fds[2] = -1;
	for (int i = 0; i < 50; i++)
		ck_assert_int_eq(knock(NULL), 4);
	close_group();
}
END_TEST

START_TEST(a_program_that_gets_too_long_is_refused_and_the_old_one_stays)
{
	static uint16_t apart[256];
	struct reuseport_slice many[REUSEPORT_MAX_SLICES];

	for (unsigned int i = 0; i < 256; i++)
		apart[i] = (uint16_t)(i ^ 1);
	for (unsigned int i = 0; i < REUSEPORT_MAX_SLICES; i++)
		many[i] = (struct reuseport_slice){1, apart, 256};
	open_group("127.0.0.1:0");
	ck_assert_int_eq(reuseport_steer(fds[0], REUSEPORT_RANDOM, many, 4), 0);
	ck_assert_int_eq(reuseport_steer(fds[0], REUSEPORT_RANDOM, slices + 2, 1), 0);
	ck_assert_int_eq(
		reuseport_steer(fds[0], REUSEPORT_RANDOM, many, REUSEPORT_MAX_SLICES),
		-1);
	ck_assert_int_eq(errno, E2BIG);
	ck_assert_int_eq(knock(NULL), 4);
	close_group();
}
END_TEST

START_TEST(a_row_of_addresses_is_divided_evenly)
{
	static const unsigned int shares[] = {10, 20, 33, 50, 80, 90};

	for (unsigned int k = 0; k < sizeof(shares) / sizeof(*shares); k++) {
		const struct reuseport_slice two[] = {{shares[k], of_a, 2},
						      {100 - shares[k], of_b, 2}};
		unsigned int n = 0;

		for (unsigned int i = 1; i <= 50; i++) {
			struct addr c = client4(i);

			n += reuseport_slice_of(&c, two, 2) == 0;
		}
		expect_near(n, 50, shares[k] / 100.0);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("reuseport");
	TCase *t = tcase_create("reuseport");

	tcase_add_checked_fixture(t, choose_system, NULL);
	tcase_set_timeout(t, 30);
	if (reuseport_works()) {
		tcase_add_test(
			t, random_gives_each_slice_its_weight_spread_over_its_sockets);
		tcase_add_test(t, a_client_of_ipv4_has_one_slice);
		tcase_add_test(
			t,
			a_client_of_ipv6_has_one_slice_also_where_ipv4_is_served_too);
		tcase_add_test(t, a_slice_without_weight_gets_nobody);
		tcase_add_test(t, sockets_that_are_in_no_row_are_spread_over_too);
		tcase_add_test(t, a_worker_that_has_its_socket_from_us_may_close_it);
		tcase_add_test(
			t,
			a_program_that_gets_too_long_is_refused_and_the_old_one_stays);
	}
	tcase_add_test(t, another_weight_moves_only_clients_at_the_border);
	tcase_add_test(t, a_row_of_addresses_is_divided_evenly);
	suite_add_tcase(s, t);
	return run_suite(s);
}
