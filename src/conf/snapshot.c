#include "conf/snapshot.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/must.h"
#include "conf/loader.h"
#include "conf/nouns.h"

#define FIRST_BYTES (4u << 10)

/* --- loading ------------------------------------------------------------- */

static struct loader *loader_new(FILE *report)
{
	struct loader *ld = mem_zalloc(MEM_BOOT, 1, sizeof(*ld));
	struct snapshot *s = mem_zalloc(MEM_BOOT, 1, sizeof(*s));

	if (!ld || !s) {
		mem_free(MEM_BOOT, ld);
		mem_free(MEM_BOOT, s);
		return NULL;
	}
	arena_init(&s->arena, MEM_BOOT, FIRST_BYTES);
	arena_init(&ld->scratch_arena, MEM_BOOT, FIRST_BYTES);
	ld->s = s;
	ld->scratch = (struct room){&ld->scratch_arena, &ld->no_memory};
	ld->keep = (struct room){&s->arena, &ld->no_memory};
	report_init(&ld->report, report);
	ld->fd = -1;
	return ld;
}

/* Returns: the snapshot, or NULL when there were errors. */
static struct snapshot *loader_end(struct loader *ld)
{
	struct snapshot *s = ld->s;

	if (ld->report.n_errors)
		snapshot_free(&s);
	if (ld->fd >= 0)
		close(ld->fd);
	while (ld->n_globs)
		globfree(&ld->globs[--ld->n_globs]);
	arena_fini(&ld->scratch_arena);
	mem_free(MEM_BOOT, ld);
	return s;
}

/* Arrays for as many as there are statements. */
static void make_room(struct loader *ld, const struct statement *first)
{
	struct snapshot *s = ld->s;
	unsigned int n_listens = statement_count(first, "listen");
	unsigned int n_routes = statement_count(first, "route");
	unsigned int n_upstreams = statement_count(first, "upstream");
	unsigned int n_pages = statement_count(first, "error_page");

	s->listens = room_alloc(&ld->keep, n_listens * sizeof(*s->listens));
	s->routes = room_alloc(&ld->keep, n_routes * sizeof(*s->routes));
	s->upstreams = room_alloc(&ld->keep, n_upstreams * sizeof(*s->upstreams));
	s->error_pages = room_alloc(&ld->keep, n_pages * sizeof(*s->error_pages));
	ld->listen_of = room_alloc(&ld->scratch, n_listens * sizeof(*ld->listen_of));
	ld->route_of = room_alloc(&ld->scratch, n_routes * sizeof(*ld->route_of));
	ld->upstream_of =
		room_alloc(&ld->scratch, n_upstreams * sizeof(*ld->upstream_of));
	ld->error_page_of =
		room_alloc(&ld->scratch, n_pages * sizeof(*ld->error_page_of));
}

static void keep_wheres(struct loader *ld, const struct source *source)
{
	const char **wheres = room_alloc(&ld->keep, DIRECTIVE_MAX * sizeof(*wheres));
	const char *name = room_copy(&ld->keep, source->name, strlen(source->name));

	for (unsigned int i = 0; i < DIRECTIVE_MAX; i++)
		wheres[i] = ld->seen[i] ? loader_where(ld, &ld->seen[i]->at) : name;
	ld->s->wheres = wheres;
}

static void load(struct loader *ld, const struct source *source)
{
	const struct statement *first;

	if (!source)
		return;
	first = statement_read(ld, source);
	make_room(ld, first);
	loader_block_defaults(ld, BLOCK_TOP, ld->s);
	loader_block_defaults(ld, BLOCK_LIMITS, &ld->s->limits);
	loader_apply(ld, BLOCK_TOP, "", ld->s, first);
	loader_check(ld, source);
	keep_wheres(ld, source);
}

/* text NULL: the file of that name. */
static struct snapshot *load_from(const char *name, const char *text, size_t len,
				  FILE *report, bool *lacks_allocator)
{
	struct loader *ld = loader_new(report);

	*lacks_allocator = false;
	if (!ld) {
		fprintf(report, "%s: error: out of memory\n", name);
		return NULL;
	}
	if (setjmp(ld->no_memory) == 0) {
		load(ld, text ? loader_text(ld, name, text, len)
			      : loader_read(ld, name, NULL));
	} else {
		fprintf(report, "%s: error: out of memory\n", name);
		ld->report.n_errors++;
	}
	*lacks_allocator = ld->unknown_allocator && ld->report.n_errors == 1;
	return loader_end(ld);
}

