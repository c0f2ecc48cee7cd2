#include "proxy/back_h2.h"

#include "base/must.h"
#include "http/h2_message.h"
#include "proxy/forward.h"
#include "proxy/gate.h"
#include "proxy/guard_h2.h"
#include "proxy/websocket.h"

#define MAX_INFOS  32          /* 1xx before one answer */
#define BACK_MAGIC 0x62616b32u /* "bak2" */
/* Of the connection: one slow client must not stop the others; each stream has
 * its own. */
#define WINDOW_BYTES (16 << 20)

/* Errors of RFC 9209 §2.3. */
static const char fault_closed[] = "connection_terminated";
static const char fault_protocol[] = "http_protocol_error";
static const char fault_memory[] = "proxy_internal_error";

static struct back_h2 *back_of(const struct stream *s)
{
	return s->b.owner;
}

static struct back_h2 *of_session(struct h2_session *h2)
{
	return container_of(h2, struct back_h2, h2);
}

static struct stream *of_h2(struct h2_stream *h2)
{
	return container_of(h2, struct stream, b.h2);
}

static void mark(struct back_h2 *b)
{
	loop_mark(b->gate->loop, &b->dirty);
}

/* --- life ------------------------------------------------------ */

static void bury(struct grave *g)
{
	struct back_h2 *b = container_of(g, struct back_h2, grave);

	pool_put(&b->gate->backs_h2, b);
}

static void count_bytes(struct back_h2 *b)
{
	struct stats *st = b->gate->stats;
	const struct conn *c = b->h2.conn;

	stat_add(&st->back_in_bytes, c->in_bytes - b->in_counted);
	stat_add(&st->back_out_bytes, c->out_bytes - b->out_counted);
	b->in_counted = c->in_bytes;
	b->out_counted = c->out_bytes;
}

static void unlink_stream(struct back_h2 *b, struct stream *s)
{
	s->server = NULL;
	b->n_streams--;
	b->server->n_requests--;
	stat_sub(&b->server->stats->requests_active, 1);
}

/* fault: the error's type unless a better one is known already; or NULL. */
static void fail_stream(struct back_h2 *b, struct stream *s, enum stream_end why,
			const char *fault)
{
	unlink_stream(b, s);
	if (!s->fault)
		s->fault = fault;
	if (why == STREAM_STALE && (s->b_answered || s->b.n_infos))
		why = STREAM_BROKEN; /* it was looked at */
	stream_fail_b(s, why);
}

/* Closes now; streams that are left fail with why. */
static void back_free(struct back_h2 *b, enum stream_end why, const char *fault)
{
	must(b->magic == BACK_MAGIC);
	b->magic = 0;
	list_del(&b->node);
	h2_fini(&b->h2);
	stat_sub(&b->server->stats->conns_active, 1);
	if (b->h2.conn)
		count_bytes(b);
	conn_free(&b->h2.conn);
	dirty_fini(&b->dirty);
	timer_stop(b->gate->loop, &b->timer);
	loop_bury(b->gate->loop, &b->grave, bury);
	while (!list_empty(&b->streams))
		fail_stream(b, container_of(b->streams.next, struct stream, b.node),
			    why, fault);
}

/* One that nobody uses must end some time, also if nobody ever did. */
static void wait_if_idle(struct back_h2 *b)
{
	if (!b->n_streams)
		timer_set(b->gate->loop, &b->timer,
			  b->server->upstream->conf->idle_timeout_ms);
}

/* --- what the server sends ------------------------------------------------------ */

static bool on_field(struct h2_session *h2, struct h2_stream *h2s,
		     const struct h2_field *field, bool trailers)
{
	struct stream *s = of_h2(h2s);
	const struct h1_limits *max = &s->gate->limits->head;
	struct fields *f = trailers ? &s->res.trailers : &s->res.headers;

	(void)h2;
	if (f->n >= max->n_headers ||
	    f->bytes + field->name.len + field->value.len + 32 > max->header_bytes) {
		s->fault = "http_response_header_section_size";
		return false;
	}
	if (h2_take_field(&s->res, &s->arena, trailers, field) == 0)
		return true;
	s->fault = fault_memory;
	return false;
}

