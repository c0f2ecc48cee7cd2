#include "conf/report.h"

#include <stdarg.h>

/* Of a long line only this much is shown, around its place. */
#define SHOWN_BYTES  100u
#define SHOWN_BEFORE 60u

#define NEAREST_MAX_BYTES 31

void report_init(struct report *r, FILE *to)
{
	*r = (struct report){.to = to};
}

static bool is_shown(const struct report *r)
{
	return r->n_errors <= REPORT_MAX_ERRORS;
}

static void say_included(struct report *r, const struct source *s)
{
	if (s == r->source)
		return;
	r->source = s;
	for (; s->from; s = s->from)
		fprintf(r->to, "in a file included from %s:%u:\n", s->from->name,
			s->from_line);
}

static bool is_utf8_tail(char c)
{
	return ((unsigned char)c & 0xC0) == 0x80;
}

/* Not what could speak to a terminal. */
static void put_shown(FILE *to, char c)
{
	if (c != '\t' && ((unsigned char)c < 0x20 || c == 0x7f))
		c = '?';
	fputc(c, to);
}

static void show_line(FILE *to, const struct place *at)
{
	const char *line = at->source->text.p + at->line_start;
	size_t rest = at->source->text.len - at->line_start;
	const char *newline = memchr(line, '\n', rest);
	size_t len = newline ? (size_t)(newline - line) : rest;
	size_t col = at->col - 1, i = 0;

	if (len > 0 && line[len - 1] == '\r')
		len--;
	if (len > SHOWN_BYTES && col > SHOWN_BEFORE)
		i = col - SHOWN_BEFORE;
	while (i < len && i < col && is_utf8_tail(line[i]))
		i++;
	if (len > i + SHOWN_BYTES)
		len = i + SHOWN_BYTES;
	fprintf(to, "%5u | ", at->line);
	for (size_t k = i; k < len; k++)
		put_shown(to, line[k]);
	fputs("\n      | ", to);
	for (size_t k = i; k < col && k < len; k++)
		if (!is_utf8_tail(line[k]))
			fputc(line[k] == '\t' ? '\t' : ' ', to);
	fputc('^', to);
	for (size_t k = col + 1; k < col + at->width && k < len; k++)
		if (!is_utf8_tail(line[k]))
			fputc('~', to);
	fputc('\n', to);
}

static void say(struct report *r, const struct place *at, const char *kind,
		const char *format, va_list args)
{
	say_included(r, at->source);
	fputs(at->source->name, r->to);
	if (at->line)
		fprintf(r->to, ":%u:%u", at->line, at->col);
	fprintf(r->to, ": %s: ", kind);
	vfprintf(r->to, format, args);
	fputc('\n', r->to);
	if (at->line)
		show_line(r->to, at);
}

void report_error(struct report *r, const struct place *at, const char *format, ...)
{
	va_list args;

	r->n_errors++;
	if (r->n_errors == REPORT_MAX_ERRORS + 1)
		fprintf(r->to, "more than %d errors; the rest is not shown\n",
			REPORT_MAX_ERRORS);
	if (!is_shown(r))
		return;
	va_start(args, format);
	say(r, at, "error", format, args);
	va_end(args);
}

void report_hint(struct report *r, const char *format, ...)
{
	va_list args;

	if (!is_shown(r))
		return;
	fputs("      hint: ", r->to);
	va_start(args, format);
	vfprintf(r->to, format, args);
	va_end(args);
	fputc('\n', r->to);
}

void report_note(struct report *r, const struct place *at, const char *format, ...)
{
	va_list args;

	if (!is_shown(r))
		return;
	va_start(args, format);
	say(r, at, "note", format, args);
	va_end(args);
}

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/* Letters to add, drop, change or swap with their neighbour (optimal string
 * alignment) to make a of b. Both at most NEAREST_MAX_BYTES long. */
static unsigned int edits_between(const char *a, const char *b)
{
	unsigned int row[3][NEAREST_MAX_BYTES + 1];
	unsigned int *before = row[0], *above = row[1], *now = row[2], *spare;
	size_t n = strlen(b);

	for (unsigned int j = 0; j <= n; j++)
		above[j] = j;
	for (size_t i = 1; i <= strlen(a); i++) {
		now[0] = (unsigned int)i;
		for (size_t j = 1; j <= n; j++) {
			unsigned int change = a[i - 1] != b[j - 1];

			now[j] = least(least(above[j], now[j - 1]) + 1,
				       above[j - 1] + change);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				now[j] = least(now[j], before[j - 2] + 1);
		}
		spare = before;
		before = above;
		above = now;
		now = spare;
	}
	return above[n];
}

const char *nearest_word(const char *text, const char *const *words)
{
	const char *best = NULL;
	unsigned int fewest = (unsigned int)strlen(text) / 3 + 1;

	if (strlen(text) > NEAREST_MAX_BYTES)
		return NULL;
	for (; *words; words++) {
		unsigned int edits;

		if (strlen(*words) > NEAREST_MAX_BYTES)
			continue;
		edits = edits_between(text, *words);
		if (edits < strlen(*words) && edits <= fewest) {
			if (best && edits == fewest)
				continue;
			best = *words;
			fewest = edits;
		}
	}
	return best;
}
