#include "proxy/back_h1.h"

#include "base/must.h"
#include "proxy/forward.h"
#include "proxy/gate.h"
#include "proxy/websocket.h"

#define BACK_MAGIC 0x62616b31u /* "bak1" */
#define MAX_INFOS  32          /* 1xx before one answer */

static void mark(struct back_h1 *b)
{
	loop_mark(b->gate->loop, &b->dirty);
}

/* --- life -------------------------------------------------------------------- */

static void bury(struct grave *g)
{
	struct back_h1 *b = container_of(g, struct back_h1, grave);

	pool_put(&b->gate->backs_h1, b);
}

static void count_bytes(struct back_h1 *b)
{
	struct stats *st = b->gate->stats;

	stat_add(&st->back_in_bytes, b->w.conn->in_bytes - b->in_counted);
	stat_add(&st->back_out_bytes, b->w.conn->out_bytes - b->out_counted);
	b->in_counted = b->w.conn->in_bytes;
	b->out_counted = b->w.conn->out_bytes;
}

static void leave_idle(struct back_h1 *b)
{
	if (list_empty(&b->node))
		return;
	list_del(&b->node);
	b->server->n_idle--;
	stat_sub(&b->server->stats->conns_idle, 1);
}

static void back_free(struct back_h1 *b)
{
	must(b->magic == BACK_MAGIC && !b->s);
	b->magic = 0;
	leave_idle(b);
	stat_sub(&b->server->stats->conns_active, 1);
	if (b->w.conn)
		count_bytes(b);
	conn_free(&b->w.conn);
	h1_session_drop(&b->w);
	dirty_fini(&b->dirty);
	timer_stop(b->gate->loop, &b->timer);
	loop_bury(b->gate->loop, &b->grave, bury);
}

/* Lets go of the stream without a word to it. */
static struct stream *unlink_stream(struct back_h1 *b)
{
	struct stream *s = b->s;

	b->s = NULL;
	s->server = NULL;
	b->server->n_requests--;
	stat_sub(&b->server->stats->requests_active, 1);
	return s;
}

/* What was reserved for a read that brought nothing. */
static void give_room_back(struct back_h1 *b, struct stream *s)
{
	if (b->room)
		body_commit(&s->res_body, 0);
	b->room = NULL;
}

static void fail(struct back_h1 *b, enum stream_end why)
{
	struct stream *s = unlink_stream(b);

	give_room_back(b, s);
	back_free(b);
	stream_fail_b(s, why);
}

/* The same, with the error's type for Proxy-Status. */
static void fail_as(struct back_h1 *b, enum stream_end why, const char *fault)
{
	b->s->fault = fault;
	fail(b, why);
}

static void go_idle(struct back_h1 *b)
{
	struct server *server = b->server;

	if (server->n_idle >= server->upstream->conf->n_idle || b->gate->draining) {
		back_free(b);
		return;
	}
	conn_resume(b->w.conn);
	list_push(&server->idle, &b->node);
	server->n_idle++;
	stat_add(&server->stats->conns_idle, 1);
	timer_set(b->gate->loop, &b->timer, server->upstream->conf->idle_timeout_ms);
}

/* The whole answer is here. left: bytes behind it that nobody asked for. */
static void finish(struct back_h1 *b, size_t left)
{
	bool again = b->req_done && b->w.h.keep_alive && !left && !b->w.conn->ended;
	struct stream *s = unlink_stream(b);

	give_room_back(b, s);
	h1_session_drop(&b->w);
	b->reused = true;
	if (again)
		go_idle(b);
	else
		back_free(b);
	s->res_body.ended = true;
	stream_on_res_data(s);
	stream_detach_b(s);
}

/* --- the answer --------------------------------------------------------------- */

