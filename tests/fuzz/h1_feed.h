/*
 * h1_feed: what the HTTP/1 fuzzers share: a message read whole and in pieces
 * must come to the same; without memory it must come to an end.
 */
#ifndef HEAPGATE_H1_FEED_H
#define HEAPGATE_H1_FEED_H

#include <stdlib.h>

#include "base/must.h"
#include "http/h1.h"

struct feed {
	struct h1 h;
	struct message m;
	struct arena a;
	enum h1_result result;
	bool had_head;
	size_t used;
	uint64_t body_hash;
	uint64_t body_bytes;
};

static inline uint64_t feed_hash(uint64_t hash, const void *data, size_t len)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * 0x100000001b3;
	return hash;
}

static inline void feed_init(struct feed *f, const struct h1_limits *limits,
			     bool response, enum method method)
{
	memset(f, 0, sizeof(*f));
	f->body_hash = 0xcbf29ce484222325;
	arena_init(&f->a, MEM_STREAM, 1024);
	message_init(&f->m);
	f->m.method = method;
	if (response)
		h1_init_response(&f->h, limits);
	else
		h1_init_request(&f->h, limits);
}

static inline void feed_fini(struct feed *f)
{
	arena_fini(&f->a);
}

/* One call of the reader. Returns: whether there may be more to get. */
static inline bool feed_once(struct feed *f, const char *p, size_t len, size_t *used)
{
	struct str data = {NULL, 0};

	if (!f->had_head)
		f->result = h1_read_head(&f->h, p, len, used, &f->m, &f->a);
	else
		f->result = h1_read_body(&f->h, p, len, used, &data, &f->m, &f->a);
	must(*used <= len);
	must(f->result != H1_DATA ||
	     (data.len && data.p >= p && data.p + data.len <= p + len));
	f->had_head = f->had_head || f->result == H1_HEAD;
	f->body_hash = feed_hash(f->body_hash, data.p, data.len);
	f->body_bytes += data.len;
	return f->result == H1_HEAD || f->result == H1_DATA;
}

/* Presents one piece, in a block of its own. */
static inline void feed_piece(struct feed *f, const char *bytes, size_t len)
{
	char *piece = malloc(len ? len : 1);
	size_t at = 0;
	size_t used = 0;

	must(piece);
	memcpy(piece, bytes, len);
	while (feed_once(f, piece + at, len - at, &used)) {
		at += used;
		used = 0;
	}
	f->used += at + used;
	free(piece);
}

/* Feeds the next message of bytes[0..len), step bytes more each time. */
static inline void feed_all(struct feed *f, const char *bytes, size_t len, size_t step)
{
	size_t end = f->used;

	do {
		end = step < len - end ? end + step : len;
		feed_piece(f, bytes + f->used, end - f->used);
	} while (f->result == H1_MORE && end < len);
	if (f->result == H1_MORE)
		f->result = h1_read_eof(&f->h);
}

static inline void feed_same_fields(const struct fields *a, const struct fields *b)
{
	must(a->n == b->n && a->bytes == b->bytes);
	for (unsigned int i = 0; i < a->n; i++) {
		must(str_eq(field_name(&a->at[i]), field_name(&b->at[i])));
		must(str_eq(field_value(&a->at[i]), field_value(&b->at[i])));
	}
}

static inline void feed_same(const struct feed *a, const struct feed *b)
{
	must(a->result == b->result && a->had_head == b->had_head);
	must(a->result != H1_ERROR || a->h.status == b->h.status);
	must(a->result != H1_ERROR || a->h.reason == b->h.reason);
	if (!a->had_head)
		return;
	must(a->body_hash == b->body_hash && a->body_bytes == b->body_bytes);
	must(a->h.framing == b->h.framing && a->h.keep_alive == b->h.keep_alive);
	feed_same_fields(&a->m.headers, &b->m.headers);
	feed_same_fields(&a->m.trailers, &b->m.trailers);
}

#endif
