/*
 * hybrid_mask: which cell of a HY_MASK slab, and which are free.
 */
#ifndef HEAPGATE_HYBRID_MASK_H
#define HEAPGATE_HYBRID_MASK_H

#include "hybrid.h"

/* The free cells without the lowest: 0 if there is none, as the bit behind the
 * last cell is the only one then. */
static inline uint64_t hybrid_mask_rest(const struct hybrid_slab *s)
{
	return s->mask & (s->mask - 1);
}

/* All cells free, and the bit behind. */
static inline uint64_t hybrid_mask_full(unsigned int n_cells)
{
	return ~(uint64_t)0 >> (63 - n_cells);
}

/* Division by a product: exact for every offset in a slab. What is left of the
 * product is less than the reciprocal if the division leaves nothing. */
static inline uint32_t hybrid_reciprocal(uint32_t cell_bytes)
{
	return UINT32_MAX / cell_bytes + 1;
}

/* Which cell begins at this offset in its slab; false: none. */
static inline bool hybrid_mask_index(uint32_t at, uint32_t reciprocal, uint32_t *index)
{
	uint64_t product = (uint64_t)at * reciprocal;

	if (mem_unlikely((uint32_t)product >= reciprocal))
		return false;
	*index = (uint32_t)(product >> 32);
	return true;
}

#endif
