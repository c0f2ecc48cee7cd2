#include "server/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "conf/snapshot.h"
#include "io/reuseport.h"
#include "proxy/back.h"
#include "proxy/dispatch.h"
#include "proxy/front.h"
#include "server/channel.h"
#include "server/exits.h"
#include "server/hooks.h"
#include "server/memory_worker.h"
#include "server/shared.h"
#include "server/user.h"
#include "upstream/health.h"

#define SECOND_MS 1000
#define LINGER_MS 20
/* Asking an allocator for its figures may take this share of the time. */
#define STATS_SHARE 10000

/* One listener of this worker. */
struct port {
	struct worker *w;
	unsigned int index;
	SSL_CTX *tls; /* NULL: cleartext */
	struct listener *listener;
};

struct worker {
	unsigned int number;
	pid_t parent;
	struct shared *shared;
	struct stats *stats;
	struct snapshot *snapshot;
	struct loop loop;
	struct resolver *resolver;
	struct upstream **upstreams; /* NULL where one is not made yet */
	struct health **health;      /* one each; NULL: not checked */
	struct port *ports;
	struct gate gate;
	bool has_gate;
	struct accesslog *log;
	struct error_pages *error_pages;
	const struct arm_conf *arm;
	struct event *channel;
	struct memory_worker memory;
	uint64_t base_bytes; /* anonymous memory before the allocator's start */
	struct timer second;
	uint64_t stats_at_ms; /* when to ask the allocator next */
	struct timer linger;
	bool draining;
	bool ending; /* nobody is left to be served */
};

/* --- what it counts ------------------------------------------------------ */

static void describe_allocator(struct stats *s)
{
	const struct mem_info *info = mem_info();

	snprintf(s->allocator_name, sizeof(s->allocator_name), "%.*s",
		 (int)sizeof(s->allocator_name) - 1, info->name);
	snprintf(s->allocator_version, sizeof(s->allocator_version), "%.*s",
		 (int)sizeof(s->allocator_version) - 1, info->version);
	snprintf(s->allocator_path, sizeof(s->allocator_path), "%.*s",
		 (int)sizeof(s->allocator_path) - 1, info->path);
	snprintf(s->allocator_regions, sizeof(s->allocator_regions), "%s",
		 info->regions ? "bump" : "heap");
}

/* Some allocators answer in a microsecond, glibc's walks its whole heap: the
 * dearer the answer, the rarer the question. Dear in CPU: what others took of
 * it meanwhile must not make the figures old. */
static void ask_allocator(struct worker *w)
{
	struct mem_stats now;
	uint64_t start_us, took_us;

	if (w->loop.now_ms < w->stats_at_ms)
		return;
	start_us = clock_cpu_us();
	if (mem_stats(&now))
		w->stats->allocator = now;
	took_us = clock_cpu_us() - start_us;
	w->stats_at_ms = w->loop.now_ms + took_us * STATS_SHARE / 1000;
}

static void second_cb(struct timer *t)
{
	struct worker *w = container_of(t, struct worker, second);

	gate_trim(&w->gate);
	gate_trim(&w->gate);
	mem_decay(w->loop.now_ms);
	ask_allocator(w);
	atomic_store_explicit(&w->stats->region_overflow,
			      stat_get(&mem_counters()->region_overflows),
			      memory_order_relaxed);
	timer_set(&w->loop, &w->second, SECOND_MS);
}

/* --- the end ------------------------------------------------------------- */

static void close_backs(struct worker *w)
{
	for (unsigned int i = 0; i < w->snapshot->n_upstreams; i++) {
		struct upstream *u = w->upstreams[i];

		health_stop(&w->health[i]);
		for (unsigned int k = 0; u && k < u->n_servers; k++) {
			back_h1_close_all(&w->gate, &u->servers[k]);
			back_h2_close_all(&w->gate, &u->servers[k]);
		}
	}
}

/* Within a turn: what is closed here is freed at its end, and the loop with
 * the next thing that the worker does. */
static void quit(struct worker *w)
{
	w->ending = true;
	timer_stop(&w->loop, &w->linger);
	gate_close_all(&w->gate);
	close_backs(w);
	conn_free_lingering(&w->loop);
	loop_stop(&w->loop);
}

/* The last client is served, but its answer may still be on the way. */
static void linger_cb(struct timer *t)
{
	struct worker *w = container_of(t, struct worker, linger);

	if (list_empty(&w->loop.lingering))
		quit(w);
	else
		timer_set(&w->loop, &w->linger, LINGER_MS);
}

