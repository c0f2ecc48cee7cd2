/*
 * statement: a config as a tree of words: includes followed, variables put
 * in, nothing yet known of what the words mean.
 */
#ifndef HEAPGATE_STATEMENT_H
#define HEAPGATE_STATEMENT_H

#include "conf/report.h"

struct loader;

struct word {
	struct word *next;
	struct place at;       /* of the word */
	const char *key;       /* of key=value, or NULL */
	struct place value_at; /* of the value; without a key as at */
	const char *text;      /* the value */
};

struct statement {
	struct statement *next;
	struct word *words; /* at least one; the first has no key */
	struct place at;    /* of the first word */
	bool has_block;
	struct place block_at;   /* of its { */
	struct statement *inner; /* what stands in the block */
};

/* Returns: the first statement, NULL if there is none. What is wrong with the
 * form is reported; the tree holds the rest. */
struct statement *statement_read(struct loader *ld, const struct source *source);
/* How many start with this word. */
unsigned int statement_count(const struct statement *first, const char *word);

#endif
