/*
 * front_h2_inner: what the files of front_h2 share. Nobody else includes it.
 *
 * front_h2.c: the session and its end; front_h2_request.c: what the client sends;
 * front_h2_answer.c: what it is sent.
 */
#ifndef HEAPGATE_FRONT_H2_INNER_H
#define HEAPGATE_FRONT_H2_INNER_H

#include "proxy/front_h2.h"
#include "proxy/stream.h"

static inline struct front_h2 *front_h2_of(const struct stream *s)
{
	return s->a.owner;
}

static inline struct front_h2 *front_h2_of_session(struct h2_session *h2)
{
	return container_of(h2, struct front_h2, h2);
}

static inline struct stream *front_h2_stream(struct h2_stream *h2)
{
	return container_of(h2, struct stream, a.h2);
}

static inline void front_h2_mark(struct front_h2 *h)
{
	loop_mark(h->f.gate->loop, &h->f.dirty);
}

/* Nobody wants more of the request's body. */
static inline bool front_h2_is_discarded(const struct stream *s)
{
	return s->a.aborted || !s->b.ops || s->b.aborted;
}

/* The timer's time, unless it runs to our last GOAWAY. */
void front_h2_wait_idle(struct front_h2 *h);

/* A new stream may buffer only so much of its answer until that is taken. */
void front_h2_narrow(struct stream *s);
/* What a stream that ends took of the connection's bytes is others' again. */
void front_h2_give_back(struct front_h2 *h, struct stream *s);

/* Side A of its streams. */
extern const struct side_ops front_h2_side_ops;

/* Their part of what the session tells. */
void front_h2_request_ops(struct h2_ops *ops);
void front_h2_answer_ops(struct h2_ops *ops);

#endif
