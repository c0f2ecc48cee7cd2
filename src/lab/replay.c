#include "lab/replay.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "allocators/spec.h"
#include "base/str.h"
#include "lab/replay_run.h"
#include "server/exits.h"
#include "server/launch.h"

#define MAX_SPECS     16
#define DEFAULT_TOUCH 65536

struct order {
	const char *path;
	const char *specs[MAX_SPECS];
	unsigned int n_specs;
	uint64_t touch;
	bool fast;
	bool json;
	char own_spec[sizeof(((struct trace_head *)0)->spec)];
};

/* What the child tells. */
struct answer {
	struct replay_result result;
	char err[256];
	bool ok;
};

/* --- the file ----------------------------------------------------------------- */

static int complain(const char *path, const char *why)
{
	fprintf(stderr, "heapgate replay: %s: %s\n", path, why);
	return EXITS_USAGE;
}

/* Maps it for as long as the process lives. Returns: 0, or an exit code. */
static int open_trace(const char *path, struct trace_file *f)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *p = NULL;

	if (fd < 0 || fstat(fd, &st) != 0)
		return complain(path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return complain(path, "this is no file");
	if (st.st_size)
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		return complain(path, strerror(errno));
	if (trace_file_open(f, p ? p : "", (size_t)st.st_size) != 0)
		return complain(path, f->err);
	return EXITS_OK;
}

/* --- the child ------------------------------------------------------------------ */

static void run_one(const char *spec, const char *path, const struct replay_way *way,
		    struct answer *a)
{
	struct replay_trace trace;
	struct trace_file f;

	if (open_trace(path, &f) != 0 || replay_check(&f, &trace) != 0) {
		snprintf(a->err, sizeof(a->err), "the trace changed meanwhile");
		return;
	}
	if (mem_choose(spec, a->err, sizeof(a->err)) != 0)
		return;
	if (replay_run(&f, &trace, way, &a->result) != 0)
		snprintf(a->err, sizeof(a->err), "%s", f.err);
	else
		a->ok = true;
	replay_trace_fini(&trace);
}

int replay_run_main(int argc, char **argv)
{
	static struct answer a;
	struct replay_way way = {.touch_bytes = 0};
	uint64_t touch;

	if (argc != 5 || !str_u64(str_z(argv[3]), &touch))
		return EXITS_USAGE;
	way.touch_bytes = (size_t)touch;
	way.fast = strcmp(argv[4], "fast") == 0;
	run_one(argv[1], argv[2], &way, &a);
	/* less than PIPE_BUF: whole or not at all */
	if (write(LAUNCH_FIRST_FD, &a, sizeof(a)) != sizeof(a))
		return EXITS_INTERNAL;
	return a.ok ? EXITS_OK : EXITS_ALLOCATOR;
}
_Static_assert(sizeof(struct answer) <= 4096, "a pipe takes it at once");

/* --- the parent ------------------------------------------------------------------ */

static bool read_answer(int fd, struct answer *a)
{
	ssize_t n;

	do
		n = read(fd, a, sizeof(*a));
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(*a);
}

