#include "proxy/front_h2.h"

#include "base/must.h"
#include "proxy/reply.h"
#include "proxy/stream.h"

#define GOAWAY_GRACE_MS 500  /* between the notice and the last GOAWAY */
#define CLOSE_GRACE_MS  1000 /* for the last GOAWAY to be taken */
/* Frames queued for a client that reads nothing, besides one per stream: from
 * here on nothing more is read from it. */
#define MAX_QUEUED 256

static struct front_h2 *of_front(struct front *f)
{
	return container_of(f, struct front_h2, f);
}

static struct front_h2 *front_of(const struct stream *s)
{
	return s->a.owner;
}

static void mark(struct front_h2 *h)
{
	loop_mark(h->f.gate->loop, &h->f.dirty);
}

/* What nghttp2 could not queue would leave the client waiting: a reset, or a
 * window that does not open. So the session ends. */
static void check_memory(struct front_h2 *h, int error)
{
	if (error != NGHTTP2_ERR_NOMEM)
		return;
	guard_h2_end(&h->guard, NGHTTP2_INTERNAL_ERROR, REJECT_NO_MEMORY);
	mark(h);
}

/* --- how much of an answer is buffered --------------------------------------- */

static uint32_t wider(const struct front_h2 *h)
{
	uint32_t full = h->f.gate->limits->stream_buffer_bytes;

	return full > H2_FIRST_BYTES ? full - H2_FIRST_BYTES : 0;
}

/* Each stream has its first bytes; beyond them the client's streams share what
 * its connection may buffer, so that many that stall take little. */
static void narrow(struct stream *s)
{
	if (s->res_body.limit > H2_FIRST_BYTES)
		s->res_body.limit = H2_FIRST_BYTES;
}

static void widen(struct front_h2 *h, struct stream *s)
{
	uint32_t more = wider(h);

	if (s->a.wide || !more ||
	    (h->n_wide + 1) * (uint64_t)more > h->f.gate->limits->conn_buffer_bytes)
		return;
	s->a.wide = true;
	h->n_wide++;
	s->res_body.limit = H2_FIRST_BYTES + more;
}

/* A client that takes what it is sent, and has room for much, need not show it
 * with each long answer anew. */
static bool may_widen_early(const struct front_h2 *h, const struct stream *s)
{
	return s->res.content_length > H2_FIRST_BYTES && conn_can_write(h->f.conn) &&
	       nghttp2_session_get_stream_remote_window_size(h->session, s->a.id) >
		       (int32_t)H2_FIRST_BYTES;
}

static void give_back(struct front_h2 *h, struct stream *s)
{
	if (s->a.wide)
		h->n_wide--;
	s->a.wide = false;
}

/* --- side A: what the stream wants of the client's session ---------------- */

static ssize_t read_body_cb(nghttp2_session *session, int32_t id, uint8_t *buf,
			    size_t len, uint32_t *flags, nghttp2_data_source *source,
			    void *user)
{
	struct front_h2 *h = user;
	struct stream *s = h2_stream(session, &h->user, id);
	struct body *body;

	(void)buf;
	(void)source;
	if (!s || s->a.aborted)
		return NGHTTP2_ERR_DEFERRED;
	body = &s->res_body;
	if ((!body->bytes && !body->ended) || !conn_can_write(h->user.conn)) {
		s->a.deferred = true; /* until there is some, or on_writable() */
		return NGHTTP2_ERR_DEFERRED;
	}
	len = h2_data_len(body, len);
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (body->ended && len == body->bytes &&
	    h2_end_data(session, id, &s->res.trailers, &s->gate->loop->tick, flags) !=
		    0)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	return (ssize_t)len;
}

