/* conn: two of them talk to each other over loopback, clear and by TLS. */
#include "io/conn.h"

#include <arpa/inet.h>
#include <check.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BIG (3u << 20)

static struct loop loop;
static char dir[] = "/tmp/check_conn.XXXXXX";
static SSL_CTX *server_ctx, *client_ctx;

struct end {
	struct conn *conn;
	uint64_t n_in; /* bytes that came */
	uint32_t sum;  /* of them */
	int n_opened, n_ended;
	enum conn_end why;
	bool stop_on_end;
	uint64_t stop_at; /* stops the loop when so many bytes came */
	uint64_t left;    /* to send */
	uint32_t sent_sum;
	bool close_when_sent;
	bool in_pieces;
	int n_quiet;
	bool stop_on_quiet;
	struct dirty dirty;
};

static struct end server, client;
static int listener = -1;
static struct addr address;

static uint32_t mix(uint32_t sum, const char *p, size_t len)
{
	while (len--)
		sum = sum * 31u + (unsigned char)*p++;
	return sum;
}

/* In pieces of 0, 1, 3, 6 … bytes, and the rest. */
static bool write_pieces(struct conn *c, char *p, size_t len)
{
	struct iovec v[CONN_MAX_PIECES];
	size_t n = 0;

	for (; n < CONN_MAX_PIECES - 1; n++) {
		size_t k = n * (n + 1) / 2 < len ? n * (n + 1) / 2 : len;

		v[n] = (struct iovec){p, k};
		p += k;
		len -= k;
	}
	v[n++] = (struct iovec){p, len};
	return conn_write_pieces(c, v, n);
}

static void send_cb(struct dirty *d)
{
	struct end *e = container_of(d, struct end, dirty);
	char block[10000];

	if (!e->conn || !conn_can_write(e->conn))
		return;
	conn_begin(e->conn);
	while (e->left) {
		size_t n = e->left < sizeof(block) ? e->left : sizeof(block);

		for (size_t i = 0; i < n; i++)
			block[i] = (char)(e->left + i * 7);
		e->sent_sum = mix(e->sent_sum, block, n);
		e->left -= n;
		if (!(e->in_pieces ? write_pieces(e->conn, block, n)
				   : conn_write(e->conn, block, n)))
			break;
	}
	conn_flush(e->conn);
	if (!e->left && e->close_when_sent)
		conn_close(&e->conn);
}

static void on_open(struct conn *c)
{
	struct end *e = c->owner;

	e->n_opened++;
	e->conn = c;
	loop_mark(&loop, &e->dirty);
}

static void on_input(struct conn *c, char *data, size_t len)
{
	struct end *e = c->owner;

	e->n_in += len;
	e->sum = mix(e->sum, data, len);
	if (e->stop_at && e->n_in >= e->stop_at)
		loop_stop(&loop);
}

static void on_writable(struct conn *c)
{
	struct end *e = c->owner;

	loop_mark(&loop, &e->dirty);
}

static void on_end(struct conn *c, enum conn_end why)
{
	struct end *e = c->owner;

	e->conn = c;
	e->n_ended++;
	e->why = why;
	conn_free(&e->conn);
	if (e->stop_on_end)
		loop_stop(&loop);
}

static void on_quiet(struct conn *c)
{
	struct end *e = c->owner;

	e->n_quiet++;
	if (e->stop_on_quiet)
		loop_stop(&loop);
}

static const struct conn_ops ops = {.on_open = on_open,
				    .on_input = on_input,
				    .on_writable = on_writable,
				    .on_end = on_end,
				    .on_quiet = on_quiet};

static void pause_cb(struct timer *t)
{
	(void)t;
	loop_stop(&loop);
}

static struct timer pause_timer;

static void give_up_cb(struct timer *t)
{
	(void)t;
	ck_abort_msg("took too long");
}

static struct timer give_up;

