#include "server/metrics.h"

#include <stdio.h>

#include "base/must.h"
#include "server/metrics_inner.h"

static const struct family *const tables[] = {
	metrics_of_processes,
	metrics_of_memory,
	metrics_of_traffic,
};
#define N_TABLES (sizeof(tables) / sizeof(*tables))

static const char *type_word(enum metric_type type, bool openmetrics)
{
	switch (type) {
	case METRIC_COUNTER:
		return "counter";
	case METRIC_HISTOGRAM:
		return "histogram";
	case METRIC_INFO:
		return openmetrics ? "info" : "gauge";
	case METRIC_GAUGE:
		break;
	}
	return "gauge";
}

static const char *type_suffix(enum metric_type type)
{
	switch (type) {
	case METRIC_COUNTER:
		return "_total";
	case METRIC_INFO:
		return "_info";
	case METRIC_HISTOGRAM:
	case METRIC_GAUGE:
		break;
	}
	return "";
}

/* OpenMetrics wants a family's unit to be the end of its name. */
static const char *unit_of(const struct family *f)
{
	static const char *const units[] = {"seconds", "bytes", "ratio"};
	struct str name = str_z(f->name);

	for (unsigned int i = 0; i < sizeof(units) / sizeof(*units); i++) {
		struct str unit = str_z(units[i]);

		if (name.len > unit.len && name.p[name.len - unit.len - 1] == '_' &&
		    str_eq(str_of(name.p + name.len - unit.len, unit.len), unit))
			return units[i];
	}
	return NULL;
}

/* In OpenMetrics a family is named without the suffix of its samples, in
 * Prometheus text with it. */
static void announce(struct exposition *e)
{
	const struct family *f = e->f;
	const char *suffix = e->openmetrics ? "" : type_suffix(f->type);
	const char *unit = unit_of(f);

	text_printf(e->to, "# HELP %s%s %s\n", f->name, suffix, f->help);
	text_printf(e->to, "# TYPE %s%s %s\n", f->name, suffix,
		    type_word(f->type, e->openmetrics));
	if (e->openmetrics && unit && f->type != METRIC_INFO)
		text_printf(e->to, "# UNIT %s %s\n", f->name, unit);
	e->announced = true;
}

void metric_sample(struct exposition *e, const char *suffix)
{
	if (!e->announced)
		announce(e);
	e->labelled = false;
	text_z(e->to, e->f->name);
	text_z(e->to, type_suffix(e->f->type));
	text_z(e->to, suffix);
}

/* The length of the UTF-8 sequence at p (RFC 3629 §4), 0 if it is none. */
static size_t utf8_len(const unsigned char *p)
{
	size_t n = p[0] < 0x80   ? 1
		   : p[0] < 0xc2 ? 0
		   : p[0] < 0xe0 ? 2
		   : p[0] < 0xf0 ? 3
		   : p[0] < 0xf5 ? 4
				 : 0;

	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

static void add_escaped(struct text *to, const char *value)
{
	const unsigned char *p = (const unsigned char *)value;

	while (*p) {
		size_t n = utf8_len(p);

		if (*p == '"' || *p == '\\') {
			text_char(to, '\\');
			text_char(to, (char)*p);
		} else if (*p == '\n') {
			text_z(to, "\\n");
		} else if (n == 0) {
			text_char(to, '?'); /* both formats are UTF-8 */
		} else {
			text_add(to, (const char *)p, n);
		}
		p += n ? n : 1;
	}
}

void metric_label(struct exposition *e, const char *name, const char *value)
{
	text_char(e->to, e->labelled ? ',' : '{');
	e->labelled = true;
	text_z(e->to, name);
	text_z(e->to, "=\"");
	add_escaped(e->to, value);
	text_char(e->to, '"');
}

void metric_label_u64(struct exposition *e, const char *name, uint64_t value)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value);
	metric_label(e, name, digits);
}

static void end_labels(struct exposition *e)
{
	text_z(e->to, e->labelled ? "} " : " ");
}

void metric_value(struct exposition *e, uint64_t v)
{
	end_labels(e);
	if (e->f->digits)
		text_decimal(e->to, v, e->f->digits);
	else
		text_u64(e->to, v);
	text_char(e->to, '\n');
}

void metric_value_ratio(struct exposition *e, double v)
{
	end_labels(e);
	text_printf(e->to, "%.4f\n", v);
}

void metric_worker_sample(struct exposition *e, const struct metrics_worker *w)
{
	must(w->arm < e->v->n_arms);
	metric_sample(e, "");
	metric_label_u64(e, "worker", w->number);
	metric_label(e, "arm", e->v->arms[w->arm].name);
}

