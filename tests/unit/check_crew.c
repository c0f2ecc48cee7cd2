/*
 * crew starts workers from /proc/self/exe, which is this very program: main()
 * plays a worker that behaves as CREW_TEST in the environment says.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "runner.h"
#include "server/channel.h"
#include "server/crew.h"
#include "server/exits.h"
#include "server/experiment.h"
#include "server/worker.h"

/* --- the worker ---------------------------------------------------------- */

static enum channel_word next_word(void)
{
	enum channel_word word;

	while ((word = channel_recv(WORKER_FD_CHANNEL)) == CHANNEL_NOTHING)
		usleep(5000);
	return word;
}

static int play_worker(int argc, char **argv)
{
	const char *how = getenv("CREW_TEST");
	struct shared *shared = shared_map(WORKER_FD_SHARED);
	struct stats *stats;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (argc != 5 || !shared || atoi(argv[4]) != getppid() ||
	    fcntl(WORKER_FD_LISTEN, F_GETFD) < 0)
		return EXITS_INTERNAL;
	if (strcmp(how, "no allocator") == 0)
		return EXITS_ALLOCATOR;
	stats = shared_stats(shared, (unsigned int)atoi(argv[2]));
	stat_add(&stats->streams_total, 1);
	stat_add(&stats->streams_active, 1);
	if (strcmp(how, "crash once") == 0 && stat_get(&stats->streams_total) == 1)
		abort();
	channel_send(WORKER_FD_CHANNEL, CHANNEL_READY);
	if (strcmp(how, "hybrid crashes") == 0 && strcmp(argv[3], "hybrid") == 0)
		abort();
	for (;;) {
		enum channel_word word = next_word();

		if (word == CHANNEL_REOPEN)
			stat_add(&stats->log_lost_lines, 1);
		else if (word == CHANNEL_CLOSED || strcmp(how, "deaf") != 0)
			return word == CHANNEL_QUIT ? 3 : 0;
	}
}

/* --- the supervisor ------------------------------------------------------ */

static int n_ready, n_failures, n_gone, last_code;

static void on_ready(struct crew *c)
{
	(void)c;
	n_ready++;
}

static void on_failure(struct crew *c, int code)
{
	n_failures++;
	last_code = code;
	crew_quit(c);
}

static void on_gone(struct crew *c)
{
	ck_assert_uint_eq(crew_n_alive(c), 0);
	n_gone++;
}

static const struct crew_ops ops = {
	.on_ready = on_ready, .on_failure = on_failure, .on_gone = on_gone};

static struct crew *crews[2];

static void sigchld_cb(int signal, void *arg)
{
	int status;
	pid_t pid;

	(void)signal;
	(void)arg;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		ck_assert((crews[0] && crew_on_exit(crews[0], pid, status)) ||
			  (crews[1] && crew_on_exit(crews[1], pid, status)));
}

static void start(void)
{
	log_open("/dev/null", LOG_DEBUG, "test");
	start_loop();
	ck_assert_int_eq(loop_on_signal(&test_loop, SIGCHLD, sigchld_cb, NULL), 0);
}

static const char *arms = ""; /* of the next crew's config */

static struct crew *new_crew(const struct crew *old)
{
	char text[512];
	int len = snprintf(text, sizeof(text),
			   "workers 2\nlisten 127.0.0.1:0\nroute / a\n"
			   "upstream a { server 127.0.0.1:9 }\n"
			   "log error /dev/null\n%s",
			   arms);
	struct snapshot *s = snapshot_parse("t.conf", text, (size_t)len, stderr);
	struct crew *c;

	ck_assert_ptr_nonnull(s);
	c = crew_new(&test_loop, s, old, stderr);
	ck_assert_ptr_nonnull(c);
	return c;
}

static struct crew *start_crew(const char *how)
{
	setenv("CREW_TEST", how, 1);
	crews[0] = new_crew(NULL);
	crew_start(crews[0], &ops, NULL);
	return crews[0];
}

static bool is_ready(void *arg)
{
	const struct crew *c = arg;

	return c->state == CREW_SERVING && crew_n_ready(c) == c->n_seats;
}

static bool is_gone(void *arg)
{
	(void)arg;
	return n_gone > 0;
}

static void end(void)
{
	if (crews[0]->state != CREW_ENDING)
		crew_quit(crews[0]);
	ck_assert(loop_until(is_gone, NULL, 5000));
	crew_free(&crews[0], NULL);
	stop_loop();
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}

