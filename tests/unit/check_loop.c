/* loop: turns, dirty lists, graves, timers. */
#include "io/loop.h"

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static struct loop loop;

static void setup(void)
{
	char err[256];

	ck_assert_int_eq(mem_choose("system", err, sizeof(err)), 0);
	ck_assert_int_eq(loop_init(&loop), 0);
}

static void teardown(void)
{
	loop_fini(&loop);
}

/* --- timers --- */

struct alarm {
	struct timer timer;
	uint64_t set_us;
	uint64_t fired_us;
	int n_fired;
	bool last; /* stops the loop */
};

static void alarm_cb(struct timer *t)
{
	struct alarm *a = container_of(t, struct alarm, timer);

	a->fired_us = loop.now_us;
	a->n_fired++;
	if (a->last)
		loop_stop(&loop);
}

static void alarm_set(struct alarm *a, uint64_t ms)
{
	timer_init(&a->timer, alarm_cb);
	a->set_us = loop.now_us;
	timer_set(&loop, &a->timer, ms);
}

START_TEST(timers_fire_in_order_and_never_early)
{
	struct alarm a[4] = {0};
	static const uint64_t ms[4] = {90, 30, 0, 160};

	a[3].last = true;
	for (int i = 0; i < 4; i++)
		alarm_set(&a[i], ms[i]);
	loop_run(&loop);
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(a[i].n_fired, 1);
		ck_assert_uint_ge(a[i].fired_us, a[i].set_us + ms[i] * 1000);
	}
	ck_assert_uint_le(a[2].fired_us, a[1].fired_us);
	ck_assert_uint_le(a[1].fired_us, a[0].fired_us);
	ck_assert_uint_le(a[0].fired_us, a[3].fired_us);
	ck_assert_uint_eq(loop.n_timers, 0);
}
END_TEST

/* Begins a turn of whose ms little is left; a few tries are enough. */
static void turn_late_in_a_ms(void)
{
	do
		loop_begin_turn(&loop);
	while (loop.now_us % 1000 < 900);
}

START_TEST(a_timer_that_is_due_on_a_tick_gets_all_of_its_last_ms)
{
	for (int i = 0; i < 5; i++) {
		struct alarm a = {.last = true};
		uint64_t ms;

		turn_late_in_a_ms();
		ms = 2 * WHEEL_TICK_MS - loop.now_ms % WHEEL_TICK_MS;
		alarm_set(&a, ms);
		loop.stopping = false;
		loop_run(&loop);
		ck_assert_uint_ge(a.fired_us, a.set_us + ms * 1000);
	}
}
END_TEST

/* A tick's callbacks run a little behind it: with the rest of that ms to wait, each
 * round would take a tick more. */
static void each_tick_cb(struct timer *t)
{
	struct alarm *a = container_of(t, struct alarm, timer);

	timer_set(&loop, t, 3 * WHEEL_TICK_MS);
	ck_assert_uint_eq(t->due_ms, loop.now_ms + 3 * WHEEL_TICK_MS);
	if (++a->n_fired == 3)
		loop_stop(&loop);
}

START_TEST(one_that_sets_itself_again_keeps_its_ticks)
{
	struct alarm each = {0};

	alarm_set(&each, 20);
	each.timer.fire = each_tick_cb;
	loop_run(&loop);
	ck_assert_int_eq(each.n_fired, 3);
	timer_stop(&loop, &each.timer);
	timer_set(&loop, &each.timer, 20); /* not from within */
	ck_assert_uint_gt(each.timer.due_ms, loop.now_ms + 20);
	timer_stop(&loop, &each.timer);
}
END_TEST

START_TEST(a_timer_that_is_set_again_fires_once_at_the_new_time)
{
	struct alarm later = {0}, end = {.last = true};

	alarm_set(&later, 20);
	timer_set(&loop, &later.timer, 120); /* a store: the wheel moves it */
	alarm_set(&end, 200);
	loop_run(&loop);
	ck_assert_int_eq(later.n_fired, 1);
	ck_assert_uint_ge(later.fired_us, later.set_us + 120 * 1000);
}
END_TEST

