/*
 * Statements carried out by the table of directives.
 */
#include "conf/loader.h"

#include "base/must.h"

/* One statement on its way into a struct. */
struct deed {
	struct loader *ld;
	const struct directive *d;
	const struct statement *st;
	void *self;
	const struct word *given[DIRECTIVE_MAX_ARGS];
};

const char *loader_where(struct loader *ld, const struct place *at)
{
	return room_printf(&ld->keep, "%s:%u:%u", at->source->name, at->line, at->col);
}

/* --- defaults ------------------------------------------------------------ */

void loader_defaults(struct loader *ld, const struct directive *d, void *self)
{
	for (const struct argument *a = d->args; a->name; a++) {
		struct value_in in = {
			.arg = a, .text = a->fallback, .dir = "", .keep = &ld->keep};

		if (a->fallback)
			must(a->type->parse(&in, (char *)self + a->offset));
	}
}

void loader_block_defaults(struct loader *ld, enum block block, void *self)
{
	const struct directive *d = NULL;

	while (block && (d = directive_next(block, d)))
		if (!d->noun)
			loader_defaults(ld, d, self);
}

/* --- words --------------------------------------------------------------- */

static void unknown_word(struct deed *deed, const struct word *w)
{
	const char *names[DIRECTIVE_MAX_ARGS + 1] = {NULL};
	char title[VALUE_TEXT_BYTES], usage[512];
	unsigned int n = 0;
	const char *near;

	for (const struct argument *a = deed->d->args; a->name; a++)
		if (a->form == (w->key ? ARG_KEY : ARG_FLAG))
			names[n++] = a->name;
	near = nearest_word(w->key ? w->key : w->text, names);
	directive_title(deed->d, title);
	report_error(&deed->ld->report, &w->at, "unknown %s \"%s\" of %s%s%s%s%s",
		     w->key ? "argument" : "word", w->key ? w->key : w->text, title,
		     near ? "; did you mean \"" : "", near ? near : "",
		     near && w->key ? "=" : "", near ? "\"?" : "");
	if (near)
		return;
	directive_usage(deed->d, usage, sizeof(usage));
	report_hint(&deed->ld->report, "usage: %s", usage);
}

/* Whether a word without a key comes behind it. */
static bool has_word_behind(const struct word *w)
{
	do
		w = w->next;
	while (w && w->key);
	return w != NULL;
}

/* The argument that a word is for, or NULL. */
static const struct argument *match(const struct deed *deed, const struct word *w,
				    unsigned int n_words)
{
	const struct argument *rest = NULL;

	for (const struct argument *a = deed->d->args; a->name; a++) {
		if (a->form == ARG_LIST && !w->key && has_word_behind(w))
			return a;
		if (a->form == ARG_WORD && !w->key && n_words-- == 0)
			return a;
		if (a->form == ARG_KEY && w->key && strcmp(a->name, w->key) == 0)
			return a;
		if (a->form == ARG_REST && w->key)
			rest = a;
	}
	if (w->key)
		return rest;
	for (const struct argument *a = deed->d->args; a->name; a++)
		if (a->form == ARG_FLAG && strcmp(a->name, w->text) == 0)
			return a;
	return NULL;
}

static bool is_twice(struct deed *deed, const struct argument *a, const struct word *w)
{
	const struct word *first = deed->given[a - deed->d->args];

	if (!first || a->form == ARG_REST || a->form == ARG_LIST)
		return false;
	report_error(&deed->ld->report, &w->at, "\"%s%s\" is given twice", a->name,
		     w->key ? "=" : "");
	return true;
}

/* "idle_timeout" or "server weight=", before what is wrong with it. */
static void bad_value(struct deed *deed, const struct argument *a, const struct word *w,
		      const struct value_in *in)
{
	char title[VALUE_TEXT_BYTES];
	struct report *report = &deed->ld->report;

	directive_title(deed->d, title);
	if (a->form == ARG_KEY)
		report_error(report, &w->value_at, "%s %s=: %s", title, a->name,
			     in->reason);
	else
		report_error(report, &w->value_at, "%s: %s", title, in->reason);
	if (in->hint[0])
		report_hint(report, "%s", in->hint);
}