static int send_data_cb(nghttp2_session *session, nghttp2_frame *frame,
			const uint8_t *head, size_t len, nghttp2_data_source *source,
			void *user)
{
	struct front_h2 *h = user;
	struct stream *s = h2_stream(session, &h->user, frame->hd.stream_id);

	(void)source;
	if (!s)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	h2_write_data(h->user.conn, head, &s->res_body, len);
	if (!len)
		return 0;
	widen(h, s);
	stream_took_res(s, len);
	return 0;
}

static nghttp2_nv *answer_nv(struct stream *s, size_t *n)
{
	nghttp2_nv *nv =
		arena_alloc(&s->gate->loop->tick, H2_NV_MAX(&s->res) * sizeof(*nv));

	/* RFC 8441 §5: what an upgrade says by 101, HTTP/2 says by 200. */
	if (s->tunnel) {
		s->res.status = 200;
		fields_remove(&s->res.headers, FIELD_SEC_WEBSOCKET_ACCEPT);
	}
	if (nv)
		*n = h2_answer_nv(nv, &s->res);
	return nv;
}

static void head_side(struct stream *s)
{
	struct front_h2 *h = front_of(s);
	nghttp2_data_provider body = {.read_callback = read_body_cb};
	bool bare = s->res_body.ended && !s->res_body.bytes && !s->res.trailers.n;
	struct stream_lib_mark before = stream_lib_mark();
	size_t n = 0;
	nghttp2_nv *nv = answer_nv(s, &n);

	if (!nv || nghttp2_submit_response(h->session, s->a.id, nv, n,
					   bare ? NULL : &body) != 0)
		stream_abort(s, STREAM_NO_MEMORY);
	stream_charge_lib(s, before);
	s->a.submitted = true;
	if (may_widen_early(h, s))
		widen(h, s);
	mark(h);
}

static void info_side(struct stream *s)
{
	struct front_h2 *h = front_of(s);
	size_t n = 0;
	nghttp2_nv *nv = answer_nv(s, &n);

	if (!nv)
		return;                /* an interim answer may be lost */
	for (size_t i = 0; i < n; i++) /* s->res is emptied before it is sent */
		nv[i].flags = NGHTTP2_NV_FLAG_NONE;
	nghttp2_submit_headers(h->session, NGHTTP2_FLAG_NONE, s->a.id, NULL, nv, n,
			       NULL);
	mark(h);
}

static void data_side(struct stream *s)
{
	struct front_h2 *h = front_of(s);

	if (!s->a.submitted)
		return;
	if (s->a.deferred) {
		s->a.deferred = false;
		check_memory(h, nghttp2_session_resume_data(h->session, s->a.id));
	}
	mark(h);
}

static void room_side(struct stream *s, size_t n)
{
	struct front_h2 *h = front_of(s);

	check_memory(h, nghttp2_session_consume(h->session, s->a.id, n));
	mark(h);
}

static uint32_t error_code(enum stream_end why)
{
	switch (why) {
	case STREAM_DONE:
		return NGHTTP2_NO_ERROR;
	case STREAM_CANCELLED:
	case STREAM_TIMEOUT:
		return NGHTTP2_CANCEL;
	case STREAM_REFUSED:
		return NGHTTP2_REFUSED_STREAM;
	default:
		return NGHTTP2_INTERNAL_ERROR;
	}
}

static void abort_side(struct stream *s, enum stream_end why)
{
	struct front_h2 *h = front_of(s);

	/* In the middle of a head nothing else can come on this connection. */
	if (!s->dispatched && why == STREAM_TIMEOUT)
		guard_h2_end(&h->guard, NGHTTP2_ENHANCE_YOUR_CALM, REJECT_N);
	check_memory(h, nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE,
						  s->a.id, error_code(why)));
	mark(h);
}

static const struct side_ops side_ops = {head_side, info_side, data_side, room_side,
					 abort_side};

/* --- what the client sends --------------------------------------------------- */

static bool is_request(const nghttp2_frame *frame)
{
	return frame->hd.type == NGHTTP2_HEADERS &&
	       frame->headers.cat == NGHTTP2_HCAT_REQUEST;
}

