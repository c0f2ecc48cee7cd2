/*
 * memory_rss: what the anonymous memory of a worker is made of, in parts that
 * add up to what the kernel says.
 */
#ifndef HEAPGATE_MEMORY_RSS_H
#define HEAPGATE_MEMORY_RSS_H

#include "allocators/mem.h"

enum memory_part_id {
	MEMORY_ASKED,    /* asked for, and in use */
	MEMORY_ROUNDING, /* what the size classes add to it */
	MEMORY_BETWEEN,  /* free, on pages that have blocks in use */
	MEMORY_CACHED,   /* free pages */
	MEMORY_METADATA, /* the allocator's bookkeeping */
	MEMORY_PROGRAM,  /* was there before the allocator */
	MEMORY_FOLDED,   /* asked for, but not in RAM; below 0 */
	MEMORY_REST,     /* to the kernel's figure; may be below 0 */
	MEMORY_N_PARTS,
};

struct memory_part {
	bool known;
	int64_t bytes;
};

/*
 * anon: RssAnon; base: the same before the allocator's start, or MEM_UNKNOWN.
 * What the allocator does not say is in the part before it, or in the rest.
 */
void memory_explain(struct memory_part parts[MEMORY_N_PARTS], uint64_t anon,
		    uint64_t base, const struct mem_counters *c,
		    const struct mem_stats *s);
/* One word, and a sentence without a period. Live: always. */
const char *memory_part_name(enum memory_part_id id);
const char *memory_part_text(enum memory_part_id id);

#endif
