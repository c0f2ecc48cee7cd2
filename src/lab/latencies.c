#include "lab/latencies.h"

static uint64_t lower(unsigned int i)
{
	unsigned int shift = i / LATENCIES_STEPS;

	if (!shift)
		return i;
	return (uint64_t)(LATENCIES_STEPS + i % LATENCIES_STEPS) << (shift - 1);
}

uint64_t latencies_upper(unsigned int i)
{
	return lower(i + 1);
}

void latencies_merge(struct latencies *to, const struct latencies *from)
{
	for (unsigned int i = 0; i < LATENCIES_BUCKETS; i++)
		to->at[i] += from->at[i];
	to->sum += from->sum;
	to->n += from->n;
}

double latencies_quantile(const struct latencies *l, double q)
{
	double rank = q * (double)l->n, seen = 0;

	for (unsigned int i = 0; i < LATENCIES_BUCKETS; i++) {
		double n = (double)l->at[i], low = (double)lower(i);

		if (n > 0 && seen + n >= rank)
			return low +
			       ((double)latencies_upper(i) - low) * (rank - seen) / n;
		seen += n;
	}
	return 0;
}

json_t *latencies_json(const struct latencies *l)
{
	json_t *buckets = json_array();

	for (unsigned int i = 0; i < LATENCIES_BUCKETS; i++)
		if (l->at[i])
			json_array_append_new(buckets, json_pack("[iI]", (int)i,
								 (json_int_t)l->at[i]));
	return json_pack("{sI so}", "sum_us", (json_int_t)l->sum, "buckets", buckets);
}

int latencies_parse(const json_t *from, struct latencies *l)
{
	json_int_t sum, count;
	json_t *buckets, *pair;
	size_t k;
	int i;

	if (json_unpack((json_t *)from, "{sI so}", "sum_us", &sum, "buckets",
			&buckets) != 0)
		return -1;
	l->sum = (uint64_t)sum;
	json_array_foreach(buckets, k, pair)
	{
		if (json_unpack(pair, "[iI]", &i, &count) != 0 || i < 0 ||
		    i >= (int)LATENCIES_BUCKETS || count < 0)
			return -1;
		l->at[i] = (uint64_t)count;
		l->n += (uint64_t)count;
	}
	return 0;
}
