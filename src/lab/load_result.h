/*
 * load_result: what a phase of load has shown, from the clients' side.
 */
#ifndef HEAPGATE_LOAD_RESULT_H
#define HEAPGATE_LOAD_RESULT_H

#include <jansson.h>
#include <stdio.h>

#include "lab/latencies.h"

struct load_result {
	char name[16];      /* of the phase */
	uint64_t begun_us;  /* monotonic */
	uint64_t lasted_us; /* as planned */
	uint64_t planned;   /* requests that were due */
	uint64_t started;
	uint64_t ok;           /* answered by 2xx, to the last byte */
	uint64_t other_status; /* answered by anything else */
	uint64_t failed;       /* broken off, refused, not understood */
	uint64_t unfinished;   /* no end when the load ended */
	uint64_t conns;        /* opened */
	uint64_t conns_failed;
	uint64_t in_bytes; /* from the socket, TLS included */
	uint64_t out_bytes;
	uint64_t cpu_us;          /* that the generator itself took */
	struct latencies latency; /* µs from when a request was due, to its end */
	struct latencies late;    /* µs from when it was due until it was on its
				   * way, of those that had not to wait for a
				   * stream: the generator's own fault */
};

/* Requests that did not end well, as a share of those that were due. */
double load_result_error_share(const struct load_result *r);
/* CPU the generator took, as a share of one core's time. */
double load_result_cpu_share(const struct load_result *r);

/* One JSON object; NULL: no memory. Owns: the caller. */
json_t *load_result_json(const struct load_result *r);
/* Returns: 0; -1 when it is no such object. */
int load_result_parse(const json_t *from, struct load_result *r);
/* For people. */
void load_result_print(const struct load_result *r, FILE *to);

#endif
