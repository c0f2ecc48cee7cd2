/*
 * launch runs /proc/self/exe, which is this very program: main() tells what
 * a child found.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runner.h"
#include "server/launch.h"

#define CHILD "tell-what-you-see"

/* --- what a child sees, one line each ------------------------------------ */

static void tell_fds(FILE *to)
{
	char c;

	for (int fd = LAUNCH_FIRST_FD; fd < 64; fd++) {
		if (fd == fileno(to) || fcntl(fd, F_GETFD) < 0)
			continue;
		fprintf(to, "fd %d", fd);
		if (pread(fd, &c, 1, 0) == 1)
			fprintf(to, " %c", c);
		fputc('\n', to);
	}
}

static int tell(void)
{
	const char *tunables = getenv("GLIBC_TUNABLES");
	struct sigaction sa;
	sigset_t mask;
	FILE *to = fdopen(LAUNCH_FIRST_FD, "w");

	tell_fds(to);
	fprintf(to, "tunables %s\n", tunables ? tunables : "none");
	sigaction(SIGINT, NULL, &sa);
	fprintf(to, "sigint %s\n", sa.sa_handler == SIG_IGN ? "ignored" : "default");
	sigprocmask(SIG_SETMASK, NULL, &mask);
	fprintf(to, "sigterm %s\n", sigismember(&mask, SIGTERM) ? "blocked" : "open");
	fclose(to);
	return 0;
}

/* --- the parent's side ---------------------------------------------------- */

static char seen[4096];