static void make_ctx(void)
{
	char cert[64], key[64], err[256];
	struct tls_cert_conf pair = {.cert = cert, .key = key};
	struct tls_server_conf sc = {.certs = &pair,
				     .n_certs = 1,
				     .min_version = 12,
				     .h1 = true,
				     .h2 = true,
				     .release_buffers = true};
	struct tls_client_conf cc = {.verify = true, .ca = cert, .h2 = true};

	snprintf(cert, sizeof(cert), "%s/crt", dir);
	snprintf(key, sizeof(key), "%s/key", dir);
	ck_assert_int_eq(tls_make_cert(cert, key, NULL, err, sizeof(err)), 0);
	server_ctx = tls_server_ctx(&sc, NULL, err, sizeof(err));
	ck_assert_msg(server_ctx != NULL, "%s", err);
	client_ctx = tls_client_ctx(&cc, err, sizeof(err));
	ck_assert_msg(client_ctx != NULL, "%s", err);
	unlink(cert);
	unlink(key);
}

static void *ossl_malloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	if (n > 4096 && n <= 8192) /* an SSL: with two whole pages within */
		return mem_zalloc(MEM_OPENSSL, 3, 4096);
	return n ? mem_alloc(MEM_OPENSSL, n) : NULL;
}

static void *ossl_realloc(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return mem_realloc(MEM_OPENSSL, p, n);
}

static void ossl_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	mem_free(MEM_OPENSSL, p);
}

static void setup(void)
{
	char err[256];

	ck_assert_int_eq(mem_choose("system", err, sizeof(err)), 0);
	ck_assert_int_eq(CRYPTO_set_mem_functions(ossl_malloc, ossl_realloc, ossl_free),
			 1);
	ck_assert_int_eq(loop_init(&loop), 0);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	make_ctx();
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert(addr_parse(&address, "127.0.0.1:0"));
	ck_assert_int_eq(bind(listener, &address.sa, address.len), 0);
	ck_assert_int_eq(listen(listener, 8), 0);
	ck_assert_int_eq(getsockname(listener, &address.sa, &address.len), 0);
	dirty_init(&server.dirty, send_cb);
	dirty_init(&client.dirty, send_cb);
	timer_init(&pause_timer, pause_cb);
	timer_init(&give_up, give_up_cb);
	timer_set(&loop, &give_up, 10000);
}

static void teardown(void)
{
	timer_stop(&loop, &give_up);
	dirty_fini(&server.dirty);
	dirty_fini(&client.dirty);
	conn_free(&server.conn);
	conn_free(&client.conn);
	conn_free_lingering(&loop);
	loop_fini(&loop);
	tls_ctx_free(&server_ctx);
	tls_ctx_free(&client_ctx);
	close(listener);
	rmdir(dir);
}

