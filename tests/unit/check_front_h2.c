/*
 * A client's HTTP/2 connection, frame by frame: what it is told, what reaches
 * side B, what is counted.
 */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/front_h2.h"
#include "proxy/gate.h"
#include "proxy/reply.h"
#include "proxy/stream.h"
#include "runner.h"

enum { DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH, PING, GOAWAY, WINDOW };
#define END_STREAM  1
#define ACK         1
#define END_HEADERS 4

static const struct limits_conf limits = {
	.connections = 10,
	.streams = 5,
	.head = {.line_bytes = 200, .header_bytes = 2000, .n_headers = 10},
	.body_bytes = 50,
	.stream_buffer_bytes = 65536,
	.conn_buffer_bytes = 200000,
	.window_bytes = 100000,
	.handshake_timeout_ms = 5000,
	.header_timeout_ms = 5000,
	.idle_timeout_ms = 5000,
	.stream_timeout_ms = 5000,
	.tunnel_timeout_ms = 5000,
	.ping_timeout_ms = 5000,
	.flood = {10000, 1},
};

static struct gate gate;
static struct stats *stats;
static int peer; /* the client's end */

/* --- side B: keeps the last stream, answers when it is told to ------------- */

static struct stream *asked; /* NULL: gone */
static unsigned int n_asked, n_aborted;
static enum stream_end aborted_why;

static void nothing(struct stream *s)
{
	(void)s;
}

static void room(struct stream *s, size_t n)
{
	(void)s;
	(void)n;
}

static void aborted(struct stream *s, enum stream_end why)
{
	n_aborted++;
	aborted_why = why;
	asked = NULL;
	stream_detach_b(s);
}

static const struct side_ops side_b = {nothing, nothing, nothing, room, aborted};

static void dispatch(struct stream *s)
{
	n_asked++;
	asked = s;
	stream_attach_b(s, &side_b, NULL, NULL);
}

/* --- frames ---------------------------------------------------------------- */

/* What goes out at the next collect(). */
static uint8_t out[1 << 16];
static size_t n_out;

