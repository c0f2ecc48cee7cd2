/*
 * Feeds the same bytes of a client to a server's session of ours and to one of
 * nghttp2. What nghttp2 refuses we must refuse too, a stream by its reset or the
 * connection; where both go on, both must have understood the same. What ours
 * answers is read by a client's session of nghttp2, which must find nothing wrong.
 *
 * Ours is meant to be stricter in these (is_meant(), is_meant_reset()):
 *
 *	- fields: whatever tests/unit/check_h2_rules.c shows
 *	- a header block of too many CONTINUATIONs, fields or bytes
 *	- HEADERS and DATA on a stream that was skipped, or closed in order, however
 *	  long ago (h2_ids): nghttp2 ignores them once it has forgotten the stream
 *	- PRIORITY on no stream, or of a wrong length
 *	- a value that SETTINGS must not have, and a good one behind it: nghttp2
 *	  looks at the last one
 *	- SETTINGS that widen a stream's window too far end the connection (§6.9.2):
 *	  nghttp2 resets the stream
 *	- padding that is too long in DATA that nobody wants
 *	- WINDOW_UPDATE by 0 on a stream ends the connection
 *	- padding, and DATA that nobody wants, open the windows only by our
 *	  WINDOW_UPDATE, while nghttp2 opens them at once
 *
 * quicker in this (is_answered_first()):
 *
 *	- trailers behind the last byte are sent at once: nghttp2 waits for a window
 *
 * and laxer in these (is_meant_lax()), which RFC 9113 leaves open:
 *
 *	- a stream that depends on itself (§5.3.2: the old priorities are ignored)
 *	- SETTINGS_NO_RFC7540_PRIORITIES that changes (RFC 9218 §2.1.1), as there is
 *	  nothing that it changes
 *	- the last id of a client's GOAWAY: of streams that we never push
 *
 * The client's session is stricter than it may be in this (is_meant_overflow()), and
 * there the comparison ends, as it has lost a stream:
 *
 *	- SETTINGS that widen a stream's window: nghttp2 holds against 2^31-1 (§6.9.2)
 *	  what there was of it before DATA came, and not what is left
 */
#include <nghttp2/nghttp2.h>

#include "h2_make.h"
#include "h2_ours_ops.h"
#include "h2_peer_mirror.h"
#include "h2_peer_read.h"
#include "h2_theirs_run.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The frame that both have got last. */
static struct h2_head head;
static const uint8_t *payload;
static bool is_late;   /* PROGRAM_LATE */
static bool is_uneven; /* a stream was reset by ours first: theirs may have sent more */

/* --- what is meant -------------------------------------------------------------- */

static bool is_bad_head(const struct octets *t, enum h2_head_kind kind, bool whole,
			bool ended)
{
	struct h2_rules rules;

	h2_rules_begin(&rules, kind, METHOD_OTHER);
	for (size_t at = 0; at < t->len;) {
		struct h2_field f = {0};
		const char *p = t->p + at;
		size_t n = strlen(p);

		f.name = str_of(p, n);
		f.value = str_of(p + n + 1, strlen(p + n + 1));
		at += n + f.value.len + 2;
		h2_field_name(&f);
		if (h2_rules_field(&rules, &f) == H2_FIELD_BAD)
			return true;
	}
	return whole && !h2_rules_end(&rules, ended);
}

/* Which answer gets the connection's window is each one's own, and so is what is left
 * of the stream's. */
static bool has_other_window(const struct seen *our, const struct seen *their)
{
	const struct seen *got = seen_find(&peer.side, our->id);

	return their && (got ? got->body.len : 0) != our->asked - their->asked;
}

/* Whether nghttp2 has more left of a window than ours only because it has opened it by
 * own_bytes, or less, itself (theirs_count()): then ours has none left. */
static bool is_wider(int32_t left_bytes, uint32_t own_bytes)
{
	return own_bytes && left_bytes < (int64_t)own_bytes;
}

static bool has_wider_window(const struct seen *their)
{
	return their && is_wider(nghttp2_session_get_stream_local_window_size(
					 theirs.session, their->id),
				 their->own_bytes);
}

