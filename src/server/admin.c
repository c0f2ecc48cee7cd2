#include "server/admin.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "proxy/front.h"
#include "proxy/reply.h"
#include "proxy/stream.h"
#include "server/dashboard.h"
#include "server/experiment_pages.h"
#include "server/overview.h"
#include "server/shared.h"
#include "server/supervisor.h"

#define BACKLOG 64

/* The endpoints, as the gate numbers its listeners. */
enum { AT_METRICS, AT_ADMIN, N_ENDPOINTS };

struct endpoint {
	struct addr addr; /* as configured; len 0: none */
	int fd;           /* the listener's */
	bool is_borrowed; /* others listen there too: leave its file */
	struct listener *listener;
};

struct admin {
	struct supervisor *s;
	struct dashboard *dashboard;
	struct gate gate;
	bool has_gate;
	struct limits_conf limits;
	struct shared *shared; /* its own stats; shared with nobody */
	struct endpoint endpoints[N_ENDPOINTS];
	struct place {
		struct admin *a;
		unsigned int index;
	} places[N_ENDPOINTS]; /* what a listener is told */
	/* admin_give_sockets(); NULL: nothing was given */
	const struct addr *given;
	const int *given_fds;
};

/* --- answers ------------------------------------------------------------- */

#define TEXT STR("text/plain; charset=utf-8")
#define JSON STR("application/json")

/* Takes root over. */
static void send_json(struct stream *s, unsigned int status, json_t *root)
{
	char *text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
	char *line = text ? arena_printf(&s->arena, "%s\n", text) : NULL;

	json_decref(root);
	mem_free(MEM_JANSSON, text);
	if (line)
		reply_send(s, status, JSON, str_z(line));
	else
		reply_error(s, 500);
}

static struct supervisor *supervisor_of(const struct stream *s)
{
	return ((struct admin *)s->gate->handler)->s;
}

static struct dashboard *dashboard_of(const struct stream *s)
{
	return ((struct admin *)s->gate->handler)->dashboard;
}

static void get_index(struct stream *s);

static void get_history(struct stream *s)
{
	dashboard_get_history(dashboard_of(s), s);
}

static void get_live(struct stream *s)
{
	reply_send(s, 200, TEXT, STR("ok\n"));
}

static void get_ready(struct stream *s)
{
	const struct supervisor *v = supervisor_of(s);
	const char *why = supervisor_not_ready(v);
	json_t *root = json_pack("{s:b, s:i, s:i}", "ready", why == NULL, "workers",
				 v->crew ? (int)v->crew->n_seats : 0, "workers_ready",
				 v->crew ? (int)crew_n_ready(v->crew) : 0);

	if (why)
		json_object_set_new(root, "reason", json_string(why));
	send_json(s, why ? 503 : 200, root);
}

static struct str accept_of(const struct stream *s)
{
	const struct field *accept = fields_get(&s->req.headers, FIELD_ACCEPT);

	return accept ? str_of(accept->value, accept->value_len) : STR("");
}

static void get_metrics(struct stream *s)
{
	bool openmetrics = metrics_wants_openmetrics(accept_of(s));
	bool slow = memmem(s->req.path.p, s->req.path.len, "?slow", 5) != NULL;
	struct text to;

	text_init(&to, MEM_STREAM);
	overview_print_metrics(supervisor_of(s), &to, openmetrics, slow);
	if (to.failed)
		reply_error(s, 500);
	else
		reply_send(s, 200, str_z(metrics_content_type(openmetrics)),
			   text_str(&to));
	text_fini(&to);
}

static void get_workers(struct stream *s)
{
	send_json(s, 200, overview_workers(supervisor_of(s)));
}

/* The value of a key in the query; p is NULL if it is not there. */
static struct str query_value(const struct stream *s, struct str name)
{
	const char *mark = memchr(s->req.path.p, '?', s->req.path.len);
	struct str rest, part, key;

	if (!mark)
		return str_of(NULL, 0);
	rest = str_of(mark + 1, (size_t)(s->req.path.p + s->req.path.len - mark - 1));
	while (str_split(&rest, '&', &part))
		if (str_split(&part, '=', &key) && str_eq(key, name))
			return part.p ? part : STR("");
	return str_of(NULL, 0);
}

static bool wants_text(const struct stream *s)
{
	struct str format = query_value(s, STR("format"));
	struct str accept = accept_of(s);

	if (format.p)
		return str_eq(format, STR("text"));
	return accept.len && memmem(accept.p, accept.len, "text/plain", 10) != NULL;
}