static void send_frame(int kind, int flags, uint32_t id, const void *p, size_t len)
{
	uint8_t head[9] = {
		(uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len,
		(uint8_t)kind,        (uint8_t)flags,      (uint8_t)(id >> 24),
		(uint8_t)(id >> 16),  (uint8_t)(id >> 8),  (uint8_t)id};

	memcpy(out + n_out, head, 9);
	memcpy(out + n_out + 9, p, len);
	n_out += 9 + len;
}

/* Literal fields, names and values from a list that ends with NULL. */
static size_t block(uint8_t *to, const char *const *words)
{
	size_t n = 0;

	for (; *words; words += 2) {
		to[n++] = 0;
		for (int i = 0; i < 2; i++) {
			size_t len = strlen(words[i]);

			ck_assert_uint_lt(len, 127 + 128);
			to[n++] = (uint8_t)(len < 127 ? len : 127);
			if (len >= 127)
				to[n++] = (uint8_t)(len - 127);
			memcpy(to + n, words[i], len);
			n += len;
		}
	}
	return n;
}

#define REQUEST(method) ":method", method, ":scheme", "http", ":authority", "x"

static void send_head(uint32_t id, int flags, const char *const *words)
{
	uint8_t to[8192];

	send_frame(HEADERS, END_HEADERS | flags, id, to, block(to, words));
}

static void get(uint32_t id)
{
	static const char *const words[] = {REQUEST("GET"), ":path", "/", NULL};

	send_head(id, END_STREAM, words);
}

static void post(uint32_t id)
{
	static const char *const words[] = {REQUEST("POST"), ":path", "/", NULL};

	send_head(id, 0, words);
}

/* What has come: the frames of one kind on one stream, or on all (id -1). */
static uint8_t got[1 << 16];
static size_t got_len;

static void collect(void)
{
	ssize_t n;

	ck_assert_int_eq(write(peer, out, n_out), (ssize_t)n_out);
	n_out = 0;
	loop_for(30);
	while ((n = read(peer, got + got_len, sizeof(got) - got_len)) > 0)
		got_len += (size_t)n;
}

static uint32_t number(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The nth such frame (from 0), or NULL. */
static const uint8_t *frame_of(int kind, int64_t id, unsigned int nth)
{
	size_t at = 0;

	while (at + 9 <= got_len) {
		const uint8_t *f = got + at;

		at += 9 + (number(f) >> 8);
		if (f[3] == kind && (id < 0 || number(f + 5) == id) && nth-- == 0)
			return f;
	}
	return NULL;
}

/* The code of a reset or GOAWAY; -1: there is none. */
static int64_t reset_of(uint32_t id)
{
	const uint8_t *f = frame_of(RST_STREAM, id, 0);

	return f ? (int64_t)number(f + 9) : -1;
}

static int64_t goaway_of(unsigned int nth)
{
	const uint8_t *f = frame_of(GOAWAY, 0, nth);

	return f ? (int64_t)number(f + 13) : -1;
}

/* 0: no answer; 200 and 400, which have an index of their own; 1: another. */
static unsigned int status_of(uint32_t id)
{
	const uint8_t *f = frame_of(HEADERS, id, 0);

	if (!f)
		return 0;
	f += 9;
	if ((f[0] & 0xe0) == 0x20) /* a table size */
		f++;
	switch (f[0]) {
	case 0x88:
		return 200;
	case 0x8c:
		return 400;
	default:
		return 1;
	}
}

static uint64_t rejected(enum reject why)
{
	return stat_get(&stats->rejected[why]);
}

/* --- a connection ---------------------------------------------------------- */

static void open_connection(void)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
	struct addr from = {.sa = {.sa_family = AF_UNIX}, .len = sizeof(from.sa)};
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	peer = fd[1];
	front_accept(&gate, fd[0], &from, NULL, 0);
	memcpy(out, preface, sizeof(preface) - 1);
	n_out = sizeof(preface) - 1;
	send_frame(SETTINGS, 0, 0, "", 0);
	send_frame(SETTINGS, ACK, 0, "", 0);
	asked = NULL;
	n_asked = n_aborted = 0;
	got_len = 0;
}

static void close_connection(void)
{
	close(peer);
	loop_once();
	gate_close_all(&gate);
	conn_free_lingering(&test_loop);
	loop_once();
	ck_assert_uint_eq(gate.n_streams, 0);
}

static void open_front(void)
{
	choose_allocator("hybrid"); /* whose pages can be folded */
	start_loop();
	stats = aligned_alloc(64, stats_bytes(1, 1, 1));
	stats_init(stats, 1, 1, 1);
	gate_init(&gate, &test_loop, stats, &limits);
	gate.dispatch = dispatch;
	open_connection();
}

static void close_front(void)
{
	close_connection();
	gate_fini(&gate);
	stop_loop();
	free(stats);
}

static void answer(struct str text)
{
	struct stream *s = asked;

	asked = NULL;
	ck_assert_ptr_nonnull(s);
	stream_detach_b(s);
	reply_send(s, 200, STR("text/plain"), text);
}

/* Side B answers, and has more to come. */
static void begin_answer(void)
{
	asked->res.status = 200;
	asked->res.content_length = LENGTH_UNKNOWN;
	stream_on_answer(asked);
}

/* --- tests ----------------------------------------------------------------- */

START_TEST(the_client_is_told_what_it_may_ask)
{
	static const struct {
		unsigned int id, value;
	} want[] = {{3, 5}, {4, 65536}, {6, 2000}, {8, 1}, {9, 1}};
	const uint8_t *f;
	size_t n;

	collect();
	f = frame_of(SETTINGS, 0, 0);
	ck_assert_ptr_nonnull(f);
	n = (number(f) >> 8) / 6;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		bool found = false;

		for (size_t k = 0; k < n; k++) {
			const uint8_t *e = f + 9 + k * 6;

			found |= (unsigned int)(e[0] << 8 | e[1]) == want[i].id &&
				 number(e + 2) == want[i].value;
		}
		ck_assert_msg(found, "setting %u", want[i].id);
	}
	ck_assert_ptr_nonnull(frame_of(WINDOW, 0, 0));
}
END_TEST

