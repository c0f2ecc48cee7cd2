#include "lab/trace_file.h"

#include <stdio.h>
#include <string.h>

#define FAIL(...) (snprintf(f->err, sizeof(f->err), __VA_ARGS__), -1)

static int check_head(struct trace_file *f)
{
	const struct trace_head *h = &f->head;

	if (memcmp(h->magic, TRACE_MAGIC, sizeof(h->magic)) != 0)
		return FAIL("this is no trace of heapgate");
	if (h->version != TRACE_VERSION)
		return FAIL("it is of version %u, and this program reads %u",
			    h->version, TRACE_VERSION);
	if (h->head_bytes != sizeof(*h) || h->n_tags > MEM_N_TAGS ||
	    !memchr(h->spec, '\0', sizeof(h->spec)))
		return FAIL("its head is damaged");
	return 0;
}

int trace_file_open(struct trace_file *f, const void *p, size_t len)
{
	memset(f, 0, sizeof(*f));
	f->p = p;
	f->len = len;
	if (len < sizeof(f->head.magic) || memcmp(p, TRACE_MAGIC, 8) != 0)
		return FAIL("this is no trace of heapgate");
	if (len < sizeof(f->head))
		return FAIL("it is cut off: its head is not whole");
	memcpy(&f->head, p, sizeof(f->head));
	f->at = sizeof(f->head);
	return check_head(f);
}

void trace_file_rewind(struct trace_file *f)
{
	f->at = sizeof(f->head);
	f->at_us = 0;
	f->block = 0;
	f->n_records = 0;
	f->n_lost = 0;
	f->ended = false;
}

static int cut_off(struct trace_file *f)
{
	return FAIL("it is cut off at byte %zu: the process that wrote it did not "
		    "end in order, or the copy is not whole",
		    f->at);
}

static int damaged(struct trace_file *f, const char *what)
{
	return FAIL("it is damaged at byte %zu: %s", f->at, what);
}

static int read_number(struct trace_file *f, uint64_t *out)
{
	uint64_t v = 0;

	for (unsigned int shift = 0; shift < 64; shift += 7) {
		uint64_t bits;

		if (f->at == f->len)
			return cut_off(f);
		bits = f->p[f->at] & 127;
		if (shift == 63 && bits > 1)
			break;
		v |= bits << shift;
		if (f->p[f->at++] < 128) {
			*out = v;
			return 0;
		}
	}
	return damaged(f, "a number without an end");
}

static int read_block(struct trace_file *f, uint64_t *out)
{
	uint64_t v = 0;

	if (read_number(f, &v) != 0)
		return -1;
	f->block += trace_unzigzag(v);
	*out = f->block;
	return 0;
}

/* The caller sees a free. */
static int read_touched(struct trace_file *f, struct trace_record *r)
{
	uint64_t bytes = 0;

	if (read_number(f, &bytes) != 0)
		return -1;
	if (!bytes || bytes > TOUCH_ALL)
		return damaged(f, "a number that cannot be");
	r->op = TRACE_FREE;
	r->touched = (uint32_t)(bytes - 1);
	return 0;
}

static int read_call(struct trace_file *f, struct trace_record *r)
{
	uint64_t us = 0;

	if (read_number(f, &us) != 0)
		return -1;
	if (us > UINT64_MAX / 2 - f->at_us)
		return damaged(f, "a time that cannot be");
	f->at_us += us;
	r->at_us = f->at_us;
	if (r->op != TRACE_FREE && r->op != TRACE_FREE_PART) {
		if (read_number(f, &r->size) != 0)
			return -1;
		if (!r->size || r->size > PTRDIFF_MAX)
			return damaged(f, "a size that cannot be");
	}
	if (read_block(f, &r->block) != 0)
		return -1;
	if (r->op == TRACE_REALLOC && read_block(f, &r->moved) != 0)
		return -1;
	if (r->op == TRACE_FREE_PART && read_touched(f, r) != 0)
		return -1;
	f->n_records++;
	return 1;
}

static int read_end(struct trace_file *f)
{
	uint64_t records = 0, lost = 0;

	if (read_number(f, &records) != 0 || read_number(f, &lost) != 0)
		return -1;
	if (records != f->n_records || lost != f->n_lost)
		return damaged(f, "it says at its end that there is more or less");
	if (f->at != f->len)
		return damaged(f, "there is something behind the end");
	f->ended = true;
	return 0;
}

int trace_file_next(struct trace_file *f, struct trace_record *r)
{
	unsigned char first;

	memset(r, 0, sizeof(*r));
	if (f->ended)
		return 0;
	if (f->at == f->len)
		return cut_off(f);
	first = f->p[f->at++];
	r->op = first & 7;
	r->touched = TOUCH_ALL;
	r->tag = first >> 3;
	if ((unsigned int)r->tag >= f->head.n_tags)
		return damaged(f, "an owner that cannot be");
	switch (r->op) {
	case TRACE_ALLOC:
	case TRACE_ZALLOC:
	case TRACE_REALLOC:
	case TRACE_FREE:
	case TRACE_FREE_PART:
		return read_call(f, r);
	case TRACE_LOST:
	case TRACE_USAGE:
		if (read_number(f, &r->count) != 0)
			return -1;
		if (r->count > UINT64_MAX / 2 - f->n_lost ||
		    r->count > UINT64_MAX / 2048)
			return damaged(f, "a number that cannot be");
		f->n_lost += r->op == TRACE_LOST ? r->count : 0;
		return 1;
	case TRACE_END:
		return read_end(f);
	}
	return damaged(f, "a record of no known kind");
}
