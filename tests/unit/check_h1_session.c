/*
 * What fronts and backs of HTTP/1 share: input that waits for its rest, and
 * bodies on their way to the socket.
 */
#include <check.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/h1_session.h"
#include "runner.h"

static struct h1_session session;
static int peer;
static _Atomic uint64_t *calls_left; /* until an allocation fails; 0: none does */

static void on_open(struct conn *c)
{
	(void)c;
}

static void on_input(struct conn *c, char *data, size_t len)
{
	(void)c;
	(void)data;
	(void)len;
}

static void on_end(struct conn *c, enum conn_end why)
{
	(void)c;
	(void)why;
}

static const struct conn_ops ops = {.on_open = on_open,
				    .on_input = on_input,
				    .on_writable = on_open,
				    .on_end = on_end};

static void choose_failing(void)
{
	int fd = memfd_create("orders", MFD_CLOEXEC);
	char spec[64], err[256];

	ck_assert_int_eq(ftruncate(fd, 16), 0);
	calls_left = mmap(NULL, 16, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne((void *)calls_left, MAP_FAILED);
	snprintf(spec, sizeof(spec), "system+fail=file=/proc/self/fd/%d,regions=heap",
		 fd);
	ck_assert_msg(mem_choose(spec, err, sizeof(err)) == 0, "%s", err);
	close(fd);
}

static void open_session(void)
{
	struct addr unknown = {.len = 0};
	int fd[2];

	choose_failing();
	ck_assert_int_eq(loop_init(&test_loop), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	memset(&session, 0, sizeof(session));
	session.conn =
		conn_accepted(&test_loop, fd[0], &unknown, NULL, 1000, &ops, NULL);
	ck_assert_ptr_nonnull(session.conn);
	peer = fd[1];
}

static void close_session(void)
{
	h1_session_drop(&session);
	conn_free(&session.conn);
	loop_for(1);
	close(peer);
	stop_loop();
	ck_assert_uint_eq(mem_live(mem_counters(), MEM_STREAM), 0);
}

/* --- input --------------------------------------------------------------- */

static void join(const char *input, const char *want)
{
	static char copy[64];
	size_t len = strlen(input);
	char *p = copy;

	memcpy(copy, input, len);
	ck_assert_int_eq(h1_session_join(&session, &p, &len), 0);
	ck_assert_uint_eq(len, strlen(want));
	ck_assert_mem_eq(p, want, len);
}

START_TEST(what_is_held_comes_before_the_next_input)
{
	join("nothing held", "nothing held");
	ck_assert_int_eq(h1_session_hold(&session, "GE", 2), 0);
	join("T /", "GET /");
	/* Its unused end is kept in place. */
	ck_assert_int_eq(h1_session_hold(&session, session.held + 4, 1), 0);
	join("x", "/x");
	join("", "/x");
	ck_assert_int_eq(h1_session_hold(&session, "other", 5), 0);
	join("", "other");
	ck_assert_int_eq(h1_session_hold(&session, "", 0), 0);
	ck_assert_ptr_null(session.held);
	join("again", "again");
}
END_TEST

START_TEST(without_memory_what_is_held_stays)
{
	char text[] = "more", *p = text;
	size_t len = 4;

	ck_assert_int_eq(h1_session_hold(&session, "held", 4), 0);
	*calls_left = 1;
	ck_assert_int_eq(h1_session_hold(&session, "else", 4), -1);
	*calls_left = 1;
	ck_assert_int_eq(h1_session_join(&session, &p, &len), -1);
	ck_assert_uint_eq(session.held_bytes, 4);
	ck_assert_mem_eq(session.held, "held", 4);
}
END_TEST

/* --- output -------------------------------------------------------------- */

static void expect_sent(const char *want, size_t want_len)
{
	static char got[200000];
	size_t len = 0;
	ssize_t n;

	conn_flush(session.conn);
	while (len < want_len) {
		n = read(peer, got + len, sizeof(got) - len);
		if (n > 0)
			len += (size_t)n;
		else
			loop_for(5);
	}
	ck_assert_uint_eq(len, want_len);
	ck_assert_mem_eq(got, want, want_len);
	ck_assert_int_lt(read(peer, got, 1), 0);
}

static void send_text(const char *text)
{
	struct body body;

	body_init(&body, 1000);
	ck_assert_int_eq(body_put(&body, text, strlen(text)), 0);
	ck_assert_uint_eq(h1_session_send_body(&session, &body), strlen(text));
	ck_assert_uint_eq(body.bytes, 0);
	ck_assert_uint_eq(h1_session_send_body(&session, &body), 0);
	body_fini(&body);
}

START_TEST(a_body_goes_out_as_it_is)
{
	struct fields none = {0};

	conn_begin(session.conn);
	send_text("some ");
	send_text("bytes");
	ck_assert_int_eq(h1_session_send_end(&session, &none), 0);
	expect_sent("some bytes", 10);
}
END_TEST

START_TEST(a_chunked_body_goes_out_in_chunks_with_its_trailers)
{
	static const char want[] = "5\r\nsome \r\n5\r\nbytes\r\n0\r\nx-sum: 1\r\n\r\n";
	struct fields trailers = {0};
	struct arena arena;

	arena_init(&arena, MEM_STREAM, 512);
	ck_assert_int_eq(fields_add(&trailers, &arena, STR("x-sum"), STR("1")), 0);
	session.chunked = true;
	conn_begin(session.conn);
	send_text("some ");
	send_text("bytes");
	ck_assert_int_eq(h1_session_send_end(&session, &trailers), 0);
	expect_sent(want, sizeof(want) - 1);
	arena_fini(&arena);
}
END_TEST

START_TEST(many_blocks_are_one_chunk)
{
	static char text[100000], want[100020];
	struct body body;

	memset(text, 'x', sizeof(text));
	memcpy(want, "186a0\r\n", 7);
	memcpy(want + 7, text, sizeof(text));
	memcpy(want + 7 + sizeof(text), "\r\n", 2);
	body_init(&body, sizeof(text));
	ck_assert_int_eq(body_put(&body, text, sizeof(text)), 0);
	session.chunked = true;
	conn_begin(session.conn);
	ck_assert_uint_eq(h1_session_send_body(&session, &body), sizeof(text));
	expect_sent(want, sizeof(text) + 9);
	body_fini(&body);
}
END_TEST

START_TEST(without_memory_no_body_ends)
{
	static char value[5000];
	struct fields trailers = {0};
	struct arena arena;

	arena_init(&arena, MEM_STREAM, 512);
	memset(value, 'v', sizeof(value));
	ck_assert_int_eq(
		fields_add(&trailers, &arena, STR("x"), str_of(value, sizeof(value))),
		0);
	session.chunked = true;
	*calls_left = 1;
	ck_assert_int_eq(h1_session_send_end(&session, &trailers), -1);
	arena_fini(&arena);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("h1_session");
	TCase *t = tcase_create("h1_session");

	tcase_add_checked_fixture(t, open_session, close_session);
	tcase_add_test(t, what_is_held_comes_before_the_next_input);
	tcase_add_test(t, without_memory_what_is_held_stays);
	tcase_add_test(t, a_body_goes_out_as_it_is);
	tcase_add_test(t, a_chunked_body_goes_out_in_chunks_with_its_trailers);
	tcase_add_test(t, many_blocks_are_one_chunk);
	tcase_add_test(t, without_memory_no_body_ends);
	suite_add_tcase(s, t);
	return run_suite(s);
}
