/*
 * dashboard_json: /history.json.
 */
#ifndef HEAPGATE_DASHBOARD_JSON_H
#define HEAPGATE_DASHBOARD_JSON_H

#include <jansson.h>

#include "server/history.h"

struct supervisor;

struct dashboard_ask {
	uint64_t since; /* samples from this number on */
	bool workers;   /* samples of each worker too */
	bool now;       /* no samples at all */
};

/* Returns: NULL without memory. Owns: the caller. */
json_t *dashboard_json(struct supervisor *s, const struct history *h,
		       const struct dashboard_ask *ask) MUST_USE;

#endif
