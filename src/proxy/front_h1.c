#include "proxy/front_h1.h"

#include "base/must.h"
#include "proxy/reply.h"
#include "proxy/stream.h"

static struct front_h1 *of_front(struct front *f)
{
	return container_of(f, struct front_h1, f);
}

static void mark(struct front_h1 *h)
{
	loop_mark(h->f.gate->loop, &h->f.dirty);
}

/* --- life ---------------------------------------------------------------------- */

static void bury(struct grave *g)
{
	struct front *f = container_of(g, struct front, grave);

	pool_put(&f->gate->fronts_h1, of_front(f));
}

static void front_h1_free(struct front *f)
{
	struct front_h1 *h = of_front(f);
	struct stream *s = h->s;
	bool cut = s && h->head_sent && h->until_close;

	h->s = NULL;
	if (s)
		stream_detach_a(s, STREAM_CANCELLED);
	h1_session_drop(&h->w);
	stat_sub(&f->gate->stats->fronts_h1, 1);
	if (cut)
		conn_reset(&f->conn);
	conn_free(&f->conn);
	loop_bury(f->gate->loop, &f->grave, bury);
	front_fini(f);
}

/* In order: what is written still goes out. */
static void front_h1_close(struct front_h1 *h)
{
	front_count_bytes(&h->f);
	conn_close(&h->f.conn);
	front_h1_free(&h->f);
}

/* --- side A: the answer ----------------------------------------------------------- */

static enum h1_body_form answer_form(const struct stream *s)
{
	const struct message *m = &s->res;

	if (m->no_body || s->req.method == METHOD_HEAD || m->status == 204 ||
	    m->status == 304 || s->tunnel)
		return H1_WRITE_NONE;
	if (m->content_length != LENGTH_UNKNOWN)
		return H1_WRITE_LENGTH;
	return s->req.minor_version ? H1_WRITE_CHUNKED : H1_WRITE_CLOSE;
}

static int write_head(struct front_h1 *h, enum h1_body_form form)
{
	struct stream *s = h->s;
	struct arena *tick = &s->gate->loop->tick;
	struct arena_mark mark = arena_mark(tick);
	size_t cap = h1_head_bytes(&s->res), n;
	char *to = arena_bytes(tick, cap);

	n = to ? h1_write_response(to, cap, &s->res, form, h->close,
				   s->req.minor_version)
	       : 0;
	if (n)
		conn_write(h->w.conn, to, n);
	arena_rewind(tick, mark);
	return n ? 0 : -1;
}

static int send_head(struct front_h1 *h)
{
	enum h1_body_form form = answer_form(h->s);

	if (!h->w.h.keep_alive || h->f.draining || !h->req_done ||
	    form == H1_WRITE_CLOSE)
		h->close = true;
	h->head_sent = true;
	h->until_close = form == H1_WRITE_CLOSE || h->s->tunnel;
	h->w.chunked = form == H1_WRITE_CHUNKED;
	return write_head(h, form);
}

static void feed(struct front_h1 *h, char *p, size_t len);

/* What waited behind something that has ended. */
static void feed_held(struct front_h1 *h)
{
	char *p = NULL;
	size_t len = 0;

	conn_resume(h->w.conn);
	if (h1_session_join(&h->w, &p, &len) == 0 && len)
		feed(h, p, len);
}

/* The answer to an upgrade: from here on a tunnel, or a request like any. */
static void end_asking(struct front_h1 *h)
{
	struct stream *s = h->s;

	h->asks = false;
	if (s->tunnel) {
		h1_set_tunnel(&h->w.h);
		conn_allow_half(h->w.conn);
		feed_held(h);
		return;
	}
	h->req_done = true;
	s->req_body.ended = true;
	stream_on_req_data(s);
}

/* The answer is out: on to the next request, or to the end. */
static void end_exchange(struct front_h1 *h)
{
	struct stream *s = h->s;
	bool close = h->close || !h->req_done;

	h->s = NULL;
	stream_detach_a(s, STREAM_DONE);
	if (close) {
		front_h1_close(h);
		return;
	}
	timer_set(h->f.gate->loop, &h->f.timer, h->f.gate->limits->idle_timeout_ms);
	feed_held(h);
}

static void flush_cb(struct dirty *d)
{
	struct front_h1 *h = of_front(container_of(d, struct front, dirty));
	struct stream *s = h->s;
	size_t taken = 0;
	bool ok = true, done = false;

	if (!s || !s->answered || !conn_can_write(h->w.conn))
		return;
	conn_begin(h->w.conn);
	if (!h->head_sent)
		ok = send_head(h) == 0;
	if (ok)
		taken = h1_session_send_body(&h->w, &s->res_body);
	if (ok && body_is_done(&s->res_body)) {
		done = true;
		ok = h1_session_send_end(&h->w, &s->res.trailers) == 0;
	}
	conn_flush(h->w.conn);
	front_count_bytes(&h->f);
	if (!ok)
		front_h1_free(&h->f);
	else if (done)
		end_exchange(h);
	else if (taken)
		stream_took_res(s, taken);
}

