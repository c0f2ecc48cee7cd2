/*
 * A snapshot as a config text, and a config text for the command line.
 */
#include "conf/directive.h"
#include "conf/lexer.h"
#include "conf/snapshot.h"

static void indent(FILE *to, unsigned int depth)
{
	while (depth--)
		fputc('\t', to);
}

/* NULL: not set, or not to be said. */
static const char *text_of(const struct directive *d, const struct argument *a,
			   const void *self, char *buf)
{
	if (a->form == ARG_REST)
		return NULL;
	if (a->needs) {
		size_t flag = d->args[argument_index(d, a->needs)].offset;

		if (!*((const bool *)((const char *)self + flag)))
			return NULL;
	}
	return a->type->text(a, (const char *)self + a->offset, buf);
}

static bool is_set(const struct directive *d, const void *self)
{
	char buf[VALUE_TEXT_BYTES];

	for (const struct argument *a = d->args; a->name; a++)
		if (a->required && !text_of(d, a, self, buf))
			return false;
	return true;
}

static void print_words(FILE *to, const struct directive *d, const void *self)
{
	char buf[VALUE_TEXT_BYTES];

	fputs(d->name, to);
	for (const struct argument *a = d->args; a->name; a++) {
		const char *text = text_of(d, a, self, buf);

		if (!text)
			continue;
		fputc(' ', to);
		if (a->form == ARG_KEY)
			fprintf(to, "%s=", a->name);
		if (a->form == ARG_LIST)
			fputs(text, to);
		else
			word_print(text, to);
	}
}

static bool has_inner(const struct directive *d, const void *self)
{
	const struct directive *in = NULL;

	while (d->block && (in = directive_next(d->block, in)))
		if (in->noun ? in->noun->at(self, 0) != NULL : is_set(in, self))
			return true;
	return false;
}

static void print_block(FILE *to, enum block block, const void *self,
			unsigned int depth);

static void print_one(FILE *to, const struct directive *d, const void *self,
		      unsigned int depth)
{
	if (!is_set(d, self))
		return;
	indent(to, depth);
	print_words(to, d, self);
	if (has_inner(d, self)) {
		fputs(" {\n", to);
		print_block(to, d->block, self, depth + 1);
		indent(to, depth);
		fputc('}', to);
	}
	fputc('\n', to);
}

static void print_block(FILE *to, enum block block, const void *self,
			unsigned int depth)
{
	const struct directive *d = NULL;

	while ((d = directive_next(block, d))) {
		const void *one;

		if (!d->noun)
			print_one(to, d, self, depth);
		for (unsigned int i = 0; d->noun && (one = d->noun->at(self, i)); i++)
			print_one(to, d, one, depth);
	}
}

void snapshot_print(const struct snapshot *s, FILE *to)
{
	print_block(to, BLOCK_TOP, s, 0);
}

/* --- heapgate proxy ------------------------------------------------------ */

static void line(FILE *to, const char *name, const char *value)
{
	if (!value)
		return;
	fprintf(to, "%s ", name);
	word_print(value, to);
	fputc('\n', to);
}

/* "h2c://host:port" names the protocol too. */
static void server_line(FILE *to, const char *text)
{
	static const char *const schemes[][2] = {
		{"http://", ""},
		{"https://", " tls"},
		{"h2c://", " proto=h2c"},
		{"h2://", " proto=h2"},
	};
	const char *rest = "";

	for (unsigned int i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t len = strlen(schemes[i][0]);

		if (strncmp(text, schemes[i][0], len) == 0) {
			text += len;
			rest = schemes[i][1];
		}
	}
	fputs("\tserver ", to);
	word_print(text, to);
	fprintf(to, "%s\n", rest);
}

void snapshot_proxy_text(const struct proxy_args *args, FILE *to)
{
	line(to, "allocator", args->allocator);
	line(to, "workers", args->workers);
	line(to, "metrics", args->metrics);
	line(to, "log access", args->access_log);
	fputs("listen ", to);
	word_print(args->from, to);
	if (args->cert || args->key)
		fputs(" tls", to);
	if (args->cert) {
		fputs(" cert=", to);
		word_print(args->cert, to);
	}
	if (args->key) {
		fputs(" key=", to);
		word_print(args->key, to);
	}
	fputs("\nroute / servers\nupstream servers {\n", to);
	for (unsigned int i = 0; i < args->n_to; i++)
		server_line(to, args->to[i]);
	fputs("}\n", to);
}
