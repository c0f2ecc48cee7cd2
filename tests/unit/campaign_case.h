/*
 * campaign_case: made-up campaigns, for tests of what is concluded from them.
 */
#ifndef HEAPGATE_CAMPAIGN_CASE_H
#define HEAPGATE_CAMPAIGN_CASE_H

#include "lab/campaign.h"

struct campaign_case {
	unsigned int n_rounds;
	double noise;     /* of a run's memory: 0.01 is 1 % */
	double effect[4]; /* on memory, of each arm of "jemalloc,hybrid" and
			   * the baseline twice before them */
	uint64_t seed;
	double shared_noise; /* of all runs of a round */
};

/* Owns: the caller, campaign_fini(). */
void campaign_case_make(struct campaign *c, const struct campaign_case *how);

#endif
