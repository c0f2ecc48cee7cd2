/*
 * value: the types that a directive's arguments have: how each is read,
 * checked and written.
 */
#ifndef HEAPGATE_VALUE_H
#define HEAPGATE_VALUE_H

#include "conf/room.h"

#define VALUE_TEXT_BYTES 160

struct argument;

/* What a value is read from, and what is to be said when it is no good. */
struct value_in {
	const struct argument *arg;
	const char *text;        /* no control characters in it */
	const char *dir;         /* put before relative paths */
	const struct room *keep; /* for strings */
	char reason[200];
	char hint[200]; /* "": none */
};

struct value_type {
	const char *syntax;  /* "TIME": in usage lines, when the argument itself
			      * says no better */
	const char *summary; /* for the docs; NULL: nothing to explain */
	/* Stores the value at to. Returns: false with in->reason set. */
	bool (*parse)(struct value_in *in, void *to);
	/* The value at from as parse() takes it; NULL: it is not set. buf:
	 * VALUE_TEXT_BYTES, may be used. */
	const char *(*text)(const struct argument *arg, const void *from, char *buf);
	/* A number as one would write it, for ranges; NULL: no range. */
	void (*number)(uint64_t v, char *buf);
};

/* To be returned by parse(). */
bool value_refuse(struct value_in *in, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Adds a hint. Returns: false. */
bool value_hint(struct value_in *in, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Letters, digits and the others given; 1 up to max. */
bool value_is_made_of(const char *text, const char *others, size_t max);
/* text() of what is kept as const char *. */
const char *value_string(const struct argument *arg, const void *from, char *buf);

extern const struct value_type value_flag;   /* a word that is there or not: bool */
extern const struct value_type value_bool;   /* on, off: bool */
extern const struct value_type value_choice; /* one of arg->choices: int, bool */
extern const struct value_type value_count;  /* unsigned, of any width */
extern const struct value_type value_bytes;
extern const struct value_type value_time; /* ms */
extern const struct value_type value_name; /* const char * from here on */
extern const struct value_type value_text;
extern const struct value_type value_file;
extern const struct value_type value_token;   /* RFC 9110 §5.6.2 */
extern const struct value_type value_addr;    /* struct addr */
extern const struct value_type value_unix;    /* unix:PATH: const char *, PATH */
extern const struct value_type value_workers; /* auto or a count */

#endif
