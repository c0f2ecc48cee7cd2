#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "hybrid_parts.h"
#include "memcheck.h"

/* The order in the list is by age. First fit takes from the oldest, decay
 * from the newest, so the live pages gather in the oldest segments. */

#define MAX_CALL_PAGES 256 /* given back by one call: about 0.1 ms */

uint64_t hybrid_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static bool aligned(const void *p)
{
	return ((uintptr_t)p & HY_SEGMENT_MASK) == 0;
}

static void *map_anywhere(void *hint, size_t bytes)
{
	void *p = mmap(hint, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void *map_and_trim(size_t bytes)
{
	char *p = map_anywhere(NULL, bytes + HY_SEGMENT_BYTES);
	size_t before;

	if (!p)
		return NULL;
	before = -(uintptr_t)p & HY_SEGMENT_MASK;
	if (before)
		munmap(p, before);
	p += before;
	munmap(p + bytes, HY_SEGMENT_BYTES - before);
	return p;
}

/* The kernel fills downwards: below the newest is often room and aligned. */
void *hybrid_map(size_t bytes)
{
	struct hybrid_segment *newest = hybrid.newest;
	uintptr_t hint =
		(uintptr_t)newest - ((bytes + HY_SEGMENT_MASK) & ~HY_SEGMENT_MASK);
	void *p = newest ? map_anywhere((void *)hint, bytes) : NULL;

	if (p && !aligned(p)) {
		munmap(p, bytes);
		p = NULL;
	}
	if (!p)
		p = map_and_trim(bytes);
	if (p && (uintptr_t)p >> HY_ADDRESS_BITS) {
		munmap(p, bytes);
		p = NULL;
	}
	return p;
}

void hybrid_map_note(const void *segment, bool ours)
{
	uintptr_t n = (uintptr_t)segment >> HY_SEGMENT_SHIFT;
	uint64_t bit = (uint64_t)1 << (n % 64);

	if (ours)
		hybrid.map[n / 64] |= bit;
	else
		hybrid.map[n / 64] &= ~bit;
	*hybrid_recent(segment) = HY_NO_SEGMENT;
}

/* The bits of [from, end) that lie in the word that holds from. */
static inline uint64_t word_mask(unsigned int from, unsigned int end)
{
	uint64_t mask = ~(uint64_t)0 << (from % 64);

	if (end / 64 == from / 64)
		mask &= ((uint64_t)1 << (end % 64)) - 1;
	return mask;
}

static inline unsigned int next_word(unsigned int page)
{
	return (page | 63) + 1;
}

/* Nearly always none or all of them are set. */
static inline unsigned int count_word(uint64_t word, uint64_t mask)
{
	unsigned int n = 0;

	if (!word)
		return 0;
	if (word == mask)
		return 64 - (unsigned int)__builtin_clzll(mask) -
		       (unsigned int)__builtin_ctzll(mask);
	for (; word; word &= word - 1)
		n++;
	return n;
}

static void set_bits(uint64_t *words, unsigned int from, unsigned int n, bool on)
{
	for (unsigned int i = from, end = from + n; i < end; i = next_word(i)) {
		if (on)
			words[i / 64] |= word_mask(i, end);
		else
			words[i / 64] &= ~word_mask(i, end);
	}
}

static unsigned int count_bits(const uint64_t *words, unsigned int from, unsigned int n)
{
	unsigned int count = 0;

	for (unsigned int i = from, end = from + n; i < end; i = next_word(i)) {
		uint64_t mask = word_mask(i, end);

		count += count_word(words[i / 64] & mask, mask);
	}
	return count;
}

/* First page at or after from whose bit is set (flip 0) or clear (flip ~0). */
static unsigned int next_bit(const uint64_t *words, unsigned int from, uint64_t flip)
{
	while (from < HY_PAGES) {
		uint64_t word = (words[from / 64] ^ flip) >> (from % 64);

		if (word)
			return from + (unsigned int)__builtin_ctzll(word);
		from = (from | 63) + 1;
	}
	return HY_PAGES;
}

static struct hybrid_segment *new_segment(void)
{
	struct hybrid_segment *g = hybrid_map(HY_SEGMENT_BYTES);

	if (!g)
		return NULL;
	/* A huge page would put all of a segment into RAM at the first touch. */
	madvise(g, HY_SEGMENT_BYTES, MADV_NOHUGEPAGE);
	g->kind = HY_SEGMENT_PAGES;
	g->map_bytes = HY_SEGMENT_BYTES;
	g->n_free = g->longest = HY_PAGES - HY_HEAD_PAGES;
	set_bits(g->free, HY_HEAD_PAGES, g->n_free, true);
	set_bits(g->unused, 0, HY_SLABS, true);
	g->prev = hybrid.newest;
	*(g->prev ? &g->prev->next : &hybrid.oldest) = g;
	hybrid.newest = g;
	hybrid_map_note(g, true);
	memcheck_noaccess((char *)g + HY_HEAD_PAGES * HY_PAGE_BYTES,
			  HY_SEGMENT_BYTES - HY_HEAD_PAGES * HY_PAGE_BYTES);
	return g;
}

/* First page of the first run of n; 0: there is none, and longest says so. */
static unsigned int find_run(struct hybrid_segment *g, unsigned int n)
{
	unsigned int longest = 0, start = 0, end;

	if (g->longest < n)
		return 0;
	for (;;) {
		start = next_bit(g->free, start, 0);
		if (start == HY_PAGES)
			break;
		end = next_bit(g->free, start, ~(uint64_t)0);
		if (end - start >= n)
			return start;
		if (end - start > longest)
			longest = end - start;
		start = end;
	}
	g->longest = longest;
	return 0;
}

static void set_owner(struct hybrid_segment *g, unsigned int at, unsigned int n,
		      const struct hybrid_slab *s)
{
	unsigned int into = (unsigned int)((const char *)s - (const char *)g);
	const uint64_t four = into * (uint64_t)0x0001000100010001;
	unsigned int end = at + n;

	for (; at + 4 <= end; at += 4)
		memcpy(&g->owner[at], &four, sizeof(four));
	for (; at < end; at++)
		g->owner[at] = (uint16_t)into;
}

/* A new peak is of runs alone: as many of the unused pages go back as it has new
 * ones. So growth pays for each page once. */
static void hold_few(void)
{
	if (hybrid.n_held <= hybrid.most_held)
		return;
	if (hybrid.n_dirty)
		hybrid_segment_purge(hybrid.n_held - hybrid.most_held, UINT64_MAX);
	if (hybrid.n_held > hybrid.most_held)
		hybrid.most_held = hybrid.n_held;
}

/* Returns: true if none of the pages had been used. */
static bool take_pages(struct hybrid_segment *g, const struct hybrid_slab *s,
		       unsigned int at, unsigned int n)
{
	unsigned int dirty = 0;

	for (unsigned int i = at, end = at + n; i < end; i = next_word(i)) {
		uint64_t mask = word_mask(i, end);

		g->free[i / 64] &= ~mask;
		dirty += count_word(g->dirty[i / 64] & mask, mask);
	}
	g->n_free -= n;
	g->n_dirty -= dirty;
	hybrid.n_dirty -= dirty;
	hybrid.n_held += n - dirty;
	if (hybrid.n_dirty < hybrid.low_dirty)
		hybrid.low_dirty = hybrid.n_dirty;
	set_owner(g, at, n, s);
	hold_few();
	return dirty == 0;
}

static void leave_pages(struct hybrid_segment *g, unsigned int at, unsigned int n,
			unsigned int touched)
{
	unsigned int dirty = 0;

	set_bits(g->dirty, at, touched, true);
	for (unsigned int i = at, end = at + n; i < end; i = next_word(i)) {
		uint64_t mask = word_mask(i, end);

		g->free[i / 64] |= mask;
		dirty += count_word(g->dirty[i / 64] & mask, mask);
	}
	g->n_free += n;
	g->n_dirty += dirty;
	hybrid.n_dirty += dirty;
	hybrid.n_held -= n - dirty;
	g->longest = HY_PAGES;
	set_owner(g, at, n, &g->none);
	memcheck_noaccess((char *)g + at * HY_PAGE_BYTES, n * HY_PAGE_BYTES);
}

static unsigned int next_slot(struct hybrid_segment *g)
{
	unsigned int word = 0;

	while (!g->unused[word])
		mem_must(++word < HY_SLABS / 64);
	return word * 64 + (unsigned int)__builtin_ctzll(g->unused[word]);
}

static unsigned int slot_of(const struct hybrid_slab *s)
{
	return (unsigned int)(s - hybrid_segment_at(s)->slab);
}

struct place {
	struct hybrid_segment *g; /* NULL: there is none */
	unsigned int at;
};

static struct place find_place(unsigned int n_pages)
{
	struct place p = {hybrid.oldest, 0};

	while (p.g && (p.at = find_run(p.g, n_pages)) == 0)
		p.g = p.g->next;
	return p;
}

/* Pages that were not in RAM would come to be: what is empty goes back first. */
static struct place find_used_place(unsigned int n_pages)
{
	struct place p;

	if (hybrid.n_extra)
		hybrid_slab_retire_extra();
	p = find_place(n_pages);
	if (p.g && count_bits(p.g->dirty, p.at, n_pages) == n_pages)
		return p;
	if (!hybrid_slab_retire_idle())
		return p;
	return find_place(n_pages);
}

struct hybrid_slab *hybrid_run_get(unsigned int n_pages, enum hybrid_kind kind)
{
	struct place p = find_used_place(n_pages);
	struct hybrid_segment *g = p.g;
	struct hybrid_slab *s;
	unsigned int at = p.at, slot;

	if (!g) {
		g = new_segment();
		if (!g)
			return NULL;
		at = HY_HEAD_PAGES;
	}
	slot = next_slot(g);
	s = &g->slab[slot];
	*s = (struct hybrid_slab){
		.base = (char *)g + at * HY_PAGE_BYTES,
		.kind = (uint8_t)kind,
		.n_pages = (uint16_t)n_pages,
	};
	g->unused[slot / 64] &= ~((uint64_t)1 << (slot % 64));
	s->clean = take_pages(g, s, at, n_pages);
	return s;
}

void hybrid_run_put(struct hybrid_slab *s, unsigned int touched_pages)
{
	s->kind = HY_NONE;
	hybrid_segment_at(s)->unused[slot_of(s) / 64] |= (uint64_t)1
							 << (slot_of(s) % 64);
	leave_pages(hybrid_segment_at(s), hybrid_first_page(s), s->n_pages,
		    touched_pages);
}

bool hybrid_run_grow(struct hybrid_slab *s, unsigned int n_pages)
{
	struct hybrid_segment *g = hybrid_segment_at(s);
	unsigned int first = hybrid_first_page(s);
	unsigned int end = first + s->n_pages, more = n_pages - s->n_pages;

	if (first + n_pages > HY_PAGES || count_bits(g->free, end, more) != more)
		return false;
	take_pages(g, s, end, more);
	s->n_pages = (uint16_t)n_pages;
	return true;
}

void hybrid_run_shrink(struct hybrid_slab *s, unsigned int n_pages)
{
	struct hybrid_segment *g = hybrid_segment_at(s);
	unsigned int rest = s->n_pages - n_pages;

	leave_pages(g, hybrid_first_page(s) + n_pages, rest, rest);
	s->n_pages = (uint16_t)n_pages;
}

/* Free, dirty and neighbours, seen from *end down, at most so many: one call
 * for all of them. */
static unsigned int purge_run(struct hybrid_segment *g, unsigned int *end,
			      uint64_t max_pages)
{
	unsigned int at = *end, n = 0;

	while (at > HY_HEAD_PAGES && n < max_pages) {
		unsigned int page = at - 1;
		uint64_t word = g->free[page / 64] & g->dirty[page / 64];

		if (word >> (page % 64) & 1) {
			n++;
			at = page;
		} else if (n) {
			break;
		} else {
			at = word ? page : page & ~63u;
		}
	}
	*end = at;
	if (!n)
		return 0;
	madvise((char *)g + at * HY_PAGE_BYTES, n * HY_PAGE_BYTES, MADV_DONTNEED);
	set_bits(g->dirty, at, n, false);
	g->n_dirty -= n;
	hybrid.n_dirty -= n;
	hybrid.n_held -= n;
	return n;
}

uint64_t hybrid_segment_purge(uint64_t max_pages, uint64_t deadline_ns)
{
	uint64_t done = 0;

	for (struct hybrid_segment *g = hybrid.newest; g; g = g->prev) {
		unsigned int end = HY_PAGES;

		while (g->n_dirty && end > HY_HEAD_PAGES) {
			if (done >= max_pages || hybrid_now_ns() >= deadline_ns)
				goto out;
			done += purge_run(g, &end,
					  max_pages - done < MAX_CALL_PAGES
						  ? max_pages - done
						  : MAX_CALL_PAGES);
		}
	}
out:
	if (hybrid.low_dirty > hybrid.n_dirty)
		hybrid.low_dirty = hybrid.n_dirty;
	hybrid.purged_bytes += done * HY_PAGE_BYTES;
	return done;
}

static void drop_segment(struct hybrid_segment *g)
{
	*(g->prev ? &g->prev->next : &hybrid.oldest) = g->next;
	*(g->next ? &g->next->prev : &hybrid.newest) = g->prev;
	hybrid_map_note(g, false);
	memcheck_undefined(g, HY_SEGMENT_BYTES);
	munmap(g, HY_SEGMENT_BYTES);
}

void hybrid_segment_drop_empty(void)
{
	struct hybrid_segment *g, *prev;

	for (g = hybrid.newest; g; g = prev) {
		prev = g->prev;
		if (g->n_free == HY_PAGES - HY_HEAD_PAGES && g->n_dirty == 0 &&
		    g != hybrid.oldest)
			drop_segment(g);
	}
}

void hybrid_run_cold(struct hybrid_slab *s, unsigned int page, unsigned int n)
{
	madvise(s->base + page * HY_PAGE_BYTES, n * HY_PAGE_BYTES, MADV_DONTNEED);
	set_bits(hybrid_segment_at(s)->dirty, hybrid_first_page(s) + page, n, false);
	hybrid.purged_bytes += n * HY_PAGE_BYTES;
}
