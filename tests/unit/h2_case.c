#include "h2_case.h"

#include <nghttp2/nghttp2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct h2_case the;

/* Frames that came and are not whole; the block among them. */
static uint8_t raw[1 << 21];
static size_t n_raw;
static bool magic_due;
static nghttp2_hd_inflater *inflater;
/* RST_STREAM and GOAWAY, as frames, and as on_out() tells. */
static unsigned int n_ends, n_told_ends;

/* --- journals ---------------------------------------------------------------- */

static void add(char *to, size_t *n, size_t cap, const char *format, va_list ap)
{
	int len = vsnprintf(to + *n, cap - *n, format, ap);

	ck_assert_int_ge(len, 0);
	*n += (size_t)len;
	ck_assert_uint_lt(*n, cap);
}

static void told(const char *format, ...)
{
	va_list ap;

	if (the.data_id)
		the.told[the.n_told++] = '\n';
	the.data_id = 0;
	va_start(ap, format);
	add(the.told, &the.n_told, sizeof(the.told) - 1, format, ap);
	va_end(ap);
}

static void sent(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	add(the.sent, &the.n_sent, sizeof(the.sent), format, ap);
	va_end(ap);
}

const char *h2_case_told(void)
{
	told("%s", "");
	return the.told;
}

void h2_case_clear(void)
{
	the.n_told = 0;
	the.n_sent = 0;
	the.told[0] = '\0';
	the.sent[0] = '\0';
	the.data_id = 0;
}

bool h2_case_has(const char *text, const char *line)
{
	const char *at = strstr(text, line);

	return at && (at == text || at[-1] == '\n');
}

/* --- the owner --------------------------------------------------------------- */

static struct h2_case_stream *of(struct h2_stream *s)
{
	struct h2_case_stream *o = container_of(s, struct h2_case_stream, h2);

	ck_assert(o->open); /* not one that was closed */
	return o;
}

static struct h2_case_stream *fresh(void)
{
	struct h2_case_stream *o = &the.streams[the.n_streams++];

	ck_assert_uint_lt(the.n_streams, H2_CASE_STREAMS);
	message_init(&o->m);
	body_init(&o->body, 1 << 20);
	o->open = true;
	return o;
}

static struct h2_stream *on_open(struct h2_session *h, int32_t id)
{
	(void)h;
	if (the.no_open)
		return NULL;
	told("open %d\n", id);
	return &fresh()->h2;
}

static bool on_field(struct h2_session *h, struct h2_stream *s,
		     const struct h2_field *f, bool trailers)
{
	(void)h;
	(void)trailers;
	if (f->value.len > 40)
		told("field %d %.*s=(%zu)\n", s->id, STR_ARG(f->name), f->value.len);
	else
		told("field %d %.*s=%.*s\n", s->id, STR_ARG(f->name),
		     STR_ARG(f->value));
	if (the.on_field)
		the.on_field(of(s));
	return !str_eq(f->name, STR("x-refuse"));
}

static void on_head(struct h2_session *h, struct h2_stream *s, bool trailers)
{
	(void)h;
	of(s);
	told("%s %d%s\n", trailers ? "trailers" : "head", s->id,
	     s->in_ended ? " end" : "");
}

static void on_data(struct h2_session *h, struct h2_stream *s, const uint8_t *p,
		    size_t len)
{
	struct h2_case_stream *o = of(s);

	ck_assert_uint_gt(len, 0);
	if (the.data_id != s->id)
		told("data %d ", s->id);
	the.data_id = s->id;
	if (len <= 40)
		the.n_told +=
			(size_t)sprintf(the.told + the.n_told, "%.*s", (int)len, p);
	o->n_data += (uint32_t)len;
	if (!the.keeps)
		h2_consume(h, s, len);
	if (the.on_data)
		the.on_data(o);
}

static void on_end(struct h2_session *h, struct h2_stream *s)
{
	(void)h;
	of(s);
	told("end %d\n", s->id);
}

static void on_reset(struct h2_session *h, struct h2_stream *s, uint32_t code)
{
	(void)h;
	of(s);
	told("reset %d %u\n", s->id, code);
}

