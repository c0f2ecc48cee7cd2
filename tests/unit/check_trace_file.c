#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lab/block_table.h"
#include "lab/replay_run.h"
#include "lab/trace_file.h"
#include "runner.h"

static unsigned char file[65536];
static size_t len;
static struct trace_file f;
static struct trace_record r;
static const struct replay_way fast = {.touch_bytes = 1 << 20, .fast = true};

/* --- a trace by hand ----------------------------------------------------- */

static void begin(void)
{
	struct trace_head head = {.version = TRACE_VERSION,
				  .head_bytes = sizeof(head),
				  .base_bytes = 1 << 20,
				  .n_tags = MEM_N_TAGS,
				  .spec = "system+trace=x"};

	memcpy(head.magic, TRACE_MAGIC, sizeof(head.magic));
	memcpy(file, &head, sizeof(head));
	len = sizeof(head);
}

static void op(enum trace_op what, enum mem_tag tag)
{
	file[len++] = (unsigned char)(what | (unsigned int)tag << 3);
}

static void number(uint64_t v)
{
	len += trace_put(file + len, v);
}

static void block(int64_t difference)
{
	number(trace_zigzag((uint64_t)difference));
}

static void end(uint64_t records, uint64_t lost)
{
	op(TRACE_END, 0);
	number(records);
	number(lost);
}

/* One block that comes, moves and goes. */
static void put_all_calls(void)
{
	op(TRACE_ALLOC, MEM_CONN);
	number(5);
	number(100);
	block(1000);
	op(TRACE_REALLOC, MEM_CONN);
	number(300);
	number(70000);
	block(0);
	block(-400);
	op(TRACE_USAGE, 0);
	number(3072);
	op(TRACE_FREE, MEM_CONN);
	number(1);
	block(0);
}

static void open_it(void)
{
	ck_assert_int_eq(trace_file_open(&f, file, len), 0);
}

static void fails_with(const char *why)
{
	int rc;

	while ((rc = trace_file_next(&f, &r)) > 0)
		;
	ck_assert_int_eq(rc, -1);
	ck_assert_msg(strstr(f.err, why), "%s: not %s", f.err, why);
}

static void wont_open(const char *why)
{
	ck_assert_int_eq(trace_file_open(&f, file, len), -1);
	ck_assert_msg(strstr(f.err, why), "%s: not %s", f.err, why);
}

/* --- reading --------------------------------------------------------------- */

START_TEST(numbers_of_any_size_come_back)
{
	static const int64_t all[] = {0, 1, -1, 63, 64, -64, -65, INT64_MAX, INT64_MIN};

	for (unsigned int i = 0; i < sizeof(all) / sizeof(*all); i++)
		ck_assert_int_eq(
			(int64_t)trace_unzigzag(trace_zigzag((uint64_t)all[i])),
			all[i]);
	ck_assert_uint_eq(trace_zigzag((uint64_t)-1), 1);
	ck_assert_uint_eq(trace_put(file, UINT64_MAX), 10);
	ck_assert_uint_eq(trace_put(file, 127), 1);
	ck_assert_uint_eq(trace_put(file, 128), 2);
}
END_TEST

START_TEST(each_record_is_read_as_it_was_written)
{
	begin();
	put_all_calls();
	end(3, 0);
	open_it();
	ck_assert_str_eq(f.head.spec, "system+trace=x");
	ck_assert_int_eq(trace_file_next(&f, &r), 1);
	ck_assert_int_eq(r.op, TRACE_ALLOC);
	ck_assert_int_eq(r.tag, MEM_CONN);
	ck_assert_uint_eq(r.at_us, 5);
	ck_assert_uint_eq(r.size, 100);
	ck_assert_uint_eq(r.block, 1000);
	ck_assert_int_eq(trace_file_next(&f, &r), 1);
	ck_assert_int_eq(r.op, TRACE_REALLOC);
	ck_assert_uint_eq(r.at_us, 305);
	ck_assert_uint_eq(r.size, 70000);
	ck_assert_uint_eq(r.block, 1000);
	ck_assert_uint_eq(r.moved, 600);
	ck_assert_int_eq(trace_file_next(&f, &r), 1);
	ck_assert_int_eq(r.op, TRACE_USAGE);
	ck_assert_uint_eq(r.count, 3072);
	ck_assert_int_eq(trace_file_next(&f, &r), 1);
	ck_assert_int_eq(r.op, TRACE_FREE);
	ck_assert_uint_eq(r.block, 600);
	ck_assert_int_eq(trace_file_next(&f, &r), 0);
	ck_assert_int_eq(trace_file_next(&f, &r), 0);
}
END_TEST

