/*
 * ports: the listening sockets of all workers, opened and kept by the
 * supervisor, so that a worker's crash loses nothing that is queued.
 */
#ifndef HEAPGATE_PORTS_H
#define HEAPGATE_PORTS_H

#include <stdio.h>

#include "io/listen.h"
#include "io/reuseport.h"

struct ports {
	unsigned int n_listens;
	unsigned int n_workers;
	unsigned int width;      /* the most sockets that a listener has */
	struct addr *asked;      /* as configured: what a reload compares */
	struct addr *bound;      /* with the real port */
	unsigned int *n_sockets; /* of each listener: n_workers, and spares */
	bool *steered;           /* each: the kernel has a program for it */
	int *fds;                /* [listener * width + worker]; -1: none */
};

/*
 * One socket for each listener and worker. Where old (or NULL) listens on the
 * same address its sockets are taken over, as dups: what is queued in them is
 * not lost. Those that are too many become spares and stay open, because to
 * close one would move the index of another (see reuseport.h): so worker i's
 * socket has index i for as long as the listener is there.
 * Returns: 0; -1 after having said on report which listener has which
 * trouble, with nothing left open. Owns: the caller, until ports_close().
 */
int ports_open(struct ports *p, const struct listen_conf *confs, unsigned int n_listens,
	       unsigned int n_workers, const struct ports *old, FILE *report) MUST_USE;
/* Also removes the files of unix sockets, but for those that keep (or NULL)
 * has too. Idempotent. */
void ports_close(struct ports *p, const struct ports *keep);
/* Empty arrays, for sockets that are there already: width for each listener.
 * Returns: 0, or -1 without memory. Owns: the caller, ports_close(). */
int ports_reserve(struct ports *p, unsigned int n_listens, unsigned int width) MUST_USE;
int ports_fd(const struct ports *p, unsigned int listener, unsigned int worker);

/* Divides the connections of each TCP listener; the slices' sockets are
 * workers. Returns: 0, or -1 with errno set when some listener's cannot be. */
int ports_steer(struct ports *p, enum reuseport_by by,
		const struct reuseport_slice *slices, unsigned int n) MUST_USE;
/* Must it be told who gets what, because the kernel would not by itself give
 * each worker the same? */
bool ports_want_steering(const struct ports *p);
/* Ends what waits in the spares: whoever came there just when the worker left.
 * Only when no worker accepts from them. */
void ports_sweep(const struct ports *p);
/* For a kernel that cannot leave spares alone. */
void ports_close_spares(struct ports *p);

#endif