static void on_idle(struct gate *g)
{
	struct worker *w = g->owner;

	if (w->ending)
		return;
	w->ending = true;
	timer_set(&w->loop, &w->linger, 0);
}

static void drain(struct worker *w)
{
	if (w->draining)
		return;
	w->draining = true;
	atomic_store(&w->stats->draining, 1);
	log_info("drains: %u connections", w->gate.n_fronts);
	for (unsigned int i = 0; i < w->snapshot->n_listens; i++)
		listener_drain(w->ports[i].listener);
	gate_drain(&w->gate);
}

static void reopen_logs(struct worker *w)
{
	log_reopen();
	if (w->log)
		accesslog_reopen(w->log);
}

static void signal_cb(int signal, void *arg)
{
	struct worker *w = arg;

	if (signal == SIGUSR1)
		reopen_logs(w);
	else
		drain(w);
}

static void channel_cb(int fd, void *arg)
{
	struct worker *w = arg;
	enum channel_word word;
	uint32_t ticket = 0;
	size_t len;

	while ((word = channel_recv_with(fd, &ticket, sizeof(ticket), &len)) !=
	       CHANNEL_NOTHING) {
		if (word == CHANNEL_DRAIN)
			drain(w);
		else if (word == CHANNEL_REOPEN)
			reopen_logs(w);
		else if (word == CHANNEL_MEMORY)
			memory_worker_ask(&w->memory, ticket);
		else if (word == CHANNEL_PURGE)
			memory_worker_purge(&w->memory, ticket);
		else
			quit(w);
		if (word == CHANNEL_CLOSED)
			return;
	}
}

/* --- the start ----------------------------------------------------------- */

#define FAIL(code, ...) (log_error(__VA_ARGS__), (code))

/* No worker outlives the supervisor. The kernel forgets about this when the
 * user changes, and the supervisor may be gone already. */
static int follow_parent(struct worker *w)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == w->parent)
		return EXITS_OK;
	return FAIL(EXITS_INTERNAL, "the supervisor is gone");
}

static int open_shared(struct worker *w)
{
	w->shared = shared_map(WORKER_FD_SHARED);
	if (!w->shared)
		return FAIL(EXITS_INTERNAL, "cannot map the shared memory: %m");
	close(WORKER_FD_SHARED);
	if (w->number >= w->shared->n_workers)
		return FAIL(EXITS_INTERNAL, "there is no seat %u", w->number);
	w->stats = shared_stats(w->shared, w->number);
	mem_counters_move(&w->stats->mem);
	atomic_store(&w->stats->started_wall_us, clock_wall_us());
	describe_allocator(w->stats);
	return EXITS_OK;
}

static int open_config(struct worker *w)
{
	struct stat st;
	char *text;

	if (fstat(WORKER_FD_CONFIG, &st) != 0 || st.st_size == 0)
		return FAIL(EXITS_INTERNAL, "there is no config");
	text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, WORKER_FD_CONFIG,
		    0);
	if (text == MAP_FAILED)
		return FAIL(EXITS_INTERNAL, "cannot map the config: %m");
	w->snapshot =
		snapshot_parse("(effective config)", text, (size_t)st.st_size, stderr);
	munmap(text, (size_t)st.st_size);
	close(WORKER_FD_CONFIG);
	if (w->snapshot && w->number < w->snapshot->n_seats) {
		unsigned int arm = snapshot_arm_of(w->snapshot, w->number);

		w->arm = &w->snapshot->experiment.arms[arm];
		return EXITS_OK;
	}
	return FAIL(EXITS_INTERNAL, "cannot read the config that the supervisor read");
}

static int open_log(struct worker *w)
{
	const struct snapshot *s = w->snapshot;
	const char *slash = strrchr(mem_info()->name, '/');
	bool is_arm = s->experiment.is_on;
	char who[128];

	snprintf(who, sizeof(who), "worker %u %s%s%.40s", w->number,
		 is_arm ? w->arm->name : "", is_arm ? " " : "",
		 slash ? slash + 1 : mem_info()->name);
	if (log_open(s->error_path, s->error_level, who) == 0)
		return EXITS_OK;
	return FAIL(EXITS_CONFIG, "cannot open the log %s: %m", s->error_path);
}