/* Clients' addresses are for who may use the admin socket. */
static void get_memory(struct stream *s)
{
	memory_survey(supervisor_of(s), s,
		      &(struct memory_ask){.text = wants_text(s),
					   .peers = s->listener == AT_ADMIN,
					   .worker = -1});
}

static void post_purge(struct stream *s)
{
	struct str worker = query_value(s, STR("worker"));
	const struct crew *c = supervisor_of(s)->crew;
	uint64_t n = 0;

	if (worker.p && (!str_u64(worker, &n) || !c || n >= c->n_seats)) {
		reply_send(s, 404, TEXT, STR("there is no such worker\n"));
		return;
	}
	memory_survey(supervisor_of(s), s,
		      &(struct memory_ask){.purge = true,
					   .text = wants_text(s),
					   .worker = worker.p ? (int)n : -1});
}

static struct experiment *experiment_of(const struct stream *s)
{
	const struct crew *c = supervisor_of(s)->crew;

	return c ? c->experiment : NULL;
}

static void get_experiment(struct stream *s)
{
	experiment_pages_show(experiment_of(s), s);
}

static void post_weight(struct stream *s)
{
	experiment_pages_weight(experiment_of(s), s);
}

static void post_drain_arm(struct stream *s)
{
	experiment_pages_drain(experiment_of(s), s);
}

static void post_resume_arm(struct stream *s)
{
	experiment_pages_resume(experiment_of(s), s);
}

static json_t *reload_json(const struct supervisor *v)
{
	static const char *const states[] = {
		[RELOAD_NONE] = "none",
		[RELOAD_STARTING] = "starting",
		[RELOAD_DONE] = "done",
		[RELOAD_FAILED] = "failed",
	};
	json_t *root = json_pack("{s:s, s:i}", "state", states[v->reload], "config",
				 v->crew ? (int)v->crew->number : 0);

	if (v->reload == RELOAD_FAILED)
		json_object_set_new(root, "report", json_string(v->reload_report));
	return root;
}

static void get_reload(struct stream *s)
{
	send_json(s, 200, reload_json(supervisor_of(s)));
}

static void post_reload(struct stream *s)
{
	struct supervisor *v = supervisor_of(s);

	/* 202: the new workers are not ready yet. */
	if (supervisor_reload(v))
		send_json(s, 202, reload_json(v));
	else if (v->stopping)
		reply_send(s, 409, TEXT, STR("heapgate is stopping\n"));
	else
		send_json(s, 422, reload_json(v));
}

static void post_drain(struct stream *s)
{
	reply_send(s, 202, TEXT, STR("drains and stops\n"));
	supervisor_drain(supervisor_of(s), true);
}

static void post_reopen(struct stream *s)
{
	supervisor_reopen_logs(supervisor_of(s));
	reply_send(s, 200, TEXT, STR("logs are open anew\n"));
}

/* --- which of them ------------------------------------------------------- */

static const struct page {
	const char *path;
	bool admin_only; /* on the unix socket alone */
	void (*get)(struct stream *s);
	void (*post)(struct stream *s);
	const char *what;
} pages[] = {
	{"/", false, get_index, NULL, "this list; over TCP the dashboard"},
	{"/metrics", false, get_metrics, NULL, "Prometheus text, or OpenMetrics"},
	{"/history.json", false, get_history, NULL, "the last hour, every 5 s"},
	{"/livez", false, get_live, NULL, "200: the supervisor runs"},
	{"/readyz", false, get_ready, NULL, "200: all workers serve"},
	{"/workers", true, get_workers, NULL, "each worker, its pid and state"},
	{"/memory", false, get_memory, NULL, "who holds how much, and why RSS is so"},
	{"/memory/purge", true, NULL, post_purge, "POST: give unused memory back"},
	{"/experiment", false, get_experiment, NULL, "the arms side by side"},
	{"/experiment/weight", true, NULL, post_weight, "POST ?ARM=N&...: new weights"},
	{"/experiment/drain", true, NULL, post_drain_arm,
	 "POST ?arm=ARM: its clients go to the baseline"},
	{"/experiment/resume", true, NULL, post_resume_arm,
	 "POST ?arm=ARM: a drained arm gets them again"},
	{"/reload", true, get_reload, post_reload, "POST: read the config anew"},
	{"/drain", true, NULL, post_drain, "POST: finish what is begun and stop"},
	{"/reopen", true, NULL, post_reopen, "POST: open the log files anew"},
};
#define N_PAGES (sizeof(pages) / sizeof(*pages))

