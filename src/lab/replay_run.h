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
	struct touch_list touch;
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

struct replay_way {
	size_t touch_bytes; /* written at the beginning of each block, at most */
	bool fast;          /* without the pauses of the recording */
};

/* Reads all of it: whether it is whole and makes sense.
 * Owns: the caller, of out: replay_trace_fini(), also after a failure.
 * Returns: 0; -1 with the reason in f->err. */
int replay_check(struct trace_file *f, struct replay_trace *out) MUST_USE;
void replay_trace_fini(struct replay_trace *t);
/*
 * An allocator must be chosen, and nothing allocated. trace: of
 * replay_check(). Takes as long as the recording did, unless way->fast: some
 * allocators give back by the clock.
 * Returns: 0; -1 with the reason in f->err.
 */
int replay_run(struct trace_file *f, const struct replay_trace *trace,
	       const struct replay_way *way, struct replay_result *out) MUST_USE;

#endif
