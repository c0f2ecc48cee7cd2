/*
 * The frames of a program (h2_program.h), kind by kind.
 */
#ifndef HEAPGATE_FUZZ_H2_FRAMES_H
#define HEAPGATE_FUZZ_H2_FRAMES_H

#include "h2_program.h"

/* The low bits of a frame's first byte. */
enum make {
	MAKE_GET,          /* path letter, flags */
	MAKE_POST,         /* path letter, flags */
	MAKE_REQUEST,      /* flags, more fields behind those of GET */
	MAKE_HEADERS,      /* id, flags, fields */
	MAKE_DATA,         /* id, flags, length */
	MAKE_CONTINUATION, /* id, flags, fields */
	MAKE_RESET,        /* id, code */
	MAKE_WINDOW,       /* id, increment */
	MAKE_SETTINGS,     /* how many, each with id and value */
	MAKE_ACK,
	MAKE_PING,     /* flags */
	MAKE_GOAWAY,   /* id, code */
	MAKE_PRIORITY, /* id, id */
	MAKE_ANY,      /* type, flags, id, length, bytes */
	MAKE_TRAILERS, /* id, fields */
	MAKE_BYTES,    /* length, bytes */
};

/* Some fields: from the words; or by index; or bytes as they are. */
static void make_fields(struct program *p, struct octets *t, unsigned int n)
{
	for (; n; n--) {
		uint8_t c = program_byte(p);

		if (c < 0x50) {
			field_add(t, c, 0x00);
		} else if (c < 0xa0) {
			field_add(t, c - 0x50u, 0x40);
		} else if (c < 0xb0) {
			field_add(t, program_byte(p), 0x10);
		} else if (c < 0xe0) {
			c = program_byte(p) | 0x80;
			octets_add(t, &c, 1);
		} else {
			for (unsigned int i = 0; i <= (c & 3u); i++) {
				uint8_t b = program_byte(p);

				octets_add(t, &b, 1);
			}
		}
	}
}

/* The good request of a method with this path. */
static void make_request(struct octets *t, bool get, uint8_t path)
{
	static const char paths[] = "/btslikx";

	octets_add(t, get ? "\x82\x86" : "\x83\x86", 2);
	octets_add(t, "\x41\1x", 3); /* from the dynamic table the next time */
	field_add(t, path % (sizeof(paths) - 1), path & 0x80 ? 0x40 : 0x00);
}

/* The start of an answer. */
static void make_answer(struct octets *t, enum make kind, uint8_t status)
{
	static const uint8_t indexed[] = {0x88, 0x89, 0x8a, 0x8b, 0x8c, 0x8d, 0x8e};

	if (kind == MAKE_GET)
		octets_add(t, indexed, 1); /* 200 */
	else if (kind == MAKE_POST)
		octets_add(t, &indexed[status % sizeof(indexed)], 1);
	else
		octets_add(t, "\x08\003103", 5);
}

static void make_head_start(struct program *p, enum make kind, struct octets *t)
{
	uint8_t more = kind == MAKE_REQUEST ? 0 : program_byte(p);

	if (p->is_server)
		make_answer(t, kind, more);
	else
		make_request(t, kind != MAKE_POST, more);
}

static void make_head(struct program *p, enum make kind)
{
	struct octets t = {0};
	int32_t id = p->highest + 2;
	unsigned int flags = H2_END_HEADERS;

	if (p->highest == -1)
		id = 1;
	if (kind == MAKE_HEADERS || kind == MAKE_TRAILERS || p->is_server)
		id = program_id(p);
	if (kind != MAKE_HEADERS && kind != MAKE_TRAILERS)
		make_head_start(p, kind, &t);
	if (kind != MAKE_TRAILERS)
		flags ^= program_byte(p) & 0x2d;
	if (kind == MAKE_GET || kind == MAKE_TRAILERS)
		flags ^= H2_END_STREAM;
	if (kind != MAKE_GET && kind != MAKE_POST)
		make_fields(p, &t, program_byte(p) & 15u);
	program_wrap(p, H2_HEADERS, flags, id, &t);
	octets_free(&t);
}

static void make_bytes(struct program *p, struct octets *t)
{
	for (unsigned int n = program_byte(p); n; n--) {
		uint8_t b = program_byte(p);

		octets_add(t, &b, 1);
	}
}

static void make_settings(struct program *p, struct octets *t)
{
	unsigned int n = program_byte(p) & 0x3f;

	for (n = n > 0x38 ? n : n & 7; n; n--) {
		uint8_t id[2] = {0, program_byte(p) & 15};

		octets_add(t, id, 2);
		program_put32(t, program_number(p));
	}
}

static void make_wrapped(struct program *p, enum make kind)
{
	struct octets t = {0};
	int32_t id = program_id(p);
	unsigned int flags = program_byte(p);

	if (kind == MAKE_DATA) {
		uint8_t n = program_byte(p);

		octets_fill(&t, n < 0xf0 ? n : (n - 0xefu) * 1024u);
		program_wrap(p, H2_DATA, flags & 9, id, &t);
	} else {
		make_fields(p, &t, program_byte(p) & 15u);
		program_frame(p, H2_CONTINUATION, (flags ^ 4) & 5, id, &t);
	}
	octets_free(&t);
}

#endif
