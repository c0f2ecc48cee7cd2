/*
 * bench_pin: what a few long-lived objects hold back.
 *
 *     bench_pin ALLOCATOR [OBJECTS]
 *
 * Takes OBJECTS (1,000,000) blocks of 16 to 1,024 bytes, small ones more often,
 * frees all but every 256th, and purges. Prints the RSS in kB with all of them,
 * after the frees (and ten seconds' worth of decay) and after the purge, each
 * net of the RSS before.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "allocators/mem.h"

#define KEEP_EACH 256

static long rss_kb(void)
{
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f || fscanf(f, "%*d %ld", &pages) != 1)
		exit(1);
	fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* 16 to 1,024: each power of two as often as the next, all within it alike. */
static size_t next_size(uint32_t *random)
{
	unsigned int shift;

	*random = *random * 1664525 + 1013904223;
	shift = (*random >> 28) % 6;
	return ((size_t)16 << shift) + (*random >> 8) % ((size_t)16 << shift);
}

static void fill(void **p, size_t n)
{
	uint32_t random = 1;

	for (size_t i = 0; i < n; i++) {
		size_t size = next_size(&random);

		p[i] = mem_alloc(MEM_CONN, size);
		if (!p[i])
			exit(1);
		memset(p[i], 1, size);
	}
}

static void pass_time(void)
{
	for (uint64_t s = 1; s <= 10; s++)
		while (mem_decay(s * 1000))
			;
}

int main(int argc, char **argv)
{
	const char *spec = argc > 1 ? argv[1] : "";
	size_t n = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000000;
	const char *tunables = mem_tunables(spec);
	char err[256] = "";
	void **p;
	long before, all, freed;

	if (tunables && !getenv("GLIBC_TUNABLES")) {
		setenv("GLIBC_TUNABLES", tunables, 1);
		execv("/proc/self/exe", argv);
	}
	if (mem_choose(spec, err, sizeof(err)) < 0) {
		fprintf(stderr, "%s\n", err);
		return 1;
	}
	p = malloc(n * sizeof(*p));
	if (!p)
		return 1;
	memset(p, 1, n * sizeof(*p));
	mem_free(MEM_CONN, mem_alloc(MEM_CONN, 100));
	before = rss_kb();
	fill(p, n);
	all = rss_kb() - before;
	for (size_t i = 0; i < n; i++)
		if (i % KEEP_EACH)
			mem_free(MEM_CONN, p[i]);
	pass_time();
	freed = rss_kb() - before;
	while (mem_purge())
		;
	printf("%ld %ld %ld\n", all, freed, rss_kb() - before);
	return 0;
}
