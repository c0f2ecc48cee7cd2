/*
 * shared: the memory that the supervisor and its workers have in common: the
 * keys of the session tickets, which the supervisor writes and all workers
 * read, and the stats of each worker, which it alone writes.
 */
#ifndef HEAPGATE_SHARED_H
#define HEAPGATE_SHARED_H

#include "base/stats.h"
#include "io/tls.h"

struct shared {
	uint32_t magic;
	uint32_t n_workers;
	uint64_t worker_bytes; /* of each worker's stats */
	uint64_t bytes;        /* of it all */
	struct tls_ticket_keys tickets;
	/* Workers count anew which clients they have when the supervisor
	 * raises it; 0: they need not. */
	_Atomic uint32_t clients_epoch;
	_Alignas(64) unsigned char stats[];
};

/*
 * Makes and maps it; *fd is what shared_map() takes in another process. Its
 * size is sealed: no worker can pull it from under the supervisor. The counts
 * are those of stats_init().
 * Returns: NULL with errno set. Owns: the caller, shared_free(); and *fd,
 * close-on-exec, which the mapping does not need.
 */
struct shared *shared_new(unsigned int n_workers, uint32_t n_listeners,
			  uint32_t n_routes, uint32_t n_servers, int *fd) MUST_USE;
/* Maps what another process made. Returns: NULL with errno set; EPROTO when
 * it is something else. */
struct shared *shared_map(int fd) MUST_USE;
/* Unmaps it. A worker never does: its allocator counts there to its end. */
void shared_free(struct shared **s);

/* worker: 0 up to n_workers - 1. */
struct stats *shared_stats(struct shared *s, unsigned int worker);

#endif
