#include "http/h2_inner.h"
#include "http/h2_priority.h"

#define SETTING_BYTES  6
#define PRIORITY_BYTES 5

static bool is_server(const struct h2_session *h)
{
	return h->conf->is_server;
}

/* --- errors -------------------------------------------------------------------- */

/* A connection error (§5.4.1). */
static void fail(struct h2_session *h, enum h2_error code)
{
	h2_fail(h, code, H2_FAULT_PEER);
}

static void tell_fault(struct h2_session *h, enum h2_error code)
{
	if (h->conf->ops->on_fault)
		h->conf->ops->on_fault(h, code);
}

/* A stream error (§5.4.2). */
static void reset(struct h2_session *h, struct h2_stream *s, enum h2_error code)
{
	if (s->reset_due)
		return;
	h2_reset(h, s, code);
	tell_fault(h, code);
}

/* The same of one that is no stream of ours. */
static void refuse(struct h2_session *h, int32_t id, enum h2_error code)
{
	uint8_t p[4];

	h2_put32(p, code);
	h2_put_control(h, H2_RST_STREAM, 0, id, p, sizeof(p));
	h2_ids_drop(&h->ids, id);
	if (!h->over && h->conf->ops->on_out)
		h->conf->ops->on_out(h, H2_RST_STREAM, code);
}

/* --- which stream ---------------------------------------------------------------- */

/* One that could be opened, but was not (§5.1). s: which it is, or NULL. */
static bool is_idle(const struct h2_session *h, const struct h2_stream *s, int32_t id)
{
	if (is_server(h))
		return !(id & 1) || id > h->ids.highest;
	/* To the server a request that still waits here is none. */
	return !(id & 1) || id > h->last_id || (s && s->head_due);
}

/* HEADERS or DATA of a stream that is closed. Returns: whether to be silent. */
static bool may_be_late(struct h2_session *h, bool headers)
{
	int32_t id = h->head.id;

	if (!is_server(h) || h->leaving)
		return true;
	switch (h2_ids_state(&h->ids, id)) {
	case H2_ID_DROPPED:
		return true;
	case H2_ID_OPENED:
		fail(h, H2_STREAM_CLOSED);
		return false;
	case H2_ID_FORGOTTEN:
		/* With so many streams at once, one that we have reset may be
		 * among those that are forgotten. */
		if (h->conf->max_streams > H2_IDS / 2)
			return true;
		break;
	case H2_ID_SKIPPED:
		break;
	}
	fail(h, headers ? H2_PROTOCOL_ERROR : H2_STREAM_CLOSED); /* §5.1.1 */
	return false;
}

/* The stream of a frame that needs one: sets h->now, to NULL if it is closed.
 * Returns: false when the session is over. */
static bool find_open(struct h2_session *h, bool headers)
{
	struct h2_stream *s = h2_find(h, h->head.id);

	h->now = NULL;
	if (is_idle(h, s, h->head.id)) {
		fail(h, H2_PROTOCOL_ERROR);
		return false;
	}
	if (!s)
		return may_be_late(h, headers);
	if (s->in_ended && !s->reset_due) {
		fail(h, H2_STREAM_CLOSED);
		return false;
	}
	h->now = s->reset_due ? NULL : s;
	return true;
}

/* --- the end of a payload -------------------------------------------------------- */

static void next_frame(struct h2_session *h)
{
	h->state = IN_HEAD;
	h->now = NULL;
}

static void skip(struct h2_session *h)
{
	h->state = IN_SKIP;
}

static void want(struct h2_session *h, uint8_t n)
{
	h->n_fixed = n;
	h->n_part = 0;
	h->state = IN_FIXED;
}

/* --- DATA ---------------------------------------------------------------------- */

/* Padding counts for windows, and so does what nobody wants. */
static void drop_window(struct h2_session *h, size_t n)
{
	if (h->now)
		h2_consume(h, h->now, n);
	else
		h2_consume_conn(h, n);
}

static void end_data(struct h2_session *h)
{
	struct h2_stream *s = h->now;

	if (!s || !(h->head.flags & H2_END_STREAM))
		return;
	if (s->in_left > 0) { /* §8.1.1 */
		reset(h, s, H2_PROTOCOL_ERROR);
		return;
	}
	s->in_ended = true;
	h->conf->ops->on_end(h, s);
	h2_close_if_done(h, s);
}

