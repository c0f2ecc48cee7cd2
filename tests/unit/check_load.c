#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "lab/load.h"
#include "lab/origin.h"
#include "lab/schedule.h"
#include "lab/words.h"
#include "runner.h"
#include "server/hooks.h"

#define SEED 7

/* --- the schedule ---------------------------------------------------- */

static const struct workload *named(const char *name)
{
	char err[256] = "";
	const struct workload *w = workload_open(name, err, sizeof(err));

	ck_assert_msg(w != NULL, "%s", err);
	return w;
}

START_TEST(the_same_seed_asks_the_same_at_the_same_times)
{
	const struct workload *w = named("browse");
	struct schedule a, b, c;
	unsigned int differ = 0;

	schedule_init(&a, w, 1000, true, SEED);
	schedule_init(&b, w, 1000, true, SEED);
	schedule_init(&c, w, 1000, true, SEED + 1);
	for (unsigned int i = 0; i < 10000; i++) {
		struct arrival x = schedule_next(&a), y = schedule_next(&b);

		ck_assert_uint_eq(x.due_us, y.due_us);
		ck_assert_ptr_eq(x.request, y.request);
		differ += schedule_next(&c).due_us != x.due_us;
	}
	ck_assert_uint_gt(differ, 9900);
}
END_TEST

START_TEST(requests_come_at_the_rate_and_by_their_weights)
{
	const struct workload *w = named("browse");
	unsigned int count[8] = {0};
	struct arrival last = {0};
	struct schedule s;

	for (int poisson = 0; poisson < 2; poisson++) {
		schedule_init(&s, w, 2000, poisson, SEED);
		for (unsigned int i = 0; i < 20000; i++) {
			last = schedule_next(&s);
			count[last.request - w->requests]++;
		}
		ck_assert_uint_ge(last.due_us, 9700000);
		ck_assert_uint_le(last.due_us, 10300000);
	}
	for (unsigned int i = 0; i < w->n_requests; i++)
		ck_assert_int_le(abs((int)count[i] - (int)w->requests[i].weight * 400),
				 400);
}
END_TEST

START_TEST(no_rate_asks_for_nothing)
{
	struct schedule s;

	schedule_init(&s, named("api"), 0, true, SEED);
	ck_assert_uint_eq(schedule_next(&s).due_us, UINT64_MAX);
}
END_TEST

/* --- workloads ------------------------------------------------------- */

static const struct workload *replay_of(const char *lines, char *err, size_t cap)
{
	char path[64] = "/tmp/check_load.XXXXXX", name[80];
	const struct workload *w;
	int fd = mkstemp(path);

	ck_assert_int_eq(write(fd, lines, strlen(lines)), (ssize_t)strlen(lines));
	close(fd);
	snprintf(name, sizeof(name), "replay:%s", path);
	w = workload_open(name, err, cap);
	unlink(path);
	return w;
}

START_TEST(a_replay_is_asked_in_order_again_and_again)
{
	char err[256] = "";
	const struct workload *w = replay_of("# what was asked\nGET /a\n\n"
					     "POST /b?c=d 100 # a body\n",
					     err, sizeof(err));
	struct schedule s;

	ck_assert_msg(w != NULL, "%s", err);
	ck_assert_uint_eq(w->n_requests, 2);
	ck_assert_str_eq(w->requests[1].path, "/b?c=d");
	ck_assert_uint_eq(w->requests[1].body_bytes, 100);
	schedule_init(&s, w, 10, false, SEED);
	for (unsigned int i = 0; i < 6; i++)
		ck_assert_ptr_eq(schedule_next(&s).request, &w->requests[i % 2]);
	workload_close(&w);
	ck_assert_ptr_null(w);
}
END_TEST

