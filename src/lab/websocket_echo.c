#include "lab/websocket_echo.h"

#include <sys/types.h>

#define CHUNK_BYTES 4096

static int put_head(struct body *to, uint8_t opcode, bool fin, uint64_t length)
{
	uint8_t head[WEBSOCKET_HEAD_BYTES];

	return body_put(to, head, websocket_frame_write(head, opcode, fin, length));
}

static int put_control(struct body *to, uint8_t opcode, const uint8_t *payload,
		       size_t len)
{
	return put_head(to, opcode, true, len) == 0 ? body_put(to, payload, len) : -1;
}

static int close_with(struct websocket_echo *e, struct body *to, const uint8_t *payload,
		      size_t len)
{
	e->closed = true;
	return put_control(to, WEBSOCKET_CLOSE, payload, len);
}

static int refuse(struct websocket_echo *e, struct body *to)
{
	static const uint8_t code[2] = {WEBSOCKET_PROTOCOL_ERROR >> 8,
					WEBSOCKET_PROTOCOL_ERROR & 255};

	return close_with(e, to, code, sizeof(code));
}

/* The payload of a control frame is whole. */
static int answer_control(struct websocket_echo *e, struct body *to)
{
	switch (e->in.opcode) {
	case WEBSOCKET_PING:
		return put_control(to, WEBSOCKET_PONG, e->control, e->n_control);
	case WEBSOCKET_CLOSE:
		if (!websocket_is_close(e->control, e->n_control))
			return refuse(e, to);
		return close_with(e, to, e->control, e->n_control);
	default:
		return 0; /* a pong that nobody asked for */
	}
}

static int on_head(struct websocket_echo *e, struct body *to)
{
	const struct websocket_frame *in = &e->in;

	if (!websocket_is_control(in->opcode))
		return put_head(to, in->opcode, in->fin, in->length);
	e->n_control = 0;
	return in->length ? 0 : answer_control(e, to);
}

/* Returns: bytes used, or -1 without memory. */
static ssize_t take_head(struct websocket_echo *e, const char *p, size_t len,
			 struct body *to)
{
	size_t used;
	int rc = 0;

	switch (websocket_frame_read(&e->in, p, len, &used)) {
	case WEBSOCKET_HEAD:
		rc = on_head(e, to);
		break;
	case WEBSOCKET_BAD:
		rc = refuse(e, to);
		break;
	default:
		break;
	}
	return rc == 0 ? (ssize_t)used : -1;
}

static ssize_t take_payload(struct websocket_echo *e, const char *p, size_t len,
			    struct body *to)
{
	bool control = websocket_is_control(e->in.opcode);
	uint8_t chunk[CHUNK_BYTES];
	size_t n = websocket_frame_take(&e->in, p,
					len < sizeof(chunk) ? len : sizeof(chunk),
					control ? e->control + e->n_control : chunk);

	if (!control)
		return body_put(to, chunk, n) == 0 ? (ssize_t)n : -1;
	e->n_control += (uint8_t)n;
	return e->in.left || answer_control(e, to) == 0 ? (ssize_t)n : -1;
}

int websocket_echo_move(struct websocket_echo *e, struct body *from, struct body *to,
			size_t *taken)
{
	const char *p;
	size_t len;

	*taken = 0;
	while (!e->closed && !body_is_full(to) && (len = body_peek(from, &p))) {
		ssize_t n = e->in.left ? take_payload(e, p, len, to)
				       : take_head(e, p, len, to);

		if (n < 0)
			return -1;
		body_drop(from, (size_t)n);
		*taken += (size_t)n;
	}
	to->ended = e->closed || body_is_done(from);
	return 0;
}
