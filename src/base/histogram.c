#include "base/histogram.h"

static uint64_t get(const _Atomic uint64_t *v)
{
	return atomic_load_explicit(v, memory_order_relaxed);
}

static void add(_Atomic uint64_t *v, uint64_t n)
{
	atomic_store_explicit(v, get(v) + n, memory_order_relaxed);
}

static uint64_t lower(unsigned int i)
{
	return i < 8 ? i : (uint64_t)(8 + i % 8) << (i / 8 - 1);
}

uint64_t histogram_upper(unsigned int i)
{
	return i + 1 < HISTOGRAM_BUCKETS ? lower(i + 1) : UINT64_MAX;
}

void histogram_merge(struct histogram *to, const struct histogram *from)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		uint64_t v = get(&from->at[i]);

		n += v;
		if (v)
			add(&to->at[i], v);
	}
	/* from->n may have moved on since; the sum of what was taken is what
	 * makes the buckets and the count agree. */
	add(&to->n, n);
	add(&to->sum, get(&from->sum));
}

void histogram_subtract(struct histogram *to, const struct histogram *from)
{
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++)
		add(&to->at[i], 0 - get(&from->at[i]));
	add(&to->n, 0 - get(&from->n));
	add(&to->sum, 0 - get(&from->sum));
}

uint64_t histogram_quantile(const struct histogram *h, double q)
{
	uint64_t n = 0, seen = 0, rank;

	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++)
		n += get(&h->at[i]);
	if (!n)
		return 0;
	rank = (uint64_t)(q * (double)n);
	if (rank >= n)
		rank = n - 1;
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += get(&h->at[i]);
		if (seen > rank)
			return histogram_upper(i);
	}
	return histogram_upper(HISTOGRAM_BUCKETS - 1);
}

/* The share of bucket i that is <= us, if its values are spread evenly. It
 * only grows as n grows, so that a counter made of it never goes back. */
static uint64_t part(unsigned int i, uint64_t n, uint64_t us)
{
	uint64_t low = lower(i), width = histogram_upper(i) - low;

	if (us < low || i == HISTOGRAM_BUCKETS - 1)
		return 0;
	return (uint64_t)((double)n * ((double)(us - low + 1) / (double)width));
}

uint64_t histogram_below(const struct histogram *h, uint64_t us)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		uint64_t v = get(&h->at[i]);

		if (histogram_upper(i) > us && us != UINT64_MAX)
			return n + part(i, v, us);
		n += v;
	}
	return n;
}
