#include "wrap_sizes.h"

#include <string.h>
#include <time.h>

#include "wrap.h"

/* Up to here each size has a counter of its own. */
#define EXACT_BYTES 32768u
#define N_LARGE     256u  /* other sizes that get one, the first that come */
#define N_SLOTS     4096u /* blocks whose life is being measured */

/* A block of the sample: found by its address alone, so that a free needs one
 * look. */
struct slot {
	const void *p; /* NULL: none */
	uint64_t born_us;
	uint32_t tag;
};

static struct {
	struct mem_backend below;
	bool sizes;
	uint32_t sample;
	uint32_t next; /* blocks until the next one of the sample */
	uint64_t calls, bytes;
	uint64_t missed;
	uint64_t exact[EXACT_BYTES + 1]; /* pages are touched as needed */
	struct mem_size large[N_LARGE];
	uint64_t by_power[MEM_SIZES_POWERS];
	uint64_t life[MEM_N_TAGS][MEM_LIFE_POWERS];
	struct slot slots[N_SLOTS];
} s;

/* The least n with v <= 2^n; the last one for all that is more. */
static unsigned int power_of(uint64_t v, unsigned int n)
{
	unsigned int power = v <= 1 ? 0 : 64u - (unsigned int)__builtin_clzll(v - 1);

	return power < n ? power : n - 1;
}

static void count_large(size_t size)
{
	for (unsigned int i = 0; i < N_LARGE; i++) {
		if (s.large[i].calls && s.large[i].bytes != size)
			continue;
		s.large[i].bytes = size;
		s.large[i].calls++;
		return;
	}
}

static void count_size(size_t size)
{
	s.calls++;
	s.bytes += size;
	if (!s.sizes)
		return;
	s.by_power[power_of(size, MEM_SIZES_POWERS)]++;
	if (size <= EXACT_BYTES)
		s.exact[size]++;
	else
		count_large(size);
}

/* --- lives --------------------------------------------------------------- */

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static struct slot *slot_of(const void *p)
{
	uint64_t hash = ((uintptr_t)p >> 3) * 0x9e3779b97f4a7c15u;

	return &s.slots[hash >> 52];
}
_Static_assert(N_SLOTS == 1u << (64 - 52), "slot_of() takes so many bits");

static void begin_life(const void *p)
{
	struct slot *slot;

	if (!s.sample || --s.next)
		return;
	s.next = s.sample;
	slot = slot_of(p);
	if (slot->p) {
		s.missed++;
		return;
	}
	*slot = (struct slot){p, now_us(), wrap_caller()->tag};
}

static void end_life(const void *p)
{
	struct slot *slot = slot_of(p);

	if (slot->p != p)
		return;
	slot->p = NULL;
	s.life[slot->tag][power_of(now_us() - slot->born_us, MEM_LIFE_POWERS)]++;
}

/* --- the backend --------------------------------------------------------- */

static void *sizes_alloc(size_t size)
{
	void *p = s.below.alloc(size);

	if (p) {
		count_size(size);
		begin_life(p);
	}
	return p;
}

static void *sizes_zalloc(size_t size)
{
	void *p = s.below.zalloc(size);

	if (p) {
		count_size(size);
		begin_life(p);
	}
	return p;
}

/* The block lives on, wherever it moves to. */
static void *sizes_realloc(void *p, size_t size)
{
	struct slot old = *slot_of(p);
	void *q = s.below.realloc(p, size);

	if (!q)
		return NULL;
	count_size(size);
	if (old.p != p || p == q)
		return q;
	slot_of(p)->p = NULL;
	if (slot_of(q)->p) {
		s.missed++;
	} else {
		*slot_of(q) = old;
		slot_of(q)->p = q;
	}
	return q;
}

static void sizes_free(void *p)
{
	end_life(p);
	s.below.free(p);
}

void wrap_sizes(struct mem_backend *b, bool sizes, uint32_t sample)
{
	s.below = *b;
	s.sizes = sizes;
	s.sample = sample;
	s.next = sample;
	b->alloc = sizes_alloc;
	b->zalloc = sizes_zalloc;
	b->realloc = sizes_realloc;
	b->free = sizes_free;
}

/* --- the report ---------------------------------------------------------- */

static void keep(struct mem_sizes *out, uint64_t bytes, uint64_t calls)
{
	unsigned int at = out->n_top;

	while (at && out->top[at - 1].calls < calls)
		at--;
	if (!calls || at == MEM_SIZES_TOP)
		return;
	if (out->n_top < MEM_SIZES_TOP)
		out->n_top++;
	memmove(&out->top[at + 1], &out->top[at],
		(out->n_top - at - 1) * sizeof(*out->top));
	out->top[at] = (struct mem_size){bytes, calls};
}

bool mem_sizes(struct mem_sizes *out)
{
	memset(out, 0, sizeof(*out));
	if (!s.sizes && !s.sample)
		return false;
	out->calls = s.calls;
	out->bytes = s.bytes;
	out->sample = s.sample;
	out->n_missed = s.missed;
	for (uint32_t i = 0; i <= EXACT_BYTES; i++)
		keep(out, i, s.exact[i]);
	for (uint32_t i = 0; i < N_LARGE; i++)
		keep(out, s.large[i].bytes, s.large[i].calls);
	memcpy(out->by_power, s.by_power, sizeof(out->by_power));
	memcpy(out->life, s.life, sizeof(out->life));
	return true;
}