/* A stream that ours has reset, and nghttp2 has not. */
static bool is_meant_reset(const struct seen *our, const struct seen *their)
{
	if (our->code == H2_CANCEL)
		return seen_plan(our) == 'x';
	if (our->code == H2_FLOW_CONTROL_ERROR)
		return is_late || has_wider_window(their) ||
		       has_other_window(our, their);
	/* nghttp2 will when the block ends. */
	if (our->whole && head.type == H2_HEADERS &&
	    !(head.flags & (H2_END_STREAM | H2_END_HEADERS)))
		return our->code == H2_PROTOCOL_ERROR;
	return our->code == H2_PROTOCOL_ERROR && their &&
	       (is_bad_head(&their->head, H2_REQUEST, their->whole, their->ended) ||
		is_bad_head(&their->trailers, H2_TRAILERS, false, true));
}

/* For nghttp2, which may have closed it a little earlier. */
static bool is_gone(const struct seen *s)
{
	return !s || s->closed || (is_late && s->ended);
}

static bool repeats_a_setting(void)
{
	for (size_t i = 0; i + 6 <= head.length; i += 6)
		for (size_t j = 0; j < i; j += 6)
			if (memcmp(payload + i, payload + j, 2) == 0)
				return true;
	return false;
}

/* Of bodies: then more of the connection's window is left to ours, and a WINDOW_UPDATE
 * may add less to it (§6.9.1). nghttp2 sends also where resets are shared, ours in its
 * turn only. */
static bool has_sent_less(void)
{
	int64_t left = nghttp2_session_get_remote_window_size(theirs.session);

	return left + (int64_t)(theirs.side.sent - ours.side.sent) > INT32_MAX;
}

/* A connection that ours has ended, and nghttp2 has not. */
static bool is_meant(void)
{
	const struct seen *s = seen_find(&ours.side, head.id);

	switch (head.type) {
	case H2_WINDOW_UPDATE:
		return head.id ? !h2_get31(payload) : has_sent_less();
	case H2_DATA:
		if (ours.side.code == H2_FLOW_CONTROL_ERROR)
			return is_wider(theirs.left_bytes, theirs.own_bytes);
		if ((head.flags & H2_PADDED) &&
		    (!head.length || payload[0] >= head.length))
			return true;
		return is_gone(s);
	case H2_HEADERS:
		return ours.why == H2_FAULT_HEADERS ||
		       (head.id <= ours.h2.ids.highest && is_gone(s));
	case H2_SETTINGS:
		return ours.side.code == H2_FLOW_CONTROL_ERROR || repeats_a_setting();
	case H2_PRIORITY: /* nghttp2 does not look at it */
		return !head.id || head.length != 5;
	case H2_CONTINUATION:
		return ours.why == H2_FAULT_HEADERS;
	default:
		return false;
	}
}

/* One that nghttp2 has ended, and ours has not. */
static bool is_meant_lax(void)
{
	return strstr(theirs.why, "depend on itself") ||
	       strstr(theirs.why, "NO_RFC7540_PRIORITIES cannot be changed") ||
	       strstr(theirs.why, "GOAWAY: invalid last_stream_id");
}

static bool is_broken_frame(uint32_t code)
{
	return code == H2_PROTOCOL_ERROR || code == H2_FRAME_SIZE_ERROR ||
	       code == H2_STREAM_CLOSED;
}

/* Both have ended it. A frame may have more than one fault. */
static bool is_same_fault(void)
{
	return ours.side.code == theirs.side.code || is_meant() || is_meant_lax() ||
	       ours.side.code == H2_STREAM_CLOSED ||
	       theirs.side.code == H2_ENHANCE_YOUR_CALM ||
	       (is_broken_frame(ours.side.code) && is_broken_frame(theirs.side.code));
}

/* --- comparing ------------------------------------------------------------------ */

static bool starts_with(const struct octets *a, const struct octets *b)
{
	size_t n = a->len < b->len ? a->len : b->len;

	return !n || memcmp(a->p, b->p, n) == 0;
}

static bool is_same(const struct octets *a, const struct octets *b)
{
	return a->len == b->len && starts_with(a, b);
}

/* Ours had sent all of the answer before the client reset the stream. */
static bool is_answered_first(const struct seen *our, const struct seen *their)
{
	return our->closed && !our->peer_reset && their->peer_reset;
}

