/*
 * h2_inner: what the files of h2_session share. Nobody else includes it.
 *
 * h2_session.c: life, streams, what the owner asks for; h2_recv.c: what comes;
 * h2_send.c: what goes.
 */
#ifndef HEAPGATE_H2_INNER_H
#define HEAPGATE_H2_INNER_H

#include "http/h2_session.h"

/* What comes next; see h2_recv.c. */
enum h2_state {
	IN_MAGIC,   /* a client's preface */
	IN_HEAD,    /* a frame's head */
	IN_FIXED,   /* n_fixed bytes of the payload that go together */
	IN_BLOCK,   /* a part of a header block */
	IN_DATA,    /* a body's bytes */
	IN_SKIP,    /* nobody wants the rest of the payload */
	IN_PADDING, /* the same, and then the frame has an end */
};

/* The open stream with this id, or NULL. */
struct h2_stream *h2_find(struct h2_session *h, int32_t id);
/* Takes it into the table, with windows as they are for a new one. */
void h2_add(struct h2_session *h, struct h2_stream *s, int32_t id);
/* Takes it off, and tells the owner. */
void h2_close(struct h2_session *h, struct h2_stream *s, uint32_t code);
/* Both halves may have ended. */
void h2_close_if_done(struct h2_session *h, struct h2_stream *s);

/* Calls f for each open stream until it returns false; f may not close any. */
bool h2_each(struct h2_session *h,
	     bool (*f)(struct h2_session *h, struct h2_stream *s, int64_t arg),
	     int64_t arg);
/* A client's: a server that goes has not looked at streams above this id, and will not
 * at those that wait to be sent. */
void h2_refuse_above(struct h2_session *h, int32_t id);

/* The session cannot go on. */
void h2_fail(struct h2_session *h, enum h2_error code, enum h2_fault why);

/* --- h2_send.c */

/* Queues a frame that is no stream's, or writes it while h2_send() runs. */
void h2_put_control(struct h2_session *h, enum h2_type type, unsigned int flags,
		    int32_t id, const uint8_t *p, size_t len);

#endif
