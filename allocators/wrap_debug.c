/*
 * debug: finds overflows, double frees, writes after free and leaks, on any
 * backend, and says where the block was taken and freed.
 *
 *     [ head, ends with the magic ][ block ][ DE up to 16, then 16 more DE ]
 *
 * Fresh bytes are D0. A freed block is filled with DF and waits in quarantine;
 * when it leaves, a byte that is not DF was written after the free. What is
 * still out at exit is listed by tag and site.
 */
#include <dlfcn.h>
#include <execinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mem_must.h"
#include "wrap.h"

#define N_FRAMES          3  /* of a site: the caller, its caller, ... */
#define TAIL_BYTES        16 /* of DE at least */
#define QUARANTINE_BLOCKS 1024
#define QUARANTINE_BYTES  (4u << 20)
#define MAX_LEAK_SITES    512 /* told apart in the list */
#define SHOWN_LEAK_SITES  20

#define MAGIC_LIVE  0x6c6976656c697665u
#define MAGIC_FREED 0x6672656566726565u

struct site {
	const void *frame[N_FRAMES];
};

struct block {
	struct block *next, *prev; /* of all that are live, newest first */
	size_t size;               /* as asked for */
	struct site taken, freed;
	uint32_t tag;       /* enum mem_tag that took it */
	uint32_t freed_tag; /* enum mem_tag that freed it */
	uint64_t serial;    /* of the call that took it, from 1 */
	uint64_t magic;     /* next to the block: an underflow hits it */
};
_Static_assert(sizeof(struct block) % 16 == 0, "blocks stay aligned");

struct leak {
	const struct site *site;
	uint32_t tag;
	uint64_t n_blocks, bytes, first_serial;
};

static struct {
	struct mem_backend below;
	struct block *live;
	struct block *waiting[QUARANTINE_BLOCKS];
	unsigned int oldest, n_waiting;
	size_t waiting_bytes;
	uint64_t n_calls;
	struct leak leaks[MAX_LEAK_SITES];
} debug;

static size_t put_frame(char *out, size_t cap, const void *frame)
{
	const char *file;
	Dl_info info;
	int n;

	if (!frame || !dladdr(frame, &info) || !info.dli_fname)
		return 0;
	file = strrchr(info.dli_fname, '/');
	file = file ? file + 1 : info.dli_fname;
	n = snprintf(out, cap, " %s+0x%zx%s%s%s", file,
		     (size_t)((const char *)frame - (const char *)info.dli_fbase),
		     info.dli_sname ? "(" : "", info.dli_sname ? info.dli_sname : "",
		     info.dli_sname ? ")" : "");
	return n < 0 ? 0 : (size_t)n < cap ? (size_t)n : cap - 1;
}

static const char *site_text(const struct site *s, char *out, size_t cap)
{
	size_t at = 0;

	out[0] = '\0';
	for (int i = 0; i < N_FRAMES && at < cap; i++)
		at += put_frame(out + at, cap - at, s->frame[i]);
	return out;
}

/* The frames from the caller of mem_*() on; that one alone if the stack
 * cannot be walked. */
static void note_site(struct site *s)
{
	const void *caller = wrap_caller()->site;
	void *frames[12];
	int n = backtrace(frames, 12), at = 0;

	*s = (struct site){{caller}};
	while (at < n && frames[at] != caller)
		at++;
	for (int i = 1; i < N_FRAMES && at + i < n; i++)
		s->frame[i] = frames[at + i];
}

static __attribute__((noreturn)) void complain(const struct block *b, const char *what,
					       size_t at)
{
	char taken[256], freed[256];

	site_text(&b->taken, taken, sizeof(taken));
	if (b->magic == MAGIC_LIVE)
		mem_die("debug: %s byte %zu of %zu (%s), taken at%s", what, at, b->size,
			mem_tag_name(b->tag), taken);
	mem_die("debug: %s byte %zu of %zu (%s), taken at%s; freed (%s) at%s", what, at,
		b->size, mem_tag_name(b->tag), taken, mem_tag_name(b->freed_tag),
		site_text(&b->freed, freed, sizeof(freed)));
}

static void check_fill(const struct block *b, size_t from, size_t to,
		       unsigned char fill, const char *what)
{
	const unsigned char *bytes = (const unsigned char *)(b + 1);

	for (size_t i = from; i < to; i++)
		if (bytes[i] != fill)
			complain(b, what, i);
}

static size_t total_bytes(size_t size)
{
	return sizeof(struct block) + ((size + 15) & ~(size_t)15) + TAIL_BYTES;
}

static void check_tail(const struct block *b)
{
	check_fill(b, b->size, total_bytes(b->size) - sizeof(*b), 0xde,
		   "write past the end, at");
}

static struct block *block_of(const void *p)
{
	struct block *b = (struct block *)p - 1;