/* µs; the values that are asked about most lie between 1 ms and 1 s. */
static const uint32_t bounds[] = {
	500,    1000,    2000,    3000,    5000,     7500,     10000,
	20000,  30000,   50000,   75000,   100000,   200000,   300000,
	500000, 1000000, 2000000, 5000000, 10000000, 30000000, 60000000};
#define N_BOUNDS (sizeof(bounds) / sizeof(*bounds))

static void plain_value(struct exposition *e, uint64_t v)
{
	end_labels(e);
	text_u64(e->to, v);
	text_char(e->to, '\n');
}

static void bucket(struct exposition *e, unsigned int i, const struct histogram *h)
{
	text_z(e->to, ",le=\"");
	if (i < N_BOUNDS)
		text_decimal(e->to, bounds[i], 6);
	else
		text_z(e->to, "+Inf");
	text_char(e->to, '"');
	plain_value(e, i < N_BOUNDS ? histogram_below(h, bounds[i]) : stat_get(&h->n));
}

void metric_histogram(struct exposition *e, const struct histogram *h,
		      const char *label, const char *value)
{
	for (unsigned int i = 0; i <= N_BOUNDS; i++) {
		metric_sample(e, "_bucket");
		metric_label(e, label, value);
		bucket(e, i, h);
	}
	metric_sample(e, "_sum");
	metric_label(e, label, value);
	metric_value(e, stat_get(&h->sum));
	metric_sample(e, "_count");
	metric_label(e, label, value);
	plain_value(e, stat_get(&h->n));
}

void metrics_print(struct text *to, const struct metrics_view *v, bool openmetrics)
{
	struct exposition e = {.to = to, .v = v, .openmetrics = openmetrics};

	for (unsigned int i = 0; i < N_TABLES; i++) {
		for (e.f = tables[i]; e.f->name; e.f++) {
			e.announced = false;
			e.f->print(&e);
		}
	}
	if (openmetrics)
		text_z(to, "# EOF\n");
}

bool metrics_wants_openmetrics(struct str accept)
{
	struct str range, part;

	while (str_split(&accept, ',', &range)) {
		bool refused = false;

		str_split(&range, ';', &part);
		if (!str_eq_nocase(str_trim(part), STR("application/openmetrics-text")))
			continue;
		while (str_split(&range, ';', &part)) {
			part = str_trim(part);
			if (str_eq_nocase(part, STR("q=0")) ||
			    str_eq_nocase(part, STR("q=0.0")))
				refused = true;
		}
		return !refused;
	}
	return false;
}

const char *metrics_content_type(bool openmetrics)
{
	return openmetrics
		       ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
		       : "text/plain; version=0.0.4; charset=utf-8";
}

/* --- docs ------------------------------------------------------------ */

static const char docs_head[] =
	"# Metrics\n"
	"\n"
	"`GET /metrics` answers with the families below, in Prometheus text or,\n"
	"if `Accept` asks for `application/openmetrics-text`, in OpenMetrics. One\n"
	"scrape shows the supervisor and all workers. `/livez` says that the\n"
	"supervisor runs, `/readyz` that it can serve.\n"
	"\n"
	"- `worker` is the worker's number, `arm` the set of workers with the same\n"
	"  allocator setting. A worker that is replaced keeps its number, and its\n"
	"  counters go on.\n"
	"- What is not known is absent, not 0: an allocator that cannot say how much\n"
	"  it caches has no `heapgate_allocator_cached_bytes`.\n"
	"- `owner` is who asked for the memory: `proxy` (heapgate itself) or a\n"
	"  library. `life` is how long it lives: see [memory](memory.md).\n"
	"- Of requests and HTTP/2 codes only what has occurred is shown.\n"
	"\n"
	"This page is written by `heapgate metrics-docs`.\n"
	"\n"
	"| metric | type | labels | what it says |\n"
	"|---|---|---|---|\n";

static void print_labels(struct text *to, const char *labels)
{
	struct str rest = str_z(labels), label;
	bool first = true;

	while (rest.p && rest.len && str_split(&rest, ' ', &label)) {
		text_printf(to, "%s`%.*s`", first ? "" : " ", STR_ARG(label));
		first = false;
	}
}

static void print_row(struct text *to, const struct family *f)
{
	text_printf(to, "| `%s%s` | %s | ", f->name, type_suffix(f->type),
		    type_word(f->type, true));
	print_labels(to, f->labels);
	text_printf(to, " | %s |\n", f->help);
}

void metrics_print_docs(struct text *to)
{
	text_z(to, docs_head);
	for (unsigned int i = 0; i < N_TABLES; i++)
		for (const struct family *f = tables[i]; f->name; f++)
			print_row(to, f);
}
