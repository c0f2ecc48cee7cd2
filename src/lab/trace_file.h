/*
 * trace_file: reads what +trace=FILE has written (allocators/trace.h), from
 * memory. What is damaged, cut off or something else is told apart and never
 * acted upon.
 */
#ifndef HEAPGATE_TRACE_FILE_H
#define HEAPGATE_TRACE_FILE_H

#include "allocators/mem.h"
#include "allocators/trace.h"
#include "lab/touch_list.h"

struct trace_record {
	enum trace_op op;
	enum mem_tag tag;
	uint64_t at_us;   /* since the beginning */
	uint64_t size;    /* 1 to PTRDIFF_MAX */
	uint64_t block;   /* which one; a realloc's before the call */
	uint64_t moved;   /* a realloc's after the call */
	uint32_t touched; /* a free's: bytes in RAM from its first; TOUCH_ALL */
	uint64_t count;   /* lost: records; usage: KiB */
};

struct trace_file {
	const unsigned char *p;
	size_t len;
	size_t at;
	struct trace_head head;
	uint64_t at_us;
	uint64_t block;
	uint64_t n_records; /* calls read so far */
	uint64_t n_lost;    /* calls that are missing so far */
	bool ended;         /* all of it was read, and it is whole */
	char err[160];      /* why not */
};

/* p: the whole file; not copied. Returns: 0; -1 with the reason in f->err. */
int trace_file_open(struct trace_file *f, const void *p, size_t len) MUST_USE;
/* Back to the first record. */
void trace_file_rewind(struct trace_file *f);
/* Returns: 1; 0 at the end, if it is whole; -1 with the reason in f->err. */
int trace_file_next(struct trace_file *f, struct trace_record *r) MUST_USE;

#endif
