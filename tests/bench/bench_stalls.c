/*
 * bench_stalls: when a CPU was away.
 *
 *     bench_stalls PERIOD_US LATE_US
 *
 * A thread on each CPU, ahead of all other processes, wakes each PERIOD_US. Where it
 * wakes more than LATE_US late the CPU did nothing for anybody: the hypervisor had
 * given it to another guest, or the kernel could not be interrupted. Each time prints
 *
 *     CPU SINCE_US UNTIL_US
 *
 * by the monotonic clock, SINCE_US being the last moment that it is known to have
 * been there. Prints "ready" when all are watched; exit 1 without the right to go
 * ahead (root). CPUs that halt when idle wake late for that alone: hold
 * /dev/cpu_dma_latency.
 */
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

static uint64_t period_us, late_us;

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void sleep_until(uint64_t us)
{
	struct timespec t = {.tv_sec = (time_t)(us / 1000000),
			     .tv_nsec = (long)(us % 1000000) * 1000};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0)
		;
}

static void *watch(void *arg)
{
	int cpu = (int)(intptr_t)arg;
	uint64_t there_us = now_us();

	for (;;) {
		uint64_t due_us = there_us + period_us, now;

		sleep_until(due_us);
		now = now_us();
		if (now - due_us > late_us)
			printf("%d %llu %llu\n", cpu, (unsigned long long)there_us,
			       (unsigned long long)now);
		there_us = now;
	}
	return NULL;
}

/* Returns: 0, or an errno. */
static int start(int cpu)
{
	struct sched_param first = {.sched_priority = 1};
	pthread_attr_t attr;
	pthread_t thread;
	cpu_set_t only;
	int rc;

	CPU_ZERO(&only);
	CPU_SET(cpu, &only);
	pthread_attr_init(&attr);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
	pthread_attr_setschedparam(&attr, &first);
	pthread_attr_setaffinity_np(&attr, sizeof(only), &only);
	rc = pthread_create(&thread, &attr, watch, (void *)(intptr_t)cpu);
	pthread_attr_destroy(&attr);
	return rc;
}

int main(int argc, char **argv)
{
	cpu_set_t all;

	period_us = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
	late_us = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
	if (!period_us || !late_us) {
		fprintf(stderr, "usage: bench_stalls PERIOD_US LATE_US\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* A page of its own that is not there would make it late. */
	if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0 ||
	    sched_getaffinity(0, sizeof(all), &all) != 0) {
		perror("bench_stalls");
		return 1;
	}
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		int rc = CPU_ISSET(cpu, &all) ? start(cpu) : 0;

		if (rc != 0) {
			fprintf(stderr, "bench_stalls: %s\n", strerror(rc));
			return 1;
		}
	}
	printf("ready\n");
	pthread_exit(NULL);
}
