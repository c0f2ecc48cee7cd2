/*
 * body: bytes on their way from one side of a stream to the other. A queue
 * of blocks, bounded by the one who fills it: it stops reading when
 * body_is_full(). Overshoot is at most one read.
 */
#ifndef HEAPGATE_BODY_H
#define HEAPGATE_BODY_H

#include <sys/uio.h>

#include "allocators/mem.h"

struct body_block; /* a block of 1, 2, 4, 16, 16.5 or 64 KiB, head included */

struct body {
	struct body_block *head;     /* read here */
	struct body_block *tail;     /* written here */
	struct body_block *reserved; /* of body_reserve(), not in the queue */
	uint32_t bytes;              /* queued now */
	uint32_t limit;              /* body_is_full() from here on */
	uint32_t n_blocks;           /* ever taken from the allocator */
	uint32_t held_bytes;         /* asked for blocks that are held now */
	uint32_t peak_bytes;         /* highest held_bytes so far */
	uint64_t total_bytes;        /* ever put in */
	bool ended;                  /* nothing more will be put in */
};

/* The most bytes that body_reserve() hands out at once: for who wants less than
 * twice the first, and for others. */
#define BODY_BLOCK_BYTES (16384 - 14)
#define BODY_HUGE_BYTES  (65536 - 14)

void body_init(struct body *b, uint32_t limit_bytes);
/* Drops what is queued. Idempotent. */
void body_fini(struct body *b);

/* Copies. Returns: 0, or -1 when there is no memory (nothing is added). */
int body_put(struct body *b, const void *p, size_t len) MUST_USE;
/* Room at the end for a read straight into the queue: at least 1 byte, up to
 * *cap. want: the most that may come. NULL: no memory. Lives: until the next call
 * for this body. */
char *body_reserve(struct body *b, size_t want, size_t *cap) MUST_USE;
/* len bytes of the reserved room were filled; 0 gives all of it back. */
void body_commit(struct body *b, size_t len);

/* The bytes at the front, without taking them; 0 when empty. Lives: until
 * the next call for this body. */
size_t body_peek(const struct body *b, const char **p);
/* As body_peek(), of the first blocks, at most max. Returns: how many. */
size_t body_peek_blocks(const struct body *b, struct iovec *v, size_t max);
/* Takes len bytes off the front; len <= bytes. */
void body_drop(struct body *b, size_t len);
/* Copies up to cap bytes out and drops them. Returns: how many. */
size_t body_take(struct body *b, char *to, size_t cap);

static inline bool body_is_full(const struct body *b)
{
	return b->bytes >= b->limit;
}

/* Ended and all of it taken. */
static inline bool body_is_done(const struct body *b)
{
	return b->ended && !b->bytes;
}

#endif
