/*
 * load: an open-loop load generator: requests are due by a schedule, whatever
 * the server does; latency counts from when a request was due, so a server
 * that stalls cannot hide it (no coordinated omission).
 *
 * One process, one loop; HTTP/2 and HTTP/1.1, TLS or cleartext.
 */
#ifndef HEAPGATE_LOAD_H
#define HEAPGATE_LOAD_H

#include "io/conn.h"
#include "lab/load_result.h"
#include "lab/workload.h"

struct load_phase {
	char name[16];
	uint64_t lasts_us;
	double factor;           /* of the rate */
	unsigned int n_per_conn; /* overrides the workload's, if not 0 */
	bool alone;              /* all connections are closed when it begins */
};

struct load_conf {
	struct addr to;
	SSL_CTX *tls;          /* NULL: cleartext */
	const char *name;      /* for SNI, or NULL */
	const char *authority; /* Host */
	bool h2;
	const struct workload *workload;
	double rate;
	unsigned int n_conns;
	unsigned int n_streams;
	unsigned int n_idle;
	unsigned int n_opening; /* at once, of n_conns, before the first phase */
	bool poisson;
	uint64_t seed;
	const struct load_phase *phases;
	unsigned int n_phases;
	/* Called in the loop when a phase begins (result empty but for its
	 * name and time), and at the end for each phase. May be NULL. */
	void (*on_begin)(const struct load_result *r, void *arg);
	void *arg;
};

/*
 * Opens the connections, then goes through the phases. results: one for each
 * phase. SIGINT and SIGTERM end it early; what is left is then 0 long.
 * Returns: 0; -1 with a reason in err: no connection could be opened, or no
 * memory.
 */
int load_run(const struct load_conf *conf, struct load_result *results, char *err,
	     size_t err_cap) MUST_USE;

/* "heapgate load URL …". Returns: the exit code (enum exits). */
int load_main(int argc, char **argv);

#endif
