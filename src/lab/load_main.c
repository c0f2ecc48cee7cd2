#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lab/load.h"
#include "lab/words.h"
#include "server/exits.h"

#define PHASES_MAX 16
#define OPENING    64 /* handshakes at once */

struct options {
	const char *url;
	const char *workload;
	const char *rate, *duration, *conns, *streams, *idle, *opening, *seed;
	const char *phases;
	const char *report_fd;
	bool h1, constant, json;
	/* of the URL */
	char scheme[8], host[256], authority[300], path[1024];
	unsigned int port;
};

static const char usage[] =
	"usage: heapgate load URL [options]\n"
	"\n"
	"Open-loop load: requests are due by a schedule, whatever the server does,\n"
	"and their latency counts from when they were due.\n"
	"\n"
	"  --rate N          requests a second (the workload's)\n"
	"  --duration TIME   10s, 500ms, 2m (10s)\n"
	"  --connections C   (the workload's)\n"
	"  --opening N       of them opened at the same time, at first (64)\n"
	"  --streams M       at once on each connection, over HTTP/2\n"
	"  --workload NAME   browse api upload tls-churn idle-heavy grpc-stream\n"
	"                    get:/PATH replay:FILE (the URL's path)\n"
	"  --idle N          connections more that only stay open\n"
	"  --h1              HTTP/1.1; HTTP/2 if not given\n"
	"  --constant        equal gaps; Poisson arrivals if not given\n"
	"  --seed N          of the schedule (1)\n"
	"  --phases LIST     NAME:TIME:FACTOR[:PER_CONN],... instead of --duration;\n"
	"                    FACTOR is of the rate, 0 closes all connections\n"
	"  --json            results as JSON, one object for each phase\n"
	"\n"
	"Certificates are not checked.\n";

static int complain(const char *what, const char *why)
{
	fprintf(stderr, "heapgate load: %s: %s\n", what, why);
	return EXITS_USAGE;
}

