/*
 * Error pages. Whether the files can be read is for snapshot_check_host().
 */
#include "conf/loader.h"
#include "conf/nouns.h"

static void *page_open(struct loader *ld, void *parent, const struct statement *st)
{
	struct snapshot *s = parent;
	unsigned int i = s->n_error_pages++;
	struct error_page_conf *conf = &s->error_pages[i];

	ld->error_page_of[i] = st;
	conf->where = loader_where(ld, &st->at);
	return conf;
}

static bool has_code(const struct error_page_conf *conf, unsigned int code)
{
	for (unsigned int i = 0; i < conf->n_codes; i++)
		if (conf->codes[i] == code)
			return true;
	return false;
}

/* Of two pages for the same clients only one can count. */
static void check_twice(struct loader *ld, unsigned int index)
{
	const struct error_page_conf *all = ld->s->error_pages, *self = &all[index];

	for (unsigned int i = 0; i < index; i++) {
		for (unsigned int k = 0; k < self->n_codes; k++) {
			if (all[i].json != self->json ||
			    !has_code(&all[i], self->codes[k]))
				continue;
			report_error(&ld->report, &ld->error_page_of[index]->at,
				     "%u has another %s page", self->codes[k],
				     self->json ? "JSON" : "error");
			report_note(&ld->report, &ld->error_page_of[i]->at,
				    "here first");
			return;
		}
	}
}

static void page_settle(struct loader *ld, void *self, const struct statement *st,
			const struct word *const *given)
{
	struct error_page_conf *conf = self;
	unsigned int index = (unsigned int)(conf - ld->s->error_pages);

	(void)given;
	if (!conf->path)
		return;
	conf->json = error_page_is_json(conf->path);
	if (index == ERROR_PAGE_MAX)
		report_error(&ld->report, &st->at, "more than %d error_page lines",
			     ERROR_PAGE_MAX);
	else if (index < ERROR_PAGE_MAX)
		check_twice(ld, index);
}

static const void *page_at(const void *parent, unsigned int i)
{
	const struct snapshot *s = parent;

	return i < s->n_error_pages ? &s->error_pages[i] : NULL;
}

const struct noun noun_error_page = {page_open, page_settle, page_at};

/* --- codes --------------------------------------------------------------- */

static bool parse_code(struct value_in *in, void *to)
{
	struct error_page_conf *conf = to;
	uint64_t code = 0;

	if (!str_u64(str_z(in->text), &code) || code < ERROR_PAGE_FIRST ||
	    code > ERROR_PAGE_LAST) {
		value_refuse(in, "\"%s\" is not the code of an error", in->text);
		return value_hint(in,
				  "codes are %d to %d, and the file comes last: "
				  "error_page 502 503 sorry.html",
				  ERROR_PAGE_FIRST, ERROR_PAGE_LAST);
	}
	if (has_code(conf, (unsigned int)code))
		return value_refuse(in, "%s is given twice", in->text);
	if (conf->n_codes == ERROR_PAGE_CODES)
		return value_refuse(in, "more than %d codes in a line",
				    ERROR_PAGE_CODES);
	conf->codes[conf->n_codes++] = (uint16_t)code;
	return true;
}

static const char *text_codes(const struct argument *arg, const void *from, char *buf)
{
	const struct error_page_conf *conf = from;
	size_t at = 0;

	(void)arg;
	_Static_assert(VALUE_TEXT_BYTES > ERROR_PAGE_CODES * 4, "each takes 4");
	for (unsigned int i = 0; i < conf->n_codes; i++)
		at += (size_t)snprintf(buf + at, VALUE_TEXT_BYTES - at, "%s%u",
				       i ? " " : "", conf->codes[i]);
	return conf->n_codes ? buf : NULL;
}

const struct value_type value_codes = {
	.syntax = "CODE", .parse = parse_code, .text = text_codes};

/* --- the file ------------------------------------------------------------ */

static bool parse_page(struct value_in *in, void *to)
{
	if (*in->text && !error_page_type(in->text)) {
		value_refuse(in, "the name \"%s\" does not tell its type", in->text);
		return value_hint(in, "it must end in .html, .htm, .json, .txt, .xml, "
				      ".xhtml or .svg");
	}
	return value_file.parse(in, to);
}

const struct value_type value_page = {
	.syntax = "FILE", .parse = parse_page, .text = value_string};