START_TEST(a_request_reaches_side_b_and_its_answer_the_client)
{
	static const char *const words[] = {REQUEST("GET"), ":path",  "/a?b", "cookie",
					    "a=1",          "cookie", "b=2",  NULL};
	const uint8_t *f;

	send_head(1, END_STREAM, words);
	collect();
	ck_assert_ptr_nonnull(asked);
	ck_assert(str_eq(asked->req.path, STR("/a?b")));
	ck_assert(str_eq(asked->req.authority, STR("x")));
	ck_assert(asked->req_body.ended && asked->req.no_body);
	ck_assert_uint_eq(asked->req.headers.n, 2);
	answer(STR("hello"));
	collect();
	ck_assert_uint_eq(status_of(1), 200);
	f = frame_of(DATA, 1, 0);
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(number(f) >> 8, 5);
	ck_assert_int_eq(f[4], END_STREAM);
	ck_assert_mem_eq(f + 9, "hello", 5);
}
END_TEST

START_TEST(a_request_begins_with_what_the_last_one_took)
{
	static const char *const words[] = {REQUEST("GET"), ":path", "/", "x", "y",
					    "accept",       "*",     NULL};
	struct front *f;
	size_t taken, hint;

	send_head(1, END_STREAM, words);
	collect();
	ck_assert_ptr_nonnull(asked);
	ck_assert_uint_eq(asked->arena.first_bytes, 512);
	taken = arena_taken(&asked->arena);
	f = asked->front;
	hint = f->head_bytes;
	ck_assert_uint_ge(hint, taken);
	ck_assert_uint_le(hint, taken + taken / 8 + 64);
	ck_assert_uint_eq(f->head_fields, 2 + 4);
	send_head(3, END_STREAM, words);
	collect();
	ck_assert_uint_eq(asked->a.h2.id, 3);
	ck_assert_uint_eq(asked->arena.first_bytes, hint);
	ck_assert_uint_ge(asked->req.headers.cap, 6);
}
END_TEST

START_TEST(a_cancel_reaches_side_b)
{
	get(1);
	collect();
	ck_assert_ptr_nonnull(asked);
	send_frame(RST_STREAM, 0, 1, "\0\0\0\x08", 4);
	collect();
	ck_assert_uint_eq(n_aborted, 1);
	ck_assert_int_eq(aborted_why, STREAM_CANCELLED);
	ck_assert_uint_eq(gate.n_streams, 0);
	ck_assert_uint_eq(stat_get(&stats->h2_resets_in[8]), 1);
}
END_TEST

START_TEST(a_client_that_is_gone_reaches_side_b)
{
	get(1);
	get(3);
	collect();
	ck_assert_uint_eq(n_asked, 2);
	shutdown(peer, SHUT_RDWR);
	loop_for(30);
	ck_assert_uint_eq(n_aborted, 2);
	ck_assert_uint_eq(gate.n_fronts, 0);
}
END_TEST

START_TEST(an_answer_that_breaks_off_is_reset)
{
	get(1);
	collect();
	begin_answer();
	ck_assert_int_eq(body_put(&asked->res_body, "part", 4), 0);
	stream_on_res_data(asked);
	collect();
	stream_fail_b(asked, STREAM_BROKEN);
	collect();
	ck_assert_int_eq(reset_of(1), 2);
	ck_assert_int_eq(frame_of(DATA, 1, 0)[4] & END_STREAM, 0);
}
END_TEST

START_TEST(malformed_requests_are_reset_and_reach_nobody)
{
	static const char *const bad[][12] = {
		{REQUEST("GET"), ":path", "/", "Upper", "x", NULL},
		{REQUEST("GET"), ":path", "/", "connection", "close", NULL},
		{REQUEST("GET"), ":path", "/", "x", "a\rb", NULL},
		{REQUEST("GET"), ":path", "/", "te", "gzip", NULL},
		{REQUEST("GET"), NULL},
		{REQUEST("GET"), ":path", "/", ":late", "x", NULL},
		{":method", "GET", ":scheme", "http", ":path", "/", "x", "y",
		 ":authority", "x", NULL},
	};
	unsigned int n = sizeof(bad) / sizeof(bad[0]);

	for (unsigned int i = 0; i < n; i++) {
		send_head(1 + 2 * i, END_STREAM, bad[i]);
		collect();
	}
	ck_assert_uint_eq(n_asked, 0);
	for (unsigned int i = 0; i < n; i++)
		ck_assert_msg(reset_of(1 + 2 * i) == 1, "%u: %d of %u; %d", i,
			      (int)reset_of(1 + 2 * i), status_of(1 + 2 * i),
			      (int)goaway_of(0));
	ck_assert_uint_eq(gate.n_streams, 0);
	get(101); /* and the connection serves on */
	collect();
	ck_assert_uint_eq(n_asked, 1);
}
END_TEST

