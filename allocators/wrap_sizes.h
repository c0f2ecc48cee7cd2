/*
 * wrap_sizes: what sizes are asked for, and how long blocks live.
 *
 * A wrapper like those of wrap.h, for sizes=on and lifetimes=N: it costs some
 * instructions for each call, so it is not there unless asked for.
 */
#ifndef HEAPGATE_WRAP_SIZES_H
#define HEAPGATE_WRAP_SIZES_H

#include "mem.h"

#define MEM_SIZES_TOP    20
#define MEM_SIZES_POWERS 40
#define MEM_LIFE_POWERS  32

struct mem_size {
	uint64_t bytes; /* as asked for, to the byte */
	uint64_t calls;
};

struct mem_sizes {
	uint64_t calls; /* alloc, zalloc and realloc that succeeded */
	uint64_t bytes; /* asked for by them */
	uint32_t n_top;
	uint32_t sample;                            /* 1 of so many blocks had its
						     * life measured; 0: none */
	struct mem_size top[MEM_SIZES_TOP];         /* the most frequent first */
	uint64_t by_power[MEM_SIZES_POWERS];        /* [n]: up to 2^n bytes and more
						     * than 2^(n-1) */
	uint64_t life[MEM_N_TAGS][MEM_LIFE_POWERS]; /* [n]: up to 2^n µs */
	uint64_t n_missed; /* of the sample: there was no room to remember it */
};

/* Takes the place of *b. sample: 0 for no lifetimes. */
void wrap_sizes(struct mem_backend *b, bool sizes, uint32_t sample);

/* Sorts; about 50 µs. Returns: false if nothing is counted. */
bool mem_sizes(struct mem_sizes *out);

#endif
