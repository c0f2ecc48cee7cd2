#include "server/dashboard_page.h"

#include "server/assets.h"
#include "server/board.h"

/* As in dashboard.css. */
#define N_COLOURS 6u

static void put_html(struct text *to, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			text_z(to, "&lt;");
			break;
		case '>':
			text_z(to, "&gt;");
			break;
		case '&':
			text_z(to, "&amp;");
			break;
		case '"':
			text_z(to, "&quot;");
			break;
		default:
			text_char(to, *text);
		}
	}
}

/* --- the table ----------------------------------------------------------- */

static void put_head(struct text *to, const struct board_column *c)
{
	text_z(to, "<th scope=\"col\"><abbr title=\"");
	put_html(to, c->what);
	text_z(to, "\">");
	put_html(to, c->title);
	text_z(to, "</abbr></th>");
}

static void put_heads(struct text *to, const json_t *root)
{
	(void)root;
	for (unsigned int i = 0; i < BOARD_N_COLUMNS; i++)
		put_head(to, &board_columns[i]);
}

static void put_cells(struct text *to, const json_t *row)
{
	char value[BOARD_TEXT_BYTES];

	for (unsigned int i = 0; i < BOARD_N_COLUMNS; i++) {
		text_printf(to, "<td data-key=\"%s\">", board_columns[i].key);
		put_html(to, board_cell(row, i, value));
		text_z(to, "</td>");
	}
	text_z(to, "</tr>\n");
}

/* Begins a row. */
static void put_arm_name(struct text *to, const json_t *arm, const char *class,
			 unsigned int colour)
{
	text_printf(to,
		    "<tr class=\"%s\"><th scope=\"row\"><i class=\"swatch c%u\"></i>",
		    class, colour);
	put_html(to, board_string(arm, "arm"));
	text_z(to, " <small>");
	put_html(to, board_string(arm, "allocator"));
	text_z(to, "</small></th>");
}

static void put_arm(struct text *to, const json_t *arm, unsigned int colour)
{
	put_arm_name(to, arm, "arm", colour);
	text_printf(to, "<td class=\"state\">%.0f of %.0f ready</td>",
		    board_number(arm, "workers_ready"), board_number(arm, "workers"));
	put_cells(to, arm);
}

static void put_worker(struct text *to, const json_t *worker)
{
	text_printf(to,
		    "<tr class=\"worker\"><th scope=\"row\">worker %.0f</th>"
		    "<td class=\"state\">",
		    board_number(worker, "worker"));
	put_html(to, board_string(worker, "state"));
	text_z(to, "</td>");
	put_cells(to, worker);
}

static void put_rows(struct text *to, const json_t *root)
{
	const json_t *arms = json_object_get(root, "arms");
	const json_t *workers = json_object_get(root, "workers");
	const json_t *arm, *worker;
	size_t i, k;

	json_array_foreach(arms, i, arm)
	{
		put_arm(to, arm, (unsigned int)i % N_COLOURS);
		json_array_foreach(workers, k,
				   worker) if (strcmp(board_string(arm, "arm"),
						      board_string(worker, "arm")) == 0)
			put_worker(to, worker);
	}
}

/* --- the rest ------------------------------------------------------------ */

static void put_version(struct text *to, const json_t *root)
{
	put_html(to, board_string(root, "heapgate"));
}

static void put_status(struct text *to, const json_t *root)
{
	const json_t *status = json_object_get(root, "status");
	const char *reason = board_string(status, "reason");

	text_printf(to, "%.0f of %.0f workers serve",
		    board_number(status, "workers_ready"),
		    board_number(status, "workers"));
	if (*reason) {
		text_z(to, "; ");
		put_html(to, reason);
	}
	if (*board_string(status, "reload"))
		text_z(to, "; the last reload failed, an older config is in use");
}

/* --- the experiment ------------------------------------------------------ */