static void on_answer(struct back_h2 *b, struct stream *s, bool ended)
{
	h2_end_head(&s->res);
	if (s->res.status < 200 && ++s->b.n_infos > MAX_INFOS) {
		b->leaving = true;
		h2_end(&b->h2, H2_ENHANCE_YOUR_CALM);
		return; /* fails when the connection does */
	}
	if (s->res.status < 200) {
		forward_answer(s);
		stream_on_info(s);
		return;
	}
	s->b_answered = true;
	if (s->req.protocol.len && s->res.status / 100 == 2 && !ended) {
		s->res.status = 101; /* a tunnel, as HTTP/1 says it */
		if (!s->is_h2 && websocket_add_accept(s) != 0) {
			stream_abort(s, STREAM_NO_MEMORY);
			return;
		}
	}
	if (ended) {
		s->res.no_body = true;
		s->res_body.ended = true;
	}
	forward_answer(s);
	stream_on_answer(s);
}

static void on_head(struct h2_session *h2, struct h2_stream *h2s, bool trailers)
{
	struct stream *s = of_h2(h2s);

	if (!trailers) {
		on_answer(of_session(h2), s, h2s->in_ended);
		return;
	}
	s->res_body.ended = true;
	stream_on_res_data(s);
}

static void on_end(struct h2_session *h2, struct h2_stream *h2s)
{
	struct stream *s = of_h2(h2s);

	(void)h2;
	s->res_body.ended = true;
	stream_on_res_data(s);
}

/* The stream's window follows what its client's side may buffer. */
static void widen(struct h2_session *h2, struct stream *s)
{
	if (s->res_body.limit <= H2_FIRST_BYTES)
		return;
	s->b.wide = true;
	h2_widen(h2, &s->b.h2, s->res_body.limit);
}

static void on_data(struct h2_session *h2, struct h2_stream *h2s, const uint8_t *p,
		    size_t len)
{
	struct stream *s = of_h2(h2s);

	/* The connection's window opens at once, the stream's when the client
	 * took the data. */
	h2_consume_conn(h2, len);
	if (body_put(&s->res_body, p, len) != 0) {
		stream_abort(s, STREAM_NO_MEMORY);
		return;
	}
	if (!s->b.wide && s->res_body.total_bytes >= H2_FIRST_BYTES / 2)
		widen(h2, s);
	stream_on_res_data(s);
}

static void on_reset(struct h2_session *h2, struct h2_stream *h2s, uint32_t code)
{
	(void)h2;
	if (code != H2_REFUSED_STREAM)
		of_h2(h2s)->fault = fault_closed;
}

static void on_close(struct h2_session *h2, struct h2_stream *h2s, uint32_t code)
{
	struct back_h2 *b = of_session(h2);
	struct stream *s = of_h2(h2s);

	if (s->b.aborted || (s->res_body.ended && s->answered)) {
		unlink_stream(b, s);
		stream_detach_b(s);
	} else if (code == H2_REFUSED_STREAM) {
		fail_stream(b, s, STREAM_REFUSED, NULL);
	} else {
		/* If the reset is not the server's, it is ours for what it sent. */
		fail_stream(b, s,
			    s->fault == fault_closed ? STREAM_STALE : STREAM_BROKEN,
			    fault_protocol);
	}
	wait_if_idle(b);
}

static void on_goaway(struct h2_session *h2, uint32_t code)
{
	struct back_h2 *b = of_session(h2);

	stat_add(&b->gate->stats->h2_goaways_in[code & 15], 1);
	b->leaving = true; /* the session closes what the server did not look at */
	mark(b);
}

static void on_fail(struct h2_session *h2, enum h2_fault why)
{
	struct back_h2 *b = of_session(h2);

	b->leaving = true;
	b->no_memory = why == H2_FAULT_MEMORY;
	mark(b);
}

/* --- what we send ------------------------------------------------------ */

static const struct message *message(struct h2_stream *h2s)
{
	return &of_h2(h2s)->req;
}

static struct body *body(struct h2_stream *h2s)
{
	return &of_h2(h2s)->req_body;
}

static enum method asked(struct h2_stream *h2s)
{
	const struct message *m = &of_h2(h2s)->req;

	return m->protocol.len ? METHOD_CONNECT : m->method;
}

