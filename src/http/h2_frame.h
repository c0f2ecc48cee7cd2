/*
 * h2_frame: how HTTP/2's frames are written (RFC 9113 §4.1, §6).
 */
#ifndef HEAPGATE_H2_FRAME_H
#define HEAPGATE_H2_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define H2_HEAD_BYTES 9u
#define H2_PAYLOAD_BYTES                                                               \
	16384u /* SETTINGS_MAX_FRAME_SIZE: never raised, by neither side */
#define H2_MAGIC        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" /* §3.4 */
#define H2_MAGIC_BYTES  24u
#define H2_FIRST_WINDOW 65535 /* §6.9.2 */
#define H2_MAX_WINDOW   INT32_MAX
#define H2_MAX_ID       INT32_MAX

enum h2_type {
	H2_DATA,
	H2_HEADERS,
	H2_PRIORITY,
	H2_RST_STREAM,
	H2_SETTINGS,
	H2_PUSH_PROMISE,
	H2_PING,
	H2_GOAWAY,
	H2_WINDOW_UPDATE,
	H2_CONTINUATION,
};

enum h2_flag {
	H2_END_STREAM = 0x1,
	H2_ACK = 0x1,
	H2_END_HEADERS = 0x4,
	H2_PADDED = 0x8,
	H2_HAS_PRIORITY = 0x20,
};

/* §6.5.2; RFC 8441 §3; RFC 9218 §2.1. */
enum h2_setting {
	H2_HEADER_TABLE_SIZE = 1,
	H2_ENABLE_PUSH = 2,
	H2_MAX_CONCURRENT_STREAMS = 3,
	H2_INITIAL_WINDOW_SIZE = 4,
	H2_MAX_FRAME_SIZE = 5,
	H2_MAX_HEADER_LIST_SIZE = 6,
	H2_ENABLE_CONNECT_PROTOCOL = 8,
	H2_NO_RFC7540_PRIORITIES = 9,
};

/* §7. */
enum h2_error {
	H2_NO_ERROR,
	H2_PROTOCOL_ERROR,
	H2_INTERNAL_ERROR,
	H2_FLOW_CONTROL_ERROR,
	H2_SETTINGS_TIMEOUT,
	H2_STREAM_CLOSED,
	H2_FRAME_SIZE_ERROR,
	H2_REFUSED_STREAM,
	H2_CANCEL,
	H2_COMPRESSION_ERROR,
	H2_CONNECT_ERROR,
	H2_ENHANCE_YOUR_CALM,
};

struct h2_head {
	uint32_t length; /* of the payload */
	int32_t id;      /* without the reserved bit */
	uint8_t type;
	uint8_t flags;
};

static inline uint32_t h2_get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* 31 bits: a stream's id, an increment. */
static inline int32_t h2_get31(const uint8_t *p)
{
	return (int32_t)(h2_get32(p) & 0x7fffffff);
}

static inline void h2_put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static inline void h2_get_head(const uint8_t *p, struct h2_head *head)
{
	uint32_t first = h2_get32(p);

	head->length = first >> 8;
	head->type = (uint8_t)first;
	head->flags = p[4];
	head->id = h2_get31(p + 5);
}

/* Writes H2_HEAD_BYTES. length < 2^24. */
static inline void h2_put_head(uint8_t *p, size_t length, enum h2_type type,
			       unsigned int flags, int32_t id)
{
	h2_put32(p, (uint32_t)length << 8 | type);
	p[4] = (uint8_t)flags;
	h2_put32(p + 5, (uint32_t)id);
}

#endif
