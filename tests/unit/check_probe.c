/* probe runs /proc/self/exe, which is this very program. */
#include <stdio.h>
#include <string.h>

#include "runner.h"
#include "server/probe.h"

START_TEST(an_allocator_that_is_there_is_proven)
{
	struct probe p;

	ck_assert_msg(probe_allocator("system", &p), "%s", p.reason);
	ck_assert_str_eq(p.info.name, "system");
	ck_assert_int_eq(p.info.path[0], '/');
	ck_assert_msg(probe_allocator("hybrid", &p), "%s", p.reason);
	ck_assert_msg(strstr(p.info.path, "check_probe") != NULL, "%s", p.info.path);
	ck_assert(p.info.regions);
}
END_TEST

/* Whether it is here or not, the answer must say which, and how. */
START_TEST(what_needs_a_tunable_gets_it)
{
	struct probe p;

	if (!probe_allocator("jemalloc", &p))
		ck_assert_msg(strstr(p.reason, "apt install") != NULL, "%s", p.reason);
	else
		ck_assert_ptr_nonnull(strstr(p.info.path, "jemalloc"));
}
END_TEST

static const struct {
	const char *spec, *reason;
} missing[] = {
	{"no_such", "unknown allocator \"no_such\""},
	{"/no/such/lib.so", "/no/such/lib.so"},
	{"system,nonsense=1", "nonsense"},
	{"system+fail=1", "first call failed"},
};

START_TEST(one_that_cannot_be_had_is_refused_with_the_reason)
{
	struct probe p;

	ck_assert(!probe_allocator(missing[_i].spec, &p));
	ck_assert_msg(strstr(p.reason, missing[_i].reason) != NULL, "%s", p.reason);
}
END_TEST

START_TEST(a_library_that_ends_the_process_is_only_refused)
{
	struct probe p;

	/* the child is this program, which ends for this word */
	ck_assert(!probe_allocator("exit", &p));
	ck_assert_msg(strstr(p.reason, "ended the process") != NULL, "%s", p.reason);
	ck_assert(!probe_allocator("crash", &p));
	ck_assert_msg(strstr(p.reason, "crashed") != NULL, "%s", p.reason);
}
END_TEST

static int play_probe(int argc, char **argv)
{
	if (strcmp(argv[1], "exit") == 0)
		return 1;
	if (strcmp(argv[1], "crash") == 0)
		__builtin_trap();
	return probe_main(argc, argv);
}

static Suite *suite(void)
{
	Suite *s = suite_create("probe");
	TCase *t = tcase_create("probe");

	tcase_add_test(t, an_allocator_that_is_there_is_proven);
	tcase_add_test(t, what_needs_a_tunable_gets_it);
	tcase_add_loop_test(t, one_that_cannot_be_had_is_refused_with_the_reason, 0,
			    (int)(sizeof(missing) / sizeof(*missing)));
	tcase_add_test(t, a_library_that_ends_the_process_is_only_refused);
	suite_add_tcase(s, t);
	return s;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "probe") == 0)
		return play_probe(argc - 1, argv + 1);
	return run_suite(suite());
}
