/*
 * hybrid: the paths that every allocation takes, and the backend.
 *
 * Each hardening level has its own copy of the short paths, chosen when the
 * allocator is: a level that is off costs nothing.
 */
#include "hybrid.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "count.h"
#include "hybrid_link.h"
#include "hybrid_mask.h"
#include "hybrid_parts.h"
#include "mem.h"
#include "memcheck.h"

#define INLINE static inline __attribute__((always_inline))

struct hybrid hybrid;

static __attribute__((noreturn, cold)) void die_foreign(const void *p)
{
	mem_die("free or realloc of %p, which is not a block of this allocator", p);
}

static __attribute__((noreturn, cold)) void die_double(const struct hybrid_slab *s,
						       const void *p,
						       unsigned int first,
						       unsigned int now)
{
	mem_die("double free of %p (%u bytes): freed as %s, then again as %s", p,
		s->cell_bytes, mem_tag_name(first), mem_tag_name(now));
}

/* A link may stand there by chance: only being on the list is proof. */
static void check_double(const struct hybrid_slab *s, const struct hybrid_cell *p,
			 unsigned int now)
{
	for (struct hybrid_cell *c = s->free; !hybrid_is_end(c);
	     c = hybrid_next(c, hybrid.hardening)) {
		memcheck_defined(c, sizeof(*c));
		if (c == p)
			die_double(s, p, p->who, now);
	}
}

static void check_poison(const struct hybrid_slab *s, const void *cell, size_t skip)
{
	const unsigned char *byte = cell;

	memcheck_defined(cell, s->cell_bytes);
	for (size_t i = skip; i < s->cell_bytes; i++)
		if (byte[i] != 0xdf)
			mem_die("write after free: byte %zu of the block %p (%u bytes)",
				i, cell, s->cell_bytes);
}

/* The first of the list is handed out, next is the one behind it. */
INLINE void *list_take(struct hybrid_slab *s, struct hybrid_cell *next, int level)
{
	struct hybrid_cell *c = s->free;

	s->free = next;
	s->above++;
	if (level >= 1)
		c->link = 0;
	if (level >= 2)
		check_poison(s, c, sizeof(*c));
	return c;
}

/* There must be a free cell. */
static void *list_pop(struct hybrid_slab *s, int level)
{
	memcheck_defined(s->free, sizeof(*s->free));
	return list_take(s, hybrid_next(s->free, level), level);
}

/* There must be a free cell. zeroed: NULL if nobody wants to know. */
INLINE void *mask_pop(struct hybrid_slab *s, int level, bool *zeroed)
{
	uint32_t index = (uint32_t)__builtin_ctzll(s->mask);
	uint64_t rest = hybrid_mask_rest(s), bit = s->mask ^ rest;
	void *p = s->base + index * s->cell_bytes;

	s->mask = rest;
	if (level >= 2 && s->touched & bit)
		check_poison(s, p, 0);
	if (zeroed)
		*zeroed = s->clean && !(s->touched & bit);
	s->touched |= bit;
	s->above++;
	/* It was not touched to be found, and will be written to: whole pages share
	 * few sets of the cache, so it is seldom there. */
	__builtin_prefetch(p, 1);
	return p;
}

static __attribute__((noinline)) void *big_get(size_t size, size_t *usable,
					       bool *zeroed)
{
	unsigned int pages = (unsigned int)((size + HY_PAGE_BYTES - 1) / HY_PAGE_BYTES);
	struct hybrid_slab *s;
	void *p;

	if (size > HY_RUN_MAX) {
		p = hybrid_large_get(size);
		*usable = p ? hybrid_large_usable(hybrid_segment_at(p)) : 0;
		*zeroed = true;
		return p;
	}
	s = hybrid_run_get(pages, HY_RUN);
	if (!s)
		return NULL;
	*usable = pages * HY_PAGE_BYTES;
	*zeroed = s->clean;
	return s->base;
}

static unsigned int class_of(size_t size)
{
	return size <= HY_LIST_MAX ? hybrid.list_class[size]
				   : hybrid.mask_class[(size - 1) / HY_STEP];
}

static size_t hybrid_usable(const void *p);