static void on_close(struct h2_session *h, struct h2_stream *s, uint32_t code)
{
	struct h2_case_stream *o = of(s);

	(void)h;
	told("close %d %u\n", s->id, code);
	o->open = false;
	o->n_closed++;
	body_fini(&o->body);
	if (the.on_close)
		the.on_close(o);
	memset(&s->next, 0xff, sizeof(*s) - offsetof(struct h2_stream, next));
}

static void on_settings(struct h2_session *h)
{
	(void)h;
	told("settings\n");
}

static void on_ping_ack(struct h2_session *h)
{
	(void)h;
	told("pong\n");
}

static void on_goaway(struct h2_session *h, uint32_t code)
{
	(void)h;
	told("goaway %u\n", code);
}

static void on_fault(struct h2_session *h, uint32_t code)
{
	(void)h;
	told("fault %u\n", code);
}

static void on_fail(struct h2_session *h, enum h2_fault why)
{
	ck_assert(h->over);
	told("fail %d\n", (int)why);
}

static const struct message *message(struct h2_stream *s)
{
	return &of(s)->m;
}

static struct body *body(struct h2_stream *s)
{
	return &of(s)->body;
}

static enum method asked(struct h2_stream *s)
{
	return of(s)->asked;
}

static void on_sent(struct h2_session *h, struct h2_stream *s, size_t n)
{
	(void)h;
	the.n_on_sent += n;
	if (the.on_sent)
		the.on_sent(of(s));
}

static void on_out(struct h2_session *h, enum h2_type type, uint32_t code)
{
	(void)h;
	(void)code;
	ck_assert(type == H2_RST_STREAM || type == H2_GOAWAY);
	n_told_ends++;
}

static const struct h2_ops ops = {
	.on_open = on_open,
	.on_field = on_field,
	.on_head = on_head,
	.on_data = on_data,
	.on_end = on_end,
	.on_reset = on_reset,
	.on_close = on_close,
	.on_settings = on_settings,
	.on_ping_ack = on_ping_ack,
	.on_goaway = on_goaway,
	.on_fault = on_fault,
	.on_fail = on_fail,
	.message = message,
	.body = body,
	.asked = asked,
	.on_sent = on_sent,
	.on_out = on_out,
};

/* --- life ---------------------------------------------------------------------- */

static void choose_conf(bool is_server)
{
	memset(&the, 0, sizeof(the));
	the.conf = (struct h2_conf){
		.ops = &ops,
		.is_server = is_server,
		.max_streams = 100,
		.window_bytes = 100000,
		.stream_bytes = is_server ? 20000 : 8192,
		.max_block_bytes = 100000,
		.max_block_fields = 100,
		.settings = {{H2_INITIAL_WINDOW_SIZE, is_server ? 20000 : 8192}},
		.n_settings = 1,
	};
}

void h2_case_server(void)
{
	choose_conf(true);
	start_loop();
}

void h2_case_client(void)
{
	choose_conf(false);
	start_loop();
}

static void on_any(struct conn *c)
{
	(void)c;
}

static void on_conn_input(struct conn *c, char *data, size_t len)
{
	(void)c;
	(void)data;
	(void)len;
}

static void on_conn_end(struct conn *c, enum conn_end why)
{
	(void)c;
	(void)why;
}

void h2_case_open(void)
{
	static const struct conn_ops conn_ops = {.on_open = on_any,
						 .on_input = on_conn_input,
						 .on_writable = on_any,
						 .on_end = on_conn_end};
	struct addr unknown = {.len = 0};
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	the.peer = fd[1];
	the.conn =
		conn_accepted(&test_loop, fd[0], &unknown, NULL, 1000, &conn_ops, NULL);
	ck_assert_ptr_nonnull(the.conn);
	loop_once();
	ck_assert_int_eq(nghttp2_hd_inflate_new(&inflater), 0);
	arena_init(&the.arena, MEM_STREAM, 4096);
	n_raw = 0;
	n_ends = n_told_ends = 0;
	magic_due = !the.conf.is_server;
	ck_assert_int_eq(h2_init(&the.h, &the.conf, the.conn), 0);
}