/* Returns: false when there is no more to do with this input. */
static bool take_head(struct back_h1 *b, char **p, size_t *len)
{
	struct stream *s = b->s;
	size_t used = 0;
	enum h1_result r;

	r = h1_read_head(&b->w.h, *p, *len, &used, &s->res, &s->arena);
	if (r == H1_MORE) {
		if (h1_session_hold(&b->w, *p, *len) != 0)
			fail(b, STREAM_NO_MEMORY);
		return false;
	}
	if (r != H1_HEAD) {
		fail_as(b, STREAM_BROKEN, "http_protocol_error");
		return false;
	}
	*p += used;
	*len -= used;
	if (s->res.status < 200 && s->res.status != 101) {
		if (++b->n_infos > MAX_INFOS) {
			fail_as(b, STREAM_BROKEN, "http_protocol_error");
			return false;
		}
		forward_answer(s);
		stream_on_info(s);
		h1_next(&b->w.h);
		if (!*len)
			h1_session_drop(&b->w);
		return *len > 0;
	}
	b->got_head = true;
	if (s->res.status == 101 && !websocket_is_accepted(s)) {
		fail_as(b, STREAM_BROKEN, "http_upgrade_failed");
		return false;
	}
	s->res_body.ended = b->w.h.framing == H1_NONE;
	forward_answer(s);
	stream_on_answer(s);
	mark(b); /* a tunnel: what the client has sent may go */
	return b->s != NULL;
}

/* Bytes that were read straight into the queue need no copy. */
static int put_body(struct back_h1 *b, struct str data)
{
	struct stream *s = b->s;

	if (data.p != b->room)
		return body_put(&s->res_body, data.p, data.len);
	b->room = NULL;
	body_commit(&s->res_body, data.len);
	return 0;
}

/* Returns: false when there is no more to do with this input. */
static bool take_body(struct back_h1 *b, char **p, size_t *len)
{
	struct stream *s = b->s;
	struct str data = {NULL, 0};
	size_t used = 0;
	enum h1_result r;

	r = h1_read_body(&b->w.h, *p, *len, &used, &data, &s->res, &s->arena);
	if (r == H1_DATA) {
		if (put_body(b, data) != 0) {
			fail(b, STREAM_NO_MEMORY);
			return false;
		}
	}
	*p += used;
	*len -= used;
	switch (r) {
	case H1_DATA:
		return true;
	case H1_DONE:
		finish(b, *len);
		return false;
	case H1_MORE:
		if (h1_session_hold(&b->w, *p, *len) != 0)
			fail(b, STREAM_NO_MEMORY);
		return false;
	default:
		fail(b, STREAM_BROKEN);
		return false;
	}
}

/* What is left of the limit is not worth a read of its own. */
static bool is_nearly_full(const struct body *body)
{
	return body->bytes >= body->limit - body->limit / 32;
}

static void feed(struct back_h1 *b, char *p, size_t len)
{
	uint64_t before = b->s->res_body.total_bytes;
	struct stream *s = b->s;

	while (!b->got_head)
		if (!take_head(b, &p, &len))
			return;
	while (take_body(b, &p, &len))
		;
	if (b->s != s || s->res_body.total_bytes == before)
		return;
	stream_on_res_data(s);
	if (b->s == s && is_nearly_full(&s->res_body))
		conn_pause(b->w.conn);
}

static void on_input(struct conn *c, char *data, size_t len)
{
	struct back_h1 *b = c->owner;

	if (!b->s) {
		back_free(b); /* nobody asked: not to be trusted any more */
		return;
	}
	if (!b->head_sent) {
		fail(b, STREAM_REFUSED); /* an answer, but not to this request */
		return;
	}
	b->got_bytes = true;
	if (h1_session_join(&b->w, &data, &len) != 0)
		fail(b, STREAM_NO_MEMORY);
	else
		feed(b, data, len);
}

/* Enough for a head and a small body; what is longer is then read to where it
 * needs no copy. */
#define HEAD_READ_BYTES 8192

static size_t room_left(const struct body *body)
{
	return body->limit > body->bytes ? body->limit - body->bytes : 1;
}

/* Over TLS: no more than the stream may buffer. */
static size_t on_cap(struct conn *c)
{
	struct back_h1 *b = c->owner;
	size_t left = b->s ? room_left(&b->s->res_body) : LOOP_READ_BYTES;

	return left < LOOP_READ_BYTES ? left : LOOP_READ_BYTES;
}

/* No more than the stream may buffer. Returns: NULL for the usual room. */
static char *small_room(struct back_h1 *b, size_t *cap)
{
	const struct body *body = &b->s->res_body;
	size_t most = b->got_head ? LOOP_READ_BYTES : HEAD_READ_BYTES;

	if (conn_is_tls(b->w.conn) || (most == LOOP_READ_BYTES && body->limit >= most))
		return NULL;
	*cap = room_left(body);
	if (*cap > most)
		*cap = most;
	return b->gate->loop->in;
}

