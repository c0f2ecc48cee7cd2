#include "lab/replay_run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lab/block_table.h"

#define LOOK_CALLS  256 /* between two looks at the memory */
#define SECOND_US   1000000u
#define PURGE_CALLS 1000
#define PAUSE_US    1000u /* shorter pauses add up until they are so long */
#define MAX_US      (366ull * 24 * 3600 * SECOND_US)

struct replay {
	struct trace_file *f;
	const struct touch_list *touch;
	size_t n_large; /* blocks of >= TRACE_LARGE so far */
	struct block_table blocks;
	const struct replay_way *way;
	int statm;
	uint64_t base_bytes;
	uint64_t begun_us;  /* by the clock */
	uint64_t waited_us; /* moment of the trace last waited for */
	uint64_t next_decay_us;
	uint64_t looks_ns; /* spent looking and waiting: no part of the calls */
	struct replay_result *out;
};

#define FAIL(...) (snprintf(f->err, sizeof(f->err), __VA_ARGS__), -1)

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND_US + (uint64_t)t.tv_nsec / 1000u;
}

/* Returns at once if it has been. */
static void sleep_until(uint64_t us)
{
	const struct timespec t = {.tv_sec = (time_t)(us / SECOND_US),
				   .tv_nsec = (long)(us % SECOND_US) * 1000};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* --- reading alone ------------------------------------------------------------ */

/* While nothing is lost, each block that goes must have come. */
static int note_gone(struct trace_file *f, struct block_table *t,
		     const struct trace_record *r, struct replay_trace *out)
{
	struct block *b = block_table_find(t, r->block);

	if (b && r->touched != TOUCH_ALL && b->tag)
		out->touch.bytes[b->tag - 1] = r->touched;
	if (b)
		block_table_drop(t, b);
	else if (!f->n_lost)
		return FAIL("it is damaged at byte %zu: a block goes that never came",
			    f->at);
	return 0;
}

/* The table's tag is the block's place in the list of large ones, from 1. */
static int note_come(struct trace_file *f, struct block_table *t, uint64_t number,
		     size_t place)
{
	if (block_table_find(t, number)) {
		if (f->n_lost)
			return 0;
		return FAIL("it is damaged at byte %zu: a block comes twice", f->at);
	}
	if (!number)
		return FAIL("it is damaged at byte %zu: a block at address 0", f->at);
	if (block_table_put(t, number, NULL, (uint32_t)place) != 0)
		return FAIL("no memory for its blocks");
	return 0;
}

static int note(struct trace_file *f, struct block_table *t,
		const struct trace_record *r, struct replay_trace *out)
{
	switch (r->op) {
	case TRACE_ALLOC:
	case TRACE_ZALLOC:
		if (r->size < TRACE_LARGE)
			return note_come(f, t, r->block, 0);
		if (out->touch.n >= UINT32_MAX / 2 || touch_list_add(&out->touch) != 0)
			return FAIL("no memory for its blocks");
		return note_come(f, t, r->block, out->touch.n);
	case TRACE_REALLOC:
		if (note_gone(f, t, r, out) != 0)
			return -1;
		return note_come(f, t, r->moved, 0);
	case TRACE_FREE:
		return note_gone(f, t, r, out);
	case TRACE_USAGE:
		out->end_bytes = less(r->count * 1024, f->head.base_bytes);
		if (out->end_bytes > out->peak_bytes)
			out->peak_bytes = out->end_bytes;
		return 0;
	default:
		return 0;
	}
}

int replay_check(struct trace_file *f, struct replay_trace *out)
{
	uint64_t start = cpu_ns();
	struct block_table t;
	struct trace_record r;
	int rc;

	memset(out, 0, sizeof(*out));
	if (block_table_init(&t, 0) != 0)
		return FAIL("no memory for its blocks");
	while ((rc = trace_file_next(f, &r)) > 0) {
		if (note(f, &t, &r, out) != 0) {
			rc = -1;
			break;
		}
	}
	if (rc == 0 && f->at_us > MAX_US)
		rc = FAIL("it is damaged: it lasts longer than a year");
	out->records = f->n_records;
	out->lost = f->n_lost;
	out->duration_us = f->at_us;
	out->most_blocks = t.most_used;
	out->cpu_ns = cpu_ns() - start;
	block_table_fini(&t);
	trace_file_rewind(f);
	return rc;
}

void replay_trace_fini(struct replay_trace *t)
{
	touch_list_fini(&t->touch);
}

/* --- with the calls -------------------------------------------------------------- */

static uint64_t anon_bytes(const struct replay *x)
{
	unsigned long size, resident, shared;
	char text[128];
	ssize_t n = pread(x->statm, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	if (sscanf(text, "%lu %lu %lu", &size, &resident, &shared) != 3)
		return 0;
	return (uint64_t)(resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t live_bytes(void)
{
	uint64_t sum = 0;

	for (unsigned int tag = 0; tag < MEM_N_TAGS; tag++)
		sum += mem_live(mem_counters(), tag);
	return sum;
}

static void look(struct replay *x)
{
	uint64_t start = cpu_ns();
	uint64_t live = live_bytes(), net = less(anon_bytes(x), x->base_bytes);

	if (live > x->out->most_live_bytes)
		x->out->most_live_bytes = live;
	if (net > x->out->peak_bytes) {
		x->out->peak_bytes = net;
		x->out->peak_live_bytes = live;
	}
	x->looks_ns += cpu_ns() - start;
}

/* A block that got no memory is not in the table: it is never freed. */
static int come(struct replay *x, uint64_t number, void *p, enum mem_tag tag,
		size_t from, size_t to)
{
	struct block *old = block_table_find(&x->blocks, number);

	x->out->calls++;
	if (!p) {
		x->out->failed++;
		return 0;
	}
	if (to > x->way->touch_bytes)
		to = x->way->touch_bytes;
	if (from < to)
		memset((char *)p + from, 0xa5, to - from);
	if (old) { /* its free is lost */
		mem_free(old->tag, old->p);
		block_table_drop(&x->blocks, old);
	}
	return block_table_put(&x->blocks, number, p, tag);
}

static void go(struct replay *x, const struct trace_record *r)
{
	struct block *b = block_table_find(&x->blocks, r->block);

	if (!b)
		return;
	x->out->calls++;
	mem_free(b->tag, b->p);
	block_table_drop(&x->blocks, b);
}

static int resize(struct replay *x, const struct trace_record *r)
{
	struct block *b = block_table_find(&x->blocks, r->block);
	struct block old = b ? *b : (struct block){.number = 0, .tag = r->tag};
	size_t before = mem_usable(old.p);
	void *p;

	if (b)
		block_table_drop(&x->blocks, b);
	p = mem_realloc(old.tag, old.p, r->size);
	if (!p)
		mem_free(old.tag, old.p);
	return come(x, r->moved, p, old.tag, before, r->size);
}

/* Of a large block only what had come into RAM when it went. */
static size_t touched_of(struct replay *x, size_t size)
{
	uint32_t bytes = TOUCH_ALL;

	if (size >= TRACE_LARGE && x->n_large < x->touch->n)
		bytes = x->touch->bytes[x->n_large++];
	return bytes < size ? bytes : size;
}

static int step(struct replay *x, const struct trace_record *r)
{
	switch (r->op) {
	case TRACE_ALLOC:
		return come(x, r->block, mem_alloc(r->tag, r->size), r->tag, 0,
			    touched_of(x, r->size));
	case TRACE_ZALLOC: /* zeroed pages count when they are written to */
		return come(x, r->block, mem_zalloc(r->tag, 1, r->size), r->tag, 0,
			    touched_of(x, r->size));
	case TRACE_REALLOC:
		return resize(x, r);
	case TRACE_FREE:
		go(x, r);
		return 0;
	default:
		return 0;
	}
}

static void wait_for(struct replay *x, uint64_t at_us)
{
	uint64_t start = cpu_ns();

	sleep_until(x->begun_us + at_us);
	x->waited_us = at_us;
	x->looks_ns += cpu_ns() - start;
}

/* What the allocator's clock tells is what it told the worker. The worker's
 * own call for decay came once in each second. */
static void keep_time(struct replay *x, uint64_t at_us)
{
	if (!x->way->fast && at_us > x->waited_us + PAUSE_US)
		wait_for(x, at_us);
	while (at_us >= x->next_decay_us) {
		mem_decay(x->next_decay_us / 1000);
		x->next_decay_us += SECOND_US;
	}
}

static int make_calls(struct replay *x)
{
	struct trace_file *f = x->f;
	struct trace_record r;
	unsigned int n = 0;
	int rc;

	while ((rc = trace_file_next(f, &r)) > 0) {
		keep_time(x, f->at_us);
		if (step(x, &r) != 0)
			return FAIL("no memory for its blocks");
		if (++n % LOOK_CALLS == 0)
			look(x);
	}
	look(x);
	return rc;
}

static void free_rest(struct replay *x)
{
	for (size_t i = 0; i < x->blocks.n_slots; i++)
		if (x->blocks.slots[i].number)
			mem_free(x->blocks.slots[i].tag, x->blocks.slots[i].p);
}

static void purge(void)
{
	for (int i = 0; i < PURGE_CALLS && mem_purge(); i++)
		;
}

int replay_run(struct trace_file *f, const struct replay_trace *trace,
	       const struct replay_way *way, struct replay_result *out)
{
	struct replay x = {.f = f, .way = way, .touch = &trace->touch, .out = out};
	uint64_t start;
	int rc;

	memset(out, 0, sizeof(*out));
	x.next_decay_us = SECOND_US;
	x.statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	if (x.statm < 0 || block_table_init(&x.blocks, trace->most_blocks + 1) != 0)
		return FAIL("no memory for its blocks");
	x.base_bytes = anon_bytes(&x);
	x.begun_us = now_us();
	start = cpu_ns();
	rc = make_calls(&x);
	out->cpu_ns = less(cpu_ns() - start, x.looks_ns + trace->cpu_ns);
	out->end_bytes = less(anon_bytes(&x), x.base_bytes);
	out->end_live_bytes = live_bytes();
	purge();
	out->purged_bytes = less(anon_bytes(&x), x.base_bytes);
	out->info = *mem_info();
	close(x.statm);
	free_rest(&x);
	block_table_fini(&x.blocks);
	return rc;
}
