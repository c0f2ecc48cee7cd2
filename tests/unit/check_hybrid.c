#include "allocators/hybrid_link.h"
#include "allocators/hybrid_mask.h"
#include "allocators/hybrid_parts.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "allocators/memcheck.h"
#include "backends.h"

#define TAG MEM_CONN

#ifdef MEMCHECK_ASAN
#define SHADOW (16u << 20) /* what its own books may take */
#else
#define SHADOW 0u
#endif

static void begin(int hardening)
{
	char spec[40];

	snprintf(spec, sizeof(spec), "hybrid,hardening=%d", hardening);
	backends_choose_spec(spec);
}

static size_t resident_bytes(void)
{
	unsigned long size, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	ck_assert_int_eq(fscanf(f, "%lu %lu", &size, &resident), 2);
	fclose(f);
	return resident * 4096;
}

static int n_segments(void)
{
	int n = 0;

	for (struct hybrid_segment *g = hybrid.oldest; g; g = g->next)
		n++;
	return n;
}

static void purge_all(void)
{
	for (int i = 0; i < 1000 && mem_purge() > 0; i++)
		;
}

/* --- the tables --- */

/* Of the slab that holds p: there would be one cell more. */
static void *behind_the_last(void *p)
{
	const struct hybrid_slab *s = hybrid_slab_at(p);

	return s->base + s->n_cells * s->cell_bytes;
}

START_TEST(classes_rise_and_waste_little)
{
	size_t last = 0;

	begin(1);
	for (unsigned int i = 0; i < hybrid_n_classes; i++) {
		const struct hybrid_class *c = &hybrid_classes[i];
		size_t bytes = c->n_pages * HY_PAGE_BYTES;
		size_t n = bytes / c->cell_bytes;
		/* Sizes above HY_LIST_MAX are told apart by steps. */
		size_t most = c->cell_bytes <= HY_LIST_MAX
				      ? c->cell_bytes
				      : c->cell_bytes / HY_STEP * HY_STEP;

		ck_assert_uint_gt(c->cell_bytes, last);
		ck_assert_uint_eq(c->cell_bytes % 8, 0);
		ck_assert_uint_le(bytes - n * c->cell_bytes, bytes / 32);
		if (c->cell_bytes <= HY_LIST_MAX)
			ck_assert_uint_le(c->n_pages, 16); /* bits of cold */
		else
			ck_assert_uint_lt(n, 64); /* bits of mask, and one behind */
		ck_assert_uint_ge(n, 4);
		if (last >= 64)
			ck_assert_uint_le(c->cell_bytes, last + last / 3);
		if (c->cell_bytes > HY_LIST_MAX) {
			uint32_t r = hybrid_reciprocal(c->cell_bytes);

			ck_assert_uint_eq(c->cell_bytes % 64, 0);
			for (uint32_t at = 0; at < bytes; at++) {
				uint32_t n_before;
				bool exact = hybrid_mask_index(at, r, &n_before);

				if (exact != (at % c->cell_bytes == 0) ||
				    (exact && n_before != at / c->cell_bytes))
					ck_abort_msg("%u / %u", at, c->cell_bytes);
			}
		}
		/* Its own size and all down to the one below come to it. */
		for (size_t size = last + 1; size <= most; size += 7) {
			void *p = mem_alloc(TAG, size);

			ck_assert_uint_eq(mem_usable(p), c->cell_bytes);
			mem_free(TAG, p);
		}
		last = most;
	}
	ck_assert_uint_eq(last, HY_CELL_MAX);
}
END_TEST

static const size_t fitted[][2] = {
	{1, 16},        {24, 24},           {33, 40},       {40, 40},
	{144, 144},     {152, 152},         {175, 176},     {224, 224},
	{1024, 1024},   {2048, 2048},       {2049, 2560},   {2928, 2944},
	{4096, 4096},   {8192, 8192},       {16384, 16384}, {16385, 16960},
	{16584, 16960}, {16896, 16960},     {21848, 21888}, {32768, 32768},
	{32769, 36864}, {1048576, 1048576},
};

START_TEST(a_slab_of_large_cells_hands_out_no_more_than_it_has)
{
	begin(1);
	for (int i = 0; i < 200; i++) {
		char *p = mem_alloc(TAG, i % 2 ? 16584 : 4096);
		const struct hybrid_slab *s = hybrid_slab_at(p);

		ck_assert(p >= s->base);
		ck_assert(p < (char *)behind_the_last(p));
	}
}
END_TEST

