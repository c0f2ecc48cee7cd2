/*
 * lexer: the words of a config.
 *
 * A statement ends at a newline, at ';' or at '}'. A word ends at a blank or
 * at one of ; { }. "…" keeps blanks and those within a word and knows \" \\
 * \$. '#' at the start of a word makes the rest of the line a comment; '\' at
 * the end of a line joins the next. ${VAR} is part of its word whatever it
 * holds: it is replaced only after the words have been told apart.
 */
#ifndef HEAPGATE_LEXER_H
#define HEAPGATE_LEXER_H

#include "conf/report.h"
#include "conf/room.h"

enum token_kind {
	TOKEN_WORD,
	TOKEN_OPEN,  /* { */
	TOKEN_CLOSE, /* } */
	TOKEN_END,   /* newline or ; */
	TOKEN_EOF,
	TOKEN_BAD, /* see lexer->reason; the rest of the line is skipped */
};

struct token {
	enum token_kind kind;
	struct place at;
	struct str raw; /* as written, quotes and ${…} and all */
};

struct lexer {
	const struct source *source;
	size_t pos;
	uint32_t line;
	uint32_t line_start;
	const char *reason; /* after TOKEN_BAD */
};

/* source: lives as long as the tokens. */
void lexer_init(struct lexer *l, const struct source *source);
void lexer_next(struct lexer *l, struct token *t);

/* For a word key=value the length of the key, else 0. Only what stands there
 * unquoted is a key, not what a variable holds. */
size_t word_key_len(struct str raw);
/*
 * What a raw word means: quotes taken off, variables put in.
 * at: of the word's first byte. Returns: the text in the room, or NULL after
 * having reported why not.
 */
const char *word_expand(struct str raw, const struct place *at, const struct room *room,
			struct report *report);

/* Writes one word so that word_expand() yields text again. */
void word_print(const char *text, FILE *to);

#endif
