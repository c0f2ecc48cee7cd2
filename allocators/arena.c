#include "arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "mem_must.h"
#include "memcheck.h"

#define ARENA_ALIGN     16
#define ARENA_MAX_CHUNK (16u << 10)

/* In both forms the chain that is freed at the end; the payload follows. */
struct arena_chunk {
	struct arena_chunk *older;
	size_t total_bytes; /* header included */
};
_Static_assert(sizeof(struct arena_chunk) == ARENA_ALIGN, "payload stays aligned");

struct arena_cleanup {
	struct arena_cleanup *older;
	void (*f)(void *p);
	void *p;
};

static char *chunk_payload(struct arena_chunk *c)
{
	return (char *)(c + 1);
}

static char *chunk_end(struct arena_chunk *c)
{
	return (char *)c + c->total_bytes;
}

void arena_init(struct arena *a, enum mem_tag tag, size_t first_bytes)
{
	mem_must(first_bytes >= 64 && first_bytes <= 1 << 20);
	/* One by one: for a whole struct of this size compilers take a string
	 * instruction, which takes as long as all the rest of a short life. */
	a->at = a->end = NULL;
	a->chunks = NULL;
	a->cleanups = NULL;
	a->parent = a->children = a->next_sibling = NULL;
	a->sibling_link = NULL;
	a->first_bytes = (uint32_t)first_bytes;
	a->next_bytes = 0;
	a->tag = (uint8_t)tag;
	a->heap = !mem_info()->regions;
	a->failed = false;
	a->used_bytes = a->soft_bytes = a->cap_bytes = 0;
}

void arena_init_child(struct arena *a, struct arena *parent, enum mem_tag tag,
		      size_t first_bytes)
{
	arena_init(a, tag, first_bytes);
	a->parent = parent;
	a->next_sibling = parent->children;
	a->sibling_link = &parent->children;
	if (parent->children)
		parent->children->sibling_link = &a->next_sibling;
	parent->children = a;
}

void arena_expect(struct arena *a, size_t bytes)
{
	size_t need = (bytes + sizeof(struct arena_chunk) + ARENA_ALIGN - 1) &
		      ~(size_t)(ARENA_ALIGN - 1);

	a->next_bytes = 0;
	if (bytes > (size_t)(a->end - a->at) && need <= ARENA_MAX_CHUNK)
		a->next_bytes = (uint16_t)need;
}

static void leave_parent(struct arena *a)
{
	if (!a->parent)
		return;
	*a->sibling_link = a->next_sibling;
	if (a->next_sibling)
		a->next_sibling->sibling_link = a->sibling_link;
	a->parent = NULL;
}

static void run_cleanups(struct arena *a, struct arena_cleanup *until)
{
	struct arena_cleanup *c;

	while ((c = a->cleanups) != until) {
		mem_must(c);
		a->cleanups = c->older;
		c->f(c->p);
	}
}

static void free_chunk(struct arena *a, struct arena_chunk *c)
{
	a->chunks = c->older;
	a->used_bytes -= c->total_bytes;
	memcheck_undefined(c, c->total_bytes);
	mem_free(a->tag, c);
}

static void free_chunks(struct arena *a, struct arena_chunk *until)
{
	while (a->chunks != until) {
		mem_must(a->chunks);
		free_chunk(a, a->chunks);
	}
}

/* Children may point into the parent, so they go first. */
static void end_contents(struct arena *a)
{
	while (a->children)
		arena_fini(a->children);
	run_cleanups(a, NULL);
}

void arena_fini(struct arena *a)
{
	end_contents(a);
	free_chunks(a, NULL);
	a->at = a->end = NULL;
	a->failed = false;
	leave_parent(a);
}

static void cut_from(struct arena *a, struct arena_chunk *c, char *at)
{
	a->at = at;
	a->end = c ? chunk_end(c) : NULL;
	if (c)
		memcheck_noaccess(at, (size_t)(a->end - at));
}

/* The first chunk, for what comes next; but not an outsized one. */
static void keep_first(struct arena *a)
{
	struct arena_chunk *first = a->chunks;

	while (first && first->older)
		first = first->older;
	if (a->heap || !first || first->total_bytes != a->first_bytes)
		first = NULL;
	free_chunks(a, first);
	cut_from(a, first, first ? chunk_payload(first) : NULL);
}

void arena_reset(struct arena *a)
{
	end_contents(a);
	keep_first(a);
	a->failed = false;
}

unsigned int arena_n_blocks(const struct arena *a)
{
	unsigned int n = 0;

	for (const struct arena_chunk *c = a->chunks; c; c = c->older)
		n++;
	return n;
}

size_t arena_taken(const struct arena *a)
{
	return (size_t)a->used_bytes - (size_t)(a->end - a->at);
}

static void *fail(struct arena *a)
{
	a->failed = true;
	return NULL;
}

