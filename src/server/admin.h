/*
 * admin: the supervisor's own endpoints: metrics and health over TCP, the
 * same and the verbs of "heapgate ctl" over a unix socket; docs/admin.md.
 *
 * Served by the fronts that serve clients, with a dispatch of its own.
 */
#ifndef HEAPGATE_ADMIN_H
#define HEAPGATE_ADMIN_H

#include <stdio.h>

#include "allocators/mem.h"
#include "io/addr.h"

struct admin;
struct snapshot;
struct supervisor;

/* Returns: NULL without memory. Owns: the caller, admin_free(). */
struct admin *admin_new(struct supervisor *s) MUST_USE;
/*
 * Listens where the config says, in place of where it did before; what has
 * not changed stays open.
 * Returns: 0; -1 after having said on report why, with nothing changed.
 */
int admin_listen(struct admin *a, const struct snapshot *s, FILE *report) MUST_USE;
/* For another binary that is to take over: the addresses as configured, and
 * the sockets, -1 where there is none. */
void admin_show_sockets(const struct admin *a, struct addr *addrs, int *fds);
/* Before admin_listen(): where it is to listen on one of these, it takes a dup
 * of that socket. They live until NULLs are given: then what was taken is ours
 * alone. */
void admin_give_sockets(struct admin *a, const struct addr *addrs, const int *fds);
/* Others listen there now: ends our listening, leaves the socket's file. */
void admin_leave(struct admin *a);
/* Ends all listening and all connections; before the loop's last turn ends. */
void admin_stop(struct admin *a);
/* After the loop's last turn. */
void admin_free(struct admin **a);

#endif
