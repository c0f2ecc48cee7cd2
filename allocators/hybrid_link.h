/*
 * hybrid_link: the links and tags of free cells.
 */
#ifndef HEAPGATE_HYBRID_LINK_H
#define HEAPGATE_HYBRID_LINK_H

#include "hybrid.h"

/* Links are relative to their cell and a secret: what overflows into one is
 * found out when it is followed. Level 0 has no secret. */
static inline uintptr_t hybrid_link(const struct hybrid_cell *c, uintptr_t next,
				    int level)
{
	return level ? next ^ (uintptr_t)c ^ hybrid.link_key : next;
}

static inline uintptr_t hybrid_tag(const struct hybrid_cell *c)
{
	return hybrid.tag_key ^ (uintptr_t)c;
}

/* The cell after c; dies if the link is not one of ours. */
static inline struct hybrid_cell *hybrid_next(const struct hybrid_cell *c, int level)
{
	uintptr_t away = c->link; /* how far the next one is, by its bits */

	if (!level)
		return (struct hybrid_cell *)away;
	away ^= hybrid.link_key;
	__asm__("" : "+r"(away)); /* it serves twice, and is not put off */
	if (mem_unlikely(away & (~HY_SEGMENT_MASK | 7)) && away != (uintptr_t)c)
		mem_die("heap broken: the free block %p was written to", (void *)c);
	return (struct hybrid_cell *)(away ^ (uintptr_t)c);
}

#endif
