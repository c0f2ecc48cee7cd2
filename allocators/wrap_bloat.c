/*
 * bloat: keeps memory that nobody asked for, to see whether who compares
 * allocators notices.
 *
 * The planted size must be known, so it is a share of what the process has in
 * RAM without it (anonymous pages, by /proc/self/statm), held in touched pages
 * of a mapping of its own: RSS is that much higher, whatever the backend below
 * makes of its free blocks. It follows as RSS rises and falls: closely while the
 * process starts, for who then idles calls nothing, and what it has is measured;
 * later no more often than is needed, for a worker that we slow down has more open
 * at the same time. Blocks are handed through as they are.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "wrap.h"

#define ROOM      ((size_t)4 << 30) /* bytes of address space: no more is held */
#define CALLS     16u               /* between looks at the clock */
#define EVERY_US  10000u            /* from one look at statm to the next, or */
#define OF_AGE    16u               /* a part of our age: a start is short */
#define SLACK     4u                /* pages: not one back and forth each time */
#define MAX_PAGES (ROOM / 4096)
#define MICROS    1000000u

static struct {
	struct mem_backend below;
	double share; /* 0.10: ten percent */
	char *room;
	size_t page, n_held; /* bytes; pages touched */
	int statm;
	unsigned int n_calls; /* since the last look at the clock */
	uint64_t looked_us, began_us;
	double held_us, own_us; /* bytes times µs so far */
	size_t own;             /* bytes, at the last look */
} bloat;

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * MICROS + (uint64_t)t.tv_nsec / 1000;
}

/* Anonymous pages in RAM, ours among them. Not by sscanf(): the stack it takes
 * is a page that the process without us does not have. */
static size_t anon_pages(void)
{
	char text[128], *at = text;
	unsigned long resident, shared;
	ssize_t n = pread(bloat.statm, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return 0;
	text[n] = '\0';
	strtoul(at, &at, 10); /* the address space */
	resident = strtoul(at, &at, 10);
	shared = strtoul(at, &at, 10);
	return resident < shared ? 0 : resident - shared;
}

static void hold(size_t n)
{
	for (; bloat.n_held < n; bloat.n_held++)
		bloat.room[bloat.n_held * bloat.page] = 1;
	if (bloat.n_held <= n + SLACK)
		return;
	madvise(bloat.room + n * bloat.page, (bloat.n_held - n) * bloat.page,
		MADV_DONTNEED);
	bloat.n_held = n;
}

static void look(uint64_t now)
{
	uint64_t us = now - bloat.looked_us;
	size_t all = anon_pages(), own = all > bloat.n_held ? all - bloat.n_held : 0;
	size_t want = (size_t)((double)own * bloat.share + 0.5);

	bloat.held_us += (double)(bloat.n_held * bloat.page) * (double)us;
	bloat.own_us += (double)bloat.own * (double)us;
	bloat.looked_us = now;
	bloat.own = own * bloat.page;
	hold(want < MAX_PAGES ? want : MAX_PAGES);
}

static inline void may_look(void)
{
	uint64_t now, since;

	if (++bloat.n_calls < CALLS)
		return;
	bloat.n_calls = 0;
	now = now_us();
	since = now - bloat.looked_us;
	if (since >= EVERY_US || since * OF_AGE >= now - bloat.began_us)
		look(now);
}

static void *bloat_alloc(size_t size)
{
	may_look();
	return bloat.below.alloc(size);
}

static void *bloat_zalloc(size_t size)
{
	may_look();
	return bloat.below.zalloc(size);
}

static void *bloat_realloc(void *p, size_t size)
{
	may_look();
	return bloat.below.realloc(p, size);
}

static void bloat_free(void *p)
{
	bloat.below.free(p);
	may_look();
}

/* Who allocates nothing still gives memory back. */
static bool bloat_decay(uint64_t now_ms)
{
	bool more = bloat.below.decay ? bloat.below.decay(now_ms) : false;

	look(now_us());
	return more;
}

static uint64_t bloat_purge(void)
{
	uint64_t bytes = bloat.below.purge ? bloat.below.purge() : 0;

	look(now_us());
	return bytes;
}

size_t wrap_bloat_held(size_t *own)
{
	*own = bloat.own;
	return bloat.n_held * bloat.page;
}

static void at_exit(void)
{
	double us;

	look(now_us());
	us = (double)(bloat.looked_us - bloat.began_us);
	if (us > 0)
		fprintf(stderr,
			"heapgate: bloat: %.0f bytes held beside %.0f, on average\n",
			bloat.held_us / us, bloat.own_us / us);
}

int wrap_bloat(struct mem_backend *b, double share, char *err, size_t err_cap)
{
	bloat.statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	bloat.room = mmap(NULL, ROOM, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (bloat.statm < 0 || bloat.room == MAP_FAILED) {
		snprintf(err, err_cap, "wrapper bloat: no %s",
			 bloat.statm < 0 ? "/proc/self/statm" : "address space");
		return -1;
	}
	/* One touched page is to be one page. */
	madvise(bloat.room, ROOM, MADV_NOHUGEPAGE);
	bloat.page = (size_t)sysconf(_SC_PAGESIZE);
	bloat.share = share;
	bloat.below = *b;
	b->alloc = bloat_alloc;
	b->zalloc = bloat_zalloc;
	b->realloc = bloat_realloc;
	b->free = bloat_free;
	b->decay = bloat_decay;
	b->purge = bloat_purge;
	bloat.looked_us = bloat.began_us = now_us();
	look(bloat.looked_us);
	atexit(at_exit);
	return 0;
}
