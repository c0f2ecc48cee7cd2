/*
 * pool: many objects of one size that come and go one by one.
 *
 * Two forms behind one API, chosen per process by regions=bump|heap: slab
 * (chunks of equal cells with a free list; empty chunks go back at once but
 * for one) and heap (each object its own block of the allocator). The hybrid's
 * blocks are cells of slabs already, so there the two are one.
 */
#ifndef HEAPGATE_POOL_H
#define HEAPGATE_POOL_H

#include "mem.h"

struct pool_chunk;

struct pool {
	const char *name;           /* for metrics and dumps */
	struct pool_chunk *partial; /* chunks with a free cell */
	struct pool_chunk *full;    /* chunks without */
	struct pool_chunk *empty;   /* at most one, kept against thrash */
	uint32_t cell_bytes;        /* object and trailer, rounded up to 16 */
	uint32_t object_bytes;      /* as asked for at init */
	uint32_t n_live;            /* objects handed out now */
	uint8_t tag;                /* enum mem_tag of all its memory */
	bool single;                /* each object is a block of the allocator */
};

void pool_init(struct pool *p, const char *name, enum mem_tag tag, size_t object_bytes);
/* All objects must be back; a pool that is not empty is a bug of ours. */
void pool_fini(struct pool *p);
/* Gives the empty chunk back: for a timer, so that what is idle holds nothing. */
void pool_trim(struct pool *p);
/* Uninitialised, aligned to 16. NULL: no memory. Owns: the caller. */
void *pool_get(struct pool *p) MUST_USE;
void pool_put(struct pool *p, void *object);

#endif
