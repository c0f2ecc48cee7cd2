/*
 * loop: one event loop per process. Each turn: wait, run the callbacks of
 * what is ready, then flush everything that was marked dirty, once.
 *
 * The only module but conn, listen and resolve that knows libevent.
 */
#ifndef HEAPGATE_LOOP_H
#define HEAPGATE_LOOP_H

#include "allocators/arena.h"
#include "base/list.h"

struct event_base;
struct event;

/* Bytes of the shared buffers; see loop.in and loop.out. */
#define LOOP_IN_BYTES  (64 * 1024)
#define LOOP_OUT_BYTES (80 * 1024)

#define WHEEL_SLOTS   1024u
#define WHEEL_TICK_MS 20u

struct loop {
	struct event_base *base;
	struct list dirty;      /* struct dirty: to flush at the end of turn */
	struct list quarantine; /* struct grave: to free after the next turn */
	struct list graves;     /* those of this turn */
	struct arena tick;      /* scratch; reset at the start of each turn */
	char *in;               /* LOOP_IN_BYTES: what a socket just gave */
	char *plain;            /* LOOP_IN_BYTES: the same, deciphered */
	char *out;              /* LOOP_OUT_BYTES: what one flush collects */
	uint64_t now_us;        /* monotonic, read once per turn */
	uint64_t now_ms;        /* the same in ms */
	uint64_t wall_us;       /* since 1970, read once per turn */
	bool stopping;
	/* timers: a wheel with lazy moves */
	struct list *wheel;     /* WHEEL_SLOTS lists of struct timer */
	struct event *wheel_event;
	uint64_t wheel_at;      /* tick that was run last */
	uint32_t n_timers;
	bool wheel_armed;
};

/* Returns: 0, or -1 when there is no memory or no epoll. */
int loop_init(struct loop *l) MUST_USE;
void loop_fini(struct loop *l);
/* Runs until loop_stop(). */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);

/* Something to flush at the end of the turn. Embed; init before use. */
struct dirty {
	struct list node;
	void (*flush)(struct dirty *d);
};

void dirty_init(struct dirty *d, void (*flush)(struct dirty *d));
/* Off the list, if it is on. */
void dirty_fini(struct dirty *d);
static inline void loop_mark(struct loop *l, struct dirty *d)
{
	if (list_empty(&d->node))
		list_append(&l->dirty, &d->node);
}

/* Something to free once nothing on the stack can point to it any more. */
struct grave {
	struct list node;
	void (*bury)(struct grave *g);
};

void loop_bury(struct loop *l, struct grave *g, void (*bury)(struct grave *g));

/*
 * timer: precise to WHEEL_TICK_MS, never early. Setting one that is set is a
 * store: it is moved only when its old time comes.
 */
struct timer {
	struct list node;
	uint64_t due_ms;  /* when to fire */
	uint64_t slot_ms; /* when the wheel looks at it next */
	void (*fire)(struct timer *t);
};

void timer_init(struct timer *t, void (*fire)(struct timer *t));
void timer_set(struct loop *l, struct timer *t, uint64_t in_ms);
void timer_stop(struct loop *l, struct timer *t);
static inline bool timer_is_set(const struct timer *t)
{
	return !list_empty(&t->node);
}

/* Runs cb(signal, arg) in the loop. Returns: 0 or -1. */
int loop_on_signal(struct loop *l, int signal, void (*cb)(int signal, void *arg),
		   void *arg) MUST_USE;
/* Runs cb(fd, arg) whenever fd is readable (level-triggered). Returns the
 * event, or NULL. Owns: the caller, until loop_unwatch(). */
struct event *loop_watch(struct loop *l, int fd, void (*cb)(int fd, void *arg),
			 void *arg) MUST_USE;
void loop_unwatch(struct event **e);

#endif
