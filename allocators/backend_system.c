/*
 * system: the malloc that the process was started with, glibc's as a rule.
 */
#include <gnu/libc-version.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"

static void *system_zalloc(size_t size)
{
	return calloc(1, size);
}

static size_t system_usable(const void *p)
{
	return malloc_usable_size((void *)p);
}

/* glibc counts blocks in its thread cache as in use; it takes its locks and
 * walks its bins, half a millisecond on a big heap. */
static void system_stats(struct mem_stats *out)
{
	struct mallinfo2 info = mallinfo2();

	out->allocated = info.uordblks + info.hblkhd;
	out->active = info.arena + info.hblkhd;
	out->cached = info.fordblks;
}

static uint64_t system_purge(void)
{
	struct mallinfo2 before = mallinfo2();
	struct mallinfo2 after;

	malloc_trim(0);
	after = mallinfo2();
	/* Only the shrunk top shows here; pages freed by madvise inside the
	 * heap stay in the arena's figure. */
	return before.arena > after.arena ? before.arena - after.arena : 0;
}

static const char *system_version(void)
{
	return gnu_get_libc_version();
}

static int system_load(struct mem_backend *self, const char *lib, const char *prefix,
		       char *err, size_t err_cap)
{
	(void)self, (void)lib, (void)prefix, (void)err, (void)err_cap;
	return 0;
}

static int system_set(struct mem_backend *self, const char *key, int64_t value,
		      char *err, size_t err_cap)
{
	int param = M_ARENA_MAX;

	(void)self;
	if (strcmp(key, "mmap_threshold") == 0)
		param = M_MMAP_THRESHOLD;
	else if (strcmp(key, "trim_threshold") == 0)
		param = M_TRIM_THRESHOLD;
	else if (strcmp(key, "top_pad") == 0)
		param = M_TOP_PAD;
	if (mallopt(param, (int)value) == 1)
		return 0;
	snprintf(err, err_cap, "glibc refused %s=%lld", key, (long long)value);
	return -1;
}

static const struct mem_key system_keys[] = {
	{"mmap_threshold", MEM_KEY_BYTES, 4096, 32 << 20,
	 "blocks from this size get a mapping of their own: 4k to 32m"},
	{"trim_threshold", MEM_KEY_BYTES, 4096, 1 << 30,
	 "free bytes at the heap's top before it shrinks: 4k to 1g"},
	{"top_pad", MEM_KEY_BYTES, 0, 1 << 30,
	 "bytes to ask beyond the need when the heap grows: 0 to 1g"},
	{"arena_max", MEM_KEY_NUMBER, 1, 1024, "most malloc arenas: 1 to 1024"},
	{.name = NULL},
};

const struct mem_backend backend_system = {
	.name = "system",
	.summary = "the C library's malloc",
	.keys = system_keys,
	.tuned = "trim_threshold=131072,mmap_threshold=131072,arena_max=1",
	.load = system_load,
	.set = system_set,
	.alloc = malloc,
	.zalloc = system_zalloc,
	.realloc = realloc,
	.free = free,
	.usable = system_usable,
	.stats = system_stats,
	.purge = system_purge,
	.version = system_version,
};
