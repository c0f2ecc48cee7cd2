#include "proxy/guard_h2.h"

#include "proxy/front.h"
#include "proxy/stream.h"

/* A head that is too large is answered with 431, but not read for ever: this
 * much more than what is allowed ends the connection. */
#define BOMB_FACTOR 4
#define BOMB_BYTES  (64 * 1024)
#define BOMB_FIELDS 512u

static const struct limits_conf *limits(const struct guard_h2 *g)
{
	return g->front->gate->limits;
}

void guard_h2_init(struct guard_h2 *g, struct front *f, struct h2_user *user)
{
	memset(g, 0, sizeof(*g));
	g->front = f;
	g->user = user;
	h2_scan_init(&g->scan, H2_PREFACE_BYTES);
	g->ids.highest = -1;
	flood_init(&g->flood, &f->gate->limits->flood, f->gate->loop->now_ms);
}

void guard_h2_end(struct guard_h2 *g, uint32_t code, enum reject reason)
{
	if (g->over)
		return;
	g->over = true;
	if (reason < REJECT_N)
		stat_add(&g->front->gate->stats->rejected[reason], 1);
	nghttp2_session_terminate_session(h2_session(g->user), code);
}

bool guard_h2_charge(struct guard_h2 *g, enum flood_event e, uint32_t n)
{
	if (flood_spend(&g->flood, &limits(g)->flood, g->front->gate->loop->now_ms, e,
			n))
		return true;
	guard_h2_end(g, NGHTTP2_ENHANCE_YOUR_CALM, flood_reason(e));
	return false;
}

/* --- frames ------------------------------------------------------------------- */

/* Not a session any more: say why. */
static void on_recv_error(struct guard_h2 *g, int error)
{
	switch (error) {
	case NGHTTP2_ERR_FLOODED: /* answers to SETTINGS and PING pile up */
		guard_h2_end(g, NGHTTP2_ENHANCE_YOUR_CALM, REJECT_CONTROL_FLOOD);
		break;
	case H2_ERR_TOO_MANY_CONTINUATIONS:
		guard_h2_end(g, NGHTTP2_ENHANCE_YOUR_CALM, REJECT_HEADER_FLOOD);
		break;
	case NGHTTP2_ERR_NOMEM:
	case NGHTTP2_ERR_CALLBACK_FAILURE:
		guard_h2_end(g, NGHTTP2_INTERNAL_ERROR, REJECT_NO_MEMORY);
		break;
	default:
		guard_h2_end(g, NGHTTP2_PROTOCOL_ERROR, REJECT_BAD_REQUEST);
	}
}

static void feed(struct guard_h2 *g, uint8_t *p, size_t len)
{
	ssize_t n = len ? nghttp2_session_mem_recv(h2_session(g->user), p, len) : 0;

	if (n < 0)
		on_recv_error(g, (int)n);
}

static enum flood_event event_of(const struct h2_head *head)
{
	switch (head->type) {
	case NGHTTP2_DATA:
		return head->length || (head->flags & NGHTTP2_FLAG_END_STREAM)
			       ? FLOOD_DATA
			       : FLOOD_EMPTY;
	case NGHTTP2_HEADERS:
		return FLOOD_HEADERS;
	case NGHTTP2_CONTINUATION:
		return FLOOD_CONTINUATION;
	case NGHTTP2_WINDOW_UPDATE:
		return FLOOD_WINDOW;
	case NGHTTP2_SETTINGS:
		return FLOOD_SETTINGS;
	case NGHTTP2_PING:
		return FLOOD_PING;
	case NGHTTP2_PRIORITY:
		return FLOOD_PRIORITY;
	default:
		return FLOOD_OTHER;
	}
}

/* RFC 9113 §4.2: too short for the fields that the flags promise. nghttp2
 * names another error. */
static bool is_cut(const struct h2_head *head)
{
	uint32_t need = head->flags & NGHTTP2_FLAG_PADDED ? 1 : 0;

	if (head->type == NGHTTP2_HEADERS && (head->flags & NGHTTP2_FLAG_PRIORITY))
		need += 5;
	return (head->type == NGHTTP2_DATA || head->type == NGHTTP2_HEADERS) &&
	       head->length < need;
}

