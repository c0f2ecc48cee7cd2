#include "lab/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "conf/snapshot.h"
#include "io/tls.h"
#include "lab/measure.h"

#define FAIL(...)   (snprintf(err, err_cap, __VA_ARGS__), -1)
#define START_MS    10000
#define WORKERS_MAX 64u

/* --- the stand ------------------------------------------------------- */

static int open_origin(struct bench *b, bool h2c, char *err, size_t err_cap)
{
	static const char *const argv[] = {"origin", "--listen", "127.0.0.1:0", NULL};
	unsigned int port;
	char *line = NULL;

	if (child_start(&b->origin, argv, STDOUT_FILENO, b->log_fd) != 0)
		return FAIL("origin: %s", strerror(errno));
	if (child_line(&b->origin, START_MS, &line) != 1 ||
	    sscanf(line, "listening on 127.0.0.1:%u", &port) != 1) {
		mem_free(MEM_TICK, line);
		return FAIL("the origin does not start");
	}
	mem_free(MEM_TICK, line);
	snprintf(b->server, sizeof(b->server), "127.0.0.1:%u%s", port,
		 h2c ? " proto=h2c" : "");
	return 0;
}

/* "http://host:port/…" as the arguments of server. */
static int take_target(struct bench *b, char *err, size_t err_cap)
{
	const char *url = b->campaign->target, *host = strstr(url, "://");
	bool tls = strncmp(url, "https:", 6) == 0;
	size_t n;

	if (!host || (!tls && strncmp(url, "http:", 5) != 0))
		return FAIL("--target %s: not a URL", url);
	host += 3;
	n = strcspn(host, "/");
	snprintf(b->server, sizeof(b->server), "%.*s%s%s", (int)n, host,
		 memchr(host, ':', n) ? ""
		 : tls                ? ":443"
				      : ":80",
		 tls ? " tls verify=off" : "");
	return 0;
}

static int write_conf(struct bench *b, char *err, size_t err_cap)
{
	char cert[512], key[512];
	unsigned int port = child_free_port();
	FILE *f;

	snprintf(cert, sizeof(cert), "%s/cert.pem", b->dir);
	snprintf(key, sizeof(key), "%s/key.pem", b->dir);
	if (tls_make_cert(cert, key, "localhost", err, err_cap) != 0)
		return -1;
	b->metrics_port = child_free_port();
	b->n_workers = 1;
	snprintf(b->url, sizeof(b->url), "https://127.0.0.1:%u/", port);
	f = fopen(b->conf_path, "we");
	if (!f)
		return FAIL("%s: %s", b->conf_path, strerror(errno));
	fprintf(f,
		"workers 1\nlisten 127.0.0.1:%u tls cert=cert.pem key=key.pem\n"
		"metrics 127.0.0.1:%u\nlimits { connections 100000 }\nroute / app\n"
		"upstream app { server %s }\n",
		port, b->metrics_port, b->server);
	return fclose(f) == 0 ? 0 : FAIL("%s: %s", b->conf_path, strerror(errno));
}

/* The user's own: where it listens is in it. */
static int take_conf(struct bench *b, char *err, size_t err_cap)
{
	struct snapshot *s = snapshot_load(b->config, stderr);
	struct addr to;
	char text[ADDR_TEXT_BYTES];

	if (!s)
		return FAIL("--config %s: see above", b->config);
	if (!s->n_listens) {
		snapshot_free(&s);
		return FAIL("--config %s: listens nowhere", b->config);
	}
	to = s->listens[0].addr;
	if (to.sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&to.in6.sin6_addr))
		to.in6.sin6_addr = in6addr_loopback;
	else if (to.sa.sa_family == AF_INET && !to.in.sin_addr.s_addr)
		to.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	snprintf(b->url, sizeof(b->url), "%s://%s/",
		 s->listens[0].is_tls ? "https" : "http", addr_text(&to, text));
	b->metrics_port = s->metrics.len ? (unsigned int)addr_port(&s->metrics) : 0;
	b->n_workers = s->n_workers;
	snprintf(b->conf_path, sizeof(b->conf_path), "%s", b->config);
	snapshot_free(&s);
	return 0;
}

