/*
 * report: errors in a config, in the form that compilers use: place, message,
 * the line itself, a caret, a hint.
 */
#ifndef HEAPGATE_REPORT_H
#define HEAPGATE_REPORT_H

#include <stdio.h>

#include "base/str.h"

#define REPORT_MAX_ERRORS 20

/* One text that statements come from; the root of all places. */
struct source {
	const char *name;     /* as errors print it: a path, mostly */
	const char *dir;      /* "conf/" or "": of name, for includes */
	const char *file_dir; /* put before relative paths in values */
	struct str text;
	const struct source *from; /* the one that includes it, or NULL */
	unsigned int from_line;    /* where in it */
	uint64_t dev, ino;         /* which file it is; 0: none */
};

struct place {
	const struct source *source;
	uint32_t line;       /* 1… */
	uint32_t col;        /* 1…, in bytes */
	uint32_t width;      /* bytes to underline, at least 1 */
	uint32_t line_start; /* offset of the line in the text */
};

struct report {
	FILE *to;
	unsigned int n_errors;       /* found, shown or not */
	const struct source *source; /* of the last message */
	/* Something was not understood (an unknown word, a file that is not
	 * there): what seems to be missing may only be hidden by that. */
	bool blind;
};

void report_init(struct report *r, FILE *to);
/* Errors beyond REPORT_MAX_ERRORS are counted only. */
void report_error(struct report *r, const struct place *at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Both belong to the last error; the way out of it, and a place it is about. */
void report_hint(struct report *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void report_note(struct report *r, const struct place *at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * The word of a list that text was most likely meant to be, or NULL. words:
 * NULL at the end.
 */
const char *nearest_word(const char *text, const char *const *words);

#endif
