#include "allocators/pool.h"

#include <signal.h>
#include <string.h>

#include "backends.h"

#define TAG MEM_WORKER

static struct pool p;

static uint64_t live(void)
{
	return mem_live(mem_counters(), TAG);
}

static void begin(int i, size_t bytes)
{
	backends_choose(i);
	pool_init(&p, "thing", TAG, bytes);
}

static bool is_slab(void)
{
	return mem_info()->regions && !mem_info()->cells;
}

static const size_t object_sizes[] = {1, 8, 24, 60, 64, 200, 608, 1000, 4000, 20000};
#define N_OBJECT_SIZES (sizeof(object_sizes) / sizeof(*object_sizes))

START_TEST(objects_are_aligned_and_never_overlap)
{
	unsigned char *o[300];

	backends_choose(_i);
	for (size_t k = 0; k < N_OBJECT_SIZES; k++) {
		size_t size = object_sizes[k];

		pool_init(&p, "thing", TAG, size);
		for (int i = 0; i < 300; i++) {
			o[i] = pool_get(&p);
			ck_assert_uint_eq((uintptr_t)o[i] % 16, 0);
			memset(o[i], i & 0xff, size);
		}
		ck_assert_uint_eq(p.n_live, 300);
		for (int i = 0; i < 300; i++) {
			ck_assert_uint_eq(o[i][0], (unsigned int)i & 0xff);
			ck_assert_uint_eq(o[i][size - 1], (unsigned int)i & 0xff);
			pool_put(&p, o[i]);
		}
		pool_fini(&p);
		ck_assert_uint_eq(live(), 0);
	}
}
END_TEST

START_TEST(a_pool_that_was_never_used_holds_nothing)
{
	begin(_i, 100);
	ck_assert_uint_eq(live(), 0);
	pool_fini(&p);
}
END_TEST

START_TEST(empty_chunks_go_back_but_for_one)
{
	const struct mem_counter *c;
	void *o[1000];

	begin(_i, 100);
	c = &mem_counters()->tag[TAG];
	for (int i = 0; i < 1000; i++)
		o[i] = pool_get(&p);
	ck_assert_uint_gt(c->allocs - c->frees, 10);
	for (int i = 999; i >= 0; i--)
		pool_put(&p, o[i]);
	ck_assert_uint_eq(c->allocs - c->frees, is_slab() ? 1 : 0);
	pool_fini(&p);
	ck_assert_uint_eq(live(), 0);
}
END_TEST

START_TEST(one_object_coming_and_going_takes_one_block)
{
	begin(_i, 100);
	for (int i = 0; i < 1000; i++)
		pool_put(&p, pool_get(&p));
	ck_assert_uint_eq(mem_counters()->tag[TAG].allocs, is_slab() ? 1 : 1000);
	pool_fini(&p);
}
END_TEST

START_TEST(a_random_life_keeps_every_object_whole)
{
	static unsigned char *o[500];
	int n = 0;

	begin(_i, 208);
	for (int step = 0; step < 20000; step++) {
		bool grow = (step / 2000) % 2 == 0;

		if (n < 500 && (n == 0 || backends_random() % 8 < (grow ? 5u : 3u))) {
			o[n] = pool_get(&p);
			memset(o[n], n & 0xff, 208);
			o[n][0] = (unsigned char)step;
			o[n][207] = (unsigned char)step;
			n++;
		} else {
			int k = (int)(backends_random() % (unsigned int)n);

			ck_assert_uint_eq(o[k][0], o[k][207]);
			ck_assert_uint_eq(o[k][1], o[k][206]);
			pool_put(&p, o[k]);
			o[k] = o[--n];
		}
		ck_assert_uint_eq(p.n_live, (unsigned int)n);
	}
	while (n > 0)
		pool_put(&p, o[--n]);
	pool_fini(&p);
	ck_assert_uint_eq(live(), 0);
}
END_TEST

START_TEST(a_second_put_aborts)
{
	void *o;

	backends_choose_spec("system,regions=bump");
	pool_init(&p, "thing", TAG, 100);
	ck_assert_ptr_nonnull(pool_get(&p));
	o = pool_get(&p);
	pool_put(&p, o);
	pool_put(&p, o);
}
END_TEST

START_TEST(a_put_into_another_pool_aborts)
{
	struct pool other;
	void *o;

	backends_choose_spec("system,regions=bump");
	pool_init(&p, "thing", TAG, 100);
	pool_init(&other, "other", TAG, 100);
	o = pool_get(&p);
	ck_assert_ptr_nonnull(pool_get(&other));
	pool_put(&other, o);
}
END_TEST

START_TEST(ending_a_pool_that_is_not_empty_aborts)
{
	backends_choose_spec("system");
	pool_init(&p, "thing", TAG, 100);
	ck_assert_ptr_nonnull(pool_get(&p));
	pool_fini(&p);
}
END_TEST

static int n_null;

static void script(void)
{
	void *o[60];

	pool_init(&p, "thing", TAG, 600);
	for (int i = 0; i < 60; i++) {
		o[i] = pool_get(&p);
		n_null += o[i] == NULL;
		if (o[i])
			memset(o[i], 1, 600);
	}
	for (int i = 0; i < 60; i++)
		if (o[i])
			pool_put(&p, o[i]);
	pool_fini(&p);
}

static void check_one_null(void)
{
	ck_assert_int_eq(n_null, 1);
}

static const char *const failing[] = {"system,regions=bump", "system,regions=heap",
				      "hybrid,regions=bump", "hybrid,regions=heap"};

START_TEST(any_allocation_may_fail)
{
	backends_fail_each(script, failing[_i], check_one_null);
}
END_TEST

int main(int argc, char **argv)
{
	TCase *t = tcase_create("pool");
	Suite *s;
	int n;

	(void)argc;
	backends_start(argv);
	n = backends_count();
	s = suite_create("pool");
	tcase_set_timeout(t, 30);
	tcase_add_loop_test(t, objects_are_aligned_and_never_overlap, 0, n);
	tcase_add_loop_test(t, a_pool_that_was_never_used_holds_nothing, 0, n);
	tcase_add_loop_test(t, empty_chunks_go_back_but_for_one, 0, n);
	tcase_add_loop_test(t, one_object_coming_and_going_takes_one_block, 0, n);
	tcase_add_loop_test(t, a_random_life_keeps_every_object_whole, 0, n);
	tcase_add_test_raise_signal(t, a_second_put_aborts, SIGABRT);
	tcase_add_test_raise_signal(t, a_put_into_another_pool_aborts, SIGABRT);
	tcase_add_test_raise_signal(t, ending_a_pool_that_is_not_empty_aborts, SIGABRT);
	tcase_add_loop_test(t, any_allocation_may_fail, 0, 4);
	suite_add_tcase(s, t);
	return backends_run(s);
}
