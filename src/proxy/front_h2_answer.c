#include "proxy/front_h2_inner.h"

/* --- how much of an answer is buffered --------------------------------------- */

static uint32_t wider(const struct front_h2 *h)
{
	uint32_t full = h->f.gate->limits->stream_buffer_bytes;

	return full > H2_FIRST_BYTES ? full - H2_FIRST_BYTES : 0;
}

/* Each stream has its first bytes; beyond them the client's streams share what
 * its connection may buffer, so that many that stall take little. */
void front_h2_narrow(struct stream *s)
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
static bool may_widen_early(struct front_h2 *h, const struct stream *s)
{
	return s->res.content_length > H2_FIRST_BYTES && conn_can_write(h->f.conn) &&
	       nghttp2_session_get_stream_remote_window_size(
		       h2_session(&h->user), s->a.id) > (int32_t)H2_FIRST_BYTES;
}

void front_h2_give_back(struct front_h2 *h, struct stream *s)
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
	struct front_h2 *h = front_h2_of(s);
	nghttp2_data_provider body = {.read_callback = read_body_cb};
	bool bare = s->res_body.ended && !s->res_body.bytes && !s->res.trailers.n;
	struct stream_lib_mark before = stream_lib_mark();
	struct arena *tick = &s->gate->loop->tick;
	struct arena_mark mark = arena_mark(tick);
	size_t n = 0;
	nghttp2_nv *nv = answer_nv(s, &n);
	bool ok = nv && nghttp2_submit_response(h2_session(&h->user), s->a.id, nv, n,
						bare ? NULL : &body) == 0;

	arena_rewind(tick, mark);
	if (!ok)
		stream_abort(s, STREAM_NO_MEMORY);
	stream_charge_lib(s, before);
	s->a.submitted = true;
	if (may_widen_early(h, s))
		widen(h, s);
	front_h2_mark(h);
}

static void info_side(struct stream *s)
{
	struct front_h2 *h = front_h2_of(s);
	size_t n = 0;
	nghttp2_nv *nv = answer_nv(s, &n);

	if (!nv)
		return;                /* an interim answer may be lost */
	for (size_t i = 0; i < n; i++) /* s->res is emptied before it is sent */
		nv[i].flags = NGHTTP2_NV_FLAG_NONE;
	nghttp2_submit_headers(h2_session(&h->user), NGHTTP2_FLAG_NONE, s->a.id, NULL,
			       nv, n, NULL);
	front_h2_mark(h);
}

static void data_side(struct stream *s)
{
	struct front_h2 *h = front_h2_of(s);

	if (!s->a.submitted)
		return;
	if (s->a.deferred) {
		s->a.deferred = false;
		front_h2_check_memory(
			h, nghttp2_session_resume_data(h2_session(&h->user), s->a.id));
	}
	front_h2_mark(h);
}

static void room_side(struct stream *s, size_t n)
{
	struct front_h2 *h = front_h2_of(s);

	front_h2_check_memory(
		h, nghttp2_session_consume(h2_session(&h->user), s->a.id, n));
	front_h2_mark(h);
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
	struct front_h2 *h = front_h2_of(s);

	/* In the middle of a head nothing else can come on this connection. */
	if (!s->dispatched && why == STREAM_TIMEOUT)
		guard_h2_end(&h->guard, NGHTTP2_ENHANCE_YOUR_CALM, REJECT_N);
	front_h2_check_memory(h, nghttp2_submit_rst_stream(h2_session(&h->user),
							   NGHTTP2_FLAG_NONE, s->a.id,
							   error_code(why)));
	front_h2_mark(h);
}

const struct side_ops front_h2_side_ops = {head_side, info_side, data_side, room_side,
					   abort_side};

/* --- frames that went out ----------------------------------------------------- */

/* What waits for a server that wants no more of it would keep the window shut. */
static void drop_upload(struct front_h2 *h, struct stream *s)
{
	uint32_t n = s->req_body.bytes;

	body_drop(&s->req_body, n);
	front_h2_check_memory(
		h, nghttp2_session_consume(h2_session(&h->user), s->a.id, n));
}

/* The whole answer is out while the client still uploads: it is told to stop,
 * but not at once (RFC 9113 §8.1), as some clients then drop the answer. */
static void on_answer_sent(struct front_h2 *h, int32_t id)
{
	struct stream *s = h2_stream(h2_session(&h->user), &h->user, id);

	if (s && !s->local) /* our own errors are no work that a client wanted */
		guard_h2_gain(&h->guard, &h->f.gate->limits->flood, FLOOD_GAIN_ANSWER);
	if (s && !s->req_body.ended && !s->a.aborted && front_h2_is_discarded(s)) {
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

void front_h2_answer_init(nghttp2_session_callbacks *cb)
{
	nghttp2_session_callbacks_set_send_data_callback(cb, send_data_cb);
	nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_send_cb);
}
