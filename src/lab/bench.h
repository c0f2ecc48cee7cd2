/*
 * bench: the stand on which a campaign's runs take place: the origin, which
 * stays, and for each run a fresh heapgate and a fresh load generator.
 */
#ifndef HEAPGATE_BENCH_H
#define HEAPGATE_BENCH_H

#include "lab/campaign.h"
#include "lab/child.h"

struct bench {
	struct campaign *campaign;
	const char *dir;     /* for certificate, config and logs */
	const char *config;  /* the user's, or NULL */
	int log_fd;          /* what the processes say */
	struct child origin; /* none with a target or a config */
	char server[320];    /* "127.0.0.1:9001 proto=h2c" */
	char url[320];       /* where the load goes */
	char conf_path[512];
	unsigned int metrics_port; /* 0: the config has none */
	unsigned int n_workers;
	uint64_t patience_us; /* left for bench_wait() */
	/* Said at the start of each phase. May be NULL. */
	void (*on_phase)(const char *name, void *arg);
	void *arg;
};

/* Returns: 0, or -1 with a reason in err. */
int bench_open(struct bench *b, char *err, size_t err_cap) MUST_USE;
void bench_close(struct bench *b);
/*
 * One run, appended to the campaign; whether it counts is in why_void.
 * Returns: 0, or -1 with a reason in err: nothing more can be run.
 */
int bench_run(struct bench *b, unsigned int arm, unsigned int round, unsigned int place,
	      unsigned int attempt, char *err, size_t err_cap) MUST_USE;
/*
 * After a void run: if the host was why, waits until it has been quiet for a
 * second, 10 s at most, and no more than the bench has patience for in all. A
 * second try at once would meet the same. Returns early on a signal.
 */
void bench_wait(struct bench *b, const struct run *r);

#endif