static struct arena_chunk *new_chunk(struct arena *a, size_t total)
{
	struct arena_chunk *c;

	if (a->cap_bytes &&
	    (total > a->cap_bytes || a->used_bytes > a->cap_bytes - total))
		return fail(a);
	c = mem_alloc(a->tag, total);
	if (!c)
		return fail(a);
	c->older = a->chunks;
	c->total_bytes = total;
	a->chunks = c;
	a->used_bytes += total;
	return c;
}

/* Doubles from chunk to chunk; an object that does not fit gets its own size,
 * and so does every object once the soft cap is passed. */
static size_t next_chunk_bytes(struct arena *a, size_t need)
{
	size_t usual = a->first_bytes;

	if (a->soft_bytes && a->used_bytes >= a->soft_bytes) {
		mem_count_overflow();
		return need;
	}
	if (a->next_bytes) {
		usual = a->next_bytes;
		a->next_bytes = 0;
	} else if (a->chunks) {
		usual = a->chunks->total_bytes * 2;
		if (usual > ARENA_MAX_CHUNK)
			usual = ARENA_MAX_CHUNK;
		if (usual < a->first_bytes)
			usual = a->first_bytes;
	}
	return need > usual ? need : usual;
}

static char *cut_slow(struct arena *a, size_t size)
{
	struct arena_chunk *c;
	size_t need;

	if (__builtin_add_overflow(size, sizeof(*c) + MEMCHECK_REDZONE, &need) ||
	    need > PTRDIFF_MAX)
		return fail(a);
	if (a->heap)
		/* Some backends align only what is a multiple of 16 so far. */
		need = (need - MEMCHECK_REDZONE + ARENA_ALIGN - 1) &
		       ~(size_t)(ARENA_ALIGN - 1);
	else
		need = next_chunk_bytes(a, need);
	c = new_chunk(a, need);
	if (!c)
		return NULL;
	if (a->heap)
		return chunk_payload(c);
	cut_from(a, c, chunk_payload(c) + size);
	if (a->end - a->at >= MEMCHECK_REDZONE)
		a->at += MEMCHECK_REDZONE;
	return chunk_payload(c);
}

/* In heap form at == end, always: every object takes the slow way. */
static inline char *cut(struct arena *a, size_t size, size_t align)
{
	uintptr_t at = ((uintptr_t)a->at + align - 1) & ~(uintptr_t)(align - 1);
	char *p = (char *)at;

	if (mem_unlikely(at >= (uintptr_t)a->end || size > (uintptr_t)a->end - at ||
			 (MEMCHECK_REDZONE &&
			  size + MEMCHECK_REDZONE > (uintptr_t)a->end - at)))
		return cut_slow(a, size);
	a->at = p + size + MEMCHECK_REDZONE;
	memcheck_undefined(p, size);
	return p;
}

void *arena_alloc(struct arena *a, size_t size)
{
	return cut(a, size ? size : 1, ARENA_ALIGN);
}

void *arena_zalloc(struct arena *a, size_t size)
{
	void *p = arena_alloc(a, size);

	return p ? memset(p, 0, size) : NULL;
}

char *arena_bytes(struct arena *a, size_t len)
{
	return cut(a, len ? len : 1, MEMCHECK_REDZONE ? 8 : 1);
}

char *arena_copy(struct arena *a, const void *p, size_t len)
{
	char *copy = len < PTRDIFF_MAX ? arena_bytes(a, len + 1) : fail(a);

	if (!copy)
		return NULL;
	if (len)
		memcpy(copy, p, len);
	copy[len] = '\0';
	return copy;
}

char *arena_printf(struct arena *a, const char *format, ...)
{
	va_list args, again;
	char *text;
	int n;

	va_start(args, format);
	va_copy(again, args);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	text = n < 0 ? fail(a) : arena_bytes(a, (size_t)n + 1);
	if (text)
		vsnprintf(text, (size_t)n + 1, format, again);
	va_end(again);
	return text;
}

struct arena_mark arena_mark(const struct arena *a)
{
	return (struct arena_mark){a->chunks, a->at, a->cleanups};
}

void arena_rewind(struct arena *a, struct arena_mark m)
{
	if (mem_likely(a->chunks == m.chunk && a->cleanups == m.cleanup)) {
		a->at = m.at;
		memcheck_noaccess(a->at, (size_t)(a->end - a->at));
		return;
	}
	run_cleanups(a, m.cleanup);
	if (!m.chunk) {
		keep_first(a);
		return;
	}
	free_chunks(a, m.chunk);
	if (!a->heap)
		cut_from(a, m.chunk, m.at);
}

int arena_on_end(struct arena *a, void (*f)(void *p), void *p)
{
	struct arena_cleanup *c = arena_alloc(a, sizeof(*c));

	if (!c)
		return -1;
	*c = (struct arena_cleanup){.older = a->cleanups, .f = f, .p = p};
	a->cleanups = c;
	return 0;
}
