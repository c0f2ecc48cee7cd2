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
/*
 * How long requests piled up, by the 99th percentile of a phase, if they did
 * and tasks waited for CPUs for most of the run: then a worker, or what stands
 * behind it, waited too, and the memory of the backlog, two or three times as
 * much, is the host's doing. Phases that replace connections are left out,
 * where handshakes take long anyway. µs; 0: they did not.
 */
double measure_backlog_us(const struct campaign *c, const struct run *r);
/* "12.3 MB", "45.6 µs"; at most cap bytes. Returns to. */
char *measure_text(double v, const char *unit, char *to, size_t cap);

#endif
