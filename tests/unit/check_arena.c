#include "allocators/arena.h"

#include <stdio.h>
#include <string.h>

#include "allocators/memcheck.h"
#include "backends.h"

#define TAG MEM_STREAM

static struct arena a;

static uint64_t live(void)
{
	return mem_live(mem_counters(), TAG);
}

static uint64_t blocks_out(void)
{
	const struct mem_counter *c = &mem_counters()->tag[TAG];

	return c->allocs - c->frees;
}

static void begin(int i)
{
	backends_choose(i);
	arena_init(&a, TAG, 1024);
}

static bool is_bump(void)
{
	return mem_info()->regions;
}

START_TEST(nothing_is_taken_before_the_first_object)
{
	begin(_i);
	ck_assert_uint_eq(live(), 0);
	ck_assert_ptr_nonnull(arena_alloc(&a, 1));
	ck_assert_uint_gt(live(), 0);
	arena_fini(&a);
	ck_assert_uint_eq(live(), 0);
}
END_TEST

START_TEST(objects_are_aligned_and_never_overlap)
{
	unsigned char *p[400];
	size_t size[400];

	begin(_i);
	for (int i = 0; i < 400; i++) {
		size[i] = backends_random() % 300;
		p[i] = arena_alloc(&a, size[i]);
		ck_assert_uint_eq((uintptr_t)p[i] % 16, 0);
		memset(p[i], i & 0xff, size[i]);
		ck_assert_ptr_nonnull(arena_copy(&a, "odd", i % 4u));
	}
	for (int i = 0; i < 400; i++)
		for (size_t k = 0; k < size[i]; k++)
			ck_assert_uint_eq(p[i][k], (unsigned int)i & 0xff);
	arena_fini(&a);
	ck_assert_uint_eq(live(), 0);
}
END_TEST

START_TEST(zalloc_is_zero)
{
	struct arena_mark m;
	unsigned char *p;

	begin(_i);
	m = arena_mark(&a);
	p = arena_alloc(&a, 500);
	memset(p, 0xff, 500);
	arena_rewind(&a, m);
	p = arena_zalloc(&a, 500);
	for (int i = 0; i < 500; i++)
		ck_assert_uint_eq(p[i], 0);
	arena_fini(&a);
}
END_TEST

START_TEST(copies_end_with_a_nul)
{
	begin(_i);
	ck_assert_str_eq(arena_copy(&a, "heapgate", 4), "heap");
	ck_assert_str_eq(arena_copy(&a, NULL, 0), "");
	ck_assert_str_eq(arena_printf(&a, "%d-%s", 42, "x"), "42-x");
	ck_assert_uint_eq(strlen(arena_printf(&a, "%5000d", 1)), 5000);
	arena_fini(&a);
}
END_TEST

START_TEST(a_stream_sized_arena_takes_one_small_block)
{
	begin(_i);
	for (int i = 0; i < 8; i++)
		ck_assert_ptr_nonnull(arena_alloc(&a, 64));
	if (is_bump()) {
		ck_assert_uint_eq(mem_counters()->tag[TAG].allocs, 1);
		ck_assert_uint_eq(mem_counters()->tag[TAG].asked_bytes, 1024);
	} else {
		ck_assert_uint_eq(mem_counters()->tag[TAG].allocs, 8);
	}
	arena_fini(&a);
}
END_TEST

START_TEST(chunks_double_up_to_16_kib)
{
	const struct mem_counter *c;

	begin(_i);
	if (!is_bump())
		return arena_fini(&a);
	c = &mem_counters()->tag[TAG];
	for (int i = 0; i < 1000; i++)
		ck_assert_ptr_nonnull(arena_alloc(&a, 96));
	/* 1 + 2 + 4 + 8 + 16 KiB, then 16 each */
	ck_assert_uint_ge(c->allocs, 9);
	ck_assert_uint_le(c->allocs, 14);
	arena_fini(&a);
}
END_TEST

START_TEST(a_chunk_is_as_large_as_what_is_expected)
{
	const struct mem_counter *c;
	char *first, *second;

	begin(_i);
	c = &mem_counters()->tag[TAG];
	arena_expect(&a, 200);
	ck_assert_ptr_nonnull(first = arena_alloc(&a, 100));
	ck_assert_ptr_nonnull(arena_bytes(&a, 60));
	if (is_bump())
		ck_assert_uint_eq(c->asked_bytes, 224);
	arena_expect(&a, 10);
	ck_assert_ptr_nonnull(arena_bytes(&a, 10));
	arena_expect(&a, 640);
	ck_assert_ptr_nonnull(second = arena_bytes(&a, 640));
	memset(first, 1, 100);
	memset(second, 2, 640);
	ck_assert_int_eq(first[99], 1);
	if (is_bump() && !MEMCHECK_REDZONE)
		ck_assert_uint_eq(c->asked_bytes, 224 + 656);
	/* From there on they double again. */
	ck_assert_ptr_nonnull(arena_bytes(&a, 100));
	if (is_bump() && !MEMCHECK_REDZONE)
		ck_assert_uint_eq(c->asked_bytes, 224 + 656 + 1312);
	arena_fini(&a);
	ck_assert_uint_eq(live(), 0);
}
END_TEST