static int on_begin_headers_cb(nghttp2_session *session, const nghttp2_frame *frame,
			       void *user)
{
	struct front_h2 *h = user;
	struct stream *s;

	guard_h2_on_block(&h->guard);
	if (!is_request(frame))
		return 0;
	s = stream_new(&h->f, &side_ops, h);
	if (!s) {
		stat_add(&h->f.gate->stats->rejected[REJECT_NO_MEMORY], 1);
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	}
	doze_end(&h->doze);
	s->is_h2 = true;
	narrow(s);
	s->a.id = frame->hd.stream_id;
	h2_set_stream(session, &h->user, s->a.id, s);
	return 0;
}

static bool head_fits(const struct stream *s, const struct fields *f, size_t more)
{
	const struct h1_limits *max = &s->gate->limits->head;

	return f->n < max->n_headers && f->bytes + more + 32 <= max->header_bytes;
}

static int on_header_cb(nghttp2_session *session, const nghttp2_frame *frame,
			const uint8_t *name, size_t name_len, const uint8_t *value,
			size_t value_len, uint8_t flags, void *user)
{
	struct front_h2 *h = user;
	struct stream *s = h2_stream(session, &h->user, frame->hd.stream_id);
	bool trailers = !is_request(frame);
	struct fields *f;

	if (!guard_h2_on_field(&h->guard, name_len, value_len))
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	if (!s || s->a.aborted || s->head_status)
		return 0;
	f = trailers ? &s->req.trailers : &s->req.headers;
	if (!head_fits(s, f, name_len + value_len)) {
		s->head_status = 431;
		return 0;
	}
	if (h2_take_field(&s->req, &s->arena, trailers,
			  str_of((const char *)name, name_len),
			  str_of((const char *)value, value_len),
			  flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0)
		s->head_status = 503;
	return 0;
}

/* Host and :authority must agree (RFC 9113 §8.3.1); one of them goes on. */
static unsigned int settle_authority(struct message *m)
{
	const struct field *host = fields_get(&m->headers, FIELD_HOST);

	if (!host)
		return 0;
	if (!m->authority.len)
		m->authority = field_value(host);
	else if (!str_eq_nocase(m->authority, field_value(host)))
		return 400;
	fields_remove(&m->headers, FIELD_HOST);
	return 0;
}

/* In cleartext the client may stand behind something that ends TLS. */
static bool is_scheme(const struct front *f, struct str scheme)
{
	return str_eq_nocase(scheme, STR("https")) ||
	       (!f->is_tls && str_eq_nocase(scheme, STR("http")));
}

/* What nghttp2 lets pass of RFC 9113 §8.3.1. */
static bool is_good_target(const struct stream *s)
{
	const struct message *m = &s->req;

	if (!is_authority(m->authority))
		return false;
	if (m->method == METHOD_CONNECT && !m->protocol.len)
		return true;
	return is_scheme(s->front, m->scheme) &&
	       (is_origin_form(m->path) ||
		(m->method == METHOD_OPTIONS && str_eq(m->path, STR("*"))));
}

static unsigned int check_head(struct stream *s)
{
	const struct limits_conf *max = s->gate->limits;
	struct message *m = &s->req;

	if (s->head_status)
		return s->head_status;
	if (m->path.len > max->head.line_bytes)
		return 414;
	if (max->body_bytes && m->content_length > 0 &&
	    (uint64_t)m->content_length > max->body_bytes)
		return 413;
	return settle_authority(m) != 0 || !is_good_target(s) ? 400 : 0;
}

static void end_request(struct stream *s)
{
	s->req_body.ended = true;
	stream_on_req_data(s);
}

static void on_request(struct stream *s, bool ended)
{
	unsigned int status;

	h2_end_head(&s->req);
	s->res.method = s->req.method;
	if (ended) {
		s->req.no_body = true;
		s->req_body.ended = true;
	}
	status = check_head(s);
	if (status)
		front_count_refusal(s->front, status);
	stream_on_request(s, status);
}

static void on_settings(struct front_h2 *h, const nghttp2_frame *frame)
{
	if (frame->hd.flags & NGHTTP2_FLAG_ACK)
		h->settings_acked = true;
	else
		guard_h2_on_settings(&h->guard);
}

/* The timer's time, unless it runs to our last GOAWAY. */
static void wait_idle(struct front_h2 *h)
{
	struct gate *g = h->f.gate;

	if (!h->f.draining || h->goaway_sent)
		timer_set(g->loop, &h->f.timer, g->limits->idle_timeout_ms);
}

static void on_ping(struct front_h2 *h, const nghttp2_frame *frame)
{
	if (!(frame->hd.flags & NGHTTP2_FLAG_ACK) || !h->pinged)
		return;
	h->pinged = false;
	wait_idle(h);
}

static bool is_discarded(const struct stream *s)
{
	return s->a.aborted || !s->b.ops || s->b.aborted;
}

/* What comes behind the head is more than one may send, or finds no memory. */
static void refuse(struct stream *s, unsigned int status)
{
	front_count_refusal(s->front, status);
	if (s->answered)
		stream_abort(s, status == 503 ? STREAM_NO_MEMORY : STREAM_CANCELLED);
	else
		reply_error(s, status);
}

static int on_frame_recv_cb(nghttp2_session *session, const nghttp2_frame *frame,
			    void *user)
{
	struct front_h2 *h = user;
	bool ended = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
	struct stream *s;

	switch (frame->hd.type) {
	case NGHTTP2_HEADERS:
	case NGHTTP2_DATA:
		if (frame->hd.type == NGHTTP2_HEADERS &&
		    !guard_h2_on_block_end(&h->guard))
			return 0;
		s = h2_stream(session, &h->user, frame->hd.stream_id);
		if (!s || s->a.aborted)
			return 0;
		if (is_request(frame))
			on_request(s, ended);
		else if (s->head_status && !is_discarded(s)) /* trailers */
			refuse(s, s->head_status);
		else if (ended)
			end_request(s);
		return 0;
	case NGHTTP2_SETTINGS:
		on_settings(h, frame);
		return 0;
	case NGHTTP2_PING:
		on_ping(h, frame);
		return 0;
	case NGHTTP2_RST_STREAM:
		stat_add(&h->f.gate->stats
				  ->h2_resets_in[frame->rst_stream.error_code & 15],
			 1);
		return 0;
	case NGHTTP2_GOAWAY:
		stat_add(
			&h->f.gate->stats->h2_goaways_in[frame->goaway.error_code & 15],
			1);
		return 0;
	default:
		return 0;
	}
}

static int on_data_chunk_recv_cb(nghttp2_session *session, uint8_t flags, int32_t id,
				 const uint8_t *p, size_t len, void *user)
{
	struct front_h2 *h = user;
	struct stream *s = h2_stream(session, &h->user, id);
	uint64_t max = h->f.gate->limits->body_bytes;

	(void)flags;
	flood_gain_bytes(&h->guard.flood, &h->f.gate->limits->flood, (uint32_t)len);
	if (!s || is_discarded(s)) {
		check_memory(h, nghttp2_session_consume(session, id, len));
		return 0;
	}
	if (max && s->req_body.total_bytes + len > max) {
		refuse(s, 413);
		check_memory(h, nghttp2_session_consume(session, id, len));
		return 0;
	}
	if (body_put(&s->req_body, p, len) != 0) {
		stream_abort(s, STREAM_NO_MEMORY);
		check_memory(h, nghttp2_session_consume(session, id, len));
		return 0;
	}
	stream_on_req_data(s);
	return 0;
}

static int on_stream_close_cb(nghttp2_session *session, int32_t id, uint32_t code,
			      void *user)
{
	struct front_h2 *h = user;
	struct stream *s = h2_stream(session, &h->user, id);

	if (!s)
		return 0;
	/* What nobody took would be missing from the connection's window. */
	if (s->req_body.bytes)
		check_memory(h, nghttp2_session_consume_connection(session,
								   s->req_body.bytes));
	h2_set_stream(session, &h->user, id, NULL);
	give_back(h, s);
	stream_detach_a(s, code == NGHTTP2_NO_ERROR ? STREAM_DONE : STREAM_CANCELLED);
	if (list_empty(&h->f.streams)) {
		wait_idle(h);
		doze_begin(h->f.gate, &h->doze);
	}
	return 0;
}

/* What waits for a server that wants no more of it would keep the window shut. */
static void drop_upload(struct front_h2 *h, struct stream *s)
{
	uint32_t n = s->req_body.bytes;

	body_drop(&s->req_body, n);
	check_memory(h, nghttp2_session_consume(h->session, s->a.id, n));
}

/* The whole answer is out while the client still uploads: it is told to stop,
 * but not at once (RFC 9113 §8.1), as some clients then drop the answer. */
static void on_answer_sent(struct front_h2 *h, int32_t id)
{
	struct stream *s = h2_stream(h->session, &h->user, id);

	if (s && !s->local) /* our own errors are no work that a client wanted */
		guard_h2_gain(&h->guard, &h->f.gate->limits->flood, FLOOD_GAIN_ANSWER);
	if (s && !s->req_body.ended && !s->a.aborted && is_discarded(s)) {
		drop_upload(h, s);
		stream_linger(s);
	}
}

static int on_frame_send_cb(nghttp2_session *session, const nghttp2_frame *frame,
			    void *user)
{
	struct front_h2 *h = user;
	struct stats *st = h->f.gate->stats;

	(void)session;
	switch (frame->hd.type) {
	case NGHTTP2_DATA:
		guard_h2_gain(&h->guard, &h->f.gate->limits->flood, FLOOD_GAIN_DATA);
		__attribute__((fallthrough));
	case NGHTTP2_HEADERS:
		if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
			on_answer_sent(h, frame->hd.stream_id);
		break;
	case NGHTTP2_RST_STREAM:
		stat_add(&st->h2_resets_out[frame->rst_stream.error_code & 15], 1);
		guard_h2_on_reset_sent(&h->guard, frame->hd.stream_id,
				       frame->rst_stream.error_code);
		break;
	case NGHTTP2_GOAWAY:
		stat_add(&st->h2_goaways_out[frame->goaway.error_code & 15], 1);
		break;
	default:
		break;
	}
	return 0;
}

/* RFC 9113 §8.1.1: malformed; or more than one may ask of a stream. */
static int on_invalid_frame_recv_cb(nghttp2_session *session,
				    const nghttp2_frame *frame, int error, void *user)
{
	struct front_h2 *h = user;

	(void)session;
	guard_h2_on_fault(&h->guard, frame->hd.stream_id, error);
	return 0;
}

int front_h2_kit_init(struct h2_kit *k)
{
	nghttp2_session_callbacks *cb;

	if (h2_kit_init(k) != 0)
		return -1;
	cb = k->callbacks;
	nghttp2_session_callbacks_set_send_data_callback(cb, send_data_cb);
	nghttp2_session_callbacks_set_on_begin_headers_callback(cb,
								on_begin_headers_cb);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header_cb);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame_recv_cb);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
		cb, on_data_chunk_recv_cb);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close_cb);
	nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_send_cb);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(
		cb, on_invalid_frame_recv_cb);
	return 0;
}

