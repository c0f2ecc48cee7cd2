#include "io/loop.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/must.h"

static void read_clock(struct loop *l)
{
	l->now_us = clock_mono_us();
	l->now_ms = l->now_us / 1000u;
	l->from_ms = l->now_ms + 1;
	l->wall_us = 0;
}

void loop_begin_turn(struct loop *l)
{
	l->awake = true;
	read_clock(l);
	arena_reset(&l->tick);
}

uint64_t loop_wall_us(struct loop *l)
{
	if (!l->wall_us)
		l->wall_us = clock_wall_us();
	return l->wall_us;
}

/* --- timers ---------------------------------------------------------- */

static uint64_t tick_of(uint64_t ms)
{
	return (ms + WHEEL_TICK_MS - 1) / WHEEL_TICK_MS;
}

/* By a timer of the kernel's that stays as it is while the loop waits, not by each
 * wait's timeout: that would be started and stopped anew each time. */
static void wheel_arm(struct loop *l, uint64_t tick)
{
	uint64_t ms = tick * WHEEL_TICK_MS;
	struct itimerspec at = {.it_value = {.tv_sec = (time_t)(ms / 1000u),
					     .tv_nsec = (long)(ms % 1000u) * 1000000}};

	l->armed_tick = tick;
	must(timerfd_settime(l->wheel_fd, TFD_TIMER_ABSTIME, &at, NULL) == 0);
}

static void wheel_insert(struct loop *l, struct timer *t)
{
	uint64_t tick = tick_of(t->due_ms);

	if (tick <= l->wheel_tick)
		tick = l->wheel_tick + 1;
	if (tick > l->wheel_tick + WHEEL_SLOTS - 1)
		tick = l->wheel_tick + WHEEL_SLOTS - 1;
	t->slot_ms = tick * WHEEL_TICK_MS;
	list_append(&l->wheel[tick % WHEEL_SLOTS], &t->node);
	if (!l->armed_tick || tick < l->armed_tick)
		wheel_arm(l, tick);
}

static void wheel_run_slot(struct loop *l, struct list *slot)
{
	struct list due, *n;

	list_init(&due);
	list_splice(&due, slot);
	while ((n = list_pop(&due))) {
		struct timer *t = container_of(n, struct timer, node);

		if (t->due_ms > l->now_ms) {
			wheel_insert(l, t);
			continue;
		}
		l->n_timers--;
		t->fire(t);
	}
}

static void wheel_rearm(struct loop *l)
{
	if (!l->n_timers)
		return;
	for (uint64_t i = 1; i < WHEEL_SLOTS; i++) {
		if (list_empty(&l->wheel[(l->wheel_tick + i) % WHEEL_SLOTS]))
			continue;
		wheel_arm(l, l->wheel_tick + i);
		return;
	}
}

static void wheel_cb(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;
	uint64_t now_tick;

	(void)fd; /* edge-triggered: need not be read */
	(void)what;
	loop_turn(l);
	l->armed_tick = 1; /* it is the past: what is set meanwhile arms nothing */
	l->from_ms = l->now_ms;
	now_tick = l->now_ms / WHEEL_TICK_MS;
	if (now_tick > l->wheel_tick + WHEEL_SLOTS) /* all slots once is enough */
		l->wheel_tick = now_tick - WHEEL_SLOTS;
	while (l->wheel_tick < now_tick) {
		l->wheel_tick++;
		wheel_run_slot(l, &l->wheel[l->wheel_tick % WHEEL_SLOTS]);
	}
	l->armed_tick = 0;
	l->from_ms = l->now_ms + 1;
	wheel_rearm(l);
}

void timer_init(struct timer *t, void (*fire)(struct timer *t))
{
	list_init(&t->node);
	t->due_ms = 0;
	t->slot_ms = 0;
	t->fire = fire;
}

void timer_set(struct loop *l, struct timer *t, uint64_t in_ms)
{
	t->due_ms = l->from_ms + in_ms;
	if (timer_is_set(t)) {
		if (t->due_ms >= t->slot_ms)
			return; /* the wheel will see the new time then */
		list_del(&t->node);
		l->n_timers--;
	}
	if (!l->n_timers && !l->armed_tick)
		l->wheel_tick = l->now_ms / WHEEL_TICK_MS;
	l->n_timers++;
	wheel_insert(l, t);
}

void timer_stop(struct loop *l, struct timer *t)
{
	if (!timer_is_set(t))
		return;
	list_del(&t->node);
	l->n_timers--;
}

/* --- dirty, graves --------------------------------------------------- */

void dirty_init(struct dirty *d, void (*flush)(struct dirty *d))
{
	list_init(&d->node);
	d->flush = flush;
}

void dirty_fini(struct dirty *d)
{
	list_del(&d->node);
}

static void run_all(struct list *head)
{
	struct list *n;

	while ((n = list_pop(head))) {
		struct dirty *d = container_of(n, struct dirty, node);

		d->flush(d);
	}
}

void loop_flush_early(struct loop *l)
{
	if (l->turn_bytes < LOOP_TURN_BYTES)
		return;
	l->turn_bytes = 0;
	run_all(&l->dirty);
}

static void run_later(struct loop *l)
{
	struct list now;

	if (list_empty(&l->later))
		return;
	loop_turn(l);
	list_init(&now);
	list_splice(&now, &l->later);
	run_all(&now);
}

void loop_bury(struct loop *l, struct grave *g, void (*bury)(struct grave *g))
{
	g->bury = bury;
	list_append(&l->graves, &g->node);
}

static void run_graves(struct loop *l)
{
	struct list *n;

	while ((n = list_pop(&l->graves))) {
		struct grave *g = container_of(n, struct grave, node);

		g->bury(g);
	}
}

