#include "server/board.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const struct board_column board_columns[BOARD_N_COLUMNS] = {
	{"RSS", "anon_bytes", BOARD_BYTES, "Anonymous memory in RAM: heap and stack."},
	{"allocated", "allocated_bytes", BOARD_BYTES,
	 "In blocks that are in use, as the allocator says."},
	{"resident", "resident_bytes", BOARD_BYTES,
	 "In RAM, as the allocator believes."},
	{"CPU/request", "cpu_us_per_request", BOARD_US,
	 "CPU time for each request that ended."},
	{"requests/s", "requests_per_second", BOARD_RATE,
	 "Requests that ended, each second."},
	{"p50", "p50_us", BOARD_US, "Half of the requests took at most this long."},
	{"p99", "p99_us", BOARD_US, "99 of 100 requests took at most this long."},
	{"connections", "connections", BOARD_COUNT,
	 "Client connections that are open."},
	{"streams", "streams", BOARD_COUNT, "Requests under way."},
	{"errors/s", "errors_per_second", BOARD_RATE,
	 "Requests that ended with 5xx or without an answer, each second."},
};

struct step {
	double from;
	double unit;
	const char *name;
};

static const struct step bytes[] = {
	{1e9, 1e9, "GB"}, {1e6, 1e6, "MB"}, {1e3, 1e3, "kB"}, {0, 1, "B"}};
static const struct step durations[] = {
	{1e6, 1e6, "s"}, {1e3, 1e3, "ms"}, {0, 1, "µs"}};

static const struct step percent[] = {{0, 1, "%"}};

/* Three digits that count: 1.25, 12.5, 125. */
static int decimals(double v)
{
	return v >= 99.95 || v == 0 ? 0 : v >= 9.995 ? 1 : 2;
}

static void with_unit(double v, const struct step *s, char *to)
{
	char digits[BOARD_TEXT_BYTES / 2];

	while (v < s->from)
		s++;
	v /= s->unit;
	snprintf(digits, sizeof(digits), "%.*f", decimals(v), v);
	snprintf(to, BOARD_TEXT_BYTES, "%s %s", digits, s->name);
}

/* 1234567 becomes 1,234,567. v is rounded. */
static void with_commas(double v, char *to)
{
	char digits[BOARD_TEXT_BYTES / 2];
	int len = snprintf(digits, sizeof(digits), "%.0f", fmin(v, 1e15));

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
}

char *board_value(double v, enum board_kind kind, char to[BOARD_TEXT_BYTES])
{
	if (!isfinite(v) || v < 0)
		strcpy(to, "–");
	else if (kind == BOARD_BYTES)
		with_unit(fmin(v, 1e18), bytes, to);
	else if (kind == BOARD_US)
		with_unit(fmin(v, 1e15), durations, to);
	else if (kind == BOARD_SECONDS)
		with_unit(fmin(v * 1e6, 1e15), durations, to);
	else if (kind == BOARD_SHARE)
		with_unit(fmin(v * 100, 1e6), percent, to);
	else if (kind == BOARD_COUNT || v >= 99.95)
		with_commas(v, to);
	else
		snprintf(to, BOARD_TEXT_BYTES, "%.*f", decimals(v), v);
	return to;
}

double board_number(const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);

	return json_is_number(v) ? json_number_value(v) : NAN;
}

const char *board_string(const json_t *object, const char *key)
{
	const char *v = json_string_value(json_object_get(object, key));

	return v ? v : "";
}

static char *ratio_text(const json_t *ratio, char to[BOARD_TEXT_BYTES])
{
	if (!json_is_object(ratio))
		return board_value(NAN, BOARD_RATE, to);
	snprintf(to, BOARD_TEXT_BYTES, "%.2f× (%.2f–%.2f)",
		 board_number(ratio, "ratio"), board_number(ratio, "low"),
		 board_number(ratio, "high"));
	return to;
}

char *board_member(const json_t *object, const char *key, enum board_kind kind,
		   char to[BOARD_TEXT_BYTES])
{
	if (kind == BOARD_RATIO)
		return ratio_text(json_object_get(object, key), to);
	return board_value(board_number(object, key), kind, to);
}

char *board_cell(const json_t *row, unsigned int column, char to[BOARD_TEXT_BYTES])
{
	const struct board_column *c = &board_columns[column];

	return board_member(json_object_get(row, "now"), c->key, c->kind, to);
}
