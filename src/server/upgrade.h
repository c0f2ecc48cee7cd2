/*
 * upgrade: another binary takes over from the one that runs (SIGUSR2). It is
 * started beside it, with the same arguments and dups of all its listening
 * sockets; once its workers serve, the old one drains and ends. If it does not
 * come so far, the old one goes on as if nothing had been.
 */
#ifndef HEAPGATE_UPGRADE_H
#define HEAPGATE_UPGRADE_H

#include "server/crew.h"

#define UPGRADE_N_ENDPOINTS 2

/* In the old one. */
struct upgrade {
	char *path;          /* of our own binary when we started */
	pid_t pid;           /* of the new one; 0: none */
	int channel;         /* to it; -1: none */
	struct event *watch; /* of the channel */
	bool is_leaving;     /* it serves; we are on our way out */
};

/* In the new one. */
struct handover {
	struct crew before; /* number, ports and experiment-less */
	bool has_tickets;
	struct tls_ticket_keys tickets;
	struct addr endpoints[UPGRADE_N_ENDPOINTS]; /* len 0: none */
	int endpoint_fds[UPGRADE_N_ENDPOINTS];
	int channel; /* to the old one */
};

/* Before anything that could replace the binary. */
void upgrade_init(struct upgrade *u);
void upgrade_fini(struct upgrade *u);
/* Starts the binary that is now where ours was. endpoints: as admin_fd()
 * numbers them. Returns: 0, or -1 with errno set. */
int upgrade_start(struct upgrade *u, const struct crew *c, const struct addr *endpoints,
		  const int *endpoint_fds) MUST_USE;
/* The new one is gone, or we do not wait for it any more. */
void upgrade_forget(struct upgrade *u);

/* Were we started by upgrade_start()? Then what we were given.
 * Returns: NULL if not, or if it makes no sense to us (*failed). Owns: the
 * caller, handover_free(). */
struct handover *handover_take(bool *failed) MUST_USE;
/* We serve: the old one may go. */
void handover_done(struct handover *h);
void handover_free(struct handover **h);

#endif
