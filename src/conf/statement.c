#include "conf/statement.h"

#include "conf/lexer.h"
#include "conf/loader.h"

/* Reads one text. Included texts have a reader of their own, whose statements
 * go where the include stands. */
struct reader {
	struct loader *ld;
	struct lexer lexer;
	struct token token; /* the next one, not yet used */
	unsigned int depth; /* of blocks */
};

static void read_block(struct reader *rd, struct statement ***tail);

static void advance(struct reader *rd)
{
	lexer_next(&rd->lexer, &rd->token);
}

static struct report *report_of(struct reader *rd)
{
	return &rd->ld->report;
}

static void bad_token(struct reader *rd)
{
	report_error(report_of(rd), &rd->token.at, "%s", rd->lexer.reason);
	report_of(rd)->blind = true;
	advance(rd);
}

/* Returns: NULL after having reported what is wrong with it. */
static struct word *read_word(struct reader *rd, bool may_have_key)
{
	const struct room *room = &rd->ld->scratch;
	struct word *w = room_alloc(room, sizeof(*w));
	struct str raw = rd->token.raw;
	size_t key_len = may_have_key ? word_key_len(raw) : 0;

	w->at = w->value_at = rd->token.at;
	if (key_len) {
		w->key = room_copy(room, raw.p, key_len);
		w->value_at.col += (uint32_t)key_len + 1;
		w->value_at.width -= (uint32_t)key_len + 1;
		raw = str_of(raw.p + key_len + 1, raw.len - key_len - 1);
		if (!raw.len)
			w->value_at.width = 1;
	}
	w->text = word_expand(raw, &w->value_at, room, report_of(rd));
	return w->text ? w : NULL;
}

/* The words of one statement. Returns: false when one of them is no good. */
static bool read_words(struct reader *rd, struct statement *st)
{
	struct word **tail = &st->words;
	bool ok = true;

	st->at = rd->token.at;
	while (rd->token.kind == TOKEN_WORD || rd->token.kind == TOKEN_BAD) {
		if (rd->token.kind == TOKEN_BAD) {
			bad_token(rd);
			return false;
		}
		*tail = read_word(rd, st->words != NULL);
		if (*tail)
			tail = &(*tail)->next;
		else
			ok = false;
		advance(rd);
	}
	return ok;
}

/* From behind a '{' to behind its '}'. */
static void read_inner(struct reader *rd, struct statement *st)
{
	struct statement **tail = &st->inner;

	st->has_block = true;
	st->block_at = rd->token.at;
	advance(rd);
	rd->depth++;
	read_block(rd, &tail);
	rd->depth--;
	if (rd->token.kind == TOKEN_CLOSE) {
		advance(rd);
	} else {
		report_error(report_of(rd), &st->block_at,
			     "\"{\" is never closed by a \"}\"");
		report_of(rd)->blind = true;
	}
}

/* Passes over a block that cannot be kept. */
static void skip_block(struct reader *rd)
{
	unsigned int depth = 0;

	do {
		if (rd->token.kind == TOKEN_OPEN)
			depth++;
		if (rd->token.kind == TOKEN_CLOSE)
			depth--;
		advance(rd);
	} while (depth && rd->token.kind != TOKEN_EOF);
}

static void stray_block(struct reader *rd)
{
	report_error(report_of(rd), &rd->token.at,
		     "\"{\" without a directive before it");
	report_hint(report_of(rd), "a block starts on the line of its directive");
	report_of(rd)->blind = true;
	skip_block(rd);
}

static void too_deep(struct reader *rd)
{
	report_error(report_of(rd), &rd->token.at, "blocks nested more than %d deep",
		     LOADER_MAX_DEPTH);
	report_of(rd)->blind = true;
	skip_block(rd);
}

/* --- include ------------------------------------------------------------- */

