#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exposition.h"
#include "runner.h"
#include "server/metrics.h"

static struct stats *stats[3];
static struct procfs_reading readings[3], own;
static struct metrics_worker workers[3];
static const struct metrics_arm arms[] = {
	{.name = "a", .restarts = 3, .weight = 90},
	{.name = "b", .weight = 10, .is_drained = true}};
static const char *listeners[] = {":8443", "unix:/run/x"};
static const char *routes[] = {"/", "h.example/api"};
static const struct metrics_server servers[] = {
	{"app", "127.0.0.1:9001"},
	{"app", "127.0.0.1:9002"},
	{"grpc", "h:1"},
};
static struct metrics_view view;
static struct text text;

#define N_LISTENERS 2
#define N_ROUTES    3 /* with "none" */
#define N_SERVERS   3

static void start(void)
{
	choose_system();
	text_init(&text, MEM_TICK);
	memset(&own, 0xff, sizeof(own));
	for (unsigned int i = 0; i < 3; i++) {
		size_t n = stats_bytes(N_LISTENERS, N_ROUTES, N_SERVERS);

		stats[i] = aligned_alloc(64, n);
		stats_init(stats[i], N_LISTENERS, N_ROUTES, N_SERVERS);
		memset(&readings[i], 0xff, sizeof(readings[i]));
		workers[i] = (struct metrics_worker){
			.stats = stats[i],
			.number = i,
			.arm = i == 2,
			.is_running = true,
			.process = &readings[i],
		};
	}
	view = (struct metrics_view){
		.arms = arms,
		.n_arms = 2,
		.workers = workers,
		.n_workers = 3,
		.listeners = listeners,
		.n_listeners = N_LISTENERS,
		.routes = routes,
		.n_routes = N_ROUTES - 1,
		.servers = servers,
		.n_servers = N_SERVERS,
		.started_wall_us = 1700000000500000,
		.process = &own,
		.open_fds = PROCFS_UNKNOWN,
		.max_fds = PROCFS_UNKNOWN,
	};
}

static void end(void)
{
	text_fini(&text);
	for (unsigned int i = 0; i < 3; i++)
		free(stats[i]);
	ck_assert_uint_eq(mem_live(mem_counters(), MEM_TICK), 0);
}

static void scrape(bool openmetrics)
{
	text_reset(&text);
	metrics_print(&text, &view, openmetrics);
	ck_assert(!text.failed);
	exposition_read(text.p, openmetrics);
}

static void is(const char *sample, double want)
{
	double got = exposition_value(sample);

	ck_assert_msg(got == want, "%s is %.9g, not %.9g", sample, got, want);
}

/* Something in every place that there is. */
static void fill(void)
{
	for (unsigned int i = 0; i < 3; i++) {
		_Atomic uint64_t *p = &stats[i]->fronts_h1;
		_Atomic uint64_t *last = &stats[i]->loop_turns;

		for (; p <= last; p++)
			stat_add(p, (uint64_t)(p - &stats[i]->fronts_h1) + 1);
		for (uint64_t v = 1; v < 100000000; v = v * 3 / 2 + 1) {
			histogram_add(&stats[i]->request_us, v);
			histogram_add(&stats[i]->upstream_us, v);
		}
		for (uint32_t l = 0; l < N_LISTENERS; l++)
			for (uint32_t r = 0; r < N_ROUTES; r++)
				for (int c = 0; c < STATS_N_CLASSES; c++)
					stat_add(&stats_request(stats[i], l, r)
							  ->by_class[c],
						 1);
		memset(&stats[i]->allocator, 0x01, sizeof(stats[i]->allocator));
		memset(&readings[i], 0x01, sizeof(readings[i]));
		stat_add(&stats[i]->mem.tag[MEM_CONN].live_bytes, 100);
		stats[i]->started_wall_us = 1700000001000000;
		strcpy(stats[i]->allocator_name, "jemalloc");
	}
	memset(&own, 0x01, sizeof(own));
	view.open_fds = 20;
	view.max_fds = 1024;
	view.loaded_wall_us = 1700000000600000;
}

START_TEST(a_fresh_start_is_well_formed)
{
	scrape(_i);
	is("heapgate_workers{arm=\"a\"}", 2);
	is("heapgate_workers{arm=\"b\"}", 1);
	is(_i ? "heapgate_build_info{version=\"" HEAPGATE_VERSION "\"}"
	      : "heapgate_build_info{version=\"" HEAPGATE_VERSION "\"}",
	   1);
}
END_TEST

