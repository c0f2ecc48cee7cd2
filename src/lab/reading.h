/*
 * reading: what is seen from outside of a process under load, and of the
 * host beside it.
 */
#ifndef HEAPGATE_READING_H
#define HEAPGATE_READING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define READING_UNKNOWN UINT64_MAX

/* One moment. READING_UNKNOWN where it could not be seen. */
struct reading {
	uint64_t at_us;      /* monotonic */
	uint64_t anon_bytes; /* RssAnon; includes LazyFree */
	uint64_t cpu_ns;
	uint64_t minor_faults;
	uint64_t major_faults;
	/* the rest only by reading_full() */
	uint64_t lazyfree_bytes; /* given back by MADV_FREE, not taken yet */
	uint64_t pss_bytes;
	uint64_t brk_bytes; /* of libc's heap: address space */
	uint64_t allocated; /* as the allocator says, by /metrics */
	uint64_t active;
	uint64_t resident;
	uint64_t retained;
	uint64_t calls;      /* of the allocator, allocations alone */
	uint64_t live_bytes; /* that the proxy and its libraries hold */
};
/* All fields are uint64_t, in this order, for whoever lists them. */
#define READING_N_FIELDS (sizeof(struct reading) / sizeof(uint64_t))
extern const char *const reading_fields[];

/* Sums over all processes of pids. Returns: false when one is gone. */
bool reading_take(struct reading *r, const pid_t *pids, unsigned int n);
/* As reading_take(), and all the rest; metrics: what /metrics says, or NULL. */
bool reading_full(struct reading *r, const pid_t *pids, unsigned int n,
		  const char *metrics);

/* The children of a process. Returns: how many; at most cap are given. */
unsigned int reading_children(pid_t pid, pid_t *to, unsigned int cap);

/* The whole host since boot. */
struct host_reading {
	uint64_t at_us;
	uint64_t steal_ticks, all_ticks;
	uint64_t cpu_some_us;    /* pressure stall: some task waited for a CPU */
	uint64_t memory_full_us; /* all tasks waited for memory */
	uint64_t io_full_us;
};
void host_reading_take(struct host_reading *r);

#endif
