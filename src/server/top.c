#include "server/top.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "conf/snapshot.h"
#include "server/board.h"
#include "server/client.h"
#include "server/exits.h"
#include "server/setup.h"

#define TIMEOUT_MS 5000
#define CTRL_C     3

struct top {
	const char *place; /* see client_find() */
	struct addr addr;
	unsigned int every_ms;
	bool once, json, workers, paused;
	struct text answer;
	json_t *root;  /* of the last answer, or NULL */
	char why[300]; /* there is no newer one, or "" */
};

/* --- lines --------------------------------------------------------------- */

/* To width columns, at the right if width is negative. Of our UTF-8 each
 * character takes one column. */
static void add_padded(struct text *to, const char *text, int width)
{
	int n = 0, pad;

	for (const char *p = text; *p; p++)
		n += ((unsigned char)*p & 0xc0) != 0x80;
	pad = abs(width) - n;
	for (int i = 0; width < 0 && i < pad; i++)
		text_char(to, ' ');
	for (const char *p = text; *p; p++)
		text_char(to, (unsigned char)*p < ' ' || *p == 127 ? '?' : *p);
	for (int i = 0; width > 0 && i < pad; i++)
		text_char(to, ' ');
}

struct lines {
	void (*put)(void *arg, enum screen_style style, const char *line);
	void *arg;
	struct text line; /* being written */
};

static void end_line(struct lines *l, enum screen_style style)
{
	while (l->line.len && l->line.p[l->line.len - 1] == ' ')
		l->line.p[--l->line.len] = '\0';
	l->put(l->arg, style, text_str(&l->line).p);
	text_reset(&l->line);
}

static void put_status(struct lines *l, const json_t *root)
{
	const json_t *status = json_object_get(root, "status");
	const char *reason = board_string(status, "reason");
	char at[CLOCK_RFC3339_BYTES];

	clock_rfc3339((uint64_t)(board_number(root, "now_ms") * 1000), at);
	text_printf(&l->line, "heapgate %s  %.19sZ  %.0f of %.0f workers serve",
		    board_string(root, "heapgate"), at,
		    board_number(status, "workers_ready"),
		    board_number(status, "workers"));
	if (*reason)
		text_printf(&l->line, "; %s", reason);
	if (*board_string(status, "reload"))
		text_z(&l->line, "; the last reload failed");
	end_line(l, *reason ? SCREEN_ALARM : SCREEN_BOLD);
}

static void put_experiment(struct lines *l, const json_t *experiment)
{
	const json_t *arms = json_object_get(experiment, "arms"), *arm;
	char asked[BOARD_TEXT_BYTES], seen[BOARD_TEXT_BYTES];
	size_t i;

	if (!json_is_object(experiment))
		return;
	json_array_foreach(arms, i, arm)
	{
		add_padded(&l->line, board_string(arm, "arm"), 10);
		text_printf(&l->line, " share %s of %s asked, %s: ",
			    board_member(arm, "share_seen", BOARD_SHARE, seen),
			    board_member(arm, "share_asked", BOARD_SHARE, asked),
			    board_string(arm, "state"));
		add_padded(&l->line, board_string(arm, "verdict"), 0);
		end_line(l, strcmp(board_string(arm, "state"), "serving") == 0
				    ? SCREEN_PLAIN
				    : SCREEN_ALARM);
	}
	end_line(l, SCREEN_PLAIN);
}

static int column_width(unsigned int i)
{
	int title = (int)strlen(board_columns[i].title);

	return title > 8 ? title : 8;
}

static void put_heads(struct lines *l)
{
	add_padded(&l->line, "ARM", 24);
	add_padded(&l->line, "STATE", 9);
	for (unsigned int i = 0; i < BOARD_N_COLUMNS; i++) {
		text_char(&l->line, ' ');
		add_padded(&l->line, board_columns[i].title, -column_width(i));
	}
	end_line(l, SCREEN_DIM);
}

static void put_row(struct lines *l, const json_t *row, const char *name,
		    const char *state, enum screen_style style)
{
	char value[BOARD_TEXT_BYTES];

	add_padded(&l->line, name, 24);
	add_padded(&l->line, state, 9);
	for (unsigned int i = 0; i < BOARD_N_COLUMNS; i++) {
		text_char(&l->line, ' ');
		add_padded(&l->line, board_cell(row, i, value), -column_width(i));
	}
	end_line(l, style);
}