int bench_open(struct bench *b, char *err, size_t err_cap)
{
	bool messages = strcmp(b->campaign->workload, "grpc-stream") == 0;
	char path[512];

	b->origin = (struct child){.out = -1};
	snprintf(path, sizeof(path), "%s/processes.log", b->dir);
	snprintf(b->conf_path, sizeof(b->conf_path), "%s/heapgate.conf", b->dir);
	b->log_fd =
		open(path, O_CREAT | O_TRUNC | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);
	if (b->log_fd < 0)
		return FAIL("%s: %s", path, strerror(errno));
	if (b->config)
		return take_conf(b, err, err_cap);
	if (b->campaign->target[0] ? take_target(b, err, err_cap) != 0
				   : open_origin(b, messages, err, err_cap) != 0)
		return -1;
	return write_conf(b, err, err_cap);
}

void bench_close(struct bench *b)
{
	child_stop(&b->origin, 2000);
	if (b->log_fd >= 0)
		close(b->log_fd);
	b->log_fd = -1;
}

/* --- one run --------------------------------------------------------- */

struct stage {
	struct bench *bench;
	struct run *run;
	struct child heapgate, load;
	pid_t workers[WORKERS_MAX];
	unsigned int n_workers;
	struct host_reading host;
	uint64_t begun_us;  /* the load */
	uint64_t sample_us; /* when the last sample was taken */
	unsigned int n_results;
	bool lost; /* a worker ended */
};

#define VOID(...) snprintf(r->why_void, sizeof(r->why_void), __VA_ARGS__)

static bool is_ready(const struct stage *s)
{
	const struct bench *b = s->bench;
	unsigned int port = 0;

	if (b->metrics_port)
		return child_get(b->metrics_port, "/readyz", 1000, NULL) == 200;
	sscanf(strrchr(b->url, ':'), ":%u", &port);
	return child_get(port, "/", 1000, NULL) != 0;
}

static int start_heapgate(struct stage *s)
{
	const struct bench *b = s->bench;
	const char *argv[] = {"-c", b->conf_path, "--allocator",
			      b->campaign->arms.at[s->run->arm].spec, NULL};
	uint64_t until = clock_mono_us() + START_MS * 1000;

	if (child_start(&s->heapgate, argv, STDOUT_FILENO, b->log_fd) != 0)
		return -1;
	while (!is_ready(s)) {
		if (child_has_ended(&s->heapgate) || clock_mono_us() > until)
			return -1;
		usleep(10000);
	}
	s->n_workers = reading_children(s->heapgate.pid, s->workers, WORKERS_MAX);
	return s->n_workers ? 0 : -1;
}

static int start_load(struct stage *s)
{
	const struct bench *b = s->bench;
	const struct campaign *c = b->campaign;
	char rate[32], seed[24], conns[16], streams[16], idle[16], phases[512] = "";
	/* One connection is opened after the other. How many handshakes meet in the
	 * worker if they need not wait is a matter of chance, and what they leave
	 * behind stays: it was most of what runs of the same arm differed by. */
	const char *argv[24] = {"load",       b->url,      "--report-fd",
				"3",          "--rate",    rate,
				"--seed",     seed,        "--connections",
				conns,        "--streams", streams,
				"--idle",     idle,        "--opening",
				"1",          "--phases",  phases,
				"--workload", c->workload, c->h1 ? "--h1" : NULL,
				NULL};
	size_t at = 0;

	for (unsigned int i = 0; i < c->n_phases; i++)
		at += (size_t)snprintf(phases + at, sizeof(phases) - at,
				       "%s%s:%llums:%g:%u", i ? "," : "",
				       c->phases[i].name,
				       (unsigned long long)c->phases[i].lasts_us / 1000,
				       c->phases[i].factor, c->phases[i].n_per_conn);
	snprintf(rate, sizeof(rate), "%g", c->rate);
	/* Each round asks something else, each arm of a round the same. */
	snprintf(seed, sizeof(seed), "%llu",
		 (unsigned long long)(c->seed + s->run->round));
	snprintf(conns, sizeof(conns), "%u", c->n_conns);
	snprintf(streams, sizeof(streams), "%u", c->n_streams);
	snprintf(idle, sizeof(idle), "%u", c->n_idle);
	return child_start(&s->load, argv, 3, b->log_fd);
}