START_TEST(sizes_that_libraries_ask_for_fit)
{
	void *p;

	begin(1);
	for (size_t i = 0; i < sizeof(fitted) / sizeof(*fitted); i++) {
		p = mem_alloc(TAG, fitted[i][0]);
		ck_assert_uint_eq(mem_usable(p), fitted[i][1]);
		mem_free(TAG, p);
	}
}
END_TEST

/* --- a random life against a model of it --- */

struct block {
	unsigned char *p;
	size_t size;
	unsigned char fill;
};

#define N_BLOCKS 600
static struct block block[N_BLOCKS];
static int n_blocks;

static size_t random_size(void)
{
	uint32_t r = backends_random();

	switch (r % 16) {
	case 0:
		return r >> 4 & 0x3ffff;
	case 1:
	case 2:
		return r >> 4 & 0x7fff;
	case 3:
		return (r >> 4) % 64 == 0 ? 1000000 + (r >> 10 & 0xfffff) : 16584;
	default:
		return r >> 4 & 0x3ff;
	}
}

static void fill(struct block *b)
{
	static unsigned char next;

	b->fill = ++next;
	memset(b->p, b->fill, b->size);
}

/* One assertion for all bytes: each costs a message to the parent. */
static bool all_bytes_are(const unsigned char *p, size_t n, unsigned char byte)
{
	return n == 0 || (p[0] == byte && memcmp(p, p + 1, n - 1) == 0);
}

static void check_content(const struct block *b, size_t n)
{
	if (!all_bytes_are(b->p, n, b->fill))
		ck_abort_msg("a block of %zu bytes was changed", b->size);
}

static int by_address(const void *a, const void *b)
{
	const struct block *x = a, *y = b;

	return x->p < y->p ? -1 : x->p > y->p;
}

static void check_overlap(void)
{
	qsort(block, (size_t)n_blocks, sizeof(*block), by_address);
	for (int i = 0; i + 1 < n_blocks; i++)
		if (block[i].p + mem_usable(block[i].p) > block[i + 1].p)
			ck_abort_msg("%p and %p overlap", (void *)block[i].p,
				     (void *)block[i + 1].p);
}

static void take(void)
{
	struct block *b = &block[n_blocks];
	bool zero = backends_random() % 4 == 0;

	b->size = random_size();
	b->p = zero ? mem_zalloc(TAG, 1, b->size) : mem_alloc(TAG, b->size);
	if (!b->p || (uintptr_t)b->p % (b->size % 16 ? 8 : 16))
		ck_abort_msg("%zu bytes at %p", b->size, (void *)b->p);
	if (zero && !all_bytes_are(b->p, b->size, 0))
		ck_abort_msg("%zu bytes are not zero", b->size);
	fill(b);
	n_blocks++;
}

static void give(void)
{
	struct block *b = &block[backends_random() % (unsigned int)n_blocks];

	check_content(b, b->size);
	mem_free(TAG, b->p);
	*b = block[--n_blocks];
}

static void resize(void)
{
	struct block *b = &block[backends_random() % (unsigned int)n_blocks];
	size_t size = random_size();

	b->p = mem_realloc(TAG, b->p, size);
	ck_assert_ptr_nonnull(b->p);
	check_content(b, b->size < size ? b->size : size);
	b->size = size;
	fill(b);
}

START_TEST(a_random_life_keeps_every_block_whole)
{
	uint64_t second = 1;

	begin(_i);
	for (int step = 0; step < 30000; step++) {
		bool grow = step / 3000 % 2 == 0;
		uint32_t r = backends_random() % 16;

		if (n_blocks < N_BLOCKS && (n_blocks == 0 || r < (grow ? 9 : 5)))
			take();
		else if (r == 15)
			resize();
		else
			give();
		if (step % 500 == 0)
			check_overlap();
		if (step % 300 == 0)
			mem_decay(second++ * 1000);
		if (step % 4000 == 3999)
			mem_purge();
	}
	while (n_blocks)
		give();
	ck_assert_uint_eq(mem_live(mem_counters(), TAG), 0);
}
END_TEST

