/*
 * backends: every allocator that this host has, with both kinds of regions,
 * for tests to loop over. An allocator is chosen once in a process, so each
 * test chooses in its own, which Check has forked.
 */
#ifndef HEAPGATE_BACKENDS_H
#define HEAPGATE_BACKENDS_H

#include <check.h>

#include "allocators/mem.h"

/* Call first in main(). Runs the program again if its environment lacks what
 * an allocator needs; prints a line for each allocator that is not there. */
void backends_start(char **argv);

int backends_count(void);
/* The spec of the i-th, "jemalloc,regions=bump". Lives: always. */
const char *backends_spec(int i);
/* Chooses the i-th, or any spec; fails the test if that cannot be. */
void backends_choose(int i);
void backends_choose_spec(const char *spec);
/* Chooses the i-th with wrappers: "+debug", "+fail=3". */
void backends_choose_wrapped(int i, const char *wraps);

/* How many calls of the allocator script() makes, seen in a process of its
 * own under this spec. */
int backends_calls_of(void (*script)(void), const char *spec);

/* For each allocation that script() makes under this spec: runs it in a
 * process of its own with that one failing, then check() there. */
void backends_fail_each(void (*script)(void), const char *spec, void (*check)(void));

/* Usable bytes that are out, all tags. */
uint64_t backends_live_bytes(void);

/* A random number; the same ones in each run. */
uint32_t backends_random(void);

/* Runs the suite, each test in its own process. Returns: exit code. */
int backends_run(Suite *s);

#endif
