/*
 * websocket_frame: the framing of RFC 6455 §5, a server's side, at any split
 * of the input. Knows no sockets and takes no memory. Text is not checked to
 * be UTF-8: who echoes it need not know.
 */
#ifndef HEAPGATE_WEBSOCKET_FRAME_H
#define HEAPGATE_WEBSOCKET_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEBSOCKET_HEAD_BYTES    14  /* the longest head, mask included */
#define WEBSOCKET_CONTROL_BYTES 125 /* the most that a control frame carries */

enum websocket_opcode {
	WEBSOCKET_CONTINUATION = 0,
	WEBSOCKET_TEXT = 1,
	WEBSOCKET_BINARY = 2,
	WEBSOCKET_CLOSE = 8,
	WEBSOCKET_PING = 9,
	WEBSOCKET_PONG = 10,
};

/* RFC 6455 §7.4.1 */
#define WEBSOCKET_PROTOCOL_ERROR 1002

/* The frame that a client is sending. Zeroed: none yet. */
struct websocket_frame {
	uint64_t length; /* of the payload */
	uint64_t left;   /* of it, not taken yet */
	uint8_t head[WEBSOCKET_HEAD_BYTES];
	uint8_t n_head; /* bytes of head[] that have come */
	uint8_t opcode;
	uint8_t mask[4];
	uint8_t mask_at; /* the next byte of mask[] */
	bool fin;
	bool in_message; /* one that is in several frames has begun */
};

enum websocket_result {
	WEBSOCKET_MORE, /* the head is not whole */
	WEBSOCKET_HEAD, /* it is: the payload comes next, by take() */
	WEBSOCKET_BAD,  /* RFC 6455 §5.2, §5.4, §5.5 forbid it */
};

/* Reads of a frame's head. *used: of the len bytes, set in each case. Between
 * WEBSOCKET_HEAD and the last of its payload it must not be called. */
enum websocket_result websocket_frame_read(struct websocket_frame *f, const void *p,
					   size_t len, size_t *used);
/* Takes the mask off up to len bytes of the payload. Returns: how many of them
 * belong to it; 0: f->left is 0, a head comes next. */
size_t websocket_frame_take(struct websocket_frame *f, const void *p, size_t len,
			    void *to);
static inline bool websocket_is_control(uint8_t opcode)
{
	return opcode & 8;
}

/* A server's head, which has no mask. to: WEBSOCKET_HEAD_BYTES.
 * Returns: its bytes. */
size_t websocket_frame_write(uint8_t *to, uint8_t opcode, bool fin, uint64_t length);
/* Whether a peer may send this payload with a close (RFC 6455 §5.5.1, §7.4). */
bool websocket_is_close(const uint8_t *payload, size_t len);

#endif