START_TEST(a_timer_can_be_moved_forward)
{
	struct alarm a = {.last = true};

	alarm_set(&a, 3600 * 1000);
	timer_set(&loop, &a.timer, 40);
	loop_run(&loop);
	ck_assert_int_eq(a.n_fired, 1);
	ck_assert_uint_lt(a.fired_us, a.set_us + 3600u * 1000000);
}
END_TEST

static void far_cb(struct timer *t)
{
	timer_set(&loop, t, 15000);
}

START_TEST(one_that_is_set_far_off_from_within_does_not_delay_the_others)
{
	struct alarm far = {0}, end = {.last = true};

	alarm_set(&far, 20);
	far.timer.fire = far_cb;
	alarm_set(&end, 100);
	loop_run(&loop);
	ck_assert_uint_lt(end.fired_us, end.set_us + 2000 * 1000);
	timer_stop(&loop, &far.timer);
}
END_TEST

START_TEST(a_stopped_timer_does_not_fire)
{
	struct alarm never = {0}, end = {.last = true};

	alarm_set(&never, 20);
	alarm_set(&end, 80);
	timer_stop(&loop, &never.timer);
	ck_assert(!timer_is_set(&never.timer));
	timer_stop(&loop, &never.timer); /* harmless */
	loop_run(&loop);
	ck_assert_int_eq(never.n_fired, 0);
}
END_TEST

static struct alarm pair[2];

static void stop_other_cb(struct timer *t)
{
	int me = t == &pair[1].timer;

	pair[me].n_fired++;
	timer_stop(&loop, &pair[!me].timer);
	loop_stop(&loop);
}

START_TEST(a_timer_may_stop_one_that_is_due_in_the_same_tick)
{
	for (int i = 0; i < 2; i++) {
		alarm_set(&pair[i], 30);
		pair[i].timer.fire = stop_other_cb;
	}
	loop_run(&loop);
	ck_assert_int_eq(pair[0].n_fired + pair[1].n_fired, 1);
	ck_assert_uint_eq(loop.n_timers, 0);
}
END_TEST

/* --- turns --- */

struct job {
	struct dirty dirty;
	struct grave grave;
	int n_flushed, n_buried;
	struct job *marks; /* on its own flush */
};

static void flush_cb(struct dirty *d)
{
	struct job *j = container_of(d, struct job, dirty);

	j->n_flushed++;
	if (j->marks) {
		loop_mark(&loop, &j->marks->dirty);
		j->marks = NULL;
	}
}

static void bury_cb(struct grave *g)
{
	container_of(g, struct job, grave)->n_buried++;
}

static void stop_cb(struct dirty *d)
{
	(void)d;
	loop_stop(&loop);
}

START_TEST(what_is_marked_twice_is_flushed_once_per_turn)
{
	struct job a = {0}, b = {0};
	struct dirty stop;

	dirty_init(&a.dirty, flush_cb);
	dirty_init(&b.dirty, flush_cb);
	dirty_init(&stop, stop_cb);
	loop_mark(&loop, &a.dirty);
	loop_mark(&loop, &a.dirty);
	a.marks = &b; /* marked while flushing: still this turn */
	loop_defer(&loop, &stop);
	loop_run(&loop);
	ck_assert_int_eq(a.n_flushed, 1);
	ck_assert_int_eq(b.n_flushed, 1);
}
END_TEST

START_TEST(what_is_deferred_comes_in_the_next_turn_without_waiting)
{
	struct dirty stop;

	dirty_init(&stop, stop_cb);
	loop_defer(&loop, &stop);
	alarm(5); /* a loop that waits is killed */
	loop_run(&loop);
	alarm(0);
	ck_assert(loop.stopping);
}
END_TEST

