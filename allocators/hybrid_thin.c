#include <string.h>

#include "hybrid_link.h"
#include "hybrid_parts.h"
#include "mem.h"
#include "memcheck.h"

/*
 * A slab with one live cell keeps all of its pages. Thinning gives back those
 * pages on which no live cell lies. Cells in a HY_LIST slab that begin on such
 * a page leave the free list, as their links go with the page, and the page is
 * noted as cold; hybrid_slab_warm() brings them back when they are needed.
 */

#define MAX_CELLS (8 * HY_PAGE_BYTES / 16)
#define MAX_PAGES 64

struct thinning {
	struct hybrid_slab *s;
	uint64_t free[MAX_CELLS / 64]; /* 1 = cell was used and is free now */
	uint64_t busy;                 /* 1 = a live cell lies on this page */
	uint64_t mixed;                /* 1 = the line of first use runs here */
};

static unsigned int index_of(const struct hybrid_slab *s, const void *cell)
{
	return (unsigned int)(((const char *)cell - s->base) / s->cell_bytes);
}

static unsigned int page_of(const struct hybrid_slab *s, unsigned int index)
{
	return (unsigned int)((size_t)index * s->cell_bytes / HY_PAGE_BYTES);
}

/* The first cell that begins on this page or a later one; n_cells if none. */
static unsigned int first_on(const struct hybrid_slab *s, unsigned int page)
{
	size_t index = (page * HY_PAGE_BYTES + s->cell_bytes - 1) / s->cell_bytes;

	return index < s->n_cells ? (unsigned int)index : s->n_cells;
}

static bool is_free(const struct thinning *t, unsigned int index)
{
	return t->free[index / 64] >> (index % 64) & 1;
}

static void find_free_list(struct thinning *t)
{
	struct hybrid_slab *s = t->s;
	struct hybrid_cell *c, *next;

	for (c = s->free; !hybrid_is_end(c); c = next) {
		unsigned int i = index_of(s, c);

		t->free[i / 64] |= (uint64_t)1 << (i % 64);
		memcheck_defined(c, sizeof(*c));
		next = hybrid_next(c, hybrid.hardening);
		memcheck_noaccess(c, sizeof(*c));
	}
	for (unsigned int i = 0; s->cold && i < s->n_cut; i++)
		if (s->cold >> page_of(s, i) & 1)
			t->free[i / 64] |= (uint64_t)1 << (i % 64);
}

static void find_busy(struct thinning *t)
{
	struct hybrid_slab *s = t->s;
	unsigned int n_cut = s->kind == HY_MASK ? s->n_cells : s->n_cut;

	for (unsigned int i = 0; i < n_cut; i++) {
		size_t last = (size_t)(i + 1) * s->cell_bytes - 1;

		if (is_free(t, i))
			continue;
		for (unsigned int p = page_of(s, i); p <= last / HY_PAGE_BYTES; p++)
			t->busy |= (uint64_t)1 << p;
	}
}

/* Relinks what may stay, the lowest address first. */
static void relink(struct thinning *t)
{
	struct hybrid_slab *s = t->s;

	s->free = hybrid_list_end(s);
	for (unsigned int i = s->n_cut; i-- > 0;) {
		struct hybrid_cell *c = hybrid_cell_at(s, i);

		if (!is_free(t, i) || s->cold >> page_of(s, i) & 1)
			continue;
		memcheck_defined(c, sizeof(*c));
		c->link = hybrid_link(c, (uintptr_t)s->free, hybrid.hardening);
		memcheck_noaccess(c, s->cell_bytes);
		s->free = c;
	}
}

/* Gives back the pages in this set that may be in RAM. */
static unsigned int give_back(struct hybrid_slab *s, uint64_t pages)
{
	unsigned int total = 0, at = 0, n;

	while (pages >> at) {
		at += (unsigned int)__builtin_ctzll(pages >> at);
		for (n = 0; at + n < s->n_pages && (pages >> (at + n) & 1); n++)
			;
		hybrid_run_cold(s, at, n);
		total += n;
		at += n;
		if (at >= 64)
			break;
	}
	return total;
}

static uint64_t all_pages(const struct hybrid_slab *s)
{
	return ~(uint64_t)0 >> (MAX_PAGES - s->n_pages);
}

static unsigned int thin_list(struct thinning *t)
{
	struct hybrid_slab *s = t->s;
	uint64_t pages = 0;

	find_free_list(t);
	find_busy(t);
	/* A page that new cells are still cut from stays as it is. */
	for (unsigned int p = 0; p < s->n_pages && first_on(s, p + 1) <= s->n_cut; p++)
		pages |= (uint64_t)1 << p;
	pages &= ~t->busy & ~(uint64_t)s->cold;
	if (!pages)
		return 0;
	s->cold |= (uint16_t)pages;
	relink(t);
	return give_back(s, pages);
}

static unsigned int thin_mask(struct thinning *t)
{
	struct hybrid_slab *s = t->s;
	uint64_t pages = 0, used = s->touched & s->mask;

	if (!used)
		return 0;
	t->free[0] = s->mask;
	find_busy(t);
	for (uint64_t left = used; left; left &= left - 1) {
		unsigned int i = (unsigned int)__builtin_ctzll(left);
		size_t end = (size_t)(i + 1) * s->cell_bytes - 1;

		for (unsigned int p = page_of(s, i); p <= end / HY_PAGE_BYTES; p++)
			pages |= (uint64_t)1 << p;
	}
	s->touched &= ~used;
	/* What is left of a cell on a page that it shares is not zero. */
	if (s->cell_bytes % HY_PAGE_BYTES)
		s->clean = false;
	return give_back(s, pages & ~t->busy & all_pages(s));
}

unsigned int hybrid_slab_thin(struct hybrid_slab *s)
{
	struct thinning t = {.s = s};

	if (s->thin_live == hybrid_n_live(s) || hybrid.hardening >= 2)
		return 0;
	s->thin_live = (uint16_t)hybrid_n_live(s);
	return s->kind == HY_LIST ? thin_list(&t) : thin_mask(&t);
}

void hybrid_slab_warm(struct hybrid_slab *s)
{
	unsigned int page = (unsigned int)__builtin_ctz(s->cold);
	unsigned int first = first_on(s, page);

	for (unsigned int i = first_on(s, page + 1); i-- > first;) {
		struct hybrid_cell *c = hybrid_cell_at(s, i);

		memcheck_defined(c, sizeof(*c));
		c->link = hybrid_link(c, (uintptr_t)s->free, hybrid.hardening);
		c->who = MEM_N_TAGS;
		memcheck_noaccess(c, s->cell_bytes);
		s->free = c;
	}
	s->cold &= (uint16_t)(s->cold - 1);
}
