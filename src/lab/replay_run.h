/*
 * replay_run: makes the calls of a trace, and measures. Once in a process,
 * which does nothing else.
 */
#ifndef HEAPGATE_REPLAY_RUN_H
#define HEAPGATE_REPLAY_RUN_H

#include "lab/trace_file.h"

/* What a trace itself says. */
struct replay_trace {
	uint64_t records;
	uint64_t lost;
	uint64_t duration_us;
	uint64_t most_blocks; /* out at once */
	uint64_t peak_bytes;  /* anonymous memory, less the base */
	uint64_t end_bytes;   /* the same, at the end */
	uint64_t cpu_ns;      /* of reading it, without any call */
};

struct replay_result {
	struct mem_info info;
	uint64_t calls;
	uint64_t failed;          /* calls that got no memory */
	uint64_t cpu_ns;          /* of the calls, and of touching the blocks */
	uint64_t peak_bytes;      /* anonymous memory, less the base */
	uint64_t peak_live_bytes; /* usable bytes that were out then */
	uint64_t most_live_bytes; /* … at any time */
	uint64_t end_bytes;       /* after the last call */
	uint64_t end_live_bytes;
	uint64_t purged_bytes; /* anonymous memory after a purge */
};

/* Reads all of it: whether it is whole and makes sense. Returns: 0; -1 with
 * the reason in f->err. */
int replay_check(struct trace_file *f, struct replay_trace *out) MUST_USE;
/*
 * An allocator must be chosen, and nothing allocated. touch: so many bytes of
 * each block are written to, at most. trace: of replay_check().
 * Returns: 0; -1 with the reason in f->err.
 */
int replay_run(struct trace_file *f, const struct replay_trace *trace, size_t touch,
	       struct replay_result *out) MUST_USE;

#endif