static void on_sent(struct h2_session *h2, struct h2_stream *h2s, size_t n)
{
	(void)h2;
	if (n)
		stream_took_req(of_h2(h2s), n);
}

void back_h2_conf(struct h2_conf *conf, const struct limits_conf *limits)
{
	static const struct h2_ops ops = {
		.on_field = on_field,
		.on_head = on_head,
		.on_data = on_data,
		.on_end = on_end,
		.on_reset = on_reset,
		.on_close = on_close,
		.on_goaway = on_goaway,
		.on_fail = on_fail,
		.message = message,
		.body = body,
		.asked = asked,
		.on_sent = on_sent,
	};

	*conf = (struct h2_conf){
		.ops = &ops,
		.window_bytes = WINDOW_BYTES,
		.stream_bytes = H2_FIRST_BYTES,
		.settings = {{H2_ENABLE_PUSH, 0},
			     {H2_INITIAL_WINDOW_SIZE, H2_FIRST_BYTES},
			     {H2_MAX_HEADER_LIST_SIZE, limits->head.header_bytes}},
		.n_settings = 3,
	};
	guard_h2_limits(conf, limits);
}

/* Its GOAWAY is out, or the server's is in and nothing waits for it. */
static void end_session(struct back_h2 *b)
{
	if (b->no_memory)
		back_free(b, STREAM_NO_MEMORY, fault_memory);
	else
		back_free(b, STREAM_STALE, fault_protocol);
}

static void flush_cb(struct dirty *d)
{
	struct back_h2 *b = container_of(d, struct back_h2, dirty);
	struct conn *c = b->h2.conn;

	if (!b->open || !conn_can_write(c))
		return;
	conn_begin(c);
	h2_send(&b->h2);
	conn_flush(c);
	count_bytes(b);
	if (h2_is_over(&b->h2))
		end_session(b);
}

static void on_input(struct conn *c, char *data, size_t len)
{
	struct back_h2 *b = c->owner;

	b->heard = true;
	h2_recv(&b->h2, (uint8_t *)data, len);
	mark(b);
}

static void on_writable(struct conn *c)
{
	mark(c->owner);
}

static void on_conn_end(struct conn *c, enum conn_end why)
{
	struct back_h2 *b = c->owner;

	if (!b->open) {
		server_on_failure(b->server, b->gate->loop->now_ms);
		back_free(b, why == CONN_TIMEOUT ? STREAM_TIMEOUT : STREAM_UNREACHABLE,
			  back_open_fault(c, why));
		return;
	}
	back_free(b, STREAM_STALE,
		  why == CONN_TLS_ERROR ? "tls_protocol_error" : fault_closed);
}

static void on_quiet(struct conn *c)
{
	struct back_h2 *b = c->owner;

	h2_fold(&b->h2);
}

static void on_open(struct conn *c)
{
	struct back_h2 *b = c->owner;

	if (conn_is_tls(c) && !c->is_h2) { /* not what was agreed */
		on_conn_end(c, CONN_TLS_ERROR);
		return;
	}
	b->open = true;
	server_on_success(b->server);
	mark(b);
}

static const struct conn_ops conn_ops = {.on_open = on_open,
					 .on_input = on_input,
					 .on_writable = on_writable,
					 .on_end = on_conn_end,
					 .on_quiet = on_quiet,
					 /* Windows bound what comes. */
					 .read_bytes = LOOP_IN_BYTES};

/* --- side B ------------------------------------------------------ */

static void head_side(struct stream *s)
{
	mark(back_of(s));
}

static void info_side(struct stream *s)
{
	(void)s; /* nobody sends interim requests */
}

static void data_side(struct stream *s)
{
	struct back_h2 *b = back_of(s);

	h2_data(&b->h2, &s->b.h2);
	mark(b);
}

static void room_side(struct stream *s, size_t n)
{
	struct back_h2 *b = back_of(s);

	h2_consume_stream(&b->h2, &s->b.h2, n);
	mark(b);
}

static void abort_side(struct stream *s, enum stream_end why)
{
	struct back_h2 *b = back_of(s);

	(void)why;
	h2_reset(&b->h2, &s->b.h2, H2_CANCEL);
	mark(b);
}

