/*
 * hybrid_parts: what the hybrid's files offer each other.
 */
#ifndef HEAPGATE_HYBRID_PARTS_H
#define HEAPGATE_HYBRID_PARTS_H

#include "hybrid.h"

/* hybrid_class.c: one line of the table of sizes. */
struct hybrid_class {
	uint16_t cell_bytes;
	uint8_t n_pages; /* of a slab; cells fill it with little waste */
	const char *why; /* who asks for this size */
};
extern const struct hybrid_class hybrid_classes[];
extern const unsigned int hybrid_n_classes;
void hybrid_class_init(void);

/* hybrid_segment.c: runs of pages. NULL: no memory. The slab's base, n_pages
 * and clean are set, the rest is zero. 2 <= n_pages <= 256. */
struct hybrid_slab *hybrid_run_get(unsigned int n_pages, enum hybrid_kind kind);
/* The first touched_pages may be in RAM; of the rest it is as it was. */
void hybrid_run_put(struct hybrid_slab *s, unsigned int touched_pages);
/* In place; false if the pages behind are taken. */
bool hybrid_run_grow(struct hybrid_slab *s, unsigned int n_pages);
void hybrid_run_shrink(struct hybrid_slab *s, unsigned int n_pages);
/* Marks pages of a handed-out run as given back. */
void hybrid_run_cold(struct hybrid_slab *s, unsigned int page, unsigned int n);
/* Gives the newest segments' free pages back, at most so many, until the
 * clock says deadline_ns. Returns: pages given back. */
uint64_t hybrid_segment_purge(uint64_t max_pages, uint64_t deadline_ns);
/* Unmaps segments that hold nothing, but for one. */
void hybrid_segment_drop_empty(void);
uint64_t hybrid_now_ns(void);
/* Maps bytes at an address that is a multiple of a segment. NULL: none. */
void *hybrid_map(size_t bytes);
void hybrid_map_note(const void *segment, bool ours);

/* hybrid_slab.c: slabs of cells. A refill hands out a cell when the class's
 * current slab has none left. NULL: no memory. */
void hybrid_slab_init(void);
void *hybrid_list_refill(unsigned int cls);
void *hybrid_mask_refill(unsigned int cls, bool *zeroed);
/* A free of this cell brought its slab's n_live down to trap. */
void hybrid_slab_trapped(const void *cell) __attribute__((cold));
/* All but one of each class's empty slabs go back: somebody needs pages. */
void hybrid_slab_retire_extra(void);
/* Empty slabs that their class still holds go back to the pages. Returns: how
 * many. */
unsigned int hybrid_slab_retire_idle(void);
/* Fullest first, then lowest address: so the emptiest can drain. */
void hybrid_slab_sort(unsigned int cls);

/* hybrid_thin.c: gives back whole pages of free cells in slabs that are in
 * use. Returns: pages given back. */
unsigned int hybrid_slab_thin(struct hybrid_slab *s);
/* Puts the cells of one cold page on the free list; there must be one. */
void hybrid_slab_warm(struct hybrid_slab *s);

/* hybrid_large.c: blocks with a mapping of their own. */
void *hybrid_large_get(size_t size);
void hybrid_large_put(struct hybrid_segment *g);
void *hybrid_large_resize(struct hybrid_segment *g, size_t size);
size_t hybrid_large_usable(const struct hybrid_segment *g);

/* hybrid_guard.c: hardening 3, every block on pages of its own. */
void *hybrid_guard_get(size_t size);
void hybrid_guard_put(struct hybrid_slab *s, void *p);

/* hybrid_decay.c */
bool hybrid_decay(uint64_t now_ms);
uint64_t hybrid_purge(void);
void hybrid_stats(struct mem_stats *out);

static inline struct hybrid_segment *hybrid_segment_at(const void *p)
{
	return (struct hybrid_segment *)((uintptr_t)p & ~HY_SEGMENT_MASK);
}

static inline struct hybrid_segment **hybrid_recent(const void *p)
{
	return &hybrid.recent[((uintptr_t)p >> HY_SEGMENT_SHIFT) % HY_N_RECENT];
}

/* Looks the address up before anything there is read. */
static inline bool hybrid_is_ours(const void *p)
{
	uintptr_t n = (uintptr_t)p >> HY_SEGMENT_SHIFT;

	return n < sizeof(hybrid.map) * 8 && (hybrid.map[n / 64] >> (n % 64) & 1);
}

/* The slab whose run holds this place of a segment; g->none if none does. */
static inline struct hybrid_slab *hybrid_slab_in(const struct hybrid_segment *g,
						 uintptr_t at)
{
	char *s = (char *)g + g->owner[at >> HY_PAGE_SHIFT];

	__asm__("" : "+r"(s)); /* else it is computed anew for some fields */
	return (struct hybrid_slab *)s;
}

static inline struct hybrid_slab *hybrid_slab_at(const void *p)
{
	return hybrid_slab_in(hybrid_segment_at(p), (uintptr_t)p & HY_SEGMENT_MASK);
}

static inline unsigned int hybrid_first_page(const struct hybrid_slab *s)
{
	return (unsigned int)(((uintptr_t)s->base & HY_SEGMENT_MASK) >> HY_PAGE_SHIFT);
}

static inline struct hybrid_cell *hybrid_cell_at(const struct hybrid_slab *s,
						 unsigned int index)
{
	return (struct hybrid_cell *)(s->base + (size_t)index * s->cell_bytes);
}

/* Cells handed out now. A free counts down to nothing, which is one instruction
 * and its flag, and not to a number that would have to be compared. */
static inline unsigned int hybrid_n_live(const struct hybrid_slab *s)
{
	return (uint16_t)(s->above + s->trap);
}

static inline void hybrid_set_trap(struct hybrid_slab *s, unsigned int n_live)
{
	s->above = (uint16_t)(s->above + s->trap - n_live);
	s->trap = (uint16_t)n_live;
}

#endif