START_TEST(its_own_figure_is_that_of_the_counters)
{
	struct mem_stats s;

	begin(_i);
	for (int i = 0; i < 500; i++)
		take();
	for (int i = 0; i < 200; i++)
		give();
	ck_assert(mem_stats(&s));
	ck_assert_uint_eq(s.allocated, mem_live(mem_counters(), TAG));
	ck_assert_uint_ge(s.active, s.allocated);
	ck_assert_uint_ge(s.resident, s.active);
}
END_TEST

/* --- pointers that are not blocks --- */

static char outside[64];

static void free_odd_pointer(int which)
{
	char *p = mem_alloc(TAG, 100000), *q = mem_alloc(TAG, 16000);

	switch (which) {
	case 0:
		mem_free(TAG, outside);
		break;
	case 1:
		mem_free(TAG, &p);
		break;
	case 2:
		mem_free(TAG, (void *)(uintptr_t)8);
		break;
	case 3:
		mem_free(TAG, (void *)(uintptr_t)0xdfdfdfdfdfdfdfdf);
		break;
	case 4:
		mem_free(TAG, hybrid_segment_at(p));
		break;
	case 5:
		mem_free(TAG, p + 4096);
		break;
	case 6:
		mem_free(TAG, q + 16);
		break;
	case 7:
		mem_free(TAG, (char *)mem_alloc(TAG, 3000000) + 8192);
		break;
	case 8:
		ck_assert_ptr_null(mem_realloc(TAG, outside, 10));
		break;
	case 9:
		mem_free(TAG, (char *)hybrid_segment_at(p) + HY_SEGMENT_BYTES - 4096);
		break;
	case 10:
		mem_free(TAG, (void *)(HY_SEGMENT_BYTES + 8));
		break;
	case 11:
		mem_free(TAG, behind_the_last(mem_alloc(TAG, 16584)));
		break;
	}
}

START_TEST(a_foreign_pointer_aborts)
{
	begin(_i / 12);
	free_odd_pointer(_i % 12);
}
END_TEST

static const size_t double_sizes[] = {16, 24, 152, 2048, 4096, 16584, 50000, 2000000};

START_TEST(a_double_free_aborts)
{
	void *p, *other;

	begin(1 + _i / 8);
	other = mem_alloc(TAG, double_sizes[_i % 8]);
	p = mem_alloc(MEM_STREAM, double_sizes[_i % 8]);
	mem_free(MEM_STREAM, p);
	mem_free(MEM_OPENSSL, p);
	mem_free(TAG, other);
}
END_TEST

START_TEST(a_double_free_with_others_between_aborts)
{
	void *p[40];

	begin(1);
	for (int i = 0; i < 40; i++)
		p[i] = mem_alloc(TAG, 64);
	for (int i = 0; i < 30; i++)
		mem_free(TAG, p[i]);
	mem_free(TAG, p[3]);
}
END_TEST

START_TEST(a_double_free_into_a_retired_slab_aborts)
{
	static void *p[2000];

	begin(1);
	for (int i = 0; i < 2000; i++)
		p[i] = mem_alloc(TAG, 64);
	for (int i = 0; i < 2000; i++)
		mem_free(TAG, p[i]);
	mem_free(TAG, p[0]);
}
END_TEST

START_TEST(content_that_looks_like_a_link_is_no_double_free)
{
	struct hybrid_cell *c[100];

	begin(1);
	for (int i = 0; i < 100; i++) {
		c[i] = mem_alloc(TAG, 64);
		c[i]->link = hybrid_link(c[i], (uintptr_t)c[i / 2], 1);
	}
	for (int i = 0; i < 100; i++)
		mem_free(TAG, c[i]);
	ck_assert_uint_eq(mem_live(mem_counters(), TAG), 0);
}
END_TEST

START_TEST(recycled_pages_bring_no_false_alarm)
{
	static void *p[3000];

	begin(1);
	for (int round = 0; round < 6; round++) {
		size_t size = round % 2 ? 16 : 48;

		for (int i = 0; i < 3000; i++) {
			p[i] = mem_alloc(TAG, size);
			if (hybrid_is_link(((struct hybrid_cell *)p[i])->link))
				ck_abort_msg("block %d still has a link", i);
		}
		for (int i = 0; i < 3000; i++)
			mem_free(TAG, p[i]);
	}
	ck_assert_uint_eq(mem_live(mem_counters(), TAG), 0);
}
END_TEST

