/*
 * room: an arena that never answers NULL. Without memory it jumps out to
 * whoever loads the config, who lets go of everything at once: so that the
 * code in between need not ask at each of its many small strings, and a reload
 * that finds no memory leaves the old config in place.
 *
 * Between a jump's two ends nothing but arenas, and what struct loader holds,
 * may be owned.
 */
#ifndef HEAPGATE_ROOM_H
#define HEAPGATE_ROOM_H

#include <setjmp.h>

#include "allocators/arena.h"

struct room {
	struct arena *arena;
	jmp_buf *no_memory;
};

/* Lives, all four: as long as the arena. */
/* Zeroed, aligned to 16. */
void *room_alloc(const struct room *r, size_t size) __attribute__((returns_nonnull));
/* With a NUL behind. */
char *room_copy(const struct room *r, const char *p, size_t len)
	__attribute__((returns_nonnull));
char *room_printf(const struct room *r, const char *format, ...)
	__attribute__((returns_nonnull, format(printf, 2, 3)));
/* For those who took from the arena themselves and got NULL. */
void room_no_memory(const struct room *r) __attribute__((noreturn, cold));

#endif
