/*
 * launch: runs this very program anew, with a clean heap and the environment
 * that an allocator needs.
 *
 * By exec and not by fork alone: what the parent has allocated and loaded is
 * no part of the child, and glibc reads its tunables only at exec.
 */
#ifndef HEAPGATE_LAUNCH_H
#define HEAPGATE_LAUNCH_H

#include <stddef.h>
#include <sys/types.h>

#include "allocators/mem.h"

/* The number of the first fd handed down. */
#define LAUNCH_FIRST_FD 3

struct launch {
	const char **argv; /* NULL at the end; [0] becomes our own path */
	const char *path;  /* another program, with argv as it is; NULL: us */
	const char *spec;  /* allocator that the child will choose */
	const int *fds;    /* are 3, 4, … in the child; all others closed */
	unsigned int n_fds;
	bool worker; /* ignores SIGINT: a terminal sends it to all */
};

/* Returns: the child's pid, or -1 with errno set. That exec failed shows as
 * exit code 70 with a line on stderr. */
pid_t launch_start(const struct launch *l) MUST_USE;

/*
 * The value for GLIBC_TUNABLES: what the user has set (or NULL), and wanted
 * (or NULL) unless the user has set that one already.
 * Returns: its length; to is cut off at cap. 0: leave the variable alone.
 */
size_t launch_tunables(const char *users, const char *wanted, char *to, size_t cap);

/* Opens /dev/null for each of 0, 1 and 2 that is closed, so that no socket
 * gets these numbers and then somebody's messages. */
void launch_open_std_fds(void);

#endif