START_TEST(what_is_expected_beyond_16_kib_is_no_reason_for_a_chunk)
{
	begin(_i);
	arena_expect(&a, 16384);
	ck_assert_ptr_nonnull(arena_alloc(&a, 10));
	if (is_bump())
		ck_assert_uint_eq(mem_counters()->tag[TAG].asked_bytes, 1024);
	arena_fini(&a);
}
END_TEST

START_TEST(taken_is_without_what_is_left_of_the_newest_chunk)
{
	begin(_i);
	ck_assert_uint_eq(arena_taken(&a), 0);
	ck_assert_ptr_nonnull(arena_alloc(&a, 64));
	ck_assert_uint_ge(arena_taken(&a), 64);
	ck_assert_uint_le(arena_taken(&a), 64 + 64);
	arena_fini(&a);
}
END_TEST

START_TEST(a_big_object_gets_its_own_size)
{
	char *p;

	begin(_i);
	p = arena_alloc(&a, 100000);
	memset(p, 1, 100000);
	ck_assert_uint_lt(a.used_bytes, 101000);
	ck_assert_ptr_nonnull(arena_alloc(&a, 10));
	ck_assert(!a.failed);
	arena_fini(&a);
	ck_assert_uint_eq(live(), 0);
}
END_TEST

START_TEST(rewind_frees_what_came_after)
{
	struct arena_mark m;
	uint64_t bytes, blocks;
	char *before;

	begin(_i);
	before = arena_copy(&a, "stays", 5);
	m = arena_mark(&a);
	bytes = live();
	blocks = blocks_out();
	for (int i = 0; i < 100; i++)
		memset(arena_alloc(&a, 200), 'x', 200);
	ck_assert_uint_gt(live(), bytes);
	arena_rewind(&a, m);
	ck_assert_uint_eq(live(), bytes);
	ck_assert_uint_eq(blocks_out(), blocks);
	ck_assert_str_eq(before, "stays");
	ck_assert_str_eq(arena_copy(&a, "again", 5), "again");
	ck_assert_str_eq(before, "stays");
	arena_fini(&a);
}
END_TEST

START_TEST(rewind_to_the_beginning_frees_all)
{
	struct arena_mark m;

	begin(_i);
	m = arena_mark(&a);
	ck_assert_ptr_nonnull(arena_alloc(&a, 2000));
	arena_rewind(&a, m);
	ck_assert_uint_eq(live(), 0);
	ck_assert_uint_eq(a.used_bytes, 0);
	ck_assert_ptr_nonnull(arena_alloc(&a, 2000));
	arena_fini(&a);
}
END_TEST

static char order[32];

static void note(void *p)
{
	strncat(order, p, 1);
}

static void note_later(const char *letter)
{
	ck_assert_int_eq(arena_on_end(&a, note, (void *)letter), 0);
}

START_TEST(cleanups_run_newest_first_and_once)
{
	begin(_i);
	note_later("a");
	ck_assert_ptr_nonnull(arena_alloc(&a, 3000));
	note_later("b");
	note_later("c");
	arena_fini(&a);
	ck_assert_str_eq(order, "cba");
	arena_fini(&a);
	ck_assert_str_eq(order, "cba");
	ck_assert_uint_eq(live(), 0);
}
END_TEST

START_TEST(rewind_runs_the_cleanups_that_came_after)
{
	struct arena_mark m;

	begin(_i);
	note_later("a");
	m = arena_mark(&a);
	note_later("b");
	note_later("c");
	arena_rewind(&a, m);
	ck_assert_str_eq(order, "cb");
	arena_rewind(&a, m);
	ck_assert_str_eq(order, "cb");
	arena_reset(&a);
	ck_assert_str_eq(order, "cba");
	arena_fini(&a);
	ck_assert_str_eq(order, "cba");
}
END_TEST

START_TEST(reset_keeps_the_first_chunk_for_what_comes_next)
{
	uint64_t allocs;

	begin(_i);
	for (int i = 0; i < 100; i++)
		ck_assert_ptr_nonnull(arena_alloc(&a, 100));
	arena_reset(&a);
	ck_assert_uint_eq(blocks_out(), is_bump() ? 1 : 0);
	allocs = mem_counters()->tag[TAG].allocs;
	ck_assert_ptr_nonnull(arena_alloc(&a, 500));
	ck_assert_uint_eq(mem_counters()->tag[TAG].allocs - allocs, is_bump() ? 0 : 1);
	arena_fini(&a);
	ck_assert_uint_eq(live(), 0);
}
END_TEST

