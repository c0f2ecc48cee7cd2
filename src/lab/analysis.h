/*
 * analysis: what a campaign allows to be said: a verdict for every arm and
 * measure, and one sentence.
 */
#ifndef HEAPGATE_ANALYSIS_H
#define HEAPGATE_ANALYSIS_H

#include "base/text.h"
#include "lab/measure.h"
#include "lab/verdict.h"

struct finding {
	struct verdict verdict; /* against the baseline */
	double median;          /* over the runs that count; NAN without any */
	unsigned int n;         /* runs that have a value */
};

struct analysis {
	const struct campaign *campaign;
	struct finding at[ARMS_MAX][N_MEASURES];
	unsigned int n_rounds; /* in which all arms counted */
	unsigned int n_void;   /* runs that do not count */
	bool unreliable;       /* nothing in here is to be believed */
	struct text why;       /* unreliable because …; or "" */
	struct text sentence;  /* the verdict */
};

/* Returns: 0, or -1 without memory. Lives: *c as long. */
int analysis_init(struct analysis *a, const struct campaign *c) MUST_USE;
void analysis_fini(struct analysis *a);
/*
 * An arm's value for the geometric mean of what the baseline and its repeat had
 * in the same round (for the one that counts, if only one does); of the repeat,
 * for the baseline's. NAN where one is missing, or not above 0.
 */
double analysis_ratio(const struct campaign *c, unsigned int arm, unsigned int round,
		      unsigned int m);
/* The table of the terminal. */
void analysis_print(const struct analysis *a, FILE *to);

#endif
