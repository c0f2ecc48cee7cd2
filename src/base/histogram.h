/*
 * histogram: log-linear counts of durations in µs, 8 buckets to an octave
 * (error below 12.5 %), from 1 µs to 4.7 hours. The last bucket
 * takes all that is longer.
 */
#ifndef HEAPGATE_HISTOGRAM_H
#define HEAPGATE_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

#define HISTOGRAM_BUCKETS 256

struct histogram {
	_Atomic uint64_t sum; /* µs */
	_Atomic uint64_t n;
	_Atomic uint64_t at[HISTOGRAM_BUCKETS];
};

static inline unsigned int histogram_bucket(uint64_t v)
{
	unsigned int top, i;

	if (v < 8)
		return (unsigned int)v;
	top = 63u - (unsigned int)__builtin_clzll(v);
	i = (top - 2) * 8 + (unsigned int)((v >> (top - 3)) & 7);
	return i < HISTOGRAM_BUCKETS ? i : HISTOGRAM_BUCKETS - 1;
}

/* The one writer's way; relaxed. */
static inline void histogram_add(struct histogram *h, uint64_t us)
{
	_Atomic uint64_t *b = &h->at[histogram_bucket(us)];

	atomic_store_explicit(b, atomic_load_explicit(b, memory_order_relaxed) + 1,
			      memory_order_relaxed);
	atomic_store_explicit(&h->sum,
			      atomic_load_explicit(&h->sum, memory_order_relaxed) + us,
			      memory_order_relaxed);
	atomic_store_explicit(&h->n,
			      atomic_load_explicit(&h->n, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

/* The first value that does not belong to bucket i any more; UINT64_MAX for
 * the last one. */
uint64_t histogram_upper(unsigned int i);
/* Adds from to *to, which nobody else writes. */
void histogram_merge(struct histogram *to, const struct histogram *from);
/* The other way: what came to *to since it was as from. */
void histogram_subtract(struct histogram *to, const struct histogram *from);
/* The upper bound of the bucket that holds the q-quantile, 0 < q < 1; 0 when
 * it is empty. */
uint64_t histogram_quantile(const struct histogram *h, double q);
/* How many values are <= us; the bucket that us lies in is divided as if its
 * values were spread evenly. Grows with us and with every value added. */
uint64_t histogram_below(const struct histogram *h, uint64_t us);

#endif
