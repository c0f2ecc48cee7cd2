/*
 * Error pages: which one is for whom, and what becomes of files that are no
 * good.
 */
#include <check.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "conf_try.h"
#include "proxy/error_page.h"
#include "runner.h"

static struct error_page_conf conf_of(const char *name, unsigned int code)
{
	static char paths[8][320];
	static unsigned int next;
	char *path = paths[next++ % 8];
	struct error_page_conf conf = {.path = path, .n_codes = 1};

	snprintf(path, sizeof(paths[0]), "%s", try_path(name));
	conf.codes[0] = (uint16_t)code;
	conf.json = error_page_is_json(path);
	return conf;
}

static void expect(const struct error_pages *all, unsigned int status, bool json,
		   const char *type, const char *body)
{
	const struct error_page *page = error_pages_find(all, status, json);

	ck_assert_ptr_nonnull(page);
	ck_assert_str_eq(page->type, type);
	ck_assert(str_eq(page->body, str_z(body)));
}

START_TEST(a_name_tells_the_type)
{
	ck_assert_str_eq(error_page_type("/a/b.html"), "text/html");
	ck_assert_str_eq(error_page_type("B.HTM"), "text/html");
	ck_assert_str_eq(error_page_type("b.json"), "application/json");
	ck_assert_str_eq(error_page_type("b.html.txt"), "text/plain");
	ck_assert_ptr_null(error_page_type("html"));
	ck_assert_ptr_null(error_page_type(".html"));
	ck_assert_ptr_null(error_page_type("b.exe"));
	ck_assert(error_page_is_json("x.json"));
	ck_assert(!error_page_is_json("x.js"));
}
END_TEST

START_TEST(json_goes_to_who_asks_for_it)
{
	struct error_page_conf confs[3];
	struct error_pages *all;

	try_dir_new();
	try_write("a.html", "<p>");
	try_write("a.json", "{}");
	confs[0] = conf_of("a.html", 502);
	confs[1] = conf_of("a.json", 502);
	confs[1].codes[confs[1].n_codes++] = 404;
	confs[2] = conf_of("a.html", 599);
	all = error_pages_new(confs, 3);
	ck_assert_ptr_nonnull(all);
	expect(all, 502, false, "text/html", "<p>");
	expect(all, 502, true, "application/json", "{}");
	/* There is no other for it. */
	expect(all, 404, false, "application/json", "{}");
	expect(all, 404, true, "application/json", "{}");
	expect(all, 599, false, "text/html", "<p>");
	ck_assert_ptr_null(error_pages_find(all, 599, true));
	ck_assert_ptr_null(error_pages_find(all, 400, false));
	ck_assert_ptr_null(error_pages_find(all, 200, false));
	ck_assert_ptr_null(error_pages_find(all, 600, false));
	ck_assert_ptr_null(error_pages_find(NULL, 502, false));
	error_pages_free(&all);
	ck_assert_ptr_null(all);
	ck_assert_uint_eq(mem_live(mem_counters(), MEM_WORKER), 0);
	try_dir_free();
}
END_TEST

static void expect_no_page(const char *name, const char *why)
{
	char err[512] = "";

	ck_assert_int_eq(error_page_read(try_path(name), NULL, err, sizeof(err)), -1);
	ck_assert_msg(strstr(err, why) != NULL, "%s: %s", name, err);
}

START_TEST(a_file_that_cannot_be_one_says_why)
{
	static char large[ERROR_PAGE_BYTES + 2], room[ERROR_PAGE_BYTES + 1];
	char err[512];

	try_dir_new();
	memset(large, 'x', sizeof(large) - 1);
	try_write("large.txt", large);
	expect_no_page("large.txt", "is larger than 16k");
	expect_no_page("none.txt", "none.txt: No such file or directory");
	expect_no_page(".", "Is a directory");
	ck_assert_int_eq(mkfifo(try_path("pipe.txt"), 0600), 0);
	expect_no_page("pipe.txt", "not supported");
	large[ERROR_PAGE_BYTES] = '\0';
	try_write("fits.txt", large);
	ck_assert_int_eq(error_page_read(try_path("fits.txt"), room, err, sizeof(err)),
			 ERROR_PAGE_BYTES);
	ck_assert(memcmp(room, large, ERROR_PAGE_BYTES) == 0);
	try_write("empty.txt", "");
	ck_assert_int_eq(error_page_read(try_path("empty.txt"), room, err, sizeof(err)),
			 0);
	try_dir_free();
}
END_TEST

