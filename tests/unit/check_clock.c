#include <time.h>

#include "base/clock.h"
#include "runner.h"

START_TEST(dates_are_those_of_the_c_library)
{
	/* every 65 hours and some, from 1970 to 2120: leap days, 2000, 2100 */
	for (uint64_t s = 0; s < UINT64_C(4733510400); s += 234567) {
		time_t t = (time_t)s;
		struct clock_date d;
		struct tm tm;

		gmtime_r(&t, &tm);
		clock_date(s * 1000000u, &d);
		ck_assert_int_eq(d.year, tm.tm_year + 1900);
		ck_assert_uint_eq(d.month, (unsigned int)tm.tm_mon + 1);
		ck_assert_uint_eq(d.day, (unsigned int)tm.tm_mday);
		ck_assert_uint_eq(d.hour, (unsigned int)tm.tm_hour);
		ck_assert_uint_eq(d.minute, (unsigned int)tm.tm_min);
		ck_assert_uint_eq(d.second, (unsigned int)tm.tm_sec);
		ck_assert_uint_eq(d.weekday, (unsigned int)tm.tm_wday);
	}
}
END_TEST

START_TEST(a_leap_day_has_its_text)
{
	char to[CLOCK_RFC3339_BYTES];

	ck_assert_str_eq(clock_rfc3339(UINT64_C(1709210096789999), to),
			 "2024-02-29T12:34:56.789Z");
	ck_assert_str_eq(clock_rfc3339(0, to), "1970-01-01T00:00:00.000Z");
}
END_TEST

START_TEST(the_clocks_go_in_microseconds)
{
	uint64_t mono = clock_mono_us(), wall = clock_wall_us();
	struct timespec ts = {.tv_nsec = 20000000};

	nanosleep(&ts, NULL);
	ck_assert_uint_ge(clock_mono_us() - mono, 20000);
	ck_assert_uint_lt(clock_mono_us() - mono, 20000000);
	ck_assert_uint_le(wall / 1000000u - (uint64_t)time(NULL) + 1, 1);
}
END_TEST

START_TEST(sleeping_is_no_cpu_time)
{
	uint64_t cpu = clock_cpu_us(), mono;
	struct timespec ts = {.tv_nsec = 200000000};

	nanosleep(&ts, NULL);
	ck_assert_uint_lt(clock_cpu_us() - cpu, 100000);
	mono = clock_mono_us();
	for (cpu = clock_cpu_us(); clock_cpu_us() - cpu < 5000;)
		ck_assert_uint_lt(clock_mono_us() - mono, 20000000);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("clock");
	TCase *t = tcase_create("clock");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, dates_are_those_of_the_c_library);
	tcase_add_test(t, a_leap_day_has_its_text);
	tcase_add_test(t, the_clocks_go_in_microseconds);
	tcase_add_test(t, sleeping_is_no_cpu_time);
	suite_add_tcase(s, t);
	return run_suite(s);
}
