#include "runner.h"

#include <stdlib.h>

#define LOOK_EVERY_MS 20

struct loop test_loop;

static struct {
	struct timer timer;
	bool (*done)(void *arg);
	void *arg;
	uint64_t until_ms;
} watch;

void choose_allocator(const char *allocator)
{
	char err[256] = "";

	ck_assert_msg(mem_choose(allocator, err, sizeof(err)) == 0, "%s", err);
}

void choose_system(void)
{
	choose_allocator("system");
}

void start_loop(void)
{
	if (!mem_info()->name[0])
		choose_system();
	ck_assert_int_eq(loop_init(&test_loop), 0);
}

void stop_loop(void)
{
	loop_fini(&test_loop);
}

static void look(struct timer *t)
{
	if ((watch.done && watch.done(watch.arg)) || test_loop.now_ms >= watch.until_ms)
		loop_stop(&test_loop);
	else
		timer_set(&test_loop, t, LOOK_EVERY_MS);
}

bool loop_until(bool (*done)(void *arg), void *arg, unsigned int ms)
{
	loop_begin_turn(&test_loop); /* the test itself may have taken long */
	watch.done = done;
	watch.arg = arg;
	watch.until_ms = test_loop.now_ms + ms;
	timer_init(&watch.timer, look);
	timer_set(&test_loop, &watch.timer, 0);
	test_loop.stopping = false;
	loop_run(&test_loop);
	return done && done(arg);
}

void loop_for(unsigned int ms)
{
	loop_until(NULL, NULL, ms);
}

static void stop_cb(struct dirty *d)
{
	(void)d;
	loop_stop(&test_loop);
}

void loop_once(void)
{
	struct dirty d;

	dirty_init(&d, stop_cb);
	loop_mark(&test_loop, &d);
	test_loop.stopping = false;
	loop_run(&test_loop);
}

int run_suite(Suite *s)
{
	SRunner *r = srunner_create(s);
	int failed;

	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