START_TEST(what_does_not_agree_is_answered_with_400)
{
	static const char *const bad[][12] = {
		{REQUEST("GET"), ":path", "/", "host", "y", NULL},
		{":method", "GET", ":scheme", "ftp", ":authority", "x", ":path", "/",
		 NULL},
		{":method", "GET", ":scheme", "http", ":authority", "u@x", ":path", "/",
		 NULL},
	};

	for (unsigned int i = 0; i < 3; i++)
		send_head(1 + 2 * i, END_STREAM, bad[i]);
	collect();
	ck_assert_uint_eq(n_asked, 0);
	for (unsigned int i = 0; i < 3; i++)
		ck_assert_uint_eq(status_of(1 + 2 * i), 400);
	ck_assert_uint_eq(rejected(REJECT_BAD_REQUEST), 3);
}
END_TEST

START_TEST(what_is_too_large_is_refused_and_counted)
{
	static char path[202] = "/", value[240];
	const char *const long_path[] = {REQUEST("GET"), ":path", path, NULL};
	const char *const large[] = {REQUEST("GET"), ":path", "/",   "a", value, "b",
				     value,          "c",     value, "d", value, "e",
				     value,          "f",     value, "g", value, "h",
				     value,          NULL};
	const char *const many[] = {REQUEST("GET"),
				    ":path",
				    "/",
				    "a",
				    "",
				    "b",
				    "",
				    "c",
				    "",
				    "d",
				    "",
				    "e",
				    "",
				    "f",
				    "",
				    "g",
				    "",
				    "h",
				    "",
				    "i",
				    "",
				    "j",
				    "",
				    "k",
				    "",
				    NULL};
	const char *const body[] = {REQUEST("POST"),  ":path", "/",
				    "content-length", "51",    NULL};

	memset(value, 'v', sizeof(value) - 1);
	memset(path + 1, 'p', 200); /* one too many */
	send_head(1, END_STREAM, large);
	send_head(3, END_STREAM, many);
	send_head(5, 0, body);
	collect();
	ck_assert_uint_eq(n_asked, 0);
	ck_assert_uint_eq(rejected(REJECT_HEADER_BYTES), 2);
	ck_assert_uint_eq(rejected(REJECT_BODY_BYTES), 1);
	for (unsigned int i = 1; i <= 5; i += 2)
		ck_assert_uint_eq(status_of(i), 1);
	send_head(7, END_STREAM, long_path);
	collect();
	ck_assert_uint_eq(status_of(7), 1);
	ck_assert_uint_eq(rejected(REJECT_URI_BYTES), 1);
	path[200] = '\0';
	send_head(9, END_STREAM, long_path);
	collect();
	ck_assert_uint_eq(n_asked, 1);
}
END_TEST

START_TEST(a_body_beyond_its_limit_is_refused_while_nothing_is_answered)
{
	static const char bytes[51];

	post(1);
	send_frame(DATA, 0, 1, bytes, 50);
	collect();
	ck_assert_uint_eq(asked->req_body.bytes, 50);
	send_frame(DATA, 0, 1, bytes, 1);
	collect();
	ck_assert_uint_eq(n_aborted, 1);
	ck_assert_uint_eq(status_of(1), 1);
	ck_assert_uint_eq(rejected(REJECT_BODY_BYTES), 1);
	post(3);
	collect();
	begin_answer();
	send_frame(DATA, 0, 3, bytes, 51);
	collect();
	ck_assert_int_eq(reset_of(3), 8);
	ck_assert_uint_eq(rejected(REJECT_BODY_BYTES), 2);
}
END_TEST

START_TEST(too_large_a_trailer_section_is_not_cut_short)
{
	static const char *const many[] = {"a", "", "b", "", "c", "", "d", "",
					   "e", "", "f", "", "g", "", "h", "",
					   "i", "", "j", "", "k", "", NULL};

	post(1);
	collect();
	send_head(1, END_STREAM, many);
	collect();
	ck_assert_uint_eq(n_aborted, 1);
	ck_assert_uint_eq(status_of(1), 1);
	ck_assert_uint_eq(rejected(REJECT_HEADER_BYTES), 1);
	post(3);
	collect();
	begin_answer();
	send_head(3, END_STREAM, many);
	collect();
	ck_assert_int_eq(reset_of(3), 8);
	ck_assert_uint_eq(n_aborted, 2);
}
END_TEST