START_TEST(a_trace_cut_off_anywhere_is_known_to_be)
{
	size_t whole;

	begin();
	put_all_calls();
	end(3, 0);
	whole = len;
	for (len = 0; len < whole; len++) {
		int rc = trace_file_open(&f, file, len);

		while (rc == 0 && (rc = trace_file_next(&f, &r)) > 0)
			rc = 0;
		ck_assert_msg(rc < 0, "%zu of %zu bytes were good enough", len, whole);
		ck_assert_msg(strstr(f.err, len < 8 ? "no trace" : "cut off"), "%s",
			      f.err);
	}
}
END_TEST

START_TEST(another_file_or_version_is_refused)
{
	begin();
	file[0] ^= 1;
	wont_open("no trace of heapgate");
	begin();
	file[8]++;
	wont_open("version 2");
	begin();
	file[12]++;
	wont_open("damaged");
	begin();
	memset(file + len - 256, 'x', 256);
	wont_open("damaged");
}
END_TEST

START_TEST(what_cannot_be_is_refused)
{
	static const struct {
		unsigned char bytes[14];
		size_t n;
		const char *why;
	} bad[] = {
		{{0, 0, 0, 0}, 4, "a number that cannot be"},
		{{TRACE_FREE | 31 << 3, 0, 0}, 3, "an owner"},
		{{TRACE_ALLOC, 0, 0, 2}, 4, "a size"},
		{{TRACE_ALLOC, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 2},
		 13,
		 "a size"},
		{{TRACE_FREE, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2, 0},
		 12,
		 "a number without an end"},
		{{TRACE_FREE, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 0},
		 12,
		 "a time"},
		{{TRACE_LOST, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1},
		 11,
		 "a number that cannot be"},
		{{TRACE_END, 1, 0}, 3, "more or less"},
		{{TRACE_END, 0, 0, 0}, 4, "behind the end"},
	};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		begin();
		memcpy(file + len, bad[i].bytes, bad[i].n);
		len += bad[i].n;
		open_it();
		fails_with(bad[i].why);
	}
}
END_TEST

/* --- what makes sense -------------------------------------------------------- */

static void check_says(const char *why)
{
	struct replay_trace t;

	open_it();
	ck_assert_int_eq(replay_check(&f, &t), -1);
	ck_assert_msg(strstr(f.err, why), "%s: not %s", f.err, why);
}

START_TEST(a_block_goes_once_and_comes_once)
{
	begin();
	op(TRACE_FREE, MEM_CONN);
	number(0);
	block(7);
	end(1, 0);
	check_says("never came");
	begin();
	for (int i = 0; i < 2; i++) {
		op(TRACE_ALLOC, MEM_CONN);
		number(0);
		number(8);
		block(i ? 0 : 7);
	}
	end(2, 0);
	check_says("comes twice");
}
END_TEST

START_TEST(where_records_are_lost_blocks_may_be_missing)
{
	struct replay_trace t;
	struct replay_result result;

	begin();
	op(TRACE_LOST, 0);
	number(9);
	op(TRACE_FREE, MEM_CONN);
	number(0);
	block(7);
	for (int i = 0; i < 2; i++) {
		op(TRACE_ALLOC, MEM_CONN);
		number(1);
		number(64);
		block(i ? 0 : 7);
	}
	end(3, 9);
	open_it();
	ck_assert_int_eq(replay_check(&f, &t), 0);
	ck_assert_uint_eq(t.lost, 9);
	ck_assert_uint_eq(t.most_blocks, 1);
	ck_assert_int_eq(replay_run(&f, &t, &fast, &result), 0);
	ck_assert_uint_eq(result.calls, 2);
}
END_TEST