/* --- the session ---------------------------------------------------------------- */

static void bury(struct grave *g)
{
	struct front *f = container_of(g, struct front, grave);
	struct gate *gate = f->gate;

	pool_put(&gate->fronts_h2, of_front(f));
}

static void free_streams(struct front_h2 *h)
{
	while (!list_empty(&h->f.streams))
		stream_detach_a(container_of(h->f.streams.next, struct stream, a.node),
				STREAM_CANCELLED);
}

static void front_h2_free(struct front *f)
{
	struct front_h2 *h = of_front(f);

	free_streams(h);
	doze_end(&h->doze);
	h2_session_del(h->session, &h->user);
	h->session = NULL;
	mem_charge_back(MEM_NGHTTP2, h->user.bytes);
	stat_sub(&f->gate->stats->fronts_h2, 1);
	conn_free(&f->conn);
	loop_bury(f->gate->loop, &f->grave, bury);
	front_fini(f);
}

/* In order: what is queued still goes out. */
static void front_h2_close(struct front_h2 *h)
{
	conn_close(&h->f.conn);
	front_h2_free(&h->f);
}

static bool is_over(const struct front_h2 *h)
{
	return !nghttp2_session_want_read(h->session) &&
	       !nghttp2_session_want_write(h->session);
}

/* Our last GOAWAY is queued; a client that takes nothing is not waited for. */
static void close_soon(struct front_h2 *h)
{
	struct loop *l = h->f.gate->loop;

	h->closing = true;
	timer_stop(l, &h->f.timer);
	timer_set(l, &h->f.timer, CLOSE_GRACE_MS);
}