START_TEST(with_everything_in_use_it_is_well_formed)
{
	fill();
	scrape(_i);
	ck_assert_uint_eq(exposition_count("heapgate_http_requests_total"),
			  3 * 2 * 3 * 6);
	ck_assert_uint_eq(exposition_count("heapgate_rejected_total"), 3 * REJECT_N);
}
END_TEST

START_TEST(without_workers_it_is_well_formed)
{
	view.n_workers = 0;
	view.n_arms = 0;
	scrape(_i);
	is("process_start_time_seconds", 1700000000.5);
}
END_TEST

START_TEST(both_formats_have_the_same_samples)
{
	char *first, *rest, *line;
	unsigned int n = 0;

	fill();
	scrape(false);
	first = strdup(text.p);
	scrape(true);
	for (rest = first; (line = strsep(&rest, "\n")) && rest;) {
		char *value = strrchr(line, ' ');

		if (line[0] == '#')
			continue;
		*value = '\0';
		is(line, strtod(value + 1, NULL));
		n++;
	}
	ck_assert_uint_gt(n, 500);
	free(first);
}
END_TEST

START_TEST(what_is_unknown_is_absent)
{
	stats[0]->allocator.allocated = 0;
	stats[1]->allocator.allocated = 4096;
	readings[0].resident_bytes = 1 << 20;
	workers[1].process = NULL;
	scrape(false);
	is("heapgate_allocator_allocated_bytes{worker=\"0\",arm=\"a\"}", 0);
	is("heapgate_allocator_allocated_bytes{worker=\"1\",arm=\"a\"}", 4096);
	ck_assert_uint_eq(exposition_count("heapgate_allocator_allocated_bytes"), 2);
	ck_assert_uint_eq(exposition_count("heapgate_allocator_cached_bytes"), 0);
	ck_assert_uint_eq(exposition_count("heapgate_memory_resident_bytes"), 1);
	ck_assert_uint_eq(exposition_count("heapgate_page_faults_total"), 0);
	ck_assert_uint_eq(exposition_count("process_open_fds"), 0);
	ck_assert_uint_eq(exposition_count("heapgate_config_loaded_time_seconds"), 0);
	ck_assert_uint_eq(exposition_count("heapgate_allocator_fragmentation_ratio"),
			  0);
	ck_assert_ptr_null(strstr(text.p, "18446744073709551615"));
}
END_TEST

START_TEST(a_worker_that_is_gone_has_counters_but_no_allocator)
{
	fill();
	workers[0].is_running = false;
	workers[0].process = NULL;
	stats[0]->ready = 1;
	scrape(false);
	is("heapgate_workers{arm=\"a\"}", 1);
	is("heapgate_worker_ready{worker=\"0\",arm=\"a\"}", 0);
	ck_assert_uint_eq(exposition_count("heapgate_allocator_info"), 2);
	ck_assert_uint_eq(exposition_count("heapgate_memory_anon_bytes"), 2);
	ck_assert_uint_eq(exposition_count("heapgate_streams_total"), 3);
	is("heapgate_worker_restarts_total{arm=\"a\"}", 3);
}
END_TEST

