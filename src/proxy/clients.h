/*
 * clients: how many connections each client's address has here. One IPv6
 * client is a /64: who has one address of it has all.
 */
#ifndef HEAPGATE_CLIENTS_H
#define HEAPGATE_CLIENTS_H

#include <stdint.h>

#include "io/addr.h"

struct client {
	struct client *next; /* in its bucket */
	uint64_t key;
	uint32_t n_conns;
};

struct clients {
	struct client **buckets;
	uint32_t n_buckets; /* a power of two, or 0 */
	uint32_t n_clients;
	uint64_t seed[2]; /* nobody can choose addresses that collide */
};

void clients_init(struct clients *all);
/* All must have left. */
void clients_fini(struct clients *all);
/* One connection more from there. Returns: the client; NULL for a peer without
 * an address, or when there is no memory: it is not counted. */
struct client *clients_enter(struct clients *all, const struct addr *peer);
/* One less. *c becomes NULL; NULL is no client and changes nothing. */
void clients_leave(struct clients *all, struct client **c);

#endif
