/*
 * bench_mem: what an allocation costs, for each allocator, by size and pattern.
 *
 *     bench_mem [ROUNDS [CSV-FILE]]
 *
 * Each round starts this program once for each allocator, in turn, so that a
 * busy moment of the machine hits all of them; the table shows the median and,
 * in brackets, the tenth percentile of all rounds, in ns per malloc+free pair.
 *
 * At the end the hybrid's median beside those of three others, as ratios, and
 * beside what is asked of it.
 *
 * direct: the backend's own functions. table: through mem.h, with accounting.
 * Needs GLIBC_TUNABLES for jemalloc and sets it.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "allocators/arena.h"
#include "allocators/pool.h"

#define MAX_ROUNDS 101
#define CASE_NS    4000000.0 /* one case runs about this long */

static const char *const specs[] = {"system", "jemalloc", "mimalloc", "tcmalloc",
				    "hybrid"};
#define N_SPECS (sizeof(specs) / sizeof(*specs))

static const size_t sizes[] = {40, 64, 152, 256, 1024, 4096, 16384, 16584};
#define N_SIZES (sizeof(sizes) / sizeof(*sizes))

static struct mem_backend b;
static bool through_table;

static inline void *take(size_t size)
{
	void *p = through_table ? mem_alloc(MEM_CONN, size) : b.alloc(size);

	/* As a program would: the block's first word is written. */
	*(volatile uint64_t *)p = size;
	return p;
}

static inline void give(void *p)
{
	if (through_table)
		mem_free(MEM_CONN, p);
	else
		b.free(p);
}

/* --- patterns: n pairs each --- */

static void one_at_a_time(size_t size, unsigned int n)
{
	while (n--)
		give(take(size));
}

static void ring_of(unsigned int live, size_t size, unsigned int n, bool mix)
{
	static void *p[4096];
	uint32_t at = 0, random = 1;

	for (unsigned int i = 0; i < live; i++)
		p[i] = take(size);
	while (n--) {
		random = random * 1664525 + 1013904223;
		at = mix ? (random >> 16) % live : (at + 1) % live;
		give(p[at]);
		p[at] = take(size);
	}
	for (unsigned int i = 0; i < live; i++)
		give(p[i]);
}

static void oldest_of_64(size_t size, unsigned int n)
{
	ring_of(64, size, n, false);
}

static void any_of_1024(size_t size, unsigned int n)
{
	ring_of(1024, size, n, true);
}

static void bursts_of(int burst, size_t size, unsigned int n)
{
	static void *p[500];

	for (unsigned int done = 0; done < n; done += (unsigned int)burst) {
		for (int i = 0; i < burst; i++)
			p[i] = take(size);
		for (int i = burst; i-- > 0;)
			give(p[i]);
	}
}

static void bursts_of_64(size_t size, unsigned int n)
{
	bursts_of(64, size, n);
}

static void bursts_of_500(size_t size, unsigned int n)
{
	bursts_of(500, size, n);
}

static void arena_objects(size_t size, unsigned int n)
{
	static struct arena a;
	struct arena_mark m;

	arena_init(&a, MEM_STREAM, 16384);
	m = arena_mark(&a);
	for (unsigned int i = 0; i < n; i++) {
		*(volatile uint64_t *)arena_alloc(&a, size) = i;
		if (i % 64 == 63)
			arena_rewind(&a, m);
	}
	arena_fini(&a);
}

static void pool_objects(size_t size, unsigned int n)
{
	static struct pool p;
	static void *o[64];

	pool_init(&p, "bench", MEM_STREAM, size);
	for (int i = 0; i < 64; i++)
		o[i] = pool_get(&p);
	for (unsigned int i = 0; i < n; i++) {
		pool_put(&p, o[i % 64]);
		o[i % 64] = pool_get(&p);
		*(volatile uint64_t *)o[i % 64] = i;
	}
	for (int i = 0; i < 64; i++)
		pool_put(&p, o[i]);
	pool_fini(&p);
}

/* A stream's scope: create, 8 allocations, destroy. */
static void stream_scopes(size_t size, unsigned int n)
{
	static const size_t asked[8] = {96, 24, 64, 180, 32, 48, 128, 64};
	struct arena a;

	(void)size;
	while (n--) {
		arena_init(&a, MEM_STREAM, 1024);
		for (int i = 0; i < 8; i++)
			*(volatile uint64_t *)arena_alloc(&a, asked[i]) = n;
		arena_fini(&a);
	}
}

