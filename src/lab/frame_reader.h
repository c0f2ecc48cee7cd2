/*
 * frame_reader: cuts what a server sends into HTTP/2 frames (RFC 9113 §4.1).
 * DATA is given in parts as they come, without a copy; all others whole.
 *
 * Knows nothing of streams, windows or fields.
 */
#ifndef HEAPGATE_FRAME_READER_H
#define HEAPGATE_FRAME_READER_H

#include "allocators/mem.h"
#include "http/h2_frame.h"

struct frame {
	uint32_t len; /* of the payload, padding included */
	uint32_t id;  /* of the stream */
	uint8_t type;
	uint8_t flags;
	bool ends;        /* nothing of it follows: false for a part of DATA */
	const uint8_t *p; /* without padding and priority */
	size_t n;         /* bytes at p */
};

struct frame_reader {
	uint8_t head[H2_HEAD_BYTES];
	uint8_t n_head; /* bytes in head; all of them: the payload comes */
	bool wants_pad; /* Pad Length comes first, of DATA */
	uint8_t pad;    /* bytes at its end, of DATA */
	struct frame now;
	uint32_t left; /* bytes of the payload that did not come yet */
	uint8_t *part; /* H2_PAYLOAD_BYTES: one that is not whole yet, or NULL */
};

enum frame_result {
	FRAME_GOT,  /* *f is set; go on */
	FRAME_MORE, /* the input is used up */
	FRAME_BAD,  /* no HTTP/2, or no memory: close */
};

void frame_reader_init(struct frame_reader *r);
void frame_reader_fini(struct frame_reader *r);
/* Takes a frame, or a part of DATA, off the front of the input. Lives: f->p
 * until the next call, and as long as the input. */
enum frame_result frame_reader_take(struct frame_reader *r, const char **p, size_t *len,
				    struct frame *f) MUST_USE;

#endif
