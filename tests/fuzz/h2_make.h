/*
 * More of h2_frames.h: small frames, and the whole program.
 */
#ifndef HEAPGATE_FUZZ_H2_MAKE_H
#define HEAPGATE_FUZZ_H2_MAKE_H

#include "h2_frames.h"

static void make_any(struct program *p, struct octets *t)
{
	unsigned int type = program_byte(p), flags = program_byte(p);
	int32_t id = program_id(p);

	make_bytes(p, t);
	program_frame(p, type, flags, id, t);
}

/* Those of a few numbers. */
static void make_small(struct program *p, enum make kind, struct octets *t)
{
	int32_t id = kind == MAKE_PING ? 0 : program_id(p);
	unsigned int type = H2_PRIORITY, flags = 0;

	if (kind == MAKE_PING) {
		octets_add(t, "12345678", 8);
		type = H2_PING;
		flags = program_byte(p);
	} else if (kind == MAKE_GOAWAY) {
		program_put32(t, (uint32_t)(p->is_server ? id : id & ~1));
		type = H2_GOAWAY;
		id = 0;
	} else if (kind == MAKE_PRIORITY) {
		octets_add(t, "", 1);
	}
	if (kind == MAKE_RESET)
		type = H2_RST_STREAM;
	else if (kind == MAKE_WINDOW)
		type = H2_WINDOW_UPDATE;
	if (kind != MAKE_PING)
		program_put32(t, program_number(p));
	program_frame(p, type, flags, id, t);
}

static void make_frame(struct program *p, enum make kind)
{
	struct octets t = {0};

	switch (kind) {
	case MAKE_GET:
	case MAKE_POST:
	case MAKE_REQUEST:
	case MAKE_HEADERS:
	case MAKE_TRAILERS:
		make_head(p, kind);
		break;
	case MAKE_DATA:
	case MAKE_CONTINUATION:
		make_wrapped(p, kind);
		break;
	case MAKE_SETTINGS:
		make_settings(p, &t);
		program_frame(p, H2_SETTINGS, 0, 0, &t);
		break;
	case MAKE_ACK:
		program_frame(p, H2_SETTINGS, H2_ACK, 0, &t);
		break;
	case MAKE_ANY:
		make_any(p, &t);
		break;
	case MAKE_BYTES:
		make_bytes(p, &t);
		octets_add(&p->out, t.p, t.len);
		break;
	default:
		make_small(p, kind, &t);
		break;
	}
	octets_free(&t);
}

/* highest: id of the last stream that there is, for a server. */
static void program_make(struct program *p, const uint8_t *in, size_t n_in,
			 bool is_server, int32_t highest)
{
	const struct octets none = {0};

	*p = (struct program){
		.in = in, .n_in = n_in, .is_server = is_server, .highest = highest};
	p->bits = program_byte(p);
	p->chunk_bytes = program_byte(p);
	if (!is_server)
		octets_add(&p->out, H2_MAGIC, H2_MAGIC_BYTES);
	if (!(p->bits & PROGRAM_BARE))
		program_frame(p, H2_SETTINGS, 0, 0, &none);
	if (!(p->bits & (PROGRAM_BARE | PROGRAM_NO_ACK)))
		program_frame(p, H2_SETTINGS, H2_ACK, 0, &none);
	if (p->bits & PROGRAM_RAW) {
		octets_add(&p->out, p->in, p->n_in);
		return;
	}
	while (p->n_in && p->n_frames < PROGRAM_MAX_FRAMES &&
	       p->out.len < PROGRAM_MAX_BYTES) {
		uint8_t c = program_byte(p);

		p->turn[p->n_frames] = c & 0x80;
		make_frame(p, (enum make)(c & 15));
	}
}

#endif
