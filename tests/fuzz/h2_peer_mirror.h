/*
 * More of h2_peer.h: what the fuzzer's client has sent, as the session that reads the
 * answers must know it.
 */
#ifndef HEAPGATE_FUZZ_H2_PEER_MIRROR_H
#define HEAPGATE_FUZZ_H2_PEER_MIRROR_H

#include "h2_peer.h"

static void mirror_open(int32_t id)
{
	nghttp2_nv nv[] = {{(uint8_t *)":method", (uint8_t *)"POST", 7, 4, 0},
			   {(uint8_t *)":scheme", (uint8_t *)"http", 7, 4, 0},
			   {(uint8_t *)":path", (uint8_t *)"/", 5, 1, 0},
			   {(uint8_t *)":authority", (uint8_t *)"x", 10, 1, 0}};
	nghttp2_data_provider body = {.read_callback = peer_body};

	if (!(id & 1) || id <= peer.highest)
		return;
	peer.highest = id;
	if (nghttp2_session_set_next_stream_id(peer.session, id) != 0)
		return;
	must(nghttp2_submit_request(peer.session, NULL, nv, 4, &body, NULL) == id);
	peer_send();
}

static void mirror_end(int32_t id)
{
	if (!nghttp2_session_find_stream(peer.session, id))
		return;
	seen_get(&peer.side, id)->whole = true;
	nghttp2_session_resume_data(peer.session, id);
	peer_send();
}

static void mirror_settings(const uint8_t *p, size_t len)
{
	nghttp2_settings_entry e[64];
	size_t n = 0;

	for (; len >= 6 && n < 64; p += 6, len -= 6) {
		int id = p[0] << 8 | p[1];

		if (id != H2_HEADER_TABLE_SIZE && id != H2_INITIAL_WINDOW_SIZE &&
		    id != H2_MAX_FRAME_SIZE)
			continue;
		e[n++] = (nghttp2_settings_entry){id, h2_get32(p + 2)};
	}
	must(nghttp2_submit_settings(peer.session, NGHTTP2_FLAG_NONE, e, n) == 0);
	windows_settings();
	peer_send();
}

/* A frame that the server has taken without ending the connection. */
static void mirror_frame(const struct h2_head *head, const uint8_t *payload)
{
	int32_t id = head->id;

	switch (head->type) {
	case H2_HEADERS:
		mirror_open(id);
		break;
	case H2_SETTINGS:
		if (!(head->flags & H2_ACK))
			mirror_settings(payload, head->length);
		break;
	case H2_WINDOW_UPDATE:
		windows_update(peer.session, id, h2_get31(payload));
		peer_send();
		break;
	case H2_RST_STREAM:
		if (!nghttp2_session_find_stream(peer.session, id))
			break;
		peer.resets = id;
		nghttp2_submit_rst_stream(peer.session, NGHTTP2_FLAG_NONE, id,
					  H2_CANCEL);
		peer_send();
		peer.resets = 0;
		break;
	default:
		break;
	}
	if (head->type <= H2_HEADERS && (head->flags & H2_END_STREAM))
		mirror_end(id);
}

#endif
