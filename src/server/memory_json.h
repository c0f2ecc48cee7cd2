/*
 * memory_json: what a worker answered about its memory, as JSON, and that as
 * text for people.
 */
#ifndef HEAPGATE_MEMORY_JSON_H
#define HEAPGATE_MEMORY_JSON_H

#include <jansson.h>

#include "base/text.h"
#include "server/crew.h"
#include "server/memory_worker.h"

/* peers: with the addresses of clients. Owns: the caller. NULL: no memory. */
json_t *memory_json_worker(const struct crew *c, struct seat *s,
			   const struct memory_answer *a, bool peers,
			   uint64_t now_ms) MUST_USE;
json_t *memory_json_purge(const struct crew *c, const struct seat *s,
			  const struct memory_answer *a) MUST_USE;
/* root: an object with "workers", of the ones above. */
void memory_print(struct text *to, const json_t *root);
void memory_print_purge(struct text *to, const json_t *root);

#endif
