/*
 * reuseport: which socket of a SO_REUSEPORT group gets a new connection, by a
 * classic BPF program that the kernel runs for each SYN.
 *
 * A socket's index in its group is its place in the order in which the group
 * began to listen. It stays while no socket of the group is closed; when one
 * is, the last one takes its index.
 */
#ifndef HEAPGATE_REUSEPORT_H
#define HEAPGATE_REUSEPORT_H

#include "allocators/mem.h"
#include "io/addr.h"

#define REUSEPORT_MAX_SLICES 16

enum reuseport_by {
	REUSEPORT_RANDOM,    /* each connection anew */
	REUSEPORT_CLIENT_IP, /* the same slice for the same source address */
};

/* A part of the clients, and the sockets that they are spread over. */
struct reuseport_slice {
	uint32_t weight;         /* of the sum of all weights; 0: no client */
	const uint16_t *sockets; /* indices in the group */
	unsigned int n_sockets;  /* at least 1 */
};

/*
 * Gives the group of fd a program, in place of the one it has: at once and
 * for each connection whose SYN comes later. At least one weight is not 0.
 * Slices lie side by side in their order, so that with another weight only
 * clients at the changed borders come to another slice.
 * Returns: 0, or -1 with errno set, with the old program in place; E2BIG for
 * some hundred sockets that are in no row.
 */
int reuseport_steer(int fd, enum reuseport_by by, const struct reuseport_slice *slices,
		    unsigned int n) MUST_USE;

/* The slice that REUSEPORT_CLIENT_IP has this client in. */
unsigned int reuseport_slice_of(const struct addr *client,
				const struct reuseport_slice *slices, unsigned int n);
/*
 * An address as the program sees it: 32 bits of which the upper ones choose.
 * Addresses that follow each other come to lie evenly (Fibonacci hashing): a
 * row of 50 is divided more fairly than 50 drawn at random would be. There is
 * no secret in it: after a restart, and on each host of a fleet, a client has
 * the same slice.
 */
uint32_t reuseport_hash(const struct addr *client);

/* Can this kernel do it? Tried on a socket of its own. errno says why not. */
bool reuseport_works(void);

#endif