static const struct pattern {
	const char *name;
	void (*run)(size_t size, unsigned int n);
	bool regions; /* arenas and pools: table only, three sizes */
} patterns[] = {
	{"one at a time", one_at_a_time, false}, {"oldest of 64", oldest_of_64, false},
	{"any of 1024", any_of_1024, false},     {"bursts of 64", bursts_of_64, false},
	{"bursts of 500", bursts_of_500, false}, {"arena object", arena_objects, true},
	{"pool object", pool_objects, true},     {"stream scope", stream_scopes, true},
};
#define N_PATTERNS (sizeof(patterns) / sizeof(*patterns))
#define N_CASES    (N_PATTERNS * N_SIZES)

static bool is_case(size_t pattern, size_t size, bool table)
{
	const struct pattern *p = &patterns[pattern];

	if (!p->regions)
		return p->run != any_of_1024 || sizes[size] <= 4096;
	if (!table)
		return false;
	return p->run == stream_scopes ? size == 0 : size == 1 || size == 3;
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double time_case(const struct pattern *p, size_t size)
{
	unsigned int n = 2000;
	double begun, took;

	for (;;) {
		begun = now_ns();
		p->run(size, n);
		took = now_ns() - begun;
		if (took >= CASE_NS / 4)
			break;
		n *= 2;
	}
	n = (unsigned int)(n * CASE_NS / took) + 1;
	begun = now_ns();
	p->run(size, n);
	return (now_ns() - begun) / n;
}

/* In a fresh process: "CASE NS" lines for one allocator. */
static int run_one(const char *spec, bool table)
{
	char err[256] = "";

	through_table = table;
	if (table) {
		if (mem_choose(spec, err, sizeof(err)) < 0)
			return 69;
	} else {
		b = *mem_backend_find(spec);
		if (b.load(&b, "", "", err, sizeof(err)) < 0)
			return 69;
	}
	for (size_t i = 0; i < N_PATTERNS; i++)
		for (size_t k = 0; k < N_SIZES; k++)
			if (is_case(i, k, table))
				printf("%zu %.2f\n", i * N_SIZES + k,
				       time_case(&patterns[i], sizes[k]));
	return 0;
}

/* --- the parent --- */

static double results[2][N_CASES][N_SPECS][MAX_ROUNDS];
static int n_results[2][N_CASES][N_SPECS];

static void collect(const char *self, size_t spec, int table)
{
	char command[700];
	double ns;
	size_t id;
	FILE *f;

	snprintf(command, sizeof(command), "'%s' --one %s %s", self, specs[spec],
		 table ? "table" : "direct");
	f = popen(command, "r");
	while (f && fscanf(f, "%zu %lf", &id, &ns) == 2)
		if (id < N_CASES && n_results[table][id][spec] < MAX_ROUNDS)
			results[table][id][spec][n_results[table][id][spec]++] = ns;
	if (f)
		pclose(f);
}

static int by_value(const void *x, const void *y)
{
	double d = *(const double *)x - *(const double *)y;

	return d < 0 ? -1 : d > 0;
}

static void print_case(int table, size_t id, FILE *csv)
{
	const struct pattern *p = &patterns[id / N_SIZES];
	size_t size = sizes[id % N_SIZES];

	printf("%-14s %6zu", p->name, size);
	for (size_t s = 0; s < N_SPECS; s++) {
		double *r = results[table][id][s];
		int n = n_results[table][id][s];

		if (!n) {
			printf("  %16s", "-");
			continue;
		}
		qsort(r, (size_t)n, sizeof(*r), by_value);
		printf("  %8.1f [%5.1f]", r[n / 2], r[n / 10]);
		if (csv)
			fprintf(csv, "%s,%s,%zu,%s,%d,%.2f,%.2f\n",
				table ? "table" : "direct", p->name, size, specs[s], n,
				r[n / 2], r[n / 10]);
	}
	printf("\n");
}

static void print_all(FILE *csv)
{
	if (csv)
		fprintf(csv, "calls,pattern,bytes,allocator,rounds,median_ns,p10_ns\n");
	for (int table = 0; table < 2; table++) {
		printf("\n%s: ns per pair, median [p10]\n%-14s %6s",
		       table ? "through the table" : "direct", "pattern", "bytes");
		for (size_t s = 0; s < N_SPECS; s++)
			printf("  %16s", specs[s]);
		printf("\n");
		for (size_t id = 0; id < N_CASES; id++)
			if (is_case(id / N_SIZES, id % N_SIZES, table))
				print_case(table, id, csv);
	}
}

/* --- ratios --- */

enum { SYSTEM, JEMALLOC, MIMALLOC, TCMALLOC, HYBRID }; /* places in specs[] */

/* What is asked of the hybrid, as a share of another's median; 0: nothing. */
static const struct target {
	const char *pattern;
	size_t bytes;
	int table;
	double to[N_SPECS];
} targets[] = {
	{"bursts of 64", 64, 0, {[MIMALLOC] = 1.1}},
	{"bursts of 64", 256, 0, {[MIMALLOC] = 1.1}},
	{"bursts of 64", 4096, 0, {[MIMALLOC] = 0.35, [TCMALLOC] = 1.2}},
	{"bursts of 64", 16384, 0, {[MIMALLOC] = 0.35, [TCMALLOC] = 1.2}},
	{"bursts of 64", 16584, 0, {[MIMALLOC] = 0.35, [TCMALLOC] = 1.2}},
	{"stream scope", 40, 1, {[SYSTEM] = 0.25}},
};

static const struct target *target_of(int table, const char *pattern, size_t bytes)
{
	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++)
		if (targets[i].table == table && targets[i].bytes == bytes &&
		    strcmp(targets[i].pattern, pattern) == 0)
			return &targets[i];
	return NULL;
}

