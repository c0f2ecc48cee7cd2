#include "server/experiment_pages.h"

#include <errno.h>
#include <string.h>

#include "proxy/gate.h"
#include "proxy/reply.h"
#include "proxy/stream.h"
#include "server/experiment.h"

#define PLAIN STR("text/plain; charset=utf-8")

/* --- the table ----------------------------------------------------------- */

static const char *word_of(const json_t *row, const char *key)
{
	const char *word = json_string_value(json_object_get(row, key));

	return word ? word : "";
}

/* "-" for what is not known. */
static const char *number_of(const json_t *row, const char *key, double factor,
			     unsigned int digits, const char *unit, char to[32])
{
	const json_t *v = json_object_get(row, key);

	if (!json_is_number(v))
		snprintf(to, 32, "-");
	else
		snprintf(to, 32, "%.*f%s", (int)digits, json_number_value(v) * factor,
			 unit);
	return to;
}

/* "jemalloc 5.3.0": versions may have a hash behind. */
static void add_allocator(struct text *to, const json_t *row)
{
	char both[64];

	snprintf(both, sizeof(both), "%.30s %.12s", word_of(row, "allocator"),
		 word_of(row, "version"));
	text_printf(to, "%-22s", both);
}

static void add_row(struct text *to, const json_t *row)
{
	char a[32], b[32];

	text_printf(to, "%-10s ", word_of(row, "arm"));
	add_allocator(to, row);
	text_printf(to, " %7s", number_of(row, "weight", 1, 0, "", a));
	text_printf(to, " %6s/%-6s", number_of(row, "share_asked", 100, 1, "%", a),
		    number_of(row, "share_seen", 100, 1, "%", b));
	text_printf(to, " %10s", number_of(row, "requests", 1, 0, "", a));
	text_printf(to, " %8s", number_of(row, "errors", 1, 0, "", a));
	text_printf(to, " %9s", number_of(row, "p50_seconds", 1e3, 2, "", a));
	text_printf(to, " %9s", number_of(row, "p99_seconds", 1e3, 2, "", a));
	text_printf(to, " %9s",
		    number_of(row, "rss_anon_bytes", 1.0 / (1 << 20), 1, "", a));
	text_printf(to, " %10s",
		    number_of(row, "cpu_seconds_per_request", 1e6, 1, "", a));
	text_printf(to, "  %s\n", word_of(row, "verdict"));
}

static void add_split(struct text *to, const json_t *root)
{
	const json_t *p = json_object_get(root, "sample_p");

	if (!json_is_number(p))
		text_printf(to, "split: too little was seen to judge it");
	else
		text_printf(to, "split: p = %.3g, by %s%s", json_number_value(p),
			    word_of(root, "counted"),
			    json_number_value(p) < FINDING_SAMPLE_P
				    ? "; it is not what was asked"
				    : "");
	text_char(to, '\n');
}

void experiment_pages_table(const struct experiment *e, struct text *to)
{
	json_t *root = experiment_json(e), *row;
	size_t i;

	if (!root) {
		to->failed = true;
		return;
	}
	text_printf(to, "%-10s %-22s %7s %13s %10s %8s %9s %9s %9s %10s  %s\n", "ARM",
		    "ALLOCATOR", "WEIGHT", "ASKED/SEEN", "REQUESTS", "ERRORS", "P50 ms",
		    "P99 ms", "RSS MiB", "CPU us/req", "VERDICT");
	json_array_foreach(json_object_get(root, "arms"), i, row) add_row(to, row);
	text_printf(to, "\nassign %s, for %.0f s; RSS: anonymous, mean of a worker\n",
		    word_of(root, "assign"),
		    json_number_value(json_object_get(root, "seconds")));
	add_split(to, root);
	text_printf(to, "%s\n", word_of(root, "note"));
	json_decref(root);
}

/* --- answers ------------------------------------------------------------- */

static bool is_there(const struct experiment *e, struct stream *s)
{
	if (!e)
		reply_send(s, 404, PLAIN,
			   STR("there is no experiment in the config\n"));
	return e != NULL;
}

