/*
 * finding: what the figures of two arms that serve side by side allow to be
 * said, and no more. Pure functions.
 */
#ifndef HEAPGATE_FINDING_H
#define HEAPGATE_FINDING_H

#include "allocators/mem.h"

/* Below this the split is not what was asked, and nothing is concluded. */
#define FINDING_SAMPLE_P 0.001

#define FINDING_MAX_SAMPLES 720
#define FINDING_MIN_SAMPLES 20

/* One figure of an arm as a multiple of the baseline's, once an interval. */
struct ratios {
	double log[FINDING_MAX_SAMPLES]; /* the last ones, oldest first */
	unsigned int n;
};

struct ratio {
	bool is_known;
	double mean, low, high; /* low to high: 99 % */
};

/* Nothing is added unless both are greater than 0. */
void ratios_add(struct ratios *r, double arm, double baseline);
/*
 * The geometric mean and its interval. Samples that follow each other are
 * alike, so that their number says too much: they are put into ten batches,
 * and the batches' means are what Student's t is asked about. Not known before
 * there are FINDING_MIN_SAMPLES.
 */
struct ratio ratios_mean(const struct ratios *r);

/*
 * How likely a split as uneven as seen, or more, is if it was made as asked
 * (chi-square). weights: of n arms; those of 0 do not count. slack: what else
 * each count's variance has, or NULL. Returns: NAN when there is too little
 * to tell.
 */
double finding_sample_p(const double *seen, const double *weights, const double *slack,
			unsigned int n);

/* How many distinct ones left n_set of n_bits bits set (linear counting), and
 * the variance of that figure. */
double finding_distinct(unsigned int n_set, unsigned int n_bits, double *variance);

struct finding {
	const char *baseline; /* its name */
	bool is_baseline;
	const char *drained; /* why, or NULL */
	bool is_down;
	double sample_p;   /* NAN: too little to tell */
	double load;       /* of one worker, as a multiple of the baseline's */
	uint64_t requests; /* of the arm or of the baseline, the fewer */
	struct ratio memory, cpu;
};

#define FINDING_TEXT_BYTES   320
#define FINDING_MIN_REQUESTS 1000

/* The verdict in words. Returns: to. */
char *finding_text(const struct finding *f, char to[FINDING_TEXT_BYTES]);

#endif