static void head_side(struct stream *s)
{
	struct front_h1 *h = s->a.owner;

	if (h->asks)
		end_asking(h);
	mark(h);
}

static void info_side(struct stream *s)
{
	struct front_h1 *h = s->a.owner;

	/* RFC 9110 §15.2: an HTTP/1.0 client knows no 1xx. */
	if (!s->req.minor_version || !conn_can_write(h->w.conn))
		return;
	conn_begin(h->w.conn);
	write_head(h, H1_WRITE_NONE);
	conn_flush(h->w.conn);
}

static void data_side(struct stream *s)
{
	mark(s->a.owner);
}

static void room_side(struct stream *s, size_t n)
{
	struct front_h1 *h = s->a.owner;

	(void)n;
	if (s->req_body.bytes <= s->req_body.limit / 2)
		conn_resume(h->w.conn);
}

/* HTTP/1 has no word for it but the end of the connection. */
static void abort_side(struct stream *s, enum stream_end why)
{
	struct front_h1 *h = s->a.owner;

	if (why == STREAM_TIMEOUT)
		h->until_close = true; /* or the kernel goes on waiting for it */
	front_h1_free(&h->f);
}

static const struct side_ops side_ops = {head_side, info_side, data_side, room_side,
					 abort_side};

/* --- the request ---------------------------------------------------------------------
 */

static unsigned int check_head(const struct stream *s)
{
	uint64_t max = s->gate->limits->body_bytes;

	if (max && s->req.content_length > 0 && (uint64_t)s->req.content_length > max)
		return 413;
	return 0;
}

/* A handler of our own never says 100; the client waits for it. */
static void say_continue(struct front_h1 *h)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct stream *s = h->s;

	if (!s->req.expect_continue || s->server || s->answered ||
	    !conn_can_write(h->w.conn))
		return;
	conn_begin(h->w.conn);
	conn_write(h->w.conn, text, sizeof(text) - 1);
	conn_flush(h->w.conn);
}

static void begin_request(struct front_h1 *h)
{
	h->s = stream_new(&h->f, &side_ops, h);
	h1_next(&h->w.h);
	h->got_head = false;
	h->req_done = false;
	h->head_sent = false;
	h->close = false;
	h->asks = false;
	h->w.chunked = false;
}

/* Returns: true when the head is whole and was passed on. */
static bool take_head(struct front_h1 *h, char **p, size_t *len)
{
	struct stream *s = h->s;
	unsigned int status;
	size_t used = 0;
	enum h1_result r;

	r = h1_read_head(&h->w.h, *p, *len, &used, &s->req, &s->arena);
	if (r == H1_MORE) {
		if (h1_session_hold(&h->w, *p, *len) != 0)
			front_h1_free(&h->f);
		return false;
	}
	*p += used;
	*len -= used;
	h->got_head = true;
	if (r != H1_HEAD) {
		h->close = true;
		h->w.h.keep_alive = false;
		s->req_body.ended = true;
		front_count_refusal(&h->f, h->w.h.status);
		stream_on_request(s, h->w.h.status);
		return false;
	}
	/* What follows it is no request, whatever we answer (RFC 9110 §9.3.6). */
	if (s->req.method == METHOD_CONNECT)
		h->w.h.keep_alive = false;
	s->req.scheme = h->f.is_tls ? STR("https") : STR("http");
	h->asks = s->req.protocol.len > 0;
	if (!h->asks && h->w.h.framing == H1_NONE) {
		s->req.no_body = true;
		s->req_body.ended = true;
		h->req_done = true;
	}
	status = check_head(s);
	if (status)
		front_count_refusal(&h->f, status);
	stream_on_request(s, status);
	if (h->s)
		say_continue(h);
	return h->s != NULL;
}

static bool is_discarded(const struct stream *s)
{
	return !s->b.ops || s->b.aborted;
}

/* Returns: 0, or the status that the body is refused with. */
static unsigned int put_body(struct stream *s, struct str data)
{
	uint64_t max = s->gate->limits->body_bytes;

	if (is_discarded(s))
		return 0;
	if (max && s->req_body.total_bytes + data.len > max)
		return 413;
	return body_put(&s->req_body, data.p, data.len) == 0 ? 0 : 503;
}

static void refuse_body(struct front_h1 *h, unsigned int status)
{
	struct stream *s = h->s;

	h->close = true;
	h->w.h.keep_alive = false;
	front_count_refusal(&h->f, status);
	if (s->answered)
		stream_abort(s, STREAM_CANCELLED);
	else
		reply_error(s, status);
}