static struct str query_of(const struct stream *s)
{
	const char *mark = memchr(s->req.path.p, '?', s->req.path.len);

	if (!mark)
		return STR("");
	return str_of(mark + 1, s->req.path.len - (size_t)(mark + 1 - s->req.path.p));
}

/* Returns: whether there was one more name=value in the query. */
static bool next_pair(struct str *query, struct str *name, struct str *value)
{
	struct str pair;

	if (!query->len || !str_split(query, '&', &pair))
		return false;
	*value = pair;
	if (!str_split(value, '=', name))
		*name = STR("");
	return true;
}

static void send_table(struct experiment *e, struct stream *s)
{
	struct text to;

	text_init(&to, MEM_STREAM);
	experiment_pages_table(e, &to);
	if (to.failed)
		reply_error(s, 500);
	else
		reply_send(s, 200, PLAIN, text_str(&to));
	text_fini(&to);
}

static void send_json(struct experiment *e, struct stream *s)
{
	json_t *root = experiment_json(e);
	char *text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;

	json_decref(root);
	if (text)
		reply_send(s, 200, STR("application/json"), str_z(text));
	else
		reply_error(s, 500);
	mem_free(MEM_JANSSON, text);
}

void experiment_pages_show(struct experiment *e, struct stream *s)
{
	if (!is_there(e, s))
		return;
	if (str_eq(query_of(s), STR("format=text")))
		send_table(e, s);
	else
		send_json(e, s);
}

static void refuse(struct stream *s, const char *what, struct str which)
{
	char *text = arena_printf(&s->arena, "%s \"%.*s\"\n", what,
				  (int)(which.len < 64 ? which.len : 64), which.p);

	if (text)
		reply_send(s, 400, PLAIN, str_z(text));
	else
		reply_error(s, 500);
}

/* Returns: false after having answered. */
static bool read_weights(struct experiment *e, struct stream *s, uint32_t *weights)
{
	struct str query = query_of(s), name, value;
	uint64_t v;

	for (unsigned int i = 0; i < e->n_arms; i++)
		weights[i] = e->arms[i].weight;
	if (!query.len) {
		refuse(s, "no weight is given:", STR("ARM=N"));
		return false;
	}
	while (next_pair(&query, &name, &value)) {
		const struct arm *arm = experiment_arm(e, name);

		if (!arm || !str_u64(value, &v) || v > 1000000) {
			refuse(s, arm ? "no weight from 0 to 1000000:" : "no arm",
			       arm ? value : name);
			return false;
		}
		weights[arm - e->arms] = (uint32_t)v;
	}
	return true;
}

void experiment_pages_weight(struct experiment *e, struct stream *s)
{
	uint32_t weights[ARMS_MAX];

	if (!is_there(e, s) || !read_weights(e, s, weights))
		return;
	if (experiment_set_weights(e, weights) == 0)
		send_table(e, s);
	else if (errno == EINVAL)
		reply_send(s, 400, PLAIN, STR("at least one arm must have a weight\n"));
	else
		reply_send(s, 500, PLAIN, STR("the kernel refuses; see the log\n"));
}

/* Returns: the arm named, or NULL after having answered. */
static struct arm *named_arm(struct experiment *e, struct stream *s)
{
	struct str query = query_of(s), name, value;
	struct arm *arm = NULL;

	if (!is_there(e, s))
		return NULL;
	if (next_pair(&query, &name, &value) && str_eq(name, STR("arm")))
		arm = experiment_arm(e, value);
	if (!arm)
		refuse(s, "no arm", query_of(s));
	return arm;
}

void experiment_pages_drain(struct experiment *e, struct stream *s)
{
	struct arm *arm = named_arm(e, s);

	if (!arm)
		return;
	if (arm == e->arms) {
		reply_send(s, 400, PLAIN, STR("the baseline cannot be drained\n"));
		return;
	}
	experiment_drain(e, arm, "asked for");
	send_table(e, s);
}

void experiment_pages_resume(struct experiment *e, struct stream *s)
{
	struct arm *arm = named_arm(e, s);

	if (!arm)
		return;
	experiment_resume(e, arm);
	send_table(e, s);
}