START_TEST(a_wrong_replay_is_told_by_its_line)
{
	char err[256] = "";

	ck_assert_ptr_null(replay_of("GET /a\nGET a\n", err, sizeof(err)));
	ck_assert_ptr_nonnull(strstr(err, ":2: not"));
	ck_assert_ptr_null(replay_of("POST /a many\n", err, sizeof(err)));
	ck_assert_ptr_null(replay_of("# nothing\n", err, sizeof(err)));
	ck_assert_ptr_nonnull(strstr(err, "no request"));
	ck_assert_ptr_null(workload_open("brows", err, sizeof(err)));
	ck_assert_ptr_nonnull(strstr(err, "tls-churn"));
}
END_TEST

START_TEST(times_want_a_unit)
{
	uint64_t us;

	ck_assert(words_time(STR("1.5s"), &us) && us == 1500000);
	ck_assert(words_time(STR("20ms"), &us) && us == 20000);
	ck_assert(words_time(STR("2m"), &us) && us == 120000000);
	ck_assert(!words_time(STR("10"), &us));
	ck_assert(!words_time(STR("s"), &us));
	ck_assert(!words_time(STR("-1s"), &us));
	ck_assert(!words_time(STR("0s"), &us));
	ck_assert(!words_time(STR("25h"), &us));
}
END_TEST

/* --- results --------------------------------------------------------- */

START_TEST(a_result_survives_json)
{
	struct load_result a = {.name = "steady", .planned = 5, .ok = 3, .failed = 2};
	struct load_result b;
	json_t *o;

	for (unsigned int i = 0; i < 1000; i++)
		latencies_add(&a.latency, i * i);
	latencies_add(&a.late, 3);
	o = load_result_json(&a);
	ck_assert_int_eq(load_result_parse(o, &b), 0);
	ck_assert_mem_eq(&a, &b, sizeof(a));
	json_object_del(o, "planned");
	ck_assert_int_eq(load_result_parse(o, &b), -1);
	json_decref(o);
}
END_TEST

/* --- against a server ------------------------------------------------ */

static pid_t origin;
static int port;

static void be_origin(void)
{
	char *argv[] = {(char[]){"origin"}, (char[]){"--listen"},
			(char[]){"127.0.0.1:0"}, NULL};

	exit(origin_main(3, argv));
}

static void start_origin(void)
{
	char err[256] = "", line[64] = "";
	int fds[2];
	FILE *f;

	ck_assert_int_eq(mem_choose("system", err, sizeof(err)), 0);
	ck_assert_int_eq(hooks_install(err, sizeof(err)), 0);
	ck_assert_int_eq(pipe(fds), 0);
	fflush(stdout);
	origin = fork();
	if (!origin) {
		dup2(fds[1], STDOUT_FILENO);
		be_origin();
	}
	close(fds[1]);
	f = fdopen(fds[0], "r");
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
	ck_assert_int_eq(sscanf(line, "listening on 127.0.0.1:%d\n", &port), 1);
	fclose(f);
}

static void stop_origin(void)
{
	kill(origin, SIGTERM);
	ck_assert_int_eq(waitpid(origin, NULL, 0), origin);
	for (int tag = 0; tag < MEM_N_TAGS; tag++)
		if (tag != MEM_OPENSSL)
			ck_assert_msg(mem_live(mem_counters(), tag) == 0, "%s leaks",
				      mem_tag_name((unsigned int)tag));
}

static struct load_conf conf_of(const char *workload, bool h2,
				const struct load_phase *phases, unsigned int n)
{
	const struct workload *w = named(workload);
	struct load_conf c = {.authority = "localhost",
			      .h2 = h2,
			      .workload = w,
			      .rate = w->rate,
			      .n_conns = w->n_conns,
			      .n_streams = w->n_streams,
			      .n_opening = 4,
			      .poisson = true,
			      .seed = SEED,
			      .phases = phases,
			      .n_phases = n};
	char text[32];

	snprintf(text, sizeof(text), "127.0.0.1:%d", port);
	ck_assert(addr_parse(&c.to, text));
	return c;
}

static void run_load(const struct load_conf *c, struct load_result *r)
{
	char err[256] = "";

	ck_assert_msg(load_run(c, r, err, sizeof(err)) == 0, "%s", err);
}