static void compare_stream(const struct seen *a, const struct seen *b)
{
	if (!starts_with(&a->head, &b->head) || !starts_with(&a->body, &b->body) ||
	    !starts_with(&a->trailers, &b->trailers))
		differ("stream %d is understood otherwise", a->id);
	if (a->reset || b->reset)
		return;
	if (a->whole != b->whole || a->ended != b->ended)
		differ("stream %d: ours %s%s, theirs %s%s", a->id,
		       a->whole ? "whole" : "-", a->ended ? ", ended" : "",
		       b->whole ? "whole" : "-", b->ended ? ", ended" : "");
	if (a->whole && !is_same(&a->head, &b->head))
		differ("stream %d: heads", a->id);
	if (!is_same(&a->body, &b->body) || !is_same(&a->trailers, &b->trailers))
		differ("stream %d: %zu and %zu bytes of body", a->id, a->body.len,
		       b->body.len);
	if (!is_late && !is_answered_first(a, b) &&
	    (a->peer_reset != b->peer_reset || a->peer_code != b->peer_code))
		differ("stream %d: reset by the client", a->id);
}

static void compare_streams(void)
{
	static const struct seen none;

	for (unsigned int i = 0; i < ours.side.n; i++) {
		const struct seen *s = seen_find(&theirs.side, ours.side.at[i]->id);

		compare_stream(ours.side.at[i], s ? s : &none);
	}
	for (unsigned int i = 0; i < theirs.side.n; i++)
		if (theirs.side.at[i]->whole &&
		    !seen_find(&ours.side, theirs.side.at[i]->id))
			differ("stream %d is theirs alone", theirs.side.at[i]->id);
}

/* --- resets --------------------------------------------------------------------- */

static bool has_new_reset(void)
{
	list_each (n, &ours.streams) {
		struct our_stream *s = container_of(n, struct our_stream, node);

		if (s->h2.reset_due && !s->seen->reset)
			return true;
	}
	return false;
}

/* Ours has reset it: if nghttp2 has not, it does so too, and both go on. */
static void share_reset(struct our_stream *s)
{
	struct seen *their = seen_find(&theirs.side, s->h2.id);

	s->seen->reset = true;
	s->seen->code = s->h2.reset_code;
	if (their && their->reset)
		return;
	if (!is_meant_reset(s->seen, their))
		differ("stream %d: ours alone resets it, with %u", s->h2.id,
		       s->seen->code);
	is_uneven = true;
	if (!their || !their->closed)
		must(nghttp2_submit_rst_stream(theirs.session, NGHTTP2_FLAG_NONE,
					       s->h2.id, s->seen->code) == 0);
}

static void share_resets(void)
{
	theirs_send();
	if (theirs.side.over)
		return; /* after_frame() looks at that */
	list_each (n, &ours.streams) {
		struct our_stream *s = container_of(n, struct our_stream, node);

		if (s->h2.reset_due && !s->seen->reset)
			share_reset(s);
	}
	theirs_send();
	for (unsigned int i = 0; i < theirs.side.n && !ours.side.over; i++) {
		const struct seen *their = theirs.side.at[i];
		const struct seen *our = seen_find(&ours.side, their->id);

		if (!their->reset)
			continue;
		if (!our || (!our->reset && !our->closed))
			differ("stream %d: theirs alone resets it, with %u", their->id,
			       their->code);
		if (our->reset && our->code != their->code)
			differ("stream %d: reset with %u and %u", their->id, our->code,
			       their->code);
	}
}

/* --- output --------------------------------------------------------------------- */

/* nghttp2 widens its windows as ours did, and the client reads what ours wrote. */
static void share_output(void)
{
	const uint8_t *p = (const uint8_t *)wire.out.p;
	struct h2_head h;

	for (size_t at = 0; at < wire.out.len; at += H2_HEAD_BYTES + h.length) {
		h2_get_head(p + at, &h);
		must(at + H2_HEAD_BYTES + h.length <= wire.out.len);
		if (h.type == H2_WINDOW_UPDATE)
			nghttp2_submit_window_update(theirs.session, NGHTTP2_FLAG_NONE,
						     h.id,
						     h2_get31(p + at + H2_HEAD_BYTES));
		peer_recv(&h, p + at);
	}
}