static void *get_cell(size_t size, int level, size_t *usable, bool *zeroed)
{
	unsigned int cls = class_of(size);
	struct hybrid_slab *s = hybrid.current[cls];

	*usable = hybrid_classes[cls].cell_bytes;
	if (size <= HY_LIST_MAX)
		return hybrid_list_empty(s) ? hybrid_list_refill(cls)
					    : list_pop(s, level);
	return hybrid_mask_rest(s) ? mask_pop(s, level, zeroed)
				   : hybrid_mask_refill(cls, zeroed);
}

/* Any size, any level: with all that there is to know and to do. */
static void *get(size_t size, int level, size_t *usable, bool *zeroed)
{
	void *p;

	*zeroed = false;
	if (level == 3) {
		p = hybrid_guard_get(size);
		*usable = p ? hybrid_usable(p) : 0;
		return p;
	}
	p = size > HY_CELL_MAX ? big_get(size, usable, zeroed)
			       : get_cell(size, level, usable, zeroed);
	if (p)
		memcheck_undefined(p, size);
	if (level >= 2 && p && !*zeroed)
		memset(p, 0xd0, size);
	return p;
}

/* Whom a call is counted for. How much of it is known when this is compiled, as
 * the level is. */
enum how { PLAIN, COUNTED, CHARGED };
struct account {
	enum how how;
	struct mem_counter *c; /* COUNTED and CHARGED */
	int64_t *bytes;        /* CHARGED: of a connection */
};

INLINE void note_alloc(struct account a, size_t asked, size_t usable)
{
	if (a.how != PLAIN)
		count_alloc(a.c, asked, usable);
	if (a.how == CHARGED)
		count_charge(a.c, a.bytes, usable);
}

INLINE void note_free(struct account a, size_t usable)
{
	if (a.how != PLAIN)
		count_free(a.c, usable);
	if (a.how == CHARGED)
		count_discharge(a.c, a.bytes, usable);
}

static __attribute__((noinline)) void *get_any(size_t size)
{
	size_t usable;
	bool zeroed;

	return get(size, hybrid.hardening, &usable, &zeroed);
}

/* Where nothing is known: c is NULL for PLAIN, bytes but for CHARGED. */
static struct account account_of(struct mem_counter *c, int64_t *bytes)
{
	return (struct account){bytes ? CHARGED : c ? COUNTED : PLAIN, c, bytes};
}

static __attribute__((noinline)) void *get_counted(struct mem_counter *c, size_t size,
						   int64_t *bytes)
{
	size_t usable;
	bool zeroed;
	void *p = get(size, hybrid.hardening, &usable, &zeroed);

	if (p)
		note_alloc(account_of(c, bytes), size, usable);
	else
		count_add(&c->failures, 1);
	return p;
}

/* The short paths have no frame: what they call, they jump to. Whatever is not
 * everyday is all taken by one. Returns: whether it was everyday. */
INLINE bool get_fast(size_t size, int level, struct account a, void **p)
{
	struct hybrid_cell *next;
	struct hybrid_slab *s;

	if (level >= 2 || MEMCHECK_REDZONE)
		return false;
	if (mem_likely(size <= HY_LIST_MAX)) {
		s = hybrid.current[hybrid.list_class[size]];
		if (mem_unlikely(!hybrid_follow(s->free, level, &next)))
			return false;
		*p = list_take(s, next, level);
	} else {
		if (mem_unlikely(size > HY_CELL_MAX))
			return false;
		s = hybrid.current[hybrid.mask_class[(size - 1) / HY_STEP]];
		if (mem_unlikely(!hybrid_mask_rest(s)))
			return false;
		*p = mask_pop(s, level, NULL);
	}
	note_alloc(a, size, s->cell_bytes);
	return true;
}

/* Level 2 reuses the cell that has been free for longest. */
static void list_append(struct hybrid_slab *s, struct hybrid_cell *c)
{
	c->link = hybrid_link(c, (uintptr_t)hybrid_list_end(s), 2);
	if (!hybrid_list_empty(s)) {
		memcheck_defined(s->last, sizeof(*c));
		s->last->link = hybrid_link(s->last, (uintptr_t)c, 2);
		memcheck_noaccess(s->last, sizeof(*c));
	} else {
		s->free = c;
	}
	s->last = c;
}