static bool takes_data(struct h2_session *h, struct h2_stream *s)
{
	/* A window may be below 0, and what has no bytes needs none (§6.9.1). */
	if (h->head.length && (int64_t)h->head.length > s->in_window) {
		reset(h, s, H2_FLOW_CONTROL_ERROR);
		return false;
	}
	if (!is_server(h) && !s->answered) {
		reset(h, s, H2_PROTOCOL_ERROR);
		return false;
	}
	s->in_window -= (int32_t)h->head.length;
	return true;
}

static void begin_body(struct h2_session *h)
{
	struct h2_stream *s = h->now;

	h->left -= h->pad;
	h->state = IN_DATA;
	if (!s || s->in_left == LENGTH_UNKNOWN)
		return;
	if (h->left > s->in_left) { /* §8.1.1 */
		reset(h, s, H2_PROTOCOL_ERROR);
		return;
	}
	s->in_left -= h->left;
}

static void on_pad(struct h2_session *h, uint8_t pad)
{
	if (pad > h->left) {
		fail(h, H2_PROTOCOL_ERROR);
		return;
	}
	h->pad = pad;
	drop_window(h, 1u + pad);
	begin_body(h);
}

static void on_data(struct h2_session *h)
{
	bool padded = h->head.flags & H2_PADDED;

	if (!h->head.id) {
		fail(h, H2_PROTOCOL_ERROR);
		return;
	}
	if (padded && !h->left) {
		fail(h, H2_FRAME_SIZE_ERROR);
		return;
	}
	if ((int64_t)h->head.length > h->in_window) {
		fail(h, H2_FLOW_CONTROL_ERROR);
		return;
	}
	h->in_window -= (int32_t)h->head.length;
	if (!find_open(h, false))
		return;
	if (h->now && !takes_data(h, h->now))
		h->now = NULL;
	h->pad = 0;
	if (padded)
		want(h, 1);
	else
		begin_body(h);
}

/* --- header blocks --------------------------------------------------------------- */

static void open_stream(struct h2_session *h, int32_t id)
{
	struct h2_stream *s;

	h2_ids_open(&h->ids, id);
	if (h->leaving) {
		h2_ids_drop(&h->ids, id);
		return;
	}
	h->last_id = id;
	if (h->n_streams >= h->conf->max_streams) {
		refuse(h, id, H2_REFUSED_STREAM);
		tell_fault(h, H2_REFUSED_STREAM);
		return;
	}
	s = h->conf->ops->on_open(h, id);
	if (!s) {
		refuse(h, id, H2_REFUSED_STREAM);
		return;
	}
	h2_add(h, s, id);
	h->now = s;
}

static void begin_request(struct h2_session *h)
{
	int32_t id = h->head.id;

	h->now = NULL;
	if ((id & 1) && id > h->ids.highest) {
		open_stream(h, id);
		h2_rules_begin(&h->rules, H2_REQUEST, METHOD_OTHER);
		return;
	}
	if (find_open(h, true))
		h2_rules_begin(&h->rules, H2_TRAILERS, METHOD_OTHER);
}

static void begin_answer(struct h2_session *h)
{
	if (!find_open(h, true))
		return;
	if (!h->now || h->now->answered)
		h2_rules_begin(&h->rules, H2_TRAILERS, METHOD_OTHER);
	else
		h2_rules_begin(&h->rules, H2_ANSWER, h->conf->ops->asked(h->now));
}

static void begin_block(struct h2_session *h)
{
	h->block_bytes = 0;
	h->block_fields = 0;
	h->n_continuations = 0;
	h->in_block = true;
	h->block_id = h->head.id;
	h->block_ends = h->head.flags & H2_END_STREAM;
	h->state = IN_BLOCK;
	if (is_server(h))
		begin_request(h);
	else
		begin_answer(h);
	/* Trailers end a stream (§8.1). */
	if (h->now && h->rules.kind == H2_TRAILERS && !h->block_ends)
		reset(h, h->now, H2_PROTOCOL_ERROR);
}

