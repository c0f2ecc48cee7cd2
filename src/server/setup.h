/*
 * setup: what heapgate was told to run, and how it becomes a snapshot that
 * this host can serve. Read again at every reload.
 */
#ifndef HEAPGATE_SETUP_H
#define HEAPGATE_SETUP_H

#include "conf/snapshot.h"

#define SETUP_DEFAULT_PATH  "/etc/heapgate/heapgate.conf"
#define SETUP_DEFAULT_ADMIN "/run/heapgate/admin.sock"

struct setup {
	const char *path; /* config file; NULL: the text below */
	struct str text;
	const char *allocator; /* of the command line, before the config's; or NULL */
};

/*
 * Loads the config and checks it against this host, the allocator included.
 * Returns: NULL after having said on report why not, with *code the exit code
 * for that. Owns: the caller, snapshot_free(). Lives: *setup as long.
 */
struct snapshot *setup_load(const struct setup *s, FILE *report, int *code) MUST_USE;
/* For messages. */
const char *setup_name(const struct setup *s);

#endif