/* --- signals, plain fds ---------------------------------------------- */

struct watch {
	struct event event;
	struct list node; /* on loop->signals, or alone */
	struct loop *loop;
	void (*cb)(int fd, void *arg);
	void *arg;
};

static void watch_cb(evutil_socket_t fd, short what, void *arg)
{
	struct watch *w = arg;

	(void)what;
	loop_turn(w->loop);
	w->cb(fd, w->arg);
}

static struct watch *watch_new(struct loop *l, int fd, short what,
			       void (*cb)(int fd, void *arg), void *arg)
{
	struct watch *w = mem_alloc(MEM_WORKER, sizeof(*w));

	if (!w)
		return NULL;
	list_init(&w->node);
	w->loop = l;
	w->cb = cb;
	w->arg = arg;
	if (event_assign(&w->event, l->base, fd, what | EV_PERSIST, watch_cb, w) == 0 &&
	    event_add(&w->event, NULL) == 0)
		return w;
	mem_free(MEM_WORKER, w);
	return NULL;
}

static void watch_free(struct watch *w)
{
	event_del(&w->event);
	list_del(&w->node);
	mem_free(MEM_WORKER, w);
}

int loop_on_signal(struct loop *l, int signal, void (*cb)(int signal, void *arg),
		   void *arg)
{
	struct watch *w = watch_new(l, signal, EV_SIGNAL, cb, arg);

	if (!w)
		return -1;
	list_append(&l->signals, &w->node); /* as long as the loop */
	return 0;
}

struct event *loop_watch(struct loop *l, int fd, void (*cb)(int fd, void *arg),
			 void *arg)
{
	struct watch *w = watch_new(l, fd, EV_READ, cb, arg);

	return w ? &w->event : NULL;
}

void loop_unwatch(struct event **e)
{
	if (*e)
		watch_free(container_of(*e, struct watch, event));
	*e = NULL;
}

/* --- the loop -------------------------------------------------------- */

static int alloc_buffers(struct loop *l)
{
	l->in = mem_alloc(MEM_WORKER, LOOP_IN_BYTES + LOOP_IN_SLACK);
	l->plain = mem_alloc(MEM_WORKER, LOOP_PLAIN_BYTES);
	l->frame = mem_alloc(MEM_WORKER, LOOP_FRAME_BYTES);
	l->stage = mem_alloc(MEM_WORKER, LOOP_PLAIN_BYTES);
	l->out = mem_alloc(MEM_WORKER, LOOP_OUT_BYTES);
	l->wheel = mem_alloc(MEM_WORKER, WHEEL_SLOTS * sizeof(*l->wheel));
	if (!l->in || !l->plain || !l->frame || !l->stage || !l->out || !l->wheel)
		return -1;
	for (unsigned int i = 0; i < WHEEL_SLOTS; i++)
		list_init(&l->wheel[i]);
	return 0;
}

static struct event_base *new_base(void)
{
	struct event_config *conf = event_config_new();
	struct event_base *base = NULL;

	if (!conf)
		return NULL;
	event_config_set_flag(conf, EVENT_BASE_FLAG_NOLOCK);
	event_config_set_flag(conf, EVENT_BASE_FLAG_NO_CACHE_TIME); /* nobody asks */
	event_config_require_features(conf, EV_FEATURE_ET | EV_FEATURE_EARLY_CLOSE);
	base = event_base_new_with_config(conf);
	event_config_free(conf);
	return base;
}

static int start_wheel(struct loop *l)
{
	l->wheel_tick = l->now_ms / WHEEL_TICK_MS;
	l->wheel_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (l->wheel_fd < 0)
		return -1;
	l->wheel_event = event_new(l->base, l->wheel_fd, EV_READ | EV_ET | EV_PERSIST,
				   wheel_cb, l);
	return l->wheel_event ? event_add(l->wheel_event, NULL) : -1;
}

int loop_init(struct loop *l)
{
	memset(l, 0, sizeof(*l));
	l->wheel_fd = -1;
	list_init(&l->dirty);
	list_init(&l->later);
	list_init(&l->graves);
	list_init(&l->signals);
	list_init(&l->lingering);
	list_init(&l->quiet);
	arena_init(&l->tick, MEM_TICK, 4096);
	read_clock(l);
	l->base = new_base();
	if (l->base && start_wheel(l) == 0 && alloc_buffers(l) == 0)
		return 0;
	loop_fini(l);
	return -1;
}

void loop_fini(struct loop *l)
{
	if (!l->graves.next)
		return; /* never begun */
	run_graves(l);
	while (!list_empty(&l->signals))
		watch_free(container_of(l->signals.next, struct watch, node));
	if (l->wheel_event)
		event_free(l->wheel_event);
	if (l->wheel_fd >= 0)
		close(l->wheel_fd);
	if (l->base)
		event_base_free(l->base);
	mem_free(MEM_WORKER, l->in);
	mem_free(MEM_WORKER, l->plain);
	mem_free(MEM_WORKER, l->frame);
	mem_free(MEM_WORKER, l->stage);
	mem_free(MEM_WORKER, l->out);
	mem_free(MEM_WORKER, l->wheel);
	arena_fini(&l->tick);
	memset(l, 0, sizeof(*l));
}

void loop_run(struct loop *l)
{
	while (!l->stopping) {
		int how = EVLOOP_ONCE;

		if (!list_empty(&l->dirty) || !list_empty(&l->later))
			how |= EVLOOP_NONBLOCK;
		l->awake = false;
		event_base_loop(l->base, how);
		run_later(l);
		loop_turn(l);
		run_all(&l->dirty);
		l->turn_bytes = 0;
		run_graves(l);
	}
}

void loop_stop(struct loop *l)
{
	l->stopping = true;
	event_base_loopbreak(l->base);
}
