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
	const char *where; /* there: "heapgate.conf:3:1" */
	struct addr addr;
	int backlog; /* 511 */
	bool is_tls;
	struct tls_server_conf tls;
};

/*
 * Opens n SO_REUSEPORT sockets on one address (for port 0 all on the one that
 * the first got; addr is set to it). "Any" of IPv6 takes IPv4 as well, and
 * becomes "any" of IPv4 where there is no IPv6. A unix socket: all fds are
 * dups of one; a socket file that nobody listens on is replaced.
 * Returns: 0, or -1 with errno set and all closed; EADDRINUSE also when
 * another process of ours listens there. Owns: the caller; close-on-exec.
 */
int listen_open(struct addr *addr, int backlog, int *fds, unsigned int n) MUST_USE;
/* As listen_open(), beside sockets that listen on addr already. Not for unix. */
int listen_more(struct addr *addr, int backlog, int *fds, unsigned int n) MUST_USE;

struct listener; /* accepts from one socket */
/* cb gets each accepted socket and owns it; it is nonblocking, close-on-exec
 * and TCP_NODELAY. cb may pause, drain or free the listener. Owns: fd from now
 * on. Returns: NULL without memory; fd is the caller's then. */
struct listener *listener_new(struct loop *l, int fd,
			      void (*cb)(int fd, const struct addr *peer, void *arg),
			      void *arg) MUST_USE;
/* Accepts what is queued, paused or not, then closes the socket. */
void listener_drain(struct listener *ln);
/* Stops accepting for a while (too many connections). For want of file
 * descriptors it does so by itself, 100 ms at a time. */
void listener_pause(struct listener *ln, bool paused);
void listener_free(struct listener **ln);

#endif