START_TEST(a_replay_makes_the_same_calls)
{
	struct replay_trace t;
	struct replay_result result;

	begin();
	put_all_calls();
	op(TRACE_ZALLOC, MEM_NGHTTP2);
	number(3000000);
	number(1 << 20);
	block(5);
	end(4, 0);
	open_it();
	ck_assert_int_eq(replay_check(&f, &t), 0);
	ck_assert_uint_eq(t.records, 4);
	ck_assert_uint_eq(t.peak_bytes, 2 << 20);
	ck_assert_int_eq(replay_run(&f, &t, &fast, &result), 0);
	ck_assert_uint_eq(result.calls, 4);
	ck_assert_uint_eq(result.failed, 0);
	ck_assert_uint_ge(result.end_live_bytes, 1 << 20);
	ck_assert_uint_ge(result.most_live_bytes, 1 << 20);
}
END_TEST

START_TEST(a_replay_lasts_as_long_as_the_recording_unless_fast)
{
	const struct replay_way timed = {.touch_bytes = 4096};
	struct replay_result result;
	struct replay_trace t;
	struct timespec from, to;
	double took_ms;

	begin();
	op(TRACE_ALLOC, MEM_CONN);
	number(60000);
	number(64);
	block(7);
	op(TRACE_FREE, MEM_CONN);
	number(60000);
	block(0);
	end(2, 0);
	open_it();
	ck_assert_int_eq(replay_check(&f, &t), 0);
	clock_gettime(CLOCK_MONOTONIC, &from);
	ck_assert_int_eq(replay_run(&f, &t, _i ? &fast : &timed, &result), 0);
	clock_gettime(CLOCK_MONOTONIC, &to);
	took_ms = (double)(to.tv_sec - from.tv_sec) * 1e3 +
		  (double)(to.tv_nsec - from.tv_nsec) / 1e6;
	if (_i)
		ck_assert_double_lt(took_ms, 60);
	else
		ck_assert_double_ge(took_ms, 119);
}
END_TEST

/* Looks at the memory are 256 calls apart. */
static uint64_t peak_of_a_large_block(uint64_t size, uint64_t touched)
{
	struct replay_result result;
	struct replay_trace t;

	begin();
	op(TRACE_ALLOC, MEM_CONN);
	number(1);
	number(size);
	block(7);
	for (int i = 0; i < 256; i++) {
		op(TRACE_ALLOC, MEM_CONN);
		number(1);
		number(64);
		block(1);
	}
	op(TRACE_FREE_PART, MEM_CONN);
	number(1);
	block(-256);
	number(touched + 1);
	end(258, 0);
	open_it();
	ck_assert_int_eq(replay_check(&f, &t), 0);
	ck_assert_uint_eq(t.touch.n, 1);
	ck_assert_uint_eq(t.touch.bytes[0], touched);
	ck_assert_int_eq(replay_run(&f, &t, &fast, &result), 0);
	replay_trace_fini(&t);
	return result.peak_bytes;
}

START_TEST(of_a_large_block_so_much_is_touched_as_was)
{
	enum { SIZE = 1 << 20 };
	uint64_t bytes;

	ck_assert_uint_lt(peak_of_a_large_block(SIZE, 4096), SIZE / 2);
	bytes = peak_of_a_large_block(SIZE, SIZE / 4 * 3);
	ck_assert_uint_gt(bytes, SIZE / 2);
	ck_assert_uint_lt(bytes, SIZE);
}
END_TEST

START_TEST(a_trace_of_more_than_a_year_is_damaged)
{
	struct replay_trace t;

	begin();
	op(TRACE_ALLOC, MEM_CONN);
	number(367ull * 24 * 3600 * 1000000);
	number(64);
	block(7);
	end(1, 0);
	open_it();
	ck_assert_int_eq(replay_check(&f, &t), -1);
	ck_assert_ptr_nonnull(strstr(f.err, "longer than a year"));
}
END_TEST

