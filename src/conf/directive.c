#include "conf/directive.h"

#include <stdio.h>
#include <string.h>

#include "base/must.h"

unsigned int directive_index(const struct directive *d)
{
	return (unsigned int)(d - directives);
}

const struct directive *directive_next(enum block block, const struct directive *d)
{
	for (d = d ? d + 1 : directives; d->name; d++)
		if (d->blocks & block)
			return d;
	return NULL;
}

const struct directive *directive_find(enum block block, const char *name,
				       const char *sub)
{
	const struct directive *d = NULL;

	while ((d = directive_next(block, d))) {
		if (strcmp(d->name, name) == 0 &&
		    (!d->sub || (sub && strcmp(d->sub, sub) == 0)))
			return d;
	}
	return NULL;
}

const char *directive_title(const struct directive *d, char buf[VALUE_TEXT_BYTES])
{
	snprintf(buf, VALUE_TEXT_BYTES, "%s%s%s", d->name, d->sub ? " " : "",
		 d->sub ? d->sub : "");
	return buf;
}

static const char *syntax_of(const struct argument *a, char buf[VALUE_TEXT_BYTES])
{
	size_t at = 0;

	if (a->syntax)
		return a->syntax;
	if (!a->choices)
		return a->type->syntax;
	for (const struct choice *c = a->choices; c->word; c++)
		at += (size_t)snprintf(buf + at, VALUE_TEXT_BYTES - at, "%s%s",
				       c == a->choices ? "" : "|", c->word);
	return buf;
}

void directive_usage(const struct directive *d, char *buf, size_t cap)
{
	size_t at = (size_t)snprintf(buf, cap, "%s", d->name);

	for (const struct argument *a = d->args; a->name && at < cap; a++) {
		char text[VALUE_TEXT_BYTES];

		at += (size_t)snprintf(buf + at, cap - at,
				       a->form == ARG_REST   ? " [%s%s%s]..."
				       : a->form == ARG_LIST ? " %s%s%s..."
				       : a->required         ? " %s%s%s"
							     : " [%s%s%s]",
				       a->name, a->form == ARG_KEY ? "=" : "",
				       a->form == ARG_KEY ? syntax_of(a, text) : "");
	}
	if (d->block && at < cap)
		snprintf(buf + at, cap - at,
			 d->needs_block ? " { ... }" : " [{ ... }]");
}

const char *block_name(enum block b)
{
	for (const struct directive *d = directives; d->name; d++)
		if (d->block == b && b != BLOCK_NONE)
			return d->name;
	return "";
}

unsigned int argument_index(const struct directive *d, const char *name)
{
	unsigned int i = 0;

	while (d->args[i].name && strcmp(d->args[i].name, name) != 0)
		i++;
	must(d->args[i].name != NULL);
	return i;
}
