/*
 * snapshot: a whole config as the other modules' conf structs, in one arena.
 * Read-only once loaded.
 */
#ifndef HEAPGATE_SNAPSHOT_H
#define HEAPGATE_SNAPSHOT_H

#include <stdio.h>

#include "base/log.h"
#include "conf/arms.h"
#include "io/listen.h"
#include "proxy/accesslog.h"
#include "proxy/error_page.h"
#include "proxy/limits.h"
#include "upstream/route.h"
#include "upstream/upstream.h"

struct snapshot {
	struct arena arena;
	const char *allocator;  /* spec: "hybrid" */
	unsigned int n_workers; /* "auto": the CPUs we may use */
	const char *user;       /* workers run as; NULL: as we are */
	const char *pid_file;   /* NULL: none */
	struct listen_conf *listens;
	unsigned int n_listens;
	struct route_conf *routes;
	unsigned int n_routes;
	struct routes *route_table;
	struct upstream_conf *upstreams;
	unsigned int n_upstreams;
	unsigned int n_servers; /* over all upstreams */
	struct error_page_conf *error_pages;
	unsigned int n_error_pages;
	struct limits_conf limits;
	struct accesslog_conf access;
	const char *error_path; /* "-": stderr */
	enum log_level error_level;
	struct addr metrics;               /* len 0: none */
	const char *admin;                 /* unix socket path, or NULL */
	const char *via;                   /* name in Via (heapgate); "off": none */
	uint8_t forwarded;                 /* enum forwarded (replace) */
	uint32_t ticket_rotate_ms;         /* session ticket keys: 1 h */
	struct experiment_conf experiment; /* its arms are there without one */
	unsigned int n_seats;              /* workers of all arms */
	const char **wheres;               /* see snapshot_where() */
};

/*
 * Loads a file (includes and ${VAR} expanded), or a text. All errors (up to
 * 20) go to report, in the form FILE:LINE:COL: error: …
 * Returns: NULL if there was any error. Owns: the caller, snapshot_free().
 */
struct snapshot *snapshot_load(const char *path, FILE *report) MUST_USE;
/* As snapshot_load(). *lacks_allocator: nothing is wrong but that there is no
 * allocator of that name, which has an exit code of its own. */
struct snapshot *snapshot_try(const char *path, FILE *report,
			      bool *lacks_allocator) MUST_USE;
struct snapshot *snapshot_parse(const char *name, const char *text, size_t len,
				FILE *report) MUST_USE;
void snapshot_free(struct snapshot **s);

/* Where a directive of the top level stands ("metrics", "log access"), for
 * messages: "heapgate.conf:7:1", or the config's name when it is not there.
 * For a repeatable one the last; see also the where of each struct. */
const char *snapshot_where(const struct snapshot *s, const char *directive);

/* The spec that this arm's workers run. */
const char *snapshot_arm_allocator(const struct snapshot *s, unsigned int arm);
/* The arm of a seat: the seats of the first arm come first. */
unsigned int snapshot_arm_of(const struct snapshot *s, unsigned int seat);
/* Is what is wrong with this spec its name? */
bool snapshot_is_unknown_allocator(const char *spec);

/* The effective config, every default spelled out; snapshot_parse() takes it
 * and yields an equal snapshot. */
void snapshot_print(const struct snapshot *s, FILE *to);
/* docs/config.md, from the directive table. */
void snapshot_print_docs(FILE *to);

/* A config for "heapgate proxy FROM TO...": what the command line says. NULL
 * stands for what is not said. */
struct proxy_args {
	const char *from;      /* ":8443" */
	const char *const *to; /* "127.0.0.1:9001", "h2c://localhost:9101" */
	unsigned int n_to;
	const char *allocator; /* spec */
	const char *cert;      /* with it TLS, else cleartext */
	const char *key;
	const char *workers;
	const char *metrics;
	const char *access_log;
};
/* Writes it as a config text, for snapshot_parse() to judge. */
void snapshot_proxy_text(const struct proxy_args *args, FILE *to);

/* Files, names and addresses that only this host can tell: certificates and
 * keys and error pages readable, user known. Errors go to report; returns how many. */
unsigned int snapshot_check_host(const struct snapshot *s, FILE *report);

#endif
