/*
 * dns: a DNS server on the loop for tests: one name, addresses as told.
 */
#ifndef HEAPGATE_DNS_H
#define HEAPGATE_DNS_H

#include <stdbool.h>

struct event;

struct dns {
	int fd;
	struct event *event;
	char where[32];      /* for resolver_set_servers() */
	const char *in[20];  /* A records, up to a NULL */
	const char *in6[20]; /* AAAA records, up to a NULL */
	bool refuse;         /* answers "no such name" */
	bool mute;           /* answers nothing */
	unsigned int n_queries;
};

/* On test_loop. */
void dns_start(struct dns *d);
void dns_stop(struct dns *d);

#endif
