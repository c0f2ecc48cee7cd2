/*
 * memory: /memory and /memory/purge. Asks the workers over their channels and
 * answers the stream when all have, or a while later with those that have.
 */
#ifndef HEAPGATE_MEMORY_H
#define HEAPGATE_MEMORY_H

#include "base/list.h"
#include "server/crew.h"

struct stream;
struct supervisor;

/* The questions on their way. */
struct memory {
	struct list surveys;
	uint32_t last_ticket;
};

struct memory_ask {
	bool purge;
	bool text;  /* else JSON */
	bool peers; /* with the addresses of clients */
	int worker; /* -1: all */
};

void memory_init(struct memory *m);
/* Takes side B of the stream, until it is answered or gives up. */
void memory_survey(struct supervisor *v, struct stream *s,
		   const struct memory_ask *ask);
/* A worker's CHANNEL_ANSWER. */
void memory_on_answer(struct supervisor *v, struct crew *c, struct seat *s,
		      const void *p, size_t len);

#endif
