/*
 * runner: what every test program here does around its tests.
 */
#ifndef HEAPGATE_RUNNER_H
#define HEAPGATE_RUNNER_H

#include <check.h>

#include "io/loop.h"

/* Fixtures for tcase_add_checked_fixture(); a test is a process of its own. */
void choose_allocator(const char *allocator);
void choose_system(void);
/* Chooses system, if nothing is chosen, and starts *test_loop. */
void start_loop(void);
void stop_loop(void);
extern struct loop test_loop;

/* Turns the loop until done(arg), at most for ms. Returns: done(arg). */
bool loop_until(bool (*done)(void *arg), void *arg, unsigned int ms);
/* Turns the loop for ms. */
void loop_for(unsigned int ms);
/* One turn, which waits for nothing. */
void loop_once(void);

/* Runs the suite and frees it. Returns: what main() returns. */
int run_suite(Suite *s);

#endif
