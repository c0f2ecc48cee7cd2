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
#define LOOP_IN_BYTES    (256 * 1024)
#define LOOP_READ_BYTES  (64 * 1024) /* one read, unless its owner can take more */
#define LOOP_IN_SLACK    16          /* room behind a read, to put back a few bytes */
#define LOOP_OUT_BYTES   (96 * 1024)
#define LOOP_FRAME_BYTES (16 * 1024 + 64) /* a frame and its head, padded */
#define LOOP_PLAIN_BYTES (16 * 1024)      /* the most a TLS record holds */

#define WHEEL_SLOTS   1024u
#define WHEEL_TICK_MS 20u

/* Something to flush at the end of the turn. Embed; init before use. */
struct dirty {
	struct list node;
	void (*flush)(struct dirty *d);
};

struct loop {
	struct event_base *base;
	struct list dirty;     /* struct dirty: to flush at the end of turn */
	struct list later;     /* struct dirty: to go on with in the next turn */
	struct list graves;    /* struct grave: to free after this turn */
	struct list signals;   /* watches of signals */
	struct list lingering; /* struct conn: on their way out, by conn_close() */
	struct list quiet;     /* struct conn: to be folded, see conn_quiet.c */
	struct dirty folding;  /* goes on with these */
	struct arena tick;     /* scratch; reset at the start of each turn */
	char *in;              /* LOOP_IN_BYTES: what a socket just gave */
	char *plain;           /* LOOP_PLAIN_BYTES: a record of it, deciphered */
	char *frame;           /* LOOP_FRAME_BYTES: for who packs frames */
	char *stage;           /* LOOP_PLAIN_BYTES: plaintext to encipher */
	char *out;             /* LOOP_OUT_BYTES: what one flush sends */
	uint32_t turn_bytes;   /* of input, since dirty things were flushed */
	uint32_t n_stage;      /* bytes in stage */
	uint32_t n_out;        /* bytes in out */
	struct conn *out_conn; /* whose bytes those are, or NULL */
	char *in_at;           /* enciphered input that OpenSSL may take */
	size_t n_in;
	uint32_t n_keepers; /* conns whose buffers OpenSSL keeps */
	bool awake;         /* the turn has begun: the clock is read */
	uint64_t now_us;    /* monotonic, read once per turn */
	uint64_t now_ms;    /* the same in ms, cut off */
	uint64_t from_ms;   /* timers count from here: the next whole ms, see timer */
	uint64_t wall_us;   /* see loop_wall_us(); 0: not read in this turn */
	bool stopping;
	/* timers: a wheel with lazy moves */
	struct list *wheel; /* WHEEL_SLOTS lists of struct timer */
	struct event *wheel_event;
	int wheel_fd;        /* a timer of the kernel's */
	uint64_t wheel_tick; /* tick that was run last */
	uint64_t armed_tick; /* tick the event waits for; 0: not armed */
	uint32_t n_timers;
};

/* Returns: 0, or -1 when there is no memory, no epoll or no timer. */
int loop_init(struct loop *l) MUST_USE;
void loop_fini(struct loop *l);
/* Runs until loop_stop(). */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);

/* Every callback from libevent starts with this: the first of a turn reads the
 * clock and empties the tick arena. */
void loop_begin_turn(struct loop *l);
static inline void loop_turn(struct loop *l)
{
	if (!l->awake)
		loop_begin_turn(l);
}

/* µs since 1970, the same for all of a turn; read when it is first asked for. */
uint64_t loop_wall_us(struct loop *l);

void dirty_init(struct dirty *d, void (*flush)(struct dirty *d));
/* Off the list, if it is on. */
void dirty_fini(struct dirty *d);
static inline void loop_mark(struct loop *l, struct dirty *d)
{
	if (list_empty(&d->node))
		list_append(&l->dirty, &d->node);
}

/* As loop_mark(), but in the next turn, which comes without waiting: for work
 * that was cut short so that others get their share. */
static inline void loop_defer(struct loop *l, struct dirty *d)
{
	if (list_empty(&d->node))
		list_append(&l->later, &d->node);
}

/* Flushes early when a turn has brought much input, so that it is passed on
 * while the cache holds it. From an event's callback only: what is flushed may
 * be freed. */
#define LOOP_TURN_BYTES (256u * 1024)
void loop_flush_early(struct loop *l);

/* Something to free once nothing on the stack can point to it any more. */
struct grave {
	struct list node;
	void (*bury)(struct grave *g);
};

void loop_bury(struct loop *l, struct grave *g, void (*bury)(struct grave *g));

/*
 * timer: precise to WHEEL_TICK_MS and never early. It counts from the turn's time: what
 * has gone by of the turn is lost. Set while timers fire it counts from now_ms, so up
 * to a ms is too, or what sets itself again would slip by a tick each time. Setting one
 * that is set is a store: it is moved only when its old time comes.
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
