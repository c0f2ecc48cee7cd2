#include "server/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "server/admin.h"
#include "server/detach.h"
#include "server/exits.h"
#include "server/notify.h"
#include "server/pidfile.h"

static const struct crew_ops crew_ops;

const char *supervisor_not_ready(const struct supervisor *s)
{
	if (s->stopping)
		return "stopping";
	if (!s->crew || s->crew->state == CREW_STARTING)
		return "starting";
	if (crew_n_busy(s->crew) < s->crew->n_seats)
		return "a worker is being replaced";
	return NULL;
}

/* --- the end ------------------------------------------------------------- */

/* Called in the last turn; see admin_stop(). */
static void finish(struct supervisor *s)
{
	admin_stop(s->admin);
	timer_stop(&s->loop, &s->tickets);
	loop_stop(&s->loop);
}

static void drain_crew(struct supervisor *s, struct crew *c, bool within_deadline,
		       const struct crew *keep)
{
	uint64_t ms = c->snapshot->limits.drain_timeout_ms;

	list_del(&c->node);
	list_append(&s->old, &c->node);
	/* 0 is no time at all, but for the crew no deadline */
	crew_drain(c, within_deadline ? ms + 1 : 0, keep);
}

static void quit_all(struct supervisor *s)
{
	if (s->hurry)
		return;
	s->hurry = true;
	log_notice("stops at once");
	if (s->crew)
		crew_quit(s->crew);
	list_each (n, &s->old)
		crew_quit(container_of(n, struct crew, node));
}

void supervisor_drain(struct supervisor *s, bool within_deadline)
{
	if (s->stopping) {
		if (within_deadline)
			quit_all(s);
		return;
	}
	s->stopping = true;
	log_notice("drains and stops");
	if (!s->upgrade.is_leaving)
		notify_send("STOPPING=1\nSTATUS=draining");
	if (s->next)
		drain_crew(s, s->next, within_deadline, NULL);
	s->next = NULL;
	/* It stays the one that the endpoints show. */
	crew_drain(s->crew,
		   within_deadline ? s->crew->snapshot->limits.drain_timeout_ms + 1 : 0,
		   s->upgrade.is_leaving ? s->crew : NULL);
}

/* --- another binary ------------------------------------------------------ */

/* It serves. */
static void leave(struct supervisor *s)
{
	char text[64];

	log_notice("the new binary serves, pid %ld", (long)s->upgrade.pid);
	snprintf(text, sizeof(text), "MAINPID=%ld\nREADY=1\nSTATUS=serving",
		 (long)s->upgrade.pid);
	notify_send(text);
	s->upgrade.is_leaving = true;
	upgrade_forget(&s->upgrade);
	admin_leave(s->admin);
	supervisor_drain(s, true);
}

static void upgrade_cb(int fd, void *arg)
{
	struct supervisor *s = arg;
	enum channel_word word = channel_recv(fd);

	if (word == CHANNEL_READY)
		leave(s);
	else if (word == CHANNEL_CLOSED)
		loop_unwatch(&s->upgrade.watch); /* that it ended will be told too */
}

