/*
 * Routes.
 */
#include "conf/loader.h"
#include "conf/nouns.h"

static void *route_open(struct loader *ld, void *parent, const struct statement *st)
{
	struct snapshot *s = parent;
	unsigned int i = s->n_routes++;
	struct route_conf *conf = &s->routes[i];

	ld->route_of[i] = st;
	conf->index = i;
	return conf;
}

static void route_settle(struct loader *ld, void *self, const struct statement *st,
			 const struct word *const *given)
{
	struct route_conf *conf = self;

	(void)st;
	(void)given;
	conf->name = room_printf(&ld->keep, "%s%s", conf->host ? conf->host : "",
				 conf->prefix ? conf->prefix : "");
}

static const void *route_at(const void *parent, unsigned int i)
{
	const struct snapshot *s = parent;

	return i < s->n_routes ? &s->routes[i] : NULL;
}

const struct noun noun_route = {route_open, route_settle, route_at};

/* --- host= --------------------------------------------------------------- */

static void fold(char *text)
{
	for (; *text; text++)
		if (*text >= 'A' && *text <= 'Z')
			*text = (char)(*text - 'A' + 'a');
}

static bool parse_host(struct value_in *in, void *to)
{
	const char *name = in->text;
	char *host;

	if (name[0] == '*' && name[1] == '.')
		name += 2;
	/* An IPv6 address stands in brackets. */
	if (!value_is_made_of(name, *name == '[' ? "[]:." : "-._", 253)) {
		value_refuse(in, "\"%s\" is not a host", in->text);
		return value_hint(in, "a name without a port: www.example.com, or "
				      "*.example.com for all below it");
	}
	host = room_copy(in->keep, in->text, strlen(in->text));
	fold(host);
	*(const char **)to = host;
	return true;
}

const struct value_type value_host = {
	.syntax = "HOST", .parse = parse_host, .text = value_string};

/* --- paths --------------------------------------------------------------- */

static bool parse_path(struct value_in *in, void *to, const char *never)
{
	const char *bad = strpbrk(in->text, never);

	if (in->text[0] != '/') {
		value_refuse(in, "\"%s\" does not start with \"/\"", in->text);
		return value_hint(in, "a path is written /, /api or /a/b");
	}
	if (bad)
		return value_refuse(in, "\"%s\" holds a \"%c\"", in->text, *bad);
	return value_text.parse(in, to);
}

static bool parse_prefix(struct value_in *in, void *to)
{
	return parse_path(in, to, " #?");
}

/* One to ask for may have a query. */
static bool parse_target(struct value_in *in, void *to)
{
	return parse_path(in, to, " #");
}

const struct value_type value_prefix = {
	.syntax = "PREFIX", .parse = parse_prefix, .text = value_string};
const struct value_type value_target = {
	.syntax = "PATH", .parse = parse_target, .text = value_string};