static const struct board_column experiment_columns[] = {
	{"asked", "share_asked", BOARD_SHARE, "Share of the clients it should have."},
	{"seen", "share_seen", BOARD_SHARE, "Share that it has."},
	{"requests", "requests", BOARD_COUNT, "Requests that ended."},
	{"errors", "error_ratio", BOARD_SHARE, "Those that ended with 5xx or none."},
	{"p99", "p99_seconds", BOARD_SECONDS, "99 of 100 took at most this long."},
	{"RSS", "memory", BOARD_RATIO, "Against the baseline: 99 % interval."},
	{"CPU/request", "cpu", BOARD_RATIO, "Against the baseline: 99 % interval."},
};
#define N_EXPERIMENT_COLUMNS (sizeof(experiment_columns) / sizeof(*experiment_columns))

static void put_verdict(struct text *to, const json_t *arm, unsigned int colour)
{
	text_printf(to, "<p class=\"verdict c%u\"><span><b>", colour);
	put_html(to, board_string(arm, "arm"));
	text_z(to, ": </b>");
	put_html(to, board_string(arm, "verdict"));
	text_z(to, "</span></p>\n");
}

static void put_experiment_heads(struct text *to)
{
	text_z(to, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" "
		   "aria-label=\"Arms of the experiment\"><table><thead><tr>"
		   "<th scope=\"col\">arm</th><th scope=\"col\" class=\"state\">state"
		   "</th>");
	for (unsigned int i = 0; i < N_EXPERIMENT_COLUMNS; i++)
		put_head(to, &experiment_columns[i]);
	text_z(to, "</tr></thead><tbody>\n");
}

static void put_experiment_arm(struct text *to, const json_t *arm, unsigned int i)
{
	char value[BOARD_TEXT_BYTES];

	put_arm_name(to, arm, "", i % N_COLOURS);
	text_z(to, "<td class=\"state\">");
	put_html(to, board_string(arm, "state"));
	text_z(to, "</td>");
	for (unsigned int k = 0; k < N_EXPERIMENT_COLUMNS; k++) {
		const struct board_column *c = &experiment_columns[k];
		bool baseline = i == 0 && c->kind == BOARD_RATIO;

		text_z(to, "<td>");
		put_html(to, baseline ? "1 (baseline)"
				      : board_member(arm, c->key, c->kind, value));
		text_z(to, "</td>");
	}
	text_z(to, "</tr>\n");
}

static void put_experiment(struct text *to, const json_t *root)
{
	const json_t *e = json_object_get(root, "experiment");
	const json_t *arms = json_object_get(e, "arms"), *arm;
	size_t i;

	if (!json_is_object(e)) {
		text_z(to, "<p class=\"soft\">No experiment is configured.</p>");
		return;
	}
	json_array_foreach(arms, i, arm) if (i)
		put_verdict(to, arm, (unsigned int)i % N_COLOURS);
	put_experiment_heads(to);
	json_array_foreach(arms, i, arm) put_experiment_arm(to, arm, (unsigned int)i);
	text_z(to, "</tbody></table></div>\n<p class=\"soft small\">");
	put_html(to, board_string(e, "note"));
	text_z(to, "</p>");
}

/* What stands for what in dashboard.html: "<!--{heads}-->". */
static const struct {
	const char *name;
	void (*put)(struct text *to, const json_t *root);
} places[] = {
	{"heads", put_heads},           {"rows", put_rows},
	{"version", put_version},       {"status", put_status},
	{"experiment", put_experiment},
};

static void put_place(struct text *to, struct str name, const json_t *root)
{
	for (unsigned int i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (str_eq(name, str_z(places[i].name)))
			places[i].put(to, root);
}

void dashboard_page(struct text *to, const json_t *root)
{
	const char *rest = dashboard_html, *open, *close;

	while ((open = strstr(rest, "<!--{")) && (close = strstr(open, "}-->"))) {
		text_add(to, rest, (size_t)(open - rest));
		put_place(to, str_of(open + 5, (size_t)(close - open - 5)), root);
		rest = close + 4;
	}
	text_z(to, rest);
}
