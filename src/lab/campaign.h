/*
 * campaign: everything a comparison has planned and seen. What is in here is
 * what raw.json holds; tables, verdicts and charts follow from it alone.
 *
 * A campaign is made of rounds. Each round is a block: every arm once, in a
 * random order, each in fresh processes. One such run goes through the phases.
 */
#ifndef HEAPGATE_CAMPAIGN_H
#define HEAPGATE_CAMPAIGN_H

#include <stdio.h>

#include "lab/arm_list.h"
#include "lab/load.h"
#include "lab/reading.h"

#define CAMPAIGN_MAX_PHASES 8
#define CAMPAIGN_MAX_ROUNDS 200
#define CAMPAIGN_SAMPLE_MS  100

struct sample {
	uint64_t at_us; /* since the load began */
	uint64_t anon_bytes;
	uint64_t cpu_ns;
};

struct run_phase {
	struct load_result load;
	struct reading end;
};

struct run {
	unsigned int arm;
	unsigned int round;
	unsigned int place;   /* in the order of its round */
	unsigned int attempt; /* 0, or 1: the first one was void */
	char why_void[96];    /* "": it counts */
	char allocator_version[64];
	char allocator_path[256];
	struct reading base; /* ready, before the load */
	struct run_phase phases[CAMPAIGN_MAX_PHASES];
	unsigned int n_phases; /* that ended */
	struct sample *samples;
	unsigned int n_samples, cap_samples;
	/* the host during the run, as shares of its time */
	double steal, cpu_pressure, memory_pressure, io_pressure;
};

#define ENVIRONMENT_MAX 24
struct environment_entry {
	char name[32];
	char value[160];
};

#define CAMPAIGN_MAX_GATES  16
#define CAMPAIGN_GATE_BYTES 64

struct campaign {
	uint64_t begun_wall_us;
	uint64_t took_us;
	char command[1024]; /* that repeats it */
	char workload[256];
	char target[256]; /* "" : the embedded origin */
	double rate;
	unsigned int n_conns, n_streams, n_idle;
	uint64_t duration_us; /* as asked for */
	uint64_t seed;
	double margin;         /* 0.03 */
	bool h1;               /* clients speak HTTP/1.1 */
	bool is_partial;       /* ended before all rounds were done */
	unsigned int n_rounds; /* planned */
	struct arm_list arms;
	struct load_phase phases[CAMPAIGN_MAX_PHASES];
	unsigned int n_phases;
	char gates[CAMPAIGN_MAX_GATES][CAMPAIGN_GATE_BYTES]; /* as asked for */
	unsigned int n_gates;
	struct environment_entry environment[ENVIRONMENT_MAX];
	unsigned int n_environment;
	struct run *runs;
	unsigned int n_runs, cap_runs;
};

/*
 * Divides duration_us: rounds (0: as many as are good) and phases. Sets
 * n_rounds and phases. Returns: 0, or -1 with a reason in err: too short.
 */
int campaign_plan(struct campaign *c, unsigned int n_rounds, char *err,
		  size_t err_cap) MUST_USE;
/* How long one run's load lasts. */
uint64_t campaign_run_us(const struct campaign *c);
/* The order of the arms in a round. */
void campaign_order(const struct campaign *c, unsigned int round, unsigned int *order);
/* What the host and the program are. */
void campaign_look_round(struct campaign *c);

/* A new run at the end. NULL: no memory. Lives: until the next one. */
struct run *campaign_add_run(struct campaign *c) MUST_USE;
int run_add_sample(struct run *r, struct sample s) MUST_USE;
/* The one run of an arm in a round that counts, or NULL. */
const struct run *campaign_run(const struct campaign *c, unsigned int arm,
			       unsigned int round);
/* Rounds in which all arms have a run that counts. */
unsigned int campaign_n_complete(const struct campaign *c);
void campaign_fini(struct campaign *c);

/* campaign_json.c. Returns: 0, or -1 with a reason in err. */
int campaign_save(const struct campaign *c, const char *path, char *err,
		  size_t err_cap) MUST_USE;
int campaign_load(struct campaign *c, const char *path, char *err,
		  size_t err_cap) MUST_USE;

#endif