static void check_cell(const struct hybrid_slab *s, const void *p)
{
	size_t at = (size_t)((const char *)p - s->base);

	if (at % s->cell_bytes || at / s->cell_bytes >= s->n_cells)
		mem_die("free of %p, which is inside a block of %u bytes", p,
			s->cell_bytes);
}

/* A free counts before it may have to call anybody. */
INLINE void list_return(struct hybrid_slab *s, struct hybrid_cell *c, int level,
			unsigned int tag, struct account a)
{
	if (level >= 1)
		c->who = tag;
	if (level >= 2) {
		memcheck_defined(c, s->cell_bytes);
		memset(c + 1, 0xdf, s->cell_bytes - sizeof(*c));
		list_append(s, c);
	} else {
		c->link = hybrid_link(c, (uintptr_t)s->free, level);
		s->free = c;
	}
	memcheck_noaccess(c, s->cell_bytes);
	note_free(a, s->cell_bytes);
	if (mem_unlikely(--s->above == 0))
		hybrid_slab_trapped(c);
}

/* What is seldom is jumped to, with the arguments as they came: they need not be
 * kept, nor the slab's address be where a call would want it. */
static __attribute__((noinline, cold)) void list_put_suspect(unsigned int tag, void *p,
							     struct mem_counter *c,
							     int64_t *bytes)
{
	struct hybrid_slab *s = hybrid_slab_at(p);

	check_double(s, p, tag);
	list_return(s, p, hybrid.hardening, tag, account_of(c, bytes));
}

INLINE void list_put(struct hybrid_slab *s, void *p, int level, unsigned int tag,
		     struct account a)
{
	struct hybrid_cell *c = p;

	if (level >= 2)
		check_cell(s, p);
	memcheck_defined(c, sizeof(*c));
	if (level >= 1 && mem_unlikely(hybrid_is_link(c->link)))
		list_put_suspect(tag, p, a.c, a.bytes);
	else
		list_return(s, c, level, tag, a);
}

static __attribute__((noinline, noreturn, cold)) void mask_put_bad(unsigned int tag,
								   void *p)
{
	const struct hybrid_slab *s = hybrid_slab_at(p);

	check_cell(s, p);
	die_double(s, p, MEM_N_TAGS, tag);
}

INLINE void mask_put(struct hybrid_slab *s, void *p, int level, unsigned int tag,
		     struct account a)
{
	uint32_t at = (uint32_t)((char *)p - s->base), index;

	if (mem_unlikely(!hybrid_mask_index(at, s->reciprocal, &index) ||
			 (s->mask >> index & 1)))
		mask_put_bad(tag, p);
	if (level >= 2) {
		memcheck_defined(p, s->cell_bytes);
		memset(p, 0xdf, s->cell_bytes);
	}
	memcheck_noaccess(p, s->cell_bytes);
	s->mask |= (uint64_t)1 << index;
	note_free(a, s->cell_bytes);
	if (mem_unlikely(--s->above == 0))
		hybrid_slab_trapped(p);
}

static __attribute__((noinline)) void big_put(unsigned int tag, void *p,
					      struct mem_counter *c, int64_t *bytes)
{
	struct hybrid_segment *g = hybrid_segment_at(p);
	struct hybrid_slab *s = hybrid_slab_at(p);
	size_t usable;

	if (g->kind == HY_SEGMENT_LARGE && p == (char *)g + HY_PAGE_BYTES) {
		usable = hybrid_large_usable(g);
		hybrid_large_put(g);
	} else if (s->kind == HY_RUN && p == s->base) {
		usable = s->n_pages * HY_PAGE_BYTES;
		hybrid_run_put(s, s->n_pages);
	} else if (s->kind == HY_GUARD) {
		usable = s->asked_bytes;
		hybrid_guard_put(s, p);
	} else if (s->kind == HY_NONE) {
		mem_die("double free of %p, whose page is free, as %s", p,
			mem_tag_name(tag));
	} else {
		mem_die("free of %p, which is inside a block", p);
	}
	note_free(account_of(c, bytes), usable);
}

/* p is a block of this run, or else only inside of one, or free. */
INLINE void put_ours(struct hybrid_slab *s, void *p, int level, unsigned int tag,
		     struct account a)
{
	if (mem_likely(s->kind == HY_LIST))
		return list_put(s, p, level, tag, a);
	__asm__("" : "+r"(s)); /* else its kind is loaded first, then compared */
	if (mem_likely(s->kind == HY_MASK))
		return mask_put(s, p, level, tag, a);
	big_put(tag, p, a.c, a.bytes);
}

