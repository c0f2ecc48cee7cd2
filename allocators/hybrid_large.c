/* Large blocks: a mapping each, its first page the head, then the block. */
#include <sys/mman.h>

#include "hybrid_parts.h"
#include "memcheck.h"

#define LARGE_MAX ((size_t)1 << 46)

static size_t mapping_bytes(size_t size)
{
	return (size + 2 * HY_PAGE_BYTES - 1) & ~(HY_PAGE_BYTES - 1);
}

static void join(struct hybrid_segment *g)
{
	g->prev = NULL;
	g->next = hybrid.larges;
	if (g->next)
		g->next->prev = g;
	hybrid.larges = g;
	hybrid_map_note(g, true);
}

static void leave(struct hybrid_segment *g)
{
	*(g->prev ? &g->prev->next : &hybrid.larges) = g->next;
	if (g->next)
		g->next->prev = g->prev;
	hybrid_map_note(g, false);
}

void *hybrid_large_get(size_t size)
{
	struct hybrid_segment *g;

	if (size > LARGE_MAX)
		return NULL;
	g = hybrid_map(mapping_bytes(size));
	if (!g)
		return NULL;
	g->kind = HY_SEGMENT_LARGE;
	g->map_bytes = mapping_bytes(size);
	join(g);
	return (char *)g + HY_PAGE_BYTES;
}

void hybrid_large_put(struct hybrid_segment *g)
{
	size_t bytes = g->map_bytes;

	leave(g);
	memcheck_undefined(g, bytes);
	munmap(g, bytes);
	hybrid.purged_bytes += bytes;
}

size_t hybrid_large_usable(const struct hybrid_segment *g)
{
	return g->map_bytes - HY_PAGE_BYTES;
}

/* Moves the pages, not their content, to a place with room behind. */
static struct hybrid_segment *move(struct hybrid_segment *g, size_t bytes)
{
	size_t old = g->map_bytes;
	void *to = hybrid_map(bytes);

	if (!to)
		return NULL;
	leave(g);
	if (mremap(g, old, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED) {
		munmap(to, bytes);
		join(g);
		return NULL;
	}
	join(to);
	return to;
}

void *hybrid_large_resize(struct hybrid_segment *g, size_t size)
{
	size_t bytes = size > LARGE_MAX ? 0 : mapping_bytes(size);

	if (!bytes)
		return NULL;
	if (bytes < g->map_bytes)
		munmap((char *)g + bytes, g->map_bytes - bytes);
	else if (bytes > g->map_bytes &&
		 mremap(g, g->map_bytes, bytes, 0) == MAP_FAILED)
		g = move(g, bytes);
	if (!g)
		return NULL;
	g->map_bytes = bytes;
	return (char *)g + HY_PAGE_BYTES;
}