/* Returns: true when there may be more to do with this input. */
static bool take_body(struct front_h1 *h, char **p, size_t *len)
{
	struct stream *s = h->s;
	struct str data = {NULL, 0};
	unsigned int status = 0;
	size_t used = 0;
	enum h1_result r;

	r = h1_read_body(&h->w.h, *p, *len, &used, &data, &s->req, &s->arena);
	*p += used;
	*len -= used;
	if (r == H1_DATA)
		status = put_body(s, data);
	else if (r == H1_ERROR)
		status = h->w.h.status;
	else if (r == H1_MORE && h1_session_hold(&h->w, *p, *len) != 0)
		status = 503;
	if (status) {
		refuse_body(h, status);
		return false;
	}
	if (r == H1_MORE)
		return false;
	if (r == H1_DONE) {
		h->req_done = true;
		s->req_body.ended = true;
	}
	stream_on_req_data(s);
	if (h->s == s && body_is_full(&s->req_body))
		conn_pause(h->w.conn);
	return h->s == s;
}

/* Input behind a whole request: the next one, which waits. */
static void wait_behind(struct front_h1 *h, char *p, size_t len)
{
	if (h1_session_hold(&h->w, p, len) != 0)
		front_h1_free(&h->f);
	else if (len)
		conn_pause(h->w.conn);
}

static void feed(struct front_h1 *h, char *p, size_t len)
{
	while (len || (h->s && h->got_head && !h->req_done && !h->asks)) {
		if (h->s && (h->close || !h->got_head) && h->s->answered &&
		    is_discarded(h->s))
			return; /* the rest is not wanted any more */
		if (h->s && (h->req_done || h->asks)) {
			wait_behind(h, p, len);
			return;
		}
		if (!h->s)
			begin_request(h);
		if (!h->s) {
			stat_add(&h->f.gate->stats->rejected[REJECT_NO_MEMORY], 1);
			front_h1_free(&h->f);
			return;
		}
		if (!(h->got_head ? take_body(h, &p, &len) : take_head(h, &p, &len)))
			return;
	}
	h1_session_drop(&h->w);
}

static void on_input(struct conn *c, char *data, size_t len)
{
	struct front_h1 *h = c->owner;

	if (h1_session_join(&h->w, &data, &len) != 0)
		front_h1_free(&h->f);
	else
		feed(h, data, len);
}

static void on_writable(struct conn *c)
{
	mark(c->owner);
}

/* Also a half-close, but in a tunnel: who does not wait for the answer is not
 * answered. */
static void on_end(struct conn *c, enum conn_end why)
{
	struct front_h1 *h = c->owner;

	if (why != CONN_EOF || !h->s || !h->s->tunnel || h->asks) {
		front_h1_free(&h->f);
		return;
	}
	h->req_done = true;
	h->s->req_body.ended = true;
	stream_on_req_data(h->s);
}

static void on_open(struct conn *c)
{
	(void)c; /* was open before it became ours */
}

static const struct conn_ops conn_ops = {.on_open = on_open,
					 .on_input = on_input,
					 .on_writable = on_writable,
					 .on_end = on_end};

static void timer_cb(struct timer *t)
{
	struct front_h1 *h = of_front(container_of(t, struct front, timer));
	struct gate *g = h->f.gate;

	if (h->s) {
		timer_set(g->loop, t, g->limits->idle_timeout_ms);
		return;
	}
	stat_add(&g->stats->rejected[REJECT_IDLE_TIMEOUT], 1);
	front_h1_close(h);
}

static void front_h1_drain(struct front *f)
{
	struct front_h1 *h = of_front(f);

	f->draining = true;
	if (!h->s)
		front_h1_close(h);
}

static const struct front_ops front_ops = {front_h1_drain, front_h1_free};

void front_h1_start(struct gate *g, struct conn *c, unsigned int listener, char *data,
		    size_t len)
{
	struct front_h1 *h = pool_get(&g->fronts_h1);

	if (!h) {
		stat_add(&g->stats->rejected[REJECT_NO_MEMORY], 1);
		conn_free(&c);
		return;
	}
	memset(h, 0, sizeof(*h));
	front_init(&h->f, g, c, listener, &front_ops);
	h->w.conn = c;
	h1_init_request(&h->w.h, &g->limits->head);
	dirty_init(&h->f.dirty, flush_cb);
	timer_init(&h->f.timer, timer_cb);
	c->ops = &conn_ops;
	c->owner = h;
	h->f.draining = g->draining;
	stat_add(&g->stats->fronts_h1, 1);
	timer_set(g->loop, &h->f.timer, g->limits->header_timeout_ms);
	if (len)
		on_input(c, data, len);
}