START_TEST(reset_does_not_keep_an_outsized_first_chunk)
{
	begin(_i);
	ck_assert_ptr_nonnull(arena_alloc(&a, 50000));
	arena_reset(&a);
	ck_assert_uint_eq(live(), 0);
	arena_reset(&a);
	arena_fini(&a);
}
END_TEST

START_TEST(children_die_with_their_parent)
{
	struct arena child, second, grandchild;

	begin(_i);
	note_later("p");
	arena_init_child(&child, &a, MEM_TICK, 64);
	arena_init_child(&second, &a, MEM_TICK, 64);
	arena_init_child(&grandchild, &child, MEM_TICK, 64);
	ck_assert_int_eq(arena_on_end(&child, note, (void *)"c"), 0);
	ck_assert_int_eq(arena_on_end(&grandchild, note, (void *)"g"), 0);
	ck_assert_ptr_nonnull(arena_alloc(&second, 100));
	arena_fini(&a);
	ck_assert_str_eq(order, "gcp");
	ck_assert_uint_eq(backends_live_bytes(), 0);
	arena_fini(&child);
	ck_assert_str_eq(order, "gcp");
}
END_TEST

START_TEST(reset_ends_children_too)
{
	struct arena child;

	begin(_i);
	arena_init_child(&child, &a, MEM_TICK, 64);
	ck_assert_ptr_nonnull(arena_alloc(&child, 1000));
	arena_reset(&a);
	ck_assert_uint_eq(backends_live_bytes(), 0);
	arena_fini(&a);
}
END_TEST

START_TEST(a_child_may_end_before_its_parent)
{
	struct arena child[3];

	begin(_i);
	for (int i = 0; i < 3; i++) {
		arena_init_child(&child[i], &a, MEM_TICK, 64);
		ck_assert_ptr_nonnull(arena_alloc(&child[i], 10));
	}
	arena_fini(&child[1]);
	arena_fini(&child[2]);
	memset(&child[1], 0xff, sizeof(child[1]));
	memset(&child[2], 0xff, sizeof(child[2]));
	ck_assert_ptr_eq(a.children, &child[0]);
	arena_fini(&a);
	ck_assert_uint_eq(backends_live_bytes(), 0);
}
END_TEST

START_TEST(the_cap_refuses_and_says_so)
{
	int n = 0;

	begin(_i);
	a.cap_bytes = 8000;
	while (arena_alloc(&a, 100))
		ck_assert_int_lt(++n, 100);
	ck_assert_int_gt(n, 20);
	ck_assert(a.failed);
	ck_assert_uint_le(a.used_bytes, 8000);
	ck_assert_ptr_null(arena_alloc(&a, 9000));
	arena_reset(&a);
	ck_assert(!a.failed);
	ck_assert_ptr_nonnull(arena_alloc(&a, 100));
	arena_fini(&a);
}
END_TEST

START_TEST(past_the_soft_cap_each_object_gets_a_block)
{
	uint64_t used;

	begin(_i);
	a.soft_bytes = 3000;
	while (a.used_bytes < 3000)
		ck_assert_ptr_nonnull(arena_alloc(&a, 100));
	while (a.used_bytes == (used = a.used_bytes) && is_bump() &&
	       mem_counters()->region_overflows == 0)
		ck_assert_ptr_nonnull(arena_alloc(&a, 100));
	used = a.used_bytes;
	ck_assert_ptr_nonnull(arena_alloc(&a, 100));
	ck_assert_uint_le(a.used_bytes - used, 160);
	if (is_bump())
		ck_assert_uint_gt(mem_counters()->region_overflows, 0);
	arena_fini(&a);
	ck_assert_uint_eq(live(), 0);
}
END_TEST

START_TEST(absurd_sizes_are_refused)
{
	begin(_i);
	ck_assert_ptr_null(arena_alloc(&a, SIZE_MAX));
	ck_assert_ptr_null(arena_alloc(&a, SIZE_MAX - 8));
	ck_assert_ptr_null(arena_alloc(&a, (size_t)PTRDIFF_MAX));
	ck_assert_ptr_null(arena_copy(&a, "x", SIZE_MAX));
	ck_assert(a.failed);
	arena_fini(&a);
	ck_assert_uint_eq(live(), 0);
}
END_TEST

