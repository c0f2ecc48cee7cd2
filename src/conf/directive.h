/*
 * directive: the one table of all that a config may say. Parsing, checking,
 * defaults, the effective config, the docs and a test that nothing in it is
 * untested: all read it.
 */
#ifndef HEAPGATE_DIRECTIVE_H
#define HEAPGATE_DIRECTIVE_H

#include <stddef.h>

#include "conf/value.h"

struct loader;
struct statement;
struct word;

#define DIRECTIVE_MAX      64
#define DIRECTIVE_MAX_ARGS 16
#define VALUE_MAX_CHOICES  8

/* The blocks, as bits: a directive may stand in several. */
enum block {
	BLOCK_NONE = 0,
	BLOCK_TOP = 1,
	BLOCK_LISTEN = 2,
	BLOCK_UPSTREAM = 4,
	BLOCK_LIMITS = 8,
	BLOCK_EXPERIMENT = 16,
};

enum arg_form {
	ARG_WORD, /* by its place: listen ADDR */
	ARG_LIST, /* words before it, one at least: error_page CODE... FILE */
	ARG_KEY,  /* key=value, in any order */
	ARG_FLAG, /* the name itself, in any order */
	ARG_REST, /* key=value with a key that only others know */
};

struct choice {
	const char *word; /* NULL ends a list */
	int value;
};

struct argument {
	const char *name;   /* "backlog"; for ARG_WORD what usage calls it: "ADDR" */
	const char *syntax; /* of the value, or NULL: the type's */
	const struct value_type *type;
	const char *fallback; /* the default as one would write it; NULL: none */
	const char *needs;    /* only with this flag, or NULL */
	const char *help;     /* for the docs: one sentence or two */
	const struct choice *choices;
	uint64_t min, max;   /* in base units: bytes, ms */
	size_t offset, size; /* in the directive's struct; size 0: not kept */
	enum arg_form form;
	bool required;
};

/* A directive that fills in a struct of its own. */
struct noun {
	/* The struct for one more, within the parent block's; zeroed. */
	void *(*open)(struct loader *ld, void *parent, const struct statement *st);
	/* Works out and checks what no argument can alone. given[i]: the word
	 * that argument i came from, or NULL. May be NULL. */
	void (*settle)(struct loader *ld, void *self, const struct statement *st,
		       const struct word *const *given);
	/* The i-th one to print; NULL: no more. */
	const void *(*at)(const void *parent, unsigned int i);
};

struct directive {
	const char *name;
	const char *sub; /* "access" of "log access", or NULL */
	const char *help;
	const char *example;         /* one that works, in its block */
	const struct noun *noun;     /* NULL: fills in the block's own struct */
	const struct argument *args; /* NULL name at the end */
	unsigned int blocks;         /* where it may stand; bits of enum block */
	enum block block;            /* the one it opens */
	bool needs_block;
	bool repeatable;
	bool at_start; /* read once: only a restart changes it */
};

extern const struct directive directives[]; /* NULL name at the end */

unsigned int directive_index(const struct directive *d);
/* sub: the statement's second word, or NULL. Returns: NULL for unknown. */
const struct directive *directive_find(enum block block, const char *name,
				       const char *sub);
/* The next directive of a block after d (NULL: the first), or NULL. */
const struct directive *directive_next(enum block block, const struct directive *d);
/* "log access" */
const char *directive_title(const struct directive *d, char buf[VALUE_TEXT_BYTES]);
/* "server ADDR [weight=N] …" in one line. */
void directive_usage(const struct directive *d, char *buf, size_t cap);
/* "upstream" of BLOCK_UPSTREAM, "" of BLOCK_TOP. */
const char *block_name(enum block b);
/* By name; it must be there. */
unsigned int argument_index(const struct directive *d, const char *name);

#endif
