/*
 * experiment: several arms on the same ports: who gets which clients, what
 * each does with them, and when one must not get any more.
 *
 * Nothing in here ends a worker that serves well or takes a client from an
 * arm that nobody has asked about: an arm that cannot serve gives its share to
 * the baseline, and the others keep theirs.
 */
#ifndef HEAPGATE_EXPERIMENT_H
#define HEAPGATE_EXPERIMENT_H

#include <jansson.h>

#include "base/histogram.h"
#include "base/str.h"
#include "conf/arms.h"
#include "io/loop.h"
#include "server/finding.h"
#include "server/guard.h"

struct crew;

/* What an arm has done; grows. */
struct arm_count {
	uint64_t accepted, requests, errors; /* errors: 5xx and none */
	uint64_t cpu_ns;
	struct histogram request_us;
};

struct arm {
	const struct arm_conf *conf;
	unsigned int first_seat;
	uint32_t weight; /* asked for now */
	bool drained;
	char why[2 * GUARD_TEXT_BYTES]; /* it was drained */
	unsigned int gets;              /* the arm that its clients go to */
	unsigned int n_able;            /* its workers that can take clients */
	struct arm_count now, at_window, at_interval;
	uint64_t rss_bytes, rss_max_bytes; /* anonymous: a worker's mean, largest */
	double rss_sum;                    /* of the means in this interval */
	unsigned int n_rss;
	struct guard_memory guards[ARMS_MAX_GUARDS];
	struct ratios memory, cpu; /* against the first arm */
};

/* A seat's CPU time over all workers that sat there. */
struct seat_cpu {
	pid_t pid;
	uint64_t last_ns, sum_ns;
};

struct experiment {
	struct crew *crew;
	const struct experiment_conf *conf;
	bool is_running; /* the kernel does as it says */
	bool is_wary;    /* of some worker, because others died so soon */
	struct timer second;
	struct arm *arms;
	unsigned int n_arms;
	struct seat_cpu *cpu;
	uint16_t *able; /* seats, by arm from its first_seat on */
	/* Since the last change of who gets what. */
	bool window_due;       /* begins with the next second */
	uint64_t window_at_ms; /* 0: none has begun */
	uint64_t interval_at_ms;
};

/* For a crew whose config has an experiment. old: the one before, or NULL: if
 * the config has not changed it, what was done at run time stays.
 * Returns: NULL without memory. Owns: the caller, experiment_free(). */
struct experiment *experiment_new(struct crew *c,
				  const struct experiment *old) MUST_USE;
void experiment_free(struct experiment **e);

/* From now on clients are divided. Returns: 0, or -1 with errno set. */
int experiment_start(struct experiment *e) MUST_USE;
/* Another crew has the clients now. */
void experiment_stop(struct experiment *e);
/* A worker came or went. */
void experiment_on_seats(struct experiment *e);

/* The arm of that name, or NULL. */
struct arm *experiment_arm(struct experiment *e, struct str name);
/* weights: of all arms, in order. Returns: 0; -1 with errno set and nothing
 * changed: EINVAL when all are 0, else what the kernel says. */
int experiment_set_weights(struct experiment *e, const uint32_t *weights) MUST_USE;
/* Takes an arm's clients away and replaces its workers. */
void experiment_drain(struct experiment *e, struct arm *arm, const char *why);
/* Gives a drained arm its clients again. */
void experiment_resume(struct experiment *e, struct arm *arm);

/* The table, experiment_json.c. Owns: the caller. NULL: no memory. */
json_t *experiment_json(const struct experiment *e) MUST_USE;
/* How likely a split as uneven as this is by chance; NAN: too little to tell.
 * seen: filled in with what each arm has of 1. */
double experiment_sample_p(const struct experiment *e, double seen[ARMS_MAX]);

#endif