/* What there can be of the body, as far as the stream may buffer it. */
static size_t most_wanted(const struct back_h1 *b)
{
	const struct body *body = &b->s->res_body;
	size_t n = body_is_full(body) ? 1 : body->limit - body->bytes;

	return b->w.h.framing == H1_LENGTH && b->w.h.left_bytes < n
		       ? (size_t)b->w.h.left_bytes
		       : n;
}

/* A body of known framing is read to where it will be sent from. */
static char *on_room(struct conn *c, size_t *cap)
{
	struct back_h1 *b = c->owner;
	bool plain = b->s && b->got_head && !b->w.held_bytes &&
		     (b->w.h.framing == H1_LENGTH || b->w.h.framing == H1_CLOSE);

	b->room = plain ? body_reserve(&b->s->res_body, most_wanted(b), cap) : NULL;
	if (!b->s)
		return NULL;
	if (!b->room)
		return small_room(b, cap);
	if (*cap > b->s->res_body.limit)
		*cap = b->s->res_body.limit;
	return b->room;
}

/* There never was a connection. */
static void fail_open(struct back_h1 *b, enum conn_end why)
{
	fail_as(b, why == CONN_TIMEOUT ? STREAM_TIMEOUT : STREAM_UNREACHABLE,
		back_open_fault(b->w.conn, why));
}

static void on_end(struct conn *c, enum conn_end why)
{
	struct back_h1 *b = c->owner;

	if (!b->open)
		server_on_failure(b->server, b->gate->loop->now_ms);
	if (!b->s) {
		back_free(b);
		return;
	}
	if (b->got_head && why == CONN_EOF && h1_read_eof(&b->w.h) == H1_DONE) {
		finish(b, 0);
		return;
	}
	if (!b->open)
		fail_open(b, why);
	else if (!b->head_sent)
		fail(b, STREAM_REFUSED); /* it cannot have looked at it */
	else if (b->got_bytes)
		fail_as(b, STREAM_BROKEN, "http_response_incomplete");
	else
		fail(b, b->reused ? STREAM_STALE : STREAM_BROKEN);
}

/* --- the request ---------------------------------------------------------------- */

static enum h1_body_form body_form(const struct stream *s)
{
	if (s->req.protocol.len)
		return H1_WRITE_NONE;
	if (s->req.content_length != LENGTH_UNKNOWN)
		return H1_WRITE_LENGTH;
	if (s->req.no_body || body_is_done(&s->req_body))
		return H1_WRITE_NONE;
	return H1_WRITE_CHUNKED;
}

/* Returns: false when there is no room for it. */
static bool send_head(struct back_h1 *b)
{
	struct stream *s = b->s;
	enum h1_body_form form = body_form(s);
	struct arena *tick = &b->gate->loop->tick;
	struct arena_mark top = arena_mark(tick);
	size_t cap = h1_head_bytes(&s->req), n;
	char *to = arena_bytes(tick, cap);

	n = to ? h1_write_request(to, cap, &s->req, form, false) : 0;
	if (n)
		conn_write(b->w.conn, to, n);
	arena_rewind(tick, top);
	if (!n)
		return false;
	b->head_sent = true;
	b->w.chunked = form == H1_WRITE_CHUNKED;
	return true;
}

/* Until it is accepted, an upgrade has none. */
static bool may_send_body(const struct stream *s)
{
	return !s->req.protocol.len || s->tunnel;
}

static void flush_cb(struct dirty *d)
{
	struct back_h1 *b = container_of(d, struct back_h1, dirty);
	struct stream *s = b->s;
	size_t taken = 0;
	bool ok = true;

	if (!s || !b->open || b->req_done || !conn_can_write(b->w.conn))
		return;
	conn_begin(b->w.conn);
	if (!b->head_sent)
		ok = send_head(b);
	if (ok && may_send_body(s))
		taken = h1_session_send_body(&b->w, &s->req_body);
	if (ok && may_send_body(s) && body_is_done(&s->req_body)) {
		ok = h1_session_send_end(&b->w, &s->req.trailers) == 0;
		b->req_done = ok;
	}
	conn_flush(b->w.conn);
	if (b->req_done && s->tunnel)
		conn_end_output(b->w.conn);
	count_bytes(b);
	if (!ok)
		fail(b, STREAM_NO_MEMORY);
	else if (taken)
		stream_took_req(s, taken);
}

