#include "server/ctl.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "conf/snapshot.h"
#include "server/client.h"
#include "server/exits.h"
#include "server/setup.h"

/* How often, and how many times at most, to ask whether a reload is done. */
#define POLL_MS 50
#define N_POLLS 1200

struct ctl {
	const char *socket;
	struct text answer;
	struct str body; /* of it */
};

/* Returns: the status, or 0 after having said why there is none. */
static unsigned int ask(struct ctl *c, const char *method, const char *path)
{
	struct addr addr;
	unsigned int status = 0;

	if (client_find(c->socket, &addr))
		status = client_ask(&addr, method, path, 0, &c->answer, &c->body);
	if (!status)
		fprintf(stderr, "heapgate ctl: %s: %s\n", c->socket, strerror(errno));
	return status;
}

/* --- commands ------------------------------------------------------------ */

static int print_body(const struct ctl *c, unsigned int status)
{
	FILE *to = status < 300 ? stdout : stderr;

	fwrite(c->body.p, 1, c->body.len, to);
	return status >= 200 && status < 300 ? EXITS_OK : EXITS_FAILURE;
}

static int get(struct ctl *c, const char *path)
{
	return print_body(c, ask(c, "GET", path));
}

static int post(struct ctl *c, const char *path)
{
	return print_body(c, ask(c, "POST", path));
}

static const char *string_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static long long number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static int print_workers(struct ctl *c, const char *path)
{
	unsigned int status = ask(c, "GET", path);
	json_t *root, *w;
	size_t i;

	if (status != 200)
		return print_body(c, status);
	root = json_loadb(c->body.p, c->body.len, 0, NULL);
	if (!root)
		return EXITS_FAILURE;
	printf("%6s %6s %8s %-9s %11s %8s %8s  %s\n", "WORKER", "CONFIG", "PID",
	       "STATE", "CONNECTIONS", "STREAMS", "RESTARTS", "ALLOCATOR");
	json_array_foreach(root, i, w) printf(
		"%6lld %6lld %8lld %-9s %11lld %8lld %8lld  %s %.16s\n",
		number_of(w, "worker"), number_of(w, "config"), number_of(w, "pid"),
		string_of(w, "state"), number_of(w, "connections"),
		number_of(w, "streams"), number_of(w, "restarts"),
		string_of(w, "allocator"), string_of(w, "version"));
	json_decref(root);
	return EXITS_OK;
}

/* Returns: whether the reload is over, with *code how it went. */
static bool is_reloaded(struct ctl *c, unsigned int status, int *code)
{
	json_t *root = status ? json_loadb(c->body.p, c->body.len, 0, NULL) : NULL;
	const char *state = string_of(root, "state");
	bool over = true;

	*code = EXITS_FAILURE;
	if (strcmp(state, "starting") == 0) {
		over = false;
	} else if (strcmp(state, "done") == 0) {
		printf("config %lld is in use\n", number_of(root, "config"));
		*code = EXITS_OK;
	} else if (strcmp(state, "failed") == 0) {
		fputs(string_of(root, "report"), stderr);
		fputs("the reload failed; the old config stays\n", stderr);
	} else if (status) {
		print_body(c, 500);
	}
	json_decref(root);
	return over;
}

static int reload(struct ctl *c, const char *path)
{
	const struct timespec pause = {.tv_nsec = POLL_MS * 1000000l};
	int code;

	if (is_reloaded(c, ask(c, "POST", path), &code))
		return code;
	for (int i = 0; i < N_POLLS; i++) {
		nanosleep(&pause, NULL);
		if (is_reloaded(c, ask(c, "GET", path), &code))
			return code;
	}
	fprintf(stderr, "the new workers are not ready yet; see the log\n");
	return EXITS_FAILURE;
}

static const struct command {
	const char *name;
	int (*run)(struct ctl *c, const char *path);
	const char *path;
	const char *what;
} commands[] = {
	{"metrics", get, "/metrics", "all metrics, as Prometheus text"},
	{"ready", get, "/readyz", "exit code 0 if all workers serve"},
	{"workers", print_workers, "/workers", "each worker, its pid and state"},
	{"memory", get, "/memory?format=text", "who holds how much, and why RSS is so"},
	{"purge", post, "/memory/purge?format=text",
	 "give unused memory back; purge N: of worker N"},
	{"reload", reload, "/reload", "read the config anew, wait until it is in use"},
	{"experiment", get, "/experiment?format=text",
	 "the arms side by side; experiment weight ARM=N...,\n"
	 "             experiment drain ARM, experiment resume ARM"},
	{"drain", post, "/drain", "finish what is begun and stop"},
	{"reopen", post, "/reopen", "open the log files anew"},
};
#define N_COMMANDS (sizeof(commands) / sizeof(*commands))

