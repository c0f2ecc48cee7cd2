#include "allocators/wrap_sizes.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "allocators/spec.h"
#include "backends.h"

#define TAG MEM_STREAM

static struct mem_sizes got;

static void take(size_t size, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		mem_free(TAG, mem_alloc(TAG, size));
}

static uint64_t calls_of(uint64_t bytes)
{
	for (unsigned int i = 0; i < got.n_top; i++)
		if (got.top[i].bytes == bytes)
			return got.top[i].calls;
	return 0;
}

static void choose(int backend, const char *settings)
{
	char spec[256];

	snprintf(spec, sizeof(spec), "%s,%s", backends_spec(backend), settings);
	backends_choose_spec(spec);
}

START_TEST(sizes_are_counted_to_the_byte_the_most_frequent_first)
{
	void *p;

	choose(_i, "sizes=on");
	take(152, 30);
	take(153, 20);
	take(40000, 10);
	mem_free(TAG, mem_zalloc(TAG, 2, 76));
	p = mem_alloc(TAG, 7);
	p = mem_realloc(TAG, p, 153);
	mem_free(TAG, p);
	ck_assert(mem_sizes(&got));
	ck_assert_uint_eq(got.calls, 63);
	ck_assert_uint_eq(got.bytes, 152 * 31 + 153 * 21 + 40000 * 10 + 7);
	ck_assert_uint_eq(got.n_top, 4);
	ck_assert_uint_eq(got.top[0].bytes, 152);
	ck_assert_uint_eq(got.top[0].calls, 31);
	ck_assert_uint_eq(got.top[1].bytes, 153);
	ck_assert_uint_eq(got.top[1].calls, 21);
	ck_assert_uint_eq(calls_of(40000), 10);
	ck_assert_uint_eq(got.by_power[3], 1);
	ck_assert_uint_eq(got.by_power[8], 52);
	ck_assert_uint_eq(got.by_power[16], 10);
}
END_TEST

START_TEST(of_many_sizes_the_top_20_are_the_top_20)
{
	choose(_i, "sizes=on");
	for (size_t size = 1; size <= 200; size++)
		take(size * 16, (unsigned int)(size * 7 % 201));
	ck_assert(mem_sizes(&got));
	ck_assert_uint_eq(got.n_top, 20);
	for (unsigned int i = 0; i < 20; i++)
		ck_assert_uint_eq(got.top[i].calls, 200 - i);
}
END_TEST

START_TEST(lives_are_measured_by_owner)
{
	uint64_t n = 0, conn = 0;
	void *p;

	choose(_i, "lifetimes=10");
	take(100, 1000);
	for (int i = 0; i < 20; i++) {
		p = mem_alloc(MEM_CONN, 50);
		p = mem_realloc(MEM_CONN, p, 5000);
		usleep(3000);
		mem_free(MEM_CONN, p);
	}
	ck_assert(mem_sizes(&got));
	ck_assert_uint_eq(got.sample, 10);
	for (unsigned int i = 0; i < MEM_LIFE_POWERS; i++) {
		n += got.life[TAG][i];
		conn += got.life[MEM_CONN][i];
	}
	ck_assert_uint_eq(n, 100);
	ck_assert_uint_eq(conn, 2);
	for (unsigned int i = 0; i < 11; i++)
		ck_assert_uint_eq(got.life[MEM_CONN][i], 0); /* none under 2 ms */
}
END_TEST

START_TEST(nothing_is_counted_unless_asked_for)
{
	choose(_i, "sizes=off");
	take(100, 3);
	ck_assert(!mem_sizes(&got));
}
END_TEST

START_TEST(wrong_settings_are_refused)
{
	static const char *const wrong[] = {"system,sizes=maybe", "system,lifetimes=0",
					    "system,lifetimes=x",
					    "system,lifetimes=2000000000"};
	char err[256];

	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		ck_assert_int_eq(mem_check_spec(wrong[i], err, sizeof(err)), -1);
}
END_TEST

START_TEST(a_file_says_which_call_fails)
{
	char path[] = "/tmp/check_wrap_XXXXXX", spec[128];
	int fd = mkstemp(path);
	uint64_t orders[2] = {3, 0};
	void *p[5];

	ck_assert_int_eq(write(fd, orders, sizeof(orders)), sizeof(orders));
	snprintf(spec, sizeof(spec), "+fail=file=%s", path);
	backends_choose_wrapped(_i, spec);
	for (int i = 0; i < 5; i++)
		p[i] = mem_alloc(TAG, 10);
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(p[i] == NULL, i == 2);
		mem_free(TAG, p[i]);
	}
	ck_assert_int_eq(pread(fd, orders, sizeof(orders), 0), sizeof(orders));
	ck_assert_uint_eq(orders[0], 0);
	ck_assert_uint_eq(orders[1], 5);
	close(fd);
	unlink(path);
}
END_TEST

START_TEST(a_file_that_is_none_is_refused)
{
	char err[256];

	ck_assert_int_eq(mem_choose("system+fail=file=/dev/null", err, sizeof(err)),
			 -1);
	ck_assert_ptr_nonnull(strstr(err, "no file of 16 bytes"));
}
END_TEST

START_TEST(a_setting_without_its_trace)
{
	static const char *const pairs[][2] = {
		{"system", "system"},
		{"system+trace=/a/b", "system"},
		{"system+debug+trace=/a/b+fail=3,regions=heap",
		 "system+debug+fail=3,regions=heap"},
		{"/x/lib.so+trace=y,prefix=z", "/x/lib.so,prefix=z"},
	};
	char to[256];

	for (unsigned int i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		spec_without_trace(pairs[i][0], to);
		ck_assert_str_eq(to, pairs[i][1]);
	}
}
END_TEST

int main(int argc, char **argv)
{
	TCase *t = tcase_create("backends"), *one = tcase_create("once");
	Suite *s;
	int n;

	(void)argc;
	backends_start(argv);
	n = backends_count();
	s = suite_create("wrap_sizes");
	tcase_add_loop_test(t, sizes_are_counted_to_the_byte_the_most_frequent_first, 0,
			    n);
	tcase_add_loop_test(t, of_many_sizes_the_top_20_are_the_top_20, 0, n);
	tcase_add_loop_test(t, lives_are_measured_by_owner, 0, n);
	tcase_add_loop_test(t, nothing_is_counted_unless_asked_for, 0, n);
	tcase_add_loop_test(t, a_file_says_which_call_fails, 0, n);
	tcase_add_test(one, wrong_settings_are_refused);
	tcase_add_test(one, a_file_that_is_none_is_refused);
	tcase_add_test(one, a_setting_without_its_trace);
	suite_add_tcase(s, t);
	suite_add_tcase(s, one);
	return backends_run(s);
}
