/*
 * clock: what time it is, and its text forms. No locale, no time zone but
 * UTC, no allocation.
 */
#ifndef HEAPGATE_CLOCK_H
#define HEAPGATE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* µs; only differences mean anything. Never goes back. */
uint64_t clock_mono_us(void);
/* µs since 1970-01-01T00:00:00Z. May jump. */
uint64_t clock_wall_us(void);
/* µs that this process has run, all its threads together. A system call. */
uint64_t clock_cpu_us(void);

struct clock_date {
	int year;           /* 1970… */
	unsigned int month; /* 1..12 */
	unsigned int day;   /* 1..31 */
	unsigned int hour, minute, second;
	unsigned int weekday; /* 0: Sunday */
};

void clock_date(uint64_t wall_us, struct clock_date *d);

#define CLOCK_RFC3339_BYTES 25
/* "2024-02-29T12:34:56.789Z" (RFC 3339 §5.6). Returns to. */
char *clock_rfc3339(uint64_t wall_us, char to[CLOCK_RFC3339_BYTES]);

#endif
