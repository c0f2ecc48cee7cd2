/*
 * conf_try: what the tests of the config share: texts loaded, and what was
 * said of them.
 */
#ifndef HEAPGATE_CONF_TRY_H
#define HEAPGATE_CONF_TRY_H

#include "conf/snapshot.h"

#define TRY_BYTES (64 * 1024)

struct
try {
	struct snapshot *s;      /* NULL: there were errors */
	char errors[TRY_BYTES];  /* "" if there were none */
	char printed[TRY_BYTES]; /* snapshot_print(), "" without a snapshot */
};

/* What every config needs, for tests of something else. */
#define REST                                                                           \
	"listen 127.0.0.1:8080\n"                                                      \
	"upstream u { server 127.0.0.1:9001 }\n"                                       \
	"route / u\n"

/* Loads a text under the name t.conf. */
void try_text(struct try *t, const char *text);
void try_file(struct try *t, const char *path);
void try_end(struct try *t);

/* A folder of the test's own, files in it, and its end. */
extern char try_dir[256];
void try_dir_new(void);
void try_write(const char *name, const char *text);
const char *try_path(const char *name); /* good until the next call */
void try_dir_free(void);

#endif
