#include "lab/ab.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "lab/bench.h"
#include "lab/report.h"
#include "lab/words.h"
#include "server/exits.h"
#include "server/probe.h"

struct options {
	const char *arms, *baseline, *profile, *duration, *rate, *workload, *out;
	const char *seed, *target, *config, *render, *margin, *rounds;
	const char *conns, *streams, *idle;
	bool h1;
	struct gate_rule gates[CAMPAIGN_MAX_GATES];
	unsigned int n_gates;
};

static volatile sig_atomic_t interrupted;

static const char usage[] =
	"usage: heapgate ab --arms LIST [options]\n"
	"       heapgate ab --render DIR [--gate RULE]...\n"
	"\n"
	"Compares allocators: the same load on fresh processes of each, in random\n"
	"order, again and again, the baseline twice to see how far chance goes.\n"
	"\n"
	"  --arms LIST       jemalloc,mimalloc,hybrid,regions=heap,/path/lib.so\n"
	"  --baseline SPEC   what all are compared with (system)\n"
	"  --profile WHICH   default, tuned or both, of each arm (default)\n"
	"  --duration TIME   of the whole comparison (60s)\n"
	"  --rounds N        blocks (8 or more, by the duration)\n"
	"  --workload NAME   browse api upload tls-churn idle-heavy grpc-stream\n"
	"                    get:/PATH replay:FILE (browse)\n"
	"  --rate N          requests a second (the workload's)\n"
	"  --connections N --streams N --idle N   of the clients (the workload's)\n"
	"  --h1              clients speak HTTP/1.1 instead of HTTP/2\n"
	"  --target URL      a server of yours behind heapgate instead of the origin\n"
	"  --config FILE     a heapgate config of yours; the load goes where it first\n"
	"                    listens\n"
	"  --out DIR         for the report (heapgate-ab)\n"
	"  --seed N          of the order and of the requests (1)\n"
	"  --margin PERCENT  differences that do not matter (3%)\n"
	"  --gate RULE       such as 'rss_avg<=1.05x' or 'cpu<=60'; may be repeated\n"
	"  --render DIR      make the report again from DIR/raw.json\n"
	"\n"
	"Ctrl-C ends it after the round, with a report that says so; twice, at once.\n"
	"Exit: 0; 3 a gate is broken; 4 a gate cannot be decided; 1 it failed.\n";

static int complain(const char *what, const char *why)
{
	fprintf(stderr, "heapgate ab: %s: %s\n", what, why);
	return EXITS_USAGE;
}

/* --- options --------------------------------------------------------- */