void h2_case_close(void)
{
	h2_fini(&the.h);
	for (unsigned int i = 0; i < the.n_streams; i++) {
		ck_assert_int_le(the.streams[i].n_closed, 1);
		body_fini(&the.streams[i].body);
	}
	arena_fini(&the.arena);
	nghttp2_hd_inflate_del(inflater);
	conn_free(&the.conn);
	loop_once();
	loop_once();
	close(the.peer);
	ck_assert_uint_eq(mem_live(mem_counters(), MEM_CONN), 0);
	ck_assert_uint_eq(mem_live(mem_counters(), MEM_STREAM), 0);
	ck_assert_uint_eq(mem_live(mem_counters(), MEM_NGHTTP2), 0);
	stop_loop();
}

void h2_case_greet(void)
{
	if (the.conf.is_server)
		h2_recv(&the.h, (const uint8_t *)H2_MAGIC, H2_MAGIC_BYTES);
	h2_case_frame(H2_SETTINGS, 0, 0, NULL, 0);
	h2_case_turn();
	h2_case_frame(H2_SETTINGS, H2_ACK, 0, NULL, 0);
	ck_assert(the.h.got_ack && !the.h.over);
	h2_case_clear();
}

/* --- what comes ------------------------------------------------------------------ */

uint8_t *h2_case_put(uint8_t *to, unsigned int type, unsigned int flags, uint32_t id,
		     const void *p, size_t len)
{
	h2_put_head(to, len, type, flags, (int32_t)id);
	if (len)
		memcpy(to + H2_HEAD_BYTES, p, len);
	return to + H2_HEAD_BYTES + len;
}

/* In a block of exactly that size, so that a sanitizer sees a read behind it. */
void h2_case_frame(unsigned int type, unsigned int flags, uint32_t id, const void *p,
		   size_t len)
{
	uint8_t *bytes = malloc(H2_HEAD_BYTES + len);

	ck_assert_ptr_nonnull(bytes);
	h2_case_put(bytes, type, flags, id, p, len);
	h2_recv(&the.h, bytes, H2_HEAD_BYTES + len);
	free(bytes);
}

/* RFC 7541 §5.1, with a prefix of 7 bits. */
static size_t put_length(uint8_t *to, size_t len)
{
	size_t n = 0;

	if (len < 127) {
		to[n++] = (uint8_t)len;
		return n;
	}
	to[n++] = 127;
	for (len -= 127; len >= 128; len >>= 7)
		to[n++] = (uint8_t)(len | 128);
	to[n++] = (uint8_t)len;
	return n;
}

size_t h2_case_block(uint8_t *to, const char *const *words)
{
	size_t n = 0;

	for (; *words; words += 2) {
		to[n++] = 0;
		for (int i = 0; i < 2; i++) {
			size_t len = strlen(words[i]);

			n += put_length(to + n, len);
			memcpy(to + n, words[i], len);
			n += len;
		}
	}
	return n;
}

void h2_case_head(unsigned int flags, uint32_t id, const char *const *words)
{
	static uint8_t to[H2_PAYLOAD_BYTES];

	h2_case_frame(H2_HEADERS, H2_END_HEADERS | flags, id, to,
		      h2_case_block(to, words));
}

void h2_case_window(uint32_t id, uint32_t by)
{
	uint8_t p[4];

	h2_put32(p, by);
	h2_case_frame(H2_WINDOW_UPDATE, 0, id, p, 4);
}

void h2_case_setting(unsigned int id, uint32_t value)
{
	uint8_t p[6] = {0, (uint8_t)id};

	h2_put32(p + 2, value);
	h2_case_frame(H2_SETTINGS, 0, 0, p, 6);
}

void h2_case_data(unsigned int flags, uint32_t id, size_t len)
{
	static const uint8_t zeros[H2_PAYLOAD_BYTES];

	h2_case_frame(H2_DATA, flags, id, zeros, len);
}

void h2_case_get(uint32_t id)
{
	static const char *const words[] = {":method",    "GET",   ":scheme",
					    "http",       ":path", "/",
					    ":authority", "x",     NULL};

	h2_case_head(H2_END_STREAM, id, words);
}

void h2_case_post(uint32_t id)
{
	static const char *const words[] = {":method",    "POST",  ":scheme",
					    "http",       ":path", "/",
					    ":authority", "x",     NULL};

	h2_case_head(0, id, words);
}

