#include "hybrid_link.h"
#include "hybrid_mask.h"
#include "hybrid_parts.h"
#include "memcheck.h"

#define LOOK_AT 8 /* partial slabs compared before one is taken */
#define NO_TRAP UINT16_MAX

/* What a class without a slab takes from: nothing to take. */
static struct hybrid_cell no_cell;
static struct hybrid_slab no_list = {.free = &no_cell}, no_mask;

static struct hybrid_slab *nothing(unsigned int cls)
{
	return hybrid_classes[cls].cell_bytes <= HY_LIST_MAX ? &no_list : &no_mask;
}

void hybrid_slab_init(void)
{
	for (unsigned int i = 0; i < hybrid_n_classes; i++)
		hybrid.current[i] = nothing(i);
}

static void unlink_slab(struct hybrid_slab *s)
{
	if (s->next)
		s->next->prev = s->prev;
	*(s->prev ? &s->prev->next : &hybrid.partial[s->cls]) = s->next;
}

static void link_slab(struct hybrid_slab *s)
{
	s->prev = NULL;
	s->next = hybrid.partial[s->cls];
	if (s->next)
		s->next->prev = s;
	hybrid.partial[s->cls] = s;
	s->place = HY_PARTIAL;
	hybrid_set_trap(s, 0);
}

static bool before(const struct hybrid_slab *a, const struct hybrid_slab *b)
{
	unsigned int n = hybrid_n_live(a), m = hybrid_n_live(b);

	return n != m ? n > m : a < b;
}

/* The fullest near the head of the list, the lowest among equals. The head
 * will do when it is nearly full: it has just become partial. */
static struct hybrid_slab *best_partial(unsigned int cls)
{
	struct hybrid_slab *best = hybrid.partial[cls], *s = best;

	if (!best || hybrid_n_live(best) >= best->n_cells - best->n_cells / 8u)
		return best;
	for (unsigned int i = 0; s && i < LOOK_AT; i++, s = s->next)
		if (before(s, best))
			best = s;
	return best;
}

static struct hybrid_slab *new_slab(unsigned int cls)
{
	const struct hybrid_class *def = &hybrid_classes[cls];
	bool list = def->cell_bytes <= HY_LIST_MAX;
	struct hybrid_slab *s = hybrid_run_get(def->n_pages, list ? HY_LIST : HY_MASK);

	if (!s)
		return NULL;
	s->cls = (uint8_t)cls;
	s->cell_bytes = def->cell_bytes;
	s->n_cells = (uint16_t)(def->n_pages * HY_PAGE_BYTES / def->cell_bytes);
	if (list) {
		s->free = hybrid_list_end(s);
	} else {
		s->mask = hybrid_mask_full(s->n_cells);
		s->reciprocal = hybrid_reciprocal(s->cell_bytes);
	}
	return s;
}

static struct hybrid_slab *take_spare(unsigned int cls)
{
	struct hybrid_slab *s = hybrid.spare[cls];

	if (!s)
		return NULL;
	hybrid.spare[cls] = s->next;
	if (--hybrid.n_spare[cls])
		hybrid.n_extra--;
	return s;
}

/* Large cells are few in a slab: one would come and go for each dozen. */
static bool may_keep_spare(const struct hybrid_slab *s)
{
	unsigned int most = 1;

	if (s->kind == HY_MASK)
		most = HY_SPARE / (s->n_pages * (unsigned int)HY_PAGE_BYTES);
	return hybrid.n_spare[s->cls] < most;
}

/* A full slab waits until some cells are free before it is listed again, a
 * sixteenth of them, two of a dozen: going on and off the list for each would
 * cost more than what lies idle. */
static void make_full(struct hybrid_slab *s)
{
	s->place = HY_FULL;
	hybrid_set_trap(s, s->n_cells - (s->n_cells + 20u) / 16);
}

/* The class's current slab is used up: put another in its place. */
static struct hybrid_slab *next_slab(unsigned int cls)
{
	struct hybrid_slab *old = hybrid.current[cls];
	struct hybrid_slab *s = best_partial(cls);

	if (s)
		unlink_slab(s);
	else if (!(s = take_spare(cls)))
		s = new_slab(cls);
	if (!s)
		return NULL;
	if (old->kind != HY_NONE)
		make_full(old);
	s->place = HY_CURRENT;
	hybrid_set_trap(s, NO_TRAP);
	s->last_tick = hybrid.tick;
	hybrid.current[cls] = s;
	return s;
}

