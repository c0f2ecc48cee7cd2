/*
 * h1_session: what fronts and backs share of HTTP/1: input that is not whole
 * yet, and bodies on their way to the socket.
 */
#ifndef HEAPGATE_H1_SESSION_H
#define HEAPGATE_H1_SESSION_H

#include "http/body.h"
#include "http/h1.h"
#include "io/conn.h"

struct h1_session {
	struct h1 h;
	struct conn *conn;
	char *held; /* input that is not whole yet, or NULL */
	uint32_t held_bytes;
	bool chunked; /* the body that is being sent is */
};

/* Frees what is held. */
void h1_session_drop(struct h1_session *h);
/* Keeps p[0..len), the unused end of what h1_session_join() gave; all else
 * that was held is dropped. Returns: 0, or -1 when there is no memory. */
int h1_session_hold(struct h1_session *h, const char *p, size_t len) MUST_USE;
/* Puts what is held in front of the input *p, *len. Returns: as hold(). */
int h1_session_join(struct h1_session *h, char **p, size_t *len) MUST_USE;

/* Writes all that is queued, as one chunk if chunked. Returns: body bytes. */
size_t h1_session_send_body(struct h1_session *h, struct body *body);
/* Ends the body: the last chunk with the trailers, if chunked.
 * Returns: 0, or -1 when there is no memory, or the trailers
 * cannot be written. */
int h1_session_send_end(struct h1_session *h, const struct fields *trailers) MUST_USE;

#endif