static void flush_cb(struct dirty *d)
{
	struct front_h2 *h = of_front(container_of(d, struct front, dirty));
	struct conn *c = h->f.conn;
	int rc;

	if (h->guard.over && !h->closing)
		close_soon(h);
	if (!conn_can_write(c))
		return; /* on_writable() comes back to it */
	conn_begin(c);
	rc = nghttp2_session_send(h->session);
	conn_flush(c);
	front_count_bytes(&h->f);
	if (rc != 0)
		front_h2_free(&h->f);
	else if (is_over(h) && conn_can_write(c))
		front_h2_close(h);
}

static void on_input(struct conn *c, char *data, size_t len)
{
	struct front_h2 *h = c->owner;

	if (h->guard.over)
		return;
	guard_h2_recv(&h->guard, (uint8_t *)data, len);
	if (!conn_can_write(c) && nghttp2_session_get_outbound_queue_size(h->session) >
					  MAX_QUEUED + h->f.gate->limits->streams)
		conn_pause(c);
	mark(h);
}

static void on_writable(struct conn *c)
{
	struct front_h2 *h = c->owner;

	conn_resume(c);
	list_each (n, &h->f.streams)
		data_side(container_of(n, struct stream, a.node));
	mark(h);
}

static void on_end(struct conn *c, enum conn_end why)
{
	struct front_h2 *h = c->owner;

	(void)why;
	front_h2_free(&h->f);
}

