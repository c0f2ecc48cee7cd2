/*
 * doze: an HTTP/2 front that has had no stream for a while gives back what its
 * library holds and does not use. It wakes by itself, at the first stream.
 */
#ifndef HEAPGATE_DOZE_H
#define HEAPGATE_DOZE_H

#include "base/list.h"
#include "http/h2.h"

struct gate;

/* Of one front. */
struct doze {
	struct list node; /* in gate->quiet while it waits */
	uint64_t since_ms;
};

void doze_init(struct doze *d);
/* The front has no stream any more. */
void doze_begin(struct gate *g, struct doze *d);
/* It has one, or goes. */
void doze_end(struct doze *d);
/* Once a second: those that waited long enough. */
void doze_tick(struct gate *g);

#endif
