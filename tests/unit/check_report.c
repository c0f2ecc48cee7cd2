#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "campaign_case.h"
#include "lab/report.h"
#include "runner.h"

static struct campaign c;
static struct analysis a;
static struct gate_rule gate;
static struct report r = {.analysis = &a, .gates = &gate, .n_gates = 1};
static char dir[64], err[320];

static void make(double again)
{
	struct campaign_case how = {10, 0.01, {1, again, 1.1, 0.8}, 1, 0};

	campaign_case_make(&c, &how);
	strcpy(c.runs[6].why_void, "a \"quoted\" <reason>");
	ck_assert_int_eq(analysis_init(&a, &c), 0);
	ck_assert(gate_rule_parse(&gate, "rss_avg<=1.05x"));
	ck_assert_int_eq(report_write(&r, dir, err, sizeof(err)), 0);
}

static void setup(void)
{
	choose_system();
	strcpy(dir, "/tmp/check_report.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void teardown(void)
{
	char command[128];

	analysis_fini(&a);
	campaign_fini(&c);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
	for (int tag = 0; tag < MEM_N_TAGS; tag++)
		ck_assert_uint_eq(mem_live(mem_counters(), tag), 0);
}

/* Owns: nobody; a test is a process of its own. */
static char *whole(const char *name)
{
	char path[128];
	size_t cap = 4 << 20, n;
	char *text = malloc(cap);
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	n = fread(text, 1, cap - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

static unsigned int count(const char *text, const char *needle)
{
	unsigned int n = 0;

	for (; (text = strstr(text, needle)); text += strlen(needle))
		n++;
	return n;
}

START_TEST(the_verdict_comes_first_in_the_page)
{
	const char *page, *body, *verdict;

	make(1);
	page = whole("report.html");
	body = strstr(page, "<body>");
	verdict = strstr(page, "<p id=\"verdict\"");
	ck_assert_ptr_eq(verdict, body + strlen("<body>\n"));
	ck_assert_ptr_nonnull(strstr(verdict, "jemalloc takes more memory"));
	ck_assert_ptr_null(strstr(page, "class=\"verdict unreliable\""));
	free((void *)(uintptr_t)page);
}
END_TEST

START_TEST(an_unreliable_campaign_has_a_red_box_and_no_verdict)
{
	char *page, *summary;

	make(1.2);
	page = whole("report.html");
	ck_assert_ptr_nonnull(strstr(page, "class=\"verdict unreliable\""));
	ck_assert_ptr_nonnull(strstr(page, "<strong>Unreliable.</strong> No verdict"));
	ck_assert_ptr_null(strstr(page, "<td class=\"worse\">"));
	ck_assert_ptr_null(strstr(page, "<td class=\"better\">"));
	summary = whole("summary.json");
	ck_assert_uint_eq(count(summary, "\"verdict\": \"withheld\""), 3 * N_MEASURES);
	free(page);
	free(summary);
}
END_TEST

START_TEST(the_page_needs_no_network_and_no_script_to_be_read)
{
	char *page, *at;

	make(1);
	page = whole("report.html");
	ck_assert_ptr_null(strstr(page, "src=\"http"));
	ck_assert_ptr_null(strstr(page, "href=\"http"));
	ck_assert_ptr_nonnull(strstr(page, "default-src 'none'"));
	at = strstr(page, "<script>"); /* all of it stands before the first */
	if (at)
		*at = '\0';
	ck_assert_uint_eq(count(page, "<svg "), N_MEASURES);
	ck_assert_uint_eq(count(page, "<h3>"), N_MEASURES);
	ck_assert_ptr_nonnull(strstr(page, "<h2>All runs</h2>"));
	ck_assert_uint_ge(count(page, "hybrid"), 20);
	free(page);
}
END_TEST

START_TEST(what_is_text_stays_text)
{
	char *page, *csv;

	make(1);
	page = whole("report.html");
	ck_assert_ptr_null(strstr(page, "<&>"));
	ck_assert_ptr_nonnull(strstr(page, "&lt;&amp;&gt;&quot;"));
	ck_assert_ptr_nonnull(strstr(page, "a &quot;quoted&quot; &lt;reason&gt;"));
	csv = whole("rounds.csv");
	ck_assert_ptr_nonnull(strstr(csv, ",\"a \"\"quoted\"\" <reason>\","));
	free(page);
	free(csv);
}
END_TEST

/* Commas outside of quotes. */
static unsigned int n_columns(const char *line)
{
	bool quoted = false;
	unsigned int n = 1;

	for (; *line && *line != '\r'; line++) {
		quoted ^= *line == '"';
		n += *line == ',' && !quoted;
	}
	return n;
}

static void check_csv(const char *name, unsigned int n_rows)
{
	char *csv = whole(name), *line = csv;
	unsigned int columns = n_columns(csv), rows = 0;

	for (; *line; line = strstr(line, "\r\n") + 2, rows++)
		ck_assert_uint_eq(n_columns(line), columns);
	ck_assert_uint_eq(rows, n_rows + 1);
	free(csv);
}

START_TEST(every_row_of_a_csv_has_all_columns)
{
	unsigned int n = 0;

	make(1);
	check_csv("rounds.csv", c.n_runs);
	for (unsigned int i = 0; i < c.n_runs; i++)
		n += c.runs[i].n_samples;
	check_csv("samples.csv", n);
}
END_TEST

START_TEST(the_summary_has_what_its_schema_says)
{
	static const char *const keys[] = {
		"version",        "sentence",     "begun",
		"unreliable",     "partial",      "unreliable_because",
		"workload",       "rate",         "margin",
		"rounds_planned", "rounds_whole", "runs_void",
		"command",        "measures",     "arms",
		"environment",    "gates",        "level"};
	char path[128];
	json_t *o, *arm;

	make(1);
	snprintf(path, sizeof(path), "%s/summary.json", dir);
	o = json_load_file(path, 0, NULL);
	ck_assert_ptr_nonnull(o);
	ck_assert_uint_eq(json_object_size(o), sizeof(keys) / sizeof(*keys));
	for (unsigned int i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		ck_assert_msg(json_object_get(o, keys[i]) != NULL, "%s", keys[i]);
	ck_assert_int_eq(json_integer_value(json_object_get(o, "version")), 2);
	arm = json_array_get(json_object_get(o, "arms"), 2);
	arm = json_object_get(json_object_get(arm, "measures"), "rss_avg");
	ck_assert_str_eq(json_string_value(json_object_get(arm, "verdict")), "worse");
	ck_assert_double_eq_tol(json_real_value(json_object_get(arm, "ratio")), 1.1,
				0.02);
	arm = json_array_get(json_object_get(o, "gates"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(arm, "answer")), "broken");
	json_decref(o);
}
END_TEST

START_TEST(openmetrics_are_whole)
{
	char *text;

	make(1);
	text = whole("metrics.om");
	ck_assert_str_eq(text + strlen(text) - 6, "# EOF\n");
	ck_assert_ptr_nonnull(
		strstr(text, "\nheapgate_ab_cpu_seconds{arm=\"system\"} "));
	ck_assert_ptr_nonnull(strstr(
		text, "heapgate_ab_rss_avg_ratio{arm=\"hybrid\",bound=\"high\"} 0.8"));
	ck_assert_uint_eq(count(text, "# TYPE"), 2 * N_MEASURES + 1);
	free(text);
}
END_TEST

START_TEST(benchstat_gets_one_line_for_each_run_that_counts)
{
	char *text;

	make(1);
	text = whole("bench.txt");
	ck_assert_uint_eq(count(text, "\nBenchmarkAB/arm="), c.n_runs - 1);
	ck_assert_ptr_nonnull(strstr(text, "arm=system_(again) 400 "));
	ck_assert_ptr_nonnull(strstr(text, " rss_avg-bytes "));
	free(text);
}
END_TEST

START_TEST(the_same_data_give_the_same_bytes)
{
	static const char *const names[] = {"report.html", "summary.json", "rounds.csv",
					    "samples.csv", "metrics.om",   "bench.txt"};
	char *before[6], path[128];
	struct campaign first;

	make(1);
	for (unsigned int i = 0; i < 6; i++)
		before[i] = whole(names[i]);
	snprintf(path, sizeof(path), "%s/raw.json", dir);
	ck_assert_int_eq(campaign_save(&c, path, err, sizeof(err)), 0);
	analysis_fini(&a);
	first = c;
	ck_assert_int_eq(campaign_load(&c, path, err, sizeof(err)), 0);
	campaign_fini(&first);
	ck_assert_int_eq(analysis_init(&a, &c), 0);
	ck_assert_int_eq(report_write(&r, dir, err, sizeof(err)), 0);
	for (unsigned int i = 0; i < 6; i++) {
		char *after = whole(names[i]);

		ck_assert_msg(strcmp(before[i], after) == 0, "%s differs", names[i]);
		free(before[i]);
		free(after);
	}
}
END_TEST

START_TEST(a_folder_that_is_not_there_is_an_error)
{
	make(1);
	ck_assert_int_eq(report_write(&r, "/nowhere", err, sizeof(err)), -1);
	ck_assert_ptr_nonnull(strstr(err, "/nowhere/report.html"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("report");
	TCase *t = tcase_create("files");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_verdict_comes_first_in_the_page);
	tcase_add_test(t, an_unreliable_campaign_has_a_red_box_and_no_verdict);
	tcase_add_test(t, the_page_needs_no_network_and_no_script_to_be_read);
	tcase_add_test(t, what_is_text_stays_text);
	tcase_add_test(t, every_row_of_a_csv_has_all_columns);
	tcase_add_test(t, the_summary_has_what_its_schema_says);
	tcase_add_test(t, openmetrics_are_whole);
	tcase_add_test(t, benchstat_gets_one_line_for_each_run_that_counts);
	tcase_add_test(t, the_same_data_give_the_same_bytes);
	tcase_add_test(t, a_folder_that_is_not_there_is_an_error);
	suite_add_tcase(s, t);
	return run_suite(s);
}