static void on_open(struct conn *c)
{
	(void)c; /* was open before it became ours */
}

static const struct conn_ops conn_ops = {.on_open = on_open,
					 .on_input = on_input,
					 .on_writable = on_writable,
					 .on_end = on_end};

static void last_goaway(struct front_h2 *h)
{
	h->goaway_sent = true;
	h->guard.lenient = true;
	nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE,
			      nghttp2_session_get_last_proc_stream_id(h->session),
			      NGHTTP2_NO_ERROR, NULL, 0);
	mark(h);
}

/* Ends it with this code, whether or not the client takes our GOAWAY. */
static void terminate(struct front_h2 *h, uint32_t code, enum reject reason)
{
	guard_h2_end(&h->guard, code, reason);
	mark(h);
}

/* Nothing has come for long while streams wait: is anybody there? */
static void ask_alive(struct front_h2 *h)
{
	struct gate *g = h->f.gate;

	if (!g->limits->ping_timeout_ms) {
		timer_set(g->loop, &h->f.timer, g->limits->idle_timeout_ms);
		return;
	}
	if (h->pinged) {
		terminate(h, NGHTTP2_NO_ERROR, REJECT_PING_TIMEOUT);
		return;
	}
	h->pinged = true;
	nghttp2_submit_ping(h->session, NGHTTP2_FLAG_NONE, NULL);
	mark(h);
	timer_set(g->loop, &h->f.timer, g->limits->ping_timeout_ms);
}