START_TEST(streams_beyond_the_limit_are_refused)
{
	collect(); /* our SETTINGS are there */
	for (uint32_t id = 1; id <= 13; id += 2)
		get(id);
	collect();
	ck_assert_uint_eq(n_asked, 5);
	ck_assert(reset_of(11) > 0 || goaway_of(0) >= 0);
}
END_TEST

START_TEST(who_resets_without_end_is_sent_away)
{
	/* So that the budget ends with a cancel, not with what the frame of one costs.
	 */
	struct limits_conf wider = limits;

	wider.flood.burst += 50;
	close_connection();
	gate.limits = &wider;
	open_connection();
	for (uint32_t i = 0; i < 200; i++) {
		get(1 + 2 * i);
		send_frame(RST_STREAM, 0, 1 + 2 * i, "\0\0\0\x08", 4);
	}
	collect();
	ck_assert_int_eq(goaway_of(0), 11);
	ck_assert_uint_le(n_asked, 100);
	ck_assert_uint_ge(n_asked, 80);
	ck_assert_uint_eq(rejected(REJECT_RESET_FLOOD), 1);
	close_connection();
	gate.limits = &limits;
	open_connection();
}
END_TEST

START_TEST(an_answer_that_nobody_takes_is_buffered_a_little)
{
	/* The window is closed before the first request. */
	send_frame(SETTINGS, 0, 0, "\0\4\0\0\0\0", 6);
	get(1);
	collect();
	begin_answer();
	ck_assert_uint_eq(asked->res_body.limit, H2_FIRST_BYTES);
	ck_assert_int_eq(body_put(&asked->res_body, got, H2_FIRST_BYTES), 0);
	stream_on_res_data(asked);
	collect();
	ck_assert(body_is_full(&asked->res_body));
	ck_assert_ptr_null(frame_of(DATA, 1, 0));
	send_frame(WINDOW, 0, 1, "\0\0\x10\0", 4);
	collect();
	ck_assert_uint_eq(number(frame_of(DATA, 1, 0)) >> 8, 4096);
}
END_TEST

START_TEST(a_drain_lets_streams_finish)
{
	get(1);
	collect();
	gate_drain(&gate);
	collect();
	ck_assert_int_eq(goaway_of(0), 0);
	ck_assert_uint_eq(number(frame_of(GOAWAY, 0, 0) + 9), 0x7fffffff);
	loop_for(600);
	collect();
	ck_assert_uint_eq(number(frame_of(GOAWAY, 0, 1) + 9), 1);
	answer(STR("late"));
	collect();
	ck_assert_uint_eq(status_of(1), 200);
	ck_assert_uint_eq(gate.n_fronts, 0);
}
END_TEST

START_TEST(a_frame_on_a_stream_that_was_never_opened_ends_it_all)
{
	send_frame(DATA, 0, 5, "x", 1);
	collect();
	ck_assert_int_eq(goaway_of(0), 1);
	ck_assert_uint_eq(gate.n_streams, 0);
}
END_TEST

/* --- one session, however its bytes are cut ---------------------------------- */

/* What side B was given, in words; and the bytes of the body so far. */
static char journal[1024], body[64];
static size_t body_len;

static void note(const char *format, ...)
{
	size_t n = strlen(journal);
	va_list ap;

	va_start(ap, format);
	vsnprintf(journal + n, sizeof(journal) - n, format, ap);
	va_end(ap);
}

static void note_fields(const struct fields *f)
{
	for (unsigned int i = 0; i < f->n; i++)
		note(" %.*s=%.*s", (int)f->at[i].name_len, f->at[i].name,
		     (int)f->at[i].value_len, f->at[i].value);
}

/* Answers what is whole. */
static void noting_data(struct stream *s)
{
	size_t n = body_take(&s->req_body, body + body_len, sizeof(body) - body_len);

	body_len += n;
	if (n)
		stream_took_req(s, n);
	if (!s->req_body.ended)
		return;
	note("%.*s %.*s", (int)s->req.method_text.len, s->req.method_text.p,
	     (int)s->req.path.len, s->req.path.p);
	note_fields(&s->req.headers);
	note(" [%.*s]", (int)body_len, body);
	note_fields(&s->req.trailers);
	note("\n");
	body_len = 0;
	asked = s;
	answer(STR("hello"));
}

