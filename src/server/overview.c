#include "server/overview.h"

#include <sys/resource.h>
#include <unistd.h>

#include "server/experiment.h"
#include "server/supervisor.h"

/* --- metrics ------------------------------------------------------------- */

/* The arrays of a view; they live in the tick arena. */
struct lists {
	struct metrics_arm *arms;
	struct metrics_worker *workers;
	const char **listeners;
	const char **routes;
	struct metrics_server *servers;
};

static int alloc_lists(struct lists *to, struct arena *a, const struct snapshot *s)
{
	to->arms = arena_zalloc(a, s->experiment.n_arms * sizeof(*to->arms));
	to->workers = arena_zalloc(a, s->n_seats * sizeof(*to->workers));
	to->listeners = arena_zalloc(a, s->n_listens * sizeof(*to->listeners));
	to->routes = arena_zalloc(a, s->n_routes * sizeof(*to->routes));
	to->servers = arena_zalloc(a, s->n_servers * sizeof(*to->servers));
	return a->failed ? -1 : 0;
}

static void list_names(struct lists *to, const struct snapshot *s)
{
	for (unsigned int i = 0; i < s->n_listens; i++)
		to->listeners[i] = s->listens[i].text;
	for (unsigned int i = 0; i < s->n_routes; i++)
		to->routes[s->routes[i].index] = s->routes[i].name;
	for (unsigned int i = 0; i < s->n_upstreams; i++) {
		const struct upstream_conf *u = &s->upstreams[i];

		for (unsigned int k = 0; k < u->n_servers; k++)
			to->servers[u->servers[k].index] =
				(struct metrics_server){u->name, u->servers[k].text};
	}
}

static void list_arms(struct lists *to, const struct supervisor *s)
{
	const struct crew *c = s->crew;

	for (unsigned int i = 0; i < c->snapshot->experiment.n_arms; i++) {
		const struct arm *a = c->experiment ? &c->experiment->arms[i] : NULL;

		to->arms[i] = (struct metrics_arm){
			.name = c->snapshot->experiment.arms[i].name,
			.weight = a ? a->weight : 1,
			.is_drained = a && a->drained,
		};
	}
	to->arms[0].restarts = s->restarts_before;
}

static void list_workers(struct lists *to, struct crew *c, uint64_t now_ms, bool slow)
{
	for (unsigned int i = 0; i < c->n_seats; i++) {
		struct seat *s = &c->seats[i];
		bool seen = s->pid && procfs_read(&s->process, now_ms, slow) == 0;

		to->workers[i] = (struct metrics_worker){
			.stats = shared_stats(c->shared, i),
			.number = i,
			.arm = s->arm,
			.is_running = s->pid != 0,
			.process = seen ? &s->process.now : NULL,
		};
		to->arms[s->arm].restarts += s->restarts;
	}
}

static void add_self(struct metrics_view *v, const struct supervisor *s,
		     struct procfs *self)
{
	struct rlimit files;

	procfs_init(self, getpid());
	v->process = procfs_read(self, s->loop.now_ms, false) == 0 ? &self->now : NULL;
	v->open_fds = procfs_count_fds(getpid());
	v->max_fds = PROCFS_UNKNOWN;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0)
		v->max_fds = files.rlim_cur;
	v->started_wall_us = s->started_wall_us;
	v->reloads_done = s->reloads_done;
	v->reloads_failed = s->reloads_failed;
	v->reload_failed = s->reload == RELOAD_FAILED;
}

int overview_fill(struct supervisor *s, struct metrics_view *v, bool slow)
{
	struct crew *c = s->crew;
	struct lists lists;

	if (!c)
		return 0;
	if (alloc_lists(&lists, &s->loop.tick, c->snapshot) != 0)
		return -1;
	list_arms(&lists, s);
	list_names(&lists, c->snapshot);
	list_workers(&lists, c, s->loop.now_ms, slow);
	v->arms = lists.arms;
	v->n_arms = c->snapshot->experiment.n_arms;
	v->has_experiment = c->experiment != NULL;
	v->workers = lists.workers;
	v->n_workers = c->n_seats;
	v->listeners = lists.listeners;
	v->n_listeners = c->snapshot->n_listens;
	v->routes = lists.routes;
	v->n_routes = c->snapshot->n_routes;
	v->servers = lists.servers;
	v->n_servers = c->snapshot->n_servers;
	v->loaded_wall_us = c->loaded_wall_us;
	return 0;
}

void overview_print_metrics(struct supervisor *s, struct text *to, bool openmetrics,
			    bool slow)
{
	struct metrics_view v = {.arms = NULL};
	struct procfs self;

	add_self(&v, s, &self);
	if (overview_fill(s, &v, slow) == 0)
		metrics_print(to, &v, openmetrics);
	else
		to->failed = true;
}

/* --- workers ------------------------------------------------------------- */

static json_t *worker_json(const struct crew *c, const struct seat *s)
{
	const struct stats *stats = shared_stats(c->shared, s->number);

	return json_pack(
		"{s:i, s:s, s:i, s:s, s:i, s:s, s:s, s:I, s:I, s:I}", "worker",
		(int)s->number, "arm", c->snapshot->experiment.arms[s->arm].name,
		"config", (int)c->number, "state", seat_state_name(s->state), "pid",
		(int)s->pid, "allocator", stats->allocator_name, "version",
		stats->allocator_version, "connections",
		(json_int_t)(stat_get(&stats->fronts_h1) + stat_get(&stats->fronts_h2)),
		"streams", (json_int_t)stat_get(&stats->streams_active), "restarts",
		(json_int_t)s->restarts);
}

static void add_crew(json_t *to, const struct crew *c)
{
	for (unsigned int i = 0; c && i < c->n_seats; i++)
		if (c->seats[i].pid || c->state != CREW_ENDING)
			json_array_append_new(to, worker_json(c, &c->seats[i]));
}

json_t *overview_workers(const struct supervisor *s)
{
	json_t *root = json_array();

	add_crew(root, s->crew);
	add_crew(root, s->next);
	list_each (n, &s->old)
		add_crew(root, container_of(n, struct crew, node));
	return root;
}
