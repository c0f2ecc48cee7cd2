/*
 * hybrid: the built-in allocator's inside. See docs/hybrid.md for the picture.
 *
 * segment  4 MiB of address space, aligned to its size; its head describes it
 * page     4 KiB of a segment
 * run      neighbouring pages handed out together, described by one slab
 * slab     the descriptor of a run; also of what the run is cut into
 * cell     one block of a slab, all of one class
 *
 * One thread per process: no locks. Nothing here is freed at exit.
 */
#ifndef HEAPGATE_HYBRID_H
#define HEAPGATE_HYBRID_H

#include "backend.h"
#include "mem_must.h"

#define HY_SEGMENT_SHIFT 22
#define HY_SEGMENT_BYTES ((size_t)1 << HY_SEGMENT_SHIFT)
#define HY_SEGMENT_MASK  (HY_SEGMENT_BYTES - 1)
#define HY_PAGE_SHIFT    12
#define HY_PAGE_BYTES    ((size_t)1 << HY_PAGE_SHIFT)
#define HY_PAGES         (HY_SEGMENT_BYTES / HY_PAGE_BYTES)
#define HY_PAGE_WORDS    (HY_PAGES / 64)
#define HY_SLABS         (HY_PAGES / 2) /* no run is shorter than two pages */
#define HY_ADDRESS_BITS  47             /* of a user-space pointer */
#define HY_N_RECENT      16
#define HY_NO_SEGMENT    ((struct hybrid_segment *)1) /* unlike any, and unlike 0 */

#define HY_LIST_MAX  2048u  /* cells up to here are kept in linked lists */
#define HY_CELL_MAX  32768u /* cells up to here are cut from slabs at all */
#define HY_RUN_MAX   (256 * HY_PAGE_BYTES) /* more gets a mapping of its own */
#define HY_STEP      128u       /* sizes above HY_LIST_MAX are told apart by it */
#define HY_N_CLASSES 56         /* bound of the class table */
#define HY_SPARE     (1u << 20) /* bytes of empty HY_MASK slabs that a class keeps */

enum hybrid_kind {
	HY_NONE,  /* not handed out; also the segment's head */
	HY_LIST,  /* cells of <= HY_LIST_MAX, free ones in a linked list */
	HY_MASK,  /* bigger cells, free ones in a bit mask */
	HY_RUN,   /* the whole run is one block */
	HY_GUARD, /* as HY_RUN, with a guard page behind (hardening 3) */
};

enum hybrid_place {
	HY_FULL,    /* on no list: nothing to take here */
	HY_PARTIAL, /* on its class's list */
	HY_CURRENT, /* the one its class takes from */
	HY_EMPTY,   /* empty, waiting to be taken or retired */
};

/* A free cell of a HY_LIST slab. The last one's next is the segment's head. */
struct hybrid_cell {
	uintptr_t link; /* next free cell; at hardening >= 1 encoded: says "free" */
	uint32_t who;   /* enum mem_tag of who freed it, at hardening >= 1 */
};

struct hybrid_slab {
	union {
		struct hybrid_cell *free; /* HY_LIST: cells that came back */
		uint64_t mask; /* HY_MASK: 1 = cell is free; and one bit behind */
	};
	char *base;     /* first byte of the run */
	uint16_t above; /* cells handed out now, less trap, modulo 2^16: see
			 * hybrid_n_live() */
	uint16_t trap;  /* n_live at which a free takes the slow way */
	union {
		struct {                /* HY_LIST */
			uint16_t n_cut; /* cells handed out at least once */
			uint16_t cold;  /* pages given back, bit per page */
		};
		uint32_t reciprocal; /* HY_MASK: 2^32 / cell_bytes, rounded up */
	};
	uint16_t n_cells;
	uint16_t n_pages;
	uint32_t cell_bytes;
	uint8_t kind; /* enum hybrid_kind */
	uint8_t cls;
	uint8_t place;      /* enum hybrid_place */
	bool clean;         /* the run's pages were all zero when it was taken */
	uint16_t last_tick; /* when its class last took from it */
	uint16_t thin_live; /* n_live when it was last thinned */
	struct hybrid_slab *next, *prev; /* of its class's list */
	union {
		uint64_t touched;         /* HY_MASK: 1 = cell may be in RAM */
		struct hybrid_cell *last; /* HY_LIST, hardening 2: list's end */
		uint64_t asked_bytes;     /* HY_GUARD: size of the block */
	};
};
_Static_assert(sizeof(struct hybrid_slab) == 64, "one cache line");

