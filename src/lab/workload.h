/*
 * workload: what clients do: a mix of requests, and how they use their
 * connections. The paths are those of the embedded origin (answer.h).
 *
 *   browse api upload tls-churn idle-heavy grpc-stream
 *   get:PATH       that one request
 *   replay:FILE    a request a line, "METHOD PATH [BODY_BYTES]", in order and
 *                  again from the start; # begins a comment
 */
#ifndef HEAPGATE_WORKLOAD_H
#define HEAPGATE_WORKLOAD_H

#include "allocators/mem.h"

struct request {
	const char *method;
	const char *path;
	uint64_t body_bytes;
	unsigned int weight; /* of the weights' sum; unused in a replay */
};

struct workload {
	const char *name;
	const char *summary; /* one line for --help and docs */
	const struct request *requests;
	unsigned int n_requests;
	double rate;             /* requests a second, unless told otherwise */
	unsigned int n_conns;    /* that carry requests */
	unsigned int n_streams;  /* at once on each of them, over HTTP/2 */
	unsigned int n_idle;     /* connections more, which only stay open */
	unsigned int n_per_conn; /* requests before a new one is opened; 0: all */
	bool in_order;           /* a replay */
	/* The streams are long: each is opened once, and a request is a
	 * message of body_bytes on one of them that comes back. */
	bool messages;
	bool owned; /* by workload_open(): not in the table */
};

/* NULL at the end. */
extern const struct workload *const workloads[];

/* Returns: the workload, or NULL with a one-line reason in err. Owns: the
 * caller, until workload_close(). */
const struct workload *workload_open(const char *name, char *err, size_t err_cap);
void workload_close(const struct workload **w);

#endif
