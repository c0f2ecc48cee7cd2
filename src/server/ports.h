/*
 * ports: the listening sockets of all workers, opened and kept by the
 * supervisor, so that a worker's crash loses nothing that is queued.
 */
#ifndef HEAPGATE_PORTS_H
#define HEAPGATE_PORTS_H

#include <stdio.h>

#include "io/listen.h"

struct ports {
	unsigned int n_listens;
	unsigned int n_workers;
	struct addr *asked; /* as configured: what a reload compares */
	struct addr *bound; /* with the real port */
	int *fds;           /* [listener * n_workers + worker]; -1: none */
};

/*
 * One socket for each listener and worker. Where old (or NULL) listens on the
 * same address its sockets are taken over, as dups: what is queued in them is
 * not lost.
 * Returns: 0; -1 after having said on report which listener has which
 * trouble, with nothing left open. Owns: the caller, until ports_close().
 */
int ports_open(struct ports *p, const struct listen_conf *confs, unsigned int n_listens,
	       unsigned int n_workers, const struct ports *old, FILE *report) MUST_USE;
/* Also removes the files of unix sockets, but for those that keep (or NULL)
 * has too. Idempotent. */
void ports_close(struct ports *p, const struct ports *keep);
int ports_fd(const struct ports *p, unsigned int listener, unsigned int worker);

#endif