/* HEADERS or DATA for a stream that nghttp2 does not have (any more). Returns:
 * an error code; NO_ERROR: let nghttp2 drop it. */
static uint32_t check_closed(struct guard_h2 *g, const struct h2_head *head)
{
	bool headers = head->type == NGHTTP2_HEADERS;

	if (g->lenient)
		return NGHTTP2_NO_ERROR;
	switch (h2_ids_state(&g->ids, head->id)) {
	case H2_ID_DROPPED:
		return NGHTTP2_NO_ERROR;
	case H2_ID_OPENED:
		return NGHTTP2_STREAM_CLOSED;
	case H2_ID_FORGOTTEN:
		/* With so many streams at once, one that we have reset may be
		 * among those that are forgotten. */
		if (limits(g)->streams > H2_IDS)
			return NGHTTP2_NO_ERROR;
		break;
	case H2_ID_SKIPPED:
		break;
	}
	return headers ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_STREAM_CLOSED; /* §5.1.1 */
}

/* The widest window of an open stream, to see whether SETTINGS overflow it. */
static void note_windows(struct guard_h2 *g)
{
	g->widest = 0;
	g->first_window = nghttp2_session_get_remote_settings(
		h2_session(g->user), NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE);
	list_each (n, &g->front->streams) {
		int32_t id = container_of(n, struct stream, a.node)->a.id;
		int32_t w = nghttp2_session_get_stream_remote_window_size(
			h2_session(g->user), id);

		if (w > g->widest)
			g->widest = w;
	}
}

static bool is_peers(int32_t id)
{
	return id & 1;
}

/* What depends on frames before this one: nghttp2 must have them first. */
static uint32_t check_order(struct guard_h2 *g, const struct h2_head *head)
{
	if (head->type == NGHTTP2_SETTINGS) {
		note_windows(g);
		return NGHTTP2_NO_ERROR;
	}
	if (head->type == NGHTTP2_RST_STREAM) {
		struct stream *s = nghttp2_session_get_stream_user_data(
			h2_session(g->user), head->id);

		if (s && !s->a.aborted)
			guard_h2_charge(
				g, s->answered ? FLOOD_LATE_CANCEL : FLOOD_CANCEL, 1);
		return NGHTTP2_NO_ERROR;
	}
	if (nghttp2_session_find_stream(h2_session(g->user), head->id))
		return NGHTTP2_NO_ERROR;
	return check_closed(g, head);
}

static bool needs_order(const struct guard_h2 *g, const struct h2_head *head)
{
	switch (head->type) {
	case NGHTTP2_DATA:
	case NGHTTP2_HEADERS:
	case NGHTTP2_RST_STREAM:
		return is_peers(head->id) && head->id <= g->ids.highest;
	case NGHTTP2_SETTINGS:
		return !(head->flags & NGHTTP2_FLAG_ACK) && head->length;
	default:
		return false;
	}
}

/* Returns: an error code, or NO_ERROR: what else is wrong is nghttp2's. */
static uint32_t check_alone(struct guard_h2 *g, const struct h2_head *head)
{
	if (is_cut(head))
		return NGHTTP2_FRAME_SIZE_ERROR;
	if (head->type == NGHTTP2_PRIORITY && !head->id)
		return NGHTTP2_PROTOCOL_ERROR; /* §6.3; nghttp2 ignores them */
	if (head->type == NGHTTP2_HEADERS && is_peers(head->id) &&
	    head->id > g->ids.highest)
		h2_ids_open(&g->ids, head->id);
	return NGHTTP2_NO_ERROR;
}

/* Between the frames of a header block there may be no others (§4.3); nghttp2
 * sees to that, and to frames that are too long. */
static bool is_checked_elsewhere(struct guard_h2 *g, const struct h2_head *head)
{
	bool was_in_block = g->in_block;

	if (head->type == NGHTTP2_HEADERS || head->type == NGHTTP2_CONTINUATION)
		g->in_block = !(head->flags & NGHTTP2_FLAG_END_HEADERS);
	return was_in_block || head->length > H2_CHUNK_BYTES;
}

