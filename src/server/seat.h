/*
 * seat: the place of one worker. When a worker dies, another takes its seat:
 * its number, its sockets and its stats.
 */
#ifndef HEAPGATE_SEAT_H
#define HEAPGATE_SEAT_H

#include "io/loop.h"
#include "server/channel.h"
#include "server/procfs.h"

struct crew;

enum seat_state {
	SEAT_EMPTY,    /* nobody; the next one may be on its way (restart) */
	SEAT_STARTING, /* it has not said that it serves */
	SEAT_READY,
	SEAT_DRAINING,
};

struct seat {
	struct crew *crew;
	unsigned int number;
	unsigned int arm; /* index */
	enum seat_state state;
	bool recycled;       /* its worker was asked to leave, for another to come */
	bool is_next;        /* which is on its way now */
	bool was_ready;      /* some worker has served from here */
	pid_t pid;           /* 0: none */
	int channel;         /* -1: none */
	struct event *watch; /* of the channel */
	struct timer restart;
	uint64_t started_ms;
	unsigned int n_quick; /* deaths in a row within a second of the start */
	uint64_t restarts;    /* workers that ended unasked */
	struct procfs process;
};

void seat_init(struct seat *s, struct crew *c, unsigned int number);
/* Nobody may sit there. */
void seat_fini(struct seat *s);
/* Starts a worker, or tries again later if no process can be had. */
void seat_start(struct seat *s);
/* Its worker ended, with waitpid()'s status: logs it, unless that was to be
 * expected. */
void seat_on_exit(struct seat *s, int status);
/* Lets another start: at once, or after up to 10 s if they keep dying. */
void seat_restart(struct seat *s);
/* Has its worker drain, and another one sit down afterwards. One that is not
 * done after limits.drain_timeout is told to quit. */
void seat_recycle(struct seat *s);
/* To the worker, if there is one. */
void seat_send(struct seat *s, enum channel_word word);
/* A question with a number, which its answer has too. Returns: 0 or -1. */
int seat_ask(const struct seat *s, enum channel_word word, uint32_t ticket) MUST_USE;

/* "starting" "ready" "draining" "down". Lives: always. */
const char *seat_state_name(enum seat_state state);

/* How long to wait before the next start, in ms. */
uint64_t seat_pause_ms(unsigned int n_quick);

#endif
