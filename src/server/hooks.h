/*
 * hooks: makes every library allocate through the table of allocators/mem.h.
 *
 * nghttp2 has no process-wide hook; each session gets one of its own where it
 * is made.
 */
#ifndef HEAPGATE_HOOKS_H
#define HEAPGATE_HOOKS_H

#include <stddef.h>

#include "allocators/mem.h"

/*
 * To be called after mem_choose() and before the first call of any library:
 * OpenSSL refuses once it has allocated.
 * Returns: 0; -1 with a one-line reason in err.
 */
int hooks_install(char *err, size_t err_cap) MUST_USE;
/* Lets the libraries free what they keep for the process, so that a leak
 * checker sees only leaks. Nothing of them may be called afterwards. */
void hooks_remove(void);

#define HOOKS_N_LIBRARIES 5
struct library_version {
	const char *name;
	char built[24];   /* the headers' */
	char running[48]; /* the library's own word */
};
/* Which versions of the libraries we were built with and run with. */
void hooks_versions(struct library_version to[HOOKS_N_LIBRARIES]);

#endif
