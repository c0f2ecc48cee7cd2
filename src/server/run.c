#include "server/run.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "server/about.h"
#include "server/exits.h"
#include "server/setup.h"
#include "server/supervisor.h"

/* --- with a config file -------------------------------------------------- */

enum task { TASK_SERVE, TASK_TEST, TASK_PRINT, TASK_VERSION };

struct options {
	struct setup setup;
	enum task task;
	bool detach;
};

static const struct option run_longs[] = {
	{"config", required_argument, NULL, 'c'},
	{"allocator", required_argument, NULL, 'a'},
	{"test", no_argument, NULL, 't'},
	{"print", no_argument, NULL, 'T'},
	{"detach", no_argument, NULL, 'D'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

/* Returns: 0, or -1 when the options make no sense. */
static int parse_options(struct options *o, int argc, char **argv)
{
	int c;

	o->setup.path = SETUP_DEFAULT_PATH;
	while ((c = getopt_long(argc, argv, "c:tTDV", run_longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->setup.path = optarg;
			break;
		case 'a':
			o->setup.allocator = optarg;
			break;
		case 't':
			o->task = TASK_TEST;
			break;
		case 'T':
			o->task = TASK_PRINT;
			break;
		case 'D':
			o->detach = true;
			break;
		case 'V':
			o->task = TASK_VERSION;
			break;
		default: /* getopt has said what is wrong */
			return -1;
		}
	}
	if (optind == argc)
		return 0;
	fprintf(stderr, "heapgate: unexpected \"%s\"\n", argv[optind]);
	return -1;
}

static int test(const struct options *o)
{
	int code;
	struct snapshot *s = setup_load(&o->setup, stderr, &code);

	if (!s)
		return code;
	if (o->task == TASK_PRINT)
		snapshot_print(s, stdout);
	else
		printf("%s: ok\n", setup_name(&o->setup));
	snapshot_free(&s);
	return EXITS_OK;
}

int run_main(int argc, char **argv)
{
	struct options o = {.task = TASK_SERVE};

	if (parse_options(&o, argc, argv) != 0) {
		fprintf(stderr, "\"heapgate --help\" lists all options\n");
		return EXITS_USAGE;
	}
	switch (o.task) {
	case TASK_VERSION:
		about_print(stdout);
		return EXITS_OK;
	case TASK_TEST:
	case TASK_PRINT:
		return test(&o);
	case TASK_SERVE:
		break;
	}
	return supervisor_run(&o.setup, o.detach);
}

/* --- without one --------------------------------------------------------- */

#define TEXT_BYTES 65536

static const struct option proxy_longs[] = {
	{"allocator", required_argument, NULL, 'a'},
	{"cert", required_argument, NULL, 'c'},
	{"key", required_argument, NULL, 'k'},
	{"workers", required_argument, NULL, 'w'},
	{"metrics", required_argument, NULL, 'm'},
	{"access-log", required_argument, NULL, 'l'},
	{"print", no_argument, NULL, 'T'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static const char proxy_usage[] =
	"usage: heapgate proxy [OPTION...] FROM TO...\n\n"
	"Serves FROM (ADDRESS:PORT, :PORT or unix:PATH) by the servers TO\n"
	"(HOST:PORT for HTTP/1.1, h2c://HOST:PORT for HTTP/2, https://HOST:PORT for\n"
	"HTTP/1.1 over TLS, h2://HOST:PORT for HTTP/2 over TLS).\n\n"
	"  --cert FILE       speak TLS with this certificate; else cleartext\n"
	"  --key FILE        its key\n"
	"  --allocator SPEC  as in the config\n"
	"  --workers N       how many; one for each CPU without it\n"
	"  --metrics ADDR    where to serve /metrics\n"
	"  --access-log FILE - is standard output\n"
	"  --print           only print the config that this stands for\n";

static const char **proxy_arg(struct proxy_args *args, int c)
{
	switch (c) {
	case 'a':
		return &args->allocator;
	case 'c':
		return &args->cert;
	case 'k':
		return &args->key;
	case 'w':
		return &args->workers;
	case 'm':
		return &args->metrics;
	case 'l':
		return &args->access_log;
	default:
		return NULL;
	}
}

/* Returns: 0 to go on, else -1 with *code the exit code. */
static int parse_proxy(struct proxy_args *args, bool *print, int argc, char **argv,
		       int *code)
{
	int c;

	*code = EXITS_USAGE;
	while ((c = getopt_long(argc, argv, "", proxy_longs, NULL)) != -1) {
		const char **to = proxy_arg(args, c);

		if (to) {
			*to = optarg;
		} else if (c == 'T') {
			*print = true;
		} else {
			*code = c == 'h' ? EXITS_OK : EXITS_USAGE;
			fputs(proxy_usage, c == 'h' ? stdout : stderr);
			return -1;
		}
	}
	if (argc - optind < 2) {
		fputs(proxy_usage, stderr);
		return -1;
	}
	args->from = argv[optind];
	args->to = (const char *const *)&argv[optind + 1];
	args->n_to = (unsigned int)(argc - optind - 1);
	return 0;
}

/* Returns: the length, 0 if it does not fit. */
static size_t write_text(const struct proxy_args *args, char *to, size_t cap)
{
	FILE *f = fmemopen(to, cap, "w");
	long len;

	if (!f)
		return 0;
	snapshot_proxy_text(args, f);
	len = ftell(f);
	if (fclose(f) != 0 || len <= 0 || (size_t)len >= cap)
		return 0;
	return (size_t)len;
}

int run_proxy_main(int argc, char **argv)
{
	struct proxy_args args = {.from = NULL};
	struct setup setup = {.path = NULL};
	char text[TEXT_BYTES];
	bool print = false;
	int code;

	if (parse_proxy(&args, &print, argc, argv, &code) != 0)
		return code;
	if (!print) {
		/* that it cannot be had is no error of a config */
		setup.allocator = args.allocator;
		args.allocator = NULL;
	}
	setup.text = str_of(text, write_text(&args, text, sizeof(text)));
	if (!setup.text.len) {
		fprintf(stderr, "heapgate proxy: too long\n");
		return EXITS_USAGE;
	}
	if (!print)
		return supervisor_run(&setup, false);
	fwrite(text, 1, setup.text.len, stdout);
	return EXITS_OK;
}