START_TEST(graves_are_emptied_at_the_end_of_the_turn)
{
	struct job a = {0};
	struct dirty stop;

	dirty_init(&stop, stop_cb);
	loop_bury(&loop, &a.grave, bury_cb);
	ck_assert_int_eq(a.n_buried, 0);
	loop_defer(&loop, &stop);
	loop_run(&loop);
	ck_assert_int_eq(a.n_buried, 1);
}
END_TEST

START_TEST(what_leaves_the_dirty_list_is_not_flushed)
{
	struct job a = {0};
	struct dirty stop;

	dirty_init(&a.dirty, flush_cb);
	dirty_init(&stop, stop_cb);
	loop_mark(&loop, &a.dirty);
	dirty_fini(&a.dirty);
	loop_defer(&loop, &stop);
	loop_run(&loop);
	ck_assert_int_eq(a.n_flushed, 0);
}
END_TEST

/* --- signals and plain fds --- */

static int n_signals, n_reads;

static void signal_cb(int signal, void *arg)
{
	ck_assert_int_eq(signal, SIGUSR1);
	ck_assert_ptr_eq(arg, &n_signals);
	n_signals++;
	loop_stop(&loop);
}

START_TEST(a_signal_runs_its_callback_in_the_loop)
{
	ck_assert_int_eq(loop_on_signal(&loop, SIGUSR1, signal_cb, &n_signals), 0);
	raise(SIGUSR1);
	loop_run(&loop);
	ck_assert_int_eq(n_signals, 1);
}
END_TEST

static void read_cb(int fd, void *arg)
{
	char c;

	ck_assert_int_eq(read(fd, &c, 1), 1);
	ck_assert_int_eq(c, 'x');
	n_reads++;
	loop_unwatch(arg);
	loop_stop(&loop);
}

START_TEST(a_watched_fd_runs_its_callback_and_can_be_unwatched_in_it)
{
	static struct event *e;
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	e = loop_watch(&loop, fds[0], read_cb, &e);
	ck_assert_ptr_nonnull(e);
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	loop_run(&loop);
	ck_assert_int_eq(n_reads, 1);
	ck_assert_ptr_null(e);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(scratch_of_one_turn_is_gone_in_the_next)
{
	struct dirty stop;

	ck_assert_ptr_nonnull(arena_alloc(&loop.tick, 100000));
	dirty_init(&stop, stop_cb);
	loop_defer(&loop, &stop);
	loop_run(&loop);
	ck_assert_uint_lt(loop.tick.used_bytes, 100000);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("loop");
	TCase *tc = tcase_create("loop");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, timers_fire_in_order_and_never_early);
	tcase_add_test(tc, a_timer_that_is_due_on_a_tick_gets_all_of_its_last_ms);
	tcase_add_test(tc, one_that_sets_itself_again_keeps_its_ticks);
	tcase_add_test(tc, a_timer_that_is_set_again_fires_once_at_the_new_time);
	tcase_add_test(tc, a_timer_can_be_moved_forward);
	tcase_add_test(tc, a_stopped_timer_does_not_fire);
	tcase_add_test(tc,
		       one_that_is_set_far_off_from_within_does_not_delay_the_others);
	tcase_add_test(tc, a_timer_may_stop_one_that_is_due_in_the_same_tick);
	tcase_add_test(tc, what_is_marked_twice_is_flushed_once_per_turn);
	tcase_add_test(tc, what_is_deferred_comes_in_the_next_turn_without_waiting);
	tcase_add_test(tc, graves_are_emptied_at_the_end_of_the_turn);
	tcase_add_test(tc, what_leaves_the_dirty_list_is_not_flushed);
	tcase_add_test(tc, a_signal_runs_its_callback_in_the_loop);
	tcase_add_test(tc, a_watched_fd_runs_its_callback_and_can_be_unwatched_in_it);
	tcase_add_test(tc, scratch_of_one_turn_is_gone_in_the_next);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