static void take_word(struct deed *deed, const struct argument *a, const struct word *w)
{
	struct loader *ld = deed->ld;
	struct value_in in = {.arg = a,
			      .text = w->text,
			      .dir = w->at.source->file_dir,
			      .keep = &ld->keep};

	if (is_twice(deed, a, w))
		return;
	deed->given[a - deed->d->args] = w;
	if (a->form == ARG_REST)
		in.text = room_printf(&ld->scratch, "%s=%s", w->key, w->text);
	if (!a->type->parse(&in, (char *)deed->self + a->offset))
		bad_value(deed, a, w, &in);
}

/* Words that go by their place first: what a key adds to may be one. */
static void take_words(struct deed *deed, bool keys)
{
	unsigned int n_words = 0;

	for (const struct word *w = deed->st->words->next; w; w = w->next) {
		const struct argument *a;

		if ((w->key != NULL) != keys)
			continue;
		a = match(deed, w, n_words);
		if (a)
			take_word(deed, a, w);
		else
			unknown_word(deed, w);
		n_words += a && a->form == ARG_WORD;
	}
}

static void check_missing(struct deed *deed)
{
	char title[VALUE_TEXT_BYTES], usage[512];

	for (const struct argument *a = deed->d->args; a->name; a++) {
		if (!a->required || deed->given[a - deed->d->args])
			continue;
		report_error(&deed->ld->report, &deed->st->at, "%s lacks its %s%s",
			     directive_title(deed->d, title), a->name,
			     a->form == ARG_KEY ? "=" : "");
		directive_usage(deed->d, usage, sizeof(usage));
		report_hint(&deed->ld->report, "usage: %s", usage);
		return;
	}
}

static void check_needs(struct deed *deed)
{
	char title[VALUE_TEXT_BYTES];

	for (const struct argument *a = deed->d->args; a->name; a++) {
		const struct word *w = deed->given[a - deed->d->args];
		const struct argument *flag;

		if (!a->needs || !w)
			continue;
		flag = &deed->d->args[argument_index(deed->d, a->needs)];
		if (*((const bool *)deed->self + flag->offset))
			continue;
		report_error(&deed->ld->report, &w->at, "%s= works with %s only",
			     a->name, a->needs);
		report_hint(&deed->ld->report, "%s ... %s %s=%s ...",
			    directive_title(deed->d, title), a->needs, w->key, w->text);
		return;
	}
}

/* --- statements ---------------------------------------------------------- */

/* `upstream "app"`, for errors within its block. */
static const char *title_of(struct deed *deed)
{
	const struct word *w = deed->st->words->next;

	if (!w || w->key)
		return deed->d->name;
	return room_printf(&deed->ld->scratch, "%s \"%s\"", deed->d->name, w->text);
}

static void apply_block(struct deed *deed)
{
	const struct statement *st = deed->st;
	struct report *report = &deed->ld->report;
	char usage[512];

	if (st->has_block && !deed->d->block) {
		report_error(report, &st->block_at, "%s takes no block", deed->d->name);
		report->blind = true;
	} else if (st->has_block) {
		loader_apply(deed->ld, deed->d->block, title_of(deed), deed->self,
			     st->inner);
	} else if (deed->d->needs_block) {
		report_error(report, &st->at, "%s lacks its block", deed->d->name);
		directive_usage(deed->d, usage, sizeof(usage));
		report_hint(report, "usage: %s", usage);
		report->blind = true;
	}
}

static void apply_one(struct loader *ld, const struct directive *d, void *parent,
		      const struct statement *st)
{
	struct deed deed = {.ld = ld, .d = d, .st = st, .self = parent};

	if (d->noun) {
		deed.self = d->noun->open(ld, parent, st);
		loader_defaults(ld, d, deed.self);
		loader_block_defaults(ld, d->block, deed.self);
	}
	take_words(&deed, false);
	take_words(&deed, true);
	check_missing(&deed);
	apply_block(&deed);
	if (d->noun && d->noun->settle)
		d->noun->settle(ld, deed.self, st, deed.given);
	check_needs(&deed);
}