static void read_full(struct stage *s, struct reading *to)
{
	char *metrics = NULL;

	if (s->bench->metrics_port)
		child_get(s->bench->metrics_port, "/metrics", 1000, &metrics);
	if (!reading_full(to, s->workers, s->n_workers, metrics))
		s->lost = true;
	mem_free(MEM_WORKER, metrics);
}

static void read_sample(struct stage *s)
{
	struct reading r;

	if (clock_mono_us() - s->sample_us < CAMPAIGN_SAMPLE_MS * 1000 ||
	    !s->begun_us || s->lost)
		return;
	if (!reading_take(&r, s->workers, s->n_workers)) {
		s->lost = true;
		return;
	}
	s->sample_us = r.at_us;
	if (r.at_us >= s->begun_us &&
	    run_add_sample(s->run, (struct sample){r.at_us - s->begun_us, r.anon_bytes,
						   r.cpu_ns}) != 0)
		s->lost = true;
}

static void end_phase(struct stage *s)
{
	read_full(s, &s->run->phases[s->run->n_phases].end);
	s->run->n_phases++;
}

static void on_begin(struct stage *s, const json_t *o)
{
	const char *name = json_string_value(json_object_get(o, "name"));
	json_int_t at = json_integer_value(json_object_get(o, "begun_us"));

	if (!s->begun_us) {
		s->begun_us = (uint64_t)at;
		s->sample_us = 0;
	} else if (s->run->n_phases < s->bench->campaign->n_phases) {
		end_phase(s);
	}
	if (s->bench->on_phase && name)
		s->bench->on_phase(name, s->bench->arg);
}

static void on_line(struct stage *s, const char *line)
{
	json_t *o = json_loads(line, 0, NULL);
	const char *event = json_string_value(json_object_get(o, "event"));

	if (event && strcmp(event, "begin") == 0) {
		on_begin(s, o);
	} else if (event && s->n_results < s->bench->campaign->n_phases) {
		if (s->run->n_phases < s->bench->campaign->n_phases)
			end_phase(s);
		if (load_result_parse(o, &s->run->phases[s->n_results].load) == 0)
			s->n_results++;
	}
	json_decref(o);
}

/* Listens to the generator and samples until it has ended. */
static void watch(struct stage *s)
{
	uint64_t patience = 60000000 + 2 * campaign_run_us(s->bench->campaign);
	uint64_t until = clock_mono_us() + patience;
	char *line;
	int rc;

	while (clock_mono_us() < until && !s->lost) {
		uint64_t since = clock_mono_us() - s->sample_us;
		int wait = since >= CAMPAIGN_SAMPLE_MS * 1000
				   ? 0
				   : CAMPAIGN_SAMPLE_MS - (int)(since / 1000);

		rc = child_line(&s->load, s->begun_us ? wait : 20, &line);
		if (rc < 0)
			return;
		if (rc > 0) {
			on_line(s, line);
			mem_free(MEM_TICK, line);
		}
		read_sample(s);
	}
}

/* --- may it count? --------------------------------------------------- */

