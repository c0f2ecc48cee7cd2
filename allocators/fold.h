/*
 * fold: a block that nobody touches for a while is packed into a small one, and
 * its pages leave RAM. It stays allocated and keeps its address, so pointers to
 * it and into it stay good; what they point to is back when it is unpacked.
 *
 * Only pages that lie wholly within the block count, so it pays for blocks of
 * some pages that are aligned to one, and most of which is zero.
 *
 * Touching a packed block is a bug: it reads as zero, and what is written is
 * lost. In a sanitizer build it is a report. So nothing but the struct fold has
 * the block's address, and fold_block(), which unpacks, is the way to it.
 */
#ifndef HEAPGATE_FOLD_H
#define HEAPGATE_FOLD_H

#include "mem.h"

/* All zero: no block. */
struct fold {
	uintptr_t at; /* the block; odd: the packed form of one */
};

/* Owns: the caller the block, as before; it is freed by fold_block(). */
static inline void fold_init(struct fold *f, void *block)
{
	f->at = (uintptr_t)block;
}

static inline bool fold_is_empty(const struct fold *f)
{
	return !f->at;
}

static inline bool fold_is_packed(const struct fold *f)
{
	return f->at & 1;
}

/*
 * Packs the first bytes of the block (at most what is usable of it) and gives
 * back their whole pages. The packed form is a block under this tag; before it is
 * freed it is wiped, since it may hold secrets.
 * Returns: bytes of the pages that were given back; 0: the block is as before,
 * because it would not pay, or there is no memory, or it is packed already.
 */
size_t fold_pack(struct fold *f, size_t bytes, enum mem_tag tag);
/* Of a packed one. Cannot fail. */
void fold_unpack(struct fold *f);

/* The block, as it was; NULL if there is none. Lives: until it is packed. */
static inline void *fold_block(struct fold *f)
{
	if (fold_is_packed(f))
		fold_unpack(f);
	return (void *)f->at;
}

/* What a packed one takes, and bytes of pages that it has given back; else 0. */
size_t fold_packed_bytes(const struct fold *f);
size_t fold_saved_bytes(const struct fold *f);

/* The content of p[0..bytes) is not wanted any more: its whole pages leave RAM,
 * and what is read there then is nobody's business. */
void fold_discard(void *p, size_t bytes);

#endif
