/*
 * back: our session with a server, of either protocol.
 */
#ifndef HEAPGATE_BACK_H
#define HEAPGATE_BACK_H

#include "io/conn.h"
#include "proxy/stream.h"

/*
 * Gives the stream to a session with this server: a pooled one, or a new one.
 * Side B is attached and asked for the head before this returns, or
 * Returns: -1 when no session could be had (side B stays detached).
 */
int back_h1_start(struct stream *s, struct server *server) MUST_USE;
int back_h2_start(struct stream *s, struct server *server) MUST_USE;
/* Closes the sessions of a server: h1 the idle ones (the others close with
 * their streams when the gate drains), h2 all. */
void back_h1_close_all(struct gate *g, struct server *server);
void back_h2_close_all(struct gate *g, struct server *server);

/* RFC 9209 §2.3: the error's type when no connection came of it. */
const char *back_open_fault(const struct conn *c, enum conn_end why);

#endif
