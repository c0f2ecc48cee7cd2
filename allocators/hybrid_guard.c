/*
 * Hardening 3: each block at the end of pages of its own, a page that cannot
 * be touched behind it; freed blocks cannot be touched for a while. The kernel
 * bounds the number of mappings (vm.max_map_count): past it guards fail to be
 * set and blocks go out without.
 */
#include <string.h>
#include <sys/mman.h>

#include "hybrid_parts.h"
#include "memcheck.h"

#define QUARANTINE 256 /* freed blocks kept out of reach */

static struct {
	struct hybrid_slab *ring[QUARANTINE];
	unsigned int at;
} guard;

static char *block_of(const struct hybrid_slab *s)
{
	return s->base + (s->n_pages - 1) * HY_PAGE_BYTES - s->asked_bytes;
}

void *hybrid_guard_get(size_t size)
{
	size_t asked = (size + 15) & ~(size_t)15;
	size_t pages = (asked + HY_PAGE_BYTES - 1) / HY_PAGE_BYTES;
	struct hybrid_slab *s;

	if ((pages + 1) * HY_PAGE_BYTES > HY_RUN_MAX)
		return hybrid_large_get(size);
	s = hybrid_run_get((unsigned int)pages + 1, HY_GUARD);
	if (!s)
		return NULL;
	s->asked_bytes = asked;
	s->above = 1;
	mprotect(s->base + pages * HY_PAGE_BYTES, HY_PAGE_BYTES, PROT_NONE);
	memcheck_undefined(block_of(s), asked);
	memset(block_of(s), 0xd0, asked);
	return block_of(s);
}

static void release(struct hybrid_slab *s)
{
	if (mprotect(s->base, s->n_pages * HY_PAGE_BYTES, PROT_READ | PROT_WRITE) == 0)
		hybrid_run_put(s, s->n_pages);
}

void hybrid_guard_put(struct hybrid_slab *s, void *p)
{
	struct hybrid_slab **slot = &guard.ring[guard.at++ % QUARANTINE];
	size_t bytes = s->n_pages * HY_PAGE_BYTES;

	if (!s->above)
		mem_die("double free of %p (%zu bytes)", p, (size_t)s->asked_bytes);
	if (p != block_of(s))
		mem_die("free of %p, which is inside a block", p);
	s->above = 0;
	memcheck_noaccess(s->base, bytes);
	madvise(s->base, bytes, MADV_DONTNEED);
	mprotect(s->base, bytes, PROT_NONE);
	if (*slot)
		release(*slot);
	*slot = s;
}
