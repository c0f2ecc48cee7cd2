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
	       s->a.h2.out_window > (int32_t)H2_FIRST_BYTES;
}

void front_h2_give_back(struct front_h2 *h, struct stream *s)
{
	if (s->a.wide)
		h->n_wide--;
	s->a.wide = false;
}

/* --- side A: what the stream wants of the client's session ---------------- */

static void head_side(struct stream *s)
{
	struct front_h2 *h = front_h2_of(s);

	/* RFC 8441 §5: what an upgrade says by 101, HTTP/2 says by 200. */
	if (s->tunnel) {
		s->res.status = 200;
		fields_remove(&s->res.headers, FIELD_SEC_WEBSOCKET_ACCEPT);
	}
	h2_answer(&h->h2, &s->a.h2);
	if (may_widen_early(h, s))
		widen(h, s);
	front_h2_mark(h);
}

static void info_side(struct stream *s)
{
	struct front_h2 *h = front_h2_of(s);

	if (h2_inform(&h->h2, &s->a.h2, &s->res) != 0)
		return; /* it may be lost */
	front_h2_mark(h);
}

static void data_side(struct stream *s)
{
	struct front_h2 *h = front_h2_of(s);

	h2_data(&h->h2, &s->a.h2);
	front_h2_mark(h);
}

static void room_side(struct stream *s, size_t n)
{
	struct front_h2 *h = front_h2_of(s);

	h2_consume(&h->h2, &s->a.h2, n);
	front_h2_mark(h);
}

static uint32_t error_code(enum stream_end why)
{
	switch (why) {
	case STREAM_DONE:
		return H2_NO_ERROR;
	case STREAM_CANCELLED:
	case STREAM_TIMEOUT:
		return H2_CANCEL;
	case STREAM_REFUSED:
		return H2_REFUSED_STREAM;
	default:
		return H2_INTERNAL_ERROR;
	}
}

static void abort_side(struct stream *s, enum stream_end why)
{
	struct front_h2 *h = front_h2_of(s);

	/* In the middle of a head nothing else can come on this connection. */
	if (!s->dispatched && why == STREAM_TIMEOUT)
		guard_h2_end(&h->guard, H2_ENHANCE_YOUR_CALM, REJECT_N);
	h2_reset(&h->h2, &s->a.h2, error_code(why));
	front_h2_mark(h);
}

const struct side_ops front_h2_side_ops = {head_side, info_side, data_side, room_side,
					   abort_side};

/* --- what went out --------------------------------------------------------------- */

/* What waits for a server that wants no more of it would keep the window shut. */
static void drop_upload(struct front_h2 *h, struct stream *s)
{
	uint32_t n = s->req_body.bytes;

	body_drop(&s->req_body, n);
	h2_consume(&h->h2, &s->a.h2, n);
}

/* The whole answer is out while the client still uploads: it is told to stop,
 * but not at once (RFC 9113 §8.1), as some clients then drop the answer. */
static void on_answer_sent(struct front_h2 *h, struct stream *s)
{
	if (!s->local) /* our own errors are no work that a client wanted */
		guard_h2_gain(&h->guard, FLOOD_GAIN_ANSWER);
	if (!s->req_body.ended && !s->a.aborted && front_h2_is_discarded(s)) {
		drop_upload(h, s);
		stream_linger(s);
	}
}

static void on_sent(struct h2_session *h2, struct h2_stream *h2s, size_t n)
{
	struct front_h2 *h = front_h2_of_session(h2);
	struct stream *s = front_h2_stream(h2s);

	if (n) {
		guard_h2_gain(&h->guard, FLOOD_GAIN_DATA);
		widen(h, s);
		stream_took_res(s, n);
	}
	if (h2s->out_ended)
		on_answer_sent(h, s);
}

static void on_out(struct h2_session *h2, enum h2_type type, uint32_t code)
{
	struct stats *st = front_h2_of_session(h2)->f.gate->stats;

	stat_add(type == H2_GOAWAY ? &st->h2_goaways_out[code & 15]
				   : &st->h2_resets_out[code & 15],
		 1);
}

static const struct message *message(struct h2_stream *h2s)
{
	return &front_h2_stream(h2s)->res;
}

static struct body *body(struct h2_stream *h2s)
{
	return &front_h2_stream(h2s)->res_body;
}

void front_h2_answer_ops(struct h2_ops *ops)
{
	ops->message = message;
	ops->body = body;
	ops->on_sent = on_sent;
	ops->on_out = on_out;
}