static const struct option words[] = {
	{"rate", required_argument, NULL, 'r'},
	{"duration", required_argument, NULL, 'd'},
	{"connections", required_argument, NULL, 'c'},
	{"streams", required_argument, NULL, 'm'},
	{"workload", required_argument, NULL, 'w'},
	{"idle", required_argument, NULL, 'i'},
	{"opening", required_argument, NULL, 'o'},
	{"seed", required_argument, NULL, 's'},
	{"phases", required_argument, NULL, 'p'},
	{"report-fd", required_argument, NULL, 'f'},
	{"h1", no_argument, NULL, '1'},
	{"constant", no_argument, NULL, 'k'},
	{"json", no_argument, NULL, 'j'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

/* Returns: 0 to go on, else the exit code plus 1. */
static int parse(int argc, char **argv, struct options *o)
{
	const char **texts[] = {
		['r'] = &o->rate,     ['d'] = &o->duration, ['c'] = &o->conns,
		['m'] = &o->streams,  ['w'] = &o->workload, ['i'] = &o->idle,
		['o'] = &o->opening,  ['s'] = &o->seed,     ['p'] = &o->phases,
		['f'] = &o->report_fd};
	int c;

	optind = 0;
	while ((c = getopt_long(argc, argv, "h", words, NULL)) != -1) {
		if (c == '1' || c == 'k' || c == 'j') {
			*(c == '1'   ? &o->h1
			  : c == 'k' ? &o->constant
				     : &o->json) = true;
		} else if (c == 'h') {
			fputs(usage, stdout);
			return EXITS_OK + 1;
		} else if (c == '?') {
			fputs(usage, stderr);
			return EXITS_USAGE + 1;
		} else {
			*texts[c] = optarg;
		}
	}
	if (optind + 1 != argc) {
		fputs(usage, stderr);
		return EXITS_USAGE + 1;
	}
	o->url = argv[optind];
	return 0;
}

/* --- the URL --------------------------------------------------------- */

static int split_authority(struct options *o)
{
	const char *colon = strrchr(o->authority, ':');
	const char *bracket = strchr(o->authority, ']');
	struct str host = str_z(o->authority);
	uint64_t port;

	o->port = strcmp(o->scheme, "https") == 0 ? 443 : 80;
	if (colon && (!bracket || colon > bracket)) {
		if (!str_u64(str_z(colon + 1), &port) || port < 1 || port > 65535)
			return -1;
		o->port = (unsigned int)port;
		host.len = (size_t)(colon - o->authority);
	}
	if (host.len > 1 && host.p[0] == '[' && host.p[host.len - 1] == ']')
		host = str_of(host.p + 1, host.len - 2);
	snprintf(o->host, sizeof(o->host), "%.*s", STR_ARG(host));
	return host.len ? 0 : -1;
}

static int split_url(struct options *o)
{
	const char *slashes = strstr(o->url, "://"), *path;
	size_t n;

	if (!slashes || (strncmp(o->url, "http:", 5) && strncmp(o->url, "https:", 6)))
		return -1;
	snprintf(o->scheme, sizeof(o->scheme), "%.*s", (int)(slashes - o->url), o->url);
	n = strcspn(slashes + 3, "/");
	path = slashes + 3 + n;
	if (n >= sizeof(o->authority) || strlen(path) >= sizeof(o->path))
		return -1;
	snprintf(o->authority, sizeof(o->authority), "%.*s", (int)n, slashes + 3);
	snprintf(o->path, sizeof(o->path), "get:%s", *path ? path : "/");
	return split_authority(o);
}

/* The system's resolver: this is before there is any loop. */
static int find_addr(const struct options *o, struct addr *to)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
	char port[8];
	int rc;

	snprintf(port, sizeof(port), "%u", o->port);
	rc = getaddrinfo(o->host, port, &hints, &found);
	if (rc != 0)
		return complain(o->host, gai_strerror(rc));
	memcpy(&to->sa, found->ai_addr, found->ai_addrlen);
	to->len = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

/* --- numbers and phases ---------------------------------------------- */

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

static int take_numbers(const struct options *o, struct load_conf *c)
{
	const struct workload *w = c->workload;

	c->rate = w->rate;
	c->n_conns = w->n_conns;
	c->n_streams = w->n_streams;
	c->n_idle = w->n_idle;
	c->n_opening = OPENING;
	c->seed = 1;
	if (o->rate && (!words_number(o->rate, &c->rate) || c->rate > 1e7))
		return complain(o->rate, "not a rate");
	if (o->seed && !str_u64(str_z(o->seed), &c->seed))
		return complain(o->seed, "not a seed");
	if (take_uint(o->conns, "not a number of connections", 1, 1000000,
		      &c->n_conns) != 0 ||
	    take_uint(o->streams, "not a number of streams", 1, 10000, &c->n_streams) !=
		    0 ||
	    take_uint(o->idle, "not a number of connections", 0, 1000000, &c->n_idle) !=
		    0 ||
	    take_uint(o->opening, "not a number of handshakes", 1, 1000000,
		      &c->n_opening) != 0)
		return EXITS_USAGE;
	if (w->messages && !c->h2)
		return complain(w->name, "only over HTTP/2");
	return 0;
}

/* "NAME:TIME:FACTOR[:PER_CONN]" */
static bool take_phase(struct str text, struct load_phase *p)
{
	struct str name, time, factor, per_conn;
	char number[32];
	uint64_t n = 0;

	if (!str_split(&text, ':', &name) || !str_split(&text, ':', &time) ||
	    !str_split(&text, ':', &factor) || name.len >= sizeof(p->name))
		return false;
	if (str_split(&text, ':', &per_conn) && !str_u64(per_conn, &n))
		return false;
	snprintf(p->name, sizeof(p->name), "%.*s", STR_ARG(name));
	snprintf(number, sizeof(number), "%.*s", STR_ARG(factor));
	p->n_per_conn = (unsigned int)n;
	if (!words_number(number, &p->factor) || !words_time(time, &p->lasts_us))
		return false;
	p->alone = p->factor == 0;
	return true;
}

static int take_phases(const struct options *o, struct load_conf *c,
		       struct load_phase *p)
{
	struct str rest = str_z(o->phases ? o->phases : ""), part;

	c->phases = p;
	if (!o->phases) {
		*p = (struct load_phase){.name = "load", .factor = 1};
		c->n_phases = 1;
		if (!words_time(str_z(o->duration ? o->duration : "10s"), &p->lasts_us))
			return complain(o->duration, "not a time such as 10s");
		return 0;
	}
	while (str_split(&rest, ',', &part)) {
		if (c->n_phases == PHASES_MAX || !take_phase(part, &p[c->n_phases]))
			return complain(o->phases, "not phases");
		c->n_phases++;
	}
	return 0;
}

/* --- running --------------------------------------------------------- */

static void put_line(FILE *to, const char *event, json_t *o)
{
	char *line;

	json_object_set_new(o, "event", json_string(event));
	line = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);
	if (line)
		fprintf(to, "%s\n", line);
	fflush(to);
	mem_free(MEM_JANSSON, line);
	json_decref(o);
}

static void on_begin(const struct load_result *r, void *arg)
{
	put_line(arg, "begin",
		 json_pack("{ss sI}", "name", r->name, "begun_us",
			   (json_int_t)r->begun_us));
}

static int run(const struct options *o, struct load_conf *c)
{
	struct load_result *r = mem_zalloc(MEM_WORKER, c->n_phases, sizeof(*r));
	FILE *report = o->report_fd ? fdopen(atoi(o->report_fd), "w") : NULL;
	char err[128];
	int rc;

	if (!r)
		return EXITS_INTERNAL;
	if (report) {
		c->on_begin = on_begin;
		c->arg = report;
	}
	rc = load_run(c, r, err, sizeof(err));
	if (rc != 0)
		complain(o->url, err);
	for (unsigned int i = 0; rc == 0 && i < c->n_phases; i++) {
		if (report || o->json)
			put_line(report ? report : stdout, "result",
				 load_result_json(&r[i]));
		else
			load_result_print(&r[i], stdout);
	}
	if (report)
		fclose(report);
	mem_free(MEM_WORKER, r);
	return rc == 0 ? EXITS_OK : EXITS_FAILURE;
}

static int with_workload(const struct options *o, struct load_conf *c)
{
	struct tls_client_conf tls = {.h2 = c->h2};
	struct load_phase phases[PHASES_MAX];
	char err[256] = "";
	int code;

	code = take_numbers(o, c);
	if (code == 0)
		code = take_phases(o, c, phases);
	if (code == 0)
		code = find_addr(o, &c->to);
	if (code != 0)
		return code;
	if (strcmp(o->scheme, "https") == 0) {
		c->tls = tls_client_ctx(&tls, err, sizeof(err));
		if (!c->tls)
			return complain("TLS", err) ? EXITS_FAILURE : 0;
	}
	code = run(o, c);
	if (c->tls)
		tls_ctx_free(&c->tls);
	return code;
}

int load_main(int argc, char **argv)
{
	struct options o = {0};
	struct load_conf c = {0};
	const struct workload *w;
	char err[256];
	int code = parse(argc, argv, &o);

	if (code)
		return code - 1;
	if (split_url(&o) != 0)
		return complain(o.url, "not a URL such as https://127.0.0.1:8443/");
	w = workload_open(o.workload ? o.workload : o.path, err, sizeof(err));
	if (!w)
		return complain("workload", err);
	c.workload = w;
	c.h2 = !o.h1;
	c.poisson = !o.constant;
	c.authority = o.authority;
	c.name = o.host;
	code = with_workload(&o, &c);
	workload_close(&w);
	return code;
}