/* fds[0] is where the child tells. */
static void look(struct launch l, int *fds, unsigned int n_fds)
{
	const char *argv[] = {"x", CHILD, NULL};
	int pipe_fds[2], status;
	size_t len;
	FILE *from;
	pid_t pid;

	ck_assert_int_eq(pipe(pipe_fds), 0);
	fds[0] = pipe_fds[1];
	l.argv = argv;
	l.fds = fds;
	l.n_fds = n_fds;
	pid = launch_start(&l);
	ck_assert_int_gt(pid, 0);
	close(pipe_fds[1]);
	from = fdopen(pipe_fds[0], "r");
	len = fread(seen, 1, sizeof(seen) - 1, from);
	seen[len] = '\0';
	fclose(from);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

static void saw(const char *line)
{
	ck_assert_msg(strstr(seen, line) != NULL, "no \"%s\" in:\n%s", line, seen);
}

static int file_of(char c)
{
	char path[] = "/tmp/check_launch.XXXXXX";
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	unlink(path);
	ck_assert_int_eq(write(fd, &c, 1), 1);
	return fd;
}

START_TEST(fds_are_where_the_child_expects_them)
{
	int fds[4] = {-1, file_of('a'), file_of('b'), file_of('c')};

	look((struct launch){.spec = NULL}, fds, 4);
	saw("fd 4 a\n");
	saw("fd 5 b\n");
	saw("fd 6 c\n");
	ck_assert_ptr_null(strstr(seen, "fd 7"));
}
END_TEST

START_TEST(fds_that_are_in_each_others_places_are_exchanged)
{
	int a = fcntl(file_of('a'), F_DUPFD, 20), b = fcntl(file_of('b'), F_DUPFD, 21);
	int fds[3];

	ck_assert_int_eq(dup2(a, 5), 5);
	ck_assert_int_eq(dup2(b, 4), 4);
	fds[1] = 5;
	fds[2] = 4;
	look((struct launch){.spec = NULL}, fds, 3);
	saw("fd 4 a\n");
	saw("fd 5 b\n");
	ck_assert_int_eq(dup2(b, 7), 7); /* right behind the last place */
	fds[1] = 5;
	fds[2] = 7;
	look((struct launch){.spec = NULL}, fds, 3);
	saw("fd 4 a\n");
	saw("fd 5 b\n");
}
END_TEST

START_TEST(what_the_parent_inherited_is_closed)
{
	int fds[1], left = fcntl(file_of('x'), F_DUPFD, 40); /* no close-on-exec */

	ck_assert_int_ge(left, 40);
	look((struct launch){.spec = NULL}, fds, 1);
	ck_assert_ptr_null(strstr(seen, "fd "));
}
END_TEST

START_TEST(the_child_gets_what_its_allocator_needs)
{
	int fds[1];

	unsetenv("GLIBC_TUNABLES");
	look((struct launch){.spec = "jemalloc"}, fds, 1);
	saw("tunables glibc.rtld.optional_static_tls=4096\n");
	setenv("GLIBC_TUNABLES", "glibc.malloc.arena_max=1", 1);
	look((struct launch){.spec = "jemalloc"}, fds, 1);
	saw("tunables glibc.malloc.arena_max=1:glibc.rtld.optional_static_tls=4096\n");
	look((struct launch){.spec = "system"}, fds, 1);
	saw("tunables glibc.malloc.arena_max=1\n");
}
END_TEST

START_TEST(signals_are_as_a_fresh_program_has_them)
{
	sigset_t old, now;
	int fds[1];

	sigprocmask(SIG_SETMASK, NULL, &old);
	signal(SIGINT, SIG_IGN);
	look((struct launch){.spec = NULL}, fds, 1);
	saw("sigint default\n");
	saw("sigterm open\n");
	look((struct launch){.worker = true}, fds, 1);
	saw("sigint ignored\n");
	sigprocmask(SIG_SETMASK, NULL, &now);
	ck_assert_int_eq(sigismember(&now, SIGTERM), sigismember(&old, SIGTERM));
}
END_TEST

/* --- the rest ------------------------------------------------------------ */

#define WANTED "a.b=4096"

static const struct {
	const char *users, *wanted, *result; /* NULL: leave it alone */
} settings[] = {
	{NULL, NULL, NULL},
	{"x=1", NULL, NULL},
	{NULL, WANTED, WANTED},
	{"", WANTED, WANTED},
	{"x=1", WANTED, "x=1:" WANTED},
	{"a.b=8192", WANTED, NULL},
	{"x=1:a.b=8192", WANTED, NULL},
	{"x=1:a.b=8192:y=2", WANTED, NULL},
	{"a.bc=1", WANTED, "a.bc=1:" WANTED},
	{"xa.b=1", WANTED, "xa.b=1:" WANTED},
};

START_TEST(the_users_tunables_are_kept_and_win)
{
	char to[128] = "";
	size_t n = launch_tunables(settings[_i].users, settings[_i].wanted, to,
				   sizeof(to));

	if (!settings[_i].result) {
		ck_assert_uint_eq(n, 0);
		return;
	}
	ck_assert_str_eq(to, settings[_i].result);
	ck_assert_uint_eq(n, strlen(to));
}
END_TEST

START_TEST(closed_standard_fds_are_opened_and_no_others)
{
	int before, after;

	before = dup(2);
	close(before);
	close(0);
	close(2);
	launch_open_std_fds();
	ck_assert_int_ge(fcntl(0, F_GETFD), 0);
	ck_assert_int_ge(fcntl(2, F_GETFD), 0);
	after = dup(2);
	ck_assert_int_eq(after, before);
	close(after);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("launch");
	TCase *t = tcase_create("launch");

	tcase_add_test(t, fds_are_where_the_child_expects_them);
	tcase_add_test(t, fds_that_are_in_each_others_places_are_exchanged);
	tcase_add_test(t, what_the_parent_inherited_is_closed);
	tcase_add_test(t, the_child_gets_what_its_allocator_needs);
	tcase_add_test(t, signals_are_as_a_fresh_program_has_them);
	tcase_add_loop_test(t, the_users_tunables_are_kept_and_win, 0,
			    (int)(sizeof(settings) / sizeof(*settings)));
	tcase_add_test(t, closed_standard_fds_are_opened_and_no_others);
	suite_add_tcase(s, t);
	return s;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], CHILD) == 0)
		return tell();
	return run_suite(suite());
}