static void put_arm(struct lines *l, const json_t *arm)
{
	double ready = board_number(arm, "workers_ready");
	double all = board_number(arm, "workers");
	char name[128], state[64];

	snprintf(name, sizeof(name), "%.14s %.8s", board_string(arm, "arm"),
		 board_string(arm, "allocator"));
	snprintf(state, sizeof(state), "%.0f of %.0f", ready, all);
	put_row(l, arm, name, state, ready < all ? SCREEN_ALARM : SCREEN_BOLD);
}

static void put_worker(struct lines *l, const json_t *worker)
{
	const char *state = board_string(worker, "state");
	char name[64];

	snprintf(name, sizeof(name), "  worker %.0f", board_number(worker, "worker"));
	put_row(l, worker, name, state,
		strcmp(state, "ready") == 0 ? SCREEN_PLAIN : SCREEN_ALARM);
}

void top_print(const json_t *root, bool workers,
	       void (*put)(void *arg, enum screen_style style, const char *line),
	       void *arg)
{
	const json_t *arms = json_object_get(root, "arms"), *arm, *worker;
	struct lines l = {.put = put, .arg = arg};
	size_t i, k;

	text_init(&l.line, MEM_BOOT);
	put_status(&l, root);
	end_line(&l, SCREEN_PLAIN);
	put_experiment(&l, json_object_get(root, "experiment"));
	put_heads(&l);
	json_array_foreach(arms, i, arm)
	{
		put_arm(&l, arm);
		json_array_foreach(json_object_get(root, "workers"), k,
				   worker) if (workers &&
					       strcmp(board_string(arm, "arm"),
						      board_string(worker, "arm")) == 0)
			put_worker(&l, worker);
	}
	text_fini(&l.line);
}

/* --- answers ------------------------------------------------------------- */

/* Returns: whether t->root is new; else t->why says why not. */
static bool ask(struct top *t)
{
	struct str body;
	unsigned int status = client_ask(&t->addr, "GET", "/history.json?now",
					 TIMEOUT_MS, &t->answer, &body);
	json_t *root = status == 200 ? json_loadb(body.p, body.len, 0, NULL) : NULL;

	if (!root) {
		snprintf(t->why, sizeof(t->why), "%.200s: %.60s", t->place,
			 status ? "this is no heapgate's answer" : strerror(errno));
		return false;
	}
	json_decref(t->root);
	t->root = root;
	t->why[0] = '\0';
	return true;
}

static void put_stdout(void *arg, enum screen_style style, const char *line)
{
	(void)arg;
	(void)style;
	puts(line);
}

static void print_json(const json_t *root)
{
	char *line = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(7));

	if (line)
		puts(line);
	mem_free(MEM_JANSSON, line);
}

static void wait_ms(unsigned int ms)
{
	const struct timespec pause = {.tv_sec = ms / 1000,
				       .tv_nsec = (long)(ms % 1000) * 1000000};

	fflush(stdout);
	nanosleep(&pause, NULL);
}

/* Without a terminal. Returns: the exit code. */
static int run_plain(struct top *t)
{
	while (ask(t)) {
		if (t->json)
			print_json(t->root);
		else
			top_print(t->root, t->workers, put_stdout, NULL);
		if (t->once || ferror(stdout))
			return EXITS_OK;
		wait_ms(t->every_ms);
	}
	fprintf(stderr, "heapgate top: %s\n", t->why);
	return EXITS_FAILURE;
}

/* --- a terminal ---------------------------------------------------------- */

static void put_screen(void *arg, enum screen_style style, const char *line)
{
	screen_line(arg, style, line);
}

static void draw(struct top *t, struct screen *s)
{
	int rows, columns;

	screen_begin(s, &rows, &columns);
	if (t->root)
		top_print(t->root, t->workers, put_screen, s);
	screen_line(s, SCREEN_PLAIN, "");
	if (t->why[0])
		screen_line(s, SCREEN_ALARM, t->why);
	screen_line(s, SCREEN_DIM,
		    t->paused ? "paused; space goes on, w workers, q quits"
			      : "q quits, w workers, space pauses");
	screen_end(s);
}

