#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/accesslog.h"
#include "proxy/front.h"
#include "proxy/logline.h"
#include "proxy/stream.h"

/* 2024-02-29T12:34:56.789Z */
#define WALL_US UINT64_C(1709210096789123)
#define MONO_US UINT64_C(5000000)

static struct loop loop;
static struct stats stats;
static struct gate gate;
static struct front front;
static struct upstream_conf upstream_conf = {.name = "app"};
static struct upstream upstream = {.conf = &upstream_conf};
static struct server_conf server_conf = {.text = "127.0.0.1:9001"};
static struct server server = {.conf = &server_conf, .upstream = &upstream};
static struct stream stream;
static struct logline line;
static char text[64 * 1024];
static char path[512];

/* --- a stream to log ------------------------------------------------- */

static void add_field(const char *name, struct str value)
{
	ck_assert_int_eq(
		fields_add(&stream.req.headers, &stream.arena, str_z(name), value), 0);
}

static void a_stream(void)
{
	char err[256] = "";

	ck_assert_msg(mem_choose("system", err, sizeof(err)) == 0, "%s", err);
	gate.stats = &stats;
	gate.loop = &loop;
	strcpy(front.client, "192.0.2.7");
	stream.gate = &gate;
	stream.front = &front;
	arena_init(&stream.arena, MEM_STREAM, 1024);
	message_init(&stream.req);
	message_init(&stream.res);
	stream.is_h2 = true;
	stream.server = &server;
	stream.n_tried = 2;
	stream.tried[1] = &server;
	stream.req.method_text = STR("GET");
	stream.req.authority = STR("www.example.com");
	stream.req.path = STR("/a?b=c");
	stream.req.minor_version = 1;
	stream.res.status = 200;
	stream.req_body.total_bytes = 11;
	stream.res_body.total_bytes = 1000;
	stream.res_body.bytes = 10; /* that the client never took */
	stream.started_us = MONO_US - 12345;
	stream.sent_us = MONO_US - 12000;
	stream.answered_us = MONO_US - 2000;
	add_field("referer", STR("https://example.com/"));
	add_field("user-agent", STR("curl/7.88.1"));
	logline_init(&line, "a", 3);
}

static void no_stream(void)
{
	arena_fini(&stream.arena);
	loop_fini(&loop);
	unlink(path);
}

static const char *as_json(void)
{
	char *end = logline_json(&line, text, &stream, WALL_US, MONO_US);

	ck_assert_uint_le((size_t)(end - text), logline_bound(&stream));
	*end = '\0';
	return text;
}

static const char *as_combined(void)
{
	char *end = logline_combined(&line, text, &stream, WALL_US, false);

	ck_assert_uint_le((size_t)(end - text), logline_bound(&stream));
	*end = '\0';
	return text;
}

/* --- the two formats ------------------------------------------------- */

START_TEST(json_tells_all_of_a_stream)
{
	char want[1024];

	stream.req_body.peak_bytes = 200;
	stream.req_body.n_blocks = 3;
	stream.res_body.peak_bytes = 30;
	snprintf(want, sizeof(want),
		 "{\"time\":\"2024-02-29T12:34:56.789Z\",\"worker\":3,\"arm\":\"a\","
		 "\"client\":\"192.0.2.7\",\"method\":\"GET\","
		 "\"authority\":\"www.example.com\",\"path\":\"/a?b=c\","
		 "\"protocol\":\"HTTP/2\",\"status\":200,\"bytes_in\":11,"
		 "\"bytes_out\":990,\"duration_us\":12345,\"upstream\":\"app\","
		 "\"server\":\"127.0.0.1:9001\",\"server_us\":10000,\"tries\":2,"
		 "\"mem_peak\":%zu,\"allocs\":%u,"
		 "\"end\":\"done\",\"referer\":\"https://example.com/\","
		 "\"user_agent\":\"curl/7.88.1\"}\n",
		 sizeof(struct stream) + (size_t)stream.arena.used_bytes + 230,
		 4 + arena_n_blocks(&stream.arena));
	ck_assert_str_eq(as_json(), want);
}
END_TEST

START_TEST(memory_is_combined_and_two_numbers)
{
	char want[256], *end;

	snprintf(want, sizeof(want), "%s", as_combined());
	snprintf(want + strlen(want) - 1, 64, " %zu %u\n",
		 sizeof(struct stream) + (size_t)stream.arena.used_bytes,
		 1 + arena_n_blocks(&stream.arena));
	end = logline_combined(&line, text, &stream, WALL_US, true);
	ck_assert_uint_le((size_t)(end - text), logline_bound(&stream));
	*end = '\0';
	ck_assert_str_eq(text, want);
}
END_TEST