START_TEST(it_is_ready_when_each_worker_is)
{
	struct crew *c = start_crew("well");

	ck_assert_int_eq(c->state, CREW_STARTING);
	ck_assert_uint_eq(crew_n_alive(c), 2);
	ck_assert(loop_until(is_ready, c, 5000));
	ck_assert_int_eq(n_ready, 1);
	ck_assert_str_eq(seat_state_name(c->seats[1].state), "ready");
	end();
	ck_assert_int_eq(n_failures, 0);
}
END_TEST

static bool is_replaced(void *arg)
{
	const struct crew *c = arg;

	return c->seats[1].restarts == 1 && is_ready(arg);
}

START_TEST(a_worker_that_dies_is_replaced_and_keeps_its_counters)
{
	struct crew *c = start_crew("well");
	pid_t first, other;

	ck_assert(loop_until(is_ready, c, 5000));
	first = c->seats[1].pid;
	other = c->seats[0].pid;
	kill(first, SIGKILL);
	ck_assert(loop_until(is_replaced, c, 1000));
	ck_assert_int_ne(c->seats[1].pid, first);
	ck_assert_int_eq(c->seats[0].pid, other);
	ck_assert_uint_eq(stat_get(&shared_stats(c->shared, 1)->streams_total), 2);
	/* 1 of the dead one is gone, 1 of the new one is there */
	ck_assert_uint_eq(stat_get(&shared_stats(c->shared, 1)->streams_active), 1);
	ck_assert_int_eq(n_ready, 1);
	end();
}
END_TEST

START_TEST(a_worker_that_gives_up_before_it_serves_ends_the_crew)
{
	start_crew("no allocator");
	ck_assert(loop_until(is_gone, NULL, 5000));
	ck_assert_int_eq(last_code, EXITS_ALLOCATOR);
	ck_assert_int_eq(n_failures, 1);
	ck_assert_int_eq(n_ready, 0);
	end();
}
END_TEST

START_TEST(a_crash_at_the_first_start_is_tried_again)
{
	struct crew *c = start_crew("crash once");

	ck_assert(loop_until(is_ready, c, 5000));
	ck_assert_uint_eq(c->seats[0].restarts, 1);
	ck_assert_int_eq(n_failures, 0);
	end();
}
END_TEST

START_TEST(the_deadline_ends_what_does_not_drain)
{
	struct crew *c = start_crew("deaf");

	ck_assert(loop_until(is_ready, c, 5000));
	crew_drain(c, 50, NULL);
	loop_for(500);
	ck_assert_int_eq(n_gone, 0); /* asked to quit by now, but deaf */
	ck_assert(loop_until(is_gone, NULL, 3000));
	ck_assert_uint_eq(c->seats[0].restarts, 0);
	end();
}
END_TEST

START_TEST(logs_are_reopened_by_all)
{
	struct crew *c = start_crew("well");

	ck_assert(loop_until(is_ready, c, 5000));
	crew_reopen_logs(c);
	crew_drain(c, 0, NULL); /* is read after it */
	ck_assert(loop_until(is_gone, NULL, 3000));
	for (unsigned int i = 0; i < 2; i++)
		ck_assert_uint_eq(stat_get(&shared_stats(c->shared, i)->log_lost_lines),
				  1);
	end();
}
END_TEST

static bool both_ready(void *arg)
{
	(void)arg;
	return is_ready(crews[0]) && is_ready(crews[1]);
}

START_TEST(a_second_crew_takes_over_beside_the_first)
{
	struct crew *old = start_crew("well");

	crews[1] = new_crew(old);
	ck_assert(addr_eq(&crews[1]->ports.bound[0], &old->ports.bound[0]));
	ck_assert_mem_eq(&crews[1]->shared->tickets, &old->shared->tickets,
			 sizeof(old->shared->tickets));
	ck_assert_uint_eq(crews[1]->number, 2);
	crew_start(crews[1], &ops, NULL);
	ck_assert(loop_until(both_ready, NULL, 5000));
	crew_drain(old, 0, crews[1]);
	ck_assert(loop_until(is_gone, NULL, 3000));
	crew_free(&crews[0], crews[1]);
	ck_assert(is_ready(crews[1]));
	crews[0] = crews[1];
	crews[1] = NULL;
	n_gone = 0;
	end();
}
END_TEST

#define ARMS "experiment { arm a weight=3; arm b allocator=hybrid weight=1; arm c }\n"

static bool b_is_down(void *arg)
{
	const struct crew *c = arg;

	return c->experiment->arms[1].gets == 0 && c->seats[0].was_ready &&
	       c->seats[2].was_ready;
}

