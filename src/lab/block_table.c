#include "lab/block_table.h"

#include <string.h>
#include <sys/mman.h>

#define LEAST_SLOTS 1024u

static size_t home_of(const struct block_table *t, uint64_t number)
{
	return (size_t)((number * 0x9e3779b97f4a7c15u) >> 20) & (t->n_slots - 1);
}

int block_table_init(struct block_table *t, size_t n)
{
	size_t slots = LEAST_SLOTS;

	while (slots / 2 < n)
		slots *= 2;
	memset(t, 0, sizeof(*t));
	t->slots = mmap(NULL, slots * sizeof(*t->slots), PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (t->slots == MAP_FAILED) {
		t->slots = NULL;
		return -1;
	}
	t->n_slots = slots;
	return 0;
}

void block_table_fini(struct block_table *t)
{
	if (t->slots)
		munmap(t->slots, t->n_slots * sizeof(*t->slots));
	t->slots = NULL;
}

struct block *block_table_find(const struct block_table *t, uint64_t number)
{
	size_t at = home_of(t, number);

	for (; t->slots[at].number; at = (at + 1) & (t->n_slots - 1))
		if (t->slots[at].number == number)
			return &t->slots[at];
	return NULL;
}

static void put(struct block_table *t, const struct block *b)
{
	size_t at = home_of(t, b->number);

	while (t->slots[at].number)
		at = (at + 1) & (t->n_slots - 1);
	t->slots[at] = *b;
	if (++t->n_used > t->most_used)
		t->most_used = t->n_used;
}

static int grow(struct block_table *t)
{
	struct block_table bigger;

	if (block_table_init(&bigger, t->n_slots) != 0)
		return -1;
	for (size_t i = 0; i < t->n_slots; i++)
		if (t->slots[i].number)
			put(&bigger, &t->slots[i]);
	block_table_fini(t);
	*t = bigger;
	return 0;
}

int block_table_put(struct block_table *t, uint64_t number, void *p, uint32_t tag)
{
	if (t->n_used >= t->n_slots / 2 && grow(t) != 0)
		return -1;
	put(t, &(struct block){number, p, tag});
	return 0;
}

/* Moves back what stands behind the gap and would no longer be found. */
void block_table_drop(struct block_table *t, struct block *b)
{
	size_t mask = t->n_slots - 1;
	size_t gap = (size_t)(b - t->slots);

	for (size_t at = (gap + 1) & mask; t->slots[at].number; at = (at + 1) & mask) {
		size_t home = home_of(t, t->slots[at].number);

		if (((at - home) & mask) < ((at - gap) & mask))
			continue;
		t->slots[gap] = t->slots[at];
		gap = at;
	}
	t->slots[gap].number = 0;
	t->n_used--;
}
