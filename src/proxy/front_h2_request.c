#include "http/h2_message.h"
#include "proxy/front_h2_inner.h"
#include "proxy/reply.h"

/* --- what the client sends --------------------------------------------------- */

static struct h2_stream *on_open(struct h2_session *h2, int32_t id)
{
	struct front_h2 *h = front_h2_of_session(h2);
	struct stream *s = stream_new(&h->f, &front_h2_side_ops, h);

	(void)id;
	if (!s) {
		stat_add(&h->f.gate->stats->rejected[REJECT_NO_MEMORY], 1);
		return NULL;
	}
	s->is_h2 = true;
	front_h2_narrow(s);
	if (fields_room(&s->req.headers, &s->arena, h->f.head_fields) != 0)
		s->head_status = 503;
	return &s->a.h2;
}

static bool head_fits(const struct stream *s, const struct fields *f, size_t more)
{
	const struct h1_limits *max = &s->gate->limits->head;

	return f->n < max->n_headers && f->bytes + more + 32 <= max->header_bytes;
}

static bool on_field(struct h2_session *h2, struct h2_stream *h2s,
		     const struct h2_field *field, bool trailers)
{
	struct stream *s = front_h2_stream(h2s);
	struct fields *f = trailers ? &s->req.trailers : &s->req.headers;

	(void)h2;
	if (s->head_status)
		return true;
	if (!head_fits(s, f, field->name.len + field->value.len))
		s->head_status = 431;
	else if (h2_take_field(&s->req, &s->arena, trailers, field) != 0)
		s->head_status = 503;
	return true;
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

/* What h2_rules leaves of RFC 9113 §8.3.1: it has looked at all bytes of a path. */
static bool is_good_target(const struct stream *s)
{
	const struct message *m = &s->req;

	if (!is_authority(m->authority))
		return false;
	if (m->method == METHOD_CONNECT && !m->protocol.len)
		return true;
	return is_scheme(s->front, m->scheme) &&
	       (m->path.p[0] == '/' ||
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

static void on_ping_ack(struct h2_session *h2)
{
	struct front_h2 *h = front_h2_of_session(h2);

	if (!h->pinged)
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

static void on_head(struct h2_session *h2, struct h2_stream *h2s, bool trailers)
{
	struct stream *s = front_h2_stream(h2s);

	(void)h2;
	if (!trailers)
		on_request(s, h2s->in_ended);
	else if (s->head_status && !front_h2_is_discarded(s))
		refuse(s, s->head_status);
	else
		end_request(s);
}

static void on_end(struct h2_session *h2, struct h2_stream *h2s)
{
	(void)h2;
	end_request(front_h2_stream(h2s));
}

static bool takes_body(struct front_h2 *h, struct stream *s, const uint8_t *p,
		       size_t len)
{
	uint64_t max = h->f.gate->limits->body_bytes;

	if (front_h2_is_discarded(s))
		return false;
	if (max && s->req_body.total_bytes + len > max) {
		refuse(s, 413);
		return false;
	}
	if (body_put(&s->req_body, p, len) == 0)
		return true;
	stream_abort(s, STREAM_NO_MEMORY);
	return false;
}

static void on_data(struct h2_session *h2, struct h2_stream *h2s, const uint8_t *p,
		    size_t len)
{
	struct front_h2 *h = front_h2_of_session(h2);
	struct stream *s = front_h2_stream(h2s);

	flood_gain_bytes(&h->guard.flood, &h->f.gate->limits->flood, (uint32_t)len);
	if (takes_body(h, s, p, len))
		stream_on_req_data(s);
	else
		h2_consume(h2, h2s, len);
}

static void on_reset(struct h2_session *h2, struct h2_stream *h2s, uint32_t code)
{
	struct front_h2 *h = front_h2_of_session(h2);
	struct stream *s = front_h2_stream(h2s);

	stat_add(&h->f.gate->stats->h2_resets_in[code & 15], 1);
	if (!s->a.aborted)
		guard_h2_charge(&h->guard,
				s->answered ? FLOOD_LATE_CANCEL : FLOOD_CANCEL, 1);
}

static void on_close(struct h2_session *h2, struct h2_stream *h2s, uint32_t code)
{
	struct front_h2 *h = front_h2_of_session(h2);
	struct stream *s = front_h2_stream(h2s);

	/* What nobody took would be missing from the connection's window. */
	h2_consume_conn(h2, s->req_body.bytes);
	front_h2_give_back(h, s);
	stream_detach_a(s, code == H2_NO_ERROR ? STREAM_DONE : STREAM_CANCELLED);
	if (list_empty(&h->f.streams))
		front_h2_wait_idle(h);
}

/* --- what it is charged for --------------------------------------------------- */

static bool on_frame(struct h2_session *h2, const struct h2_head *head)
{
	return guard_h2_on_frame(&front_h2_of_session(h2)->guard, head);
}

static bool on_block(struct h2_session *h2, uint32_t bytes)
{
	return guard_h2_on_block(&front_h2_of_session(h2)->guard, bytes);
}

static void on_fault(struct h2_session *h2, uint32_t code)
{
	guard_h2_on_fault(&front_h2_of_session(h2)->guard, code);
}

static void on_fail(struct h2_session *h2, enum h2_fault why)
{
	guard_h2_on_fail(&front_h2_of_session(h2)->guard, why);
}

static void on_goaway(struct h2_session *h2, uint32_t code)
{
	struct front_h2 *h = front_h2_of_session(h2);

	stat_add(&h->f.gate->stats->h2_goaways_in[code & 15], 1);
}

void front_h2_request_ops(struct h2_ops *ops)
{
	ops->on_frame = on_frame;
	ops->on_open = on_open;
	ops->on_block = on_block;
	ops->on_field = on_field;
	ops->on_head = on_head;
	ops->on_data = on_data;
	ops->on_end = on_end;
	ops->on_reset = on_reset;
	ops->on_close = on_close;
	ops->on_ping_ack = on_ping_ack;
	ops->on_goaway = on_goaway;
	ops->on_fault = on_fault;
	ops->on_fail = on_fail;
}