static void *pop(struct hybrid_slab *s)
{
	struct hybrid_cell *c = s->free;

	memcheck_defined(c, sizeof(*c));
	s->free = hybrid_next(c, hybrid.hardening);
	s->above++;
	c->link = 0;
	return c;
}

/* Memory may come back with a link of its last life: clear it here too. */
static void *bump(struct hybrid_slab *s)
{
	struct hybrid_cell *c = hybrid_cell_at(s, s->n_cut++);

	s->above++;
	if (!s->clean) {
		memcheck_undefined(c, sizeof(*c));
		c->link = 0;
	}
	return c;
}

void *hybrid_list_refill(unsigned int cls)
{
	struct hybrid_slab *s = hybrid.current[cls];

	if (hybrid_list_empty(s) && s->n_cut == s->n_cells && !s->cold)
		s = next_slab(cls);
	if (!s)
		return NULL;
	if (!hybrid_list_empty(s))
		return pop(s);
	if (s->n_cut < s->n_cells)
		return bump(s);
	hybrid_slab_warm(s);
	return pop(s);
}

void *hybrid_mask_refill(unsigned int cls, bool *zeroed)
{
	struct hybrid_slab *s = next_slab(cls);
	unsigned int index;

	if (!s)
		return NULL;
	index = (unsigned int)__builtin_ctzll(s->mask);
	if (zeroed)
		*zeroed = s->clean && !(s->touched >> index & 1);
	s->touched |= (uint64_t)1 << index;
	s->mask &= s->mask - 1;
	s->above++;
	return hybrid_cell_at(s, index);
}

static unsigned int touched_pages(const struct hybrid_slab *s)
{
	size_t cells = s->n_cut;

	if (s->kind == HY_MASK)
		cells = s->touched ? 64 - (size_t)__builtin_clzll(s->touched) : 0;
	return (unsigned int)((cells * s->cell_bytes + HY_PAGE_BYTES - 1) /
			      HY_PAGE_BYTES);
}

static void retire(struct hybrid_slab *s)
{
	hybrid_run_put(s, touched_pages(s));
}

void hybrid_slab_trapped(const void *cell)
{
	struct hybrid_slab *s = hybrid_slab_at(cell);

	if (s->place == HY_FULL)
		link_slab(s);
	if (hybrid_n_live(s))
		return;
	unlink_slab(s);
	if (!may_keep_spare(s)) {
		retire(s);
		return;
	}
	s->place = HY_EMPTY;
	s->next = hybrid.spare[s->cls];
	hybrid.spare[s->cls] = s;
	if (hybrid.n_spare[s->cls]++)
		hybrid.n_extra++;
}

void hybrid_slab_retire_extra(void)
{
	for (unsigned int cls = 0; hybrid.n_extra; cls++)
		while (hybrid.n_spare[cls] > 1)
			retire(take_spare(cls));
}

unsigned int hybrid_slab_retire_idle(void)
{
	unsigned int n = 0;

	for (unsigned int cls = 0; cls < hybrid_n_classes; cls++) {
		struct hybrid_slab *s;

		for (; (s = take_spare(cls)) != NULL; n++)
			retire(s);
		s = hybrid.current[cls];
		if (s->kind == HY_NONE || hybrid_n_live(s))
			continue;
		hybrid.current[cls] = nothing(cls);
		retire(s);
		n++;
	}
	return n;
}

static struct hybrid_slab *merge(struct hybrid_slab *a, struct hybrid_slab *b)
{
	struct hybrid_slab *head = NULL, **tail = &head;

	while (a && b) {
		struct hybrid_slab **from = before(a, b) ? &a : &b;

		*tail = *from;
		*from = (*from)->next;
		tail = &(*tail)->next;
	}
	*tail = a ? a : b;
	return head;
}

/* Bottom-up merge sort: bin i holds a sorted list of 2^i slabs. */
void hybrid_slab_sort(unsigned int cls)
{
	struct hybrid_slab *bins[32] = {NULL}, *s, *next, *prev = NULL;
	unsigned int i;

	for (s = hybrid.partial[cls]; s; s = next) {
		next = s->next;
		s->next = NULL;
		for (i = 0; i < 31 && bins[i]; i++) {
			s = merge(bins[i], s);
			bins[i] = NULL;
		}
		bins[i] = s;
	}
	for (s = NULL, i = 0; i < 32; i++)
		s = merge(s, bins[i]);
	hybrid.partial[cls] = s;
	for (; s; prev = s, s = s->next)
		s->prev = prev;
}
