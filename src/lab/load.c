#include "lab/load.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "lab/load_inner.h"

#define IDLE_OPENING 64u      /* handshakes at once, of those that only idle */
#define OPENING_US   10000000 /* without a new one: it begins with what there is */
#define DRAINING_US  2000000  /* for answers, after the last phase */
#define FAILED_OPENS 200u     /* then no more are tried */

#define MAX_WAKES 10000u /* a second, at rates above that */

static const struct load_phase *phase_of(const struct load *l)
{
	return &l->conf->phases[l->phase];
}

/* --- slots ----------------------------------------------------------- */

static unsigned int per_conn(const struct load *l)
{
	const struct workload *w = l->conf->workload;
	unsigned int n = l->running ? phase_of(l)->n_per_conn : 0;

	if (!n)
		n = w->n_per_conn;
	return w->messages ? n * l->conf->n_streams : n; /* so many on each */
}

static void take_turns(struct load *l)
{
	l->next_slot = (l->next_slot + 1) % l->conf->n_conns;
}

/* A session with room; opens one where there is none. NULL: all are busy. What is
 * due at the same time goes on the same connection, as long as that has room. */
static struct session *pick(struct load *l)
{
	for (unsigned int i = 0; i < l->conf->n_conns; i++) {
		struct session **slot = &l->slots[l->next_slot];

		if ((*slot || session_new(l, slot, false)) && session_has_room(*slot))
			return *slot;
		take_turns(l);
	}
	return NULL;
}

static bool ask(struct load *l, uint64_t due_us, uint64_t now_us)
{
	struct load_result *r = &l->results[l->phase];
	bool waited = l->starved;
	struct session *s = pick(l);
	unsigned int max = per_conn(l);

	if (!s)
		return false;
	r->planned++;
	if (session_ask(s, l->next.request, due_us, r) != 0) {
		r->failed++;
		session_retire(s);
		return true;
	}
	r->started++;
	if (!waited)
		latencies_add(&r->late, now_us - due_us);
	if (max && s->n_begun >= max && s->slot)
		session_retire(s);
	return true;
}

/* --- phases ---------------------------------------------------------- */

static void retire_all(struct load *l)
{
	list_each_safe (n, &l->sessions)
		session_retire(container_of(n, struct session, node));
}

static void begin_phase(struct load *l, uint64_t at_us)
{
	const struct load_conf *conf = l->conf;
	const struct load_phase *p = phase_of(l);
	struct load_result *r = &l->results[l->phase];
	uint64_t seed = conf->seed + 0x9e3779b97f4a7c15u * (l->phase + 1);

	snprintf(r->name, sizeof(r->name), "%s", p->name);
	r->begun_us = at_us;
	r->lasted_us = p->lasts_us;
	l->phase_us = at_us;
	l->cpu_us = clock_cpu_us();
	l->starved = false;
	schedule_init(&l->schedule, conf->workload, conf->rate * p->factor,
		      conf->poisson, seed);
	l->next = schedule_next(&l->schedule);
	if (p->alone)
		retire_all(l);
	if (conf->on_begin)
		conf->on_begin(r, conf->arg);
}

/* What was due but found no stream: nobody may say that it was not due. */
static void write_off(struct load *l, uint64_t now_us)
{
	struct load_result *r = &l->results[l->phase];

	for (; l->next.due_us < phase_of(l)->lasts_us;
	     l->next = schedule_next(&l->schedule)) {
		r->planned++;
		r->unfinished++;
		latencies_add(&r->latency, now_us - l->phase_us - l->next.due_us);
	}
}

static void end_phase(struct load *l, uint64_t now_us)
{
	struct load_result *r = &l->results[l->phase];

	if (!l->interrupted)
		write_off(l, now_us);
	list_each (n, &l->sessions)
		session_count_bytes(container_of(n, struct session, node));
	r->cpu_us = clock_cpu_us() - l->cpu_us;
	if (l->interrupted && now_us - l->phase_us < r->lasted_us)
		r->lasted_us = now_us - l->phase_us;
}

static void start_draining(struct load *l, uint64_t now_us)
{
	l->give_up_us = now_us + DRAINING_US;
	timer_set(&l->loop, &l->tick, 0);
}

static void next_phase(struct load *l, uint64_t now_us)
{
	uint64_t end_us = l->phase_us + phase_of(l)->lasts_us;

	end_phase(l, now_us);
	l->phase++;
	if (l->phase < l->conf->n_phases)
		begin_phase(l, end_us);
	else
		start_draining(l, now_us);
}

/* --- opening -------------------------------------------------------- */

/* An idle connection has asked once, so that all its memory is there. */
static const struct request once = {"GET", "/", 0, 1};