static int usage(FILE *to, int code)
{
	fprintf(to, "usage: heapgate ctl [-c FILE | -s SOCKET] COMMAND\n\n"
		    "  -c FILE    the config that says where the admin socket is\n"
		    "  -s SOCKET  its path\n\n");
	for (unsigned int i = 0; i < N_COMMANDS; i++)
		fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].what);
	return code;
}

static int run(const struct command *command, const char *socket)
{
	struct ctl c = {.socket = socket};
	int code;

	text_init(&c.answer, MEM_BOOT);
	code = command->run(&c, command->path);
	text_fini(&c.answer);
	return code;
}

static int run_by_config(const struct command *command, const char *path)
{
	struct snapshot *s = snapshot_load(path, stderr);
	int code = EXITS_CONFIG;

	if (!s)
		return code;
	if (s->admin)
		code = run(command, s->admin);
	else
		fprintf(stderr, "%s: error: there is no admin socket in it\n", path);
	snapshot_free(&s);
	return code;
}

static const struct command *find(const char *name)
{
	for (unsigned int i = 0; i < N_COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	fprintf(stderr, "heapgate ctl: unknown command %s\n", name);
	return NULL;
}

/* Returns: NULL when that is no worker's number. */
static const struct command *purge_one(const char *worker)
{
	static char path[64];
	static struct command c = {"purge", post, path, NULL};
	uint64_t n;

	if (!str_u64(str_z(worker), &n) || n > INT_MAX)
		return NULL;
	snprintf(path, sizeof(path), "/memory/purge?format=text&worker=%u",
		 (unsigned int)n);
	return &c;
}

/* "weight a=90 b=10", "drain b", "resume b". Returns: NULL when it is none of
 * them. */
static const struct command *experiment_verb(char **words, int n)
{
	static char path[2048];
	static struct command c = {"experiment", post, path, NULL};
	bool is_weight = strcmp(words[0], "weight") == 0;
	size_t at;

	if (!is_weight && strcmp(words[0], "drain") != 0 &&
	    strcmp(words[0], "resume") != 0)
		return NULL;
	if (n < 2 || (!is_weight && n > 2))
		return NULL;
	at = (size_t)snprintf(path, sizeof(path), "/experiment/%s?%s", words[0],
			      is_weight ? "" : "arm=");
	for (int i = 1; i < n && at < sizeof(path); i++)
		at += (size_t)snprintf(path + at, sizeof(path) - at, "%s%s",
				       i > 1 ? "&" : "", words[i]);
	return at < sizeof(path) && !strpbrk(path, " \r\n") ? &c : NULL;
}

int ctl_main(int argc, char **argv)
{
	static const struct option longs[] = {{"help", no_argument, NULL, 'h'},
					      {NULL, 0, NULL, 0}};
	const char *config = NULL, *socket = NULL;
	const struct command *command;
	int c;

	while ((c = getopt_long(argc, argv, "c:s:h", longs, NULL)) != -1) {
		if (c == 'c')
			config = optarg;
		else if (c == 's')
			socket = optarg;
		else
			return usage(c == 'h' ? stdout : stderr,
				     c == 'h' ? EXITS_OK : EXITS_USAGE);
	}
	command = optind < argc ? find(argv[optind]) : NULL;
	if (command && optind == argc - 2 && strcmp(command->name, "purge") == 0)
		command = purge_one(argv[optind + 1]);
	else if (command && optind < argc - 1 &&
		 strcmp(command->name, "experiment") == 0)
		command = experiment_verb(argv + optind + 1, argc - optind - 1);
	else if (optind != argc - 1)
		command = NULL;
	if (!command || (config && socket))
		return usage(stderr, EXITS_USAGE);
	if (socket)
		return run(command, socket);
	if (!config && access(SETUP_DEFAULT_PATH, R_OK) != 0)
		return run(command, SETUP_DEFAULT_ADMIN);
	return run_by_config(command, config ? config : SETUP_DEFAULT_PATH);
}