START_TEST(memory_is_told_by_owner_and_life)
{
	struct mem_counter *tag = stats[1]->mem.tag;

	stat_add(&tag[MEM_STREAM].live_bytes, 10);
	stat_add(&tag[MEM_BOOT].live_bytes, 7);
	stat_add(&tag[MEM_NGHTTP2].live_bytes, 100);
	stat_add(&tag[MEM_NGHTTP2].conn_bytes, 60);
	stat_add(&tag[MEM_OPENSSL].live_bytes, 5);
	stat_add(&tag[MEM_OPENSSL].conn_bytes, 6); /* read a moment later */
	stat_add(&tag[MEM_BOOT].allocs, 1);
	stat_add(&tag[MEM_STREAM].allocs, 2);
	stat_add(&tag[MEM_TICK].allocs, 4);
	stat_add(&tag[MEM_NGHTTP2].frees, 9);
	stat_add(&tag[MEM_STREAM].peak_bytes, 30);
	stat_add(&tag[MEM_NGHTTP2].peak_bytes, 300);
	stat_add(&tag[MEM_CARES].failures, 1);
	scrape(false);
#define OF "{worker=\"1\",arm=\"a\",owner="
	is("heapgate_allocator_live_bytes" OF "\"proxy\",life=\"stream\"}", 10);
	is("heapgate_allocator_live_bytes" OF "\"proxy\",life=\"boot\"}", 7);
	is("heapgate_allocator_live_bytes" OF "\"proxy\",life=\"tick\"}", 0);
	is("heapgate_allocator_live_bytes" OF "\"nghttp2\",life=\"conn\"}", 60);
	is("heapgate_allocator_live_bytes" OF "\"nghttp2\",life=\"worker\"}", 40);
	is("heapgate_allocator_live_bytes" OF "\"openssl\",life=\"conn\"}", 5);
	is("heapgate_allocator_live_bytes" OF "\"openssl\",life=\"worker\"}", 0);
	is("heapgate_allocator_calls_total" OF "\"proxy\",op=\"alloc\"}", 7);
	is("heapgate_allocator_calls_total" OF "\"nghttp2\",op=\"free\"}", 9);
	is("heapgate_allocator_calls_total" OF "\"nghttp2\",op=\"alloc\"}", 0);
	is("heapgate_allocator_peak_bytes" OF "\"proxy\",life=\"stream\"}", 30);
	is("heapgate_allocator_peak_bytes" OF "\"nghttp2\",life=\"all\"}", 300);
	is("heapgate_allocator_failures_total" OF "\"cares\"}", 1);
	is("heapgate_allocator_failures_total" OF "\"proxy\"}", 0);
	ck_assert_uint_eq(exposition_count("heapgate_allocator_live_bytes"), 3 * 15);
}
END_TEST

START_TEST(fragmentation_is_anonymous_memory_for_each_live_byte)
{
	stat_add(&stats[0]->mem.tag[MEM_CONN].live_bytes, 600000);
	stat_add(&stats[0]->mem.tag[MEM_OPENSSL].live_bytes, 600000);
	stat_add(&stats[0]->mem.folded_bytes, 200000);
	readings[0].anon_bytes = 2000000;
	stat_add(&stats[1]->mem.tag[MEM_CONN].live_bytes, 1000000);
	readings[1].anon_bytes = 2000000;
	readings[1].lazyfree_bytes = 500000;
	scrape(false);
	is("heapgate_allocator_fragmentation_ratio{worker=\"0\",arm=\"a\"}", 2);
	is("heapgate_allocator_fragmentation_ratio{worker=\"1\",arm=\"a\"}", 1.5);
	is("heapgate_allocator_folded_bytes{worker=\"0\",arm=\"a\"}", 200000);
	is("heapgate_allocator_folded_bytes{worker=\"1\",arm=\"a\"}", 0);
}
END_TEST

START_TEST(the_allocator_is_named_with_its_proof)
{
	strcpy(stats[2]->allocator_name, "/opt/x.so");
	strcpy(stats[2]->allocator_version, "5.3.0-0-g54ea");
	strcpy(stats[2]->allocator_path, "/opt/x.so");
	strcpy(stats[2]->allocator_regions, "heap");
	scrape(true);
	is("heapgate_allocator_info{worker=\"2\",arm=\"b\",allocator=\"/opt/x.so\","
	   "version=\"5.3.0-0-g54ea\",regions=\"heap\",path=\"/opt/x.so\"}",
	   1);
}
END_TEST

START_TEST(requests_are_told_by_listener_route_and_class)
{
	stat_add(&stats_request(stats[0], 0, 1)->by_class[1], 5);
	stat_add(&stats_request(stats[0], 1, 2)->by_class[3], 6);
	stat_add(&stats_request(stats[2], 1, 0)->by_class[5], 7);
	scrape(false);
	is("heapgate_http_requests_total{worker=\"0\",arm=\"a\",listener=\":8443\","
	   "route=\"h.example/api\",code_class=\"2xx\"}",
	   5);
	is("heapgate_http_requests_total{worker=\"0\",arm=\"a\",listener=\"unix:/run/"
	   "x\","
	   "route=\"none\",code_class=\"4xx\"}",
	   6);
	is("heapgate_http_requests_total{worker=\"2\",arm=\"b\",listener=\"unix:/run/"
	   "x\","
	   "route=\"/\",code_class=\"none\"}",
	   7);
	ck_assert_uint_eq(exposition_count("heapgate_http_requests_total"), 3);
}
END_TEST

