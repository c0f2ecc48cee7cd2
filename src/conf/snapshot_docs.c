/*
 * docs/config.md, from the table of directives.
 */
#include "conf/directive.h"
#include "conf/snapshot.h"

static const char intro[] =
	"# The config file\n"
	"\n"
	"<!-- Written by \"heapgate config-docs\"; \"make docs\" writes it anew. -->\n"
	"\n"
	"    heapgate -c heapgate.conf      run\n"
	"    heapgate -t -c heapgate.conf   test it\n"
	"    heapgate -T -c heapgate.conf   test it and print it, every default "
	"spelled out\n"
	"\n"
	"## An example\n"
	"\n"
	"```\n"
	"allocator jemalloc\n"
	"workers   auto\n"
	"listen    :8443 tls cert=/etc/ssl/tls.crt key=/etc/ssl/tls.key\n"
	"listen    127.0.0.1:8080               # cleartext: HTTP/1.1 and h2c\n"
	"metrics   127.0.0.1:9180\n"
	"log       access /var/log/heapgate/access.log format=json\n"
	"limits    { connections 20000; body_bytes 16m; idle_timeout 60s }\n"
	"\n"
	"route     host=grpc.example.com /  grpc\n"
	"route     /                        app\n"
	"\n"
	"upstream app {\n"
	"	server 127.0.0.1:9001 weight=2\n"
	"	server 127.0.0.1:9002\n"
	"	balance least_requests\n"
	"	check GET /healthz every=2s fall=3 rise=2\n"
	"}\n"
	"upstream grpc { server 127.0.0.1:9101 proto=h2c }\n"
	"```\n"
	"\n"
	"`examples/heapgate.conf` has every directive in it.\n"
	"\n"
	"## The language\n"
	"\n"
	"- A statement is a directive and its arguments. It ends at the end of the "
	"line, at `;`\n"
	"  or at `}`. A `\\` at the end of a line joins the next one to it.\n"
	"- A block in braces belongs to the directive on whose line it starts. "
	"`limits { streams 64; headers 50 }`\n"
	"  may stand on one line.\n"
	"- `key=value` names an argument; these and bare words such as `tls` may "
	"stand in any order.\n"
	"- `\"…\"` keeps blanks, `;`, `{`, `}`, `#` and `=` as they are; in it "
	"`\\\"`, `\\\\` and `\\$` stand for\n"
	"  `\"`, `\\` and `$`.\n"
	"- `#` at the start of a word makes the rest of the line a comment.\n"
	"- `${NAME}` is the environment variable of that name, and an error when it "
	"is not set;\n"
	"  `${NAME:-default}` has a default, also for an empty one; "
	"`${NAME:?message}` an error message of\n"
	"  yours. Whatever it holds, it stays within its word.\n"
	"- `include PATTERN` reads other files in its place: `include conf.d/*.conf`. "
	"A relative path starts\n"
	"  from the folder of the file it is written in. A pattern may match "
	"nothing; a plain path must\n"
	"  be there. It may stand in a block.\n"
	"- Unknown words, and words given twice where only one can count, are "
	"errors. All errors (up to 20)\n"
	"  are shown at once, with their line. Nothing listens before all are "
	"gone; the exit status is 78.\n"
	"\n"
	"### Values\n"
	"\n";

static void print_types(FILE *to)
{
	static const struct value_type *const types[] = {
		&value_time, &value_bytes, &value_addr, &value_file, &value_name};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		fprintf(to, "- *%s*: %s\n", types[i]->syntax, types[i]->summary);
	fputs("\nA time or size of 0 needs no unit; every other one does.\n", to);
}

/* In a table '|' must be escaped. */
static void put_cell(FILE *to, const char *text)
{
	for (; *text; text++) {
		if (*text == '|')
			fputc('\\', to);
		fputc(*text, to);
	}
}

static void print_argument(FILE *to, const struct argument *a)
{
	char min[VALUE_TEXT_BYTES], max[VALUE_TEXT_BYTES];

	fputs("| `", to);
	put_cell(to, a->name);
	fputs(a->form == ARG_KEY ? "=` | " : "` | ", to);
	if (a->type->number) {
		a->type->number(a->min, min);
		a->type->number(a->max, max);
		fprintf(to, "%s to %s", min, max);
	}
	for (const struct choice *c = a->choices; c && c->word; c++)
		fprintf(to, "%s`%s`", c == a->choices ? "" : ", ", c->word);
	if (a->type == &value_bool)
		fputs("`on`, `off`", to);
	fputs(" | ", to);
	if (a->fallback)
		fprintf(to, "`%s`", a->fallback);
	fputs(" | ", to);
	put_cell(to, a->help);
	if (a->needs)
		fprintf(to, " With `%s` only.", a->needs);
	fputs(" |\n", to);
}

static void print_arguments(FILE *to, const struct directive *d)
{
	if (!d->args->name)
		return;
	fputs("\n| argument | values | default | |\n|---|---|---|---|\n", to);
	for (const struct argument *a = d->args; a->name; a++)
		if (a->help)
			print_argument(to, a);
}

static void print_directive(FILE *to, const struct directive *d, const char *level,
			    const char *parent)
{
	char title[VALUE_TEXT_BYTES], usage[512];

	/* Some names stand in two blocks; a heading makes an anchor. */
	fprintf(to, "\n%s %s%s%s%s\n\n", level, directive_title(d, title),
		*parent ? " (" : "", parent, *parent ? ")" : "");
	directive_usage(d, usage, sizeof(usage));
	fprintf(to, "    %s\n\n%s\n", usage, d->help);
	print_arguments(to, d);
	fprintf(to, "\nExample: `%s`\n\n", d->example);
	fprintf(to, "May be given %s.%s\n", d->repeatable ? "several times" : "once",
		d->at_start ? " Read at the start: only a restart changes it." : "");
}

static void print_block_docs(FILE *to, enum block block, const char *level)
{
	const struct directive *d = NULL;

	while ((d = directive_next(block, d))) {
		print_directive(to, d, level, block_name(block));
		if (d->block)
			print_block_docs(to, d->block, "####");
	}
}

void snapshot_print_docs(FILE *to)
{
	fputs(intro, to);
	print_types(to);
	fputs("\n## Directives\n\nA reload (SIGHUP) puts changes into effect, but "
	      "where it says otherwise.\n",
	      to);
	print_block_docs(to, BLOCK_TOP, "###");
}
