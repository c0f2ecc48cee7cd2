/*
 * block_table: from the number of a block to where it is now. Its memory is
 * mapped and not allocated, because it must not show in what is measured.
 */
#ifndef HEAPGATE_BLOCK_TABLE_H
#define HEAPGATE_BLOCK_TABLE_H

#include "allocators/mem.h"

struct block {
	uint64_t number; /* key; 0: none */
	void *p;
	uint32_t tag;
};

struct block_table {
	struct block *slots;
	size_t n_slots; /* a power of two */
	size_t n_used;
	size_t most_used;
};

/* Room for so many at least, all of it in RAM at once. Returns: 0 or -1. */
int block_table_init(struct block_table *t, size_t n) MUST_USE;
void block_table_fini(struct block_table *t);
/* NULL: not there. Lives: until the next put or drop. */
struct block *block_table_find(const struct block_table *t, uint64_t number);
/* Must not be there. Grows as needed. Returns: 0, or -1 without memory. */
int block_table_put(struct block_table *t, uint64_t number, void *p,
		    uint32_t tag) MUST_USE;
void block_table_drop(struct block_table *t, struct block *b);

#endif