#ifndef MEMCHECK_ASAN /* it sees these first */
START_TEST(a_link_that_was_overwritten_aborts)
{
	char *p, *q;

	begin(1);
	q = mem_alloc(TAG, 64);
	p = mem_alloc(TAG, 64);
	mem_free(TAG, q);
	mem_free(TAG, p);
	memset(p, 'x', 8);
	p = mem_alloc(TAG, 64);
	q = mem_alloc(TAG, 64);
	memset(q, 0, 64);
}
END_TEST

START_TEST(at_level_2_a_write_after_free_aborts)
{
	char *p;

	begin(2);
	p = mem_alloc(TAG, 100);
	mem_free(TAG, p);
	p[50] = 1;
	for (int i = 0; i < 1000; i++)
		ck_assert_ptr_nonnull(mem_alloc(TAG, 100));
}
END_TEST

START_TEST(at_level_2_a_cell_is_reused_last)
{
	void *p, *q;

	begin(2);
	p = mem_alloc(TAG, 100);
	q = mem_alloc(TAG, 100);
	mem_free(TAG, p);
	mem_free(TAG, q);
	ck_assert_ptr_eq(mem_alloc(TAG, 100), p);
	ck_assert_ptr_eq(mem_alloc(TAG, 100), q);
}
END_TEST

START_TEST(at_level_3_an_overflow_faults)
{
	volatile char *p;

	begin(3);
	p = mem_alloc(TAG, 160);
	p[159] = 1;
	p[160] = 1;
}
END_TEST

START_TEST(at_level_3_a_use_after_free_faults)
{
	volatile char *p;

	begin(3);
	p = mem_alloc(TAG, 160);
	mem_free(TAG, (void *)p);
	p[0] = 1;
}
END_TEST

START_TEST(no_memory_is_no_crash)
{
	struct rlimit limit = {300 << 20, 300 << 20};
	static void *p[4000];
	int n = 0;

	begin(_i);
	ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
	while (n < 4000 && (p[n] = mem_alloc(TAG, n % 2 ? 200000 : 1500000)))
		n++;
	ck_assert_int_lt(n, 4000);
	ck_assert_uint_eq(mem_counters()->tag[TAG].failures, 1);
	while (n > 0)
		mem_free(TAG, p[--n]);
	p[0] = mem_alloc(TAG, 200000);
	ck_assert_ptr_nonnull(p[0]);
	p[0] = mem_realloc(TAG, p[0], 20 << 20);
	ck_assert_ptr_nonnull(p[0]);
	ck_assert_ptr_null(mem_realloc(TAG, p[0], 400 << 20));
	mem_free(TAG, p[0]);
}
END_TEST
#endif

/* --- pages --- */

START_TEST(neighbouring_runs_become_one_again)
{
	static void *p[60];
	int before;

	begin(1);
	for (int i = 0; i < 60; i++)
		p[i] = mem_alloc(TAG, 65536);
	before = n_segments();
	ck_assert_int_eq(before, 1);
	for (int i = 0; i < 60; i += 2)
		mem_free(TAG, p[i]);
	for (int i = 1; i < 60; i += 2)
		mem_free(TAG, p[i]);
	for (int i = 0; i < 3; i++)
		ck_assert_ptr_nonnull(mem_alloc(TAG, 1 << 20));
	ck_assert_int_eq(n_segments(), before);
}
END_TEST

static uint64_t own_resident(void)
{
	struct mem_stats st;

	ck_assert(mem_stats(&st));
	return st.resident;
}

START_TEST(what_is_empty_goes_back_before_new_pages_are_touched)
{
	static void *large[16], *small[2000];
	uint64_t before;

	begin(1);
	for (int i = 0; i < 16; i++)
		large[i] = mem_alloc(TAG, 20000);
	for (int i = 0; i < 16; i++)
		mem_free(TAG, large[i]);
	ck_assert_uint_gt(hybrid.n_spare[hybrid.mask_class[(20000 - 1) / HY_STEP]], 0);
	before = own_resident();
	for (int i = 0; i < 2000; i++)
		small[i] = mem_alloc(TAG, 128);
	/* 250 kB in the room of 320, all of it. */
	ck_assert_uint_le(own_resident(), before + 2 * HY_PAGE_BYTES);
	for (int i = 0; i < 2000; i++)
		mem_free(TAG, small[i]);
}
END_TEST