/* The list of what may stand in a block, for a hint. */
static void hint_block(struct loader *ld, enum block block, const char *title)
{
	const struct directive *d = NULL;
	const char *last = "";
	char text[512];
	size_t at = 0;

	while ((d = directive_next(block, d))) {
		if (strcmp(d->name, last) != 0 && at < sizeof(text))
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s",
					       at ? ", " : "", d->name);
		last = d->name;
	}
	report_hint(&ld->report, "%s takes %s", *title ? title : "the top level", text);
}

/* A directive that exists, but not here. */
static bool is_misplaced(struct loader *ld, const struct word *w, const char *title)
{
	for (const struct directive *d = directives; d->name; d++) {
		if (strcmp(d->name, w->text) != 0)
			continue;
		if (d->blocks & BLOCK_TOP)
			report_error(&ld->report, &w->at,
				     "\"%s\" belongs to the top level, not into %s",
				     w->text, title);
		else
			report_error(&ld->report, &w->at,
				     "\"%s\" belongs into the block of %s", w->text,
				     block_name((enum block)d->blocks));
		return true;
	}
	return false;
}

static void unknown_directive(struct loader *ld, enum block block, const char *title,
			      const struct word *w)
{
	const char *names[DIRECTIVE_MAX + 2] = {NULL};
	const struct directive *d = NULL;
	unsigned int n = 0;
	const char *near;

	ld->report.blind = true;
	while ((d = directive_next(block, d)))
		names[n++] = d->name;
	names[n] = "include";
	near = nearest_word(w->text, names);
	if (!near && is_misplaced(ld, w, title))
		return;
	report_error(&ld->report, &w->at, "unknown directive \"%s\"%s%s%s%s%s", w->text,
		     *title ? " in " : "", title, near ? "; did you mean \"" : "",
		     near ? near : "", near ? "\"?" : "");
	if (!near)
		hint_block(ld, block, title);
}

/* "log acess": the first word is known, the second is not. */
static bool is_unknown_sub(struct loader *ld, enum block block, const struct word *w)
{
	const char *subs[DIRECTIVE_MAX + 1] = {NULL};
	const struct directive *d = NULL;
	unsigned int n = 0;
	const char *near;

	while ((d = directive_next(block, d)))
		if (d->sub && strcmp(d->name, w->text) == 0)
			subs[n++] = d->sub;
	if (!n)
		return false;
	near = w->next ? nearest_word(w->next->text, subs) : NULL;
	if (near)
		report_error(&ld->report, &w->next->at,
			     "unknown %s \"%s\"; did you mean \"%s\"?", w->text,
			     w->next->text, near);
	else
		report_error(&ld->report, w->next ? &w->next->at : &w->at,
			     "%s must be followed by \"%s\" or \"%s\"", w->text,
			     subs[0], subs[n - 1]);
	return true;
}

void loader_apply(struct loader *ld, enum block block, const char *title, void *self,
		  const struct statement *first)
{
	const struct statement *inner_seen[DIRECTIVE_MAX] = {NULL};
	const struct statement **seen = block == BLOCK_TOP ? ld->seen : inner_seen;

	for (const struct statement *st = first; st; st = st->next) {
		const struct word *w = st->words;
		const struct directive *d =
			directive_find(block, w->text, w->next ? w->next->text : NULL);
		const struct statement **before = d ? &seen[directive_index(d)] : NULL;
		char name[VALUE_TEXT_BYTES];

		if (!d) {
			if (!is_unknown_sub(ld, block, w))
				unknown_directive(ld, block, title, w);
		} else if (*before && !d->repeatable) {
			report_error(&ld->report, &st->at, "%s is given twice",
				     directive_title(d, name));
			report_note(&ld->report, &(*before)->at, "here first");
		} else {
			*before = st;
			apply_one(ld, d, self, st);
		}
	}
}