struct snapshot *snapshot_load(const char *path, FILE *report)
{
	bool lacks_allocator;

	return load_from(path, NULL, 0, report, &lacks_allocator);
}

struct snapshot *snapshot_try(const char *path, FILE *report, bool *lacks_allocator)
{
	return load_from(path, NULL, 0, report, lacks_allocator);
}

struct snapshot *snapshot_parse(const char *name, const char *text, size_t len,
				FILE *report)
{
	bool lacks_allocator;

	return load_from(name, text, len, report, &lacks_allocator);
}

void snapshot_free(struct snapshot **s)
{
	if (!*s)
		return;
	arena_fini(&(*s)->arena);
	mem_free(MEM_BOOT, *s);
	*s = NULL;
}

const char *snapshot_where(const struct snapshot *s, const char *directive)
{
	char title[VALUE_TEXT_BYTES];
	const struct directive *d = NULL;

	do {
		d = directive_next(BLOCK_TOP, d);
		must(d != NULL);
	} while (strcmp(directive_title(d, title), directive) != 0);
	return s->wheres[directive_index(d)];
}

/* --- allocator ----------------------------------------------------------- */

/* What it means is checked once all of its settings are known. */
static bool parse_spec(struct value_in *in, void *to)
{
	if (strpbrk(in->text, " \""))
		return value_refuse(in, "\"%s\" is not an allocator", in->text);
	return value_text.parse(in, to);
}

static bool parse_setting(struct value_in *in, void *to)
{
	const char **spec = to;

	if (strpbrk(in->text, " ,\""))
		return value_refuse(in, "\"%s\" is not a setting", in->text);
	*spec = room_printf(in->keep, "%s,%s", *spec, in->text);
	return true;
}

const struct value_type value_spec = {
	.syntax = "SPEC", .parse = parse_spec, .text = value_string};
const struct value_type value_setting = {.syntax = "VALUE", .parse = parse_setting};

bool snapshot_is_unknown_allocator(const char *spec)
{
	char name[64];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(spec, "+,"), spec);
	return *spec != '/' && !mem_backend_find(name);
}

static void check_allocator(struct loader *ld)
{
	unsigned int i = directive_index(directive_find(BLOCK_TOP, "allocator", NULL));
	const struct statement *st = ld->seen[i];
	char err[256];

	if (!st || !st->words->next ||
	    mem_check_spec(ld->s->allocator, err, sizeof(err)) == 0)
		return;
	report_error(&ld->report, &st->words->next->at, "%s", err);
	ld->unknown_allocator = snapshot_is_unknown_allocator(ld->s->allocator);
}

/* --- addresses ----------------------------------------------------------- */

struct bound {
	char text[ADDR_TEXT_BYTES];
	const struct statement *st;
};

static bool add_bound(struct bound *b, const struct addr *a, const struct statement *st)
{
	if (!a->len || !st || (a->sa.sa_family != AF_UNIX && !addr_port(a)))
		return false;
	addr_text(a, b->text);
	b->st = st;
	return true;
}

static const struct statement *seen(const struct loader *ld, const char *name)
{
	return ld->seen[directive_index(directive_find(BLOCK_TOP, name, NULL))];
}

/* Everything that listens, where two must not be the same. */
static void check_addresses(struct loader *ld)
{
	const struct snapshot *s = ld->s;
	struct bound *all = room_alloc(&ld->scratch, (s->n_listens + 2) * sizeof(*all));
	unsigned int n = 0;
	char path[VALUE_TEXT_BYTES];
	struct addr admin = {0};

	for (unsigned int i = 0; i < s->n_listens; i++)
		n += add_bound(&all[n], &s->listens[i].addr, ld->listen_of[i]);
	n += add_bound(&all[n], &s->metrics, seen(ld, "metrics"));
	snprintf(path, sizeof(path), "unix:%s", s->admin ? s->admin : "");
	if (s->admin && addr_parse(&admin, path))
		n += add_bound(&all[n], &admin, seen(ld, "admin"));
	for (unsigned int i = 1; i < n; i++) {
		unsigned int k = 0;

		while (strcmp(all[k].text, all[i].text) != 0)
			k++;
		if (k == i)
			continue;
		report_error(&ld->report, &all[i].st->words->next->at,
			     "%s is listened on twice", all[i].text);
		report_note(&ld->report, &all[k].st->at, "here first");
	}
}

