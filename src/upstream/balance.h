/*
 * balance: which server of an upstream takes the next request. Reads and
 * writes what struct upstream and its servers hold, allocates nothing.
 */
#ifndef HEAPGATE_BALANCE_H
#define HEAPGATE_BALANCE_H

#include "upstream/upstream.h"

/*
 * Smooth weighted round robin (each turn every candidate gains its weight and
 * the chosen one loses the sum, so that 5:1:1 gives a a b a c a a), or among
 * those with the fewest requests for their weight. Candidates, the first kind
 * that there is: servers that are up and not in tried; backups the same; then
 * the same with those in tried.
 * Returns: NULL when none is up.
 */
struct server *balance_pick(struct upstream *u, struct server *const *tried,
			    unsigned int n_tried, uint64_t now_ms);

#endif