/* --- the table ------------------------------------------------------------------ */

START_TEST(the_table_finds_what_is_there_and_nothing_else)
{
	struct block_table t;
	static bool there[5000];
	uint32_t draw = 1;

	ck_assert_int_eq(block_table_init(&t, 0), 0);
	for (unsigned int i = 0; i < 200000; i++) {
		uint32_t n;
		struct block *b;

		draw = draw * 1664525 + 1013904223;
		n = (draw >> 8) % 5000;
		b = block_table_find(&t, n + 1);
		ck_assert_int_eq(b != NULL, there[n]);
		if (b)
			block_table_drop(&t, b);
		else
			ck_assert_int_eq(block_table_put(&t, n + 1, NULL, n), 0);
		there[n] = !there[n];
	}
	for (uint32_t n = 0; n < 5000; n++)
		if (there[n])
			ck_assert_uint_eq(block_table_find(&t, n + 1)->tag, n);
	block_table_fini(&t);
}
END_TEST

/* --- end to end: the wrapper writes what the reader reads ---------------------- */

static void choose(void)
{
	char err[256];

	if (mem_choose("system,regions=heap", err, sizeof(err)) != 0)
		ck_abort_msg("%s", err);
}

START_TEST(what_the_wrapper_wrote_is_a_whole_trace)
{
	char path[] = "/tmp/check_trace_XXXXXX", spec[64], err[256];
	struct replay_trace t;
	FILE *from;
	pid_t pid;
	int fd = mkstemp(path), status;

	ck_assert_int_ge(fd, 0);
	close(fd);
	pid = fork();
	if (pid == 0) {
		void *p[100];

		snprintf(spec, sizeof(spec), "system+trace=%s", path);
		if (mem_choose(spec, err, sizeof(err)) != 0)
			_exit(2);
		for (int i = 0; i < 100; i++)
			p[i] = mem_alloc(MEM_STREAM, (size_t)i * 50);
		for (int i = 0; i < 100; i += 2)
			mem_free(MEM_STREAM, p[i]);
		p[1] = mem_realloc(MEM_STREAM, p[1], 100000);
		exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	from = fopen(path, "rb");
	len = fread(file, 1, sizeof(file), from);
	fclose(from);
	unlink(path);
	open_it();
	ck_assert_int_eq(replay_check(&f, &t), 0);
	ck_assert_uint_eq(t.records, 151);
	ck_assert_uint_eq(t.most_blocks, 100);
	ck_assert_uint_eq(t.lost, 0);
	ck_assert_uint_gt(f.head.base_bytes, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("trace_file");
	TCase *t = tcase_create("reading"), *c = tcase_create("chosen"),
	      *w = tcase_create("wrapper");

	tcase_add_test(t, numbers_of_any_size_come_back);
	tcase_add_test(t, each_record_is_read_as_it_was_written);
	tcase_add_test(t, a_trace_cut_off_anywhere_is_known_to_be);
	tcase_add_test(t, another_file_or_version_is_refused);
	tcase_add_test(t, what_cannot_be_is_refused);
	tcase_add_test(t, a_block_goes_once_and_comes_once);
	tcase_add_test(t, a_trace_of_more_than_a_year_is_damaged);
	tcase_add_test(t, the_table_finds_what_is_there_and_nothing_else);
	tcase_add_checked_fixture(c, choose, NULL);
	tcase_add_test(c, where_records_are_lost_blocks_may_be_missing);
	tcase_add_test(c, a_replay_makes_the_same_calls);
	tcase_add_test(c, of_a_large_block_so_much_is_touched_as_was);
	tcase_add_loop_test(c, a_replay_lasts_as_long_as_the_recording_unless_fast, 0,
			    2);
	tcase_add_test(w, what_the_wrapper_wrote_is_a_whole_trace);
	suite_add_tcase(s, t);
	suite_add_tcase(s, c);
	suite_add_tcase(s, w);
	return run_suite(s);
}
