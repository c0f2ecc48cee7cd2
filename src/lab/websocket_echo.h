/*
 * websocket_echo: answers a WebSocket's frames: messages come back frame by
 * frame as they came, a ping gets its pong, a close its echo.
 */
#ifndef HEAPGATE_WEBSOCKET_ECHO_H
#define HEAPGATE_WEBSOCKET_ECHO_H

#include "http/body.h"
#include "lab/websocket_frame.h"

/* Zeroed: nothing has come yet. */
struct websocket_echo {
	struct websocket_frame in;
	uint8_t control[WEBSOCKET_CONTROL_BYTES]; /* payload of a control frame */
	uint8_t n_control;
	bool closed; /* our close is out: what still comes means nothing */
};

/*
 * Moves what there is from the client's bytes to ours, until the latter are
 * full. to->ended is set behind a close, ours for what was wrong included, and
 * when the client has ended. *taken: bytes taken off from.
 * Returns: 0, or -1 without memory (what was put is not whole).
 */
int websocket_echo_move(struct websocket_echo *e, struct body *from, struct body *to,
			size_t *taken) MUST_USE;

#endif