#define MAX_STEAL   0.05  /* of the CPUs' time */
#define MAX_STALLED 0.10  /* of the time, for memory or disk */
#define MAX_ERRORS  0.001 /* of the requests */
#define MAX_CPU     0.90  /* of a core, for the generator */
#define MAX_LATE_US 250000.0
#define MAX_STRAY   (1u << 20) /* bytes of libc's heap */

/* What the host did since then. */
static void read_host(struct run *r, const struct host_reading *since)
{
	struct host_reading now;
	double us, ticks;

	host_reading_take(&now);
	us = (double)(now.at_us - since->at_us);
	ticks = (double)(now.all_ticks - since->all_ticks);
	r->steal =
		ticks > 0 ? (double)(now.steal_ticks - since->steal_ticks) / ticks : 0;
	r->cpu_pressure = (double)(now.cpu_some_us - since->cpu_some_us) / us;
	r->memory_pressure = (double)(now.memory_full_us - since->memory_full_us) / us;
	r->io_pressure = (double)(now.io_full_us - since->io_full_us) / us;
}

static bool disturbed(const struct run *r)
{
	return r->steal > MAX_STEAL || r->memory_pressure > MAX_STALLED ||
	       r->io_pressure > MAX_STALLED;
}

static void look_at_host(struct stage *s)
{
	struct run *r = s->run;

	read_host(r, &s->host);
	if (r->steal > MAX_STEAL)
		VOID("the hypervisor stole %.0f %% of the CPUs", 100 * r->steal);
	if (r->memory_pressure > MAX_STALLED)
		VOID("the host waited for memory %.0f %% of the time",
		     100 * r->memory_pressure);
	if (r->io_pressure > MAX_STALLED)
		VOID("the host waited for disks %.0f %% of the time",
		     100 * r->io_pressure);
}

/* Connections that idle and are not there take no memory. */
static void look_at_connections(struct stage *s)
{
	const struct campaign *c = s->bench->campaign;
	struct run *r = s->run;
	double wanted = (double)c->n_conns + c->n_idle;
	double there = (double)r->phases[0].load.conns;

	if (there < (1 - MAX_ERRORS) * wanted)
		VOID("%.0f of %.0f connections could not be opened", wanted - there,
		     wanted);
}

static void look_at_load(struct stage *s)
{
	struct run *r = s->run;

	look_at_connections(s);
	for (unsigned int i = 0; i < r->n_phases; i++) {
		const struct load_result *l = &r->phases[i].load;

		if (load_result_cpu_share(l) > MAX_CPU)
			VOID("%s: the load generator was at its limit (%.0f %% of a "
			     "core)",
			     l->name, 100 * load_result_cpu_share(l));
		if (latencies_quantile(&l->late, 0.99) > MAX_LATE_US)
			VOID("%s: the load generator came late", l->name);
		if (load_result_error_share(l) > MAX_ERRORS)
			VOID("%s: %.2g %% of the requests did not end well", l->name,
			     100 * load_result_error_share(l));
	}
}

static void look_for_backlog(struct stage *s)
{
	struct run *r = s->run;
	double us = measure_backlog_us(s->bench->campaign, r);

	if (us > 0)
		VOID("requests piled up for %.0f ms while the CPUs were busy",
		     us / 1000);
}

/* These never take from brk(): what grows there went past the allocator. */
static bool shuns_brk(const char *spec)
{
	return strncmp(spec, "jemalloc", 8) == 0 || strncmp(spec, "mimalloc", 8) == 0 ||
	       strncmp(spec, "hybrid", 6) == 0;
}

static void look_at_heap(struct stage *s)
{
	struct run *r = s->run;
	const struct reading *end = &r->phases[r->n_phases - 1].end;

	if (!shuns_brk(s->bench->campaign->arms.at[r->arm].spec) ||
	    r->base.brk_bytes == READING_UNKNOWN || end->brk_bytes == READING_UNKNOWN)
		return;
	if (end->brk_bytes > r->base.brk_bytes + MAX_STRAY)
		VOID("stray allocations: libc's heap grew by %llu kB",
		     (unsigned long long)(end->brk_bytes - r->base.brk_bytes) >> 10);
}