/* Pages of RAM in all segments but their heads; the kernel says. */
static uint64_t pages_in_ram(void)
{
	unsigned char in_ram[HY_PAGES];
	uint64_t n = 0;

	for (struct hybrid_segment *g = hybrid.oldest; g; g = g->next) {
		ck_assert_int_eq(mincore(g, HY_SEGMENT_BYTES, in_ram), 0);
		for (size_t i = HY_HEAD_PAGES; i < HY_PAGES; i++)
			n += in_ram[i] & 1;
	}
	return n;
}

#define HOLE_PAGES 9u
#define N_HOLES    40

START_TEST(no_new_peak_while_pages_lie_unused)
{
	static void *hole[N_HOLES];
	const size_t size = HOLE_PAGES * HY_PAGE_BYTES, larger = size + HY_PAGE_BYTES;
	uint64_t most;

	begin(1);
	for (int i = 0; i < N_HOLES; i++) {
		hole[i] = memset(mem_alloc(TAG, size), 'x', size);
		memset(mem_alloc(TAG, size), 'w', size);
	}
	for (int i = 0; i < N_HOLES; i++)
		mem_free(TAG, hole[i]);
	most = hybrid.most_held;
	ck_assert_uint_eq(hybrid.n_dirty, N_HOLES * HOLE_PAGES);
	/* They fit into no hole; those pages go back for them one by one. */
	for (unsigned int n = 1; n <= N_HOLES * HOLE_PAGES / (HOLE_PAGES + 1); n++) {
		memset(mem_alloc(TAG, larger), 'y', larger);
		ck_assert_uint_eq(hybrid.most_held, most);
		ck_assert_uint_eq(hybrid.n_dirty,
				  N_HOLES * HOLE_PAGES - n * (HOLE_PAGES + 1));
		ck_assert_uint_le(pages_in_ram(), most);
	}
	ck_assert_uint_eq(hybrid.n_dirty, 0);
	ck_assert_ptr_nonnull(mem_alloc(TAG, larger));
	ck_assert_uint_eq(hybrid.most_held, most + HOLE_PAGES + 1);
}
END_TEST

START_TEST(the_oldest_place_is_taken_first)
{
	static void *p[200];
	void *first;

	begin(1);
	for (int i = 0; i < 200; i++)
		p[i] = mem_alloc(TAG, 100000);
	ck_assert_int_gt(n_segments(), 3);
	first = p[1];
	for (int i = 199; i > 0; i -= 2)
		mem_free(TAG, p[i]);
	ck_assert_ptr_eq(mem_alloc(TAG, 100000), first);
}
END_TEST

START_TEST(a_run_grows_and_shrinks_in_place)
{
	char *p, *q;

	begin(1);
	p = mem_alloc(TAG, 50000);
	memset(p, 'x', 50000);
	q = mem_realloc(TAG, p, 500000);
	ck_assert_ptr_eq(p, q);
	ck_assert_int_eq(q[49999], 'x');
	q = mem_realloc(TAG, q, 40000);
	ck_assert_ptr_eq(p, q);
	ck_assert_uint_eq(mem_usable(q), 40960);
	ck_assert_ptr_eq(mem_alloc(TAG, 100000), q + 40960);
}
END_TEST

START_TEST(a_large_block_grows_without_a_copy)
{
	size_t before;
	char *p, *wall;

	begin(1);
	p = mem_alloc(TAG, 8 << 20);
	wall = mem_alloc(TAG, 8 << 20);
	memset(p, 'x', 8 << 20);
	before = resident_bytes();
	for (size_t mb = 9; mb < 60; mb++) {
		p = mem_realloc(TAG, p, mb << 20);
		ck_assert_ptr_nonnull(p);
	}
	ck_assert_int_eq(p[(8 << 20) - 1], 'x');
	ck_assert_int_eq(p[0], 'x');
	ck_assert_uint_lt(resident_bytes(), before + (1 << 20) + SHADOW);
	p = mem_realloc(TAG, p, 2 << 20);
	ck_assert_int_eq(p[(2 << 20) - 1], 'x');
	p = mem_realloc(TAG, p, 1000);
	ck_assert_int_eq(p[999], 'x');
	ck_assert_uint_eq(mem_usable(p), 1024);
	mem_free(TAG, p);
	mem_free(TAG, wall);
	ck_assert_ptr_null(hybrid.larges);
}
END_TEST