START_TEST(json_says_null_where_nothing_is_known)
{
	const char *got;

	stream.server = NULL;
	stream.local = true;
	stream.front = NULL;
	stream.is_h2 = false;
	stream.end = STREAM_TIMEOUT;
	stream.n_tried = 0;
	stream.req.headers.n = 0;
	got = as_json();
	ck_assert_ptr_nonnull(strstr(got, "\"client\":null,"));
	ck_assert_ptr_nonnull(strstr(got, "\"upstream\":null,\"server\":null,"
					  "\"server_us\":null,\"tries\":0,"));
	ck_assert_ptr_nonnull(strstr(got, "\"end\":\"timeout\",\"referer\":null,"
					  "\"user_agent\":null}\n"));
	ck_assert_ptr_nonnull(strstr(got, "\"protocol\":\"HTTP/1.1\","));
}
END_TEST

START_TEST(json_names_the_upstream_of_the_route_when_no_server_was_asked)
{
	struct route_conf route = {.upstream = "static"};

	stream.server = NULL;
	stream.n_tried = 0;
	stream.route = &route;
	ck_assert_ptr_nonnull(
		strstr(as_json(), "\"upstream\":\"static\",\"server\":null"));
}
END_TEST

START_TEST(json_names_the_server_asked_last_when_its_back_is_gone)
{
	stream.server = NULL;
	ck_assert_ptr_nonnull(strstr(
		as_json(), "\"server\":\"127.0.0.1:9001\",\"server_us\":10000,"));
}
END_TEST

/* What a JSON reader makes of a text that a peer sent. */
static void is_read_as(struct str sent, struct str want)
{
	json_error_t error;
	json_t *root, *got;

	stream.req.path = sent;
	root = json_loads(as_json(), 0, &error);
	ck_assert_msg(root != NULL, "%s in %s", error.text, text);
	got = json_object_get(root, "path");
	ck_assert_uint_eq(json_string_length(got), want.len);
	ck_assert_mem_eq(json_string_value(got), want.p, want.len);
	ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
	json_decref(root);
}

START_TEST(json_escapes_what_json_must_not_have)
{
	is_read_as(STR("/\"\\/\b\f\n\r\t\x01\x1f\x7f"),
		   STR("/\"\\/\b\f\n\r\t\x01\x1f\x7f"));
	ck_assert_ptr_nonnull(strstr(text, "\"/\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f"
					   "\\u007f\""));
}
END_TEST

