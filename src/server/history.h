/*
 * history: what each worker and each arm used and did, over the last hour, in
 * samples that are taken every 5 s. Bounded: HISTORY_MAX_SERIES rings of
 * HISTORY_SAMPLES samples, 32 KB each, made when there is something for them.
 *
 * Counts nothing itself: it is given what a scrape is given, and remembers
 * the counters of the last time to tell rates.
 */
#ifndef HEAPGATE_HISTORY_H
#define HEAPGATE_HISTORY_H

#include "server/metrics.h"

#define HISTORY_EVERY_MS   5000u
#define HISTORY_SAMPLES    720u /* an hour */
#define HISTORY_MAX_SERIES 96u  /* arms and workers; see history_sample() */
#define HISTORY_NAME_BYTES 64

/* Values are as their names in history_fields say; NAN is not known. */
enum history_field {
	HISTORY_ANON,        /* RssAnon */
	HISTORY_ALLOCATED,   /* as the allocator says */
	HISTORY_RESIDENT,    /* as the allocator believes */
	HISTORY_CPU,         /* cores that were busy */
	HISTORY_CPU_REQUEST, /* NAN without a request */
	HISTORY_REQUESTS,    /* exchanges that ended */
	HISTORY_P50,         /* of their durations; NAN without a request */
	HISTORY_P99,
	HISTORY_CONNECTIONS, /* at the moment of the sample, as the next */
	HISTORY_STREAMS,
	HISTORY_ERRORS, /* those of the exchanges that ended with 5xx or none */
	HISTORY_N_FIELDS,
};

/* Names in JSON: "anon_bytes" …, in the order of the enum. */
extern const char *const history_fields[HISTORY_N_FIELDS];

#define HISTORY_WHOLE_ARM (-1)

struct history_series {
	char arm[HISTORY_NAME_BYTES];
	int worker;       /* its number, or HISTORY_WHOLE_ARM: all of the arm */
	uint64_t seen_at; /* number of the last sample it was part of */
	float values[HISTORY_SAMPLES][HISTORY_N_FIELDS];
};

struct history_before; /* a worker's counters at the last sample */

struct history {
	uint64_t n;                        /* samples taken: 0 … n - 1 */
	uint64_t wall_us[HISTORY_SAMPLES]; /* when; of sample i at i % that */
	struct history_series **series;    /* n_series of them */
	unsigned int n_series;
	struct history_before *before; /* n_before of them */
	unsigned int n_before;
	uint64_t before_us; /* monotonic */
};

/* Nothing is allocated yet. */
void history_init(struct history *h);
void history_fini(struct history *h);

/*
 * Takes a sample of all that *v has. Workers beyond HISTORY_MAX_SERIES count
 * for their arm and have no series. One that is not part of it any more stays
 * for an hour. Without memory a series, or all rates, begin a sample later.
 */
void history_sample(struct history *h, const struct metrics_view *v, uint64_t mono_us,
		    uint64_t wall_us);

/* Returns: NULL if there is none. Lives: until the next sample. */
const struct history_series *history_find(const struct history *h, const char *arm,
					  int worker);
/* Number of the oldest sample that is still there; h->n when there is none. */
uint64_t history_oldest(const struct history *h);
/* NAN for a sample that is gone or to come, too. */
float history_value(const struct history *h, const struct history_series *s,
		    uint64_t sample, enum history_field field);
/* Was it part of the last sample? */
bool history_is_current(const struct history *h, const struct history_series *s);

#endif
