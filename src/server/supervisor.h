/*
 * supervisor: the parent process. Keeps the listening sockets, starts and
 * replaces the workers, reloads, and answers on the metrics and admin
 * endpoints. Serves no client itself.
 */
#ifndef HEAPGATE_SUPERVISOR_H
#define HEAPGATE_SUPERVISOR_H

#include "server/crew.h"
#include "server/memory.h"
#include "server/setup.h"
#include "server/upgrade.h"

struct admin;

enum reload_state {
	RELOAD_NONE,     /* there was none */
	RELOAD_STARTING, /* the new workers are not ready */
	RELOAD_DONE,
	RELOAD_FAILED, /* the old config stays; see reload_report */
};

#define RELOAD_REPORT_BYTES 16384

struct supervisor {
	const struct setup *setup;
	struct loop loop;
	struct crew *crew; /* that serves, or is to be the first; may be NULL
			    * at the start and at the end */
	struct crew *next; /* of a reload, until it serves */
	struct list old;   /* struct crew: draining */
	struct admin *admin;
	struct memory memory;
	struct timer tickets;
	struct upgrade upgrade;
	struct handover *handover; /* NULL: we were started afresh */
	char *pid_file;            /* NULL: none */
	int detach_fd;             /* see detach.h */
	int code;                  /* to exit with */
	bool stopping;
	bool hurry; /* a second signal came */
	uint64_t started_wall_us;
	uint64_t restarts_before; /* by crews that are gone */
	/* reloads */
	enum reload_state reload;
	bool reload_again; /* asked for during one */
	uint64_t reloads_done, reloads_failed;
	char *reload_report; /* what was wrong, or "" */
};

/* Runs heapgate to its end. Returns: the exit code. */
int supervisor_run(const struct setup *setup, bool detach);

/* Returns: false when the config is no good (see reload_report); else the new
 * workers are on their way, and s->reload will tell. */
bool supervisor_reload(struct supervisor *s);
/* Drains the workers and ends; within_deadline: after limits.drain_timeout
 * they are cut off. */
void supervisor_drain(struct supervisor *s, bool within_deadline);
void supervisor_reopen_logs(struct supervisor *s);
/* Starts the binary that is now where ours was, to take over; see upgrade.h. */
void supervisor_upgrade(struct supervisor *s);
/* NULL: all workers serve; else why not, in a few words. Lives: always. */
const char *supervisor_not_ready(const struct supervisor *s);

#endif
