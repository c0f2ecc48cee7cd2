#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "runner.h"

static char dir[256], path[300], moved[300];
static char text[1 << 20];

static void make_dir(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof(dir), "%s/check_log.XXXXXX", tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/error.log", dir);
	snprintf(moved, sizeof(moved), "%s/error.log.1", dir);
}

static void remove_dir(void)
{
	unlink(path);
	unlink(moved);
	rmdir(dir);
}

static const char *read_all(const char *file)
{
	int fd = open(file, O_RDONLY);
	ssize_t n;

	ck_assert_int_ge(fd, 0);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	return text;
}

static void assert_matches(const char *s, const char *pattern)
{
	regex_t re;

	ck_assert_int_eq(regcomp(&re, pattern, REG_EXTENDED), 0);
	ck_assert_msg(regexec(&re, s, 0, NULL, 0) == 0, "'%s' is not '%s'", s, pattern);
	regfree(&re);
}

START_TEST(a_line_has_time_level_and_who)
{
	ck_assert_int_eq(log_open(path, LOG_DEBUG, "worker 2 jemalloc"), 0);
	log_warn("only %d left", 3);
	assert_matches(read_all(path),
		       "^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:"
		       "[0-9]{2}\\.[0-9]{3}Z warn worker 2 jemalloc: "
		       "only 3 left\n$");
}
END_TEST

START_TEST(what_is_below_the_level_is_not_written)
{
	ck_assert_int_eq(log_open(path, LOG_WARN, "w"), 0);
	log_debug("a");
	log_info("b");
	log_notice("c");
	ck_assert_str_eq(read_all(path), "");
	log_warn("d");
	log_error("e");
	assert_matches(read_all(path), "warn w: d\n[^\n]*error w: e\n$");
}
END_TEST

START_TEST(a_message_cannot_start_a_line_of_its_own)
{
	ck_assert_int_eq(log_open(path, LOG_DEBUG, "w"), 0);
	log_info("%s", "evil\n2024-01-01 error w: forged\x1b[2J\x7f\r\ttail");
	assert_matches(
		read_all(path),
		"info w: evil\\?2024-01-01 error w: forged\\?\\[2J\\?\\?\\?tail\n$");
}
END_TEST

START_TEST(a_long_message_is_cut_but_still_a_line)
{
	char *big = malloc(10001);
	size_t len;

	memset(big, 'x', 10000);
	big[10000] = '\0';
	ck_assert_int_eq(log_open(path, LOG_DEBUG, "w"), 0);
	log_info("%s", big);
	log_info("next");
	len = strlen(read_all(path));
	ck_assert_uint_gt(len, 2000);
	ck_assert_uint_lt(len, 2200);
	assert_matches(text, "xxx\n[^\n]* info w: next\n$");
	free(big);
}
END_TEST

START_TEST(reopening_follows_a_rotated_file)
{
	ck_assert_int_eq(log_open(path, LOG_DEBUG, "w"), 0);
	log_info("first");
	ck_assert_int_eq(rename(path, moved), 0);
	log_info("second");
	log_reopen();
	log_info("third");
	assert_matches(read_all(moved), "first\n.*second\n$");
	assert_matches(read_all(path), "^[^\n]*third\n$");
}
END_TEST

START_TEST(when_reopening_fails_the_old_file_stays)
{
	struct stat st;

	ck_assert_int_eq(log_open(path, LOG_DEBUG, "w"), 0);
	ck_assert_int_eq(rename(path, moved), 0);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	log_reopen();
	log_info("still here");
	assert_matches(read_all(moved), "error w: cannot reopen .*still here\n$");
	ck_assert_int_eq(stat(path, &st), 0);
	rmdir(path);
}
END_TEST

START_TEST(when_opening_fails_the_old_sink_stays)
{
	ck_assert_int_eq(log_open(path, LOG_DEBUG, "w"), 0);
	ck_assert_int_eq(log_open("/nonexistent/x.log", LOG_DEBUG, "v"), -1);
	ck_assert_int_eq(errno, ENOENT);
	log_info("here");
	assert_matches(read_all(path), "info w: here\n$");
}
END_TEST

START_TEST(writers_do_not_cut_into_each_other)
{
	unsigned int n = 0;
	char *line, *rest;

	for (int child = 0; child < 4; child++) {
		if (fork() == 0) {
			ck_assert_int_eq(log_open(path, LOG_DEBUG, "w"), 0);
			for (int i = 0; i < 300; i++)
				log_info("%0*d end", 500, child);
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		;
	rest = (char *)(uintptr_t)read_all(path);
	while ((line = strsep(&rest, "\n")) && *line) {
		assert_matches(line, "^20[^ ]* info w: 0{499}[0-3] end$");
		n++;
	}
	ck_assert_uint_eq(n, 1200);
}
END_TEST

START_TEST(errno_is_as_it_was)
{
	ck_assert_int_eq(log_open(path, LOG_DEBUG, "w"), 0);
	errno = EADDRINUSE;
	log_info("%m");
	ck_assert_int_eq(errno, EADDRINUSE);
	assert_matches(read_all(path), "Address already in use");
}
END_TEST

START_TEST(a_line_that_the_sink_refuses_is_counted)
{
	ck_assert_uint_eq(log_lost(), 0);
	ck_assert_int_eq(log_open("/dev/full", LOG_DEBUG, "w"), 0);
	log_info("lost");
	ck_assert_uint_eq(log_lost(), 1);
}
END_TEST

START_TEST(levels_have_words)
{
	ck_assert_int_eq(log_level_of("debug"), LOG_DEBUG);
	ck_assert_int_eq(log_level_of("error"), LOG_ERROR);
	ck_assert_int_eq(log_level_of("loud"), -1);
	ck_assert_int_eq(log_level_of(""), -1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("log");
	TCase *t = tcase_create("log");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, make_dir, remove_dir);
	tcase_add_test(t, a_line_has_time_level_and_who);
	tcase_add_test(t, what_is_below_the_level_is_not_written);
	tcase_add_test(t, a_message_cannot_start_a_line_of_its_own);
	tcase_add_test(t, a_long_message_is_cut_but_still_a_line);
	tcase_add_test(t, reopening_follows_a_rotated_file);
	tcase_add_test(t, when_reopening_fails_the_old_file_stays);
	tcase_add_test(t, when_opening_fails_the_old_sink_stays);
	tcase_add_test(t, writers_do_not_cut_into_each_other);
	tcase_add_test(t, errno_is_as_it_was);
	tcase_add_test(t, a_line_that_the_sink_refuses_is_counted);
	tcase_add_test(t, levels_have_words);
	suite_add_tcase(s, t);
	return run_suite(s);
}
