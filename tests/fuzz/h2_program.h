/*
 * What a client sends on an HTTP/2 connection, made of a fuzzer's input: a program of
 * frames that are mostly good, so that the fuzzer gets past the first error.
 *
 *	byte 0   enum program_bit
 *	byte 1   bytes that are given to our session at once; 0: whole frames
 *	then     one frame after another: its kind (low 4 bits; enum make), and whether
 *		 the sessions may send behind it (0x80), then what that kind takes
 *
 * An input that ends early goes on with zeros.
 */
#ifndef HEAPGATE_FUZZ_H2_PROGRAM_H
#define HEAPGATE_FUZZ_H2_PROGRAM_H

#include "h2_fields.h"
#include "http/h2_frame.h"

enum program_bit {
	PROGRAM_RAW = 1,     /* all that follows is sent as it is, behind the preface */
	PROGRAM_BARE = 2,    /* no SETTINGS of itself */
	PROGRAM_LATE = 4,    /* resets wait until the sessions may send */
	PROGRAM_NARROW = 8,  /* small windows */
	PROGRAM_NO_ACK = 16, /* of the server's SETTINGS, by itself */
	PROGRAM_TURNS = 32,  /* the sessions may send behind each frame */
};

#define PROGRAM_MAX_BYTES  (128 * 1024)
#define PROGRAM_MAX_FRAMES 600

struct program {
	const uint8_t *in;
	size_t n_in;
	uint8_t bits;
	uint8_t chunk_bytes;
	int32_t highest;   /* id of a stream */
	bool is_server;    /* heads are answers, of streams that there are */
	struct octets out; /* magic and frames */
	uint8_t turn[PROGRAM_MAX_FRAMES + 3];
	unsigned int n_frames;
};

static uint8_t program_byte(struct program *p)
{
	if (!p->n_in)
		return 0;
	p->n_in--;
	return *p->in++;
}

static int32_t program_id(struct program *p)
{
	uint8_t c = program_byte(p);

	if (c < 0x40) /* one of the last */
		return p->highest > 2 * (c & 7) ? p->highest - 2 * (c & 7) : 1;
	if (c < 0x80)
		return 1 + 2 * (c & 63);
	if (c < 0xa0)
		return 0;
	if (c < 0xc0)
		return p->highest + 2 + 2 * (c & 3);
	if (c < 0xe0)
		return 2 * (c & 31);
	return c < 0xf0 ? INT32_MAX - (c & 15) : p->highest | INT32_MIN;
}

static uint32_t program_number(struct program *p)
{
	static const uint32_t some[] = {
		0,        1,          2,          100,        999,        4095,
		4096,     16383,      16384,      65535,      65536,      16777215,
		16777216, 0x7fffff00, 0x7ffffffe, 0x7fffffff, 0x80000000, 0xffffffff};
	uint8_t c = program_byte(p);

	return c < 0x40 ? some[c % (sizeof(some) / sizeof(some[0]))]
			: (uint32_t)(c & 63) * (c < 0x80 ? 1 : 1031);
}

static void program_put32(struct octets *t, uint32_t v)
{
	uint8_t p[4];

	h2_put32(p, v);
	octets_add(t, p, sizeof(p));
}

static void program_frame(struct program *p, unsigned int type, unsigned int flags,
			  int32_t id, const struct octets *payload)
{
	uint8_t head[H2_HEAD_BYTES];

	h2_put_head(head, payload->len, type, flags, id);
	octets_add(&p->out, head, sizeof(head));
	octets_add(&p->out, payload->p, payload->len);
	if ((id & 1) && id > p->highest && type == H2_HEADERS && id < 1 << 20)
		p->highest = id;
	p->n_frames++;
}

/* A payload in its padding and old priority, as flags say. */
static void program_wrap(struct program *p, unsigned int type, unsigned int flags,
			 int32_t id, const struct octets *inner)
{
	struct octets all = {0};
	uint8_t pad = flags & H2_PADDED ? program_byte(p) : 0;

	if (flags & H2_PADDED)
		octets_add(&all, &pad, 1);
	if (type == H2_HEADERS && (flags & H2_HAS_PRIORITY)) {
		program_put32(&all, program_number(p) & ~1u); /* not on itself */
		octets_add(&all, &pad, 1);
	}
	octets_add(&all, inner->p, inner->len);
	if (pad < 0xc0) /* else the padding is missing */
		octets_fill(&all, pad);
	program_frame(p, type, flags, id, &all);
	octets_free(&all);
}

#endif
