/*
 * load_inner: what the parts of the load generator share.
 *
 *   load ── slots ──► session (one connection) ──► exchange (one request)
 *        └─ idle ───►
 */
#ifndef HEAPGATE_LOAD_INNER_H
#define HEAPGATE_LOAD_INNER_H

#include "lab/load_session.h"
#include "lab/request_head.h"
#include "lab/schedule.h"

struct load {
	struct loop loop;
	const struct load_conf *conf;
	struct load_result *results;
	struct request_heads heads; /* HTTP/2 */
	struct list spares;         /* exchange->node: to be used again */
	struct list sessions;       /* all, slots or not */
	struct session **slots;     /* n_conns */
	unsigned int next_slot;
	unsigned int n_connecting;
	unsigned int n_idle; /* opened so far */
	char *zeroes;        /* a body's bytes */
	/* the schedule */
	struct schedule schedule;
	struct arrival next;
	uint64_t phase_us;  /* when this phase began, monotonic */
	unsigned int phase; /* index; n_phases: over */
	bool running;       /* the phases have begun */
	bool starved;       /* a request waits for a stream */
	bool interrupted;
	int timer_fd;
	struct event *timer_event;
	struct dirty pump;
	struct timer tick; /* opening, draining */
	uint64_t read_us;  /* when what is looked at now was read */
	uint64_t give_up_us;
	uint64_t cpu_us;             /* when the phase began */
	unsigned int n_failed_opens; /* connections that never stood */
	unsigned int n_opened;       /* connections, ever */
	unsigned int n_seen_open;    /* of these, at the last tick of opening */
};

#define LOAD_ZEROES (16u << 10)

static inline void session_mark(struct session *s)
{
	loop_mark(&s->load->loop, &s->dirty);
}

/* load.c: there is room for one more request. */
void load_has_room(struct load *l);

#endif
