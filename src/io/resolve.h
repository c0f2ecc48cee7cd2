/*
 * resolve: host names to addresses, by c-ares, on the loop.
 */
#ifndef HEAPGATE_RESOLVE_H
#define HEAPGATE_RESOLVE_H

#include "io/addr.h"
#include "io/loop.h"

struct resolver; /* one per worker */

/* Reads /etc/resolv.conf and /etc/hosts. c-ares itself must have been set up
 * by ares_library_init_mem(). Returns: NULL without memory or sockets. */
struct resolver *resolver_new(struct loop *l) MUST_USE;
/* Asks these DNS servers instead: "127.0.0.1:53,[::1]:53". Returns: 0, or -1
 * when the list is not of that form or there is no memory. */
int resolver_set_servers(struct resolver *r, const char *list) MUST_USE;
/* Forgets all questions. */
void resolver_free(struct resolver **r);
/*
 * Looks host up (A and AAAA, /etc/hosts first) and calls
 * cb(arg, addrs, n, error): n addresses (at most 16) without a port and error
 * NULL, or n = 0 and a short reason. Never called before this returns.
 * Returns: 0, or -1 without memory (cb will not be called). Lives: host is
 * copied; cancel by resolver_forget(arg) before arg's end.
 */
int resolver_ask(struct resolver *r, const char *host,
		 void (*cb)(void *arg, const struct addr *addrs, unsigned int n,
			    const char *error),
		 void *arg) MUST_USE;
/* cb will not be called for any question of this arg. */
void resolver_forget(struct resolver *r, void *arg);

#endif
