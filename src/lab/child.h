/*
 * child: a heapgate of ours in a process of its own, for a comparison.
 *
 * In a session of its own, so that a Ctrl-C ends the comparison and not what
 * it is just measuring; it ends when we do.
 */
#ifndef HEAPGATE_CHILD_H
#define HEAPGATE_CHILD_H

#include <stdint.h>
#include <sys/types.h>

#include "allocators/mem.h"

struct child {
	pid_t pid;  /* 0: none */
	int out;    /* what it writes to out_fd; -1: none */
	char *text; /* read so far, from the next line on */
	size_t len, cap;
};

/*
 * argv: words after "heapgate", NULL at the end. out_fd: its fd number that
 * we read (1, say, or 3). log_fd: its stderr, and stdout unless that is
 * out_fd. Returns: 0, or -1 with errno set. Owns: the caller, child_stop().
 */
int child_start(struct child *c, const char *const *argv, int out_fd,
		int log_fd) MUST_USE;
/* The next line, without its end. Waits for at most timeout_ms.
 * Returns: 1; 0: none yet; -1: there will be no more. Owns: the
 * caller, by mem_free(MEM_TICK). */
int child_line(struct child *c, int timeout_ms, char **line);
/* Has it ended? */
bool child_has_ended(struct child *c);
/* SIGTERM, and SIGKILL if it still runs after timeout_ms. */
void child_stop(struct child *c, int timeout_ms);

/* A TCP port of 127.0.0.1 that is free now; 0: none. */
unsigned int child_free_port(void);
/*
 * GET http://127.0.0.1:port path. Returns: the status, 0 if there is no
 * answer; *body (NULL: not wanted) is its body then. Owns: the caller, by
 * mem_free(MEM_WORKER).
 */
int child_get(unsigned int port, const char *path, int timeout_ms, char **body);

#endif
