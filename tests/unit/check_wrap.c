#include "allocators/wrap.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends.h"

#define TAG MEM_STREAM

/* --- fail --- */

static int failed_calls[64];

/* Which of 60 calls fail, as numbers from 1; ends with 0. */
static void make_calls(void)
{
	void *p = NULL, *q;
	int n = 0;

	for (int i = 1; i <= 60; i++) {
		switch (i % 3) {
		case 0:
			q = mem_alloc(TAG, 10);
			break;
		case 1:
			q = mem_zalloc(TAG, 2, 10);
			break;
		default:
			q = p ? mem_realloc(TAG, p, 100) : mem_alloc(TAG, 100);
			if (q)
				p = NULL;
		}
		if (!q)
			failed_calls[n++] = i;
		mem_free(TAG, p);
		p = q;
	}
	mem_free(TAG, p);
	ck_assert_uint_eq(mem_counters()->tag[TAG].failures, (unsigned int)n);
	ck_assert_uint_eq(backends_live_bytes(), 0);
}

START_TEST(fail_n_fails_the_nth_call_only)
{
	backends_choose_wrapped(_i, "+fail=7");
	make_calls();
	ck_assert_int_eq(failed_calls[0], 7);
	ck_assert_int_eq(failed_calls[1], 0);
}
END_TEST

START_TEST(fail_every_fails_each_nth_call)
{
	backends_choose_wrapped(_i, "+fail=every=25");
	make_calls();
	ck_assert_int_eq(failed_calls[0], 25);
	ck_assert_int_eq(failed_calls[1], 50);
	ck_assert_int_eq(failed_calls[2], 0);
}
END_TEST

START_TEST(fail_rate_fails_about_that_share)
{
	int n = 0;

	backends_choose_wrapped(_i, "+fail=rate=0.1");
	for (int i = 0; i < 10000; i++) {
		void *p = mem_alloc(TAG, 10);

		n += !p;
		mem_free(TAG, p);
	}
	ck_assert_int_gt(n, 800);
	ck_assert_int_lt(n, 1200);
}
END_TEST

START_TEST(a_failed_realloc_leaves_the_block_as_it_was)
{
	char *p;

	backends_choose_wrapped(_i, "+debug+fail=2");
	p = mem_alloc(TAG, 100);
	memset(p, 'x', 100);
	ck_assert_ptr_null(mem_realloc(TAG, p, 1000));
	ck_assert_int_eq(p[99], 'x');
	mem_free(TAG, p);
	ck_assert_uint_eq(backends_live_bytes(), 0);
}
END_TEST

START_TEST(what_was_chosen_is_still_told)
{
	backends_choose_wrapped(_i, "+debug+fail=1");
	ck_assert_ptr_nonnull(strstr(mem_info()->spec, "+debug+fail=1"));
	ck_assert_ptr_null(strstr(mem_info()->name, "debug"));
	ck_assert_int_ne(mem_info()->path[0], '\0');
}
END_TEST

/* --- debug --- */

START_TEST(under_debug_correct_use_goes_through)
{
	static char *p[500];

	backends_choose_wrapped(_i, "+debug");
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 500; i++) {
			p[i] = mem_alloc(TAG, (size_t)i * 3);
			ck_assert_uint_eq((uintptr_t)p[i] % 16, 0);
			memset(p[i], 1, (size_t)i * 3);
		}
		for (int i = 0; i < 500; i++) {
			p[i] = mem_realloc(TAG, p[i], (size_t)i * 2 + 1);
			ck_assert_int_eq(i ? p[i][0] : 1, 1);
		}
		for (int i = 0; i < 500; i++)
			mem_free(TAG, p[i]);
	}
	p[0] = mem_zalloc(TAG, 30, 30);
	for (int i = 0; i < 900; i++)
		ck_assert_int_eq(p[0][i], 0);
	ck_assert_uint_eq(mem_usable(p[0]), 900);
	mem_free(TAG, p[0]);
	ck_assert_uint_eq(backends_live_bytes(), 0);
}
END_TEST