/* Both may send. */
static void turn(void)
{
	share_resets();
	wire.out.len = 0;
	h2_send(&ours.h2);
	share_output();
	theirs_send();
	if (!ours.side.over && !theirs.side.over && !is_uneven &&
	    ours.side.sent != theirs.side.sent)
		differ("sent %llu and %llu bytes of bodies",
		       (unsigned long long)ours.side.sent,
		       (unsigned long long)theirs.side.sent);
}

static void compare_answers(void)
{
	for (unsigned int i = 0; i < ours.side.n; i++) {
		const struct seen *s = ours.side.at[i];
		const struct seen *got = seen_find(&peer.side, s->id);

		if (!s->closed || s->reset || s->peer_reset || (got && got->reset))
			continue;
		if (!got || !got->ended || got->body.len != s->asked)
			differ("stream %d: the answer", s->id);
	}
}

/* --- a session ------------------------------------------------------------------ */

/* A frame; ours gets it in pieces of chunk bytes, or whole. */
static void give(const uint8_t *p, size_t len, size_t chunk)
{
	theirs_recv(p, len);
	while (len) {
		size_t n = chunk && chunk < len ? chunk : len;

		h2_recv(&ours.h2, p, n);
		p += n;
		len -= n;
	}
}

/* Whether ours looked at it: not at a WINDOW_UPDATE of a stream that it has reset, even
 * if the client has yet to hear of that. */
static bool is_counted(void)
{
	const struct seen *s = seen_find(&ours.side, head.id);

	return head.type != H2_WINDOW_UPDATE || !s || !s->reset;
}

/* Returns: whether both go on. */
static bool after_frame(bool may_send)
{
	if (ours.refused ||
	    ours.side.n >= OUR_STREAMS) /* as many as the client opens */
		return false;
	if (!ours.side.over && is_counted())
		mirror_frame(&head, payload);
	if (may_send || ours.side.over || (has_new_reset() && !is_late))
		turn();
	else if (has_new_reset())
		share_resets();
	if (!may_send && !ours.side.over && !theirs.side.over)
		return !peer.lost;
	if (ours.side.over && !theirs.side.over && !is_meant())
		differ("ours alone ends it, with %u, after a frame of type %u",
		       ours.side.code, head.type);
	if (theirs.side.over && !ours.side.over && !is_meant_lax())
		differ("theirs alone ends it, with %u, after type %u: %s",
		       theirs.side.code, head.type, theirs.why);
	if (ours.side.over && theirs.side.over && !is_same_fault())
		differ("ended with %u and %u, after type %u: %s", ours.side.code,
		       theirs.side.code, head.type, theirs.why);
	if (ours.side.over || theirs.side.over)
		return false;
	compare_streams();
	return !peer.lost && theirs.side.n < MAX_SEEN - 100;
}

static void run(const struct program *p)
{
	const uint8_t *at = (const uint8_t *)p->out.p;
	size_t left = p->out.len;
	bool raw = p->bits & PROGRAM_RAW;

	give(at, H2_MAGIC_BYTES, p->chunk_bytes);
	at += H2_MAGIC_BYTES;
	left -= H2_MAGIC_BYTES;
	for (unsigned int i = 0; left >= H2_HEAD_BYTES; i++) {
		size_t n;
		bool may_send = (p->bits & PROGRAM_TURNS) || (!raw && p->turn[i]);

		h2_get_head(at, &head);
		payload = at + H2_HEAD_BYTES;
		n = H2_HEAD_BYTES + head.length;
		if (n > left)
			break;
		/* A client that goes, and has no stream: no more is heard. */
		if (!nghttp2_session_want_read(theirs.session)) {
			must(ours.h2.got_goaway);
			return;
		}
		give(at, n, p->chunk_bytes);
		theirs_count(&head);
		at += n;
		left -= n;
		if (!after_frame(may_send || left < H2_HEAD_BYTES))
			return;
	}
	give(at, left, p->chunk_bytes); /* part of a frame */
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	wire_init();
	theirs_init();
	peer_init();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct program p;

	if (size > 65536)
		return 0;
	program_make(&p, data, size, false, -1);
	is_late = p.bits & PROGRAM_LATE;
	is_uneven = is_late;
	ours_begin(p.bits & PROGRAM_NARROW);
	theirs_begin(OUR_STREAMS, ours.conf.stream_bytes);
	peer_begin();
	run(&p);
	compare_answers();
	peer_end();
	theirs_end();
	ours_end();
	octets_free(&p.out);
	return 0;
}
