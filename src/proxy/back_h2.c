#include "proxy/back_h2.h"

#include "base/must.h"
#include "proxy/forward.h"
#include "proxy/gate.h"
#include "proxy/websocket.h"

#define MAX_INFOS  32          /* 1xx before one answer */
#define BACK_MAGIC 0x62616b32u /* "bak2" */
/* Of the connection: one slow client must not stop the others; each stream has
 * its own. */
#define WINDOW_BYTES (16 << 20)
#define LAST_ID      0x7ffffff0

/* Errors of RFC 9209 §2.3. */
static const char fault_closed[] = "connection_terminated";
static const char fault_protocol[] = "http_protocol_error";
static const char fault_memory[] = "proxy_internal_error";

static struct back_h2 *back_of(const struct stream *s)
{
	return s->b.owner;
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
	const struct conn *c = b->user.conn;

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
	h2_session_del(&b->user);
	mem_charge_back(MEM_NGHTTP2, b->user.bytes);
	stat_sub(&b->server->stats->conns_active, 1);
	if (b->user.conn)
		count_bytes(b);
	conn_free(&b->user.conn);
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

static bool is_final_head(const nghttp2_frame *frame, const struct stream *s)
{
	return frame->headers.cat == NGHTTP2_HCAT_RESPONSE ||
	       (frame->headers.cat == NGHTTP2_HCAT_HEADERS && !s->b_answered);
}

static int on_header_cb(nghttp2_session *session, const nghttp2_frame *frame,
			const uint8_t *name, size_t name_len, const uint8_t *value,
			size_t value_len, uint8_t flags, void *user)
{
	struct back_h2 *b = user;
	struct stream *s = h2_stream(session, &b->user, frame->hd.stream_id);
	const struct h1_limits *max;
	struct fields *f;
	bool trailers;

	if (!s || s->b.aborted || frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	trailers = !is_final_head(frame, s);
	max = &s->gate->limits->head;
	f = trailers ? &s->res.trailers : &s->res.headers;
	if (f->n >= max->n_headers ||
	    f->bytes + name_len + value_len + 32 > max->header_bytes) {
		s->fault = "http_response_header_section_size";
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	}
	if (h2_take_field(&s->res, &s->arena, trailers,
			  str_of((const char *)name, name_len),
			  str_of((const char *)value, value_len),
			  flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0) {
		s->fault = fault_memory;
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	}
	return 0;
}

static void on_answer(struct back_h2 *b, struct stream *s, bool ended)
{
	h2_end_head(&s->res);
	if (s->res.status < 200 && ++s->b.n_infos > MAX_INFOS) {
		nghttp2_session_terminate_session(h2_session(&b->user),
						  NGHTTP2_ENHANCE_YOUR_CALM);
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

static void on_goaway(struct back_h2 *b, const nghttp2_goaway *goaway)
{
	stat_add(&b->gate->stats->h2_goaways_in[goaway->error_code & 15], 1);
	b->leaving = true; /* nghttp2 closes what the server did not look at */
	mark(b);
}

static int on_frame_recv_cb(nghttp2_session *session, const nghttp2_frame *frame,
			    void *user)
{
	struct back_h2 *b = user;
	bool ended = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
	struct stream *s;

	switch (frame->hd.type) {
	case NGHTTP2_HEADERS:
	case NGHTTP2_DATA:
		s = h2_stream(session, &b->user, frame->hd.stream_id);
		if (!s || s->b.aborted)
			return 0;
		if (frame->hd.type == NGHTTP2_HEADERS && is_final_head(frame, s)) {
			on_answer(b, s, ended);
		} else if (ended) {
			s->res_body.ended = true;
			stream_on_res_data(s);
		}
		return 0;
	case NGHTTP2_RST_STREAM:
		s = h2_stream(session, &b->user, frame->hd.stream_id);
		if (s && frame->rst_stream.error_code != NGHTTP2_REFUSED_STREAM)
			s->fault = fault_closed;
		return 0;
	case NGHTTP2_SETTINGS:
		b->got_settings = true;
		b->n_allowed = nghttp2_session_get_remote_settings(
			session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
		return 0;
	case NGHTTP2_GOAWAY:
		on_goaway(b, &frame->goaway);
		return 0;
	default:
		return 0;
	}
}

/* A window that cannot be opened, or data that cannot go on, would leave the
 * stream waiting until its time is over. */
static void check_memory(struct stream *s, int error)
{
	if (error == NGHTTP2_ERR_NOMEM)
		stream_abort(s, STREAM_NO_MEMORY);
}

/* The stream's window follows what its client's side may buffer. */
static void widen(nghttp2_session *session, struct stream *s)
{
	if (s->res_body.limit <= H2_FIRST_BYTES)
		return;
	s->b.wide = true;
	check_memory(s, nghttp2_session_set_local_window_size(
				session, NGHTTP2_FLAG_NONE, s->b.id,
				(int32_t)s->res_body.limit));
}

static int on_data_chunk_recv_cb(nghttp2_session *session, uint8_t flags, int32_t id,
				 const uint8_t *p, size_t len, void *user)
{
	struct back_h2 *b = user;
	struct stream *s = h2_stream(session, &b->user, id);

	(void)flags;
	/* The connection's window opens at once, the stream's when the client
	 * took the data. */
	if (nghttp2_session_consume_connection(session, len) == NGHTTP2_ERR_NOMEM)
		return NGHTTP2_ERR_CALLBACK_FAILURE; /* it would stand still */
	if (!s || s->b.aborted)
		return 0;
	if (body_put(&s->res_body, p, len) != 0) {
		/* nghttp2 takes no word for it from here: without this the
		 * answer would go on with a hole in it. */
		stream_abort(s, STREAM_NO_MEMORY);
		return 0;
	}
	if (!s->b.wide && s->res_body.total_bytes >= H2_FIRST_BYTES / 2)
		widen(session, s);
	stream_on_res_data(s);
	return 0;
}

static int on_stream_close_cb(nghttp2_session *session, int32_t id, uint32_t code,
			      void *user)
{
	struct back_h2 *b = user;
	struct stream *s = h2_stream(session, &b->user, id);

	if (!s)
		return 0;
	h2_set_stream(session, &b->user, id, NULL);
	if (s->b.aborted || (s->res_body.ended && s->answered)) {
		unlink_stream(b, s);
		stream_detach_b(s);
	} else if (code == NGHTTP2_REFUSED_STREAM) {
		fail_stream(b, s, STREAM_REFUSED, NULL);
	} else {
		/* If the reset is not the server's, it is ours for what it sent. */
		fail_stream(b, s,
			    s->fault == fault_closed ? STREAM_STALE : STREAM_BROKEN,
			    fault_protocol);
	}
	wait_if_idle(b);
	return 0;
}

/* --- what we send ------------------------------------------------------ */

static ssize_t read_body_cb(nghttp2_session *session, int32_t id, uint8_t *buf,
			    size_t len, uint32_t *flags, nghttp2_data_source *source,
			    void *user)
{
	struct back_h2 *b = user;
	struct stream *s = h2_stream(session, &b->user, id);
	struct body *body;

	(void)buf;
	(void)source;
	if (!s || s->b.aborted)
		return NGHTTP2_ERR_DEFERRED;
	body = &s->req_body;
	if ((!body->bytes && !body->ended) || !conn_can_write(b->user.conn)) {
		s->b.deferred = true; /* until there is some, or on_writable() */
		return NGHTTP2_ERR_DEFERRED;
	}
	len = h2_data_len(body, len);
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (body->ended && len == body->bytes &&
	    h2_end_data(session, id, &s->req.trailers, &s->gate->loop->tick, flags) !=
		    0)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	return (ssize_t)len;
}

static int send_data_cb(nghttp2_session *session, nghttp2_frame *frame,
			const uint8_t *head, size_t len, nghttp2_data_source *source,
			void *user)
{
	struct back_h2 *b = user;
	struct stream *s = h2_stream(session, &b->user, frame->hd.stream_id);

	(void)source;
	if (!s)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	h2_write_data(b->user.conn, head, &s->req_body, len);
	if (len)
		stream_took_req(s, len);
	return 0;
}

/* A request that never became a frame (no stream ids left, no memory). */
static int on_frame_not_send_cb(nghttp2_session *session, const nghttp2_frame *frame,
				int error, void *user)
{
	struct back_h2 *b = user;
	struct stream *s;

	if (frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	s = h2_stream(session, &b->user, frame->hd.stream_id);
	if (error == NGHTTP2_ERR_START_STREAM_NOT_ALLOWED ||
	    error == NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE)
		b->leaving = true;
	if (s && !s->b.aborted) {
		h2_set_stream(session, &b->user, frame->hd.stream_id, NULL);
		fail_stream(b, s, STREAM_REFUSED, NULL);
	}
	wait_if_idle(b);
	return 0;
}

int back_h2_kit_init(struct h2_kit *k)
{
	nghttp2_session_callbacks *cb;

	if (h2_kit_init(k) != 0)
		return -1;
	cb = k->callbacks;
	nghttp2_session_callbacks_set_send_data_callback(cb, send_data_cb);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header_cb);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame_recv_cb);
	nghttp2_session_callbacks_set_on_frame_not_send_callback(cb,
								 on_frame_not_send_cb);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
		cb, on_data_chunk_recv_cb);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close_cb);
	return 0;
}

static void flush_cb(struct dirty *d)
{
	struct back_h2 *b = container_of(d, struct back_h2, dirty);
	struct conn *c = b->user.conn;
	nghttp2_session *session;
	int rc;

	if (!b->open || !conn_can_write(c))
		return;
	conn_begin(c);
	if (!b->greeted)
		conn_write(c, NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN);
	b->greeted = true;
	session = h2_session(&b->user);
	rc = nghttp2_session_send(session);
	conn_flush(c);
	count_bytes(b);
	if (rc != 0)
		back_free(b, STREAM_NO_MEMORY, fault_memory);
	else if (!nghttp2_session_want_read(session) &&
		 !nghttp2_session_want_write(session))
		back_free(b, STREAM_STALE, fault_protocol); /* our GOAWAY is out */
}

static void fail_session(struct back_h2 *b, int error)
{
	if (error == NGHTTP2_ERR_NOMEM || error == NGHTTP2_ERR_CALLBACK_FAILURE)
		back_free(b, STREAM_NO_MEMORY, fault_memory);
	else
		back_free(b, STREAM_STALE, fault_protocol);
}

static void on_input(struct conn *c, char *data, size_t len)
{
	struct back_h2 *b = c->owner;
	ssize_t n =
		nghttp2_session_mem_recv(h2_session(&b->user), (uint8_t *)data, len);

	b->heard = true;
	if (n < 0)
		fail_session(b, (int)n);
	else
		mark(b);
}

static void data_side(struct stream *s)
{
	struct back_h2 *b = back_of(s);

	if (s->b.deferred) {
		s->b.deferred = false;
		check_memory(
			s, nghttp2_session_resume_data(h2_session(&b->user), s->b.id));
	}
	mark(b);
}

static void on_writable(struct conn *c)
{
	struct back_h2 *b = c->owner;

	list_each (n, &b->streams)
		data_side(container_of(n, struct stream, b.node));
	mark(b);
}

static void on_end(struct conn *c, enum conn_end why)
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

	h2_fold(&b->user);
}

static void on_open(struct conn *c)
{
	struct back_h2 *b = c->owner;

	if (conn_is_tls(c) && !c->is_h2) { /* not what was agreed */
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

static void room_side(struct stream *s, size_t n)
{
	struct back_h2 *b = back_of(s);

	check_memory(s,
		     nghttp2_session_consume_stream(h2_session(&b->user), s->b.id, n));
	mark(b);
}

static void abort_side(struct stream *s, enum stream_end why)
{
	struct back_h2 *b = back_of(s);

	(void)why;
	if (nghttp2_submit_rst_stream(h2_session(&b->user), NGHTTP2_FLAG_NONE, s->b.id,
				      NGHTTP2_CANCEL) == NGHTTP2_ERR_NOMEM) {
		b->leaving = true;
		nghttp2_session_terminate_session(h2_session(&b->user),
						  NGHTTP2_INTERNAL_ERROR);
	}
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
	if (b->pinged || !b->got_settings) { /* RFC 9113 §6.5.3, §6.7 */
		stat_add(&b->gate->stats->rejected[REJECT_PING_TIMEOUT], 1);
		server_on_failure(b->server, b->gate->loop->now_ms);
		back_free(b, STREAM_TIMEOUT, "connection_read_timeout");
		return;
	}
	wait_quiet(b);
	b->pinged = true;
	nghttp2_submit_ping(h2_session(&b->user), NGHTTP2_FLAG_NONE, NULL);
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

static int open_session(struct back_h2 *b)
{
	struct gate *g = b->gate;
	nghttp2_session *session;
	const uint8_t *preface;
	nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_FIRST_BYTES},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, g->limits->head.header_bytes},
	};

	if (h2_session_new(&b->user, &g->back_kit, false) != 0)
		return -1;
	session = h2_session(&b->user);
	/* The preface is packed already, but by the time that the connection is
	 * open others have used the frame buffer: flush_cb() writes it. */
	if (nghttp2_session_mem_send(session, &preface) !=
	    (ssize_t)NGHTTP2_CLIENT_MAGIC_LEN)
		return -1;
	if (nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings,
				    sizeof(settings) / sizeof(settings[0])) != 0 ||
	    nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
						  WINDOW_BYTES) != 0)
		return -1;
	return 0;
}