START_TEST(fresh_bytes_are_d0)
{
	unsigned char *p;

	backends_choose_wrapped(_i, "+debug");
	p = mem_alloc(TAG, 100);
	ck_assert_uint_eq(p[0], 0xd0);
	ck_assert_uint_eq(p[99], 0xd0);
	mem_free(TAG, p);
}
END_TEST

/* Volatile: the compiler must not see what is done to them. */
static char *volatile block;

static void overflow(void)
{
	block[100] = 1;
	mem_free(TAG, block);
}

static void overflow_far(void)
{
	block[115] = 1;
	mem_free(TAG, block);
}

static void overflow_seen_at_exit(void)
{
	block[100] = 1;
}

static void underflow(void)
{
	block[-1] = 1;
	mem_free(TAG, block);
}

static void free_twice(void)
{
	mem_free(TAG, block);
	mem_free(TAG, block);
}

static void realloc_after_free(void)
{
	mem_free(TAG, block);
	block = mem_realloc(TAG, block, 200);
}

static void write_after_free(void)
{
	mem_free(TAG, block);
	block[5] = 1;
}

static void write_after_free_seen_later(void)
{
	mem_free(TAG, block);
	block[5] = 1;
	for (int i = 0; i < 2000; i++)
		mem_free(TAG, mem_alloc(TAG, 10));
	_exit(0);
}

static void free_as_another(void)
{
	mem_free(MEM_OPENSSL, block);
}

static void free_inside(void)
{
	mem_free(TAG, block + 16);
}

static void forget(void)
{
	block = mem_alloc(TAG, 100);
	block = NULL;
}

static void nothing(void)
{
	mem_free(TAG, block);
}

static const struct {
	void (*f)(void);
	bool dies;
	const char *says;
} misdeeds[] = {
	{overflow, true, "write past the end, at byte 100 of 100 (stream)"},
	{overflow_far, true, "write past the end, at byte 115 of 100 (stream)"},
	{overflow_seen_at_exit, true, "write past the end, at byte 100"},
	{underflow, true, "is not a live block"},
	{free_twice, true, "double free"},
	{realloc_after_free, true, "double free or use after free"},
	{write_after_free, true, "write after free, at byte 5 of 100"},
	{write_after_free_seen_later, true, "write after free, at byte 5 of 100"},
	{free_as_another, true, "freed (openssl) at"},
	{free_inside, true, "is not a live block"},
	{forget, false, "leak: 2 blocks, 200 bytes (stream)"},
	{nothing, false, ""},
};
#define N_MISDEEDS ((int)(sizeof(misdeeds) / sizeof(*misdeeds)))

/* Both blocks come from one line, so they have one site. */
static void child(int backend, int misdeed)
{
	backends_choose_wrapped(backend, "+debug");
	for (int i = 0; i < 2; i++) {
		mem_free(TAG, block);
		block = mem_alloc(TAG, 100);
	}
	if (misdeeds[misdeed].f == forget) {
		mem_free(TAG, block);
		for (volatile int i = 0; i < 2; i++)
			forget();
	} else {
		misdeeds[misdeed].f();
	}
	exit(0);
}

START_TEST(debug_tells_what_was_done_and_where)
{
	int fd[2], status, misdeed = _i % N_MISDEEDS;
	char said[4000] = "";
	size_t n = 0;
	ssize_t got;
	pid_t pid;

	ck_assert_int_eq(pipe(fd), 0);
	pid = fork();
	if (pid == 0) {
		dup2(fd[1], STDERR_FILENO);
		child(_i / N_MISDEEDS, misdeed);
	}
	close(fd[1]);
	while ((got = read(fd[0], said + n, sizeof(said) - 1 - n)) > 0)
		n += (size_t)got;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(strstr(said, misdeeds[misdeed].says), "%s", said);
	ck_assert_msg(WIFSIGNALED(status) == misdeeds[misdeed].dies, "%s", said);
	if (misdeeds[misdeed].f == nothing)
		ck_assert_str_eq(said, "");
	else if (!strstr(said, "not a live"))
		ck_assert_msg(strstr(said, "taken at check_wrap+0x") ||
				      strstr(said, "taken at t_wrap+0x"),
			      "%s", said);
}
END_TEST

