#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner.h"
#include "server/history.h"

#define N_WORKERS 3
#define CLASS_2XX 1
#define CLASS_5XX 4

static struct stats *stats[N_WORKERS];
static struct procfs_reading readings[N_WORKERS];
static struct metrics_worker workers[N_WORKERS];
static const struct metrics_arm arms[] = {{.name = "a"}, {.name = "b"}};
static struct metrics_view view;
static struct history history;
static uint64_t now_us;

/* Arm a has workers 0 and 1, b has worker 2. */
static void prepare(void)
{
	history_init(&history);
	now_us = 1000000;
	for (unsigned int i = 0; i < N_WORKERS; i++) {
		size_t n = stats_bytes(1, 2, 0);

		stats[i] = aligned_alloc(64, n);
		stats_init(stats[i], 1, 2, 0);
		stats[i]->started_wall_us = 7;
		memset(&readings[i], 0xff, sizeof(readings[i]));
		readings[i].anon_bytes = (i + 1) * 1000000;
		readings[i].cpu_ns = 50;
		workers[i] = (struct metrics_worker){.stats = stats[i],
						     .number = i,
						     .arm = i == 2,
						     .is_running = true,
						     .process = &readings[i]};
	}
	view = (struct metrics_view){
		.arms = arms, .n_arms = 2, .workers = workers, .n_workers = N_WORKERS};
}

static void start(void)
{
	choose_system();
	prepare();
}

static void end(void)
{
	history_fini(&history);
	for (unsigned int i = 0; i < N_WORKERS; i++)
		free(stats[i]);
	ck_assert_uint_eq(mem_live(mem_counters(), MEM_WORKER), 0);
}

static void sample(void)
{
	history_sample(&history, &view, now_us, 1700000000000000 + now_us);
	now_us += 5000000;
}

static const struct history_series *series(const char *arm, int worker)
{
	return history_find(&history, arm, worker);
}

static double last(const char *arm, int worker, enum history_field field)
{
	const struct history_series *s = series(arm, worker);

	ck_assert_msg(s != NULL, "no series %s/%d", arm, worker);
	return (double)history_value(&history, s, history.n - 1, field);
}

static void answer(unsigned int worker, unsigned int class, unsigned int n, uint64_t us)
{
	stat_add(&stats_request(stats[worker], 0, 1)->by_class[class], n);
	while (n--)
		histogram_add(&stats[worker]->request_us, us);
}

START_TEST(rates_want_two_samples)
{
	answer(0, CLASS_2XX, 100, 1000);
	sample();
	ck_assert(isnan(last("a", 0, HISTORY_REQUESTS)));
	ck_assert(isnan(last("a", 0, HISTORY_CPU)));
	ck_assert_double_eq(last("a", 0, HISTORY_ANON), 1000000);
	sample();
	ck_assert_double_eq(last("a", 0, HISTORY_REQUESTS), 0);
	ck_assert_double_eq(last("a", 0, HISTORY_CPU), 0);
}
END_TEST

START_TEST(an_arm_is_the_sum_of_its_workers)
{
	sample();
	answer(0, CLASS_2XX, 300, 1000);
	answer(1, CLASS_2XX, 100, 1000);
	answer(1, CLASS_5XX, 50, 1000);
	readings[0].cpu_ns += 9000000; /* 30 µs for each of 300 */
	readings[1].cpu_ns += 9000000; /* 60 µs for each of 150 */
	stat_add(&stats[0]->fronts_h2, 7);
	stat_add(&stats[1]->fronts_h1, 2);
	stats[0]->allocator.allocated = 600;
	stats[1]->allocator.allocated = 400;
	sample();
	ck_assert_double_eq_tol(last("a", 0, HISTORY_CPU_REQUEST), 30, 1e-4);
	ck_assert_double_eq_tol(last("a", 1, HISTORY_CPU_REQUEST), 60, 1e-4);
	ck_assert_double_eq_tol(last("a", -1, HISTORY_CPU_REQUEST), 40, 1e-4);
	ck_assert_double_eq_tol(last("a", -1, HISTORY_CPU), 0.0036, 1e-6);
	ck_assert_double_eq_tol(last("a", -1, HISTORY_REQUESTS), 90, 1e-4);
	ck_assert_double_eq_tol(last("a", -1, HISTORY_ERRORS), 10, 1e-4);
	ck_assert_double_eq(last("a", -1, HISTORY_CONNECTIONS), 9);
	ck_assert_double_eq(last("a", -1, HISTORY_ANON), 3000000);
	ck_assert_double_eq(last("a", -1, HISTORY_ALLOCATED), 1000);
	ck_assert_double_eq(last("b", -1, HISTORY_REQUESTS), 0);
	ck_assert_double_eq(last("b", -1, HISTORY_ANON), 3000000);
}
END_TEST

