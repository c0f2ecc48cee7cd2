/*
 * route: which upstream serves a request, by host and path prefix. Read-only
 * after the config was loaded; finding takes the same time for 1 and for
 * 10,000 routes (two hash look-ups per path segment at most) and no memory.
 *
 * Order: exact host before "*.suffix" host (longest first) before no host;
 * within a host the longest prefix that ends at a segment boundary. A host
 * without a prefix that fits leaves the request to the next one in this order.
 *
 *   "/api"   matches /api, /api/x and /api?x, not /apix
 *   "/api/"  matches /api/ and what is below it, not /api
 *   "*.x.y"  matches a.x.y and a.b.x.y, not x.y
 */
#ifndef HEAPGATE_ROUTE_H
#define HEAPGATE_ROUTE_H

#include "allocators/arena.h"
#include "base/str.h"

struct upstream;

struct route_conf {
	const char *host;     /* lower case, without port; "*.x"; NULL: any */
	const char *prefix;   /* starts with "/" */
	const char *upstream; /* name */
	const char *name;     /* label in metrics: host + prefix */
	unsigned int index;   /* 0… in config order: the label's number */
	struct upstream *to;  /* found by name when the snapshot is linked */
};

struct routes; /* the table */

/* Builds the table in the arena. Returns: NULL without memory, or when two
 * routes are equal (then *clash is the later one; else it is NULL). */
struct routes *routes_build(struct arena *a, struct route_conf *confs, unsigned int n,
			    const struct route_conf **clash) MUST_USE;
/* authority: host[:port] in any case; path: with query. "*" (OPTIONS) and no
 * path at all (CONNECT) count as "/". NULL: no route. */
const struct route_conf *routes_find(const struct routes *r, struct str authority,
				     struct str path);

#endif
