#include "lab/answer.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "lab/request_json.h"
#include "lab/websocket_echo.h"
#include "proxy/gate.h"
#include "proxy/reply.h"
#include "proxy/stream.h"
#include "proxy/websocket.h"

#define SMALL_BYTES 4096 /* no more than that is copied as a whole */
#define RESET_MS    40   /* for what was sent before to arrive */

struct answer;

struct kind {
	const char *path; /* with '/' at the end: what begins so */
	/* Returns: 0, or the status to refuse the request with. */
	unsigned int (*start)(struct answer *a);
	/* Puts into the answer's body what there is, until it is full. NULL:
	 * start() says all. */
	void (*fill)(struct answer *a);
	void (*fire)(struct answer *a); /* the timer */
	bool reads;                     /* fill() takes the request's body */
};

struct answer {
	struct stream *s;
	const struct kind *kind;
	struct str rest;  /* of the path, behind kind->path */
	struct str query; /* behind '?' */
	struct timer timer;
	uint64_t at;      /* bytes or events put */
	uint64_t allowed; /* to be put by now */
	uint64_t end;     /* to be put in all */
	uint64_t step;    /* more are allowed each time */
	uint64_t every_ms;
	EVP_MD_CTX *digest; /* sink */
	struct websocket_echo *socket;
	bool pumping;
	bool again; /* something moved while pumping */
	bool over;  /* detached */
};

/* --- the end --------------------------------------------------------- */

static void let_go(struct answer *a)
{
	a->over = true;
	timer_stop(a->s->gate->loop, &a->timer);
	EVP_MD_CTX_free(a->digest);
	a->digest = NULL;
}

static void finish(struct answer *a)
{
	let_go(a);
	stream_detach_b(a->s);
}

static void fail(struct answer *a, enum stream_end why)
{
	let_go(a);
	stream_fail_b(a->s, why);
}

static void say(struct answer *a, unsigned int status, struct str type, struct str text)
{
	finish(a);
	reply_send(a->s, status, type, text);
}

static void say_text(struct answer *a, unsigned int status, struct str text)
{
	say(a, status, STR("text/plain; charset=utf-8"), text);
}

/* --- what was asked -------------------------------------------------- */

static bool read_number(struct str text, uint64_t *out)
{
	static const char units[] = "kmg";
	const char *unit = text.len ? strchr(units, text.p[text.len - 1] | 0x20) : NULL;
	unsigned int shift = 0;
	uint64_t n;

	if (unit && *unit) {
		shift = 10 * (unsigned int)(unit - units + 1);
		text.len--;
	}
	if (!str_u64(text, &n) || n > (uint64_t)INT64_MAX >> shift)
		return false;
	*out = n << shift;
	return true;
}

/* key=NUMBER in the query. Returns: false if what is there is no number; *out
 * is untouched then and when there is no such key. */
static bool param(const struct answer *a, const char *key, uint64_t *out)
{
	struct str rest = a->query, part, name;

	while (str_split(&rest, '&', &part)) {
		struct str value = part;

		if (!str_split(&value, '=', &name) || !str_eq(name, str_z(key)))
			continue;
		return value.p && read_number(value, out);
	}
	return true;
}

/* --- the head -------------------------------------------------------- */

static int add_field(struct answer *a, const char *name, const char *value)
{
	if (!value)
		return -1;
	return fields_add(&a->s->res.headers, &a->s->arena, str_z(name), str_z(value));
}

static int add_length(struct answer *a, int64_t length)
{
	a->s->res.content_length = length;
	if (length == LENGTH_UNKNOWN)
		return 0;
	return add_field(a, "content-length",
			 arena_printf(&a->s->arena, "%" PRId64, length));
}

/* Sends the head of a 200; false: the answer is over. */
static bool begin(struct answer *a, const char *type, int64_t length)
{
	struct stream *s = a->s;

	s->res.status = 200;
	if (add_field(a, "content-type", type) != 0 || add_length(a, length) != 0) {
		fail(a, STREAM_NO_MEMORY);
		return false;
	}
	if (s->req.method == METHOD_HEAD || length == 0) {
		s->res.no_body = true;
		s->res_body.ended = true;
	}
	stream_on_answer(s);
	return !a->over;
}