	if (b->magic == MAGIC_LIVE)
		return b;
	if (b->magic == MAGIC_FREED) {
		char now[256];
		struct site s;

		note_site(&s);
		fprintf(stderr, "heapgate: debug: freed again (%s) at%s\n",
			mem_tag_name(wrap_caller()->tag),
			site_text(&s, now, sizeof(now)));
		complain(b, "double free or use after free,", 0);
	}
	mem_die("debug: %p is not a live block, or the bytes before it were "
		"overwritten",
		p);
}

static void *debug_alloc(size_t size)
{
	struct block *b;

	if (size > PTRDIFF_MAX - 256)
		return NULL;
	b = debug.below.alloc(total_bytes(size));
	if (!b)
		return NULL;
	*b = (struct block){
		.next = debug.live,
		.size = size,
		.tag = wrap_caller()->tag,
		.serial = ++debug.n_calls,
		.magic = MAGIC_LIVE,
	};
	note_site(&b->taken);
	if (b->next)
		b->next->prev = b;
	debug.live = b;
	memset(b + 1, 0xd0, size);
	memset((char *)(b + 1) + size, 0xde, total_bytes(size) - sizeof(*b) - size);
	return b + 1;
}

static void *debug_zalloc(size_t size)
{
	void *p = debug_alloc(size);

	return p ? memset(p, 0, size) : NULL;
}

static void release_oldest(void)
{
	struct block *b = debug.waiting[debug.oldest];

	check_fill(b, 0, b->size, 0xdf, "write after free, at");
	check_tail(b);
	debug.oldest = (debug.oldest + 1) % QUARANTINE_BLOCKS;
	debug.n_waiting--;
	debug.waiting_bytes -= b->size;
	b->magic = 0;
	debug.below.free(b);
}

static void debug_free(void *p)
{
	struct block *b = block_of(p);

	check_tail(b);
	*(b->prev ? &b->prev->next : &debug.live) = b->next;
	if (b->next)
		b->next->prev = b->prev;
	b->magic = MAGIC_FREED;
	b->freed_tag = wrap_caller()->tag;
	note_site(&b->freed);
	if (b->freed_tag != b->tag)
		complain(b, "freed under another tag,", 0);
	memset(p, 0xdf, b->size);
	if (debug.n_waiting == QUARANTINE_BLOCKS)
		release_oldest();
	debug.waiting[(debug.oldest + debug.n_waiting++) % QUARANTINE_BLOCKS] = b;
	debug.waiting_bytes += b->size;
	while (debug.waiting_bytes > QUARANTINE_BYTES)
		release_oldest();
}

/* Always moves: who kept the old pointer is found out. */
static void *debug_realloc(void *p, size_t size)
{
	struct block *b = block_of(p);
	void *q = debug_alloc(size);

	if (!q)
		return NULL;
	memcpy(q, p, b->size < size ? b->size : size);
	debug_free(p);
	return q;
}

static size_t debug_usable(const void *p)
{
	return block_of(p)->size;
}

static void add_leak(const struct block *b)
{
	struct leak *l = debug.leaks;

	while (l->site &&
	       (l->tag != b->tag || memcmp(l->site, &b->taken, sizeof(b->taken))))
		if (++l == debug.leaks + MAX_LEAK_SITES)
			return;
	l->site = &b->taken;
	l->tag = b->tag;
	l->n_blocks++;
	l->bytes += b->size;
	l->first_serial = b->serial; /* the list runs from new to old */
}

static int more_bytes(const void *a, const void *b)
{
	const struct leak *x = a, *y = b;

	return x->bytes < y->bytes ? 1 : x->bytes > y->bytes ? -1 : 0;
}

static void report_leaks(void)
{
	uint64_t n = 0, bytes = 0;
	char text[256];

	for (struct block *b = debug.live; b; b = b->next) {
		check_tail(b);
		add_leak(b);
		n++;
		bytes += b->size;
	}
	if (!n)
		return;
	qsort(debug.leaks, MAX_LEAK_SITES, sizeof(debug.leaks[0]), more_bytes);
	fprintf(stderr, "heapgate: debug: %llu blocks, %llu bytes still out at exit\n",
		(unsigned long long)n, (unsigned long long)bytes);
	for (int i = 0; i < SHOWN_LEAK_SITES && debug.leaks[i].site; i++) {
		const struct leak *l = &debug.leaks[i];

		fprintf(stderr,
			"heapgate: debug: leak: %llu blocks, %llu bytes (%s), first "
			"is call %llu, taken at%s\n",
			(unsigned long long)l->n_blocks, (unsigned long long)l->bytes,
			mem_tag_name(l->tag), (unsigned long long)l->first_serial,
			site_text(l->site, text, sizeof(text)));
	}
}

/* Registered before any library's handler, so it runs after all of them. */
static void at_exit(void)
{
	while (debug.n_waiting)
		release_oldest();
	report_leaks();
}

void wrap_debug(struct mem_backend *b)
{
	void *frame;

	debug.below = *b;
	b->alloc = debug_alloc;
	b->zalloc = debug_zalloc;
	b->realloc = debug_realloc;
	b->free = debug_free;
	b->usable = debug_usable;
	/* Its first call loads a library: not in the middle of something. */
	backtrace(&frame, 1);
	atexit(at_exit);
}
