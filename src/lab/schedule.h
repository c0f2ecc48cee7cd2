/*
 * schedule: when each request is due and which one it is, from a seed alone:
 * whatever the server does, every arm is asked the same at the same times.
 */
#ifndef HEAPGATE_SCHEDULE_H
#define HEAPGATE_SCHEDULE_H

#include "base/random.h"
#include "lab/workload.h"

struct arrival {
	uint64_t due_us; /* since the schedule's start */
	const struct request *request;
};

struct schedule {
	const struct workload *workload;
	struct random random;
	double rate;  /* a second */
	bool poisson; /* gaps are exponential, else all the same */
	double at_us; /* of the last arrival */
	uint64_t n;   /* arrivals so far */
	unsigned int weights;
};

/* rate 0: nothing is ever due. Lives: *w as long. */
void schedule_init(struct schedule *s, const struct workload *w, double rate,
		   bool poisson, uint64_t seed);
/* The next arrival; due_us never falls. UINT64_MAX: never. */
struct arrival schedule_next(struct schedule *s);

#endif
