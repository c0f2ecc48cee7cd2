/*
 * Gives memory back: a little each second what nobody needed since the last
 * time (decay), or all that can go (purge). Both in slices, so that the event
 * loop is never held for long.
 */
#include "hybrid_parts.h"

#define SLICE_NS   3000000u /* of one call */
#define TICK_MS    500u     /* calls closer than this go on with the last tick */
#define SMALL_REST 64u      /* pages: not worth halving further */

static struct {
	unsigned int cls; /* next to be thinned */
	bool thinning;    /* the last tick's thinning is not done */
} decay;

/* A slab that its class just took from will be taken from again, and a slab of
 * small cells that is half full will fill up: leave them. */
static bool worth_thinning(const struct hybrid_slab *s)
{
	return (uint16_t)(hybrid.tick - s->last_tick) >= 2 &&
	       (s->kind == HY_MASK || hybrid_n_live(s) <= s->n_cells / 2u);
}

/* Returns: false if the deadline came first. */
static bool thin_class(unsigned int cls, bool all, uint64_t deadline_ns,
		       uint64_t *pages)
{
	unsigned int n = 0;

	for (struct hybrid_slab *s = hybrid.partial[cls]; s; s = s->next) {
		if (!all && !worth_thinning(s))
			continue;
		*pages += hybrid_slab_thin(s);
		if (++n % 16 == 0 && hybrid_now_ns() >= deadline_ns)
			return false;
	}
	return true;
}

static bool thin_some(bool all, uint64_t deadline_ns, uint64_t *pages)
{
	for (; decay.cls < hybrid_n_classes; decay.cls++)
		if (!thin_class(decay.cls, all, deadline_ns, pages))
			return false;
	decay.cls = 0;
	return true;
}

/* Of what nobody needed, the half each decay_s seconds; the rest at the end. */
static uint64_t share(uint64_t unused, uint64_t elapsed_ms)
{
	uint64_t decay_ms = (uint64_t)hybrid.decay_s * 1000;

	if (decay_ms == 0 || unused <= SMALL_REST)
		return unused;
	return unused * elapsed_ms / (elapsed_ms + decay_ms);
}

static void begin_tick(uint64_t now_ms)
{
	uint64_t elapsed_ms = now_ms - hybrid.last_decay_ms;

	if (hybrid.last_decay_ms == 0 || elapsed_ms > 60000)
		elapsed_ms = 1000;
	hybrid.last_decay_ms = now_ms;
	hybrid.tick++;
	hybrid.due = share(hybrid.low_dirty, elapsed_ms);
	hybrid_slab_retire_idle();
	hybrid.low_dirty = hybrid.n_dirty;
	for (unsigned int cls = 0; cls < hybrid_n_classes; cls++)
		hybrid_slab_sort(cls);
	decay.thinning = true;
	decay.cls = 0;
}

bool hybrid_decay(uint64_t now_ms)
{
	uint64_t deadline_ns = hybrid_now_ns() + SLICE_NS, pages = 0;

	if (hybrid.last_decay_ms == 0 || now_ms - hybrid.last_decay_ms >= TICK_MS)
		begin_tick(now_ms);
	if (hybrid.due)
		pages = hybrid_segment_purge(hybrid.due, deadline_ns);
	hybrid.due = pages < hybrid.due && hybrid.n_dirty ? hybrid.due - pages : 0;
	if (!hybrid.due && decay.thinning)
		decay.thinning = !thin_some(false, deadline_ns, &pages);
	if (!hybrid.due)
		hybrid_segment_drop_empty();
	return hybrid.due || decay.thinning;
}

uint64_t hybrid_purge(void)
{
	uint64_t deadline_ns = hybrid_now_ns() + SLICE_NS;
	uint64_t before = hybrid.purged_bytes, pages = 0;

	hybrid_slab_retire_idle();
	hybrid_segment_purge(UINT64_MAX, deadline_ns);
	for (unsigned int cls = 0; cls < hybrid_n_classes; cls++)
		if (!thin_class(cls, true, deadline_ns, &pages))
			break;
	hybrid_segment_drop_empty();
	return hybrid.purged_bytes - before;
}

static void add_slab(const struct hybrid_slab *s, struct mem_stats *out)
{
	uint64_t bytes = s->n_pages * HY_PAGE_BYTES;

	out->active += bytes;
	if (s->kind == HY_RUN)
		out->allocated += bytes;
	else if (s->kind == HY_GUARD)
		out->allocated += hybrid_n_live(s) ? s->asked_bytes : 0;
	else
		out->allocated += (uint64_t)hybrid_n_live(s) * s->cell_bytes;
}

static void add_segment(const struct hybrid_segment *g, struct mem_stats *out)
{
	const struct hybrid_slab *s;

	for (unsigned int i = HY_HEAD_PAGES; i < HY_PAGES; i++) {
		if (!g->owner[i])
			continue;
		s = hybrid_slab_in(g, (uintptr_t)i << HY_PAGE_SHIFT);
		add_slab(s, out);
		i += s->n_pages - 1u;
	}
	out->metadata += HY_HEAD_PAGES * HY_PAGE_BYTES;
	out->retained += (uint64_t)(g->n_free - g->n_dirty) * HY_PAGE_BYTES;
}

void hybrid_stats(struct mem_stats *out)
{
	out->allocated = out->active = out->metadata = out->retained = 0;
	for (const struct hybrid_segment *g = hybrid.oldest; g; g = g->next)
		add_segment(g, out);
	for (const struct hybrid_segment *g = hybrid.larges; g; g = g->next) {
		out->allocated += hybrid_large_usable(g);
		out->active += hybrid_large_usable(g);
		out->metadata += HY_PAGE_BYTES;
	}
	out->resident = out->active + out->metadata + hybrid.n_dirty * HY_PAGE_BYTES;
	out->cached = out->active - out->allocated + hybrid.n_dirty * HY_PAGE_BYTES;
	out->purged = hybrid.purged_bytes;
}