static void open_idle(struct load *l)
{
	struct session *s = session_new(l, NULL, true);

	if (!s)
		return;
	l->n_idle++;
	if (session_ask(s, &once, clock_mono_us(), NULL) != 0)
		session_free(s, true);
}

static bool may_open(const struct load *l, unsigned int at_once)
{
	return l->n_connecting < at_once && l->n_failed_opens < FAILED_OPENS;
}

/* The idle ones last, and as fast as they come: they may be thousands. */
static void open_more(struct load *l)
{
	for (unsigned int i = 0; i < l->conf->n_conns; i++) {
		if (!l->slots[i] && may_open(l, l->conf->n_opening))
			session_new(l, &l->slots[i], false);
		if (!l->slots[i])
			return;
	}
	while (l->n_idle < l->conf->n_idle && may_open(l, IDLE_OPENING))
		open_idle(l);
}

/* --- the pump -------------------------------------------------------- */

static void arm(struct load *l, uint64_t at_us)
{
	struct itimerspec t = {
		.it_value = {.tv_sec = (time_t)(at_us / 1000000),
			     .tv_nsec = (long)(at_us % 1000000) * 1000 + 1}};

	timerfd_settime(l->timer_fd, TFD_TIMER_ABSTIME, &t, NULL);
}

/* When to wake for what is due at due_us. A core cannot wake for each request of
 * a high rate; what that makes late is in the latency, as all that is. */
static uint64_t later(const struct load *l, uint64_t due_us, uint64_t now_us)
{
	double rate = l->conf->rate * phase_of(l)->factor;
	uint64_t soonest_us = now_us + 1000000u / MAX_WAKES;

	return rate > MAX_WAKES && soonest_us > due_us ? soonest_us : due_us;
}

static void pump(struct load *l)
{
	uint64_t now_us = clock_mono_us();

	take_turns(l);
	while (l->phase < l->conf->n_phases) {
		uint64_t lasts_us = phase_of(l)->lasts_us;
		uint64_t due_us = l->next.due_us;

		if (due_us >= lasts_us || l->starved)
			due_us = lasts_us;
		if (l->phase_us + due_us > now_us) {
			arm(l, later(l, l->phase_us + due_us, now_us));
			return;
		}
		if (due_us == lasts_us) {
			next_phase(l, now_us);
			continue;
		}
		if (ask(l, l->phase_us + due_us, now_us))
			l->next = schedule_next(&l->schedule);
		else
			l->starved = true;
	}
	arm(l, now_us + 3600u * 1000000u);
}

static bool is_due(const struct load *l, uint64_t now_us)
{
	return l->next.due_us < phase_of(l)->lasts_us &&
	       l->phase_us + l->next.due_us <= now_us;
}

static void pump_cb(struct dirty *d)
{
	struct load *l = container_of(d, struct load, pump);
	uint64_t now_us;

	if (!l->running) {
		open_more(l);
		return;
	}
	if (l->phase >= l->conf->n_phases)
		return;
	/* One that waits is asked for at once; if there is no room for it
	 * after all, starved comes back. It stays marked as one that waited. */
	now_us = clock_mono_us();
	while (l->starved && is_due(l, now_us)) {
		if (!ask(l, l->phase_us + l->next.due_us, now_us))
			return;
		l->next = schedule_next(&l->schedule);
	}
	l->starved = false;
	pump(l);
}

void load_has_room(struct load *l)
{
	if (l->starved)
		loop_mark(&l->loop, &l->pump);
}

static void timer_event_cb(int fd, void *arg)
{
	struct load *l = arg;

	(void)fd; /* arm() takes back what has expired: there is no need to read */
	pump(l);
}

/* --- starting and draining ------------------------------------------- */

static bool all_open(const struct load *l)
{
	for (unsigned int i = 0; i < l->conf->n_conns; i++)
		if (!l->slots[i])
			return false;
	return l->n_idle >= l->conf->n_idle && !l->n_connecting;
}

static bool none_opens(const struct load *l, uint64_t now_us)
{
	return now_us >= l->give_up_us ||
	       (l->n_failed_opens >= FAILED_OPENS && !l->n_connecting);
}

/* Connections that were asked for and are not there have failed. */
static void start_running(struct load *l, uint64_t now_us)
{
	unsigned int wanted = l->conf->n_conns + l->conf->n_idle, n = 0;

	l->running = true;
	list_each (node, &l->sessions)
		n++;
	l->results[0].conns = n;
	l->results[0].conns_failed = wanted > n ? wanted - n : 0;
	begin_phase(l, now_us);
	pump(l);
}

static void open_tick(struct load *l, uint64_t now_us)
{
	open_more(l);
	if (l->n_opened != l->n_seen_open) {
		l->n_seen_open = l->n_opened;
		l->give_up_us = now_us + OPENING_US;
	}
	if (all_open(l) || (l->n_opened && none_opens(l, now_us))) {
		start_running(l, now_us);
		return;
	}
	if (none_opens(l, now_us))
		loop_stop(&l->loop);
	timer_set(&l->loop, &l->tick, 20);
}

