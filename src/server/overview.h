/*
 * overview: what the supervisor knows of its workers and itself, in the forms
 * that the endpoints give it out.
 */
#ifndef HEAPGATE_OVERVIEW_H
#define HEAPGATE_OVERVIEW_H

#include <jansson.h>

#include "server/metrics.h"

struct supervisor;

/*
 * Sets what *v says of the workers that serve now and of their config; leaves
 * the rest. Without a crew it changes nothing.
 * Lives: what *v points to, to the end of this turn.
 * Returns: 0, or -1 without memory.
 */
int overview_fill(struct supervisor *s, struct metrics_view *v, bool slow) MUST_USE;
/* Adds the metrics of all workers that serve now. slow: with what takes the
 * kernel long to say (proportional and lazily freed memory). */
void overview_print_metrics(struct supervisor *s, struct text *to, bool openmetrics,
			    bool slow);
/* An array with each worker of each config that is still alive. Owns: the
 * caller. NULL: no memory. */
json_t *overview_workers(const struct supervisor *s) MUST_USE;

#endif