static int open_loop(struct worker *w)
{
	static const int signals[] = {SIGTERM, SIGQUIT, SIGUSR1};

	if (loop_init(&w->loop) != 0)
		return FAIL(EXITS_INTERNAL, "cannot make the event loop: %m");
	timer_init(&w->second, second_cb);
	timer_init(&w->linger, linger_cb);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN); /* the supervisor gets it too */
	signal(SIGHUP, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
	for (unsigned int i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		if (loop_on_signal(&w->loop, signals[i], signal_cb, w) != 0)
			return FAIL(EXITS_INTERNAL, "cannot watch for signals");
	w->resolver = resolver_new(&w->loop);
	if (!w->resolver)
		return FAIL(EXITS_INTERNAL, "cannot make the resolver");
	return EXITS_OK;
}

static void link_routes(struct worker *w)
{
	struct snapshot *s = w->snapshot;

	for (unsigned int r = 0; r < s->n_routes; r++)
		for (unsigned int u = 0; u < s->n_upstreams; u++)
			if (strcmp(s->routes[r].upstream, s->upstreams[u].name) == 0)
				s->routes[r].to = w->upstreams[u];
}

static int open_upstreams(struct worker *w)
{
	struct snapshot *s = w->snapshot;
	struct server_stats *stats = s->n_servers ? stats_server(w->stats, 0) : NULL;
	char err[256] = "";

	w->upstreams = mem_zalloc(MEM_WORKER, s->n_upstreams, sizeof(*w->upstreams));
	w->health = mem_zalloc(MEM_WORKER, s->n_upstreams, sizeof(*w->health));
	if (!w->upstreams || !w->health)
		return FAIL(EXITS_INTERNAL, "no memory");
	for (unsigned int i = 0; i < s->n_upstreams; i++) {
		w->upstreams[i] = upstream_new(&w->loop, w->resolver, &s->upstreams[i],
					       stats, err, sizeof(err));
		if (!w->upstreams[i])
			return FAIL(EXITS_CONFIG, "upstream %s: %s",
				    s->upstreams[i].name, err);
	}
	link_routes(w);
	return EXITS_OK;
}

static int open_gate(struct worker *w)
{
	const struct snapshot *s = w->snapshot;
	struct gate *g = &w->gate;

	w->error_pages = error_pages_new(s->error_pages, s->n_error_pages);
	if (!w->error_pages)
		return FAIL(EXITS_INTERNAL, "no memory");
	gate_init(g, &w->loop, w->stats, &s->limits);
	w->has_gate = true;
	g->dispatch = dispatch;
	g->retry = dispatch_retry;
	g->routes = s->route_table;
	g->error_pages = w->error_pages;
	g->via = strcmp(s->via, "off") == 0 ? NULL : s->via;
	g->forwarded = s->forwarded;
	g->on_idle = on_idle;
	g->owner = w;
	g->arm = s->experiment.is_on && s->experiment.header ? w->arm->name : NULL;
	memory_worker_init(&w->memory, g, WORKER_FD_CHANNEL, w->base_bytes);
	w->memory.upstreams = w->upstreams;
	w->memory.n_upstreams = s->n_upstreams;
	if (!s->access.path)
		return EXITS_OK;
	w->log = accesslog_open(&w->loop, &s->access, w->arm->name, w->number);
	if (!w->log)
		return FAIL(EXITS_CONFIG, "cannot open the log %s: %m", s->access.path);
	g->log = w->log;
	return EXITS_OK;
}

/* While we may still read the keys. */
static int open_tls(struct worker *w)
{
	const struct snapshot *s = w->snapshot;
	char err[256] = "";

	w->ports = mem_zalloc(MEM_WORKER, s->n_listens, sizeof(*w->ports));
	if (!w->ports)
		return FAIL(EXITS_INTERNAL, "no memory");
	for (unsigned int i = 0; i < s->n_listens; i++) {
		struct port *p = &w->ports[i];

		p->w = w;
		p->index = i;
		if (!s->listens[i].is_tls)
			continue;
		p->tls = tls_server_ctx(&s->listens[i].tls, &w->shared->tickets, err,
					sizeof(err));
		if (!p->tls)
			return FAIL(EXITS_CONFIG, "listen %s: %s", s->listens[i].text,
				    err);
	}
	return EXITS_OK;
}

static int drop_rights(struct worker *w)
{
	const char *user = w->snapshot->user;
	char err[256] = "";

	if (user && user_become(user, err, sizeof(err)) != 0)
		return FAIL(EXITS_CONFIG, "%s", err);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return follow_parent(w);
}

/* Only while the supervisor wants to know. */
static void note_client(struct worker *w, const struct addr *peer)
{
	uint32_t epoch =
		atomic_load_explicit(&w->shared->clients_epoch, memory_order_relaxed);

	if (epoch)
		stats_note_client(w->stats, reuseport_hash(peer), epoch);
}

static void accept_cb(int fd, const struct addr *peer, void *arg)
{
	struct port *p = arg;

	note_client(p->w, peer);
	front_accept(&p->w->gate, fd, peer, p->tls, p->index);
}

static int open_ports(struct worker *w)
{
	for (unsigned int i = 0; i < w->snapshot->n_listens; i++) {
		struct port *p = &w->ports[i];

		p->listener =
			listener_new(&w->loop, WORKER_FD_LISTEN + (int)i, accept_cb, p);
		if (!p->listener)
			return FAIL(EXITS_INTERNAL, "no memory");
	}
	return EXITS_OK;
}

static void start_checks(struct worker *w)
{
	for (unsigned int i = 0; i < w->snapshot->n_upstreams; i++)
		w->health[i] = health_start(w->upstreams[i]);
}

static int say_ready(struct worker *w)
{
	const struct mem_info *info = mem_info();

	log_notice("allocator %s, version %s, from %s, regions=%s", info->spec,
		   info->version[0] ? info->version : "unknown", info->path,
		   info->regions ? "bump" : "heap");
	w->channel = loop_watch(&w->loop, WORKER_FD_CHANNEL, channel_cb, w);
	if (!w->channel)
		return FAIL(EXITS_INTERNAL, "no memory");
	timer_set(&w->loop, &w->second, SECOND_MS);
	ask_allocator(w);
	start_checks(w);
	atomic_store(&w->stats->ready, 1);
	if (channel_send(WORKER_FD_CHANNEL, CHANNEL_READY) != 0)
		log_error("the supervisor is gone"); /* the channel says so too */
	return EXITS_OK;
}

static void raise_limits(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

/* In the order of the lives: what comes later may point to what came before. */
static int open_all(struct worker *w)
{
	static int (*const steps[])(struct worker *) = {
		follow_parent, open_shared,    open_config, open_log,
		open_loop,     open_upstreams, open_gate,   open_tls,
		drop_rights,   open_ports,     say_ready,
	};
	int code = EXITS_OK;

	for (unsigned int i = 0; !code && i < sizeof(steps) / sizeof(*steps); i++)
		code = steps[i](w);
	return code;
}

static void close_ports(struct worker *w)
{
	for (unsigned int i = 0; w->ports && i < w->snapshot->n_listens; i++) {
		listener_free(&w->ports[i].listener);
		tls_ctx_free(&w->ports[i].tls);
	}
	mem_free(MEM_WORKER, w->ports);
}

/* The way that open_all() came, backwards. The shared memory stays: the
 * allocator counts there to the very end. */
static void close_all(struct worker *w)
{
	if (w->stats)
		atomic_store(&w->stats->ready, 0);
	if (w->loop.base) {
		timer_stop(&w->loop, &w->second);
		timer_stop(&w->loop, &w->linger);
	}
	loop_unwatch(&w->channel);
	memory_worker_fini(&w->memory);
	close_ports(w);
	if (w->has_gate)
		gate_fini(&w->gate);
	error_pages_free(&w->error_pages);
	for (unsigned int i = 0; w->upstreams && i < w->snapshot->n_upstreams; i++)
		upstream_free(&w->upstreams[i]);
	mem_free(MEM_WORKER, w->health);
	mem_free(MEM_WORKER, w->upstreams);
	accesslog_close(&w->log);
	resolver_free(&w->resolver);
	loop_fini(&w->loop);
	snapshot_free(&w->snapshot);
	hooks_remove();
}

static int parse_args(struct worker *w, int argc, char **argv)
{
	uint64_t number, parent;

	if (argc != 4 || !str_u64(str_z(argv[1]), &number) ||
	    !str_u64(str_z(argv[3]), &parent)) {
		log_error("a worker is started by heapgate itself only");
		return EXITS_USAGE;
	}
	w->number = (unsigned int)number;
	w->parent = (pid_t)parent;
	return EXITS_OK;
}

static int choose_allocator(const char *spec)
{
	char err[256] = "";

	if (mem_choose(spec, err, sizeof(err)) != 0)
		return FAIL(EXITS_ALLOCATOR, "allocator %s: %s", spec, err);
	if (hooks_install(err, sizeof(err)) != 0)
		return FAIL(EXITS_INTERNAL, "%s", err);
	return EXITS_OK;
}

int worker_main(int argc, char **argv)
{
	struct worker w;
	int code;

	memset(&w, 0, sizeof(w));
	code = parse_args(&w, argc, argv);
	w.base_bytes = memory_anon_bytes();
	if (!code)
		code = choose_allocator(argv[2]);
	if (code)
		return code;
	raise_limits();
	code = open_all(&w);
	if (!code)
		loop_run(&w.loop);
	close_all(&w);
	return code;
}
