/*
 * guard: whether an arm does what it was told not to, and for how long. Pure.
 */
#ifndef HEAPGATE_GUARD_H
#define HEAPGATE_GUARD_H

#include "allocators/mem.h"
#include "conf/arms.h"

/* What fewer requests in an interval do, is chance. */
#define GUARD_MIN_REQUESTS 100

/* Of one arm in one interval. */
struct guard_figures {
	uint64_t requests, errors;
	uint64_t p99_us;
	uint64_t rss_bytes; /* of its largest worker; 0: not known */
};

enum judgement {
	JUDGEMENT_NONE, /* too little was seen, or the baseline is no better */
	JUDGEMENT_KEPT,
	JUDGEMENT_BROKEN,
};

enum judgement guard_judge(const struct guard_conf *g, const struct guard_figures *arm,
			   const struct guard_figures *baseline);

/* The last judgements of one arm by one guard. */
struct guard_memory {
	uint32_t broken; /* bits, the newest lowest */
};

/* JUDGEMENT_NONE changes nothing. Returns: true when it is time to drain. */
bool guard_remember(struct guard_memory *m, const struct guard_conf *g,
		    enum judgement j);
/* Of the last g->of judgements, how many broke it. */
unsigned int guard_breaches(const struct guard_memory *m, const struct guard_conf *g);

#define GUARD_TEXT_BYTES 96
/* "p99 <= 1.25x". Returns: to. */
char *guard_text(const struct guard_conf *g, char to[GUARD_TEXT_BYTES]);
/* What was measured, in words: "p99 61.4 ms, a 40.1 ms". Returns: to. */
char *guard_seen_text(const struct guard_conf *g, const struct guard_figures *arm,
		      const struct guard_figures *baseline, const char *baseline_name,
		      char to[GUARD_TEXT_BYTES]);

#endif