static void timer_cb(struct timer *t)
{
	struct front_h2 *h = of_front(container_of(t, struct front, timer));
	struct gate *g = h->f.gate;

	if (h->closing) {
		front_h2_free(&h->f);
		return;
	}
	if (!h->settings_acked) { /* RFC 9113 §6.5.3 */
		terminate(h, NGHTTP2_SETTINGS_TIMEOUT, REJECT_HEADER_TIMEOUT);
		return;
	}
	if (!list_empty(&h->f.streams) && !(h->f.draining && !h->goaway_sent)) {
		ask_alive(h);
		return;
	}
	if (h->f.draining && !h->goaway_sent) {
		last_goaway(h);
	} else if (list_empty(&h->f.streams) && !h->goaway_sent) {
		stat_add(&g->stats->rejected[REJECT_IDLE_TIMEOUT], 1);
		last_goaway(h);
	} else if (list_empty(&h->f.streams)) {
		front_h2_free(&h->f); /* does not take our GOAWAY */
		return;
	}
	timer_set(g->loop, t, g->limits->idle_timeout_ms);
}

static void front_h2_drain(struct front *f)
{
	struct front_h2 *h = of_front(f);

	if (f->draining)
		return;
	f->draining = true;
	nghttp2_submit_shutdown_notice(h->session);
	mark(h);
	timer_stop(f->gate->loop, &f->timer);
	timer_set(f->gate->loop, &f->timer, GOAWAY_GRACE_MS);
}

static const struct front_ops front_ops = {front_h2_drain, front_h2_free};

static int open_session(struct front_h2 *h)
{
	struct gate *g = h->f.gate;
	nghttp2_mem mem;
	nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, g->limits->streams},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, g->limits->stream_buffer_bytes},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, g->limits->head.header_bytes},
		{NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
		{NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
	};

	h2_mem_init(&mem, &h->user, &g->front_kit);
	if (nghttp2_session_server_new3(&h->session, g->front_kit.callbacks, h,
					g->front_kit.option, &mem) != 0)
		return -1;
	if (nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, settings,
				    sizeof(settings) / sizeof(settings[0])) != 0 ||
	    nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0,
						  (int32_t)g->limits->window_bytes) !=
		    0)
		return -1;
	return 0;
}

void front_h2_start(struct gate *g, struct conn *c, unsigned int listener, char *data,
		    size_t len)
{
	struct front_h2 *h = pool_get(&g->fronts_h2);

	if (!h) {
		stat_add(&g->stats->rejected[REJECT_NO_MEMORY], 1);
		conn_free(&c);
		return;
	}
	memset(h, 0, sizeof(*h));
	front_init(&h->f, g, c, listener, &front_ops);
	h->f.is_h2 = true;
	h->user.conn = c;
	h->user.loop = g->loop;
	dirty_init(&h->f.dirty, flush_cb);
	timer_init(&h->f.timer, timer_cb);
	doze_init(&h->doze);
	c->ops = &conn_ops;
	c->owner = h;
	stat_add(&g->stats->fronts_h2, 1);
	if (open_session(h) != 0) {
		stat_add(&g->stats->rejected[REJECT_NO_MEMORY], 1);
		front_h2_free(&h->f);
		return;
	}
	guard_h2_init(&h->guard, &h->f, h->session);
	doze_begin(g, &h->doze);
	timer_set(g->loop, &h->f.timer, g->limits->header_timeout_ms);
	if (g->draining)
		front_h2_drain(&h->f);
	mark(h);
	if (len)
		on_input(c, data, len);
}