enum { HY_SEGMENT_PAGES = 0x5e, HY_SEGMENT_LARGE = 0x1a };

struct hybrid_segment {
	/* Whose the pages of no run are: zero, of kind HY_NONE. A list of cells ends
	 * here too: what stands here is no link. */
	struct hybrid_slab none;
	uint32_t kind;
	uint32_t n_free;                    /* pages in no run */
	uint32_t n_dirty;                   /* of these, pages that may be in RAM */
	uint32_t longest;                   /* no free run is longer than this */
	struct hybrid_segment *next, *prev; /* by age, oldest first */
	size_t map_bytes;                   /* of the mapping */
	uint64_t free[HY_PAGE_WORDS];       /* 1 = page is in no run */
	uint64_t dirty[HY_PAGE_WORDS];      /* 1 = page may be in RAM */
	uint64_t unused[HY_SLABS / 64];     /* 1 = no run has this slab */
	uint16_t owner[HY_PAGES];           /* page -> slab of its run: bytes to it */
	/* The lowest unused is taken first: few of their pages are touched. */
	_Alignas(64) struct hybrid_slab slab[HY_SLABS];
};
_Static_assert(sizeof(struct hybrid_segment) <= UINT16_MAX, "owner[] reaches all");
#define HY_HEAD_PAGES                                                                  \
	((sizeof(struct hybrid_segment) + HY_PAGE_BYTES - 1) / HY_PAGE_BYTES)

struct hybrid {
	/* On one page: that is all of it that is touched. What stands first is used
	 * seldom: blocks are often written at the beginning of a page, and a read
	 * behind a write at the same place of another page waits for it. */
	_Alignas(HY_PAGE_BYTES) uint64_t n_dirty; /* free pages, maybe in RAM */
	uint64_t low_dirty;    /* least n_dirty since the last decay */
	uint64_t n_held;       /* pages in runs, and n_dirty */
	uint64_t most_held;    /* so far */
	uint64_t due;          /* pages decay still has to give back */
	uint64_t purged_bytes; /* given back so far */
	uint64_t last_decay_ms;
	struct hybrid_segment *oldest, *newest; /* of HY_SEGMENT_PAGES */
	struct hybrid_segment *larges;
	uint32_t n_extra;  /* spares in all, less one for each class that has any */
	uint32_t decay_s;  /* half of the unused goes in this time */
	uint16_t tick;     /* decay ticks so far, modulo 2^16 */
	uint8_t hardening; /* 0 to 3 */
	uint8_t n_spare[HY_N_CLASSES];
	/* Segments that blocks came back to of late, by their number: known to be
	 * ours without a look at the map. */
	struct hybrid_segment *recent[HY_N_RECENT];
	struct hybrid_slab *current[HY_N_CLASSES]; /* never NULL */
	/* Size to class: to the byte up to HY_LIST_MAX, then by HY_STEP. */
	uint8_t list_class[HY_LIST_MAX + 1];
	uint8_t mask_class[HY_CELL_MAX / HY_STEP];
	uintptr_t link_key; /* encodes links at hardening >= 1 */
	struct hybrid_slab *partial[HY_N_CLASSES];
	struct hybrid_slab *spare[HY_N_CLASSES]; /* empty ones, by their next: not
						  * for longer than a tick */
	/* A bit for each possible segment: is it ours? */
	uint64_t map[((size_t)1 << (HY_ADDRESS_BITS - HY_SEGMENT_SHIFT)) / 64];
};
_Static_assert(offsetof(struct hybrid, map) <= HY_PAGE_BYTES, "on one page");
extern struct hybrid hybrid;

#endif
