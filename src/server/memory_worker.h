/*
 * memory_worker: a worker's side of /memory: says what its connections hold,
 * and gives memory back, in slices that hold the loop for a few milliseconds
 * at most.
 */
#ifndef HEAPGATE_MEMORY_WORKER_H
#define HEAPGATE_MEMORY_WORKER_H

#include "allocators/wrap_sizes.h"
#include "proxy/inventory.h"

#define MEMORY_MAGIC     0x6d656d32u /* "mem2" */
#define MEMORY_N_TICKETS 8           /* asked for at once; more are not heard */

/* What follows CHANNEL_ANSWER: one message between two processes of one
 * binary, or at least of one version of this struct. */
struct memory_answer {
	uint32_t magic;
	uint32_t ticket;     /* of the question */
	uint64_t base_bytes; /* anonymous memory before the allocator's start */
	uint64_t held_us;    /* the loop, in all */
	uint64_t longest_us; /* … at a stretch */
	uint32_t n_slices;
	uint32_t is_purge;     /* then the next three are there, else the rest */
	uint64_t before_bytes; /* RssAnon */
	uint64_t after_bytes;
	uint64_t purged_bytes; /* as the allocator tells */
	uint32_t has_sizes;
	struct mem_sizes sizes;
	struct inventory conns;
};

/* Of struct memory_answer, for the answer to a purge. */
#define MEMORY_PURGE_BYTES offsetof(struct memory_answer, has_sizes)

struct memory_worker {
	struct gate *gate;
	struct upstream *const *upstreams;
	unsigned int n_upstreams;
	int channel;                        /* where answers go */
	uint64_t base_bytes;                /* see struct memory_answer */
	struct memory_answer *answer;       /* while a walk is on */
	struct memory_answer *purge;        /* while one is on; its head alone */
	uint32_t tickets[MEMORY_N_TICKETS]; /* that wait for the walk */
	unsigned int n_tickets;
	uint32_t purge_tickets[MEMORY_N_TICKETS];
	unsigned int n_purge_tickets;
	struct dirty walk, purging;
};

/* RssAnon of this process; PROCFS_UNKNOWN if the kernel does not tell. */
uint64_t memory_anon_bytes(void);

/* upstreams and gate: as long as *m. */
void memory_worker_init(struct memory_worker *m, struct gate *g, int channel,
			uint64_t base_bytes);
/* What is not answered stays so. */
void memory_worker_fini(struct memory_worker *m);
/* The supervisor asks. The answer follows within a few turns, or never, when
 * there is no memory for it. */
void memory_worker_ask(struct memory_worker *m, uint32_t ticket);
void memory_worker_purge(struct memory_worker *m, uint32_t ticket);

#endif
