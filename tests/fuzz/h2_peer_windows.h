/*
 * More of h2_peer.h: when the session that reads the answers gets to know what the
 * client has said of its streams' windows. The server has taken SETTINGS and
 * WINDOW_UPDATE in their order; nghttp2 takes its own SETTINGS only by their ACK. So a
 * WINDOW_UPDATE behind SETTINGS waits for that, or the sum would be too much in
 * between.
 */
#ifndef HEAPGATE_FUZZ_H2_PEER_WINDOWS_H
#define HEAPGATE_FUZZ_H2_PEER_WINDOWS_H

#include <nghttp2/nghttp2.h>

#include "h2_program.h"

#define MAX_WAITING (PROGRAM_MAX_BYTES / 8) /* a frame has more bytes */

static struct windows {
	struct {
		int32_t id; /* 0: SETTINGS */
		int32_t by;
	} at[MAX_WAITING];
	unsigned int first;
	unsigned int n;
} windows;

static void windows_begin(void)
{
	windows.first = 0;
	windows.n = 0;
}

static void windows_wait(int32_t id, int32_t by)
{
	must(windows.n < MAX_WAITING);
	windows.at[windows.n].id = id;
	windows.at[windows.n++].by = by;
}

static void windows_settings(void)
{
	windows_wait(0, 0);
}

static void windows_update(nghttp2_session *session, int32_t id, int32_t by)
{
	if (id && windows.first < windows.n)
		windows_wait(id, by);
	else
		nghttp2_submit_window_update(session, NGHTTP2_FLAG_NONE, id, by);
}

/* The oldest SETTINGS hold, and so does what came between them and the next. */
static void windows_ack(nghttp2_session *session)
{
	must(windows.first < windows.n && !windows.at[windows.first].id);
	for (windows.first++; windows.first < windows.n; windows.first++) {
		if (!windows.at[windows.first].id)
			return;
		nghttp2_submit_window_update(session, NGHTTP2_FLAG_NONE,
					     windows.at[windows.first].id,
					     windows.at[windows.first].by);
	}
}

#endif
