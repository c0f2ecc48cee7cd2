/* What ties heapgate to a service manager: notify, pidfile, detach. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "runner.h"
#include "server/detach.h"
#include "server/notify.h"
#include "server/pidfile.h"

static char dir[64], path[96];

static void start(void)
{
	strcpy(dir, "/tmp/check_service.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/f", dir);
}

static void end(void)
{
	unlink(path);
	rmdir(dir);
}

/* --- notify -------------------------------------------------------------- */

/* A socket that stands for the service manager's; at[0] is '@' for one
 * without a file. */
static int open_manager(const char *at)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	size_t n = strlen(at);

	memcpy(un.sun_path, at, n);
	if (*at == '@')
		un.sun_path[0] = '\0';
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&un,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)),
			 0);
	setenv("NOTIFY_SOCKET", at, 1);
	return fd;
}

static void hears(int fd, const char *text)
{
	char got[128] = "";

	ck_assert_int_gt(recv(fd, got, sizeof(got) - 1, 0), 0);
	ck_assert_str_eq(got, text);
	close(fd);
}

START_TEST(the_manager_is_told)
{
	int fd = open_manager(path);

	notify_send("READY=1\nSTATUS=serving");
	hears(fd, "READY=1\nSTATUS=serving");
}
END_TEST

START_TEST(a_manager_without_a_file_is_told)
{
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "@check_service/%ld", (long)getpid());
	fd = open_manager(name);
	notify_send("STOPPING=1");
	hears(fd, "STOPPING=1");
}
END_TEST

START_TEST(without_a_manager_nothing_happens)
{
	char longer[300];

	log_open("/dev/null", LOG_ERROR, "test");
	unsetenv("NOTIFY_SOCKET");
	notify_send("READY=1");
	memset(longer, 'x', sizeof(longer));
	longer[0] = '/';
	longer[sizeof(longer) - 1] = '\0';
	setenv("NOTIFY_SOCKET", longer, 1);
	notify_send("READY=1");
	setenv("NOTIFY_SOCKET", "/no/such/socket", 1);
	notify_send("READY=1");
}
END_TEST

/* --- pidfile ------------------------------------------------------------- */

static void write_file(const char *text)
{
	FILE *f = fopen(path, "w");

	fputs(text, f);
	fclose(f);
}

START_TEST(the_file_has_our_pid_until_it_is_closed)
{
	char got[32] = "", want[32];
	FILE *f;

	write_file("99999999999999\n");
	ck_assert_int_eq(pidfile_open(path), 0);
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(fgets(got, sizeof(got), f));
	fclose(f);
	snprintf(want, sizeof(want), "%ld\n", (long)getpid());
	ck_assert_str_eq(got, want);
	pidfile_close(path);
	ck_assert_int_eq(access(path, F_OK), -1);
	pidfile_close(path);
}
END_TEST

START_TEST(the_file_of_another_is_left_alone)
{
	write_file("1\n");
	pidfile_close(path);
	ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

START_TEST(a_file_that_cannot_be_written_is_told)
{
	ck_assert_int_eq(pidfile_open("/no/such/dir/pid"), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(symlink("/etc/passwd", path), 0);
	ck_assert_int_eq(pidfile_open(path), -1);
	ck_assert_int_eq(errno, ELOOP);
}
END_TEST

/* --- detach -------------------------------------------------------------- */

/* The exit code that the one who started it sees. */
static int code_of(void (*service)(int fd))
{
	int status, fd;
	pid_t pid = fork();

	if (pid == 0) {
		fd = detach_start();
		if (fd < 0 || getsid(0) != getpid())
			_exit(99);
		service(fd);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void is_up(int fd)
{
	detach_done(&fd, 0);
	if (fd != -1)
		_exit(98);
	detach_done(&fd, 78); /* too late to matter */
}

static void is_refused(int fd)
{
	detach_done(&fd, 78);
}

static void is_silent(int fd)
{
	close(fd);
}

START_TEST(the_one_who_starts_it_learns_how_it_went)
{
	ck_assert_int_eq(code_of(is_up), 0);
	ck_assert_int_eq(code_of(is_refused), 78);
	ck_assert_int_eq(code_of(is_silent), 70);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("service");
	TCase *t = tcase_create("service");

	tcase_add_checked_fixture(t, start, end);
	tcase_add_test(t, the_manager_is_told);
	tcase_add_test(t, a_manager_without_a_file_is_told);
	tcase_add_test(t, without_a_manager_nothing_happens);
	tcase_add_test(t, the_file_has_our_pid_until_it_is_closed);
	tcase_add_test(t, the_file_of_another_is_left_alone);
	tcase_add_test(t, a_file_that_cannot_be_written_is_told);
	tcase_add_test(t, the_one_who_starts_it_learns_how_it_went);
	suite_add_tcase(s, t);
	return run_suite(s);
}
