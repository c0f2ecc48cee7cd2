/*
 * The same of nghttp2, which h2_differential.c compares ours with: a server's session
 * that answers alike.
 */
#ifndef HEAPGATE_FUZZ_H2_THEIRS_H
#define HEAPGATE_FUZZ_H2_THEIRS_H

#include <nghttp2/nghttp2.h>

#include "h2_side.h"
#include "http/h2_frame.h"

static struct theirs {
	nghttp2_session *session;
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;
	struct side side;
	char why[200];         /* it ended the connection, as it says in its GOAWAY */
	uint32_t handed_bytes; /* of DATA, by the frame that it has got last */
	uint32_t own_bytes;    /* of DATA, not handed over; see theirs_count() */
	int32_t left_bytes;    /* of the connection's window, behind that frame */
} theirs;

/* --- answers ---------------------------------------------------------------- */

static ssize_t their_body(nghttp2_session *session, int32_t id, uint8_t *to, size_t cap,
			  uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct seen *s = source->ptr;
	size_t n = s->asked < cap ? s->asked : cap;
	nghttp2_nv nv = {(uint8_t *)"x-sum", (uint8_t *)"1", 5, 1, 0};

	(void)user;
	if (!n && seen_plan(s) == 's')
		return NGHTTP2_ERR_DEFERRED;
	memset(to, 'a', n);
	s->asked -= (uint32_t)n;
	if (s->asked || seen_plan(s) == 's')
		return (ssize_t)n;
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (seen_plan(s) == 't') {
		*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		must(nghttp2_submit_trailer(session, id, &nv, 1) == 0);
	}
	return (ssize_t)n;
}

static void their_answer(struct seen *s)
{
	nghttp2_nv nv = {(uint8_t *)":status", (uint8_t *)"200", 7, 3, 0};
	nghttp2_data_provider body = {.source.ptr = s, .read_callback = their_body};
	char plan = seen_plan(s);

	if (seen_is_due(s))
		must(nghttp2_submit_response(theirs.session, s->id, &nv, 1,
					     s->asked || plan == 't' ? &body : NULL) ==
		     0);
}

/* --- what it is told --------------------------------------------------------- */

static int their_field(nghttp2_session *session, const nghttp2_frame *frame,
		       const uint8_t *name, size_t name_len, const uint8_t *value,
		       size_t value_len, uint8_t flags, void *user)
{
	struct seen *s = seen_get(&theirs.side, frame->hd.stream_id);

	(void)session;
	(void)flags;
	(void)user;
	seen_field(frame->headers.cat == NGHTTP2_HCAT_REQUEST ? &s->head : &s->trailers,
		   name, name_len, value, value_len);
	return 0;
}

/* As the proxy did: what is wrong is not left out, it ends the stream. */
static int their_bad_field(nghttp2_session *session, const nghttp2_frame *frame,
			   const uint8_t *name, size_t name_len, const uint8_t *value,
			   size_t value_len, uint8_t flags, void *user)
{
	(void)session, (void)frame, (void)name, (void)name_len, (void)value;
	(void)value_len, (void)flags, (void)user;
	return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int their_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct seen *s;

	(void)session;
	(void)user;
	if (!frame->hd.stream_id)
		return 0;
	s = seen_find(&theirs.side, frame->hd.stream_id);
	if (!s || s->closed)
		return 0; /* PRIORITY or so of one that is not open */
	if (frame->hd.type == NGHTTP2_RST_STREAM) {
		s->peer_reset = true;
		s->peer_code = frame->rst_stream.error_code;
		return 0;
	}
	if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
		return 0;
	if (frame->hd.type == NGHTTP2_HEADERS)
		s->whole = true;
	if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		s->ended = true;
	their_answer(s);
	return 0;
}

static int their_data(nghttp2_session *session, uint8_t flags, int32_t id,
		      const uint8_t *p, size_t len, void *user)
{
	(void)session;
	(void)flags;
	(void)user;
	octets_add(&seen_get(&theirs.side, id)->body, p, len);
	theirs.handed_bytes += (uint32_t)len;
	return 0;
}

static int their_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct seen *s;

	(void)session;
	(void)user;
	if (frame->hd.type == NGHTTP2_DATA)
		theirs.side.sent += frame->hd.length;
	if (frame->hd.type == NGHTTP2_GOAWAY &&
	    frame->goaway.error_code != NGHTTP2_NO_ERROR) {
		theirs.side.over = true;
		theirs.side.code = frame->goaway.error_code;
		snprintf(theirs.why, sizeof(theirs.why), "%.*s",
			 (int)frame->goaway.opaque_data_len,
			 (const char *)frame->goaway.opaque_data);
	}
	if (frame->hd.type != NGHTTP2_RST_STREAM)
		return 0;
	s = seen_get(&theirs.side, frame->hd.stream_id);
	if (!s->reset)
		s->code = frame->rst_stream.error_code;
	s->reset = true;
	return 0;
}

#endif