START_TEST(what_one_worker_does_not_know_its_arm_does_not_know)
{
	stats[0]->allocator.resident = 5;
	sample();
	ck_assert_double_eq(last("a", 0, HISTORY_RESIDENT), 5);
	ck_assert(isnan(last("a", 1, HISTORY_RESIDENT)));
	ck_assert(isnan(last("a", -1, HISTORY_RESIDENT)));
}
END_TEST

START_TEST(quantiles_are_of_the_last_interval)
{
	answer(2, CLASS_2XX, 10000, 1000000);
	sample();
	answer(2, CLASS_2XX, 980, 1000);
	answer(2, CLASS_2XX, 20, 50000);
	sample();
	ck_assert_double_eq_tol(last("b", 2, HISTORY_P50), 1000, 125);
	ck_assert_double_eq_tol(last("b", 2, HISTORY_P99), 50000, 6250);
	ck_assert_double_eq_tol(last("b", -1, HISTORY_P99), 50000, 6250);
	sample();
	ck_assert(isnan(last("b", 2, HISTORY_P50)));
	ck_assert(isnan(last("b", 2, HISTORY_CPU_REQUEST)));
}
END_TEST

START_TEST(a_new_process_on_the_same_seat_makes_no_false_cpu_time)
{
	readings[0].cpu_ns = 1000000000;
	sample();
	readings[0].cpu_ns = 3000000000; /* its own 3 s, not 2 s more */
	stats[0]->started_wall_us = 8;
	answer(0, CLASS_2XX, 10, 1000);
	sample();
	ck_assert(isnan(last("a", 0, HISTORY_CPU)));
	ck_assert(isnan(last("a", -1, HISTORY_CPU)));
	ck_assert_double_eq_tol(last("a", 0, HISTORY_REQUESTS), 2, 1e-6);
	readings[0].cpu_ns += 5000000000;
	sample();
	ck_assert_double_eq_tol(last("a", 0, HISTORY_CPU), 1, 1e-6);
}
END_TEST

START_TEST(a_reload_brings_counters_that_start_anew)
{
	struct stats *old = stats[0];

	answer(0, CLASS_2XX, 5000, 1000);
	sample();
	stats[0] = stats[2];
	workers[0].stats = stats[0];
	answer(0, CLASS_2XX, 9000, 1000);
	sample();
	ck_assert(isnan(last("a", 0, HISTORY_REQUESTS)));
	ck_assert(isnan(last("a", -1, HISTORY_REQUESTS)));
	answer(0, CLASS_2XX, 10, 1000);
	sample();
	ck_assert_double_eq_tol(last("a", 0, HISTORY_REQUESTS), 2, 1e-6);
	stats[0] = old;
}
END_TEST

START_TEST(a_worker_that_is_down_leaves_a_gap_and_its_arm_goes_on)
{
	sample();
	workers[0].is_running = false;
	workers[0].process = NULL;
	sample();
	ck_assert(isnan(last("a", 0, HISTORY_ANON)));
	ck_assert_double_eq(last("a", -1, HISTORY_ANON), 2000000);
	workers[1].is_running = false;
	workers[1].process = NULL;
	sample();
	ck_assert(isnan(last("a", -1, HISTORY_ANON)));
}
END_TEST