START_TEST(json_keeps_utf8_and_replaces_what_is_none)
{
	is_read_as(STR("/\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
		   STR("/\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"));
	is_read_as(STR("/\xff"), STR("/\xef\xbf\xbd"));
	is_read_as(STR("/\xc3"), STR("/\xef\xbf\xbd"));                 /* cut short */
	is_read_as(STR("/\xc0\xaf"), STR("/\xef\xbf\xbd\xef\xbf\xbd")); /* overlong */
	is_read_as(STR("/\xed\xa0\x80"), /* a surrogate */
		   STR("/\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"));
	is_read_as(STR("/\xf4\x90\x80\x80"), /* past U+10FFFF */
		   STR("/\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"));
	is_read_as(STR("/\xe2\x82z"), STR("/\xef\xbf\xbd\xef\xbf\xbdz"));
}
END_TEST

START_TEST(json_is_valid_whatever_three_bytes_a_peer_sends)
{
	json_error_t error;
	uint32_t random = 1;

	for (int i = 0; i < 20000; i++) {
		char bytes[3];
		json_t *root;

		for (int k = 0; k < 3; k++) {
			random = random * 1664525u + 1013904223u;
			bytes[k] = (char)(random >> 24);
		}
		stream.req.path = str_of(bytes, 3);
		/* jansson refuses \u0000 in a string unless told so */
		root = json_loads(as_json(), JSON_ALLOW_NUL, &error);
		ck_assert_msg(root != NULL, "%s in %s", error.text, text);
		json_decref(root);
	}
}
END_TEST

START_TEST(combined_is_what_nginx_writes)
{
	ck_assert_str_eq(as_combined(),
			 "192.0.2.7 - - [29/Feb/2024:12:34:56 +0000] "
			 "\"GET /a?b=c HTTP/2.0\" 200 990 \"https://example.com/\" "
			 "\"curl/7.88.1\"\n");
}
END_TEST

START_TEST(combined_escapes_as_nginx_does)
{
	stream.req.path = STR("/\"\\\n\x7f\xc3");
	stream.req.headers.n = 0;
	add_field("user-agent", STR("x\" 200 \"y"));
	ck_assert_str_eq(as_combined(),
			 "192.0.2.7 - - [29/Feb/2024:12:34:56 +0000] "
			 "\"GET /\\x22\\x5C\\x0A\\x7F\\xC3 HTTP/2.0\" 200 990 \"-\" "
			 "\"x\\x22 200 \\x22y\"\n");
}
END_TEST

START_TEST(combined_says_499_when_the_client_left_before_the_answer)
{
	stream.res.status = 0;
	stream.end = STREAM_CANCELLED;
	ck_assert_ptr_nonnull(strstr(as_combined(), "HTTP/2.0\" 499 990 "));
	stream.end = STREAM_TIMEOUT;
	ck_assert_ptr_nonnull(strstr(as_combined(), "HTTP/2.0\" 000 990 "));
}
END_TEST

START_TEST(combined_has_a_dash_for_a_request_that_could_not_be_read)
{
	stream.req.method_text = STR("");
	ck_assert_ptr_nonnull(strstr(as_combined(), "] \"-\" 200 "));
}
END_TEST

START_TEST(the_time_is_that_of_each_line)
{
	as_combined();
	logline_combined(&line, text, &stream, WALL_US + 4000000, false);
	ck_assert_ptr_nonnull(strstr(text, "[29/Feb/2024:12:35:00 +0000]"));
	*logline_json(&line, text, &stream, WALL_US + 4000000, MONO_US) = '\0';
	ck_assert_ptr_nonnull(strstr(text, "\"2024-02-29T12:35:00.789Z\""));
}
END_TEST

START_TEST(long_texts_are_cut_and_a_line_stays_in_its_bound)
{
	static char junk[32768];
	struct str all = str_of(junk, sizeof(junk));

	memset(junk, 1, sizeof(junk)); /* the longest escape */
	stream.req.method_text = all;
	stream.req.authority = all;
	stream.req.path = all;
	stream.req.headers.n = 0;
	add_field("referer", all);
	add_field("user-agent", all);
	stream.req_body.total_bytes = UINT64_MAX;
	stream.started_us = 0;
	stream.n_tried = 255;
	ck_assert_uint_lt(logline_bound(&stream), sizeof(text));
	as_json();
	as_combined();
}
END_TEST

/* --- the file -------------------------------------------------------- */

static void stop_cb(struct timer *t)
{
	(void)t;
	loop_stop(&loop);
}

static void run_ms(unsigned int ms)
{
	struct timer t;

	timer_init(&t, stop_cb);
	timer_set(&loop, &t, ms);
	loop.stopping = false;
	loop_run(&loop);
}

static struct accesslog *open_log(const char *at)
{
	struct accesslog_conf conf = {.path = at, .format = ACCESSLOG_JSON};
	struct accesslog *log;

	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(loop_init(&loop), 0);
	log = accesslog_open(&loop, &conf, "a", 3);
	ck_assert_msg(log != NULL, "%s: %s", at, strerror(errno));
	return log;
}

static int temp_file(void)
{
	const char *dir = getenv("TMPDIR");
	int fd;

	snprintf(path, sizeof(path), "%s/check_accesslog.XXXXXX", dir ? dir : "/tmp");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	return fd;
}

static struct accesslog *open_file(void)
{
	close(temp_file());
	return open_log(path);
}

/* How many whole lines are in a file; each must be JSON. */
static unsigned int lines_of(FILE *f)
{
	unsigned int n = 0;

	ck_assert_ptr_nonnull(f);
	while (fgets(text, sizeof(text), f)) {
		json_t *root = json_loads(text, 0, NULL);

		ck_assert_msg(root != NULL, "not JSON: %s", text);
		json_decref(root);
		ck_assert_int_eq(text[strlen(text) - 1], '\n');
		n++;
	}
	return n;
}

static unsigned int lines_in(const char *name)
{
	FILE *f = fopen(name, "r");
	unsigned int n = lines_of(f);

	fclose(f);
	return n;
}

static void add(struct accesslog *log, unsigned int n)
{
	while (n--)
		accesslog_add(log, &stream);
}

START_TEST(a_line_waits_a_second_for_others)
{
	struct accesslog *log = open_file();

	add(log, 3);
	run_ms(500);
	ck_assert_uint_eq(lines_in(path), 0);
	run_ms(700);
	ck_assert_uint_eq(lines_in(path), 3);
	accesslog_close(&log);
	ck_assert_uint_eq(lines_in(path), 3);
}
END_TEST

START_TEST(sixteen_kilobytes_are_written_at_the_end_of_the_turn)
{
	struct accesslog *log = open_file();

	add(log, 60);
	ck_assert_uint_eq(lines_in(path), 0);
	run_ms(20);
	ck_assert_uint_eq(lines_in(path), 60);
	accesslog_close(&log);
}
END_TEST

START_TEST(a_turn_that_fills_the_buffer_loses_nothing)
{
	struct accesslog *log = open_file();

	add(log, 1000);
	accesslog_close(&log);
	ck_assert_ptr_null(log);
	ck_assert_uint_eq(lines_in(path), 1000);
	ck_assert_uint_eq(stat_get(&stats.log_lost_lines), 0);
}
END_TEST

START_TEST(closing_writes_what_waited)
{
	struct accesslog *log = open_file();

	add(log, 1);
	accesslog_close(&log);
	ck_assert_uint_eq(lines_in(path), 1);
}
END_TEST

START_TEST(reopening_goes_on_in_a_new_file)
{
	struct accesslog *log = open_file();
	char old[sizeof(path) + 4];

	add(log, 2);
	snprintf(old, sizeof(old), "%s.1", path);
	ck_assert_int_eq(rename(path, old), 0);
	accesslog_reopen(log);
	add(log, 5);
	accesslog_close(&log);
	ck_assert_uint_eq(lines_in(old), 2);
	ck_assert_uint_eq(lines_in(path), 5);
	unlink(old);
}
END_TEST

START_TEST(a_full_disk_loses_lines_and_counts_them)
{
	struct accesslog *log = open_log("/dev/full");

	add(log, 60);
	run_ms(20);
	ck_assert_uint_eq(stat_get(&stats.log_lost_lines), 60);
	add(log, 7);
	accesslog_close(&log);
	ck_assert_uint_eq(stat_get(&stats.log_lost_lines), 67);
}
END_TEST

/* A fifo with room for one page. */
static int small_fifo(void)
{
	int fd;

	close(temp_file());
	unlink(path);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	fd = open(path, O_RDONLY | O_NONBLOCK);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_ge(fcntl(fd, F_SETPIPE_SZ, 4096), 0);
	return fd;
}

START_TEST(a_reader_that_sleeps_costs_lines_but_never_waiting)
{
	int fd = small_fifo();
	struct accesslog *log = open_log(path);
	unsigned int n = 0;
	FILE *f = fdopen(fd, "r");

	add(log, 1000);
	run_ms(20);
	ck_assert_uint_gt(stat_get(&stats.log_lost_lines), 800);
	for (int i = 0; i < 100; i++) { /* it wakes up */
		n += lines_of(f);
		clearerr(f);
		run_ms(20);
	}
	ck_assert_uint_eq(n + stat_get(&stats.log_lost_lines), 1000);
	add(log, 3);
	accesslog_close(&log);
	ck_assert_uint_eq(lines_of(f), 3);
	fclose(f);
}
END_TEST

START_TEST(a_reader_that_is_gone_costs_every_line)
{
	int fd = small_fifo();
	struct accesslog *log = open_log(path);

	close(fd);
	add(log, 60);
	run_ms(20);
	ck_assert_uint_eq(stat_get(&stats.log_lost_lines), 60);
	accesslog_close(&log);
}
END_TEST

START_TEST(stdout_is_not_made_nonblocking_for_its_other_users)
{
	struct accesslog *log;
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	fflush(stdout);
	ck_assert_int_eq(dup2(fds[1], STDOUT_FILENO), STDOUT_FILENO);
	close(fds[1]);
	log = open_log("-");
	add(log, 2);
	accesslog_close(&log);
	ck_assert_int_eq(fcntl(STDOUT_FILENO, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(dup2(STDERR_FILENO, STDOUT_FILENO), STDOUT_FILENO);
	ck_assert_uint_eq(lines_of(fdopen(fds[0], "r")), 2);
}
END_TEST

START_TEST(a_file_that_cannot_be_opened_gives_the_reason)
{
	struct accesslog_conf conf = {.path = "/nonexistent/log"};

	ck_assert_ptr_null(accesslog_open(&loop, &conf, "a", 0));
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_uint_eq(mem_live(mem_counters(), MEM_WORKER), 0);
}
END_TEST

/* The file of a log whose disk was full in the middle of a line. */
START_TEST(a_torn_line_does_not_take_the_next_one_with_it)
{
	int fd = small_fifo();
	struct accesslog *log = open_log(path);
	static char filler[3900];
	FILE *f = fdopen(fd, "r");
	int other = open(path, O_WRONLY | O_NONBLOCK);
	static char huge[6000];

	/* A line of more than PIPE_BUF bytes goes out in parts. */
	memset(huge, 'h', sizeof(huge));
	ck_assert_int_eq(write(other, filler, sizeof(filler)), sizeof(filler));
	close(other);
	stream.req.path = str_of(huge, 4096);
	add(log, 1);
	run_ms(1100);
	ck_assert_uint_eq(fread(text, 1, sizeof(filler), f), sizeof(filler));
	clearerr(f);
	run_ms(300);
	ck_assert_uint_eq(fread(text, 1, 4096, f), 4096); /* its first part */
	ck_assert_int_eq(text[0], '{');
	fclose(f); /* the reader is gone before the second */
	run_ms(300);
	ck_assert_uint_eq(stat_get(&stats.log_lost_lines), 1);
	stream.req.path = STR("/next");
	add(log, 1);
	run_ms(1100); /* still nobody there */
	ck_assert_uint_eq(stat_get(&stats.log_lost_lines), 2);
	fd = open(path, O_RDONLY | O_NONBLOCK);
	add(log, 1);
	accesslog_close(&log);
	f = fdopen(fd, "r");
	ck_assert_int_eq(fgetc(f), '\n');
	ck_assert_uint_eq(lines_of(f), 1);
	fclose(f);
}
END_TEST

static Suite *accesslog_suite(void)
{
	Suite *s = suite_create("accesslog");
	TCase *t = tcase_create("accesslog");

	tcase_add_checked_fixture(t, a_stream, no_stream);
	tcase_set_timeout(t, 30);
	tcase_add_test(t, json_tells_all_of_a_stream);
	tcase_add_test(t, json_says_null_where_nothing_is_known);
	tcase_add_test(t,
		       json_names_the_upstream_of_the_route_when_no_server_was_asked);
	tcase_add_test(t, json_names_the_server_asked_last_when_its_back_is_gone);
	tcase_add_test(t, json_escapes_what_json_must_not_have);
	tcase_add_test(t, json_keeps_utf8_and_replaces_what_is_none);
	tcase_add_test(t, json_is_valid_whatever_three_bytes_a_peer_sends);
	tcase_add_test(t, memory_is_combined_and_two_numbers);
	tcase_add_test(t, combined_is_what_nginx_writes);
	tcase_add_test(t, combined_escapes_as_nginx_does);
	tcase_add_test(t, combined_says_499_when_the_client_left_before_the_answer);
	tcase_add_test(t, combined_has_a_dash_for_a_request_that_could_not_be_read);
	tcase_add_test(t, the_time_is_that_of_each_line);
	tcase_add_test(t, long_texts_are_cut_and_a_line_stays_in_its_bound);
	tcase_add_test(t, a_line_waits_a_second_for_others);
	tcase_add_test(t, sixteen_kilobytes_are_written_at_the_end_of_the_turn);
	tcase_add_test(t, a_turn_that_fills_the_buffer_loses_nothing);
	tcase_add_test(t, closing_writes_what_waited);
	tcase_add_test(t, reopening_goes_on_in_a_new_file);
	tcase_add_test(t, a_full_disk_loses_lines_and_counts_them);
	tcase_add_test(t, a_reader_that_sleeps_costs_lines_but_never_waiting);
	tcase_add_test(t, a_reader_that_is_gone_costs_every_line);
	tcase_add_test(t, stdout_is_not_made_nonblocking_for_its_other_users);
	tcase_add_test(t, a_file_that_cannot_be_opened_gives_the_reason);
	tcase_add_test(t, a_torn_line_does_not_take_the_next_one_with_it);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *r = srunner_create(accesslog_suite());
	int failed;

	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