START_TEST(what_is_not_touched_takes_no_memory)
{
	size_t before;

	begin(1);
	ck_assert_ptr_nonnull(mem_alloc(TAG, 100));
	before = resident_bytes();
	for (int i = 0; i < 300; i++) {
		ck_assert_ptr_nonnull(mem_alloc(TAG, 16584));
		ck_assert_ptr_nonnull(mem_zalloc(TAG, 1, 16384));
		ck_assert_ptr_nonnull(mem_zalloc(TAG, 1, 100000));
	}
	ck_assert_uint_lt(resident_bytes(), before + (700 << 10) + SHADOW);
}
END_TEST

/* --- giving back --- */

static void *many[100000];

static void take_many(int n, size_t size)
{
	for (int i = 0; i < n; i++) {
		many[i] = mem_alloc(TAG, size);
		memset(many[i], i & 0xff, size);
	}
}

static void give_many(int n)
{
	for (int i = 0; i < n; i++)
		mem_free(TAG, many[i]);
}

static void decay_one_tick(uint64_t second)
{
	uint64_t begun, worst = 0;

	do {
		begun = hybrid_now_ns();
		if (!mem_decay(second * 1000))
			break;
		if (hybrid_now_ns() - begun > worst)
			worst = hybrid_now_ns() - begun;
	} while (true);
	/* A slice ends itself after 3 ms; the rest is the machine's load. */
	ck_assert_uint_lt(worst, 100000000);
}

static const size_t decay_sizes[] = {64, 1024, 16584, 100000};

START_TEST(an_idle_process_shrinks_to_where_it_began)
{
	size_t size = decay_sizes[_i], before, full, n = (40 << 20) / size;

	begin(1);
	if (n > 100000)
		n = 100000;
	memset(many, 1, sizeof(many));
	mem_free(TAG, mem_alloc(TAG, size));
	before = resident_bytes();
	take_many((int)n, size);
	give_many((int)n);
	full = resident_bytes();
	ck_assert_uint_gt(full, before + (5 << 20));
	for (uint64_t second = 1; second <= 3; second++)
		decay_one_tick(second);
	ck_assert_uint_lt(resident_bytes(), before + (full - before) * 3 / 5);
	for (uint64_t second = 4; second <= 13; second++)
		decay_one_tick(second);
	ck_assert_uint_lt(resident_bytes(), before + (600 << 10) + SHADOW);
	ck_assert_int_eq(n_segments(), 1);
}
END_TEST

START_TEST(a_busy_process_keeps_what_it_needs_again)
{
	uint64_t purged;

	begin(1);
	take_many(500, 30000);
	give_many(500);
	decay_one_tick(1);
	purged = hybrid.purged_bytes;
	for (uint64_t second = 2; second < 10; second++) {
		take_many(500, 30000);
		give_many(500);
		decay_one_tick(second);
	}
	ck_assert_uint_lt(hybrid.purged_bytes - purged, 500 * 30000 / 4);
}
END_TEST

START_TEST(decay_takes_its_time_as_set)
{
	uint64_t full;

	backends_choose_spec("hybrid,decay=10s");
	take_many(500, 30000);
	give_many(500);
	decay_one_tick(1);
	full = hybrid.n_dirty;
	decay_one_tick(2);
	decay_one_tick(3);
	ck_assert_uint_gt(hybrid.n_dirty, full * 7 / 10);
	ck_assert_uint_lt(hybrid.n_dirty, full * 19 / 20);
}
END_TEST

static const size_t pin_sizes[] = {16, 64, 96, 152, 256, 640, 1024, 2048, 5120, 16896};

/* Every 64th block stays: what lies between must go, and be usable again. */
START_TEST(few_pinned_blocks_do_not_pin_the_rest)
{
	size_t size = pin_sizes[_i], before, pages;
	int n = (20 << 20) / size < 100000 ? (int)((20 << 20) / size) : 100000;

	begin(1);
	memset(many, 1, sizeof(many));
	before = resident_bytes();
	take_many(n, size);
	for (int i = 0; i < n; i++)
		if (i % 64)
			mem_free(TAG, many[i]);
	purge_all();
	/* A pinned block's pages, the head's, and some that are in use. */
	pages = (size_t)(n / 64 + 1) * (size / 4096 + 1) * 5 / 4 + 120;
	if (size >= 64)
		ck_assert_uint_lt(resident_bytes(), before + pages * 4096 + SHADOW);
	for (int i = 0; i < n; i++) {
		if (i % 64 == 0)
			continue;
		many[i] = mem_alloc(TAG, size);
		memset(many[i], i & 0xff, size);
	}
	for (int i = 0; i < n; i++) {
		if (!all_bytes_are(many[i], size, (unsigned char)i))
			ck_abort_msg("block %d was changed", i);
		mem_free(TAG, many[i]);
	}
	ck_assert_uint_eq(mem_live(mem_counters(), TAG), 0);
}
END_TEST