/* --- moving ---------------------------------------------------------- */

/* Who does not read the request's body must not make the client wait. */
static void drain(struct answer *a)
{
	struct body *b = &a->s->req_body;
	uint32_t n = b->bytes;

	if (!n)
		return;
	body_drop(b, n);
	stream_took_req(a->s, n);
}

static void move(struct answer *a)
{
	struct body *b = &a->s->res_body;
	uint64_t total = b->total_bytes;
	bool ended = b->ended;

	if (!a->kind->reads || ended)
		drain(a);
	if (!a->over && !ended && a->kind->fill)
		a->kind->fill(a);
	if (!a->over && (b->total_bytes != total || b->ended != ended))
		stream_on_res_data(a->s);
}

/* The sides call each other back: what comes in meanwhile is one round more. */
static void pump(struct answer *a)
{
	struct stream *s = a->s;

	a->again = true;
	if (a->pumping)
		return;
	a->pumping = true;
	while (a->again && !a->over) {
		a->again = false;
		move(a);
	}
	a->pumping = false;
	if (!a->over && s->res_body.ended && body_is_done(&s->req_body))
		finish(a);
}

static void data_side(struct stream *s)
{
	pump(s->b.owner);
}

static void room_side(struct stream *s, size_t n)
{
	(void)n;
	pump(s->b.owner);
}

static void abort_side(struct stream *s, enum stream_end why)
{
	(void)why;
	finish(s->b.owner);
}

static const struct side_ops side_ops = {
	.data = data_side,
	.room = room_side,
	.abort = abort_side,
};

static void wait_ms(struct answer *a, uint64_t ms)
{
	timer_set(a->s->gate->loop, &a->timer, ms);
}

static void timer_cb(struct timer *t)
{
	struct answer *a = container_of(t, struct answer, timer);

	a->kind->fire(a);
}

/* --- bodies from the pattern ----------------------------------------- */

void answers_init(struct answers *all)
{
	for (uint64_t i = 0; i < sizeof(all->pattern); i++)
		all->pattern[i] = pattern_byte(i);
}

static int put_pattern(struct answer *a, uint64_t left)
{
	const struct answers *all = a->s->gate->handler;
	const char *from = all->pattern + a->at % PATTERN_PERIOD;
	struct body *b = &a->s->res_body;
	size_t n = left;

	if (left <= SMALL_BYTES) {
		if (body_put(b, from, n) != 0)
			return -1;
	} else {
		char *to = body_reserve(b, PATTERN_RUN, &n);

		if (!to)
			return -1;
		n = n < PATTERN_RUN ? n : PATTERN_RUN;
		n = n < left ? n : left;
		memcpy(to, from, n);
		body_commit(b, n);
	}
	a->at += n;
	return 0;
}

static void fill_pattern(struct answer *a)
{
	struct body *b = &a->s->res_body;

	if (!a->s->answered)
		return;
	while (a->at < a->allowed && !body_is_full(b)) {
		if (put_pattern(a, a->allowed - a->at) != 0) {
			fail(a, STREAM_NO_MEMORY);
			return;
		}
	}
	b->ended = a->at == a->end;
}

static const char bytes_type[] = "application/octet-stream";

static unsigned int start_pattern(struct answer *a, bool with_length)
{
	if (!read_number(a->rest, &a->end))
		return 400;
	a->allowed = a->end;
	if (begin(a, bytes_type, with_length ? (int64_t)a->end : LENGTH_UNKNOWN))
		pump(a);
	return 0;
}

static unsigned int start_bytes(struct answer *a)
{
	return start_pattern(a, true);
}

static unsigned int start_chunked(struct answer *a)
{
	return start_pattern(a, false);
}

static unsigned int start_delay(struct answer *a)
{
	if (!read_number(a->rest, &a->every_ms) || !param(a, "bytes", &a->end))
		return 400;
	a->allowed = a->end;
	wait_ms(a, a->every_ms);
	return 0;
}

static void fire_delay(struct answer *a)
{
	if (begin(a, bytes_type, (int64_t)a->end))
		pump(a);
}