static void on_headers(struct h2_session *h)
{
	uint8_t fixed = h->head.flags & H2_PADDED ? 1 : 0;

	if (h->head.flags & H2_HAS_PRIORITY)
		fixed += PRIORITY_BYTES;
	if (!h->head.id) {
		fail(h, H2_PROTOCOL_ERROR);
		return;
	}
	if (h->left < fixed) { /* §4.2 */
		fail(h, H2_FRAME_SIZE_ERROR);
		return;
	}
	h->pad = 0;
	if (fixed)
		want(h, fixed);
	else
		begin_block(h);
}

static void on_headers_fixed(struct h2_session *h, const uint8_t *p)
{
	if (h->head.flags & H2_PADDED)
		h->pad = p[0];
	if (h->pad > h->left) {
		fail(h, H2_PROTOCOL_ERROR);
		return;
	}
	h->left -= h->pad;
	begin_block(h); /* the old priorities are nobody's (§5.3.2) */
}

static void on_continuation(struct h2_session *h)
{
	if (++h->n_continuations > H2_MAX_CONTINUATIONS) {
		h2_fail(h, H2_ENHANCE_YOUR_CALM, H2_FAULT_HEADERS);
		return;
	}
	h->pad = 0;
	h->state = IN_BLOCK;
}

/* What a request says of its urgency (RFC 9218 §5). */
static void note_priority(struct h2_stream *s, const struct h2_field *f)
{
	bool incremental = s->incremental;

	if (!str_eq(f->name, STR("priority")))
		return;
	h2_priority(f->value, &s->urgency, &incremental);
	s->incremental = incremental;
}

static void take_field(struct h2_session *h, struct h2_field *f)
{
	struct h2_stream *s = h->now;

	if (!s)
		return;
	h2_field_name(f);
	switch (h2_rules_field(&h->rules, f)) {
	case H2_FIELD_GOOD:
		break;
	case H2_FIELD_DROP:
		return;
	case H2_FIELD_BAD:
		reset(h, s, H2_PROTOCOL_ERROR);
		return;
	}
	if (h->rules.kind == H2_REQUEST && f->id == FIELD_OTHER)
		note_priority(s, f);
	if (!h->conf->ops->on_field(h, s, f, h->rules.kind == H2_TRAILERS) &&
	    !s->reset_due)
		h2_reset(h, s, H2_INTERNAL_ERROR);
}

/* Returns: false when there is no end of it. */
static bool count_field(struct h2_session *h, const struct h2_field *f)
{
	h->block_bytes += (uint32_t)(f->name.len + f->value.len + 32);
	h->block_fields++;
	if (h->block_bytes <= h->conf->max_block_bytes &&
	    h->block_fields <= h->conf->max_block_fields)
		return true;
	h2_fail(h, H2_ENHANCE_YOUR_CALM, H2_FAULT_HEADERS);
	return false;
}

/* The head of s is whole. */
static void end_head(struct h2_session *h, struct h2_stream *s)
{
	bool trailers = h->rules.kind == H2_TRAILERS;

	if (!h2_rules_end(&h->rules, h->block_ends)) {
		reset(h, s, H2_PROTOCOL_ERROR);
		return;
	}
	if (!trailers)
		s->in_left = h2_rules_body(&h->rules);
	if (h->block_ends && s->in_left > 0) { /* §8.1.1 */
		reset(h, s, H2_PROTOCOL_ERROR);
		return;
	}
	if (h->rules.kind == H2_ANSWER && h->rules.status >= 200)
		s->answered = true;
	s->in_ended = h->block_ends;
	h->conf->ops->on_head(h, s, trailers);
	h2_close_if_done(h, s);
}

static void end_block(struct h2_session *h)
{
	h->in_block = false;
	if (h->conf->ops->on_block && !h->conf->ops->on_block(h, h->block_bytes))
		return;
	if (h->now)
		end_head(h, h->now);
}

/* Returns: false when the block brings no more fields, for now or at all. */
static bool take_from_block(struct h2_session *h, const uint8_t **p, size_t *len,
			    bool last)
{
	struct h2_field f;

	switch (h2_hpack_read(&h->hpack, p, len, last, &f)) {
	case H2_HPACK_FIELD:
		if (!count_field(h, &f))
			return false;
		take_field(h, &f);
		return !h->over;
	case H2_HPACK_MORE:
		return false;
	case H2_HPACK_END:
		end_block(h);
		return false;
	case H2_HPACK_BAD:
		fail(h, H2_COMPRESSION_ERROR);
		return false;
	case H2_HPACK_NO_MEMORY:
		h2_fail(h, H2_INTERNAL_ERROR, H2_FAULT_MEMORY);
		return false;
	}
	return false;
}