static void noting_abort(struct stream *s, enum stream_end why)
{
	note("aborted %d\n", why);
	stream_detach_b(s);
}

static const struct side_ops noting_b = {nothing, nothing, noting_data, room,
					 noting_abort};

static void noting_dispatch(struct stream *s)
{
	stream_attach_b(s, &noting_b, NULL, NULL);
	noting_data(s);
}

/* A request with all that one can have, one that is cancelled, a plain one; and
 * frames of other kinds between them. */
static void make_session(void)
{
	static const char *const words[] = {REQUEST("POST"), ":path",   "/up",
					    "x-a",           "a value", NULL};
	static const char *const trailer[] = {"x-t", "7", NULL};
	uint8_t to[256];
	size_t n = block(to, words);

	send_frame(SETTINGS, 0, 0, "\0\x04\0\x01\0\0", 6);
	send_frame(HEADERS, 0, 1, to, n / 2);
	send_frame(9, END_HEADERS, 1, to + n / 2, n - n / 2); /* CONTINUATION */
	send_frame(DATA, 8, 1, "\x03twelve bytes\0\0\0", 16);
	send_frame(PING, 0, 0, "12345678", 8);
	send_frame(0x42, 0, 0, "unknown", 7);
	post(3);
	send_frame(DATA, 0, 1, ", and more", 10);
	send_frame(WINDOW, 0, 0, "\0\0\x10\0", 4);
	send_frame(RST_STREAM, 0, 3, "\0\0\0\x08", 4);
	send_head(1, END_STREAM, trailer);
	get(5);
}

/* Sends out[from..to) and lets it be read. */
static void send_part(size_t from, size_t to)
{
	ssize_t n;

	ck_assert_int_eq(write(peer, out + from, to - from), (ssize_t)(to - from));
	loop_once();
	while ((n = read(peer, got + got_len, sizeof(got) - got_len)) > 0)
		got_len += (size_t)n;
}

static bool is_all_answered(void)
{
	return status_of(1) == 200 && status_of(5) == 200 && frame_of(DATA, 1, 0) &&
	       frame_of(DATA, 5, 0);
}

static void is_result(size_t cut)
{
	static const char *const want = "aborted 1\n"
					"POST /up x-a=a value "
					"[twelve bytes, and more] x-t=7\n"
					"GET / []\n";

	for (int i = 0; i < 1000 && !is_all_answered(); i++)
		send_part(0, 0);
	ck_assert_msg(strcmp(journal, want) == 0, "cut at %zu: %s", cut, journal);
	ck_assert_msg(is_all_answered(), "cut at %zu: no answer", cut);
	ck_assert_msg(frame_of(PING, 0, 0)[4] == ACK, "cut at %zu: no PING", cut);
	ck_assert_msg(goaway_of(0) == -1, "cut at %zu: GOAWAY", cut);
}

static void begin_session(void)
{
	close_connection();
	open_connection();
	gate.dispatch = noting_dispatch;
	journal[0] = '\0';
	body_len = 0;
	make_session();
}

START_TEST(a_session_means_the_same_wherever_its_bytes_are_cut)
{
	size_t len = SIZE_MAX;

	for (size_t cut = 0; cut < len; cut++) {
		begin_session();
		len = n_out;
		if (cut)
			send_part(0, cut);
		send_part(cut, len);
		is_result(cut);
	}
	ck_assert_uint_gt(len, 300);
}
END_TEST

START_TEST(a_session_means_the_same_byte_by_byte)
{
	begin_session();
	for (size_t i = 0; i < n_out; i++)
		send_part(i, i + 1);
	is_result(n_out);
}
END_TEST

/* --- quiet ------------------------------------------------------------------ */

static struct front_h2 *the_front(void)
{
	struct front *f = container_of(gate.fronts.next, struct front, node);

	ck_assert_uint_eq(gate.n_fronts, 1);
	return container_of(f, struct front_h2, f);
}