START_TEST(durations_of_an_arm_are_in_one_histogram)
{
	histogram_add(&stats[0]->request_us, 400);
	histogram_add(&stats[1]->request_us, 20000000);
	histogram_add(&stats[1]->request_us, 4000000000);
	histogram_add(&stats[2]->upstream_us, 1500);
	scrape(false);
#define BUCKET(arm, le)                                                                \
	"heapgate_request_duration_seconds_bucket{arm=\"" arm "\",le=\"" le "\"}"
	is(BUCKET("a", "0.0005"), 1);
	is(BUCKET("a", "10.0"), 1);
	is(BUCKET("a", "30.0"), 2);
	is(BUCKET("a", "60.0"), 2);
	is(BUCKET("a", "+Inf"), 3);
	is(BUCKET("b", "+Inf"), 0);
	is("heapgate_request_duration_seconds_sum{arm=\"a\"}", 4020.0004);
	is("heapgate_request_duration_seconds_count{arm=\"a\"}", 3);
	is("heapgate_upstream_response_seconds_count{arm=\"b\"}", 1);
	is("heapgate_upstream_response_seconds_bucket{arm=\"b\",le=\"0.001\"}", 0);
	is("heapgate_upstream_response_seconds_bucket{arm=\"b\",le=\"0.002\"}", 1);
}
END_TEST

START_TEST(servers_and_codes_are_told)
{
	stat_add(&stats_server(stats[1], 2)->requests_total, 4);
	stat_add(&stats_server(stats[1], 0)->up, 1);
	stat_add(&stats[0]->h2_resets_out[8], 2);
	stat_add(&stats[0]->h2_goaways_in[15], 1);
	stat_add(&stats[0]->tls_handshakes_resumed, 3);
	stat_add(&stats_listener(stats[0], 1)->accepted, 9);
	stat_add(&stats[0]->rejected[REJECT_SLOW], 1);
	scrape(false);
	is("heapgate_upstream_requests_total{worker=\"1\",arm=\"a\",upstream=\"grpc\","
	   "server=\"h:1\"}",
	   4);
	is("heapgate_upstream_server_up{worker=\"1\",arm=\"a\",upstream=\"app\","
	   "server=\"127.0.0.1:9001\"}",
	   1);
	is("heapgate_h2_resets_total{worker=\"0\",arm=\"a\",dir=\"out\",code="
	   "\"CANCEL\"}",
	   2);
	is("heapgate_h2_goaways_total{worker=\"0\",arm=\"a\",dir=\"in\",code="
	   "\"other\"}",
	   1);
	is("heapgate_tls_handshakes_total{worker=\"0\",arm=\"a\",result=\"resumed\"}",
	   3);
	is("heapgate_connections_accepted_total{worker=\"0\",arm=\"a\","
	   "listener=\"unix:/run/x\"}",
	   9);
	is("heapgate_rejected_total{worker=\"0\",arm=\"a\",reason=\"slow\"}", 1);
}
END_TEST

START_TEST(a_view_with_fewer_names_shows_fewer_samples)
{
	fill();
	view.n_listeners = 1;
	view.n_routes = 1;
	view.n_servers = 1;
	scrape(false);
	ck_assert_uint_eq(exposition_count("heapgate_connections_accepted_total"), 3);
	ck_assert_uint_eq(exposition_count("heapgate_upstream_server_up"), 3);
	/* "/" and "none" */
	ck_assert_uint_eq(exposition_count("heapgate_http_requests_total"), 3 * 2 * 6);
}
END_TEST

START_TEST(an_experiments_weights_are_shown_and_only_then)
{
	scrape(_i);
	ck_assert_uint_eq(exposition_count("heapgate_arm_weight"), 0);
	ck_assert_uint_eq(exposition_count("heapgate_arm_drained"), 0);
	view.has_experiment = true;
	scrape(_i);
	is("heapgate_arm_weight{arm=\"a\"}", 90);
	is("heapgate_arm_weight{arm=\"b\"}", 10);
	is("heapgate_arm_drained{arm=\"a\"}", 0);
	is("heapgate_arm_drained{arm=\"b\"}", 1);
}
END_TEST

START_TEST(labels_are_escaped_and_made_utf8)
{
	static const struct metrics_arm odd[] = {
		{.name = "q\"b\\n\nö \xff\xc3-\xed\xa0\x80", .restarts = 1}};

	view.arms = odd;
	view.n_arms = 1;
	view.n_workers = 0;
	scrape(_i);
	is("heapgate_worker_restarts_total{arm=\"q\\\"b\\\\n\\nö ?\?-\?\?\?\"}", 1);
}
END_TEST