/* --- frames of the connection, and others -------------------------------------- */

static bool move_window(struct h2_session *h, struct h2_stream *s, int64_t by)
{
	if (s->out_window + by > H2_MAX_WINDOW)
		return false;
	s->out_window += (int32_t)by;
	if (s->out_window > 0)
		h2_data(h, s);
	return true;
}

static void set_first_window(struct h2_session *h, uint32_t v)
{
	int64_t by = (int64_t)v - h->out_first;

	if (v > H2_MAX_WINDOW || !h2_each(h, move_window, by)) { /* §6.9.2 */
		fail(h, H2_FLOW_CONTROL_ERROR);
		return;
	}
	h->out_first = (int32_t)v;
}

static void on_setting(struct h2_session *h, const uint8_t *p)
{
	uint32_t v = h2_get32(p + 2);

	switch (p[0] << 8 | p[1]) {
	case H2_HEADER_TABLE_SIZE:
		h2_pack_limit(h2_hpack_out(&h->hpack), v);
		break;
	case H2_ENABLE_PUSH: /* a server must not say 1 */
		if (v > 1 || (v && !is_server(h)))
			fail(h, H2_PROTOCOL_ERROR);
		break;
	case H2_MAX_CONCURRENT_STREAMS:
		h->n_allowed = v;
		break;
	case H2_INITIAL_WINDOW_SIZE:
		set_first_window(h, v);
		break;
	case H2_MAX_FRAME_SIZE:
		if (v < H2_PAYLOAD_BYTES || v >= 1u << 24)
			fail(h, H2_PROTOCOL_ERROR);
		break;
	case H2_ENABLE_CONNECT_PROTOCOL:
	case H2_NO_RFC7540_PRIORITIES:
		if (v > 1)
			fail(h, H2_PROTOCOL_ERROR);
		break;
	default:
		break;
	}
}

static void next_setting(struct h2_session *h)
{
	if (h->left) {
		want(h, SETTING_BYTES);
		return;
	}
	h->n_acks++;
	if (h->conf->ops->on_settings)
		h->conf->ops->on_settings(h);
	next_frame(h);
}

/* Our SETTINGS hold for the peer from here on. */
static bool narrow(struct h2_session *h, struct h2_stream *s, int64_t by)
{
	(void)h;
	s->in_window -= (int32_t)by;
	return true;
}

static void on_ack(struct h2_session *h)
{
	int32_t by = h->in_first - (int32_t)h->conf->stream_bytes;

	if (h->got_ack) {
		fail(h, H2_PROTOCOL_ERROR); /* we have sent one SETTINGS */
		return;
	}
	h->got_ack = true;
	h2_each(h, narrow, by);
	h->in_first -= by;
	next_frame(h);
}

static void on_settings(struct h2_session *h)
{
	bool ack = h->head.flags & H2_ACK;

	if (h->head.id)
		fail(h, H2_PROTOCOL_ERROR);
	else if (ack ? h->left : h->left % SETTING_BYTES)
		fail(h, H2_FRAME_SIZE_ERROR);
	else if (h->left > SETTING_BYTES * H2_MAX_SETTINGS || h->n_acks > 1000)
		h2_fail(h, H2_ENHANCE_YOUR_CALM, H2_FAULT_CONTROL);
	else if (ack)
		on_ack(h);
	else
		next_setting(h);
	h->got_settings = true;
}

/* A frame of one length, of a stream or of the connection. */
static void want_all(struct h2_session *h, bool of_stream, uint8_t n)
{
	if (of_stream != (h->head.id != 0))
		fail(h, H2_PROTOCOL_ERROR);
	else if (h->left != n)
		fail(h, H2_FRAME_SIZE_ERROR);
	else
		want(h, n);
}

