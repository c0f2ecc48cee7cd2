/*
 * board: the table of what arms and workers do now, as the dashboard and
 * "heapgate top" show it: its columns, and values with their units.
 */
#ifndef HEAPGATE_BOARD_H
#define HEAPGATE_BOARD_H

#include <jansson.h>

/* In UTF-8. */
enum board_kind {
	BOARD_BYTES,   /* "12.3 MB": powers of 1000 */
	BOARD_US,      /* "1.25 ms" */
	BOARD_RATE,    /* "0.25", "1,250" */
	BOARD_COUNT,   /* "1,250" */
	BOARD_SHARE,   /* of 1: "12.5 %" */
	BOARD_SECONDS, /* as BOARD_US */
	BOARD_RATIO,   /* an object: "0.84× (0.82–0.86)" */
};

struct board_column {
	const char *title;
	const char *key; /* in "now" of an arm or worker of /history.json */
	enum board_kind kind;
	const char *what; /* a sentence */
};

#define BOARD_N_COLUMNS 10
extern const struct board_column board_columns[BOARD_N_COLUMNS];

#define BOARD_TEXT_BYTES 40

/* NAN is a dash. Returns to. */
char *board_value(double v, enum board_kind kind, char to[BOARD_TEXT_BYTES]);
/* Of an arm or a worker of /history.json. Returns to. */
char *board_cell(const json_t *row, unsigned int column, char to[BOARD_TEXT_BYTES]);
/* Any member of an object. Returns to. */
char *board_member(const json_t *object, const char *key, enum board_kind kind,
		   char to[BOARD_TEXT_BYTES]);
/* A member of an object as a number, NAN if there is none. */
double board_number(const json_t *object, const char *key);
/* The same as text, "" if there is none. Lives: as long as the object. */
const char *board_string(const json_t *object, const char *key);
#endif