static void connect_both(SSL_CTX *sctx, SSL_CTX *cctx)
{
	struct addr peer = {.len = sizeof(peer.in6)};
	int fd;

	client.conn = conn_connect(&loop, &address, cctx, cctx ? "localhost" : NULL,
				   2000, &ops, &client);
	ck_assert_ptr_nonnull(client.conn);
	fd = accept4(listener, &peer.sa, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	server.conn = conn_accepted(&loop, fd, &peer, sctx, 2000, &ops, &server);
	ck_assert_ptr_nonnull(server.conn);
}

static void check_all_arrived(void)
{
	ck_assert_uint_eq(server.n_in, BIG);
	ck_assert_uint_eq(server.sum, client.sent_sum);
	ck_assert_uint_eq(server.n_in, BIG);
}

static SSL_CTX *ctx_of(int i, SSL_CTX *ctx)
{
	return i ? ctx : NULL;
}

START_TEST(three_megabytes_arrive_as_they_were_sent)
{
	client.left = BIG;
	server.stop_at = BIG;
	connect_both(ctx_of(_i, server_ctx), ctx_of(_i, client_ctx));
	loop_run(&loop);
	check_all_arrived();
	ck_assert_int_eq(client.n_opened, 1);
	ck_assert_int_eq(server.n_opened, 1);
	ck_assert_int_eq(client.conn->is_h2, _i);
}
END_TEST

START_TEST(pieces_arrive_in_their_order)
{
	client.left = BIG;
	client.in_pieces = true;
	server.stop_at = BIG;
	connect_both(ctx_of(_i, server_ctx), ctx_of(_i, client_ctx));
	loop_run(&loop);
	check_all_arrived();
}
END_TEST

START_TEST(a_close_loses_nothing_that_was_written)
{
	client.left = BIG;
	client.close_when_sent = true;
	server.stop_on_end = true;
	connect_both(ctx_of(_i, server_ctx), ctx_of(_i, client_ctx));
	loop_run(&loop);
	check_all_arrived();
	ck_assert_int_eq(server.why, CONN_EOF);
	ck_assert_int_eq(server.n_ended, 1);
}
END_TEST

static struct timer wake;

static void look_cb(struct timer *t)
{
	(void)t;
	loop_stop(&loop);
}

START_TEST(a_paused_conn_is_not_read_and_bounds_what_the_sender_queues)
{
	uint64_t seen;

	client.left = 64u << 20;
	connect_both(ctx_of(_i, server_ctx), ctx_of(_i, client_ctx));
	server.stop_at = 1;
	loop_run(&loop);
	conn_pause(server.conn);
	timer_init(&wake, look_cb);
	timer_set(&loop, &wake, 300);
	loop.stopping = false;
	server.stop_at = 0;
	loop_run(&loop);
	seen = server.n_in;
	ck_assert_uint_lt(seen, 2 * LOOP_IN_BYTES * 4);
	ck_assert_uint_gt(client.left, 0);
	ck_assert_uint_le(client.conn->pending_bytes, 2 * LOOP_OUT_BYTES);
	conn_resume(server.conn);
	server.stop_at = seen + BIG;
	loop.stopping = false;
	loop_run(&loop);
	ck_assert_uint_ge(server.n_in, seen + BIG);
}
END_TEST

/* --- an owner that takes little at a time */

#define CAP_BYTES 3000

static size_t cap_left;

static size_t on_cap(struct conn *c)
{
	(void)c;
	return cap_left;
}

static void take_little(struct conn *c, char *data, size_t len)
{
	on_input(c, data, len);
	cap_left = cap_left > len ? cap_left - len : 1;
	if (cap_left == 1) {
		conn_pause(c);
		loop_stop(&loop);
	}
}

START_TEST(an_owner_gets_what_it_has_room_for_and_one_record_more)
{
	struct conn_ops slow = ops;

	slow.on_input = take_little;
	slow.on_cap = on_cap;
	client.left = BIG;
	connect_both(server_ctx, client_ctx);
	server.conn->ops = &slow;
	while (server.n_in < BIG) {
		uint64_t before = server.n_in;

		cap_left = CAP_BYTES;
		conn_resume(server.conn);
		loop.stopping = false;
		if (BIG - before <= CAP_BYTES)
			server.stop_at = BIG;
		loop_run(&loop);
		ck_assert_uint_le(server.n_in - before, CAP_BYTES + LOOP_PLAIN_BYTES);
	}
	check_all_arrived();
}
END_TEST

START_TEST(nobody_listens_is_told_as_refused)
{
	close(listener);
	client.conn = conn_connect(&loop, &address, NULL, NULL, 1000, &ops, &client);
	client.stop_on_end = true;
	if (client.conn) {
		loop_run(&loop);
		ck_assert_int_eq(client.why, CONN_REFUSED);
	}
	ck_assert_int_eq(client.n_opened, 0);
}
END_TEST

START_TEST(a_silent_peer_ends_the_handshake_in_its_time)
{
	client.stop_on_end = true;
	client.conn = conn_connect(&loop, &address, client_ctx, "localhost", 200, &ops,
				   &client);
	ck_assert_ptr_nonnull(client.conn);
	loop_run(&loop);
	ck_assert_int_eq(client.why, CONN_TIMEOUT);
	ck_assert_int_eq(client.n_opened, 0);
}
END_TEST

START_TEST(nonsense_in_place_of_a_handshake_is_a_tls_error)
{
	server.stop_on_end = true;
	client.left = 1000;
	connect_both(server_ctx, NULL);
	loop_run(&loop);
	ck_assert_int_eq(server.why, CONN_TLS_ERROR);
	ck_assert_uint_ne(server.n_ended, 0);
	ck_assert_int_eq(server.n_opened, 0);
}
END_TEST

START_TEST(a_certificate_for_another_name_is_refused)
{
	int fd;
	struct addr peer = {.len = sizeof(peer.in6)};

	client.stop_on_end = true;
	client.conn = conn_connect(&loop, &address, client_ctx, "other.example", 2000,
				   &ops, &client);
	fd = accept4(listener, &peer.sa, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	server.conn = conn_accepted(&loop, fd, &peer, server_ctx, 2000, &ops, &server);
	loop_run(&loop);
	ck_assert_int_eq(client.why, CONN_TLS_ERROR);
}
END_TEST

/* The peer's FIN without close_notify: an answer may have been cut. */
START_TEST(a_tls_stream_that_is_cut_short_is_not_an_orderly_end)
{
	server.stop_at = 1;
	client.left = 1;
	connect_both(server_ctx, client_ctx);
	loop_run(&loop);
	loop.stopping = false;
	client.stop_on_end = true;
	shutdown(server.conn->fd, SHUT_WR);
	loop_run(&loop);
	ck_assert_int_eq(client.why, CONN_RESET);
}
END_TEST

START_TEST(what_openssl_held_for_a_conn_is_back_when_it_ends)
{
	const struct mem_counter *c = &mem_counters()->tag[MEM_OPENSSL];

	client.left = 100000;
	server.stop_at = 100000;
	connect_both(server_ctx, client_ctx);
	loop_run(&loop);
	ck_assert_int_gt(server.conn->tls_bytes, 4000);
	ck_assert_uint_eq(c->conn_bytes,
			  (uint64_t)(server.conn->tls_bytes + client.conn->tls_bytes));
	ck_assert_uint_ge(conn_mem_bytes(server.conn), sizeof(struct conn) + 4000);
	conn_free(&server.conn);
	conn_free(&client.conn);
	ck_assert_uint_eq(c->conn_bytes, 0);
}
END_TEST

static void until_quiet(struct end *e)
{
	int n = e->n_quiet;

	loop.stopping = false;
	e->stop_on_quiet = true;
	loop_run(&loop);
	ck_assert_int_eq(e->n_quiet, n + 1);
}

static void send_more(struct end *from, struct end *to)
{
	uint64_t n = to->n_in;

	loop.stopping = false;
	from->left = 30000;
	to->stop_at = n + from->left;
	loop_mark(&loop, &from->dirty);
	loop_run(&loop);
	ck_assert_uint_eq(to->n_in, n + 30000);
	ck_assert_uint_eq(to->sum, from->sent_sum);
}

START_TEST(a_conn_that_is_quiet_is_folded_until_bytes_come_or_go)
{
	const struct mem_counters *c = mem_counters();
	uint64_t began;

	server.stop_at = client.left = 10;
	connect_both(server_ctx, client_ctx);
	loop_run(&loop);
	began = loop.now_ms;
	ck_assert(!fold_is_packed(&server.conn->tls));
	until_quiet(&server);
	ck_assert_uint_ge(loop.now_ms - began, 2000);
	ck_assert_uint_le(loop.now_ms - began, 4000);
	ck_assert(fold_is_packed(&server.conn->tls));
	if (!client.n_quiet)
		until_quiet(&client);
	client.stop_on_quiet = server.stop_on_quiet = false;
	ck_assert(fold_is_packed(&client.conn->tls));
	ck_assert_uint_ge(c->folded_bytes, 4 * 4096);
	ck_assert_uint_lt(conn_mem_bytes(server.conn),
			  sizeof(struct conn) + (size_t)server.conn->tls_bytes + 4096);

	send_more(&server, &client);
	ck_assert(!fold_is_packed(&server.conn->tls));
	ck_assert(!fold_is_packed(&client.conn->tls));
	ck_assert_uint_eq(c->folded_bytes, 0);
	until_quiet(&client);
	client.stop_on_quiet = server.stop_on_quiet = false;
	send_more(&client, &server);
}
END_TEST

START_TEST(a_conn_at_work_keeps_its_buffers_until_it_is_quiet)
{
	int64_t busy_bytes;

	server.stop_at = client.left = 10;
	connect_both(server_ctx, client_ctx);
	loop_run(&loop);
	send_more(&client, &server);
	busy_bytes = server.conn->tls_bytes;
	ck_assert(server.conn->keeps);
	ck_assert_uint_ge(loop.n_keepers, 1);
	until_quiet(&server);
	ck_assert(!server.conn->keeps);
	ck_assert_int_lt(server.conn->tls_bytes, busy_bytes - 16000);
	send_more(&client, &server);
	ck_assert(server.conn->keeps);
	conn_free(&server.conn);
	conn_free(&client.conn);
	ck_assert_uint_eq(loop.n_keepers, 0);
}
END_TEST

START_TEST(a_folded_conn_ends_in_order_and_leaves_nothing)
{
	const struct mem_counters *c = mem_counters();

	server.stop_at = client.left = 10;
	connect_both(server_ctx, client_ctx);
	loop_run(&loop);
	until_quiet(&server);
	if (!client.n_quiet)
		until_quiet(&client);
	loop.stopping = false;
	client.stop_on_end = true;
	if (_i)
		conn_close(&server.conn);
	else
		shutdown(server.conn->fd, SHUT_WR);
	loop_run(&loop);
	ck_assert_int_eq(client.why, _i ? CONN_EOF : CONN_RESET);
	conn_free(&server.conn);
	conn_free(&client.conn);
	conn_free_lingering(&loop);
	ck_assert_uint_eq(c->folded_bytes, 0);
	ck_assert_uint_eq(c->tag[MEM_OPENSSL].conn_bytes, 0);
}
END_TEST

START_TEST(who_sends_a_byte_now_and_then_is_not_quiet)
{
	uint64_t end;

	server.stop_at = client.left = 10;
	connect_both(server_ctx, client_ctx);
	loop_run(&loop);
	end = loop.now_ms + 3500;
	while (loop.now_ms < end) {
		client.left = 1;
		server.stop_at = 0;
		loop_mark(&loop, &client.dirty);
		loop.stopping = false;
		timer_set(&loop, &pause_timer, 400);
		loop_run(&loop);
	}
	ck_assert_int_eq(server.n_quiet + client.n_quiet, 0);
}
END_TEST

START_TEST(a_reset_is_seen_even_while_paused)
{
	struct linger now = {1, 0};

	server.stop_at = 1;
	client.left = 1;
	connect_both(NULL, NULL);
	loop_run(&loop);
	loop.stopping = false;
	conn_pause(server.conn);
	server.stop_on_end = true;
	setsockopt(client.conn->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	conn_free(&client.conn);
	loop_run(&loop);
	ck_assert_int_eq(server.why, CONN_RESET);
}
END_TEST

/* The kernel tells of both at once; libevent only of the bytes. */
START_TEST(a_reset_right_behind_the_last_bytes_is_seen)
{
	server.stop_at = 1;
	client.left = 1;
	connect_both(NULL, NULL);
	loop_run(&loop);
	loop.stopping = false;
	server.stop_at = 0;
	server.stop_on_end = true;
	ck_assert_int_eq(send(client.conn->fd, "bytes", 5, 0), 5);
	conn_reset(&client.conn);
	loop_run(&loop);
	ck_assert_int_eq(server.n_ended, 1);
	ck_assert_int_eq(server.why, CONN_RESET);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conn");
	TCase *tc = tcase_create("conn");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 20);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, three_megabytes_arrive_as_they_were_sent, 0, 2);
	tcase_add_loop_test(tc, pieces_arrive_in_their_order, 0, 2);
	tcase_add_loop_test(tc, a_close_loses_nothing_that_was_written, 0, 2);
	tcase_add_loop_test(
		tc, a_paused_conn_is_not_read_and_bounds_what_the_sender_queues, 0, 2);
	tcase_add_test(tc, an_owner_gets_what_it_has_room_for_and_one_record_more);
	tcase_add_test(tc, nobody_listens_is_told_as_refused);
	tcase_add_test(tc, a_silent_peer_ends_the_handshake_in_its_time);
	tcase_add_test(tc, nonsense_in_place_of_a_handshake_is_a_tls_error);
	tcase_add_test(tc, a_certificate_for_another_name_is_refused);
	tcase_add_test(tc, a_tls_stream_that_is_cut_short_is_not_an_orderly_end);
	tcase_add_test(tc, what_openssl_held_for_a_conn_is_back_when_it_ends);
	tcase_add_test(tc, a_conn_that_is_quiet_is_folded_until_bytes_come_or_go);
	tcase_add_test(tc, a_conn_at_work_keeps_its_buffers_until_it_is_quiet);
	tcase_add_loop_test(tc, a_folded_conn_ends_in_order_and_leaves_nothing, 0, 2);
	tcase_add_test(tc, who_sends_a_byte_now_and_then_is_not_quiet);
	tcase_add_test(tc, a_reset_is_seen_even_while_paused);
	tcase_add_test(tc, a_reset_right_behind_the_last_bytes_is_seen);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
