#include "lab/words.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

bool words_number(const char *text, double *out)
{
	char *end;
	double v;

	if (!((*text >= '0' && *text <= '9') || *text == '.'))
		return false;
	v = strtod(text, &end);
	if (*end || !isfinite(v))
		return false;
	*out = v;
	return true;
}

bool words_time(struct str text, uint64_t *us)
{
	static const struct {
		const char *name;
		double us;
	} units[] = {{"ms", 1e3}, {"s", 1e6}, {"m", 60e6}, {"h", 3600e6}};
	size_t n = 0;
	char number[32];
	double v;

	while (n < text.len &&
	       (text.p[n] == '.' || (text.p[n] >= '0' && text.p[n] <= '9')))
		n++;
	snprintf(number, sizeof(number), "%.*s", (int)(n < 31 ? n : 31), text.p);
	if (!words_number(number, &v))
		return false;
	for (unsigned int i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (!str_eq(str_of(text.p + n, text.len - n), str_z(units[i].name)))
			continue;
		v *= units[i].us;
		if (v < 1 || v > 86400e6)
			return false;
		*us = (uint64_t)v;
		return true;
	}
	return false;
}
