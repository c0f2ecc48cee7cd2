/*
 * worker: the process that serves: one loop, one allocator, one heap. The
 * supervisor execs it with its fds at fixed numbers; see below.
 */
#ifndef HEAPGATE_WORKER_H
#define HEAPGATE_WORKER_H

#include "server/launch.h"

/* What the supervisor hands down. */
enum worker_fd {
	WORKER_FD_CHANNEL = LAUNCH_FIRST_FD,
	WORKER_FD_CONFIG, /* the effective config, a file in memory */
	WORKER_FD_SHARED, /* see shared.h */
	WORKER_FD_LISTEN, /* one for each listener, in the config's order */
};

/*
 * "heapgate worker NUMBER SPEC PARENT": number among the workers, allocator,
 * pid of the supervisor. Nothing may be chosen before.
 * Returns: the exit code (enum exits).
 */
int worker_main(int argc, char **argv);

#endif