static const struct side_ops side_ops = {head_side, info_side, data_side, room_side,
					 abort_side};

/* --- sessions ------------------------------------------------------ */

/* Streams wait: a server that says nothing is asked whether it is there. */
static void wait_quiet(struct back_h2 *b)
{
	const struct limits_conf *max = b->gate->limits;

	b->heard = false;
	b->pinged = false;
	timer_set(b->gate->loop, &b->timer,
		  max->ping_timeout_ms ? max->ping_timeout_ms : max->idle_timeout_ms);
}

static void ask_alive(struct back_h2 *b)
{
	if (!b->gate->limits->ping_timeout_ms) {
		wait_quiet(b);
		return;
	}
	if (b->pinged || !b->h2.got_settings) { /* RFC 9113 §6.5.3, §6.7 */
		stat_add(&b->gate->stats->rejected[REJECT_PING_TIMEOUT], 1);
		server_on_failure(b->server, b->gate->loop->now_ms);
		back_free(b, STREAM_TIMEOUT, "connection_read_timeout");
		return;
	}
	wait_quiet(b);
	b->pinged = true;
	h2_ping(&b->h2);
	mark(b);
}

static void timer_cb(struct timer *t)
{
	struct back_h2 *b = container_of(t, struct back_h2, timer);

	if (!b->n_streams)
		back_free(b, STREAM_STALE, NULL);
	else if (b->open && !b->heard)
		ask_alive(b);
	else
		wait_quiet(b);
}

static struct back_h2 *back_new(struct gate *g, struct server *server)
{
	const struct addr *to = server_addr(server);
	struct back_h2 *b = to ? pool_get(&g->backs_h2) : NULL;

	if (!b)
		return NULL;
	memset(b, 0, sizeof(*b));
	b->gate = g;
	b->server = server;
	list_init(&b->node);
	list_init(&b->streams);
	dirty_init(&b->dirty, flush_cb);
	timer_init(&b->timer, timer_cb);
	if (h2_init(&b->h2, &g->back_h2, NULL) == 0)
		b->h2.conn = conn_connect(g->loop, to, server->tls, server->tls_name,
					  server->upstream->conf->connect_timeout_ms,
					  &conn_ops, b);
	if (!b->h2.conn) {
		h2_fini(&b->h2);
		pool_put(&g->backs_h2, b);
		return NULL;
	}
	b->magic = BACK_MAGIC;
	list_append(&server->sessions, &b->node);
	stat_add(&server->stats->conns_total, 1);
	stat_add(&server->stats->conns_active, 1);
	return b;
}

/* How many streams may be open: a guess until the server has said. */
static uint32_t max_streams(const struct back_h2 *b)
{
	uint32_t ours = b->server->upstream->conf->n_streams;

	return b->h2.n_allowed < ours ? b->h2.n_allowed : ours;
}

/* The least loaded session of this server that takes one more. */
static struct back_h2 *back_get(struct gate *g, struct server *server)
{
	struct back_h2 *best = NULL;

	list_each (n, &server->sessions) {
		struct back_h2 *b = container_of(n, struct back_h2, node);

		if (b->leaving || b->n_streams >= max_streams(b))
			continue;
		if (!best || b->n_streams < best->n_streams)
			best = b;
	}
	if (!best)
		return back_new(g, server);
	stat_add(&server->stats->conns_reused, 1);
	return best;
}

int back_h2_start(struct stream *s, struct server *server)
{
	struct back_h2 *b = back_get(s->gate, server);

	if (!b)
		return -1;
	stream_attach_b(s, &side_ops, b, &b->streams);
	if (h2_open(&b->h2, &s->b.h2) != 0) {
		b->leaving = true;
		wait_if_idle(b);
		stream_detach_b(s);
		return -1;
	}
	s->b_answered = false;
	s->server = server;
	if (!b->n_streams++)
		wait_quiet(b);
	server->n_requests++;
	stat_add(&server->stats->requests_total, 1);
	stat_add(&server->stats->requests_active, 1);
	mark(b);
	return 0;
}

void back_h2_close_all(struct gate *g, struct server *server)
{
	(void)g;
	list_each_safe (n, &server->sessions)
		back_free(container_of(n, struct back_h2, node), STREAM_STALE,
			  fault_closed);
}
