/*
 * procfs: what the kernel says of a process, from /proc/PID. Each file is one
 * read of at most 4 KiB; nothing is allocated.
 */
#ifndef HEAPGATE_PROCFS_H
#define HEAPGATE_PROCFS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What this kernel, or our rights, do not let us see. */
#define PROCFS_UNKNOWN UINT64_MAX

struct procfs_reading {
	uint64_t resident_bytes; /* RSS: anonymous, file and shared pages */
	uint64_t anon_bytes;     /* RssAnon; includes LazyFree */
	uint64_t peak_bytes;     /* highest RSS so far */
	uint64_t virtual_bytes;  /* address space */
	uint64_t minor_faults;   /* page faults without disk */
	uint64_t major_faults;   /* page faults with disk */
	uint64_t cpu_ns;         /* user and system, all threads */
	uint64_t n_threads;
	uint64_t lazyfree_bytes;     /* given back by MADV_FREE, not taken yet */
	uint64_t proportional_bytes; /* PSS: shared pages divided by users */
};

struct procfs {
	pid_t pid;
	struct procfs_reading now;
	uint64_t rollup_at_ms; /* when the last two were read; 0: never */
};

/* All unknown until the first read. */
void procfs_init(struct procfs *p, pid_t pid);

/*
 * Reads /proc/PID/{status,stat,schedstat}, about 60 µs. rollup: smaps_rollup
 * too, but at most every 5 s: it walks all pages (15 µs per MB) and keeps the
 * process from changing its mappings meanwhile.
 * Returns: 0; -1 when there is no such process (the last reading stays).
 */
int procfs_read(struct procfs *p, uint64_t now_ms, bool rollup);

/* Open file descriptors of a process. */
uint64_t procfs_count_fds(pid_t pid);

#endif
