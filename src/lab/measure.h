/*
 * measure: the numbers that arms are compared by, each made of one run.
 * Smaller is better in all of them.
 */
#ifndef HEAPGATE_MEASURE_H
#define HEAPGATE_MEASURE_H

#include "lab/campaign.h"

struct measure {
	const char *name; /* in files and gates: "rss_avg" */
	const char *unit; /* "bytes" "us" "ms" "" */
	const char *what; /* one line */
	/* NAN when this run cannot say. */
	double (*of)(const struct campaign *c, const struct run *r);
};

#define MEASURE_PRIMARY 0u /* chosen before anything was measured */
extern const struct measure measures[];
#define N_MEASURES 9u

/* The index of a measure, or -1. */
int measure_find(const char *name);
/* RssAnon less LazyFree at a sample, LazyFree being known only at the ends of
 * phases and taken to change evenly between them. Bytes. */
double measure_net_of_lazyfree(const struct run *r, unsigned int sample);
/* When a phase begins, in µs since the load began. */
uint64_t measure_phase_start(const struct campaign *c, unsigned int phase);
/* "12.3 MB", "45.6 µs"; at most cap bytes. Returns to. */
char *measure_text(double v, const char *unit, char *to, size_t cap);

#endif