static unsigned int n_counted(const struct load *l)
{
	unsigned int n = 0;

	list_each (s, &l->sessions) {
		const struct session *session = container_of(s, struct session, node);

		list_each (x, &session->exchanges) {
			struct exchange *e = container_of(x, struct exchange, node);

			n += e->result ? 1 : e->n_messages;
		}
	}
	return n;
}

static void tick_cb(struct timer *t)
{
	struct load *l = container_of(t, struct load, tick);
	uint64_t now_us = clock_mono_us();

	if (!l->running)
		open_tick(l, now_us);
	else if (!n_counted(l) || now_us >= l->give_up_us)
		loop_stop(&l->loop);
	else
		timer_set(&l->loop, &l->tick, 20);
}

static void count_unfinished(struct load_result *r, uint64_t for_us)
{
	if (!r)
		return;
	r->unfinished++;
	latencies_add(&r->latency, for_us);
}

/* What is open now has taken at least so long. */
static void end_exchange(struct exchange *e, uint64_t now_us)
{
	count_unfinished(e->result, now_us - e->due_us);
	e->result = NULL;
	for (unsigned int i = 0; i < e->n_messages; i++) {
		struct load_message *m = &e->messages[(e->first + i) % MESSAGES_MAX];

		count_unfinished(m->result, now_us - m->due_us);
	}
	e->n_messages = 0;
}

static void end_all(struct load *l)
{
	uint64_t now_us = clock_mono_us();

	l->starved = false;
	list_each_safe (n, &l->sessions) {
		struct session *s = container_of(n, struct session, node);

		list_each (x, &s->exchanges)
			end_exchange(container_of(x, struct exchange, node), now_us);
		session_free(s, false);
	}
	conn_free_lingering(&l->loop);
}

/* --- life ------------------------------------------------------------ */

static void signal_cb(int number, void *arg)
{
	struct load *l = arg;

	(void)number;
	l->interrupted = true;
	if (l->running && l->phase < l->conf->n_phases)
		end_phase(l, clock_mono_us());
	l->phase = l->conf->n_phases;
	loop_stop(&l->loop);
}

static void raise_fd_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0)
		return;
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
}

static int load_init(struct load *l)
{
	list_init(&l->sessions);
	dirty_init(&l->pump, pump_cb);
	timer_init(&l->tick, tick_cb);
	list_init(&l->spares);
	l->timer_fd = -1;
	if (loop_init(&l->loop) != 0)
		return -1;
	l->slots = mem_zalloc(MEM_WORKER, l->conf->n_conns, sizeof(*l->slots));
	l->zeroes = mem_zalloc(MEM_WORKER, 1, LOAD_ZEROES);
	l->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (!l->slots || !l->zeroes || l->timer_fd < 0 ||
	    request_heads_init(&l->heads, l->conf->workload, &once,
			       l->conf->tls ? "https" : "http",
			       l->conf->authority) != 0)
		return -1;
	l->timer_event = loop_watch(&l->loop, l->timer_fd, timer_event_cb, l);
	if (!l->timer_event)
		return -1;
	if (loop_on_signal(&l->loop, SIGINT, signal_cb, l) != 0)
		return -1;
	return loop_on_signal(&l->loop, SIGTERM, signal_cb, l);
}

static void load_fini(struct load *l)
{
	if (l->loop.base) {
		end_all(l);
		loop_unwatch(&l->timer_event);
		loop_fini(&l->loop);
	}
	request_heads_fini(&l->heads);
	if (l->timer_fd >= 0)
		close(l->timer_fd);
	mem_free(MEM_WORKER, l->slots);
	mem_free(MEM_WORKER, l->zeroes);
	exchange_free_spares(l);
}

int load_run(const struct load_conf *conf, struct load_result *results, char *err,
	     size_t err_cap)
{
	struct load *l = mem_zalloc(MEM_WORKER, 1, sizeof(*l));
	int rc = -1;

	if (!l) {
		snprintf(err, err_cap, "no memory");
		return -1;
	}
	raise_fd_limit();
	signal(SIGPIPE, SIG_IGN);
	l->conf = conf;
	l->results = results;
	if (load_init(l) == 0) {
		l->give_up_us = clock_mono_us() + OPENING_US;
		timer_set(&l->loop, &l->tick, 0);
		loop_run(&l->loop);
		rc = l->running || l->interrupted ? 0 : -1;
		if (rc != 0)
			snprintf(err, err_cap, "no connection could be opened");
	} else {
		snprintf(err, err_cap, "no memory, or no descriptors");
	}
	load_fini(l);
	mem_free(MEM_WORKER, l);
	return rc;
}