void h2_case_ok(unsigned int flags, uint32_t id)
{
	static const char *const words[] = {":status", "200", NULL};

	h2_case_head(flags, id, words);
}

/* --- what goes ---------------------------------------------------------------------
 */

struct h2_case_stream *h2_case_stream(int32_t id)
{
	for (unsigned int i = 0; i < the.n_streams; i++)
		if (the.streams[i].h2.id == id)
			return &the.streams[i];
	ck_abort_msg("no stream %d", id);
	return NULL;
}

struct h2_case_stream *h2_case_ask(bool with_body)
{
	struct h2_case_stream *o = fresh();

	o->m.method_text = with_body ? STR("POST") : STR("GET");
	o->m.method = o->asked = method_of(o->m.method_text);
	o->m.scheme = STR("http");
	o->m.authority = STR("x");
	o->m.path = STR("/");
	o->body.ended = !with_body;
	ck_assert_int_eq(h2_open(&the.h, &o->h2), 0);
	return o;
}

void h2_case_field(struct fields *f, const char *name, const char *value)
{
	ck_assert_int_eq(fields_add(f, &the.arena, str_z(name), str_z(value)), 0);
}

static void grow_body(struct body *b, size_t len, bool ended)
{
	static const char zeros[10000];

	while (len) {
		size_t n = len < sizeof(zeros) ? len : sizeof(zeros);

		ck_assert_int_eq(body_put(b, zeros, n), 0);
		len -= n;
	}
	b->ended = ended;
}

void h2_case_answer(int32_t id, size_t len, bool ended)
{
	struct h2_case_stream *o = h2_case_stream(id);

	o->m.status = 200;
	grow_body(&o->body, len, ended);
	h2_answer(&the.h, &o->h2);
}

void h2_case_more(int32_t id, size_t len, bool ended)
{
	struct h2_case_stream *o = h2_case_stream(id);

	grow_body(&o->body, len, ended);
	h2_data(&the.h, &o->h2);
}

void h2_case_send(void)
{
	conn_begin(the.conn);
	h2_send(&the.h);
	conn_flush(the.conn);
}

/* --- the peer ----------------------------------------------------------------------
 */

void h2_case_peer_table(uint32_t bytes)
{
	ck_assert_int_eq(nghttp2_hd_inflate_change_table_size(inflater, bytes), 0);
}

static void read_block(const uint8_t *p, size_t len, bool last)
{
	nghttp2_nv nv;
	int flags = 0;

	do {
		ssize_t n = nghttp2_hd_inflate_hd2(inflater, &nv, &flags, p, len, last);

		ck_assert_int_ge(n, 0);
		p += n;
		len -= (size_t)n;
		if (!(flags & NGHTTP2_HD_INFLATE_EMIT))
			continue;
		if (nv.valuelen > 40)
			sent(" %.*s=(%zu)", (int)nv.namelen, nv.name, nv.valuelen);
		else
			sent(" %.*s=%.*s", (int)nv.namelen, nv.name, (int)nv.valuelen,
			     nv.value);
	} while (flags & NGHTTP2_HD_INFLATE_EMIT || len);
	ck_assert(!last || flags & NGHTTP2_HD_INFLATE_FINAL);
	if (last)
		nghttp2_hd_inflate_end_headers(inflater);
}

static void read_frame(const struct h2_head *f, const uint8_t *p)
{
	const char *end = f->flags & H2_END_STREAM ? " end" : "";

	ck_assert_uint_le(f->length, H2_PAYLOAD_BYTES);
	switch (f->type) {
	case H2_DATA:
		sent("DATA %d %u%s", f->id, f->length, end);
		the.n_data += f->length;
		break;
	case H2_HEADERS:
		sent("HEADERS %d%s", f->id, end);
		read_block(p, f->length, f->flags & H2_END_HEADERS);
		break;
	case H2_CONTINUATION:
		sent("CONTINUATION %d", f->id);
		read_block(p, f->length, f->flags & H2_END_HEADERS);
		break;
	case H2_SETTINGS:
		sent("SETTINGS%s", f->flags & H2_ACK ? " ack" : "");
		break;
	case H2_PING:
		sent("PING%s", f->flags & H2_ACK ? " ack" : "");
		break;
	case H2_WINDOW_UPDATE:
		sent("WINDOW %d %u", f->id, h2_get32(p));
		break;
	case H2_RST_STREAM:
		sent("RST %d %u", f->id, h2_get32(p));
		n_ends++;
		break;
	case H2_GOAWAY:
		sent("GOAWAY %d %u", h2_get31(p), h2_get32(p + 4));
		n_ends++;
		break;
	default:
		ck_abort_msg("type %u", f->type);
	}
	sent("\n");
}