START_TEST(a_random_life_is_the_same_as_a_plain_one)
{
	struct arena_mark mark[8];
	char *text[512];
	int n = 0, n_marks = 0, at_mark[8];

	begin(_i);
	for (int step = 0; step < 1500; step++) {
		uint32_t r = backends_random();

		if (r % 16 == 0 && n_marks < 8) {
			at_mark[n_marks] = n;
			mark[n_marks++] = arena_mark(&a);
		} else if (r % 16 == 1 && n_marks > 0) {
			arena_rewind(&a, mark[--n_marks]);
			n = at_mark[n_marks];
		} else if (r % 256 == 2 || n == 512) {
			arena_reset(&a);
			n = n_marks = 0;
		} else {
			text[n] = arena_printf(&a, "%d:%*d", n, (int)(r >> 8) % 700, n);
			ck_assert_ptr_nonnull(text[n]);
			n++;
		}
		for (int i = 0; step % 16 == 0 && i < n; i++) {
			int found = -1;

			ck_assert_int_eq(sscanf(text[i], "%d:", &found), 1);
			ck_assert_int_eq(found, i);
		}
	}
	arena_fini(&a);
	ck_assert_uint_eq(live(), 0);
}
END_TEST

/* Something of everything; each allocation in it is failed in turn. */
static void script(void)
{
	struct arena child;
	struct arena_mark m;
	char *p;

	arena_init(&a, TAG, 256);
	p = arena_alloc(&a, 100);
	if (p)
		memset(p, 1, 100);
	if (arena_on_end(&a, note, (void *)"a") < 0)
		strcat(order, "-");
	arena_init_child(&child, &a, TAG, 128);
	p = arena_zalloc(&child, 400);
	if (p)
		p[399] = 1;
	m = arena_mark(&a);
	for (int i = 0; i < 20; i++)
		if (!arena_printf(&a, "%100d", i))
			strcat(order, "-");
	if (arena_on_end(&a, note, (void *)"b") < 0)
		strcat(order, "-");
	arena_rewind(&a, m);
	if (!arena_copy(&a, "xyz", 3))
		strcat(order, "-");
	if (!p || a.failed)
		strcat(order, "!");
	arena_fini(&a);
}

static const char *const failing[] = {"system+debug,regions=bump",
				      "system+debug,regions=heap",
				      "hybrid,regions=bump", "hybrid,regions=heap"};

static void check_told(void)
{
	ck_assert_uint_eq(mem_counters()->tag[TAG].failures, 1);
	ck_assert_ptr_nonnull(strpbrk(order, "-!"));
}

START_TEST(any_allocation_may_fail)
{
	backends_fail_each(script, failing[_i], check_told);
}
END_TEST

int main(int argc, char **argv)
{
	TCase *t = tcase_create("arena");
	Suite *s;
	int n;

	(void)argc;
	backends_start(argv);
	n = backends_count();
	s = suite_create("arena");
	tcase_add_loop_test(t, nothing_is_taken_before_the_first_object, 0, n);
	tcase_add_loop_test(t, objects_are_aligned_and_never_overlap, 0, n);
	tcase_add_loop_test(t, zalloc_is_zero, 0, n);
	tcase_add_loop_test(t, copies_end_with_a_nul, 0, n);
	tcase_add_loop_test(t, a_stream_sized_arena_takes_one_small_block, 0, n);
	tcase_add_loop_test(t, chunks_double_up_to_16_kib, 0, n);
	tcase_add_loop_test(t, a_chunk_is_as_large_as_what_is_expected, 0, n);
	tcase_add_loop_test(t, what_is_expected_beyond_16_kib_is_no_reason_for_a_chunk,
			    0, n);
	tcase_add_loop_test(t, taken_is_without_what_is_left_of_the_newest_chunk, 0, n);
	tcase_add_loop_test(t, a_big_object_gets_its_own_size, 0, n);
	tcase_add_loop_test(t, rewind_frees_what_came_after, 0, n);
	tcase_add_loop_test(t, rewind_to_the_beginning_frees_all, 0, n);
	tcase_add_loop_test(t, cleanups_run_newest_first_and_once, 0, n);
	tcase_add_loop_test(t, rewind_runs_the_cleanups_that_came_after, 0, n);
	tcase_add_loop_test(t, reset_keeps_the_first_chunk_for_what_comes_next, 0, n);
	tcase_add_loop_test(t, reset_does_not_keep_an_outsized_first_chunk, 0, n);
	tcase_add_loop_test(t, children_die_with_their_parent, 0, n);
	tcase_add_loop_test(t, reset_ends_children_too, 0, n);
	tcase_add_loop_test(t, a_child_may_end_before_its_parent, 0, n);
	tcase_add_loop_test(t, the_cap_refuses_and_says_so, 0, n);
	tcase_add_loop_test(t, past_the_soft_cap_each_object_gets_a_block, 0, n);
	tcase_add_loop_test(t, absurd_sizes_are_refused, 0, n);
	tcase_add_loop_test(t, a_random_life_is_the_same_as_a_plain_one, 0, n);
	tcase_add_loop_test(t, any_allocation_may_fail, 0, 4);
	tcase_set_timeout(t, 30);
	suite_add_tcase(s, t);
	return backends_run(s);
}