START_TEST(a_worker_does_without_a_file_that_is_gone)
{
	struct error_page_conf confs[2];
	struct error_pages *all;

	try_dir_new();
	try_write("b.txt", "b");
	confs[0] = conf_of("gone.txt", 404);
	confs[1] = conf_of("b.txt", 503);
	all = error_pages_new(confs, 2);
	ck_assert_ptr_nonnull(all);
	ck_assert_ptr_null(error_pages_find(all, 404, false));
	expect(all, 503, false, "text/plain", "b");
	error_pages_free(&all);
	try_dir_free();
}
END_TEST

START_TEST(without_memory_there_are_none_and_nothing_is_left)
{
	struct error_page_conf confs[2];
	struct error_pages *all;
	char spec[64], err[256];

	snprintf(spec, sizeof(spec), "system+fail=%d,regions=heap", _i + 1);
	ck_assert_msg(mem_choose(spec, err, sizeof(err)) == 0, "%s", err);
	try_dir_new();
	try_write("a.txt", "a");
	confs[0] = conf_of("a.txt", 404);
	confs[1] = conf_of("a.txt", 503);
	all = error_pages_new(confs, 2);
	ck_assert_int_eq(all != NULL, _i == 3);
	error_pages_free(&all);
	ck_assert_uint_eq(mem_live(mem_counters(), MEM_WORKER), 0);
	try_dir_free();
}
END_TEST

/* --- in a config --------------------------------------------------------- */

START_TEST(lines_of_a_config_are_pages)
{
	struct try t;
	const struct error_page_conf *all;

	try_text(
		&t,
		"error_page 502 503 \"/e/5 xx.html\"; error_page 502 /e/5.json\n" REST);
	ck_assert_str_eq(t.errors, "");
	ck_assert_uint_eq(t.s->n_error_pages, 2);
	all = t.s->error_pages;
	ck_assert_str_eq(all[0].path, "/e/5 xx.html");
	ck_assert_uint_eq(all[0].n_codes, 2);
	ck_assert_uint_eq(all[0].codes[0], 502);
	ck_assert_uint_eq(all[0].codes[1], 503);
	ck_assert(!all[0].json && all[1].json);
	ck_assert_str_eq(all[1].where, "t.conf:1:36");
	try_end(&t);
}
END_TEST

START_TEST(there_are_so_many_lines_and_no_more)
{
	static char text[16384];
	size_t at = 0;
	struct try t;

	for (unsigned int i = 0; i < ERROR_PAGE_MAX; i++)
		at += (size_t)sprintf(text + at, "error_page %u /e.html\n",
				      ERROR_PAGE_FIRST + i);
	strcpy(text + at, REST);
	try_text(&t, text);
	ck_assert_str_eq(t.errors, "");
	try_end(&t);
	strcpy(text + at, "error_page 400 /e.json\n" REST);
	try_text(&t, text);
	ck_assert_ptr_nonnull(
		strstr(t.errors, "t.conf:201:1: error: more than 200 error_page"));
	try_end(&t);
}
END_TEST

START_TEST(one_that_cannot_be_read_is_an_error_on_its_line)
{
	char said[1024] = "";
	FILE *report = fmemopen(said, sizeof(said), "w");
	struct try t;

	try_dir_new();
	try_write("good.html", "<p>sorry");
	try_write("h.conf", REST "error_page 502 good.html\n"
				 "error_page 503 none.html\n");
	try_file(&t, try_path("h.conf"));
	ck_assert_str_eq(t.errors, "");
	ck_assert_uint_eq(snapshot_check_host(t.s, report), 1);
	fclose(report);
	ck_assert_ptr_nonnull(strstr(said, "h.conf:5:1: error: cannot read the error "
					   "page "));
	ck_assert_ptr_nonnull(strstr(said, "none.html: No such file or directory\n"));
	try_end(&t);
	try_dir_free();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("error_page");
	TCase *t = tcase_create("error_page"), *fails = tcase_create("no memory");

	tcase_add_checked_fixture(t, choose_system, NULL);
	tcase_add_test(t, a_name_tells_the_type);
	tcase_add_test(t, json_goes_to_who_asks_for_it);
	tcase_add_test(t, a_file_that_cannot_be_one_says_why);
	tcase_add_test(t, a_worker_does_without_a_file_that_is_gone);
	tcase_add_test(t, lines_of_a_config_are_pages);
	tcase_add_test(t, there_are_so_many_lines_and_no_more);
	tcase_add_test(t, one_that_cannot_be_read_is_an_error_on_its_line);
	suite_add_tcase(s, t);
	tcase_add_loop_test(fails, without_memory_there_are_none_and_nothing_is_left, 0,
			    4);
	suite_add_tcase(s, fails);
	return run_suite(s);
}