static void on_window(struct h2_session *h, int32_t by)
{
	struct h2_stream *s = h->head.id ? h2_find(h, h->head.id) : NULL;

	if (!by || (h->head.id && is_idle(h, s, h->head.id))) {
		fail(h, H2_PROTOCOL_ERROR);
		return;
	}
	if (h->head.id) {
		if (s && !s->reset_due && !move_window(h, s, by))
			reset(h, s, H2_FLOW_CONTROL_ERROR);
		return;
	}
	if ((int64_t)h->out_window + by > H2_MAX_WINDOW)
		fail(h, H2_FLOW_CONTROL_ERROR);
	else
		h->out_window += by;
}

static void on_reset(struct h2_session *h, uint32_t code)
{
	struct h2_stream *s = h2_find(h, h->head.id);

	if (is_idle(h, s, h->head.id)) {
		fail(h, H2_PROTOCOL_ERROR);
		return;
	}
	if (!s)
		return;
	if (h->conf->ops->on_reset)
		h->conf->ops->on_reset(h, s, code);
	h2_close(h, s, code == H2_NO_ERROR ? H2_CANCEL : code);
}

static void on_ping(struct h2_session *h, const uint8_t *p)
{
	if (!(h->head.flags & H2_ACK))
		h2_put_control(h, H2_PING, H2_ACK, 0, p, 8);
	else if (h->conf->ops->on_ping_ack)
		h->conf->ops->on_ping_ack(h);
}

static void on_goaway(struct h2_session *h, const uint8_t *p)
{
	h->got_goaway = true;
	h->conf->ops->on_goaway(h, h2_get32(p + 4));
	if (!is_server(h))
		h2_refuse_above(h, h2_get31(p));
}

/* --- frames -------------------------------------------------------------------- */

/* All of the payload that goes together. */
static void on_fixed(struct h2_session *h, const uint8_t *p)
{
	switch (h->head.type) {
	case H2_DATA:
		on_pad(h, p[0]);
		return;
	case H2_HEADERS:
		on_headers_fixed(h, p);
		return;
	case H2_SETTINGS:
		on_setting(h, p);
		if (!h->over)
			next_setting(h);
		return;
	case H2_RST_STREAM:
		on_reset(h, h2_get32(p));
		break;
	case H2_PING:
		on_ping(h, p);
		break;
	case H2_GOAWAY:
		on_goaway(h, p);
		break;
	case H2_WINDOW_UPDATE:
		on_window(h, h2_get31(p));
		break;
	default:
		break;
	}
	skip(h);
}

static void on_type(struct h2_session *h)
{
	switch (h->head.type) {
	case H2_DATA:
		on_data(h);
		return;
	case H2_HEADERS:
		on_headers(h);
		return;
	case H2_CONTINUATION:
		on_continuation(h);
		return;
	case H2_SETTINGS:
		on_settings(h);
		return;
	case H2_PRIORITY:
		want_all(h, true, PRIORITY_BYTES);
		return;
	case H2_RST_STREAM:
		want_all(h, true, 4);
		return;
	case H2_WINDOW_UPDATE:
		want_all(h, h->head.id != 0, 4);
		return;
	case H2_PING:
		want_all(h, false, 8);
		return;
	case H2_GOAWAY:
		if (h->head.id)
			fail(h, H2_PROTOCOL_ERROR);
		else if (h->left < 8)
			fail(h, H2_FRAME_SIZE_ERROR);
		else
			want(h, 8);
		return;
	case H2_PUSH_PROMISE: /* not a client's, and we have forbidden it */
		fail(h, H2_PROTOCOL_ERROR);
		return;
	default:
		skip(h);
	}
}

/* Between the frames of a block there are no others (§4.3), and none before the
 * first SETTINGS (§3.4). */
static bool is_in_order(const struct h2_session *h)
{
	const struct h2_head *head = &h->head;

	if (h->in_block)
		return head->type == H2_CONTINUATION && head->id == h->block_id;
	if (!h->got_settings)
		return head->type == H2_SETTINGS && !(head->flags & H2_ACK);
	return head->type != H2_CONTINUATION;
}

static void on_frame(struct h2_session *h, const uint8_t *p)
{
	h2_get_head(p, &h->head);
	h->left = h->head.length;
	if (h->left > H2_PAYLOAD_BYTES)
		fail(h, H2_FRAME_SIZE_ERROR);
	else if (!is_in_order(h))
		fail(h, H2_PROTOCOL_ERROR);
	else if (!h->conf->ops->on_frame || h->conf->ops->on_frame(h, &h->head))
		on_type(h);
}