/* --- routes -------------------------------------------------------------- */

/* The name that was most likely meant, or NULL. */
static const char *nearest_upstream(struct loader *ld, const char *name)
{
	const struct snapshot *s = ld->s;
	const char **names =
		room_alloc(&ld->scratch, (s->n_upstreams + 1) * sizeof(*names));

	for (unsigned int i = 0; i < s->n_upstreams; i++)
		names[i] = s->upstreams[i].name;
	return nearest_word(name, names);
}

static bool has_upstream(const struct snapshot *s, const char *name)
{
	for (unsigned int i = 0; i < s->n_upstreams; i++)
		if (strcmp(s->upstreams[i].name, name) == 0)
			return true;
	return false;
}

static void check_targets(struct loader *ld)
{
	const struct snapshot *s = ld->s;

	for (unsigned int i = 0; i < s->n_routes && !ld->report.blind; i++) {
		const char *name = s->routes[i].upstream;
		const struct word *w = ld->route_of[i]->words;
		const char *near;

		if (!name || has_upstream(s, name))
			continue;
		near = nearest_upstream(ld, name);
		while (w->next && (w->key || strcmp(w->text, name) != 0))
			w = w->next;
		report_error(&ld->report, &w->at,
			     "route to unknown upstream \"%s\"%s%s%s", name,
			     near ? "; did you mean \"" : "", near ? near : "",
			     near ? "\"?" : "");
		if (!near)
			report_hint(&ld->report,
				    "upstream %s { server 127.0.0.1:9001 }", name);
	}
}

static void drop_route(struct loader *ld, unsigned int i)
{
	struct snapshot *s = ld->s;
	unsigned int rest = --s->n_routes - i;

	memmove(&s->routes[i], &s->routes[i + 1], rest * sizeof(s->routes[0]));
	memmove(&ld->route_of[i], &ld->route_of[i + 1], rest * sizeof(ld->route_of[0]));
}

static bool is_same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static void report_clash(struct loader *ld, unsigned int i)
{
	const struct route_conf *routes = ld->s->routes;

	report_error(&ld->report, &ld->route_of[i]->at,
		     "another route has the same host and prefix");
	for (unsigned int k = 0; k < i; k++) {
		if (!is_same_text(routes[k].host, routes[i].host) ||
		    !is_same_text(routes[k].prefix, routes[i].prefix))
			continue;
		report_note(&ld->report, &ld->route_of[k]->at, "here first");
		return;
	}
}

/* What is dropped has made an error, and the snapshot with it comes to
 * nothing. */
static void build_routes(struct loader *ld)
{
	struct snapshot *s = ld->s;
	const struct route_conf *clash;

	for (unsigned int i = s->n_routes; i-- > 0;)
		if (!s->routes[i].prefix)
			drop_route(ld, i);
	for (;;) {
		unsigned int i;

		s->route_table =
			routes_build(&s->arena, s->routes, s->n_routes, &clash);
		if (s->route_table || ld->report.n_errors > REPORT_MAX_ERRORS)
			return;
		if (!clash)
			room_no_memory(&ld->keep);
		i = (unsigned int)(clash - s->routes);
		report_clash(ld, i);
		drop_route(ld, i);
	}
}

/* --- the whole ----------------------------------------------------------- */

static void check_there(struct loader *ld, const struct source *source,
			const char *what, unsigned int n, const char *example)
{
	struct place at = {.source = source};

	if (n || ld->report.blind)
		return;
	report_error(&ld->report, &at, "there is no %s", what);
	report_hint(&ld->report, "%s", example);
}

void loader_check(struct loader *ld, const struct source *source)
{
	const struct snapshot *s = ld->s;

	check_there(ld, source, "listen", s->n_listens, "listen 127.0.0.1:8080");
	check_there(ld, source, "upstream", s->n_upstreams,
		    "upstream app { server 127.0.0.1:9001 }");
	check_there(ld, source, "route", s->n_routes, "route / app");
	check_allocator(ld);
	loader_settle_arms(ld);
	check_addresses(ld);
	check_targets(ld);
	build_routes(ld);
}