static uint64_t n_planned(const char *workload, double rate, uint64_t lasts_us,
			  unsigned int phase)
{
	struct schedule s;
	uint64_t n = 0;

	schedule_init(&s, named(workload), rate, true,
		      SEED + 0x9e3779b97f4a7c15u * (phase + 1));
	while (schedule_next(&s).due_us < lasts_us)
		n++;
	return n;
}

static const char *const all_workloads[] = {"browse",    "api",        "upload",
					    "tls-churn", "idle-heavy", "grpc-stream"};

START_TEST(every_workload_is_served_over_http2)
{
	static const struct load_phase phase = {"p", 300000, 0.5, 0, false};
	const char *name = all_workloads[_i];
	struct load_conf c = conf_of(name, true, &phase, 1);
	struct load_result r = {0};

	run_load(&c, &r);
	ck_assert_uint_eq(r.planned, n_planned(name, c.rate * 0.5, 300000, 0));
	ck_assert_uint_eq(r.ok, r.planned);
	ck_assert_uint_eq(r.latency.n, r.ok);
	ck_assert_uint_ge(r.conns, c.n_conns);
	ck_assert_uint_eq(r.conns_failed, 0);
}
END_TEST

START_TEST(every_workload_but_long_streams_is_served_over_http1)
{
	static const struct load_phase phase = {"p", 300000, 0.3, 0, false};
	struct load_conf c = conf_of(all_workloads[_i], false, &phase, 1);
	struct load_result r = {0};

	run_load(&c, &r);
	ck_assert_uint_gt(r.planned, 0);
	ck_assert_uint_eq(r.ok, r.planned);
}
END_TEST

static unsigned int n_begun;

static void on_begin(const struct load_result *r, void *arg)
{
	ck_assert_str_eq(r->name, ((const struct load_phase *)arg)[n_begun++].name);
}

START_TEST(phases_follow_each_other_without_a_gap)
{
	static const struct load_phase phases[] = {
		{"steady", 200000, 1, 0, false},
		{"churn", 200000, 0.2, 5, false},
		{"idle", 100000, 0, 0, true},
	};
	struct load_conf c = conf_of("api", true, phases, 3);
	struct load_result r[3] = {0};

	/* So few that each has had its 5 requests before the churn begins, also on
	 * a busy host, where many at once go on one: it is replaced after one. */
	c.n_conns = 5;
	n_begun = 0;
	c.on_begin = on_begin;
	c.arg = (void *)(uintptr_t)phases;
	run_load(&c, r);
	ck_assert_uint_eq(n_begun, 3);
	ck_assert_uint_eq(r[1].begun_us, r[0].begun_us + 200000);
	ck_assert_uint_eq(r[2].begun_us, r[1].begun_us + 200000);
	ck_assert_uint_gt(r[0].planned, r[1].planned * 4);
	ck_assert_uint_ge(r[1].conns, (r[1].planned - c.n_conns) / 5);
	ck_assert_uint_eq(r[2].planned, 0);
	ck_assert_uint_eq(r[0].ok + r[1].ok, r[0].planned + r[1].planned);
}
END_TEST

START_TEST(long_streams_end_in_order_when_their_connection_is_replaced)
{
	static const struct load_phase phases[] = {
		{"churn", 400000, 1, 2, false},
		{"idle", 100000, 0, 0, true},
	};
	struct load_conf c = conf_of("grpc-stream", true, phases, 2);
	struct load_result r[2] = {0};

	run_load(&c, r);
	ck_assert_uint_gt(r[0].planned, 400);
	ck_assert_uint_eq(r[0].ok, r[0].planned);
	ck_assert_uint_ge(r[0].conns, c.n_conns + r[0].planned / 20 / 2);
	ck_assert_uint_eq(r[0].conns_failed + r[1].conns_failed, 0);
}
END_TEST