/* Returns: whether to go on. */
static bool on_key(struct top *t, int key)
{
	if (key == 'q' || key == 'Q' || key == CTRL_C)
		return false;
	if (key == 'w')
		t->workers = !t->workers;
	if (key == ' ' || key == 'p')
		t->paused = !t->paused;
	return true;
}

static int run_screen(struct top *t)
{
	struct screen *s;
	uint64_t due_us = 0;
	bool go_on = true;

	if (!ask(t)) {
		fprintf(stderr, "heapgate top: %s\n", t->why);
		return EXITS_FAILURE;
	}
	s = screen_open();
	if (!s)
		return run_plain(t);
	while (go_on) {
		uint64_t now_us = clock_mono_us();

		if (now_us >= due_us && !t->paused) {
			ask(t);
			due_us = now_us + t->every_ms * 1000;
		}
		draw(t, s);
		go_on = on_key(t, screen_key(s, 200));
	}
	screen_close(&s);
	return EXITS_OK;
}

/* --- the command --------------------------------------------------------- */

static int usage(FILE *to, int code)
{
	fputs("usage: heapgate top [-c FILE | -s SOCKET | --url URL] [options]\n\n"
	      "  -c FILE      the config that says where the admin socket is\n"
	      "  -s SOCKET    its path\n"
	      "  --url URL    the metrics address: http://127.0.0.1:9180\n"
	      "  --once       print once and end\n"
	      "  --json       a line of JSON each time, for programs\n"
	      "  --arms       without workers (w)\n"
	      "  -d SECONDS   between two looks (2)\n",
	      to);
	return code;
}

static int run(struct top *t)
{
	int code;

	if (!client_find(t->place, &t->addr)) {
		fprintf(stderr,
			"heapgate top: %s is neither a socket nor "
			"http://ADDRESS:PORT\n",
			t->place);
		return EXITS_USAGE;
	}
	text_init(&t->answer, MEM_BOOT);
	code = t->once || t->json || !isatty(STDOUT_FILENO) ? run_plain(t)
							    : run_screen(t);
	text_fini(&t->answer);
	json_decref(t->root);
	return code;
}

static int run_by_config(struct top *t, const char *path)
{
	struct snapshot *s = snapshot_load(path, stderr);
	int code = EXITS_CONFIG;

	if (!s)
		return code;
	t->place = s->admin;
	if (t->place)
		code = run(t);
	else
		fprintf(stderr, "%s: error: there is no admin socket in it\n", path);
	snapshot_free(&s);
	return code;
}

static bool parse_seconds(const char *text, unsigned int *ms)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end || !(seconds >= 0.1 && seconds <= 3600))
		return false;
	*ms = (unsigned int)(seconds * 1000);
	return true;
}

int top_main(int argc, char **argv)
{
	static const struct option longs[] = {
		{"url", required_argument, NULL, 's'}, {"once", no_argument, NULL, 'o'},
		{"json", no_argument, NULL, 'j'},      {"arms", no_argument, NULL, 'a'},
		{"help", no_argument, NULL, 'h'},      {NULL, 0, NULL, 0}};
	struct top t = {.every_ms = 2000, .workers = true};
	const char *config = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "c:s:d:h", longs, NULL)) != -1) {
		if (c == 'c')
			config = optarg;
		else if (c == 's')
			t.place = optarg;
		else if (c == 'o')
			t.once = true;
		else if (c == 'j')
			t.json = true;
		else if (c == 'a')
			t.workers = false;
		else if (c != 'd' || !parse_seconds(optarg, &t.every_ms))
			return usage(c == 'h' ? stdout : stderr,
				     c == 'h' ? EXITS_OK : EXITS_USAGE);
	}
	if (optind < argc || (config && t.place))
		return usage(stderr, EXITS_USAGE);
	if (!t.place && !config && access(SETUP_DEFAULT_PATH, R_OK) != 0)
		t.place = SETUP_DEFAULT_ADMIN;
	return t.place ? run(&t)
		       : run_by_config(&t, config ? config : SETUP_DEFAULT_PATH);
}