static struct back_h2 *back_new(struct gate *g, struct server *server)
{
	const struct addr *to = server_addr(server);
	struct back_h2 *b = to ? pool_get(&g->backs_h2) : NULL;

	if (!b)
		return NULL;
	memset(b, 0, sizeof(*b));
	b->gate = g;
	b->user.loop = g->loop;
	b->server = server;
	list_init(&b->node);
	list_init(&b->streams);
	dirty_init(&b->dirty, flush_cb);
	timer_init(&b->timer, timer_cb);
	if (open_session(b) == 0)
		b->user.conn = conn_connect(g->loop, to, server->tls, server->tls_name,
					    server->upstream->conf->connect_timeout_ms,
					    &conn_ops, b);
	if (!b->user.conn) {
		h2_session_del(&b->user);
		mem_charge_back(MEM_NGHTTP2, b->user.bytes);
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

	return b->got_settings && b->n_allowed < ours ? b->n_allowed : ours;
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
	nghttp2_data_provider body = {.read_callback = read_body_cb};
	bool bare = body_is_done(&s->req_body) && !s->req.trailers.n;
	struct arena *tick = &s->gate->loop->tick;
	struct arena_mark top;
	struct stream_lib_mark before;
	nghttp2_nv *nv;
	int32_t id;

	if (!b)
		return -1;
	top = arena_mark(tick);
	nv = arena_alloc(tick, H2_NV_MAX(&s->req) * sizeof(*nv));
	before = stream_lib_mark();
	id = nv ? nghttp2_submit_request(h2_session(&b->user), NULL, nv,
					 h2_request_nv(nv, &s->req),
					 bare ? NULL : &body, s)
		: NGHTTP2_ERR_NOMEM;
	arena_rewind(tick, top);
	stream_charge_lib(s, before);
	if (id < 0) {
		b->leaving = true;
		wait_if_idle(b);
		return -1;
	}
	if (id >= LAST_ID)
		b->leaving = true;
	stream_attach_b(s, &side_ops, b, &b->streams);
	s->b.id = id;
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