static void on_writable(struct conn *c)
{
	mark(c->owner);
}

static void on_open(struct conn *c)
{
	struct back_h1 *b = c->owner;

	if (c->is_h2) { /* not what was agreed */
		on_end(c, CONN_TLS_ERROR);
		return;
	}
	b->open = true;
	server_on_success(b->server);
	mark(b);
}

static const struct conn_ops conn_ops = {.on_open = on_open,
					 .on_input = on_input,
					 .on_writable = on_writable,
					 .on_end = on_end,
					 .on_room = on_room,
					 .on_cap = on_cap};

/* --- side B ----------------------------------------------------------------------- */

static void head_side(struct stream *s)
{
	mark(s->b.owner);
}

static void info_side(struct stream *s)
{
	(void)s; /* nobody sends interim requests */
}

static void data_side(struct stream *s)
{
	mark(s->b.owner);
}

static void room_side(struct stream *s, size_t n)
{
	struct back_h1 *b = s->b.owner;

	(void)n;
	if (s->res_body.bytes <= s->res_body.limit / 2)
		conn_resume(b->w.conn);
}

static void abort_side(struct stream *s, enum stream_end why)
{
	struct back_h1 *b = s->b.owner;

	(void)why;
	unlink_stream(b);
	give_room_back(b, s);
	back_free(b);
	stream_detach_b(s);
}

static const struct side_ops side_ops = {head_side, info_side, data_side, room_side,
					 abort_side};

static void timer_cb(struct timer *t)
{
	struct back_h1 *b = container_of(t, struct back_h1, timer);

	if (!b->s)
		back_free(b);
}

static struct back_h1 *back_new(struct gate *g, struct server *server)
{
	const struct addr *to = server_addr(server);
	struct back_h1 *b = to ? pool_get(&g->backs_h1) : NULL;

	if (!b)
		return NULL;
	memset(b, 0, sizeof(*b));
	b->magic = BACK_MAGIC;
	b->gate = g;
	b->server = server;
	list_init(&b->node);
	dirty_init(&b->dirty, flush_cb);
	timer_init(&b->timer, timer_cb);
	h1_init_response(&b->w.h, &g->limits->head);
	b->w.conn =
		conn_connect(g->loop, to, server->tls, server->tls_name,
			     server->upstream->conf->connect_timeout_ms, &conn_ops, b);
	if (!b->w.conn) {
		pool_put(&g->backs_h1, b);
		return NULL;
	}
	stat_add(&server->stats->conns_total, 1);
	stat_add(&server->stats->conns_active, 1);
	return b;
}

static struct back_h1 *back_get(struct gate *g, struct server *server, bool fresh)
{
	struct back_h1 *b;

	if (fresh || list_empty(&server->idle))
		return back_new(g, server);
	b = container_of(server->idle.next, struct back_h1, node);
	leave_idle(b);
	stat_add(&server->stats->conns_reused, 1);
	return b;
}

int back_h1_start(struct stream *s, struct server *server)
{
	struct back_h1 *b;

	if (s->req.protocol.len && websocket_add_key(s) != 0)
		return -1;
	b = back_get(s->gate, server, s->fresh);
	if (!b)
		return -1;
	b->s = s;
	b->head_sent = false;
	b->req_done = false;
	b->got_bytes = false;
	b->got_head = false;
	b->w.chunked = false;
	b->n_infos = 0;
	h1_next(&b->w.h);
	s->server = server;
	server->n_requests++;
	stat_add(&server->stats->requests_total, 1);
	stat_add(&server->stats->requests_active, 1);
	stream_attach_b(s, &side_ops, b, NULL);
	mark(b);
	return 0;
}

void back_h1_close_all(struct gate *g, struct server *server)
{
	(void)g;
	while (!list_empty(&server->idle))
		back_free(container_of(server->idle.next, struct back_h1, node));
}