static void judge(struct stage *s)
{
	struct run *r = s->run;
	pid_t now[WORKERS_MAX];

	if (s->n_results < s->bench->campaign->n_phases ||
	    r->n_phases < s->bench->campaign->n_phases) {
		VOID("the load did not come to its end");
		return;
	}
	look_at_heap(s);
	look_at_load(s);
	look_at_host(s);
	if (!r->why_void[0])
		look_for_backlog(s);
	if (reading_children(s->heapgate.pid, now, WORKERS_MAX) != s->n_workers ||
	    memcmp(now, s->workers, s->n_workers * sizeof(*now)) != 0 || s->lost)
		VOID("a worker ended");
}

/* --- a run from its start to its end --------------------------------- */

static void take_label(const char *line, const char *name, char *to, size_t cap)
{
	char key[64];
	const char *at;

	snprintf(key, sizeof(key), "%s=\"", name);
	at = strstr(line, key);
	if (at)
		snprintf(to, cap, "%.*s", (int)strcspn(at + strlen(key), "\""),
			 at + strlen(key));
}

static void take_allocator(struct stage *s)
{
	char *metrics = NULL, *line;

	if (s->bench->metrics_port)
		child_get(s->bench->metrics_port, "/metrics", 1000, &metrics);
	line = metrics ? strstr(metrics, "\nheapgate_allocator_info{") : NULL;
	if (line) {
		line[1 + strcspn(line + 1, "\n")] = '\0';
		take_label(line, "version", s->run->allocator_version,
			   sizeof(s->run->allocator_version));
		take_label(line, "path", s->run->allocator_path,
			   sizeof(s->run->allocator_path));
	}
	mem_free(MEM_WORKER, metrics);
}

static int perform(struct stage *s, char *err, size_t err_cap)
{
	const char *spec = s->bench->campaign->arms.at[s->run->arm].spec;

	if (start_heapgate(s) != 0)
		return FAIL("heapgate with %s does not start; see %s/processes.log",
			    spec, s->bench->dir);
	take_allocator(s);
	usleep(100000); /* what it does right after its start */
	read_full(s, &s->run->base);
	host_reading_take(&s->host);
	if (start_load(s) != 0)
		return FAIL("the load generator: %s", strerror(errno));
	watch(s);
	judge(s);
	return 0;
}

int bench_run(struct bench *b, unsigned int arm, unsigned int round, unsigned int place,
	      unsigned int attempt, char *err, size_t err_cap)
{
	struct stage s = {.bench = b, .heapgate = {.out = -1}, .load = {.out = -1}};
	int rc;

	s.run = campaign_add_run(b->campaign);
	if (!s.run)
		return FAIL("no memory");
	s.run->arm = arm;
	s.run->round = round;
	s.run->place = place;
	s.run->attempt = attempt;
	rc = perform(&s, err, err_cap);
	child_stop(&s.load, 1000);
	child_stop(&s.heapgate, 1500);
	if (rc != 0)
		snprintf(s.run->why_void, sizeof(s.run->why_void), "%s", "not started");
	return rc;
}

#define CALM_US     1000000u /* so long the host must be quiet */
#define WAIT_MAX_US 10000000u

void bench_wait(struct bench *b, const struct run *r)
{
	uint64_t begun = clock_mono_us(), waited = 0;
	struct run now = *r;
	struct host_reading since;

	while (disturbed(&now) && waited < WAIT_MAX_US && waited < b->patience_us) {
		host_reading_take(&since);
		if (usleep(CALM_US) != 0)
			break; /* a signal */
		read_host(&now, &since);
		waited = clock_mono_us() - begun;
	}
	b->patience_us -= waited < b->patience_us ? waited : b->patience_us;
}
