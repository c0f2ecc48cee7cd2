/*
 * hybrid_link: the links of free cells.
 */
#ifndef HEAPGATE_HYBRID_LINK_H
#define HEAPGATE_HYBRID_LINK_H

#include "hybrid.h"

/* What no two cells of a segment differ in: of a link without its secret. */
#define HY_LINK_SAME (~HY_SEGMENT_MASK | 7)
/* The secret has this bit: no user-space address looks like a link, nor does 0. */
#define HY_LINK_BIT ((uintptr_t)1 << 63)

/* Links are relative to their cell and a secret: what overflows into one is
 * found out when it is followed. Level 0 has no secret. */
static inline uintptr_t hybrid_link(const struct hybrid_cell *c, uintptr_t next,
				    int level)
{
	return level ? next ^ (uintptr_t)c ^ hybrid.link_key : next;
}

/* Is this a link, and so, but for chance, of a free cell? */
static inline bool hybrid_is_link(uintptr_t word)
{
	return ((word ^ hybrid.link_key) & HY_LINK_SAME) == 0;
}

/* Where a list ends: what stands there is not a link. */
static inline struct hybrid_cell *hybrid_list_end(const struct hybrid_slab *s)
{
	return (struct hybrid_cell *)((uintptr_t)s & ~HY_SEGMENT_MASK);
}

static inline bool hybrid_is_end(const struct hybrid_cell *c)
{
	return ((uintptr_t)c & HY_SEGMENT_MASK) == 0;
}

/* A slab that is no segment's has no cells. */
static inline bool hybrid_list_empty(const struct hybrid_slab *s)
{
	return s->kind == HY_NONE || hybrid_is_end(s->free);
}

/* The cell after c; false if c is a list's end, or its link not one of ours. */
static inline bool hybrid_follow(const struct hybrid_cell *c, int level,
				 struct hybrid_cell **next)
{
	uintptr_t away = c->link; /* how far the next one is, by its bits */

	if (!level) {
		*next = (struct hybrid_cell *)away;
		return away != 0;
	}
	away ^= hybrid.link_key;
	__asm__("" : "+r"(away)); /* it serves twice, and is not put off */
	if (mem_unlikely(away & HY_LINK_SAME))
		return false;
	*next = (struct hybrid_cell *)(away ^ (uintptr_t)c);
	return true;
}

/* The cell after c, which is none of a list's ends. */
static inline struct hybrid_cell *hybrid_next(const struct hybrid_cell *c, int level)
{
	struct hybrid_cell *next;

	if (mem_unlikely(!hybrid_follow(c, level, &next)))
		mem_die("heap broken: the free block %p was written to", (void *)c);
	return next;
}

#endif
