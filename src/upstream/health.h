/*
 * health: active checks. Asks each server of an upstream now and then whether
 * it is well, and takes it out and puts it back accordingly.
 */
#ifndef HEAPGATE_HEALTH_H
#define HEAPGATE_HEALTH_H

#include "upstream/upstream.h"

struct health;

/*
 * Starts the checks that the upstream's conf asks for: every check_every_ms
 * (give or take a tenth, so that workers and servers do not fall in step) one
 * GET of check_path on a connection of its own. 2xx and 3xx before the next
 * check is due are good. Of a server that speaks HTTP/2 only the connection,
 * TLS included, is asked for. The first answer decides alone; later
 * check_fall bad ones in a row take the server out, check_rise good ones put
 * it back.
 * Returns: NULL when there is nothing to check, or no memory (which is
 * logged). Owns: the caller, until health_stop(), before upstream_free().
 */
struct health *health_start(struct upstream *u);
void health_stop(struct health **h);

#endif
