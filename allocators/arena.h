/*
 * arena: many small objects that die together.
 *
 * Two forms behind one API, chosen per process by regions=bump|heap: bump
 * (chunks from the allocator, objects cut off one after another) and heap
 * (each object its own block of the allocator, so that a debugger, ASan or an
 * allocator under comparison sees every one).
 *
 * Never take from an arena what is repeated within its life: it grows until
 * the arena ends.
 */
#ifndef HEAPGATE_ARENA_H
#define HEAPGATE_ARENA_H

#include "mem.h"

struct arena_chunk;   /* bump: a chunk; heap: one object's header */
struct arena_cleanup; /* a callback to run when its owner's life ends */

struct arena {
	char *at;                       /* next free byte of the chunk */
	char *end;                      /* end of the chunk */
	struct arena_chunk *chunks;     /* newest first */
	struct arena_cleanup *cleanups; /* newest first */
	struct arena *parent;           /* ends when this one does, or NULL */
	struct arena *children;         /* arenas that end with this one */
	struct arena *next_sibling;
	struct arena **sibling_link;
	uint32_t first_bytes; /* size of the first chunk */
	uint16_t next_bytes;  /* size of the next chunk; 0: as usual */
	uint8_t tag;          /* enum mem_tag of all its memory */
	bool heap : 1;        /* regions=heap: objects one by one */
	bool failed : 1;      /* an allocation failed since reset */
	uint64_t used_bytes;  /* in chunks or blocks now */
	uint64_t soft_bytes;  /* past this no chunk is taken for more
			       * than one object; 0: none */
	uint64_t cap_bytes;   /* refuse to grow past this; 0: none */
};

struct arena_mark {
	struct arena_chunk *chunk;
	char *at;
	struct arena_cleanup *cleanup;
};

/* Nothing is allocated until the first arena_alloc(). first_bytes: 64 up to
 * 1 MiB, later chunks double up to 16 KiB or the object's own size. The caps
 * are off and may be set at any time: past the soft cap each object gets a
 * block of its own and is counted, past the hard one it is refused. */
void arena_init(struct arena *a, enum mem_tag tag, size_t first_bytes);
/* As arena_init(); ends at the latest when the parent ends or is reset. */
void arena_init_child(struct arena *a, struct arena *parent, enum mem_tag tag,
		      size_t first_bytes);
/* About so many bytes come next: if they do not fit in what is left, the next
 * chunk is just large enough for them. */
void arena_expect(struct arena *a, size_t bytes);
/* Runs the cleanups, newest first, and frees everything. Idempotent. */
void arena_fini(struct arena *a);
/* As arena_fini(), but keeps the first chunk for what comes next. */
void arena_reset(struct arena *a);

/* Aligned to 16 bytes. NULL: no memory, and a->failed is set. Lives: until
 * the arena is reset, rewound past it, or ends. */
void *arena_alloc(struct arena *a, size_t size) MUST_USE;
void *arena_zalloc(struct arena *a, size_t size) MUST_USE;
/* Unaligned bytes; the copy is followed by a NUL that len does not count. */
char *arena_copy(struct arena *a, const void *p, size_t len) MUST_USE;
/* Unaligned, uninitialised bytes. */
char *arena_bytes(struct arena *a, size_t len) MUST_USE;
char *arena_printf(struct arena *a, const char *format, ...) MUST_USE
	__attribute__((format(printf, 2, 3)));

/* Bytes that its objects take, the chunks' heads and what was left at their
 * ends included; not what is left of the newest. */
size_t arena_taken(const struct arena *a);
/* How many blocks of the allocator it holds: chunks, or objects. */
unsigned int arena_n_blocks(const struct arena *a);

struct arena_mark arena_mark(const struct arena *a);
/* Frees what came after the mark, but for a first chunk of the usual size, and
 * runs its cleanups. Children stay: one that was begun after the mark must have
 * ended. */
void arena_rewind(struct arena *a, struct arena_mark m);

/* Run f(p) when the arena ends, is reset or is rewound past this point.
 * Returns: 0, or -1 when there is no memory for the note. */
int arena_on_end(struct arena *a, void (*f)(void *p), void *p) MUST_USE;

#endif