/* Returns: bytes that were taken. */
static size_t read_frames(void)
{
	size_t at = 0;

	if (magic_due && n_raw >= H2_MAGIC_BYTES) {
		ck_assert_mem_eq(raw, H2_MAGIC, H2_MAGIC_BYTES);
		magic_due = false;
		at = H2_MAGIC_BYTES;
	}
	while (!magic_due && at + H2_HEAD_BYTES <= n_raw) {
		struct h2_head f;

		h2_get_head(raw + at, &f);
		if (at + H2_HEAD_BYTES + f.length > n_raw)
			break;
		read_frame(&f, raw + at + H2_HEAD_BYTES);
		at += H2_HEAD_BYTES + f.length;
	}
	return at;
}

static size_t read_all(void)
{
	size_t all = 0, taken;
	ssize_t n;

	while ((n = read(the.peer, raw + n_raw, sizeof(raw) - n_raw)) > 0) {
		n_raw += (size_t)n;
		all += (size_t)n;
		taken = read_frames();
		memmove(raw, raw + taken, n_raw - taken);
		n_raw -= taken;
	}
	return all;
}

void h2_case_turn(void)
{
	size_t n;

	do {
		if (conn_can_write(the.conn))
			h2_case_send();
		n = the.is_deaf ? 0 : read_all();
		loop_once();
	} while (n);
	if (the.is_deaf)
		return;
	ck_assert_uint_eq(n_raw, 0);
	ck_assert_uint_eq(n_ends, n_told_ends);
	ck_assert_uint_eq(the.n_data, the.n_on_sent);
}

/* --- all at once ------------------------------------------------------ */

void h2_case_reset_by_us(int32_t id)
{
	h2_reset(&the.h, &h2_case_stream(id)->h2, H2_CANCEL);
	h2_case_turn();
}

void h2_case_begin_server(void)
{
	h2_case_server();
	h2_case_open();
	h2_case_greet();
	h2_case_post(1);
	h2_case_get(3);
	h2_case_get(5);
	h2_case_answer(5, 0, true);
	h2_case_post(7);
	h2_case_frame(H2_RST_STREAM, 0, 7, "\0\0\0\x08", 4);
	h2_case_post(9);
	h2_case_reset_by_us(9);
	the.no_open = true;
	h2_case_get(13);
	the.no_open = false;
	h2_case_turn();
	h2_case_clear();
}

void h2_case_begin_client(void)
{
	h2_case_client();
	h2_case_open();
	h2_case_greet();
	h2_case_ask(true);
	h2_case_ask(false);
	h2_case_ask(false);
	h2_case_ask(true);
	h2_case_ask(false);
	h2_case_ask(false);
	h2_case_turn();
	h2_case_ok(0, 5);
	h2_case_ok(0, 7);
	h2_case_ok(H2_END_STREAM, 9);
	h2_case_reset_by_us(11);
	h2_case_ask(false);
	h2_case_clear();
}

/* --- beginnings ------------------------------------------------------------------ */

void h2_case_open_server(void)
{
	h2_case_server();
	h2_case_open();
	h2_case_greet();
}

/* Requests 1, 3, … wait for their answers. */
void h2_case_open_asked(unsigned int n)
{
	h2_case_open_server();
	for (unsigned int i = 0; i < n; i++)
		h2_case_get(1 + 2 * i);
	h2_case_clear();
}

void h2_case_open_client(unsigned int n, bool body)
{
	h2_case_client();
	h2_case_open();
	h2_case_greet();
	for (unsigned int i = 0; i < n; i++)
		h2_case_ask(body);
	h2_case_turn();
	h2_case_clear();
}