/* Long enough that it is folded. */
static void fall_quiet(void)
{
	loop_for(2300);
	ck_assert(h2_hpack_is_folded(&the_front()->h2.hpack));
	ck_assert_uint_gt(mem_counters()->folded_bytes, 0);
}

START_TEST(a_quiet_session_is_folded_and_goes_on_as_before)
{
	const struct h2_hpack *k;

	get(1);
	collect();
	k = &the_front()->h2.hpack;
	fall_quiet(); /* while its stream waits */
	ck_assert_uint_gt(fold_saved_bytes(&k->page), fold_packed_bytes(&k->page));
	answer(STR("late"));
	collect();
	ck_assert(!h2_hpack_is_folded(k));
	ck_assert_uint_eq(mem_counters()->folded_bytes, 0);
	ck_assert_uint_eq(fold_saved_bytes(&k->page) + fold_packed_bytes(&k->page), 0);
	ck_assert_uint_eq(status_of(1), 200);
	fall_quiet();
	get(3);
	collect();
	answer(STR("again"));
	collect();
	ck_assert_uint_eq(status_of(3), 200);
	fall_quiet(); /* and ends so */
}
END_TEST

START_TEST(a_folded_session_hears_of_a_drain)
{
	collect();
	fall_quiet();
	gate_drain(&gate);
	collect();
	ck_assert_uint_eq(number(frame_of(GOAWAY, 0, 0) + 9), 0x7fffffff);
	loop_for(600);
	collect();
	ck_assert_uint_eq(gate.n_fronts, 0);
	ck_assert_uint_eq(mem_counters()->folded_bytes, 0);
}
END_TEST

START_TEST(what_hpack_holds_is_known_of_a_folded_session)
{
	static const uint8_t indexed[] = {0x82, 0x87, 0x84, 0x41, 1,   'x',
					  0x40, 1,    'a',  2,    'b', 'c'};
	const struct h2_hpack *k;
	size_t n;

	send_frame(HEADERS, END_HEADERS | END_STREAM, 1, indexed, sizeof(indexed));
	collect();
	answer(STR("x"));
	collect();
	k = &the_front()->h2.hpack;
	n = h2_hpack_bytes(k);
	ck_assert_uint_ge(n, 11 + 32 + 3 + 32); /* :authority x, a: bc */
	fall_quiet();
	ck_assert_uint_eq(h2_hpack_bytes(k), n);
	get(3);
	collect();
	ck_assert(!h2_hpack_is_folded(k));
	ck_assert_uint_ge(h2_hpack_bytes(k), n);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("front_h2");
	TCase *t = tcase_create("front_h2");

	tcase_add_checked_fixture(t, open_front, close_front);
	tcase_add_test(t, the_client_is_told_what_it_may_ask);
	tcase_add_test(t, a_request_reaches_side_b_and_its_answer_the_client);
	tcase_add_test(t, a_request_begins_with_what_the_last_one_took);
	tcase_add_test(t, a_cancel_reaches_side_b);
	tcase_add_test(t, a_client_that_is_gone_reaches_side_b);
	tcase_add_test(t, an_answer_that_breaks_off_is_reset);
	tcase_add_test(t, malformed_requests_are_reset_and_reach_nobody);
	tcase_add_test(t, what_does_not_agree_is_answered_with_400);
	tcase_add_test(t, what_is_too_large_is_refused_and_counted);
	tcase_add_test(t, a_body_beyond_its_limit_is_refused_while_nothing_is_answered);
	tcase_add_test(t, too_large_a_trailer_section_is_not_cut_short);
	tcase_add_test(t, streams_beyond_the_limit_are_refused);
	tcase_add_test(t, who_resets_without_end_is_sent_away);
	tcase_add_test(t, an_answer_that_nobody_takes_is_buffered_a_little);
	tcase_add_test(t, a_drain_lets_streams_finish);
	tcase_add_test(t, a_frame_on_a_stream_that_was_never_opened_ends_it_all);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_session_means_the_same_wherever_its_bytes_are_cut);
	tcase_add_test(t, a_session_means_the_same_byte_by_byte);
	tcase_add_test(t, a_quiet_session_is_folded_and_goes_on_as_before);
	tcase_add_test(t, a_folded_session_hears_of_a_drain);
	tcase_add_test(t, what_hpack_holds_is_known_of_a_folded_session);
	suite_add_tcase(s, t);
	return run_suite(s);
}
