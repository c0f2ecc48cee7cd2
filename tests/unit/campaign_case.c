#include "campaign_case.h"

#include <check.h>
#include <math.h>
#include <string.h>

#include "base/random.h"

#define BASE_BYTES 2000000.0
#define LOAD_BYTES 8000000.0

static void add_run(struct campaign *c, const struct campaign_case *how,
		    unsigned int arm, unsigned int round, double host,
		    struct random *random)
{
	double bytes = LOAD_BYTES * how->effect[arm] * host *
		       exp(how->noise * random_normal(random));
	struct run *r = campaign_add_run(c);
	uint64_t at = 0;

	ck_assert_ptr_nonnull(r);
	r->arm = arm;
	r->round = round;
	r->cpu_pressure = 0.1;
	snprintf(r->allocator_version, sizeof(r->allocator_version), "1.%u", arm);
	r->base.anon_bytes = (uint64_t)BASE_BYTES;
	r->base.lazyfree_bytes = 0;
	r->base.cpu_ns = r->base.minor_faults = 0;
	for (unsigned int i = 0; i < c->n_phases; i++) {
		struct run_phase *p = &r->phases[r->n_phases++];

		snprintf(p->load.name, sizeof(p->load.name), "%s", c->phases[i].name);
		p->load.begun_us = 1000000 + at;
		p->load.lasted_us = c->phases[i].lasts_us;
		p->load.planned = p->load.ok = c->phases[i].factor > 0 ? 100 : 0;
		for (unsigned int k = 0; k < p->load.ok; k++)
			latencies_add(&p->load.latency, 900 + k);
		at += c->phases[i].lasts_us;
		p->end = r->base;
		p->end.anon_bytes = (uint64_t)(BASE_BYTES + bytes);
		p->end.cpu_ns = (i + 1) * 5000000;
		p->end.minor_faults = (i + 1) * 10;
	}
	for (uint64_t t = 0; t < at; t += CAMPAIGN_SAMPLE_MS * 1000)
		ck_assert_int_eq(
			run_add_sample(
				r, (struct sample){t, (uint64_t)(BASE_BYTES + bytes),
						   t * 10}),
			0);
}

void campaign_case_make(struct campaign *c, const struct campaign_case *how)
{
	struct random random;
	char err[256];

	memset(c, 0, sizeof(*c));
	random_init(&random, how->seed);
	ck_assert_int_eq(arm_list_parse(&c->arms, "system", "jemalloc,hybrid",
					ARM_PROFILE_AS_IS, err, sizeof(err)),
			 0);
	c->duration_us = 60000000;
	c->margin = 0.03;
	c->seed = how->seed;
	c->rate = 100;
	c->n_conns = 10;
	c->n_streams = 5;
	c->begun_wall_us = UINT64_C(1700000000000000);
	strcpy(c->workload, "browse");
	strcpy(c->command, "heapgate ab --arms 'jemalloc,hybrid' <&>\"");
	ck_assert_int_eq(campaign_plan(c, how->n_rounds, err, sizeof(err)), 0);
	for (unsigned int round = 0; round < c->n_rounds; round++) {
		double host = how->shared_noise > 0
				      ? exp(how->shared_noise * random_normal(&random))
				      : 1;

		for (unsigned int arm = 0; arm < c->arms.n; arm++)
			add_run(c, how, arm, round, host, &random);
	}
}
