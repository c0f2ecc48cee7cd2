#include "base/clock.h"

#include <time.h>

static uint64_t read_us(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

uint64_t clock_mono_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

uint64_t clock_wall_us(void)
{
	return read_us(CLOCK_REALTIME);
}

uint64_t clock_cpu_us(void)
{
	return read_us(CLOCK_PROCESS_CPUTIME_ID);
}

/* gmtime_r() would read the time zone and allocate for it. Years are counted
 * from 1 March here, so that the leap day is the last of its year. */
void clock_date(uint64_t wall_us, struct clock_date *d)
{
	uint64_t s = wall_us / 1000000u;
	uint64_t days = s / 86400u + 719468u; /* since 0000-03-01 */
	uint64_t era = days / 146097u;        /* of 400 years */
	uint64_t of_era = days % 146097u;
	uint64_t year =
		(of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	uint64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	uint64_t month = (5 * of_year + 2) / 153; /* 0: March */

	d->day = (unsigned int)(of_year - (153 * month + 2) / 5 + 1);
	d->month = (unsigned int)(month < 10 ? month + 3 : month - 9);
	d->year = (int)(year + era * 400 + (d->month <= 2));
	d->hour = (unsigned int)(s / 3600 % 24);
	d->minute = (unsigned int)(s / 60 % 60);
	d->second = (unsigned int)(s % 60);
	d->weekday = (unsigned int)((s / 86400u + 4) % 7);
}

static char *digits(char *to, unsigned int v, unsigned int n)
{
	for (unsigned int i = n; i-- > 0; v /= 10)
		to[i] = (char)('0' + v % 10);
	return to + n;
}

char *clock_rfc3339(uint64_t wall_us, char to[CLOCK_RFC3339_BYTES])
{
	struct clock_date d;
	char *p = to;

	clock_date(wall_us, &d);
	p = digits(p, (unsigned int)d.year, 4);
	*p++ = '-';
	p = digits(p, d.month, 2);
	*p++ = '-';
	p = digits(p, d.day, 2);
	*p++ = 'T';
	p = digits(p, d.hour, 2);
	*p++ = ':';
	p = digits(p, d.minute, 2);
	*p++ = ':';
	p = digits(p, d.second, 2);
	*p++ = '.';
	p = digits(p, (unsigned int)(wall_us / 1000u % 1000u), 3);
	*p++ = 'Z';
	*p = '\0';
	return to;
}