static const struct option words[] = {
	{"arms", required_argument, NULL, 'a'},
	{"baseline", required_argument, NULL, 'b'},
	{"profile", required_argument, NULL, 'p'},
	{"duration", required_argument, NULL, 'd'},
	{"rounds", required_argument, NULL, 'n'},
	{"workload", required_argument, NULL, 'w'},
	{"rate", required_argument, NULL, 'r'},
	{"connections", required_argument, NULL, 'c'},
	{"streams", required_argument, NULL, 'm'},
	{"idle", required_argument, NULL, 'i'},
	{"h1", no_argument, NULL, '1'},
	{"target", required_argument, NULL, 't'},
	{"config", required_argument, NULL, 'f'},
	{"out", required_argument, NULL, 'o'},
	{"seed", required_argument, NULL, 's'},
	{"margin", required_argument, NULL, 'g'},
	{"gate", required_argument, NULL, 'G'},
	{"render", required_argument, NULL, 'R'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static int add_gate(struct options *o, const char *text)
{
	if (o->n_gates == CAMPAIGN_MAX_GATES)
		return complain(text, "too many gates");
	if (gate_rule_parse(&o->gates[o->n_gates], text)) {
		o->n_gates++;
		return 0;
	}
	complain(text, "not a gate such as rss_avg<=1.05x; the measures are:");
	for (unsigned int i = 0; i < N_MEASURES; i++)
		fprintf(stderr, "  %-14s %s\n", measures[i].name, measures[i].what);
	return EXITS_USAGE;
}

/* Returns: 0 to go on, else the exit code plus 1. */
static int parse(int argc, char **argv, struct options *o)
{
	const char **texts[128] = {
		['a'] = &o->arms,     ['b'] = &o->baseline, ['p'] = &o->profile,
		['d'] = &o->duration, ['n'] = &o->rounds,   ['w'] = &o->workload,
		['r'] = &o->rate,     ['c'] = &o->conns,    ['m'] = &o->streams,
		['i'] = &o->idle,     ['t'] = &o->target,   ['f'] = &o->config,
		['o'] = &o->out,      ['s'] = &o->seed,     ['g'] = &o->margin,
		['R'] = &o->render};
	int c;

	optind = 0;
	while ((c = getopt_long(argc, argv, "h", words, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return EXITS_OK + 1;
		}
		if (c == '1')
			o->h1 = true;
		else if (c == 'G' && add_gate(o, optarg) != 0)
			return EXITS_USAGE + 1;
		else if (c == '?')
			optind = argc + 1;
		else if (c != 'G')
			*texts[c] = optarg;
	}
	if (optind == argc && (o->arms || o->render) && !(o->target && o->config))
		return 0;
	fputs(usage, stderr);
	return EXITS_USAGE + 1;
}

static int take_uint(const char *text, const char *what, unsigned int least,
		     unsigned int most, unsigned int *to)
{
	uint64_t v;

	if (!text)
		return 0;
	if (!str_u64(str_z(text), &v) || v < least || v > most)
		return complain(text, what);
	*to = (unsigned int)v;
	return 0;
}

/* "3%" or "3" */
static int take_margin(const char *text, double *margin)
{
	char number[32];
	size_t n = strlen(text);

	n -= n && text[n - 1] == '%';
	snprintf(number, sizeof(number), "%.*s", (int)(n < 31 ? n : 31), text);
	if (!words_number(number, margin) || *margin > 100)
		return complain(text, "not a margin such as 3%");
	*margin /= 100;
	return 0;
}

static int take_arms(const struct options *o, struct campaign *c)
{
	enum arm_profile profile = ARM_PROFILE_AS_IS;
	char err[320];

	if (o->profile && strcmp(o->profile, "tuned") == 0)
		profile = ARM_PROFILE_TUNED;
	else if (o->profile && strcmp(o->profile, "both") == 0)
		profile = ARM_PROFILE_BOTH;
	else if (o->profile && strcmp(o->profile, "default") != 0)
		return complain(o->profile, "not default, tuned or both");
	if (arm_list_parse(&c->arms, o->baseline ? o->baseline : "system", o->arms,
			   profile, err, sizeof(err)) == 0)
		return 0;
	return complain("--arms", err);
}

/* The clients' numbers, from the workload unless told otherwise. */
static int take_workload(const struct options *o, struct campaign *c)
{
	const struct workload *w;
	char err[256];

	snprintf(c->workload, sizeof(c->workload), "%s",
		 o->workload ? o->workload : "browse");
	if (o->target && !o->workload) {
		const char *host = strstr(o->target, "://");
		const char *path = host ? strchr(host + 3, '/') : NULL;

		snprintf(c->workload, sizeof(c->workload), "get:%s", path ? path : "/");
	}
	w = workload_open(c->workload, err, sizeof(err));
	if (!w)
		return complain("--workload", err);
	c->rate = w->rate;
	c->n_conns = w->n_conns;
	c->n_streams = w->n_streams;
	c->n_idle = w->n_idle;
	c->h1 = o->h1;
	if (w->messages && o->h1)
		return complain(w->name, "only over HTTP/2");
	workload_close(&w);
	if (o->rate && (!words_number(o->rate, &c->rate) || c->rate < 1))
		return complain(o->rate, "not a rate");
	if (take_uint(o->conns, "not a number", 1, 100000, &c->n_conns) != 0 ||
	    take_uint(o->streams, "not a number", 1, 1000, &c->n_streams) != 0 ||
	    take_uint(o->idle, "not a number", 0, 100000, &c->n_idle) != 0)
		return EXITS_USAGE;
	return 0;
}

static int take_plan(const struct options *o, struct campaign *c)
{
	unsigned int n_rounds = 0;
	char err[256];

	c->seed = 1;
	c->margin = 0.03;
	if (o->seed && !str_u64(str_z(o->seed), &c->seed))
		return complain(o->seed, "not a seed");
	if (o->margin && take_margin(o->margin, &c->margin) != 0)
		return EXITS_USAGE;
	if (!words_time(str_z(o->duration ? o->duration : "60s"), &c->duration_us))
		return complain(o->duration, "not a time such as 60s");
	if (take_uint(o->rounds, "not a number of rounds", 1, CAMPAIGN_MAX_ROUNDS,
		      &n_rounds) != 0)
		return EXITS_USAGE;
	for (; c->n_gates < o->n_gates; c->n_gates++)
		snprintf(c->gates[c->n_gates], sizeof(c->gates[0]), "%s",
			 o->gates[c->n_gates].text);
	if (o->target)
		snprintf(c->target, sizeof(c->target), "%s", o->target);
	if (campaign_plan(c, n_rounds, err, sizeof(err)) == 0)
		return 0;
	return complain("--duration", err);
}

static void take_command(int argc, char **argv, struct campaign *c)
{
	size_t at = (size_t)snprintf(c->command, sizeof(c->command), "heapgate");

	for (int i = 0; i < argc && at < sizeof(c->command); i++) {
		bool plain = !argv[i][strcspn(argv[i], " <>'\"$&;|()*?")];

		at += (size_t)snprintf(c->command + at, sizeof(c->command) - at,
				       plain ? " %s" : " '%s'", argv[i]);
	}
}

/* --- progress -------------------------------------------------------- */

struct progress {
	const struct campaign *campaign;
	uint64_t begun_us;
	unsigned int n_done;
	const struct arm *arm;
	unsigned int round;
	bool is_tty;
};

static double seconds_left(const struct progress *p)
{
	unsigned int all = p->campaign->n_rounds * p->campaign->arms.n;
	double each = (double)campaign_run_us(p->campaign) / 1e6 + 0.5;

	if (p->n_done)
		each = (double)(clock_mono_us() - p->begun_us) / 1e6 / p->n_done;
	return p->n_done < all ? each * (all - p->n_done) : 0;
}

static void show(const char *phase, void *arg)
{
	const struct progress *p = arg;
	int left = (int)seconds_left(p);

	if (p->is_tty)
		fprintf(stderr, "\r\033[Kround %u/%u  %-28.28s %-8s  %d:%02d left ",
			p->round + 1, p->campaign->n_rounds, p->arm->label, phase,
			left / 60, left % 60);
}

static void show_round(const struct progress *p)
{
	int left = (int)seconds_left(p);

	if (!p->is_tty)
		fprintf(stderr, "round %u/%u done, %d:%02d left\n", p->round + 1,
			p->campaign->n_rounds, left / 60, left % 60);
}

/* --- running --------------------------------------------------------- */

static void signal_cb(int number)
{
	(void)number;
	interrupted = 1; /* the next one ends us: SA_RESETHAND */
}

/* A void run is tried once more: the others of its block wait for it. */
static int run_arm(struct bench *b, unsigned int arm, unsigned int round,
		   unsigned int place, char *err, size_t err_cap)
{
	struct campaign *c = b->campaign;
	const struct run *r;

	for (unsigned int attempt = 0; attempt < 2; attempt++) {
		if (bench_run(b, arm, round, place, attempt, err, err_cap) != 0)
			return -1;
		r = &c->runs[c->n_runs - 1];
		if (r->allocator_version[0])
			snprintf(c->arms.at[arm].version,
				 sizeof(c->arms.at[arm].version), "%s",
				 r->allocator_version);
		if (r->allocator_path[0])
			snprintf(c->arms.at[arm].path, sizeof(c->arms.at[arm].path),
				 "%s", r->allocator_path);
		if (!r->why_void[0])
			return 0;
		fprintf(stderr, "%svoid: round %u, %s: %s\n",
			isatty(STDERR_FILENO) ? "\r\033[K" : "", round + 1,
			c->arms.at[arm].label, r->why_void);
		if (!interrupted)
			bench_wait(b, r);
	}
	return 0;
}

static int run_rounds(struct bench *b, struct progress *p, char *err, size_t err_cap)
{
	struct campaign *c = b->campaign;
	unsigned int order[ARMS_MAX];

	for (p->round = 0; p->round < c->n_rounds && !interrupted; p->round++) {
		campaign_order(c, p->round, order);
		for (unsigned int i = 0; i < c->arms.n; i++) {
			p->arm = &c->arms.at[order[i]];
			if (run_arm(b, order[i], p->round, i, err, err_cap) != 0)
				return -1;
			p->n_done++;
		}
		show_round(p);
	}
	if (p->is_tty)
		fputs("\r\033[K", stderr);
	return 0;
}

static int make_dir(const char *path, char *err, size_t err_cap)
{
	struct stat st;

	if (mkdir(path, 0755) == 0 ||
	    (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode)))
		return 0;
	snprintf(err, err_cap, "%s: %s", path, strerror(errno));
	return -1;
}

static int measure_all(const struct options *o, const char *dir, struct campaign *c)
{
	struct progress p = {.campaign = c, .is_tty = isatty(STDERR_FILENO)};
	struct bench b = {.campaign = c,
			  .config = o->config,
			  .log_fd = -1,
			  .patience_us = c->duration_us / 2,
			  .on_phase = show,
			  .arg = &p};
	struct sigaction sa = {.sa_handler = signal_cb,
			       .sa_flags = SA_RESTART | SA_RESETHAND};
	char work[512], raw[512], err[512] = "";
	uint64_t begun = clock_mono_us();
	int rc = -1;

	snprintf(work, sizeof(work), "%s/work", dir);
	snprintf(raw, sizeof(raw), "%s/raw.json", dir);
	b.dir = work;
	if (make_dir(dir, err, sizeof(err)) != 0 ||
	    make_dir(work, err, sizeof(err)) != 0)
		return complain("--out", err) ? -1 : 0;
	c->begun_wall_us = clock_wall_us();
	campaign_look_round(c);
	sigaction(SIGINT, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	rc = bench_open(&b, err, sizeof(err));
	p.begun_us = clock_mono_us();
	if (rc == 0)
		rc = run_rounds(&b, &p, err, sizeof(err));
	bench_close(&b);
	c->took_us = clock_mono_us() - begun;
	c->is_partial = rc != 0 || campaign_n_complete(c) < c->n_rounds;
	if (rc != 0)
		complain("stopped", err);
	if (c->n_runs && campaign_save(c, raw, err, sizeof(err)) != 0)
		rc = complain("--out", err) ? -1 : 0;
	return rc;
}

/* --- the report ------------------------------------------------------ */

static int ask_gates(const struct report *r)
{
	enum gate_answer worst = GATE_HOLDS;

	for (unsigned int i = 0; i < r->n_gates; i++) {
		enum gate_answer one = gate_rule_ask(&r->gates[i], r->analysis);

		printf("gate %s: %s\n", r->gates[i].text, gate_answer_text(one));
		worst = one > worst ? one : worst;
	}
	return worst == GATE_BROKEN      ? AB_GATE_BROKEN
	       : worst == GATE_UNDECIDED ? AB_GATE_UNDECIDED
					 : EXITS_OK;
}

/* Those of the command line, or else those of the campaign. */
static void take_gates(struct options *o, const struct campaign *c)
{
	if (o->n_gates)
		return;
	for (unsigned int i = 0; i < c->n_gates; i++)
		if (gate_rule_parse(&o->gates[o->n_gates], c->gates[i]))
			o->n_gates++;
}

/* Always from the file, so that what is rendered again is the same. */
static int render(struct options *o, const char *dir)
{
	struct campaign *c = mem_zalloc(MEM_WORKER, 1, sizeof(*c));
	struct analysis *a = mem_zalloc(MEM_WORKER, 1, sizeof(*a));
	struct report r = {.analysis = a, .gates = o->gates};
	char raw[512], err[640] = "no memory";
	int code = EXITS_FAILURE;

	snprintf(raw, sizeof(raw), "%s/raw.json", dir);
	if (c && a && campaign_load(c, raw, err, sizeof(err)) == 0) {
		take_gates(o, c);
		r.n_gates = o->n_gates;
		if (analysis_init(a, c) == 0 &&
		    report_write(&r, dir, err, sizeof(err)) == 0) {
			analysis_print(a, stdout);
			printf("report: %s/report.html\n", dir);
			code = ask_gates(&r);
		}
		analysis_fini(a);
		campaign_fini(c);
	}
	if (code == EXITS_FAILURE)
		complain("report", err);
	mem_free(MEM_WORKER, a);
	mem_free(MEM_WORKER, c);
	return code;
}

/* Better now than in the middle: can each allocator be had? */
static int probe_arms(struct campaign *c)
{
	for (unsigned int i = 0; i < c->arms.n; i++) {
		struct arm *a = &c->arms.at[i];
		struct probe p;

		if (!probe_allocator(a->spec, &p)) {
			complain(a->spec, p.reason);
			return EXITS_ALLOCATOR;
		}
		snprintf(a->version, sizeof(a->version), "%s", p.info.version);
		snprintf(a->path, sizeof(a->path), "%.255s", p.info.path);
	}
	return 0;
}

static int plan(const struct options *o, struct campaign *c)
{
	int code = take_arms(o, c);

	if (code == 0)
		code = take_workload(o, c);
	if (code == 0)
		code = take_plan(o, c);
	return code == 0 ? probe_arms(c) : code;
}

int ab_main(int argc, char **argv)
{
	struct options *o = &(struct options){.out = "heapgate-ab"};
	struct campaign *c;
	bool seen = false;
	int code = parse(argc, argv, o);

	if (code)
		return code - 1;
	if (o->render)
		return render(o, o->render);
	c = mem_zalloc(MEM_WORKER, 1, sizeof(*c));
	if (!c)
		return EXITS_INTERNAL;
	take_command(argc, argv, c);
	code = plan(o, c);
	if (code == 0) {
		fprintf(stderr, "%u rounds of %u runs, %.1f s each\n", c->n_rounds,
			c->arms.n, (double)campaign_run_us(c) / 1e6 + 0.5);
		code = measure_all(o, o->out, c) == 0 ? 0 : EXITS_FAILURE;
		seen = c->n_runs > 0;
	}
	campaign_fini(c);
	mem_free(MEM_WORKER, c);
	if (seen) { /* what there is, also after a failure */
		int rendered = render(o, o->out);

		code = code ? code : rendered;
	}
	return code;
}
