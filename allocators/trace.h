/*
 * trace: the format of what +trace=FILE writes and "heapgate replay" reads;
 * docs/allocators.md has it in words.
 *
 * A struct trace_head, then records, the last of them TRACE_END. A record is
 * one byte (its op in the lower three bits, its tag in the upper five), then
 * numbers as varints: seven bits a byte, the lowest first, the top bit set on
 * all but the last.
 *
 *   alloc, zalloc  microseconds, size, block
 *   realloc        microseconds, size, block before, block after
 *   free           microseconds, block
 *   free of part   microseconds, block, bytes + 1 that were in RAM, from its first
 *   lost           how many records are missing here
 *   usage          highest anonymous memory since the last one, KiB
 *   end            calls recorded, calls lost
 *
 * Microseconds are those since the record before with a time. A block is an
 * address divided by eight, as the difference to the block before, zigzag
 * coded: 0, -1, 1, -2 … are 0, 1, 2, 3 …
 */
#ifndef HEAPGATE_TRACE_H
#define HEAPGATE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRACE_MAGIC     "heaptrc\n"
#define TRACE_VERSION   1u
#define TRACE_MAX_BYTES 48u /* of one record */
#define TRACE_LARGE     8192u

enum trace_op {
	TRACE_FREE_PART, /* of a block of >= TRACE_LARGE that was not all in RAM */
	TRACE_ALLOC,
	TRACE_ZALLOC,
	TRACE_REALLOC,
	TRACE_FREE,
	TRACE_LOST,
	TRACE_USAGE,
	TRACE_END,
};

/* Little-endian. */
struct trace_head {
	char magic[8]; /* TRACE_MAGIC without its NUL */
	uint32_t version;
	uint32_t head_bytes; /* of this struct: where the records begin */
	uint64_t wall_us;    /* since 1970, when it began */
	uint64_t base_bytes; /* anonymous memory of the process by then */
	uint32_t pid;
	uint32_t n_tags;
	char spec[256]; /* the allocator as asked for, padded with NUL */
};
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "the head is written as it is");

static inline uint64_t trace_zigzag(uint64_t difference)
{
	return difference << 1 ^ (uint64_t)((int64_t)difference >> 63);
}

static inline uint64_t trace_unzigzag(uint64_t v)
{
	return v >> 1 ^ (0 - (v & 1));
}

/* Returns: how many bytes it put at to, 1 to 10. */
static inline unsigned int trace_put(unsigned char *to, uint64_t v)
{
	unsigned int n = 0;

	for (; v >= 128; v >>= 7)
		to[n++] = (unsigned char)(v | 128);
	to[n++] = (unsigned char)v;
	return n;
}

#endif