static void charge_frame(struct guard_h2 *g, const struct h2_head *head)
{
	if (head->type == NGHTTP2_HEADERS)
		g->n_continuations = 0;
	if (head->type == NGHTTP2_CONTINUATION &&
	    ++g->n_continuations > H2_MAX_CONTINUATIONS)
		guard_h2_end(g, NGHTTP2_ENHANCE_YOUR_CALM, REJECT_HEADER_FLOOD);
	guard_h2_charge(g, event_of(head), 1);
}

void guard_h2_recv(struct guard_h2 *g, uint8_t *p, size_t len)
{
	size_t at = 0, fed = 0;
	struct h2_head head;

	while (!g->over && h2_scan_next(&g->scan, p, len, &at, &head)) {
		uint32_t code = NGHTTP2_NO_ERROR;

		if (!is_checked_elsewhere(g, &head)) {
			bool in_order = needs_order(g, &head);

			code = check_alone(g, &head);
			if (in_order || code != NGHTTP2_NO_ERROR) {
				feed(g, p + fed, head.at - fed);
				fed = head.at;
			}
			if (in_order && !g->over && code == NGHTTP2_NO_ERROR)
				code = check_order(g, &head);
		}
		if (code != NGHTTP2_NO_ERROR)
			guard_h2_end(g, code, REJECT_BAD_REQUEST);
		else
			charge_frame(g, &head);
	}
	if (!g->over)
		feed(g, p + fed, len - fed);
}

/* --- what became of them ---------------------------------------------------------- */

void guard_h2_on_block(struct guard_h2 *g)
{
	g->block_bytes = 0;
	g->block_fields = 0;
}

bool guard_h2_on_field(struct guard_h2 *g, size_t name_len, size_t value_len)
{
	const struct h1_limits *max = &limits(g)->head;

	g->block_bytes += (uint32_t)(name_len + value_len + 32);
	g->block_fields++;
	if (g->block_bytes <= BOMB_BYTES + BOMB_FACTOR * (uint64_t)max->header_bytes &&
	    g->block_fields <= BOMB_FIELDS + BOMB_FACTOR * (uint32_t)max->n_headers)
		return true;
	guard_h2_end(g, NGHTTP2_ENHANCE_YOUR_CALM, REJECT_HEADER_FLOOD);
	return false;
}

bool guard_h2_on_block_end(struct guard_h2 *g)
{
	return guard_h2_charge(g, FLOOD_HEADER_KIB, g->block_bytes / 1024);
}

/* RFC 9113 §6.9.2: a connection error; nghttp2 resets the stream. */
void guard_h2_on_settings(struct guard_h2 *g)
{
	int64_t more =
		(int64_t)nghttp2_session_get_remote_settings(
			h2_session(g->user), NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE) -
		g->first_window;

	if (g->widest && more > INT32_MAX - g->widest)
		guard_h2_end(g, NGHTTP2_FLOW_CONTROL_ERROR, REJECT_BAD_REQUEST);
	g->widest = 0;
}

void guard_h2_on_fault(struct guard_h2 *g, int32_t id, int error)
{
	if (is_peers(id))
		h2_ids_drop(&g->ids, id);
	guard_h2_charge(
		g, error == NGHTTP2_ERR_REFUSED_STREAM ? FLOOD_REFUSED : FLOOD_FAULT,
		1);
}

/* Whether the client is to blame. */
static bool is_fault(uint32_t code)
{
	switch (code) {
	case NGHTTP2_NO_ERROR: /* answered before its body had come */
	case NGHTTP2_INTERNAL_ERROR:
	case NGHTTP2_CANCEL:
	case NGHTTP2_REFUSED_STREAM:
		return false;
	default:
		return true;
	}
}

void guard_h2_on_reset_sent(struct guard_h2 *g, int32_t id, uint32_t code)
{
	if (h2_ids_state(&g->ids, id) == H2_ID_DROPPED)
		return; /* charged before it was sent */
	if (nghttp2_session_get_stream_remote_close(h2_session(g->user), id) != 1)
		h2_ids_drop(&g->ids, id);
	if (is_fault(code))
		guard_h2_charge(g, FLOOD_FAULT, 1);
}