/* The results are in order by now. 0: there is none. */
static double median(int table, size_t id, size_t spec)
{
	int n = n_results[table][id][spec];

	return n ? results[table][id][spec][n / 2] : 0;
}

static void print_ratio(double hybrid, double other, double most)
{
	if (!other || !hybrid) {
		printf("  %18s", "-");
		return;
	}
	printf("  %5.2f", hybrid / other);
	if (most > 0)
		printf(" %-3s <= %-4.2f", hybrid <= most * other ? "ok" : "BAD", most);
	else
		printf("%13s", "");
}

static void print_ratios_of(int table, size_t id)
{
	static const size_t others[] = {MIMALLOC, TCMALLOC, SYSTEM};
	const char *pattern = patterns[id / N_SIZES].name;
	const struct target *t = target_of(table, pattern, sizes[id % N_SIZES]);
	double hybrid = median(table, id, HYBRID);

	printf("%-14s %6zu  %-6s  %8.1f", pattern, sizes[id % N_SIZES],
	       table ? "table" : "direct", hybrid);
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		print_ratio(hybrid, median(table, id, others[i]),
			    t ? t->to[others[i]] : 0);
	printf("\n");
}

static void print_ratios(bool asked)
{
	printf("\n%s: the hybrid's median / another's\n%-14s %6s  %-6s  %8s  %-18s  "
	       "%-18s  %s\n",
	       asked ? "asked of it" : "all others", "pattern", "bytes", "calls", "ns",
	       "mimalloc", "tcmalloc", "system");
	for (int table = 0; table < 2; table++)
		for (size_t id = 0; id < N_CASES; id++)
			if (is_case(id / N_SIZES, id % N_SIZES, table) &&
			    asked == (target_of(table, patterns[id / N_SIZES].name,
						sizes[id % N_SIZES]) != NULL))
				print_ratios_of(table, id);
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 11;
	char self[512] = "";
	FILE *csv;

	if (argc == 4 && strcmp(argv[1], "--one") == 0)
		return run_one(argv[2], strcmp(argv[3], "table") == 0);
	if (rounds < 1 || rounds > MAX_ROUNDS || argc > 3) {
		fprintf(stderr, "usage: bench_mem [ROUNDS (1-%d) [CSV-FILE]]\n",
			MAX_ROUNDS);
		return 2;
	}
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return 1;
	setenv("GLIBC_TUNABLES", mem_tunables("jemalloc"), 1);
	for (int i = 0; i < rounds; i++)
		for (int table = 0; table < 2; table++)
			for (size_t s = 0; s < N_SPECS; s++)
				collect(self, s, table);
	csv = argc > 2 ? fopen(argv[2], "w") : NULL;
	print_all(csv);
	print_ratios(false);
	print_ratios(true);
	return csv && fclose(csv) != 0 ? 1 : 0;
}
