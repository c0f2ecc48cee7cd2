/*
 * Who reads what our server's session of h2_differential.c writes: a client's session
 * of nghttp2 that has opened the same streams, and said the same of its tables and
 * windows. It must find nothing wrong, and answers as they were made.
 */
#ifndef HEAPGATE_FUZZ_H2_PEER_H
#define HEAPGATE_FUZZ_H2_PEER_H

#include <nghttp2/nghttp2.h>

#include "h2_peer_windows.h"
#include "h2_side.h"
#include "http/h2_frame.h"

static struct peer {
	nghttp2_session *session;
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;
	struct side side;
	int32_t highest;
	int32_t resets; /* the stream that it resets as the input says */
	int64_t wider; /* by how much the frame read last widens each stream's window */
	bool lost;     /* a stream: is_meant_overflow() */
} peer;

/* A request's body ends when the input says so, by mirror_end(). */
static ssize_t peer_body(nghttp2_session *session, int32_t id, uint8_t *to, size_t cap,
			 uint32_t *flags, nghttp2_data_source *source, void *user)
{
	(void)session, (void)to, (void)cap, (void)source, (void)user;
	if (!seen_get(&peer.side, id)->whole)
		return NGHTTP2_ERR_DEFERRED;
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	return 0;
}

static int peer_field(nghttp2_session *session, const nghttp2_frame *frame,
		      const uint8_t *name, size_t name_len, const uint8_t *value,
		      size_t value_len, uint8_t flags, void *user)
{
	char id[12];

	(void)session, (void)flags, (void)user, (void)name_len;
	snprintf(id, sizeof(id), "%d", frame->hd.stream_id);
	if (name[0] == 'x' && (strlen(id) != value_len || memcmp(id, value, value_len)))
		differ("stream %s is answered with the fields of %.*s", id,
		       (int)value_len, (const char *)value);
	return 0;
}

static int peer_data(nghttp2_session *session, uint8_t flags, int32_t id,
		     const uint8_t *p, size_t len, void *user)
{
	struct seen *s = seen_get(&peer.side, id);

	(void)session, (void)flags, (void)user;
	if (s->body.len + len > MAX_ANSWER ||
	    memcmp(p, answer_bytes(id, s->body.len, len), len) != 0)
		differ("stream %d: the answer from byte %zu on", id, s->body.len);
	octets_add(&s->body, p, len);
	return 0;
}

static int peer_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	(void)session, (void)user;
	if (frame->hd.stream_id && frame->hd.type <= NGHTTP2_HEADERS &&
	    (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		seen_get(&peer.side, frame->hd.stream_id)->ended = true;
	return 0;
}

/* nghttp2 adds what SETTINGS widen to a window without the bytes that it has got of
 * it, so that the sum may be too much for it alone. */
static bool is_meant_overflow(int32_t id, uint32_t code)
{
	int64_t all = nghttp2_session_get_stream_effective_local_window_size(
		peer.session, id);
	int64_t left = nghttp2_session_get_stream_local_window_size(peer.session, id);

	return code == NGHTTP2_FLOW_CONTROL_ERROR && all + peer.wider > INT32_MAX &&
	       left + peer.wider <= INT32_MAX;
}

static void peer_sent_reset(int32_t id, uint32_t code)
{
	if (id == peer.resets)
		return;
	if (!is_meant_overflow(id, code))
		differ("the client resets stream %d: %u", id, code);
	seen_get(&peer.side, id)->reset = true;
	peer.lost = true;
}

static int peer_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	(void)session, (void)user;
	if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code)
		differ("the client ends it: %u %.*s", frame->goaway.error_code,
		       (int)frame->goaway.opaque_data_len,
		       (const char *)frame->goaway.opaque_data);
	if (frame->hd.type == NGHTTP2_RST_STREAM)
		peer_sent_reset(frame->hd.stream_id, frame->rst_stream.error_code);
	return 0;
}

static void peer_init(void)
{
	nghttp2_session_callbacks *c;

	must(nghttp2_session_callbacks_new(&peer.callbacks) == 0);
	must(nghttp2_option_new(&peer.option) == 0);
	c = peer.callbacks;
	nghttp2_session_callbacks_set_on_header_callback(c, peer_field);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, peer_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(c, peer_frame);
	nghttp2_session_callbacks_set_on_frame_send_callback(c, peer_sent);
	nghttp2_option_set_no_auto_window_update(peer.option, 1);
	nghttp2_option_set_peer_max_concurrent_streams(peer.option, 10000);
}

static void peer_send(void)
{
	const uint8_t *p;

	while (nghttp2_session_mem_send(peer.session, &p) > 0)
		;
}

static void peer_begin(void)
{
	peer.side = (struct side){.name = "the client's"};
	peer.highest = -1;
	peer.resets = 0;
	peer.wider = 0;
	peer.lost = false;
	windows_begin();
	must(nghttp2_session_client_new2(&peer.session, peer.callbacks, NULL,
					 peer.option) == 0);
	peer_send();
}

static void peer_end(void)
{
	nghttp2_session_del(peer.session);
	side_free(&peer.side);
}

#endif
