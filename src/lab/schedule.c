#include "lab/schedule.h"

void schedule_init(struct schedule *s, const struct workload *w, double rate,
		   bool poisson, uint64_t seed)
{
	*s = (struct schedule){.workload = w, .rate = rate, .poisson = poisson};
	random_init(&s->random, seed);
	for (unsigned int i = 0; i < w->n_requests; i++)
		s->weights += w->requests[i].weight;
}

static const struct request *pick(struct schedule *s)
{
	const struct request *r = s->workload->requests;
	uint64_t at;

	if (s->workload->in_order)
		return &r[s->n % s->workload->n_requests];
	at = random_below(&s->random, s->weights);
	while (at >= r->weight)
		at -= r++->weight;
	return r;
}

struct arrival schedule_next(struct schedule *s)
{
	struct arrival a = {.due_us = UINT64_MAX};

	if (!(s->rate > 0))
		return a;
	a.request = pick(s);
	s->at_us += 1e6 / s->rate * (s->poisson ? random_exponential(&s->random) : 1);
	a.due_us = (uint64_t)s->at_us;
	s->n++;
	return a;
}
