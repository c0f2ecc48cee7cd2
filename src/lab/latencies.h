/*
 * latencies: counts of durations in µs, for comparisons: 64 buckets to an octave,
 * each at most 1.6 % wide, from 1 µs to 4.7 hours. The last one takes all
 * that is longer.
 *
 * The worker's histogram (base/histogram.h) has 8, which is less memory, but a
 * quantile out of it may be wrong by more than what is to be told apart here.
 */
#ifndef HEAPGATE_LATENCIES_H
#define HEAPGATE_LATENCIES_H

#include <jansson.h>
#include <stdint.h>

#define LATENCIES_STEPS   64u /* to an octave */
#define LATENCIES_BUCKETS (29u * LATENCIES_STEPS)

struct latencies {
	uint64_t sum; /* µs */
	uint64_t n;
	uint64_t at[LATENCIES_BUCKETS];
};

static inline unsigned int latencies_bucket(uint64_t us)
{
	unsigned int shift, i;

	if (us < LATENCIES_STEPS)
		return (unsigned int)us;
	shift = 63u - 6u - (unsigned int)__builtin_clzll(us);
	i = shift * LATENCIES_STEPS + (unsigned int)(us >> shift);
	return i < LATENCIES_BUCKETS ? i : LATENCIES_BUCKETS - 1;
}

static inline void latencies_add(struct latencies *l, uint64_t us)
{
	l->at[latencies_bucket(us)]++;
	l->sum += us;
	l->n++;
}

/* The first value that does not belong to bucket i any more. */
uint64_t latencies_upper(unsigned int i);
void latencies_merge(struct latencies *to, const struct latencies *from);
/* The q-quantile in µs, as if each bucket's values were spread evenly; 0 when
 * there are none. */
double latencies_quantile(const struct latencies *l, double q);

/* {"sum_us": …, "buckets": [[index, count], …]}, empty buckets left out. */
json_t *latencies_json(const struct latencies *l);
/* *l must be all zeroes. Returns: 0, or -1 when it is none. */
int latencies_parse(const json_t *from, struct latencies *l);

#endif
