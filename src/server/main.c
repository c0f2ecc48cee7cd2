/*
 * main: picks the command, chooses the allocator, installs the hooks; only
 * then is anything else touched.
 */
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/text.h"
#include "conf/snapshot.h"
#include "lab/ab.h"
#include "lab/cert.h"
#include "lab/load.h"
#include "lab/origin.h"
#include "lab/replay.h"
#include "server/ctl.h"
#include "server/exits.h"
#include "server/hooks.h"
#include "server/launch.h"
#include "server/metrics.h"
#include "server/probe.h"
#include "server/run.h"
#include "server/top.h"
#include "server/worker.h"

#if defined(__SANITIZE_ADDRESS__)
const char *__lsan_default_options(void);
const char *__lsan_default_options(void)
{
	return "print_suppressions=0";
}

/* An allocator that is never torn down looks like a leak of its own to the
 * leak checker, which calls this; what ncurses keeps of a terminal that it does
 * not know is one. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libtcmalloc_minimal.so\nleak:libtinfo.so\n";
}
#endif

static int config_docs_main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	snapshot_print_docs(stdout);
	return EXITS_OK;
}

static int metrics_docs_main(int argc, char **argv)
{
	struct text page;
	int code;

	(void)argc;
	(void)argv;
	text_init(&page, MEM_BOOT);
	metrics_print_docs(&page);
	fwrite(text_str(&page).p, 1, page.len, stdout);
	code = page.failed ? EXITS_INTERNAL : EXITS_OK;
	text_fini(&page);
	return code;
}

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *what; /* NULL: not for people */
	bool chooses;     /* its own allocator */
} commands[] = {
	{"run", run_main, "serve; what heapgate does without a command", false},
	{"proxy", run_proxy_main, "serve without a config file: proxy FROM TO...",
	 false},
	{"origin", origin_main, "the test backend", false},
	{"ab", ab_main, "compare allocators under the same load", false},
	{"load", load_main, "open-loop load on a server", false},
	{"cert", cert_main, "make a throw-away key and certificate", false},
	{"replay", replay_main, "a trace of allocations on any allocator", false},
	{"ctl", ctl_main, "talk to a running heapgate", false},
	{"top", top_main, "what arms and workers do now, in a terminal", false},
	{"config-docs", config_docs_main, "all directives, as Markdown", false},
	{"metrics-docs", metrics_docs_main, "all metrics, as Markdown", false},
	{"worker", worker_main, NULL, true},
	{"probe", probe_main, NULL, true},
	{"replay-run", replay_run_main, NULL, true},
};
#define N_COMMANDS (sizeof(commands) / sizeof(*commands))

static void print_help(void)
{
	fputs("usage: heapgate [-c FILE] [--allocator SPEC] [-D]\n"
	      "       heapgate -t | -T | -V\n"
	      "       heapgate COMMAND ...\n\n"
	      "An HTTP/2 reverse proxy whose memory allocator is chosen when it "
	      "starts.\n\n"
	      "  -c, --config FILE   the config (/etc/heapgate/heapgate.conf)\n"
	      "  --allocator SPEC    system, jemalloc, mimalloc, tcmalloc, hybrid or\n"
	      "                      /path/lib.so, before what the config says; "
	      "+debug\n"
	      "                      and +fail=N wrap it, ,key=value sets it\n"
	      "  -t, --test          test the config and what it asks of this host\n"
	      "  -T, --print         and print it with every default\n"
	      "  -D, --detach        leave the terminal once all workers serve\n"
	      "  -V, --version       version, libraries, allocators found here\n"
	      "  -h, --help          this\n\n",
	      stdout);
	for (unsigned int i = 0; i < N_COMMANDS; i++)
		if (commands[i].what)
			printf("  %-13s %s\n", commands[i].name, commands[i].what);
	fputs("\nheapgate COMMAND --help says more of proxy, origin, cert, ctl and "
	      "top.\n",
	      stdout);
}

static const struct command *find(const char *name)
{
	for (unsigned int i = 0; i < N_COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static bool wants_help(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	return false;
}

/* The one that serves needs no fast allocator: workers have their own. */
static int choose_system(void)
{
	char err[256] = "";

	if (mem_choose("system", err, sizeof(err)) == 0 &&
	    hooks_install(err, sizeof(err)) == 0)
		return EXITS_OK;
	fprintf(stderr, "heapgate: %s\n", err);
	return EXITS_INTERNAL;
}

/* What was said must have arrived: "heapgate -T >/dev/full" has failed. */
static int flushed(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	perror("heapgate: standard output");
	return code ? code : EXITS_FAILURE;
}

int main(int argc, char **argv)
{
	const struct command *command = &commands[0];
	int code, skip = argc > 1 && argv[1][0] != '-';

	launch_open_std_fds();
	prctl(PR_SET_NAME, "heapgate"); /* a worker is exec'ed as "exe" */
	if (skip)
		command = find(argv[1]);
	if (command == &commands[0] && wants_help(argc, argv)) {
		print_help();
		return flushed(EXITS_OK);
	}
	if (!command) {
		fprintf(stderr,
			"heapgate: unknown command \"%s\"; \"heapgate --help\" "
			"lists them\n",
			argv[1]);
		return EXITS_USAGE;
	}
	if (command->chooses)
		return command->run(argc - skip, argv + skip);
	code = choose_system();
	if (code)
		return code;
	code = flushed(command->run(argc - skip, argv + skip));
	hooks_remove();
	return code;
}
