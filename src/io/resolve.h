/*
 * resolve: host names to addresses, by c-ares, on the loop.
 */
#ifndef HEAPGATE_RESOLVE_H
#define HEAPGATE_RESOLVE_H

#include "io/addr.h"
#include "io/loop.h"

struct resolver; /* one per worker */

struct resolver *resolver_new(struct loop *l) MUST_USE;
void resolver_free(struct resolver **r);
/*
 * Looks host up (A and AAAA, /etc/hosts first) and calls
 * cb(arg, addrs, n, error): n addresses without a port and error NULL, or n
 * = 0 and a short reason. Never called before this returns. Lives: host is
 * copied; cancel by resolver_forget(arg) before arg's end.
 */
void resolver_ask(struct resolver *r, const char *host,
		  void (*cb)(void *arg, const struct addr *addrs, unsigned int n,
			     const char *error),
		  void *arg);
void resolver_forget(struct resolver *r, void *arg);

#endif