static bool on_upgrade_exit(struct supervisor *s, pid_t pid, int status)
{
	if (!s->upgrade.pid || pid != s->upgrade.pid)
		return false;
	log_error("the new binary ended with %s %d; this one goes on",
		  WIFEXITED(status) ? "exit code" : "signal",
		  WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	upgrade_forget(&s->upgrade);
	return true;
}

void supervisor_upgrade(struct supervisor *s)
{
	struct addr addrs[UPGRADE_N_ENDPOINTS];
	int fds[UPGRADE_N_ENDPOINTS];

	if (s->stopping || s->upgrade.pid || s->next ||
	    s->crew->state != CREW_SERVING) {
		log_error("not now: something else is under way");
		return;
	}
	admin_show_sockets(s->admin, addrs, fds);
	if (upgrade_start(&s->upgrade, s->crew, addrs, fds) != 0) {
		log_error("cannot start the new binary: %m");
		return;
	}
	log_notice("starts %s anew, pid %ld", s->upgrade.path, (long)s->upgrade.pid);
	s->upgrade.watch = loop_watch(&s->loop, s->upgrade.channel, upgrade_cb, s);
}

/* Whose socket files must stay when a crew goes. */
static const struct crew *heir(const struct supervisor *s)
{
	return s->handover ? &s->handover->before : s->crew;
}

static void on_gone(struct crew *c)
{
	struct supervisor *s = c->owner;

	if (c == s->crew) {
		must(s->stopping);
		s->crew = NULL;
	}
	log_info("the workers of config %u are gone", c->number);
	if (s->crew && c != s->crew)
		ports_sweep(&s->crew->ports);
	crew_free(&c, heir(s));
	if (s->stopping && !s->crew && list_empty(&s->old))
		finish(s);
}

/* --- reloading ----------------------------------------------------------- */

static void say_each_line(char *report)
{
	char *save = NULL;

	for (char *line = strtok_r(report, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		log_error("%s", line);
}

static void reload_failed(struct supervisor *s)
{
	char copy[RELOAD_REPORT_BYTES];

	memcpy(copy, s->reload_report, sizeof(copy));
	say_each_line(copy);
	log_error("the reload failed; the old config stays");
	s->reload = RELOAD_FAILED;
	s->reloads_failed++;
	notify_send("READY=1\nSTATUS=serving; the last reload failed");
}

/* Returns: the crew for the config as it is now, or NULL. */
static struct crew *prepare(struct supervisor *s, FILE *report)
{
	int code;
	struct snapshot *snapshot = setup_load(s->setup, report, &code);
	struct crew *c;

	if (!snapshot)
		return NULL;
	c = crew_new(&s->loop, snapshot, s->crew, report);
	if (!c) {
		snapshot_free(&snapshot);
		return NULL;
	}
	if (!s->admin || admin_listen(s->admin, snapshot, report) == 0)
		return c;
	crew_free(&c, s->crew);
	return NULL;
}

static void start_reload(struct supervisor *s)
{
	FILE *report = fmemopen(s->reload_report, RELOAD_REPORT_BYTES, "w");

	memset(s->reload_report, 0, RELOAD_REPORT_BYTES);
	if (!report) {
		log_error("reload: %m");
		return;
	}
	s->next = prepare(s, report);
	fclose(report);
	s->reload_report[RELOAD_REPORT_BYTES - 1] = '\0';
}

bool supervisor_reload(struct supervisor *s)
{
	if (s->stopping)
		return false;
	if (s->next || s->crew->state == CREW_STARTING) {
		s->reload_again = true;
		return true;
	}
	log_notice("reloads %s", setup_name(s->setup));
	notify_send("RELOADING=1");
	start_reload(s);
	if (!s->next) {
		reload_failed(s);
		return false;
	}
	s->reload = RELOAD_STARTING;
	crew_start(s->next, &crew_ops, s);
	return true;
}

static void go_on(struct supervisor *s)
{
	if (!s->reload_again || s->stopping)
		return;
	s->reload_again = false;
	supervisor_reload(s);
}

static uint64_t restarts_of(const struct crew *c)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < c->n_seats; i++)
		n += c->seats[i].restarts;
	return n;
}

static void arm_tickets(struct supervisor *s)
{
	timer_stop(&s->loop, &s->tickets);
	timer_set(&s->loop, &s->tickets, s->crew->snapshot->ticket_rotate_ms);
}

static void open_log(const struct snapshot *c)
{
	if (log_open(c->error_path, c->error_level, "supervisor") != 0)
		log_error("cannot open the log %s: %m; the old one stays",
			  c->error_path);
}

/* The new crew serves: the old one may go. */
static void promote(struct supervisor *s)
{
	struct crew *old = s->crew;

	s->crew = s->next;
	s->next = NULL;
	s->restarts_before += restarts_of(old);
	crew_take_clients(s->crew);
	drain_crew(s, old, true, s->crew);
	open_log(s->crew->snapshot);
	arm_tickets(s);
	s->reload = RELOAD_DONE;
	s->reloads_done++;
	log_notice("config %u is in use", s->crew->number);
	notify_send("READY=1\nSTATUS=serving");
}

/* After the sockets: one who cannot have them must not overwrite the file of
 * the one who has. */
static int open_pid_file(struct supervisor *s, const struct snapshot *c)
{
	if (!c->pid_file)
		return 0;
	if (pidfile_open(c->pid_file) != 0) {
		fprintf(stderr, "%s: error: cannot write %s: %s\n",
			snapshot_where(c, "pid_file"), c->pid_file, strerror(errno));
		return -1;
	}
	s->pid_file = mem_strdup(MEM_BOOT, c->pid_file);
	return s->pid_file ? 0 : -1;
}

/* Others served until now. */
static void take_over(struct supervisor *s)
{
	if (!s->handover)
		return;
	crew_take_clients(s->crew);
	if (open_pid_file(s, s->crew->snapshot) != 0)
		log_error("goes on without a pid file");
	admin_give_sockets(s->admin, NULL, NULL);
	handover_done(s->handover);
	handover_free(&s->handover);
}

/* --- what the crews tell ------------------------------------------------- */

static void on_ready(struct crew *c)
{
	struct supervisor *s = c->owner;

	if (c == s->next) {
		promote(s);
	} else if (c == s->crew) {
		log_notice("ready");
		take_over(s);
		notify_send("READY=1\nSTATUS=serving");
		detach_done(&s->detach_fd, EXITS_OK);
	}
	go_on(s);
}

static void fail_first(struct supervisor *s, int code)
{
	s->code =
		code == EXITS_ALLOCATOR || code == EXITS_CONFIG ? code : EXITS_INTERNAL;
	s->stopping = true;
	log_error("a worker could not start");
	crew_quit(s->crew);
}

static void on_failure(struct crew *c, int code)
{
	struct supervisor *s = c->owner;

	if (c == s->crew) {
		fail_first(s, code);
		return;
	}
	if (c == s->next)
		s->next = NULL;
	list_append(&s->old, &c->node);
	crew_quit(c);
	snprintf(s->reload_report, RELOAD_REPORT_BYTES,
		 "error: a worker with the new config ended with exit code %d; its "
		 "own log line says why\n",
		 code);
	if (admin_listen(s->admin, s->crew->snapshot, stderr) != 0)
		log_error("the old endpoints could not be opened again");
	reload_failed(s);
	go_on(s);
}

static void on_answer(struct crew *c, struct seat *s, const void *p, size_t len)
{
	memory_on_answer(c->owner, c, s, p, len);
}

static const struct crew_ops crew_ops = {.on_ready = on_ready,
					 .on_failure = on_failure,
					 .on_gone = on_gone,
					 .on_answer = on_answer};

/* --- signals and timers -------------------------------------------------- */

static bool tell_crews(struct supervisor *s, pid_t pid, int status)
{
	if (s->crew && crew_on_exit(s->crew, pid, status))
		return true;
	if (s->next && crew_on_exit(s->next, pid, status))
		return true;
	list_each_safe (n, &s->old)
		if (crew_on_exit(container_of(n, struct crew, node), pid, status))
			return true;
	return false;
}

static void reap(struct supervisor *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (!on_upgrade_exit(s, pid, status) && !tell_crews(s, pid, status))
			log_debug("a child that nobody knows ended, pid %ld",
				  (long)pid);
}

void supervisor_reopen_logs(struct supervisor *s)
{
	log_reopen();
	if (s->crew)
		crew_reopen_logs(s->crew);
	if (s->next)
		crew_reopen_logs(s->next);
	list_each (n, &s->old)
		crew_reopen_logs(container_of(n, struct crew, node));
}

static void signal_cb(int signal, void *arg)
{
	struct supervisor *s = arg;

	switch (signal) {
	case SIGCHLD:
		reap(s);
		break;
	case SIGHUP:
		supervisor_reload(s);
		break;
	case SIGUSR1:
		supervisor_reopen_logs(s);
		break;
	case SIGUSR2:
		supervisor_upgrade(s);
		break;
	default: /* SIGTERM, SIGINT, SIGQUIT */
		supervisor_drain(s, signal != SIGQUIT);
		break;
	}
}

static void tickets_cb(struct timer *t)
{
	struct supervisor *s = container_of(t, struct supervisor, tickets);

	if (!s->crew)
		return;
	if (tls_ticket_keys_rotate(&s->crew->shared->tickets) != 0)
		log_error("no randomness for new ticket keys; the old ones stay");
	arm_tickets(s);
}

/* --- the start ----------------------------------------------------------- */

static int open_loop(struct supervisor *s)
{
	static const int signals[] = {SIGCHLD, SIGHUP, SIGUSR1, SIGUSR2,
				      SIGTERM, SIGINT, SIGQUIT};

	if (loop_init(&s->loop) != 0)
		return -1;
	signal(SIGPIPE, SIG_IGN);
	for (unsigned int i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		if (loop_on_signal(&s->loop, signals[i], signal_cb, s) != 0)
			return -1;
	s->reload_report = mem_zalloc(MEM_BOOT, 1, RELOAD_REPORT_BYTES);
	s->admin = admin_new(s);
	return s->reload_report && s->admin ? 0 : -1;
}

static int open_first_log(const struct snapshot *c)
{
	if (log_open(c->error_path, c->error_level, "supervisor") == 0)
		return 0;
	fprintf(stderr, "%s: error: cannot open %s: %s\n",
		snapshot_where(c, "log error"), c->error_path, strerror(errno));
	return -1;
}

static void log_start(const struct supervisor *s)
{
	const struct snapshot *c = s->crew->snapshot;
	char at[ADDR_TEXT_BYTES];

	log_notice("heapgate " HEAPGATE_VERSION " starts, config %s, workers %u, "
		   "allocator %s",
		   setup_name(s->setup), c->n_seats,
		   c->experiment.is_on ? "by arm" : c->allocator);
	for (unsigned int i = 0; i < c->n_listens; i++)
		log_notice("listens on %s%s", addr_text(&s->crew->ports.bound[i], at),
			   c->listens[i].is_tls ? " with TLS" : "");
}

static void raise_limits(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

/* Returns: 0, or the exit code. */
static int start(struct supervisor *s, struct snapshot *snapshot)
{
	if (open_loop(s) != 0) {
		fprintf(stderr, "heapgate: cannot make the event loop\n");
		snapshot_free(&snapshot);
		return EXITS_INTERNAL;
	}
	if (open_first_log(snapshot) == 0)
		s->crew = crew_new(&s->loop, snapshot,
				   s->handover ? &s->handover->before : NULL, stderr);
	if (!s->crew) {
		snapshot_free(&snapshot);
		return EXITS_CONFIG;
	}
	if (s->handover)
		admin_give_sockets(s->admin, s->handover->endpoints,
				   s->handover->endpoint_fds);
	if (admin_listen(s->admin, snapshot, stderr) != 0)
		return EXITS_CONFIG;
	if (!s->handover && open_pid_file(s, snapshot) != 0)
		return EXITS_CONFIG;
	if (s->handover && s->handover->has_tickets)
		s->crew->shared->tickets = s->handover->tickets;
	log_start(s);
	arm_tickets(s);
	if (!s->handover)
		crew_take_clients(s->crew);
	crew_start(s->crew, &crew_ops, s);
	return EXITS_OK;
}

static void end(struct supervisor *s)
{
	crew_free(&s->crew, heir(s));
	admin_free(&s->admin);
	if (s->pid_file)
		pidfile_close(s->pid_file);
	mem_free(MEM_BOOT, s->pid_file);
	mem_free(MEM_BOOT, s->reload_report);
	handover_free(&s->handover);
	upgrade_fini(&s->upgrade);
	loop_fini(&s->loop);
}

int supervisor_run(const struct setup *setup, bool detach)
{
	struct supervisor s;
	struct snapshot *snapshot;
	bool failed;
	int code;

	memset(&s, 0, sizeof(s));
	s.setup = setup;
	s.detach_fd = -1;
	s.started_wall_us = clock_wall_us();
	list_init(&s.old);
	memory_init(&s.memory);
	timer_init(&s.tickets, tickets_cb);
	raise_limits();
	s.handover = handover_take(&failed);
	if (failed) {
		fprintf(stderr, "heapgate: cannot take over from another version\n");
		return EXITS_INTERNAL;
	}
	snapshot = setup_load(setup, stderr, &code);
	if (!snapshot) {
		handover_free(&s.handover);
		return code;
	}
	if (detach && !s.handover) {
		s.detach_fd = detach_start();
		if (s.detach_fd < 0) {
			fprintf(stderr, "heapgate: cannot detach: %s\n",
				strerror(errno));
			snapshot_free(&snapshot);
			return EXITS_INTERNAL;
		}
	}
	upgrade_init(&s.upgrade);
	code = start(&s, snapshot);
	if (!code) {
		loop_run(&s.loop);
		log_notice("ends");
		code = s.code;
	}
	detach_done(&s.detach_fd, code);
	end(&s);
	return code;
}
