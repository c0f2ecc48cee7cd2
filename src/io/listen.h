/*
 * listen: listening sockets. The supervisor opens them and keeps them, the
 * workers accept from them.
 */
#ifndef HEAPGATE_LISTEN_H
#define HEAPGATE_LISTEN_H

#include "io/addr.h"
#include "io/loop.h"
#include "io/tls.h"

struct listen_conf {
	const char *text;  /* as written in the config, for messages */
	struct addr addr;
	int backlog;       /* 511 */
	bool is_tls;
	struct tls_server_conf tls;
};

/* Opens n SO_REUSEPORT sockets on one address (for port 0 all on the one that
 * the first got; addr is set to it). Returns: 0, or -1 with errno set and all
 * closed. A unix socket: n must be 1..; all fds are dups of one. */
int listen_open(struct addr *addr, int backlog, int *fds, unsigned int n) MUST_USE;

struct listener; /* accepts from one socket */
/* cb gets each accepted socket and owns it. Returns NULL without memory. */
struct listener *listener_new(struct loop *l, int fd,
			      void (*cb)(int fd, const struct addr *peer, void *arg),
			      void *arg) MUST_USE;
/* Accepts what is queued, then closes the socket. */
void listener_drain(struct listener *ln);
/* Stops accepting for a while (no fds, too many connections). */
void listener_pause(struct listener *ln, bool paused);
void listener_free(struct listener **ln);

#endif
