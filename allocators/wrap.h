/*
 * wrap: backends that stand on another one: +debug and +fail=N.
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

/* Puts the wrappers that spec asks for upon *b. Returns: true if any. */
bool wrap_stack(const struct spec *spec, struct mem_backend *b);

/* Each takes the place of *b and keeps a copy of it. */
void wrap_debug(struct mem_backend *b);
void wrap_fail(struct mem_backend *b, uint64_t nth, uint64_t every, double rate);

#endif
