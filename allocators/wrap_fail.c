/*
 * fail: answers chosen calls with NULL, to see what the program does then.
 *
 * Counts alloc, zalloc and realloc from 1. The same spec fails the same calls
 * on every run: the rate form draws from a generator with a fixed seed.
 */
#include "wrap.h"

static struct {
	struct mem_backend below;
	uint64_t n_calls;
	uint64_t nth;     /* fail this call; 0: off */
	uint64_t every;   /* fail each such call; 0: off */
	uint64_t below_x; /* fail when the draw is less; 0: off */
	uint64_t draw;    /* state of the generator */
} fail;

/* xorshift64: enough to spread failures. */
static uint64_t next_draw(void)
{
	fail.draw ^= fail.draw << 13;
	fail.draw ^= fail.draw >> 7;
	fail.draw ^= fail.draw << 17;
	return fail.draw;
}

static bool this_one(void)
{
	uint64_t n = ++fail.n_calls;

	return n == fail.nth || (fail.every && n % fail.every == 0) ||
	       (fail.below_x && next_draw() < fail.below_x);
}

static void *fail_alloc(size_t size)
{
	return this_one() ? NULL : fail.below.alloc(size);
}

static void *fail_zalloc(size_t size)
{
	return this_one() ? NULL : fail.below.zalloc(size);
}

static void *fail_realloc(void *p, size_t size)
{
	return this_one() ? NULL : fail.below.realloc(p, size);
}

void wrap_fail(struct mem_backend *b, uint64_t nth, uint64_t every, double rate)
{
	fail.below = *b;
	fail.nth = nth;
	fail.every = every;
	fail.below_x = rate >= 1 ? UINT64_MAX : (uint64_t)(rate * 0x1p64);
	fail.draw = 0x9e3779b97f4a7c15;
	b->alloc = fail_alloc;
	b->zalloc = fail_zalloc;
	b->realloc = fail_realloc;
}