/* One step at once, the others by the timer. */
static void fire_step(struct answer *a)
{
	a->allowed += a->step;
	if (a->allowed < a->end)
		wait_ms(a, a->every_ms);
	pump(a);
}

static unsigned int start_drip(struct answer *a)
{
	uint64_t n = 10;

	a->step = 1;
	a->every_ms = 100;
	if (!param(a, "bytes", &a->step) || !param(a, "ms", &a->every_ms) ||
	    !param(a, "n", &n) || !n || !a->step || a->step > (uint64_t)INT64_MAX / n)
		return 400;
	a->end = n * a->step;
	if (begin(a, bytes_type, (int64_t)a->end))
		fire_step(a);
	return 0;
}

/* The promised length is never reached: once what was put is taken, the
 * server fails. */
static unsigned int start_reset(struct answer *a)
{
	a->allowed = 1000;
	if (!param(a, "bytes", &a->allowed))
		return 400;
	if (a->allowed > INT64_MAX - 1000)
		return 400;
	a->end = a->allowed + 1000;
	if (begin(a, bytes_type, (int64_t)a->end))
		pump(a);
	return 0;
}

static void fill_reset(struct answer *a)
{
	fill_pattern(a);
	if (!a->over && a->at == a->allowed && !a->s->res_body.bytes)
		wait_ms(a, RESET_MS);
}

static void fire_reset(struct answer *a)
{
	fail(a, STREAM_BROKEN);
}

static unsigned int start_close(struct answer *a)
{
	stream_abort(a->s, STREAM_BROKEN);
	return 0;
}

/* --- server-sent events ---------------------------------------------- */

static void fill_sse(struct answer *a)
{
	struct body *b = &a->s->res_body;
	char event[64];

	while (a->at < a->allowed && !body_is_full(b)) {
		int n = snprintf(event, sizeof(event),
				 "id: %" PRIu64 "\ndata: event %" PRIu64 "\n\n", a->at,
				 a->at);

		if (body_put(b, event, (size_t)n) != 0) {
			fail(a, STREAM_NO_MEMORY);
			return;
		}
		a->at++;
	}
	b->ended = a->at == a->end;
}

static unsigned int start_sse(struct answer *a)
{
	a->end = 10;
	a->every_ms = 100;
	a->step = 1;
	if (!param(a, "n", &a->end) || !param(a, "ms", &a->every_ms))
		return 400;
	if (!a->end)
		a->end = UINT64_MAX;
	if (add_field(a, "cache-control", "no-store") != 0)
		return 503;
	if (begin(a, "text/event-stream", LENGTH_UNKNOWN))
		fire_step(a);
	return 0;
}

/* --- bodies that come in --------------------------------------------- */

/* The client waits for a word before it sends the body (RFC 9110 §10.1.1). */
static bool is_awaited(const struct stream *s)
{
	return fields_get(&s->req.headers, FIELD_EXPECT) && !s->req_body.total_bytes &&
	       !s->req_body.ended;
}

/* The word; an HTTP/1 front says it by itself. */
static void invite(struct answer *a)
{
	struct stream *s = a->s;

	if (!s->is_h2 || !is_awaited(s))
		return;
	s->res.status = 100;
	stream_on_info(s);
}

static unsigned int start_echo(struct answer *a)
{
	invite(a);
	pump(a);
	return 0;
}

static bool begin_echo(struct answer *a)
{
	struct stream *s = a->s;
	const struct field *type = fields_get(&s->req.headers, FIELD_CONTENT_TYPE);
	int64_t length = s->req.content_length;
	const char *name = bytes_type;

	if (type)
		name = arena_copy(&s->arena, type->value, type->value_len);
	if (s->req_body.ended && !s->req_body.total_bytes)
		length = 0;
	return begin(a, name, length);
}

static void fill_echo(struct answer *a)
{
	struct body *from = &a->s->req_body, *to = &a->s->res_body;
	size_t taken = 0, n;
	const char *p;

	if (!a->s->answered && (is_awaited(a->s) || !begin_echo(a)))
		return;
	while (!body_is_full(to) && (n = body_peek(from, &p))) {
		if (body_put(to, p, n) != 0) {
			fail(a, STREAM_NO_MEMORY);
			return;
		}
		body_drop(from, n);
		taken += n;
	}
	if (body_is_done(from))
		to->ended = true;
	if (taken)
		stream_took_req(a->s, taken);
}