static __attribute__((noinline)) void put_elsewhere(unsigned int tag, void *p,
						    struct mem_counter *c,
						    int64_t *bytes)
{
	if (!hybrid_is_ours(p))
		die_foreign(p);
	*hybrid_recent(p) = hybrid_segment_at(p);
	put_ours(hybrid_slab_at(p), p, hybrid.hardening, tag, account_of(c, bytes));
}

INLINE void put(void *p, int level, unsigned int tag, struct account a)
{
	if (mem_likely(*hybrid_recent(p) == hybrid_segment_at(p)))
		put_ours(hybrid_slab_at(p), p, level, tag, a);
	else
		put_elsewhere(tag, p, a.c, a.bytes);
}

static size_t hybrid_usable(const void *p)
{
	struct hybrid_segment *g = hybrid_segment_at(p);
	struct hybrid_slab *s;

	if (mem_unlikely(!hybrid_is_ours(p)))
		die_foreign(p);
	s = hybrid_slab_at(p);
	switch (s->kind) {
	case HY_LIST:
	case HY_MASK:
		return s->cell_bytes;
	case HY_RUN:
		return s->n_pages * HY_PAGE_BYTES;
	case HY_GUARD:
		return s->asked_bytes;
	}
	if (g->kind != HY_SEGMENT_LARGE)
		mem_die("use of %p, whose page is free", p);
	return hybrid_large_usable(g);
}

#define GET(n, how, ...)                                                               \
	void *p;                                                                       \
                                                                                       \
	if (mem_likely(get_fast(size, n, (struct account){how, __VA_ARGS__}, &p)))     \
	return p

#define LEVEL(n)                                                                       \
	static void *alloc_##n(size_t size)                                            \
	{                                                                              \
		GET(n, PLAIN, NULL, NULL);                                             \
		return get_any(size);                                                  \
	}                                                                              \
	static void *alloc_counted_##n(struct mem_counter *c, size_t size)             \
	{                                                                              \
		GET(n, COUNTED, c, NULL);                                              \
		return get_counted(c, size, NULL);                                     \
	}                                                                              \
	static void *alloc_charged_##n(struct mem_counter *c, size_t size,             \
				       int64_t *bytes)                                 \
	{                                                                              \
		GET(n, CHARGED, c, bytes);                                             \
		return get_counted(c, size, bytes);                                    \
	}                                                                              \
	static void free_##n(void *p)                                                  \
	{                                                                              \
		put(p, n, MEM_N_TAGS, (struct account){PLAIN, NULL, NULL});            \
	}                                                                              \
	static void free_counted_##n(unsigned int tag, void *p, struct mem_counter *c) \
	{                                                                              \
		put(p, n, tag, (struct account){COUNTED, c, NULL});                    \
	}                                                                              \
	static void free_charged_##n(unsigned int tag, void *p, int64_t *bytes,        \
				     struct mem_counter *c)                            \
	{                                                                              \
		put(p, n, tag, (struct account){CHARGED, c, bytes});                   \
	}
LEVEL(0)
LEVEL(1)
LEVEL(2)
LEVEL(3)

static const struct {
	void *(*alloc)(size_t size);
	void (*free)(void *p);
	void *(*alloc_counted)(struct mem_counter *c, size_t size);
	void (*free_counted)(unsigned int tag, void *p, struct mem_counter *c);
	void *(*alloc_charged)(struct mem_counter *c, size_t size, int64_t *bytes);
	void (*free_charged)(unsigned int tag, void *p, int64_t *bytes,
			     struct mem_counter *c);
} levels[] = {
	{alloc_0, free_0, alloc_counted_0, free_counted_0, alloc_charged_0,
	 free_charged_0},
	{alloc_1, free_1, alloc_counted_1, free_counted_1, alloc_charged_1,
	 free_charged_1},
	{alloc_2, free_2, alloc_counted_2, free_counted_2, alloc_charged_2,
	 free_charged_2},
	{alloc_3, free_3, alloc_counted_3, free_counted_3, alloc_charged_3,
	 free_charged_3},
};