START_TEST(an_arm_whose_workers_keep_dying_gives_its_share_to_the_first)
{
	struct experiment *e;
	struct crew *c;

	arms = ARMS;
	setenv("CREW_TEST", "hybrid crashes", 1);
	c = crews[0] = new_crew(NULL);
	e = c->experiment;
	ck_assert_ptr_nonnull(e);
	ck_assert_uint_eq(c->n_seats, 3);
	crew_take_clients(c);
	crew_start(c, &ops, NULL);
	ck_assert(loop_until(b_is_down, c, 5000));
	ck_assert_uint_eq(e->arms[0].gets, 0);
	ck_assert_uint_eq(e->arms[2].gets, 2);
	ck_assert_uint_eq(e->arms[1].weight, 1);
	ck_assert_uint_ge(c->seats[1].restarts, 2);
	end();
}
END_TEST

START_TEST(weights_and_drains_outlive_a_reload_unless_the_arms_change)
{
	const uint32_t weights[] = {1, 2, 3};
	struct crew *old, *same, *other;

	arms = ARMS;
	old = start_crew("well");
	crew_take_clients(old);
	ck_assert(loop_until(is_ready, old, 5000));
	ck_assert_int_eq(experiment_set_weights(old->experiment, weights), 0);
	experiment_drain(old->experiment, &old->experiment->arms[2], "for a test");
	ck_assert_int_eq(old->seats[2].state, SEAT_DRAINING);
	ck_assert_uint_eq(old->experiment->arms[2].gets, 0);
	same = new_crew(old);
	ck_assert_uint_eq(same->experiment->arms[1].weight, 2);
	ck_assert(same->experiment->arms[2].drained);
	ck_assert_str_eq(same->experiment->arms[2].why, "for a test");
	arms = "experiment { arm a weight=3; arm b allocator=hybrid weight=4; arm c "
	       "}\n";
	other = new_crew(old);
	ck_assert_uint_eq(other->experiment->arms[1].weight, 4);
	ck_assert(!other->experiment->arms[2].drained);
	crew_free(&same, old);
	crew_free(&other, old);
	/* a fresh worker takes the seat, which is no restart; nobody calls the
	 * crew less than ready meanwhile */
	while (!is_ready(old)) {
		ck_assert_uint_eq(crew_n_busy(old), 3);
		loop_for(1);
	}
	ck_assert_uint_eq(old->seats[2].restarts, 0);
	experiment_resume(old->experiment, &old->experiment->arms[2]);
	ck_assert_uint_eq(old->experiment->arms[2].gets, 2);
	end();
}
END_TEST

START_TEST(weights_of_nothing_change_nothing)
{
	const uint32_t none[] = {0, 0, 0};
	struct crew *c;

	arms = ARMS;
	c = start_crew("well");
	ck_assert_int_eq(experiment_set_weights(c->experiment, none), -1);
	ck_assert_uint_eq(c->experiment->arms[0].weight, 3);
	ck_assert_ptr_eq(experiment_arm(c->experiment, STR("b")),
			 &c->experiment->arms[1]);
	ck_assert_ptr_null(experiment_arm(c->experiment, STR("x")));
	end();
}
END_TEST

START_TEST(those_that_keep_dying_are_replaced_ever_more_slowly)
{
	uint64_t last = 0;

	ck_assert_uint_eq(seat_pause_ms(0), 0);
	ck_assert_uint_eq(seat_pause_ms(1), 0);
	for (unsigned int i = 2; i < 40; i++) {
		ck_assert_uint_ge(seat_pause_ms(i), last);
		last = seat_pause_ms(i);
		ck_assert(last > 0 && last <= 10000);
	}
	ck_assert_uint_eq(last, 10000);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("crew");
	TCase *t = tcase_create("crew");

	tcase_add_checked_fixture(t, start, NULL);
	tcase_set_timeout(t, 20);
	tcase_add_test(t, it_is_ready_when_each_worker_is);
	tcase_add_test(t, a_worker_that_dies_is_replaced_and_keeps_its_counters);
	tcase_add_test(t, a_worker_that_gives_up_before_it_serves_ends_the_crew);
	tcase_add_test(t, a_crash_at_the_first_start_is_tried_again);
	tcase_add_test(t, the_deadline_ends_what_does_not_drain);
	tcase_add_test(t, logs_are_reopened_by_all);
	tcase_add_test(t, a_second_crew_takes_over_beside_the_first);
	tcase_add_test(t, an_arm_whose_workers_keep_dying_gives_its_share_to_the_first);
	tcase_add_test(t, weights_and_drains_outlive_a_reload_unless_the_arms_change);
	tcase_add_test(t, weights_of_nothing_change_nothing);
	tcase_add_test(t, those_that_keep_dying_are_replaced_ever_more_slowly);
	suite_add_tcase(s, t);
	return s;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "worker") == 0)
		return play_worker(argc, argv);
	return run_suite(suite());
}