/* --- bloat --- */

#define N_BLOCKS 3000
#define BIG      20000
#define WAIT_US  11000 /* longer than it looks away */

static double anon_bytes(void)
{
	unsigned long resident = 0, shared = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%*u %lu %lu", &resident, &shared), 2);
	fclose(f);
	return (double)(resident - shared) * (double)sysconf(_SC_PAGESIZE);
}

/* Is a tenth more than all the rest in RAM? The kernel's own figures may be
 * behind by some dozen pages. */
static void assert_a_tenth_more(void)
{
	size_t own, held;

	for (int i = 0; i < 3; i++) {
		usleep(WAIT_US);
		mem_decay((uint64_t)i * 1000);
	}
	held = wrap_bloat_held(&own);
	ck_assert_double_eq_tol((double)held, 0.1 * (double)own,
				0.005 * (double)own + 65536);
	ck_assert_double_eq_tol((double)(held + own), anon_bytes(), 1e6);
}

START_TEST(bloat_holds_a_share_of_what_is_in_ram_and_lets_it_go)
{
	static char *p[N_BLOCKS];
	size_t own, most, held;
	double before, all;

	backends_choose_wrapped(_i, "+bloat=10%");
	assert_a_tenth_more();
	before = anon_bytes();
	for (int i = 0; i < N_BLOCKS; i++) {
		p[i] = mem_alloc(TAG, BIG);
		ck_assert_ptr_nonnull(p[i]);
		memset(p[i], 1, BIG);
	}
	assert_a_tenth_more();
	most = wrap_bloat_held(&own);
	all = anon_bytes();
	ck_assert_double_gt(all - before, 1.09 * N_BLOCKS * BIG);
	ck_assert_uint_eq(mem_counters()->tag[TAG].allocs, N_BLOCKS);
	for (int i = 0; i < N_BLOCKS; i++)
		mem_free(TAG, p[i]);
	for (int i = 0; i < 100; i++)
		mem_purge();
	assert_a_tenth_more();
	held = wrap_bloat_held(&own);
	/* As much as the allocator gave back; that is its own affair. */
	if (anon_bytes() < all / 2)
		ck_assert_uint_lt(held, most / 2);
	ck_assert_uint_eq(backends_live_bytes(), 0);
}
END_TEST

START_TEST(bloat_grows_while_blocks_are_asked_for)
{
	size_t own, held;

	backends_choose_wrapped(_i, "+bloat=100%");
	for (int i = 0; i < 400; i++) {
		char *p = mem_alloc(TAG, BIG);

		memset(p, 1, BIG);
		usleep(500);
	}
	held = wrap_bloat_held(&own);
	ck_assert_uint_gt(own, 300 * BIG);
	ck_assert_double_eq_tol((double)held, (double)own, 0.1 * (double)own);
}
END_TEST

int main(int argc, char **argv)
{
	TCase *t = tcase_create("wrap");
	Suite *s;
	int n;

	(void)argc;
	backends_start(argv);
	n = backends_count();
	s = suite_create("wrap");
	tcase_set_timeout(t, 30);
	tcase_add_loop_test(t, fail_n_fails_the_nth_call_only, 0, n);
	tcase_add_loop_test(t, fail_every_fails_each_nth_call, 0, n);
	tcase_add_loop_test(t, fail_rate_fails_about_that_share, 0, n);
	tcase_add_loop_test(t, a_failed_realloc_leaves_the_block_as_it_was, 0, n);
	tcase_add_loop_test(t, what_was_chosen_is_still_told, 0, n);
	tcase_add_loop_test(t, under_debug_correct_use_goes_through, 0, n);
	tcase_add_loop_test(t, fresh_bytes_are_d0, 0, n);
	tcase_add_loop_test(t, debug_tells_what_was_done_and_where, 0, n * N_MISDEEDS);
	tcase_add_loop_test(t, bloat_holds_a_share_of_what_is_in_ram_and_lets_it_go, 0,
			    n);
	tcase_add_loop_test(t, bloat_grows_while_blocks_are_asked_for, 0, n);
	suite_add_tcase(s, t);
	return backends_run(s);
}
