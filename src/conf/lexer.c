#include "conf/lexer.h"

#include <stdlib.h>

void lexer_init(struct lexer *l, const struct source *source)
{
	*l = (struct lexer){.source = source, .line = 1};
	if (str_starts(source->text, STR("\xEF\xBB\xBF"))) /* byte order mark */
		l->line_start = (uint32_t)(l->pos = 3);
}

/* The byte n places on; '\n' past the end, so that each line has an end. */
static char peek(const struct lexer *l, size_t n)
{
	size_t at = l->pos + n;

	return at < l->source->text.len ? l->source->text.p[at] : '\n';
}

static bool at_end(const struct lexer *l)
{
	return l->pos >= l->source->text.len;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_';
}

static void skip_to_newline(struct lexer *l)
{
	while (!at_end(l) && peek(l, 0) != '\n')
		l->pos++;
}

static void pass_newline(struct lexer *l)
{
	l->pos++;
	l->line++;
	l->line_start = (uint32_t)l->pos;
}

/* The length of a backslash and the line end behind it, or 0. */
static size_t joint_len(const struct lexer *l)
{
	size_t n = 1;

	if (peek(l, 0) != '\\')
		return 0;
	if (peek(l, 1) == '\r')
		n = 2;
	return peek(l, n) == '\n' && l->pos + n < l->source->text.len ? n : 0;
}

static void skip_blanks(struct lexer *l)
{
	size_t joint;

	while (!at_end(l)) {
		joint = joint_len(l);
		if (joint) {
			l->pos += joint;
			pass_newline(l);
		} else if (is_blank(peek(l, 0))) {
			l->pos++;
		} else if (peek(l, 0) == '#') {
			skip_to_newline(l);
		} else {
			return;
		}
	}
}

/* Past "${…}". Returns: NULL, or what is wrong. */
static const char *scan_variable(struct lexer *l)
{
	for (l->pos += 2; peek(l, 0) != '}'; l->pos++) {
		if (peek(l, 0) == '\n')
			return "\"${\" has no \"}\" on its line";
		if (is_control(peek(l, 0)) && !is_blank(peek(l, 0)))
			return "control character in \"${…}\"";
	}
	l->pos++;
	return NULL;
}

static const char *scan_string(struct lexer *l)
{
	const char *wrong = NULL;

	for (l->pos++; !wrong && peek(l, 0) != '"';) {
		if (peek(l, 0) == '\n')
			return "string without a closing quote";
		if (is_control(peek(l, 0)))
			return "control character in a string";
		if (peek(l, 0) == '\\' && peek(l, 1) != '\n')
			l->pos += 2;
		else if (peek(l, 0) == '$' && peek(l, 1) == '{')
			wrong = scan_variable(l);
		else
			l->pos++;
	}
	l->pos++;
	return wrong;
}

static bool ends_word(const struct lexer *l)
{
	char c = peek(l, 0);

	return c == '\n' || c == ';' || c == '{' || c == '}' || is_blank(c) ||
	       joint_len(l);
}

static const char *scan_word(struct lexer *l)
{
	const char *wrong = NULL;

	while (!wrong && !ends_word(l)) {
		if (peek(l, 0) == '"')
			wrong = scan_string(l);
		else if (peek(l, 0) == '$' && peek(l, 1) == '{')
			wrong = scan_variable(l);
		else if (is_control(peek(l, 0)))
			wrong = "control character";
		else
			l->pos++;
	}
	return wrong;
}

static enum token_kind scan(struct lexer *l)
{
	if (at_end(l))
		return TOKEN_EOF;
	switch (peek(l, 0)) {
	case '\n':
		pass_newline(l);
		return TOKEN_END;
	case ';':
		l->pos++;
		return TOKEN_END;
	case '{':
		l->pos++;
		return TOKEN_OPEN;
	case '}':
		l->pos++;
		return TOKEN_CLOSE;
	}
	l->reason = scan_word(l);
	return l->reason ? TOKEN_BAD : TOKEN_WORD;
}

void lexer_next(struct lexer *l, struct token *t)
{
	size_t start;

	skip_blanks(l);
	start = l->pos;
	t->at = (struct place){.source = l->source,
			       .line = l->line,
			       .col = (uint32_t)(start - l->line_start) + 1,
			       .line_start = l->line_start,
			       .width = 1};
	t->kind = scan(l);
	t->raw = str_of(l->source->text.p + start, l->pos - start);
	if (t->kind == TOKEN_WORD)
		t->at.width = (uint32_t)t->raw.len;
	if (t->kind == TOKEN_BAD)
		skip_to_newline(l);
}

size_t word_key_len(struct str raw)
{
	size_t n = 0;

	while (n < raw.len && is_name_char(raw.p[n]))
		n++;
	return n > 0 && n < raw.len && raw.p[n] == '=' ? n : 0;
}

/* --- what a word means --------------------------------------------------- */

