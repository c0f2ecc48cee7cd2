#include "proxy/front_h2_inner.h"
#include "proxy/reply.h"

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
	s = stream_new(&h->f, &front_h2_side_ops, h);
	if (!s) {
		stat_add(&h->f.gate->stats->rejected[REJECT_NO_MEMORY], 1);
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	}
	s->is_h2 = true;
	front_h2_narrow(s);
	s->a.id = frame->hd.stream_id;
	if (fields_room(&s->req.headers, &s->arena, h->f.head_fields) != 0)
		s->head_status = 503;
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

static void on_ping(struct front_h2 *h, const nghttp2_frame *frame)
{
	if (!(frame->hd.flags & NGHTTP2_FLAG_ACK) || !h->pinged)
		return;
	h->pinged = false;
	front_h2_wait_idle(h);
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
		else if (s->head_status && !front_h2_is_discarded(s)) /* trailers */
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
	if (!s || front_h2_is_discarded(s)) {
		front_h2_check_memory(h, nghttp2_session_consume(session, id, len));
		return 0;
	}
	if (max && s->req_body.total_bytes + len > max) {
		refuse(s, 413);
		front_h2_check_memory(h, nghttp2_session_consume(session, id, len));
		return 0;
	}
	if (body_put(&s->req_body, p, len) != 0) {
		stream_abort(s, STREAM_NO_MEMORY);
		front_h2_check_memory(h, nghttp2_session_consume(session, id, len));
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
		front_h2_check_memory(h, nghttp2_session_consume_connection(
						 session, s->req_body.bytes));
	h2_set_stream(session, &h->user, id, NULL);
	front_h2_give_back(h, s);
	stream_detach_a(s, code == NGHTTP2_NO_ERROR ? STREAM_DONE : STREAM_CANCELLED);
	if (list_empty(&h->f.streams))
		front_h2_wait_idle(h);
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

void front_h2_request_init(nghttp2_session_callbacks *cb)
{
	nghttp2_session_callbacks_set_on_begin_headers_callback(cb,
								on_begin_headers_cb);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header_cb);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame_recv_cb);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
		cb, on_data_chunk_recv_cb);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close_cb);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(
		cb, on_invalid_frame_recv_cb);
}