static unsigned int start_sink(struct answer *a)
{
	a->digest = EVP_MD_CTX_new();
	if (!a->digest || !EVP_DigestInit_ex(a->digest, EVP_sha256(), NULL))
		return 503;
	invite(a);
	pump(a);
	return 0;
}

static void end_sink(struct answer *a)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	char text[EVP_MAX_MD_SIZE * 2 + 64], *to = text;
	unsigned int len = 0;

	EVP_DigestFinal_ex(a->digest, sum, &len);
	to += sprintf(to, "{\"bytes\":%" PRIu64 ",\"sha256\":\"", a->at);
	for (unsigned int i = 0; i < len; i++)
		to += sprintf(to, "%02x", sum[i]);
	to += sprintf(to, "\"}\n");
	say(a, 200, STR("application/json"), str_of(text, (size_t)(to - text)));
}

static void fill_sink(struct answer *a)
{
	struct body *from = &a->s->req_body;
	size_t taken = 0, n;
	const char *p;

	while ((n = body_peek(from, &p))) {
		EVP_DigestUpdate(a->digest, p, n);
		body_drop(from, n);
		taken += n;
	}
	a->at += taken;
	if (taken)
		stream_took_req(a->s, taken);
	if (!a->over && body_is_done(from))
		end_sink(a);
}

/* --- trailers -------------------------------------------------------- */

static unsigned int start_trailers(struct answer *a)
{
	invite(a);
	pump(a);
	return 0;
}

/* The request's trailers and one of our own. Returns: 0, or -1. */
static int put_trailers(struct stream *s)
{
	struct fields *to = &s->res.trailers;

	if (fields_add(to, &s->arena, STR("x-origin-trailer"), STR("done")) != 0 ||
	    fields_room(to, &s->arena, s->req.trailers.n) != 0)
		return -1;
	for (unsigned int i = 0; i < s->req.trailers.n; i++)
		fields_push(to, s->req.trailers.at[i]);
	return body_put(&s->res_body, "trailers follow\n", 16);
}

static void fill_trailers(struct answer *a)
{
	struct stream *s = a->s;

	if (!body_is_done(&s->req_body))
		return;
	if (add_field(a, "trailer", "x-origin-trailer") != 0) {
		fail(a, STREAM_NO_MEMORY);
		return;
	}
	if (!begin(a, "text/plain; charset=utf-8", LENGTH_UNKNOWN) || s->res_body.ended)
		return;
	if (put_trailers(s) != 0)
		fail(a, STREAM_NO_MEMORY);
	else
		s->res_body.ended = true;
}

/* --- websocket ------------------------------------------------------- */

/* "" when there is no such field. */
static struct str request_field(const struct answer *a, struct str name)
{
	const struct fields *f = &a->s->req.headers;

	for (unsigned int i = 0; i < f->n; i++)
		if (str_eq(field_name(&f->at[i]), name))
			return field_value(&f->at[i]);
	return STR("");
}

/* RFC 6455 §4.4 */
static unsigned int refuse_plain(struct answer *a)
{
	struct reply_field fields[] = {{STR("sec-websocket-version"), STR("13")},
				       {STR("upgrade"), STR("websocket")}};

	finish(a);
	reply_send_with(a->s, 426, STR("text/plain"), STR("this is a WebSocket\n"),
			fields, a->s->is_h2 ? 1 : 2);
	return 0;
}

/* Of the subprotocols that the client offers the first one is taken. */
static int choose_subprotocol(struct answer *a)
{
	struct str rest = request_field(a, STR("sec-websocket-protocol")), first;

	if (!rest.len)
		return 0;
	str_split(&rest, ',', &first);
	first = str_trim(first);
	return add_field(a, "sec-websocket-protocol",
			 arena_copy(&a->s->arena, first.p, first.len));
}

