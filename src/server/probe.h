/*
 * probe: can this allocator be had on this host? Asked in a child process,
 * because a library that was loaded once stays.
 */
#ifndef HEAPGATE_PROBE_H
#define HEAPGATE_PROBE_H

#include "allocators/mem.h"

struct probe {
	bool ok;
	struct mem_info info; /* if ok */
	char reason[256];     /* if not */
};

/* Chooses spec in a child, as a worker would, and takes a block from it.
 * Waits for the child. Returns: out->ok. */
bool probe_allocator(const char *spec, struct probe *out);

/* The child: "heapgate probe SPEC", the answer goes to LAUNCH_FIRST_FD.
 * Nothing may be chosen before. Returns: the exit code. */
int probe_main(int argc, char **argv);

#endif
