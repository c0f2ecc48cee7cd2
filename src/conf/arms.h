/*
 * arms: the arms of an experiment and its rules, as the config has them.
 */
#ifndef HEAPGATE_ARMS_H
#define HEAPGATE_ARMS_H

#include <stdbool.h>
#include <stdint.h>

#define ARMS_MAX        16
#define ARMS_MAX_GUARDS 8
#define ARMS_MAX_SEATS  1024 /* workers of all arms */

struct arm_conf {
	const char *name;
	const char *where;     /* "heapgate.conf:3:1" */
	const char *allocator; /* spec; NULL: that of the top level */
	uint32_t weight;       /* of the sum of all arms' */
	unsigned int workers;  /* at least 1 once the config is loaded */
};

enum assign {
	ASSIGN_RANDOM,    /* each connection anew */
	ASSIGN_CLIENT_IP, /* by the client's address */
};

enum guard_metric {
	GUARD_ERROR_RATIO, /* 5xx and none, of all requests */
	GUARD_P99,         /* of the duration of a request */
	GUARD_RSS,         /* anonymous, of the largest worker */
};

enum guard_unit {
	GUARD_TIMES, /* what the baseline has, so many times */
	GUARD_SHARE, /* of 1 */
	GUARD_MS,
	GUARD_BYTES,
};

struct guard_conf {
	enum guard_metric metric;
	enum guard_unit unit;
	double limit;
	const char *text;      /* the limit as written: "1.25x" */
	unsigned int breaches; /* of the last so many intervals, to drain */
	unsigned int of;
};

struct experiment_conf {
	bool is_on; /* else there is one arm, which is no experiment's */
	struct arm_conf *arms;
	unsigned int n_arms;
	struct guard_conf *guards;
	unsigned int n_guards;
	enum assign assign;
	bool header;          /* answers say their arm */
	uint32_t interval_ms; /* of guards and samples */
};

#endif
