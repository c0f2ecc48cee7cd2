/*
 * snapshot: a whole config as the other modules' conf structs, in one arena.
 * Read-only once loaded.
 */
#ifndef HEAPGATE_SNAPSHOT_H
#define HEAPGATE_SNAPSHOT_H

#include <stdio.h>

#include "base/log.h"
#include "io/listen.h"
#include "proxy/accesslog.h"
#include "proxy/limits.h"
#include "upstream/route.h"
#include "upstream/upstream.h"

struct snapshot {
	struct arena arena;
	const char *allocator;       /* spec: "hybrid" */
	unsigned int n_workers;      /* "auto": the CPUs we may use */
	const char *user;            /* workers run as; NULL: as we are */
	const char *pid_file;        /* NULL: none */
	struct listen_conf *listens;
	unsigned int n_listens;
	struct route_conf *routes;
	unsigned int n_routes;
	struct routes *route_table;
	struct upstream_conf *upstreams;
	unsigned int n_upstreams;
	unsigned int n_servers;      /* over all upstreams */
	struct limits_conf limits;
	struct accesslog_conf access;
	const char *error_path;      /* NULL: stderr */
	enum log_level error_level;
	struct addr metrics;         /* len 0: none */
	const char *admin;           /* unix socket path, or NULL */
	const char *via;             /* name in Via (heapgate) */
	bool forwarded_trust;        /* keep the client's X-Forwarded-* */
	uint32_t ticket_rotate_ms;   /* session ticket keys: 1 h */
};

/*
 * Loads a file (includes and ${VAR} expanded), or a text. All errors (up to
 * 20) go to report, in the form FILE:LINE:COL: error: …
 * Returns: NULL if there was any error. Owns: the caller, snapshot_free().
 */
struct snapshot *snapshot_load(const char *path, FILE *report) MUST_USE;
struct snapshot *snapshot_parse(const char *name, const char *text, size_t len,
				FILE *report) MUST_USE;
void snapshot_free(struct snapshot **s);

/* The effective config, every default spelled out; snapshot_parse() takes it
 * and yields an equal snapshot. */
void snapshot_print(const struct snapshot *s, FILE *to);
/* docs/config.md, from the directive table. */
void snapshot_print_docs(FILE *to);
/* Files, names and addresses that only this host can tell: certificates and
 * keys readable, user known. Errors go to report; returns how many. */
unsigned int snapshot_check_host(const struct snapshot *s, FILE *report);

#endif
