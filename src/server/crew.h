/*
 * crew: the workers that serve one config snapshot, the sockets that they
 * accept from and the memory that they count in.
 *
 * A reload makes a new crew beside the old one, takes over the sockets of the
 * addresses that stay, and lets the old one drain once the new one serves.
 */
#ifndef HEAPGATE_CREW_H
#define HEAPGATE_CREW_H

#include "conf/snapshot.h"
#include "server/ports.h"
#include "server/seat.h"
#include "server/shared.h"

struct experiment;

enum crew_state {
	CREW_STARTING, /* until each worker was ready once */
	CREW_SERVING,
	CREW_ENDING, /* no worker is replaced any more */
};

/* What a crew tells the supervisor. */
struct crew_ops {
	void (*on_ready)(struct crew *c);
	/* Before all were ready a worker ended, and not by a crash of the
	 * first crew: this is its exit code. To be answered by crew_quit(). */
	void (*on_failure)(struct crew *c, int code);
	/* Ending, and the last worker is gone: to be answered by crew_free().
	 * Called once, at the end of a turn. */
	void (*on_gone)(struct crew *c);
	/* A worker has sent CHANNEL_ANSWER with these bytes. May be NULL. */
	void (*on_answer)(struct crew *c, struct seat *s, const void *p, size_t len);
};

struct crew {
	struct list node; /* the supervisor's */
	struct loop *loop;
	const struct crew_ops *ops;
	void *owner; /* the supervisor */
	struct snapshot *snapshot;
	unsigned int number; /* 1 for the first config, then 2 … */
	enum crew_state state;
	bool hopeful; /* a worker that crashes early is replaced too */
	uint64_t loaded_wall_us;
	struct shared *shared;
	int shared_fd, config_fd;
	struct ports ports;
	struct seat *seats;
	unsigned int n_seats;
	struct experiment *experiment; /* NULL: none */
	struct timer deadline;         /* of the drain */
	bool asked_to_quit;            /* the deadline passed once */
	struct dirty gone;
};

/*
 * Opens the sockets and all that workers need; starts none. old: the crew
 * whose sockets and ticket keys are taken over, or NULL for the first one.
 * Returns: NULL after having said on report why. Owns: the caller,
 * crew_free(); the crew owns the snapshot from now on, if there is one.
 */
struct crew *crew_new(struct loop *l, struct snapshot *s, const struct crew *old,
		      FILE *report) MUST_USE;
void crew_start(struct crew *c, const struct crew_ops *ops, void *owner);
/* From now on clients are divided as this crew wants it: when it starts, if it
 * is the first one, else when it takes over. */
void crew_take_clients(struct crew *c);
/* No worker may be left. keep: as for crew_drain(). */
void crew_free(struct crew **c, const struct crew *keep);

/*
 * Closes the crew's own sockets; its workers accept what is queued, finish
 * what they have and exit. After deadline_ms (0: never) those that are left
 * are made to. keep: the crew that goes on with the same addresses, or NULL.
 */
void crew_drain(struct crew *c, uint64_t deadline_ms, const struct crew *keep);
/* Workers exit now; those that do not within a second are killed. */
void crew_quit(struct crew *c);
void crew_reopen_logs(struct crew *c);

/* A child of this process ended. Returns: false if it was none of this crew. */
bool crew_on_exit(struct crew *c, pid_t pid, int status);
/* From the seats. */
void crew_on_worker_ready(struct crew *c);
void crew_on_worker_answer(struct crew *c, struct seat *s, const void *p, size_t len);

unsigned int crew_n_ready(const struct crew *c);
unsigned int crew_n_alive(const struct crew *c);
/* Ready, or about to be replaced because somebody wants it so. */
unsigned int crew_n_busy(const struct crew *c);

#endif