START_TEST(a_frozen_server_shows_in_the_latency)
{
	static const struct load_phase phase = {"p", 2000000, 1, 0, false};
	struct load_conf c = conf_of("get:/bytes/100", true, &phase, 1);
	struct load_result r = {0};
	pid_t freezer;

	c.rate = 200;
	c.n_conns = 2;
	c.n_streams = 2; /* 4 wait, all others are not even sent */
	fflush(stdout);
	freezer = fork();
	if (!freezer) {
		usleep(500000);
		kill(origin, SIGSTOP);
		usleep(500000);
		kill(origin, SIGCONT);
		_exit(0);
	}
	run_load(&c, &r);
	waitpid(freezer, NULL, 0);
	ck_assert_uint_eq(r.ok, r.planned);
	/* A quarter of the time nothing was answered, so about a quarter of
	 * the requests waited, evenly from 0 to 0.5 s. */
	ck_assert_double_ge(latencies_quantile(&r.latency, 0.99), 400000);
	ck_assert_double_ge(latencies_quantile(&r.latency, 0.85), 100000);
	ck_assert_double_le(latencies_quantile(&r.latency, 0.5), 50000);
	workload_close(&c.workload);
}
END_TEST

START_TEST(answers_other_than_2xx_are_counted_apart)
{
	static const struct load_phase phase = {"p", 200000, 1, 0, false};
	struct load_conf c =
		conf_of(_i ? "get:/status/503" : "get:/close", true, &phase, 1);
	struct load_result r = {0};

	c.rate = 200;
	run_load(&c, &r);
	ck_assert_uint_gt(r.planned, 10);
	ck_assert_uint_eq(r.ok, 0);
	ck_assert_uint_eq(_i ? r.other_status : r.failed, r.planned);
	ck_assert_double_eq(load_result_error_share(&r), 1);
	workload_close(&c.workload);
}
END_TEST

START_TEST(slow_answers_are_unfinished_at_the_end)
{
	static const struct load_phase phase = {"p", 200000, 1, 0, false};
	struct load_conf c = conf_of("get:/delay/60000", true, &phase, 1);
	struct load_result r = {0};

	c.rate = 100;
	run_load(&c, &r);
	ck_assert_uint_gt(r.planned, 5);
	ck_assert_uint_eq(r.unfinished, r.planned);
	ck_assert_double_ge(latencies_quantile(&r.latency, 0.01), 1500000);
	workload_close(&c.workload);
}
END_TEST

START_TEST(nobody_there_is_an_error)
{
	static const struct load_phase phase = {"p", 200000, 1, 0, false};
	struct load_conf c = conf_of("api", true, &phase, 1);
	struct load_result r = {0};
	char err[256] = "";

	addr_set_port(&c.to, 1);
	ck_assert_int_eq(load_run(&c, &r, err, sizeof(err)), -1);
	ck_assert_str_ne(err, "");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("load");
	TCase *t = tcase_create("parts");

	tcase_add_checked_fixture(t, choose_system, NULL);
	tcase_add_test(t, the_same_seed_asks_the_same_at_the_same_times);
	tcase_add_test(t, requests_come_at_the_rate_and_by_their_weights);
	tcase_add_test(t, no_rate_asks_for_nothing);
	tcase_add_test(t, a_replay_is_asked_in_order_again_and_again);
	tcase_add_test(t, a_wrong_replay_is_told_by_its_line);
	tcase_add_test(t, times_want_a_unit);
	tcase_add_test(t, a_result_survives_json);
	suite_add_tcase(s, t);
	t = tcase_create("server");
	tcase_add_checked_fixture(t, start_origin, stop_origin);
	tcase_set_timeout(t, 30);
	tcase_add_loop_test(t, every_workload_is_served_over_http2, 0, 6);
	tcase_add_loop_test(t, every_workload_but_long_streams_is_served_over_http1, 0,
			    5);
	tcase_add_test(t, phases_follow_each_other_without_a_gap);
	tcase_add_test(t, long_streams_end_in_order_when_their_connection_is_replaced);
	tcase_add_test(t, a_frozen_server_shows_in_the_latency);
	tcase_add_loop_test(t, answers_other_than_2xx_are_counted_apart, 0, 2);
	tcase_add_test(t, slow_answers_are_unfinished_at_the_end);
	tcase_add_test(t, nobody_there_is_an_error);
	suite_add_tcase(s, t);
	return run_suite(s);
}