static void read_text(struct reader *rd, const struct source *source,
		      struct statement ***tail)
{
	lexer_init(&rd->lexer, source);
	for (advance(rd);; advance(rd)) {
		read_block(rd, tail);
		if (rd->token.kind != TOKEN_CLOSE)
			return;
		report_error(report_of(rd), &rd->token.at, "\"}\" closes nothing");
	}
}

static void read_file(struct reader *from, const char *path, const struct word *w,
		      struct statement ***tail)
{
	struct reader rd = {.ld = from->ld, .depth = from->depth};
	const struct source *source = loader_read(from->ld, path, &w->value_at);

	if (source)
		read_text(&rd, source, tail);
}

static void read_glob(struct reader *rd, const char *pattern, const struct word *w,
		      struct statement ***tail)
{
	struct loader *ld = rd->ld;
	glob_t *g = &ld->globs[ld->n_globs];
	int rc = glob(pattern, 0, NULL, g);

	if (rc == GLOB_NOSPACE)
		room_no_memory(&ld->scratch);
	ld->n_globs++;
	for (size_t i = 0; rc == 0 && i < g->gl_pathc; i++)
		read_file(rd, g->gl_pathv[i], w, tail);
	ld->n_globs--;
	globfree(g);
}

static unsigned int include_depth(const struct source *s)
{
	unsigned int n = 0;

	for (; s->from; s = s->from)
		n++;
	return n;
}

static void include(struct reader *rd, const struct statement *st,
		    struct statement ***tail)
{
	const struct word *w = st->words->next;
	const struct source *source = rd->lexer.source;
	const char *path;

	if (!w || w->next || w->key || !*w->text || st->has_block) {
		report_error(report_of(rd), &st->at,
			     "include takes one path or pattern");
		report_hint(report_of(rd), "include conf.d/*.conf");
		return;
	}
	if (include_depth(source) + 1 >= LOADER_MAX_DEPTH) {
		report_error(report_of(rd), &st->at,
			     "includes nested more than %d deep", LOADER_MAX_DEPTH);
		return;
	}
	path = room_printf(&rd->ld->scratch, "%s%s", *w->text == '/' ? "" : source->dir,
			   w->text);
	if (strpbrk(path, "*?["))
		read_glob(rd, path, w, tail);
	else
		read_file(rd, path, w, tail);
}

/* --- blocks -------------------------------------------------------------- */

static void read_one(struct reader *rd, struct statement ***tail)
{
	struct statement *st = room_alloc(&rd->ld->scratch, sizeof(*st));
	bool ok = read_words(rd, st);

	if (rd->token.kind == TOKEN_OPEN) {
		if (rd->depth >= LOADER_MAX_DEPTH)
			too_deep(rd);
		else
			read_inner(rd, st);
	}
	if (!ok || !st->words) {
		report_of(rd)->blind = true;
		return;
	}
	if (strcmp(st->words->text, "include") == 0) {
		include(rd, st, tail);
		return;
	}
	**tail = st;
	*tail = &st->next;
}

/* Up to the '}' of the block or the end of the text, which stays unused. */
static void read_block(struct reader *rd, struct statement ***tail)
{
	for (;;) {
		switch (rd->token.kind) {
		case TOKEN_EOF:
		case TOKEN_CLOSE:
			return;
		case TOKEN_END:
			advance(rd);
			break;
		case TOKEN_OPEN:
			stray_block(rd);
			break;
		case TOKEN_BAD:
			bad_token(rd);
			break;
		case TOKEN_WORD:
			read_one(rd, tail);
			break;
		}
	}
}

struct statement *statement_read(struct loader *ld, const struct source *source)
{
	struct reader rd = {.ld = ld};
	struct statement *first = NULL, **tail = &first;

	read_text(&rd, source, &tail);
	return first;
}

unsigned int statement_count(const struct statement *first, const char *word)
{
	unsigned int n = 0;

	for (; first; first = first->next)
		n += strcmp(first->words->text, word) == 0;
	return n;
}