static unsigned int start_websocket(struct answer *a)
{
	struct stream *s = a->s;

	if (!str_eq_nocase(s->req.protocol, STR("websocket")) ||
	    !str_eq(request_field(a, STR("sec-websocket-version")), STR("13")))
		return refuse_plain(a);
	if (!s->is_h2 && !fields_get(&s->req.headers, FIELD_SEC_WEBSOCKET_KEY))
		return 400;
	a->socket = arena_zalloc(&s->arena, sizeof(*a->socket));
	if (!a->socket || choose_subprotocol(a) != 0 ||
	    (!s->is_h2 && websocket_add_accept(s) != 0))
		return 503;
	s->res.status = 101; /* over HTTP/2 the front makes it 200 (RFC 8441 §5) */
	stream_on_answer(s);
	if (!a->over)
		pump(a);
	return 0;
}

static void fill_websocket(struct answer *a)
{
	struct stream *s = a->s;
	size_t taken;

	if (websocket_echo_move(a->socket, &s->req_body, &s->res_body, &taken) != 0)
		fail(a, STREAM_NO_MEMORY);
	else if (taken)
		stream_took_req(s, taken);
}

/* --- short answers --------------------------------------------------- */

static unsigned int start_hello(struct answer *a)
{
	say_text(a, 200, STR("hello from the heapgate origin\n"));
	return 0;
}

static unsigned int start_status(struct answer *a)
{
	char text[128];
	uint64_t n;
	int len;

	if (!str_u64(a->rest, &n) || n < 200 || n > 599)
		return 400;
	len = snprintf(text, sizeof(text), "%u %s\n", (unsigned int)n,
		       status_reason((unsigned int)n));
	if (n == 204 || n == 205 || n == 304)
		len = 0;
	say_text(a, (unsigned int)n, str_of(text, (size_t)len));
	return 0;
}

static unsigned int start_headers(struct answer *a)
{
	struct str text = request_json(a->s);

	if (!text.p)
		return 503;
	say(a, 200, STR("application/json"), text);
	return 0;
}

/* --- all of them ----------------------------------------------------- */

static const struct kind kinds[] = {
	{.path = "/", .start = start_hello},
	{.path = "/bytes/", .start = start_bytes, .fill = fill_pattern},
	{.path = "/chunked/", .start = start_chunked, .fill = fill_pattern},
	{.path = "/delay/",
	 .start = start_delay,
	 .fill = fill_pattern,
	 .fire = fire_delay},
	{.path = "/drip", .start = start_drip, .fill = fill_pattern, .fire = fire_step},
	{.path = "/sse", .start = start_sse, .fill = fill_sse, .fire = fire_step},
	{.path = "/echo", .start = start_echo, .fill = fill_echo, .reads = true},
	{.path = "/sink", .start = start_sink, .fill = fill_sink, .reads = true},
	{.path = "/headers", .start = start_headers},
	{.path = "/trailers", .start = start_trailers, .fill = fill_trailers},
	{.path = "/status/", .start = start_status},
	{.path = "/websocket",
	 .start = start_websocket,
	 .fill = fill_websocket,
	 .reads = true},
	{.path = "/reset",
	 .start = start_reset,
	 .fill = fill_reset,
	 .fire = fire_reset},
	{.path = "/close", .start = start_close},
};

static const struct kind *kind_of(struct str path)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct str p = str_z(kinds[i].path);

		if (str_eq(path, p) ||
		    (p.len > 1 && p.p[p.len - 1] == '/' && str_starts(path, p)))
			return &kinds[i];
	}
	return NULL;
}

void answer_stream(struct stream *s)
{
	struct str query = s->req.path, path = {"", 0};
	struct answer *a = arena_zalloc(&s->arena, sizeof(*a));
	unsigned int status;

	if (!a) {
		reply_error(s, 503);
		return;
	}
	str_split(&query, '?', &path);
	a->s = s;
	a->query = query;
	a->kind = kind_of(path);
	timer_init(&a->timer, timer_cb);
	if (!a->kind) {
		reply_error(s, 404);
		return;
	}
	a->rest = str_of(path.p + strlen(a->kind->path),
			 path.len - strlen(a->kind->path));
	stream_attach_b(s, &side_ops, a, NULL);
	status = a->kind->start(a);
	if (status) {
		finish(a);
		reply_error(s, status);
	}
}