START_TEST(purge_also_takes_what_decay_would_have_left)
{
	size_t before;

	begin(1);
	memset(many, 1, sizeof(many));
	before = resident_bytes();
	take_many(2000, 20000);
	give_many(2000);
	ck_assert_uint_gt(mem_purge(), 0);
	purge_all();
	ck_assert_uint_eq(hybrid.n_dirty, 0);
	ck_assert_uint_lt(resident_bytes(), before + (400 << 10) + SHADOW);
}
END_TEST

/* --- */

static TCase *guard_case(void)
{
	TCase *t = tcase_create("wrong use");

	tcase_add_loop_test_raise_signal(t, a_foreign_pointer_aborts, SIGABRT, 0, 48);
	tcase_add_loop_test_raise_signal(t, a_double_free_aborts, SIGABRT, 0, 24);
	tcase_add_test_raise_signal(t, a_double_free_with_others_between_aborts,
				    SIGABRT);
	tcase_add_test_raise_signal(t, a_double_free_into_a_retired_slab_aborts,
				    SIGABRT);
	tcase_add_test(t, content_that_looks_like_a_link_is_no_double_free);
	tcase_add_test(t, recycled_pages_bring_no_false_alarm);
#ifndef MEMCHECK_ASAN
	tcase_add_test_raise_signal(t, a_link_that_was_overwritten_aborts, SIGABRT);
	tcase_add_test_raise_signal(t, at_level_2_a_write_after_free_aborts, SIGABRT);
	tcase_add_test(t, at_level_2_a_cell_is_reused_last);
	tcase_add_test_raise_signal(t, at_level_3_an_overflow_faults, SIGSEGV);
	tcase_add_test_raise_signal(t, at_level_3_a_use_after_free_faults, SIGSEGV);
	tcase_add_loop_test(t, no_memory_is_no_crash, 0, 4);
#endif
	return t;
}

static TCase *page_case(void)
{
	TCase *t = tcase_create("pages");

	tcase_add_test(t, neighbouring_runs_become_one_again);
	tcase_add_test(t, what_is_empty_goes_back_before_new_pages_are_touched);
	tcase_add_test(t, no_new_peak_while_pages_lie_unused);
	tcase_add_test(t, the_oldest_place_is_taken_first);
	tcase_add_test(t, a_run_grows_and_shrinks_in_place);
	tcase_add_test(t, a_large_block_grows_without_a_copy);
	tcase_add_test(t, what_is_not_touched_takes_no_memory);
	tcase_add_loop_test(t, an_idle_process_shrinks_to_where_it_began, 0, 4);
	tcase_add_test(t, a_busy_process_keeps_what_it_needs_again);
	tcase_add_test(t, decay_takes_its_time_as_set);
	tcase_add_loop_test(t, few_pinned_blocks_do_not_pin_the_rest, 0, 10);
	tcase_add_test(t, purge_also_takes_what_decay_would_have_left);
	tcase_set_timeout(t, 60);
	return t;
}

int main(int argc, char **argv)
{
	TCase *t = tcase_create("blocks");
	Suite *s;

	(void)argc;
	backends_start(argv);
	s = suite_create("hybrid");
	tcase_set_timeout(t, 60);
	tcase_add_test(t, classes_rise_and_waste_little);
	tcase_add_test(t, a_slab_of_large_cells_hands_out_no_more_than_it_has);
	tcase_add_test(t, sizes_that_libraries_ask_for_fit);
	tcase_add_loop_test(t, a_random_life_keeps_every_block_whole, 0, 4);
	tcase_add_loop_test(t, its_own_figure_is_that_of_the_counters, 0, 4);
	suite_add_tcase(s, t);
	suite_add_tcase(s, guard_case());
	suite_add_tcase(s, page_case());
	return backends_run(s);
}