START_TEST(an_hour_is_kept_and_no_more)
{
	const struct history_series *s;

	for (unsigned int i = 0; i < HISTORY_SAMPLES + 30; i++) {
		readings[2].anon_bytes = i;
		sample();
	}
	s = series("b", 2);
	ck_assert_uint_eq(history_oldest(&history), 30);
	ck_assert(isnan(history_value(&history, s, 29, HISTORY_ANON)));
	for (uint64_t i = 30; i < history.n; i++)
		ck_assert_double_eq((double)history_value(&history, s, i, HISTORY_ANON),
				    (double)i);
	ck_assert(isnan(history_value(&history, s, history.n, HISTORY_ANON)));
}
END_TEST

START_TEST(what_is_gone_is_forgotten_after_an_hour)
{
	sample();
	view.n_arms = 1;
	view.n_workers = 2;
	sample();
	ck_assert(!history_is_current(&history, series("b", -1)));
	ck_assert(history_is_current(&history, series("a", -1)));
	ck_assert(isnan(last("b", -1, HISTORY_ANON)));
	for (unsigned int i = 0; i < HISTORY_SAMPLES - 2; i++)
		sample();
	ck_assert_ptr_nonnull(series("b", 2));
	sample();
	ck_assert_ptr_null(series("b", 2));
	ck_assert_ptr_null(series("b", -1));
	ck_assert_uint_eq(history.n_series, 3);
}
END_TEST

START_TEST(too_many_workers_go_without_series_but_count)
{
	enum { MANY = 300 };
	static struct metrics_worker many[MANY];

	for (unsigned int i = 0; i < MANY; i++) {
		many[i] = workers[0];
		many[i].number = i;
		many[i].arm = i % 2;
	}
	view.workers = many;
	view.n_workers = MANY;
	sample();
	ck_assert_uint_eq(history.n_series, HISTORY_MAX_SERIES);
	ck_assert_double_eq(last("b", -1, HISTORY_ANON), 150e6);
	answer(0, CLASS_2XX, 1, 1000);
	sample();
	ck_assert_double_eq_tol(last("b", -1, HISTORY_REQUESTS), 30, 1e-4);
	ck_assert_ptr_null(series("b", MANY - 1));
}
END_TEST

/* The allocator is chosen once in a process: see the fixture. */
START_TEST(without_memory_it_goes_on_and_begins_later)
{
	char err[256] = "", spec[32];

	snprintf(spec, sizeof(spec), "system+fail=%d", _i);
	ck_assert_msg(mem_choose(spec, err, sizeof(err)) == 0, "%s", err);
	prepare();
	for (int i = 0; i < 3; i++)
		sample();
	ck_assert_uint_eq(history.n_series, 5);
	ck_assert_double_eq(last("a", 0, HISTORY_ANON), 1000000);
	ck_assert_double_eq(last("a", -1, HISTORY_REQUESTS), 0);
	ck_assert_double_eq(last("b", 2, HISTORY_REQUESTS), 0);
	end();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("history");
	TCase *t = tcase_create("history");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, start, end);
	tcase_add_test(t, rates_want_two_samples);
	tcase_add_test(t, an_arm_is_the_sum_of_its_workers);
	tcase_add_test(t, what_one_worker_does_not_know_its_arm_does_not_know);
	tcase_add_test(t, quantiles_are_of_the_last_interval);
	tcase_add_test(t, a_new_process_on_the_same_seat_makes_no_false_cpu_time);
	tcase_add_test(t, a_reload_brings_counters_that_start_anew);
	tcase_add_test(t, a_worker_that_is_down_leaves_a_gap_and_its_arm_goes_on);
	tcase_add_test(t, an_hour_is_kept_and_no_more);
	tcase_add_test(t, what_is_gone_is_forgotten_after_an_hour);
	tcase_add_test(t, too_many_workers_go_without_series_but_count);
	suite_add_tcase(s, t);
	t = tcase_create("out of memory");
	tcase_add_loop_test(t, without_memory_it_goes_on_and_begins_later, 1, 10);
	suite_add_tcase(s, t);
	return run_suite(s);
}