START_TEST(openmetrics_is_given_to_those_who_ask)
{
	ck_assert(!metrics_wants_openmetrics(STR("")));
	ck_assert(!metrics_wants_openmetrics(STR("*/*")));
	ck_assert(!metrics_wants_openmetrics(STR("text/plain;version=0.0.4")));
	ck_assert(metrics_wants_openmetrics(STR("application/openmetrics-text")));
	ck_assert(metrics_wants_openmetrics(
		STR("text/html, Application/OpenMetrics-Text ; version=1.0.0; q=0.5")));
	ck_assert(metrics_wants_openmetrics(
		STR("application/openmetrics-text;version=1.0.0,text/plain;q=0.5")));
	ck_assert(!metrics_wants_openmetrics(STR("application/openmetrics-text;q=0")));
	ck_assert_ptr_nonnull(strstr(metrics_content_type(true), "openmetrics"));
	ck_assert_ptr_nonnull(strstr(metrics_content_type(false), "0.0.4"));
}
END_TEST

/* --- the page -------------------------------------------------------- */

static char page[64 * 1024];

static void in_docs(const char *name, void *arg)
{
	char row[256];

	(void)arg;
	snprintf(row, sizeof(row), "| `%s` |", name);
	ck_assert_msg(strstr(text.p, row), "%s is not in the docs", name);
}

START_TEST(every_family_is_in_the_docs)
{
	fill();
	stats[0]->h2_resets_in[0] = 1;
	scrape(false);
	text_reset(&text);
	metrics_print_docs(&text);
	exposition_each_family(in_docs, NULL);
}
END_TEST

START_TEST(the_page_in_the_tree_is_what_the_table_says)
{
	const char *top = getenv("TOP");
	char path[512];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/docs/metrics.md", top ? top : ".");
	fd = open(path, O_RDONLY);
	ck_assert_msg(fd >= 0, "%s", path);
	n = read(fd, page, sizeof(page) - 1);
	ck_assert_int_gt(n, 0);
	close(fd);
	metrics_print_docs(&text);
	ck_assert_msg(strcmp(text.p, page) == 0, "make docs writes %s anew", path);
}
END_TEST

START_TEST(without_memory_the_text_says_so)
{
	char spec[32], err[128];

	snprintf(spec, sizeof(spec), "system+fail=%d", _i);
	ck_assert_msg(mem_choose(spec, err, sizeof(err)) == 0, "%s", err);
	memset(&view, 0, sizeof(view));
	view.started_wall_us = 1;
	for (int i = 0; i < 200; i++)
		metrics_print(&text, &view, false);
	ck_assert(text.failed);
	text_fini(&text);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("metrics");
	TCase *t = tcase_create("metrics"), *oom = tcase_create("without memory");

	tcase_add_checked_fixture(t, start, end);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, a_fresh_start_is_well_formed, 0, 2);
	tcase_add_loop_test(t, with_everything_in_use_it_is_well_formed, 0, 2);
	tcase_add_loop_test(t, without_workers_it_is_well_formed, 0, 2);
	tcase_add_test(t, both_formats_have_the_same_samples);
	tcase_add_test(t, what_is_unknown_is_absent);
	tcase_add_test(t, a_worker_that_is_gone_has_counters_but_no_allocator);
	tcase_add_test(t, memory_is_told_by_owner_and_life);
	tcase_add_test(t, fragmentation_is_anonymous_memory_for_each_live_byte);
	tcase_add_test(t, the_allocator_is_named_with_its_proof);
	tcase_add_test(t, requests_are_told_by_listener_route_and_class);
	tcase_add_test(t, durations_of_an_arm_are_in_one_histogram);
	tcase_add_test(t, servers_and_codes_are_told);
	tcase_add_test(t, a_view_with_fewer_names_shows_fewer_samples);
	tcase_add_loop_test(t, an_experiments_weights_are_shown_and_only_then, 0, 2);
	tcase_add_loop_test(t, labels_are_escaped_and_made_utf8, 0, 2);
	tcase_add_test(t, openmetrics_is_given_to_those_who_ask);
	tcase_add_test(t, every_family_is_in_the_docs);
	tcase_add_test(t, the_page_in_the_tree_is_what_the_table_says);
	suite_add_tcase(s, t);
	tcase_set_timeout(oom, 60);
	tcase_add_loop_test(oom, without_memory_the_text_says_so, 1, 4);
	suite_add_tcase(s, oom);
	return run_suite(s);
}
