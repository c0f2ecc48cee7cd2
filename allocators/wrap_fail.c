/*
 * fail: answers chosen calls with NULL, to see what the program does then.
 *
 * Counts alloc, zalloc and realloc from 1. The same spec fails the same calls
 * on every run: the rate form draws from a generator with a fixed seed.
 */
#include "wrap.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is in the file of +fail=file=PATH. */
struct orders {
	_Atomic uint64_t left;    /* calls until one fails; 0: none does */
	_Atomic uint64_t n_calls; /* so far */
};

static struct {
	struct mem_backend below;
	uint64_t n_calls;
	uint64_t nth;     /* fail this call; 0: off */
	uint64_t every;   /* fail each such call; 0: off */
	uint64_t below_x; /* fail when the draw is less; 0: off */
	uint64_t draw;    /* state of the generator */
	struct orders *orders;
} fail;

/* xorshift64: enough to spread failures. */
static uint64_t next_draw(void)
{
	fail.draw ^= fail.draw << 13;
	fail.draw ^= fail.draw >> 7;
	fail.draw ^= fail.draw << 17;
	return fail.draw;
}

/* Somebody else may write at the same time: no more than a test needs. */
static bool told_to(void)
{
	uint64_t left = atomic_load(&fail.orders->left);

	atomic_fetch_add(&fail.orders->n_calls, 1);
	if (!left)
		return false;
	atomic_store(&fail.orders->left, left - 1);
	return left == 1;
}

static bool this_one(void)
{
	uint64_t n = ++fail.n_calls;

	if (fail.orders && told_to())
		return true;
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

static void take_place(struct mem_backend *b)
{
	if (b->alloc == fail_alloc)
		return;
	fail.below = *b;
	b->alloc = fail_alloc;
	b->zalloc = fail_zalloc;
	b->realloc = fail_realloc;
}

int wrap_fail_file(struct mem_backend *b, const char *path, char *err, size_t err_cap)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct stat st;
	void *p = MAP_FAILED;

	if (fd >= 0 && fstat(fd, &st) == 0 &&
	    st.st_size >= (off_t)sizeof(struct orders))
		p = mmap(NULL, sizeof(struct orders), PROT_READ | PROT_WRITE,
			 MAP_SHARED, fd, 0);
	if (fd >= 0)
		close(fd);
	if (p == MAP_FAILED) {
		snprintf(err, err_cap, "wrapper fail: %s is no file of 16 bytes", path);
		return -1;
	}
	fail.orders = p;
	take_place(b);
	return 0;
}

void wrap_fail(struct mem_backend *b, uint64_t nth, uint64_t every, double rate)
{
	take_place(b);
	fail.nth = nth;
	fail.every = every;
	fail.below_x = rate >= 1 ? UINT64_MAX : (uint64_t)(rate * 0x1p64);
	fail.draw = 0x9e3779b97f4a7c15;
}
