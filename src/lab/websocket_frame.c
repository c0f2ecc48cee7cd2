#include "lab/websocket_frame.h"

#include <string.h>

#include "base/must.h"

#define FIN       0x80
#define RESERVED  0x70
#define OPCODE    0x0f
#define MASKED    0x80
#define LENGTH    0x7f
#define LENGTH_16 126
#define LENGTH_64 127

/* The bytes of a head, as far as the first two tell. */
static size_t head_bytes(const uint8_t *head)
{
	uint8_t length = head[1] & LENGTH;

	return 2u +
	       (length == LENGTH_16   ? 2u
		: length == LENGTH_64 ? 8u
				      : 0u) +
	       (head[1] & MASKED ? 4u : 0u);
}

static uint64_t big_endian(const uint8_t *p, unsigned int n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | *p++;
	return v;
}

/* §5.2: the shortest form, and no more than 63 bits. */
static bool read_length(struct websocket_frame *f)
{
	uint8_t first = f->head[1] & LENGTH;

	f->length = first;
	if (first == LENGTH_16) {
		f->length = big_endian(f->head + 2, 2);
		return f->length >= LENGTH_16;
	}
	if (first == LENGTH_64) {
		f->length = big_endian(f->head + 2, 8);
		return f->length > UINT16_MAX && f->length <= INT64_MAX;
	}
	return true;
}

/* §5.4: a message is one frame of a kind, then continuations; control frames
 * (§5.5), short and whole, may come in between. */
static bool is_in_order(struct websocket_frame *f)
{
	switch (f->opcode) {
	case WEBSOCKET_CONTINUATION:
		if (!f->in_message)
			return false;
		break;
	case WEBSOCKET_TEXT:
	case WEBSOCKET_BINARY:
		if (f->in_message)
			return false;
		break;
	case WEBSOCKET_CLOSE:
	case WEBSOCKET_PING:
	case WEBSOCKET_PONG:
		return f->fin && f->length <= WEBSOCKET_CONTROL_BYTES;
	default:
		return false;
	}
	f->in_message = !f->fin;
	return true;
}

static enum websocket_result end_head(struct websocket_frame *f)
{
	if ((f->head[0] & RESERVED) || !(f->head[1] & MASKED) || !read_length(f))
		return WEBSOCKET_BAD;
	f->fin = f->head[0] & FIN;
	f->opcode = f->head[0] & OPCODE;
	memcpy(f->mask, f->head + f->n_head - 4, 4);
	f->mask_at = 0;
	f->left = f->length;
	f->n_head = 0;
	return is_in_order(f) ? WEBSOCKET_HEAD : WEBSOCKET_BAD;
}

enum websocket_result websocket_frame_read(struct websocket_frame *f, const void *p,
					   size_t len, size_t *used)
{
	const uint8_t *from = p;

	must(!f->left);
	*used = 0;
	while (*used < len) {
		f->head[f->n_head++] = from[(*used)++];
		if (f->n_head >= 2 && f->n_head == head_bytes(f->head))
			return end_head(f);
	}
	return WEBSOCKET_MORE;
}

size_t websocket_frame_take(struct websocket_frame *f, const void *p, size_t len,
			    void *to)
{
	const uint8_t *from = p;
	uint8_t *out = to;

	if (len > f->left)
		len = (size_t)f->left;
	for (size_t i = 0; i < len; i++)
		out[i] = from[i] ^ f->mask[(f->mask_at + i) & 3];
	f->mask_at = (uint8_t)((f->mask_at + len) & 3);
	f->left -= len;
	return len;
}

size_t websocket_frame_write(uint8_t *to, uint8_t opcode, bool fin, uint64_t length)
{
	unsigned int more = length < LENGTH_16 ? 0 : length <= UINT16_MAX ? 2 : 8;

	to[0] = (uint8_t)(opcode | (fin ? FIN : 0));
	to[1] = (uint8_t)(more == 0 ? length : more == 2 ? LENGTH_16 : LENGTH_64);
	for (unsigned int i = 0; i < more; i++)
		to[2 + i] = (uint8_t)(length >> 8 * (more - 1 - i));
	return 2 + more;
}

bool websocket_is_close(const uint8_t *payload, size_t len)
{
	unsigned int code;

	if (len < 2)
		return len == 0;
	code = (unsigned int)big_endian(payload, 2);
	if (code >= 3000)
		return code < 5000;
	return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 &&
	       code != 1006;
}
