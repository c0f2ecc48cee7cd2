#include "server/dashboard_page.h"

#include <math.h>

#include "server/assets.h"
#include "server/board.h"

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

static void put_heads(struct text *to, const json_t *root)
{
	(void)root;
	for (unsigned int i = 0; i < BOARD_N_COLUMNS; i++) {
		text_z(to, "<th scope=\"col\"><abbr title=\"");
		put_html(to, board_columns[i].what);
		text_z(to, "\">");
		put_html(to, board_columns[i].title);
		text_z(to, "</abbr></th>");
	}
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

static void put_arm(struct text *to, const json_t *arm, unsigned int colour)
{
	text_printf(to,
		    "<tr class=\"arm\"><th scope=\"row\"><i class=\"swatch c%u\"></i>",
		    colour);
	put_html(to, board_string(arm, "arm"));
	text_z(to, "</th><td class=\"words\">");
	put_html(to, board_string(arm, "allocator"));
	text_printf(to, "</td><td class=\"words\">%.0f of %.0f ready</td>",
		    board_number(arm, "workers_ready"), board_number(arm, "workers"));
	put_cells(to, arm);
}

static void put_worker(struct text *to, const json_t *worker)
{
	text_printf(to,
		    "<tr class=\"worker\"><th scope=\"row\">worker %.0f</th>"
		    "<td class=\"words\">",
		    board_number(worker, "worker"));
	put_html(to, board_string(worker, "allocator"));
	text_z(to, "</td><td class=\"words\">");
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
		put_arm(to, arm, (unsigned int)i % 6);
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

static void put_experiment(struct text *to, const json_t *root)
{
	const json_t *e = json_object_get(root, "experiment");

	if (!json_is_object(e)) {
		text_z(to, "<p class=\"soft\">No experiment is configured.</p>");
		return;
	}
	text_z(to, "<p class=\"verdict\">");
	put_html(to, board_string(e, "verdict"));
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
