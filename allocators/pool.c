#include "pool.h"

#include <string.h>

#include "mem_must.h"
#include "memcheck.h"

#define POOL_ALIGN     16
#define POOL_MIN_CHUNK 4096u
#define POOL_MAX_CHUNK 16384u
#define POOL_MIN_CELLS 8u /* cells a chunk should have at least */

/* Its last bytes tell a cell where it stands, so that a put finds the chunk. */
struct pool_trailer {
	uint16_t index; /* of the cell in its chunk */
	uint16_t state; /* CELL_LIVE or CELL_FREE */
};
enum { CELL_LIVE = 0xa11e, CELL_FREE = 0xf4ee };

struct pool_cell {
	struct pool_cell *next;
};

struct pool_chunk {
	struct pool *pool;
	struct pool_chunk *next;
	struct pool_chunk **link; /* what points at this chunk */
	struct pool_cell *free;   /* cells that came back */
	uint16_t n_live;          /* cells handed out now */
	uint16_t n_cut;           /* cells handed out at least once */
	uint16_t n_cells;
	uint16_t unused[5];
};
_Static_assert(sizeof(struct pool_chunk) % POOL_ALIGN == 0, "cells stay aligned");

void pool_init(struct pool *p, const char *name, enum mem_tag tag, size_t object_bytes)
{
	size_t cell = object_bytes;

	mem_must(object_bytes > 0 && object_bytes <= 1 << 20);
	*p = (struct pool){.name = name, .tag = (uint8_t)tag};
	p->single = !mem_info()->regions || mem_info()->cells;
	if (!p->single)
		cell += sizeof(struct pool_trailer);
	p->cell_bytes = (uint32_t)((cell + POOL_ALIGN - 1) & ~(size_t)(POOL_ALIGN - 1));
	p->object_bytes = (uint32_t)object_bytes;
}

static size_t chunk_bytes(const struct pool *p)
{
	size_t need = sizeof(struct pool_chunk) + p->cell_bytes;
	size_t bytes = POOL_MIN_CHUNK;

	while (bytes < POOL_MAX_CHUNK &&
	       (bytes - sizeof(struct pool_chunk)) / p->cell_bytes < POOL_MIN_CELLS)
		bytes *= 2;
	return need > bytes ? need : bytes;
}

static char *cell_at(const struct pool *p, struct pool_chunk *c, unsigned int index)
{
	return (char *)(c + 1) + (size_t)index * p->cell_bytes;
}

static struct pool_trailer *trailer_of(const struct pool *p, void *cell)
{
	return (struct pool_trailer *)((char *)cell + p->cell_bytes) - 1;
}

static void unlink_chunk(struct pool_chunk *c)
{
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
}

static void link_chunk(struct pool_chunk **list, struct pool_chunk *c)
{
	c->next = *list;
	c->link = list;
	if (c->next)
		c->next->link = &c->next;
	*list = c;
}

static struct pool_chunk *new_chunk(struct pool *p)
{
	size_t bytes = chunk_bytes(p);
	struct pool_chunk *c = mem_alloc(p->tag, bytes);

	if (!c)
		return NULL;
	*c = (struct pool_chunk){
		.pool = p,
		.n_cells = (uint16_t)((bytes - sizeof(*c)) / p->cell_bytes),
	};
	memcheck_noaccess(c + 1, bytes - sizeof(*c));
	return c;
}

static void free_chunk(struct pool *p, struct pool_chunk *c)
{
	memcheck_undefined(c, chunk_bytes(p));
	mem_free(p->tag, c);
}

static struct pool_chunk *chunk_with_room(struct pool *p)
{
	struct pool_chunk *c = p->partial;

	if (mem_likely(c))
		return c;
	c = p->empty;
	if (c)
		p->empty = NULL;
	else
		c = new_chunk(p);
	if (c)
		link_chunk(&p->partial, c);
	return c;
}

/* Cells that came back first: the rest of the chunk may be untouched yet. */
static void *take_cell(struct pool *p, struct pool_chunk *c)
{
	struct pool_cell *cell = c->free;
	struct pool_trailer *t;

	if (cell) {
		t = trailer_of(p, cell);
		memcheck_defined(cell, sizeof(*cell));
		memcheck_defined(t, sizeof(*t));
		mem_must(t->state == CELL_FREE);
		c->free = cell->next;
	} else {
		cell = (struct pool_cell *)cell_at(p, c, c->n_cut);
		t = trailer_of(p, cell);
		memcheck_defined(t, sizeof(*t));
		t->index = c->n_cut++;
	}
	t->state = CELL_LIVE;
	memcheck_noaccess(t, sizeof(*t));
	memcheck_undefined(cell, p->object_bytes);
	return cell;
}

void *pool_get(struct pool *p)
{
	struct pool_chunk *c;
	void *cell;

	if (p->single) {
		cell = mem_alloc(p->tag, p->cell_bytes);
		p->n_live += cell != NULL;
		return cell;
	}
	c = chunk_with_room(p);
	if (!c)
		return NULL;
	cell = take_cell(p, c);
	p->n_live++;
	if (++c->n_live == c->n_cells) {
		unlink_chunk(c);
		link_chunk(&p->full, c);
	}
	return cell;
}

static void retire_chunk(struct pool *p, struct pool_chunk *c)
{
	unlink_chunk(c);
	if (p->empty)
		free_chunk(p, c);
	else
		p->empty = c;
}

static void put_cell(struct pool *p, void *object)
{
	struct pool_trailer *t = trailer_of(p, object);
	struct pool_cell *cell = object;
	struct pool_chunk *c;

	memcheck_defined(t, sizeof(*t));
	mem_must(t->state == CELL_LIVE);
	c = (struct pool_chunk *)((char *)object - (size_t)t->index * p->cell_bytes) -
	    1;
	mem_must(c->pool == p && c->n_live > 0);
	t->state = CELL_FREE;
	memcheck_defined(cell, sizeof(*cell));
	cell->next = c->free;
	memcheck_noaccess(cell, p->cell_bytes);
	c->free = cell;
	if (c->n_live-- == c->n_cells) {
		unlink_chunk(c);
		link_chunk(&p->partial, c);
	}
	if (c->n_live == 0)
		retire_chunk(p, c);
}

void pool_put(struct pool *p, void *object)
{
	mem_must(p->n_live > 0);
	p->n_live--;
	if (p->single)
		mem_free(p->tag, object);
	else
		put_cell(p, object);
}

void pool_trim(struct pool *p)
{
	if (p->empty)
		free_chunk(p, p->empty);
	p->empty = NULL;
}

void pool_fini(struct pool *p)
{
	mem_must(p->n_live == 0);
	pool_trim(p);
}