/* Returns: 0, or an exit code after having said why. */
static int run_child(const struct order *o, const char *spec, struct answer *a)
{
	char touch[24];
	const char *argv[] = {"heapgate", "replay-run", spec,
			      o->path,    touch,        o->fast ? "fast" : "timed",
			      NULL};
	int fds[2], status = 0;
	bool whole;
	pid_t pid;

	snprintf(touch, sizeof(touch), "%llu", (unsigned long long)o->touch);
	memset(a, 0, sizeof(*a));
	if (pipe2(fds, O_CLOEXEC) != 0)
		return complain(spec, strerror(errno));
	pid = launch_start(&(struct launch){
		.argv = argv, .spec = spec, .fds = &fds[1], .n_fds = 1});
	close(fds[1]);
	whole = pid > 0 && read_answer(fds[0], a);
	close(fds[0]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (whole && a->ok)
		return EXITS_OK;
	fprintf(stderr, "heapgate replay: allocator %s: %s\n", spec,
		whole ? a->err : "the process that tried it ended");
	return whole ? EXITS_ALLOCATOR : EXITS_FAILURE;
}

/* --- telling -----------------------------------------------------------------------
 */

static double ns_per_call(const struct replay_result *r)
{
	return r->calls ? (double)r->cpu_ns / (double)r->calls : 0;
}

/* The share of the memory that no block in use lies in. */
static double fragmentation(uint64_t bytes, uint64_t live)
{
	return bytes > live ? 1 - (double)live / (double)bytes : 0;
}

static json_t *trace_json(const struct order *o, const struct trace_file *f,
			  const struct replay_trace *t)
{
	return json_pack(
		"{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "file", o->path,
		"allocator", f->head.spec, "records", (json_int_t)t->records, "lost",
		(json_int_t)t->lost, "duration_us", (json_int_t)t->duration_us,
		"most_blocks", (json_int_t)t->most_blocks, "peak_bytes",
		(json_int_t)t->peak_bytes, "end_bytes", (json_int_t)t->end_bytes);
}

static json_t *result_json(const struct replay_result *r)
{
	return json_pack(
		"{s:s, s:s, s:I, s:I, s:I, s:f, s:I, s:I, s:f, s:I, s:I, s:f, s:I}",
		"allocator", r->info.spec, "version", r->info.version, "calls",
		(json_int_t)r->calls, "failed", (json_int_t)r->failed, "cpu_ns",
		(json_int_t)r->cpu_ns, "ns_per_call", ns_per_call(r), "peak_bytes",
		(json_int_t)r->peak_bytes, "peak_live_bytes",
		(json_int_t)r->peak_live_bytes, "peak_fragmentation",
		fragmentation(r->peak_bytes, r->peak_live_bytes), "end_bytes",
		(json_int_t)r->end_bytes, "end_live_bytes",
		(json_int_t)r->end_live_bytes, "end_fragmentation",
		fragmentation(r->end_bytes, r->end_live_bytes), "purged_bytes",
		(json_int_t)r->purged_bytes);
}

static void print_trace(const struct order *o, const struct trace_file *f,
			const struct replay_trace *t)
{
	printf("%s: %llu calls in %.1f s on %s; %llu lost\n\n", o->path,
	       (unsigned long long)t->records, (double)t->duration_us / 1e6,
	       f->head.spec, (unsigned long long)t->lost);
	printf("%-28s %9s %11s %11s %6s %11s %11s\n", "kB above the base", "ns/call",
	       "peak", "live then", "frag", "end", "purged");
	printf("%-28s %9s %11.0f %11s %6s %11.0f %11s\n", "recorded", "-",
	       (double)t->peak_bytes / 1024, "-", "-", (double)t->end_bytes / 1024,
	       "-");
}

static void print_result(const struct replay_result *r)
{
	printf("%-28.28s %9.1f %11.0f %11.0f %5.0f%% %11.0f %11.0f\n", r->info.spec,
	       ns_per_call(r), (double)r->peak_bytes / 1024,
	       (double)r->peak_live_bytes / 1024,
	       100 * fragmentation(r->peak_bytes, r->peak_live_bytes),
	       (double)r->end_bytes / 1024, (double)r->purged_bytes / 1024);
	if (r->failed)
		printf("%-28s %llu calls got no memory\n", "",
		       (unsigned long long)r->failed);
}

static int replay_all(const struct order *o, const struct trace_file *f,
		      const struct replay_trace *trace)
{
	json_t *list = o->json ? json_array() : NULL;
	int code = EXITS_OK;

	if (!o->json)
		print_trace(o, f, trace);
	for (unsigned int i = 0; !code && i < o->n_specs; i++) {
		struct answer a;

		code = run_child(o, o->specs[i], &a);
		if (code)
			break;
		if (o->json)
			json_array_append_new(list, result_json(&a.result));
		else
			print_result(&a.result);
		fflush(stdout);
	}
	if (o->json && !code) {
		json_t *root = json_pack("{s:o, s:O}", "trace", trace_json(o, f, trace),
					 "replays", list);

		json_dumpf(root, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
		putchar('\n');
		json_decref(root);
	}
	json_decref(list);
	return code;
}

static int usage(FILE *to, int code)
{
	fprintf(to,
		"usage: heapgate replay FILE [--allocator SPEC]... [--touch BYTES] "
		"[--fast] [--json]\n\n"
		"Makes the calls that +trace=FILE has written down, each allocator in\n"
		"a process of its own, and measures time and memory.\n\n"
		"  --allocator SPEC  instead of the one that was recorded; up to %d\n"
		"  --touch BYTES     written at the beginning of each block (%d)\n"
		"  --fast            without the pauses of the recording\n"
		"  --json            as one JSON object\n",
		MAX_SPECS, DEFAULT_TOUCH);
	return code;
}

static int parse_args(struct order *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{"allocator", required_argument, NULL, 'a'},
		{"touch", required_argument, NULL, 't'},
		{"fast", no_argument, NULL, 'f'},
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0}};
	char err[256];
	int c;

	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		if (c == 'h')
			return usage(stdout, EXITS_OK);
		if (c == 'f')
			o->fast = true;
		else if (c == 'j')
			o->json = true;
		else if (c == 'a' && o->n_specs < MAX_SPECS)
			o->specs[o->n_specs++] = optarg;
		else if (c != 't' || !str_u64(str_z(optarg), &o->touch))
			return usage(stderr, EXITS_USAGE);
	}
	if (optind != argc - 1)
		return usage(stderr, EXITS_USAGE);
	o->path = argv[optind];
	for (unsigned int i = 0; i < o->n_specs; i++)
		if (mem_check_spec(o->specs[i], err, sizeof(err)) != 0)
			return complain(o->specs[i], err);
	return -1;
}

int replay_main(int argc, char **argv)
{
	struct order o = {.touch = DEFAULT_TOUCH};
	struct replay_trace trace;
	struct trace_file f;
	int code = parse_args(&o, argc, argv);

	if (code >= 0)
		return code;
	code = open_trace(o.path, &f);
	if (code)
		return code;
	if (replay_check(&f, &trace) != 0)
		return complain(o.path, f.err);
	if (!o.n_specs) {
		spec_without_trace(f.head.spec, o.own_spec);
		o.specs[o.n_specs++] = o.own_spec;
	}
	code = replay_all(&o, &f, &trace);
	replay_trace_fini(&trace);
	return code;
}