struct expansion {
	struct str raw;
	size_t pos;
	const struct place *at;
	const struct room *room;
	struct report *report;
	char *text;
	size_t len, cap;
};

static void put(struct expansion *x, const char *p, size_t len)
{
	if (x->len + len >= x->cap) {
		size_t cap = 2 * (x->len + len) + 32;
		char *text = room_alloc(x->room, cap);

		if (x->len)
			memcpy(text, x->text, x->len);
		x->text = text;
		x->cap = cap;
	}
	memcpy(x->text + x->len, p, len);
	x->len += len;
}

/* The place of bytes [from, from + width) of the word. */
static struct place place_in(const struct expansion *x, size_t from, size_t width)
{
	struct place at = *x->at;

	at.col += (uint32_t)from;
	at.width = width ? (uint32_t)width : 1;
	return at;
}

static bool put_value(struct expansion *x, const struct place *at, const char *name,
		      const char *value)
{
	for (const char *p = value; *p; p++) {
		if (!is_control(*p))
			continue;
		report_error(x->report, at, "%s holds a control character", name);
		return false;
	}
	put(x, value, strlen(value));
	return true;
}

/* How a variable is asked for: name, then :- or :? and a text, or nothing. */
static bool put_variable(struct expansion *x, const struct place *at, struct str inner)
{
	size_t n = 0;
	char *name;
	const char *value;
	struct str rest;

	while (n < inner.len && is_name_char(inner.p[n]))
		n++;
	rest = str_of(inner.p + n, inner.len - n);
	if (n == 0 || (inner.p[0] >= '0' && inner.p[0] <= '9') ||
	    (rest.len && !str_starts(rest, STR(":-")) &&
	     !str_starts(rest, STR(":?")))) {
		report_error(x->report, at, "no variable is named \"%.*s\"",
			     STR_ARG(inner));
		report_hint(x->report, "there are ${NAME}, ${NAME:-default} and "
				       "${NAME:?message}");
		return false;
	}
	name = room_copy(x->room, inner.p, n);
	value = getenv(name);
	if (value && (*value || !rest.len))
		return put_value(x, at, name, value);
	if (str_starts(rest, STR(":-"))) {
		put(x, rest.p + 2, rest.len - 2);
		return true;
	}
	if (rest.len > 2) {
		report_error(x->report, at, "%s: %.*s", name, (int)rest.len - 2,
			     rest.p + 2);
		return false;
	}
	report_error(x->report, at, "the environment variable %s is %s", name,
		     value ? "empty" : "not set");
	report_hint(x->report, "${%s:-default} would stand for a default", name);
	return false;
}

static bool expand_variable(struct expansion *x)
{
	size_t start = x->pos;
	const char *open = x->raw.p + start + 2;
	const char *close = memchr(open, '}', x->raw.len - start - 2);
	struct place at;

	x->pos = (size_t)(close - x->raw.p) + 1;
	at = place_in(x, start, x->pos - start);
	return put_variable(x, &at, str_of(open, (size_t)(close - open)));
}

static bool expand_escape(struct expansion *x)
{
	char c = x->raw.p[x->pos + 1];
	struct place at = place_in(x, x->pos, 2);

	if (c != '"' && c != '\\' && c != '$') {
		report_error(x->report, &at, "unknown escape \"\\%c\" in a string",
			     c < 0 ? '?' : c);
		report_hint(x->report, "there are \\\", \\\\ and \\$");
		return false;
	}
	put(x, &c, 1);
	x->pos += 2;
	return true;
}

const char *word_expand(struct str raw, const struct place *at, const struct room *room,
			struct report *report)
{
	struct expansion x = {.raw = raw, .at = at, .room = room, .report = report};
	bool quoted = false, ok = true;

	while (ok && x.pos < raw.len) {
		char c = raw.p[x.pos];
		bool brace = x.pos + 1 < raw.len && raw.p[x.pos + 1] == '{';

		if (c == '"') {
			quoted = !quoted;
			x.pos++;
		} else if (c == '$' && brace) {
			ok = expand_variable(&x);
		} else if (c == '\\' && quoted) {
			ok = expand_escape(&x);
		} else {
			put(&x, &c, 1);
			x.pos++;
		}
	}
	put(&x, "", 0);
	return ok ? x.text : NULL;
}

static bool is_plain(const char *text)
{
	for (const char *p = text; *p; p++)
		if (!is_name_char(*p) && !strchr("-./:,+*=<[]@%~?&", *p))
			return false;
	return *text && !word_key_len(str_z(text));
}

void word_print(const char *text, FILE *to)
{
	if (is_plain(text)) {
		fputs(text, to);
		return;
	}
	fputc('"', to);
	for (; *text; text++) {
		if (strchr("\"\\$", *text))
			fputc('\\', to);
		fputc(*text, to);
	}
	fputc('"', to);
}
