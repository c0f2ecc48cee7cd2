/*
 * library: loads one allocator by dlopen and proves where it came from.
 *
 * RTLD_NOW|RTLD_LOCAL: nothing else in the process binds to its malloc.
 * Never unloaded: libraries free their last blocks in atexit handlers.
 */
#ifndef HEAPGATE_LIBRARY_H
#define HEAPGATE_LIBRARY_H

#include "backend.h"

struct library {
	void *handle;
	const char *prefix; /* put before each name; may be "" */
	char path[512];     /* file it was loaded from */
};

/*
 * name: a soname or an absolute path; package: what to install when it is
 * missing, or NULL. Returns: 0; -1 with the reason and the way out in err.
 */
int library_open(struct library *lib, const char *name, const char *prefix,
		 const char *package, char *err, size_t err_cap);

/* prefix+name, and only if this very library defines it; else NULL. */
void *library_find(const struct library *lib, const char *name);
/* As above without the prefix. */
void *library_find_plain(const struct library *lib, const char *name);

/* Fills alloc, realloc, free of *b from prefix+malloc, ... and usable from the
 * first of malloc_usable_size, usable_size, msize that is there; *calloc_out
 * gets prefix+calloc. Returns as library_open(). */
int library_bind(const struct library *lib, struct mem_backend *b,
		 void *(**calloc_out)(size_t, size_t), char *err, size_t err_cap);

/* The file that holds the code at this address; "" if none does. */
void library_path_of(const void *function, char *path, size_t path_cap);

#endif
