/*
 * More of h2_theirs.h: the session's life.
 */
#ifndef HEAPGATE_FUZZ_H2_THEIRS_RUN_H
#define HEAPGATE_FUZZ_H2_THEIRS_RUN_H

#include "h2_theirs.h"

static int their_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
	struct seen *s = seen_find(&theirs.side, id);

	(void)session;
	(void)code;
	(void)user;
	if (s)
		s->closed = true;
	return 0;
}

static void theirs_init(void)
{
	nghttp2_session_callbacks *c;

	must(nghttp2_session_callbacks_new(&theirs.callbacks) == 0);
	must(nghttp2_option_new(&theirs.option) == 0);
	c = theirs.callbacks;
	nghttp2_session_callbacks_set_on_header_callback(c, their_field);
	nghttp2_session_callbacks_set_on_invalid_header_callback(c, their_bad_field);
	nghttp2_session_callbacks_set_on_frame_recv_callback(c, their_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, their_data);
	nghttp2_session_callbacks_set_on_frame_send_callback(c, their_sent);
	nghttp2_session_callbacks_set_on_stream_close_callback(c, their_close);
	nghttp2_option_set_no_auto_window_update(theirs.option, 1);
	nghttp2_option_set_max_settings(theirs.option, 32);
}

static void theirs_begin(uint32_t streams, uint32_t window)
{
	nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, streams},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window},
		{NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
		{NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1}};

	theirs.side = (struct side){.name = "theirs"};
	theirs.handed_bytes = theirs.own_bytes = 0;
	theirs.why[0] = 0;
	must(nghttp2_session_server_new2(&theirs.session, theirs.callbacks, NULL,
					 theirs.option) == 0);
	must(nghttp2_submit_settings(theirs.session, NGHTTP2_FLAG_NONE, settings, 4) ==
	     0);
}

static void theirs_end(void)
{
	nghttp2_session_del(theirs.session);
	side_free(&theirs.side);
}

static void theirs_recv(const uint8_t *p, size_t len)
{
	ssize_t rc = nghttp2_session_mem_recv(theirs.session, p, len);

	if (rc >= 0 || theirs.side.over)
		return;
	must(rc != NGHTTP2_ERR_NOMEM && rc != NGHTTP2_ERR_CALLBACK_FAILURE);
	theirs.side.over = true;
	theirs.side.code = rc == NGHTTP2_ERR_BAD_CLIENT_MAGIC ? H2_PROTOCOL_ERROR
							      : H2_ENHANCE_YOUR_CALM;
}

/* Behind each frame. What nghttp2 does not hand over of DATA is padding, or skipped,
 * and it calls back for nothing that it skips: it takes both for consumed, and tells
 * windows itself. */
static void theirs_count(const struct h2_head *h)
{
	struct seen *s = seen_find(&theirs.side, h->id);
	uint32_t own = h->type == H2_DATA ? h->length - theirs.handed_bytes : 0;

	theirs.handed_bytes = 0;
	theirs.own_bytes += own;
	if (s)
		s->own_bytes += own;
	theirs.left_bytes = nghttp2_session_get_local_window_size(theirs.session);
}

static void theirs_send(void)
{
	const uint8_t *p;

	while (nghttp2_session_mem_send(theirs.session, &p) > 0)
		;
}

#endif
