/*
 * wrap: backends that stand on another one: +debug, +fail=N and
 * others.
 *
 * A wrapper keeps a copy of the backend below and takes its place in the
 * table. Without wrappers nothing of this is called.
 */
#ifndef HEAPGATE_WRAP_H
#define HEAPGATE_WRAP_H

#include "mem.h"

struct spec;

/* Who makes the next call: set by mem.c, read by the wrappers. */
struct wrap_caller {
	enum mem_tag tag;
	const void *site; /* return address of the mem_*() call */
};

void wrap_note_caller(enum mem_tag tag, const void *site);
const struct wrap_caller *wrap_caller(void);

/* Puts the wrappers that spec asks for upon *b; text is what spec was made of.
 * Returns: 1 if there are any, 0; -1 with a one-line reason in err. */
int wrap_stack(const struct spec *spec, const char *text, struct mem_backend *b,
	       char *err, size_t err_cap);

/* Each takes the place of *b and keeps a copy of it. */
void wrap_debug(struct mem_backend *b);
void wrap_fail(struct mem_backend *b, uint64_t nth, uint64_t every, double rate);
/* As told by another process: the file has two uint64_t. The first one, if it
 * is not 0, is counted down at each call, and the call that makes it 0 fails;
 * the second one counts calls. Returns: 0; -1 with a reason in err. */
int wrap_fail_file(struct mem_backend *b, const char *path, char *err, size_t err_cap);
/* Keeps this share (0.10) more memory in RAM than the process has without it.
 * Returns: 0; -1 with a reason in err. */
int wrap_bloat(struct mem_backend *b, double share, char *err, size_t err_cap);
/* Bytes it holds now; *own: what the process had beside it at the last look. */
size_t wrap_bloat_held(size_t *own);

#endif
