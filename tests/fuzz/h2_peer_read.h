/*
 * More of h2_peer.h: a frame of the server is read, with all that it leads to.
 */
#ifndef HEAPGATE_FUZZ_H2_PEER_READ_H
#define HEAPGATE_FUZZ_H2_PEER_READ_H

#include "h2_peer.h"

static int64_t peer_first_window(void)
{
	return nghttp2_session_get_local_settings(peer.session,
						  NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE);
}

static void peer_recv(const struct h2_head *head, const uint8_t *p)
{
	int64_t first = peer_first_window();
	ssize_t rc =
		nghttp2_session_mem_recv(peer.session, p, H2_HEAD_BYTES + head->length);

	if (rc < 0)
		differ("the client stops reading: %s", nghttp2_strerror((int)rc));
	peer.wider = peer_first_window() - first;
	peer_send();
	peer.wider = 0;
	if (head->type != H2_SETTINGS || !(head->flags & H2_ACK))
		return;
	windows_ack(peer.session);
	peer_send();
}

#endif