static bool is_there(const struct page *page, const struct stream *s)
{
	return !page->admin_only || s->listener == AT_ADMIN;
}

static void get_index(struct stream *s)
{
	struct text to;

	if (s->listener == AT_METRICS) {
		dashboard_get_page(dashboard_of(s), s);
		return;
	}
	text_init(&to, MEM_STREAM);
	text_z(&to, "heapgate " HEAPGATE_VERSION "\n\n");
	for (unsigned int i = 0; i < N_PAGES; i++)
		if (is_there(&pages[i], s))
			text_printf(&to, "%-14s %s\n", pages[i].path, pages[i].what);
	reply_send(s, 200, TEXT, text_str(&to));
	text_fini(&to);
}

static const struct page *find_page(const struct stream *s)
{
	struct str path = s->req.path;
	const char *query = memchr(path.p, '?', path.len);

	if (query)
		path.len = (size_t)(query - path.p);
	for (unsigned int i = 0; i < N_PAGES; i++)
		if (str_eq(path, str_z(pages[i].path)) && is_there(&pages[i], s))
			return &pages[i];
	return NULL;
}

/* RFC 9110 §15.5.6: with what would have been allowed. */
static void refuse_method(struct stream *s, const struct page *page)
{
	struct reply_field allow = {STR("allow"), STR("GET, HEAD, POST")};

	if (!page->post)
		allow.value = STR("GET, HEAD");
	else if (!page->get)
		allow.value = STR("POST");
	reply_send_with(s, 405, STR("text/plain"), STR("405 Method Not Allowed\n"),
			&allow, 1);
}

static void dispatch_cb(struct stream *s)
{
	const struct page *page = find_page(s);
	void (*answer)(struct stream * s) = NULL;

	if (!page) {
		if (!dashboard_get_asset(s))
			reply_error(s, 404);
		return;
	}
	if (s->req.method == METHOD_GET || s->req.method == METHOD_HEAD)
		answer = page->get;
	else if (s->req.method == METHOD_POST)
		answer = page->post;
	if (answer)
		answer(s);
	else
		refuse_method(s, page);
}

/* --- listening ----------------------------------------------------------- */

static void accept_cb(int fd, const struct addr *peer, void *arg)
{
	struct place *p = arg;

	front_accept(&p->a->gate, fd, peer, NULL, p->index);
}

static bool is_unix(const struct addr *a)
{
	return a->len && a->sa.sa_family == AF_UNIX;
}

static void endpoint_close(struct endpoint *e)
{
	listener_free(&e->listener);
	if (is_unix(&e->addr) && !e->is_borrowed)
		unlink(e->addr.un.sun_path);
	e->addr.len = 0;
}

static int given_socket(const struct admin *a, const struct addr *addr)
{
	for (unsigned int i = 0; a->given && i < N_ENDPOINTS; i++)
		if (a->given_fds[i] >= 0 && addr_eq(&a->given[i], addr))
			return fcntl(a->given_fds[i], F_DUPFD_CLOEXEC, 0);
	return -1;
}

/* Returns: the socket, or -1 with errno set. */
static int open_socket(const struct addr *addr)
{
	struct addr bound = *addr;
	char text[ADDR_TEXT_BYTES];
	mode_t old = umask(0177); /* who may speak to the admin socket */
	int fd = -1, failed = listen_open(&bound, BACKLOG, &fd, 1);

	umask(old);
	if (failed)
		return -1;
	log_notice("%s on %s", is_unix(addr) ? "admin" : "metrics",
		   addr_text(&bound, text));
	return fd;
}

/* Returns: 0, or -1 with errno set. */
static int endpoint_open(struct endpoint *e, const struct addr *addr, struct place *p)
{
	int fd = given_socket(p->a, addr);

	e->is_borrowed = fd >= 0;
	if (fd < 0)
		fd = open_socket(addr);
	if (fd < 0)
		return -1;
	e->addr = *addr;
	e->fd = fd;
	e->listener = listener_new(p->a->gate.loop, fd, accept_cb, p);
	if (e->listener)
		return 0;
	close(fd);
	endpoint_close(e);
	errno = ENOMEM;
	return -1;
}

static struct addr wanted(const struct snapshot *s, unsigned int index)
{
	struct addr addr = {.len = 0};
	char text[ADDR_TEXT_BYTES];

	if (index == AT_METRICS)
		return s->metrics;
	snprintf(text, sizeof(text), "unix:%s", s->admin ? s->admin : "");
	if (s->admin)
		addr_parse(&addr, text);
	return addr;
}