/* --- bytes ----------------------------------------------------------------------- */

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* The next n bytes, in one place; they are taken off the input. Returns: NULL when
 * they are not all here. */
static const uint8_t *collect(struct h2_session *h, const uint8_t **p, size_t *len,
			      size_t n)
{
	const uint8_t *at = *p;
	size_t part = least(n - h->n_part, *len);

	*p += part;
	*len -= part;
	if (part == n)
		return at;
	memcpy(h->part + h->n_part, at, part);
	h->n_part += (uint8_t)part;
	if (h->n_part < n)
		return NULL;
	h->n_part = 0;
	return h->part;
}

static bool take_magic(struct h2_session *h, const uint8_t **p, size_t *len)
{
	size_t n = least(H2_MAGIC_BYTES - h->n_part, *len);

	if (memcmp(*p, &H2_MAGIC[h->n_part], n) != 0) {
		fail(h, H2_PROTOCOL_ERROR);
		return false;
	}
	*p += n;
	*len -= n;
	h->n_part += (uint8_t)n;
	if (h->n_part < H2_MAGIC_BYTES)
		return false;
	h->n_part = 0;
	h->state = IN_HEAD;
	return true;
}

static bool take_head(struct h2_session *h, const uint8_t **p, size_t *len)
{
	const uint8_t *head = collect(h, p, len, H2_HEAD_BYTES);

	if (head)
		on_frame(h, head);
	return head;
}

static bool take_fixed(struct h2_session *h, const uint8_t **p, size_t *len)
{
	const uint8_t *fixed = collect(h, p, len, h->n_fixed);

	if (!fixed)
		return false;
	h->left -= h->n_fixed;
	on_fixed(h, fixed);
	return true;
}

static bool take_block(struct h2_session *h, const uint8_t **p, size_t *len)
{
	size_t n = least(h->left, *len);
	bool all = n == h->left;
	bool last = all && (h->head.flags & H2_END_HEADERS);
	const uint8_t *at = *p;
	size_t left = n;

	if (!n && !all)
		return false;
	*p += n;
	*len -= n;
	h->left -= (uint32_t)n;
	if (left || last)
		while (take_from_block(h, &at, &left, last))
			;
	if (all)
		h->state = IN_PADDING;
	return true;
}

static bool take_data(struct h2_session *h, const uint8_t **p, size_t *len)
{
	size_t n = least(h->left, *len);
	const uint8_t *at = *p;

	if (!n && h->left)
		return false;
	*p += n;
	*len -= n;
	h->left -= (uint32_t)n;
	if (n && h->now)
		h->conf->ops->on_data(h, h->now, at, n);
	else if (n)
		h2_consume_conn(h, n);
	if (!h->left)
		h->state = IN_PADDING;
	return true;
}

static bool take_rest(struct h2_session *h, const uint8_t **p, size_t *len)
{
	size_t n = least(h->left, *len);

	*p += n;
	*len -= n;
	h->left -= (uint32_t)n;
	if (!h->left)
		next_frame(h);
	return !h->left;
}

static bool take_padding(struct h2_session *h, const uint8_t **p, size_t *len)
{
	size_t n = least(h->pad, *len);

	*p += n;
	*len -= n;
	h->pad -= (uint8_t)n;
	if (h->pad)
		return false;
	if (h->head.type == H2_DATA)
		end_data(h);
	if (h->in_block)
		h->state = IN_HEAD; /* h->now is whose it is */
	else
		next_frame(h);
	return true;
}

static bool take(struct h2_session *h, const uint8_t **p, size_t *len)
{
	switch (h->state) {
	case IN_MAGIC:
		return take_magic(h, p, len);
	case IN_HEAD:
		return take_head(h, p, len);
	case IN_FIXED:
		return take_fixed(h, p, len);
	case IN_BLOCK:
		return take_block(h, p, len);
	case IN_DATA:
		return take_data(h, p, len);
	case IN_SKIP:
		return take_rest(h, p, len);
	default:
		return take_padding(h, p, len);
	}
}

void h2_recv(struct h2_session *h, const uint8_t *p, size_t len)
{
	while (!h->over && take(h, &p, &len))
		;
}
