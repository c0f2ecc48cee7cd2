/*
 * accesslog: one line per stream, buffered, written at most once per turn.
 */
#ifndef HEAPGATE_ACCESSLOG_H
#define HEAPGATE_ACCESSLOG_H

#include "io/loop.h"

enum accesslog_format { ACCESSLOG_COMBINED, ACCESSLOG_JSON, ACCESSLOG_MEMORY };

struct accesslog_conf {
	const char *path; /* "-": stdout; NULL: no access log */
	enum accesslog_format format;
};

struct stream;
struct accesslog;

/* arm, worker: go into each JSON line. Returns: NULL with errno set when the
 * file cannot be opened or there is no memory. */
struct accesslog *accesslog_open(struct loop *l, const struct accesslog_conf *conf,
				 const char *arm, unsigned int worker);
void accesslog_add(struct accesslog *log, const struct stream *s);
void accesslog_reopen(struct accesslog *log);
/* Writes what is buffered. */
void accesslog_close(struct accesslog **log);

#endif
