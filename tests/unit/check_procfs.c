#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runner.h"
#include "server/procfs.h"

#define MIB (1024u * 1024u)

static struct procfs p;

static void start(void)
{
	procfs_init(&p, getpid());
}

static char *touch(size_t n)
{
	char *m = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);

	ck_assert_ptr_ne(m, MAP_FAILED);
	memset(m, 1, n);
	return m;
}

START_TEST(nothing_is_known_before_the_first_read)
{
	ck_assert_uint_eq(p.now.resident_bytes, PROCFS_UNKNOWN);
	ck_assert_uint_eq(p.now.cpu_ns, PROCFS_UNKNOWN);
}
END_TEST

START_TEST(memory_that_is_touched_shows_up)
{
	struct procfs_reading before;
	char *m;

	ck_assert_int_eq(procfs_read(&p, 1, false), 0);
	before = p.now;
	m = touch(32 * MIB);
	ck_assert_int_eq(procfs_read(&p, 2, false), 0);
	ck_assert_uint_ge(p.now.resident_bytes, before.resident_bytes + 30 * MIB);
	ck_assert_uint_ge(p.now.anon_bytes, before.anon_bytes + 30 * MIB);
	ck_assert_uint_ge(p.now.virtual_bytes, before.virtual_bytes + 32 * MIB);
	ck_assert_uint_ge(p.now.minor_faults, before.minor_faults + 1);
	munmap(m, 32 * MIB);
	ck_assert_int_eq(procfs_read(&p, 3, false), 0);
	ck_assert_uint_lt(p.now.resident_bytes, before.resident_bytes + 16 * MIB);
	ck_assert_uint_ge(p.now.peak_bytes, before.resident_bytes + 30 * MIB);
}
END_TEST

START_TEST(cpu_time_grows_and_never_falls)
{
	volatile unsigned long sink = 0;
	uint64_t before;
	clock_t from;

	ck_assert_int_eq(procfs_read(&p, 1, false), 0);
	before = p.now.cpu_ns;
	from = clock();
	while (clock() - from < CLOCKS_PER_SEC / 5)
		sink++;
	ck_assert_int_eq(procfs_read(&p, 2, false), 0);
	ck_assert_uint_ge(p.now.cpu_ns - before, 100000000);
	ck_assert_uint_le(p.now.cpu_ns - before, 2000000000);
	p.now.cpu_ns += 1000000000;
	before = p.now.cpu_ns;
	ck_assert_int_eq(procfs_read(&p, 3, false), 0);
	ck_assert_uint_eq(p.now.cpu_ns, before);
	ck_assert_uint_ge(p.now.n_threads, 1);
}
END_TEST

START_TEST(the_rollup_is_read_only_when_asked_and_not_too_often)
{
	char *m;

	if (access("/proc/self/smaps_rollup", R_OK))
		return; /* this kernel has none */
	ck_assert_int_eq(procfs_read(&p, 1000, false), 0);
	ck_assert_uint_eq(p.now.proportional_bytes, PROCFS_UNKNOWN);
	ck_assert_int_eq(procfs_read(&p, 1000, true), 0);
	ck_assert_uint_ne(p.now.proportional_bytes, PROCFS_UNKNOWN);
	ck_assert_uint_ne(p.now.lazyfree_bytes, PROCFS_UNKNOWN);
	p.now.proportional_bytes = 1;
	m = touch(16 * MIB);
	ck_assert_int_eq(procfs_read(&p, 5999, true), 0);
	ck_assert_uint_eq(p.now.proportional_bytes, 1);
	ck_assert_int_eq(procfs_read(&p, 6000, true), 0);
	ck_assert_uint_ge(p.now.proportional_bytes, 15 * MIB);
	munmap(m, 16 * MIB);
}
END_TEST

START_TEST(a_process_that_is_gone_says_so)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	procfs_init(&p, pid);
	ck_assert_int_eq(procfs_read(&p, 1, true), -1);
	ck_assert_uint_eq(procfs_count_fds(pid), PROCFS_UNKNOWN);
}
END_TEST

START_TEST(another_process_can_be_read)
{
	int ready[2];
	pid_t pid;
	char c;

	ck_assert_int_eq(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		touch(24 * MIB);
		ck_assert_int_eq(write(ready[1], "", 1), 1);
		pause();
		_exit(0);
	}
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	procfs_init(&p, pid);
	ck_assert_int_eq(procfs_read(&p, 1, false), 0);
	ck_assert_uint_ge(p.now.anon_bytes, 23 * MIB);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
END_TEST

START_TEST(descriptors_are_counted)
{
	uint64_t before = procfs_count_fds(getpid());
	int fds[150];

	for (int i = 0; i < 150; i++)
		fds[i] = dup(0);
	ck_assert_uint_eq(procfs_count_fds(getpid()), before + 150);
	for (int i = 0; i < 150; i++)
		close(fds[i]);
	ck_assert_uint_eq(procfs_count_fds(getpid()), before);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("procfs");
	TCase *t = tcase_create("procfs");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, start, NULL);
	tcase_add_test(t, nothing_is_known_before_the_first_read);
	tcase_add_test(t, memory_that_is_touched_shows_up);
	tcase_add_test(t, cpu_time_grows_and_never_falls);
	tcase_add_test(t, the_rollup_is_read_only_when_asked_and_not_too_often);
	tcase_add_test(t, a_process_that_is_gone_says_so);
	tcase_add_test(t, another_process_can_be_read);
	tcase_add_test(t, descriptors_are_counted);
	suite_add_tcase(s, t);
	return run_suite(s);
}