/* Opens into fresh what is not open yet. Returns: 0 or -1. */
static int open_changed(struct admin *a, const struct snapshot *s,
			struct endpoint *fresh, FILE *report)
{
	static const char *const directives[N_ENDPOINTS] = {"metrics", "admin"};
	char text[ADDR_TEXT_BYTES];
	int result = 0;

	for (unsigned int i = 0; i < N_ENDPOINTS; i++) {
		struct addr want = wanted(s, i);

		if (!want.len || addr_eq(&want, &a->endpoints[i].addr) ||
		    endpoint_open(&fresh[i], &want, &a->places[i]) == 0)
			continue;
		fprintf(report, "%s: error: cannot listen on %s: %s\n",
			snapshot_where(s, directives[i]), addr_text(&want, text),
			strerror(errno));
		result = -1;
	}
	return result;
}

int admin_listen(struct admin *a, const struct snapshot *s, FILE *report)
{
	struct endpoint fresh[N_ENDPOINTS] = {{.listener = NULL}};
	int result = open_changed(a, s, fresh, report);

	for (unsigned int i = 0; i < N_ENDPOINTS; i++) {
		struct addr want = wanted(s, i);

		if (result != 0) {
			endpoint_close(&fresh[i]);
		} else if (fresh[i].listener || !want.len) {
			endpoint_close(&a->endpoints[i]);
			a->endpoints[i] = fresh[i];
		}
	}
	return result;
}

/* --- another binary ------------------------------------------------------ */

void admin_show_sockets(const struct admin *a, struct addr *addrs, int *fds)
{
	for (unsigned int i = 0; i < N_ENDPOINTS; i++) {
		addrs[i] = a->endpoints[i].addr;
		fds[i] = a->endpoints[i].listener ? a->endpoints[i].fd : -1;
	}
}

void admin_give_sockets(struct admin *a, const struct addr *addrs, const int *fds)
{
	a->given = addrs;
	a->given_fds = fds;
	for (unsigned int i = 0; !addrs && i < N_ENDPOINTS; i++)
		a->endpoints[i].is_borrowed = false;
}

void admin_leave(struct admin *a)
{
	for (unsigned int i = 0; i < N_ENDPOINTS; i++) {
		listener_free(&a->endpoints[i].listener);
		a->endpoints[i].addr.len = 0;
	}
}

/* --- life ---------------------------------------------------------------- */

/* A scraper and an operator need little; what is more is somebody else. */
static const struct limits_conf admin_limits = {
	.connections = 256,
	.streams = 16,
	.head = {.line_bytes = 4096, .header_bytes = 16384, .n_headers = 64},
	.body_bytes = 65536,
	.stream_buffer_bytes = 65536,
	.window_bytes = 65535,
	.handshake_timeout_ms = 10000,
	.header_timeout_ms = 10000,
	.idle_timeout_ms = 60000,
	.stream_timeout_ms = 30000,
	.drain_timeout_ms = 1000,
};

struct admin *admin_new(struct supervisor *s)
{
	struct admin *a = mem_zalloc(MEM_WORKER, 1, sizeof(*a));
	int fd;

	if (!a)
		return NULL;
	a->s = s;
	a->limits = admin_limits;
	for (unsigned int i = 0; i < N_ENDPOINTS; i++)
		a->places[i] = (struct place){a, i};
	a->dashboard = dashboard_new(s);
	if (a->dashboard)
		a->shared = shared_new(1, N_ENDPOINTS, 1, 0, &fd);
	if (a->shared) {
		close(fd);
		a->has_gate = true;
		gate_init(&a->gate, &s->loop, shared_stats(a->shared, 0), &a->limits);
		a->gate.dispatch = dispatch_cb;
		a->gate.handler = a;
		return a;
	}
	admin_free(&a);
	return NULL;
}

void admin_stop(struct admin *a)
{
	dashboard_stop(a->dashboard);
	for (unsigned int i = 0; i < N_ENDPOINTS; i++)
		endpoint_close(&a->endpoints[i]);
	gate_close_all(&a->gate);
	conn_free_lingering(a->gate.loop);
}

void admin_free(struct admin **a)
{
	struct admin *old = *a;

	*a = NULL;
	if (!old)
		return;
	for (unsigned int i = 0; i < N_ENDPOINTS; i++)
		endpoint_close(&old->endpoints[i]);
	if (old->has_gate)
		gate_fini(&old->gate);
	dashboard_free(&old->dashboard);
	shared_free(&old->shared);
	mem_free(MEM_WORKER, old);
}