static void *hybrid_zalloc(size_t size)
{
	bool zeroed;
	size_t usable;
	void *p = get(size, hybrid.hardening, &usable, &zeroed);

	return p && !zeroed ? memset(p, 0, size) : p;
}

/* Changes the block where it stands; NULL: it must move. */
static void *resize_in_place(void *p, size_t size, size_t usable)
{
	struct hybrid_segment *g = hybrid_segment_at(p);
	struct hybrid_slab *s = hybrid_slab_at(p);
	size_t pages = (size + HY_PAGE_BYTES - 1) / HY_PAGE_BYTES;

	if (g->kind == HY_SEGMENT_LARGE)
		return size > HY_RUN_MAX / 2 ? hybrid_large_resize(g, size) : NULL;
	if (s->kind == HY_RUN && size > HY_CELL_MAX && size <= HY_RUN_MAX) {
		if (pages < s->n_pages)
			hybrid_run_shrink(s, (unsigned int)pages);
		else if (pages > s->n_pages && !hybrid_run_grow(s, (unsigned int)pages))
			return NULL;
		return p;
	}
	/* Half empty is not worth a copy, less is. */
	return s->kind != HY_GUARD && size <= usable && size >= usable / 2 ? p : NULL;
}

static void *hybrid_realloc(void *p, size_t size)
{
	size_t usable = hybrid_usable(p);
	void *q = resize_in_place(p, size, usable);

	if (q) {
		memcheck_noaccess(q, hybrid_usable(q));
		memcheck_defined(q, size);
		return q;
	}
	q = levels[hybrid.hardening].alloc(size);
	if (!q)
		return NULL;
	memcheck_defined(p, usable);
	memcpy(q, p, usable < size ? usable : size);
	levels[hybrid.hardening].free(p);
	return q;
}

static const char *hybrid_version(void)
{
	return "1";
}

static void harden(struct mem_backend *self, int level)
{
	hybrid.hardening = (uint8_t)level;
	self->alloc = levels[level].alloc;
	self->free = levels[level].free;
	self->alloc_counted = levels[level].alloc_counted;
	self->free_counted = levels[level].free_counted;
	self->alloc_charged = levels[level].alloc_charged;
	self->free_charged = levels[level].free_charged;
}

static int hybrid_load(struct mem_backend *self, const char *lib, const char *prefix,
		       char *err, size_t err_cap)
{
	uintptr_t key = 0;

	(void)lib, (void)prefix;
	if (getrandom(&key, sizeof(key), 0) != sizeof(key)) {
		snprintf(err, err_cap, "hybrid: no random numbers from the kernel");
		return -1;
	}
	hybrid.link_key = key | HY_LINK_BIT;
	hybrid.decay_s = 1;
	for (unsigned int i = 0; i < HY_N_RECENT; i++)
		hybrid.recent[i] = HY_NO_SEGMENT;
	hybrid_class_init();
	hybrid_slab_init();
	harden(self, 1);
	return 0;
}

static int hybrid_set(struct mem_backend *self, const char *key, int64_t value,
		      char *err, size_t err_cap)
{
	(void)err, (void)err_cap;
	if (strcmp(key, "hardening") == 0)
		harden(self, (int)value);
	else
		hybrid.decay_s = (uint32_t)value;
	return 0;
}

static const struct mem_key hybrid_keys[] = {
	{"decay", MEM_KEY_SECONDS, 0, 86400,
	 "seconds in which half of the unused memory goes back; 0 all at once"},
	{"hardening", MEM_KEY_NUMBER, 0, 3,
	 "0 none, 1 encoded links and double free, 2 poison, 3 guard pages"},
	{.name = NULL},
};

const struct mem_backend backend_hybrid = {
	.name = "hybrid",
	.summary = "built in: slabs, page runs and bump regions",
	.regions = true,
	.cells = true,
	.keys = hybrid_keys,
	.load = hybrid_load,
	.set = hybrid_set,
	.alloc = alloc_1,
	.zalloc = hybrid_zalloc,
	.realloc = hybrid_realloc,
	.free = free_1,
	.usable = hybrid_usable,
	.stats = hybrid_stats,
	.purge = hybrid_purge,
	.decay = hybrid_decay,
	.version = hybrid_version,
};
