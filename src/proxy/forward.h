/*
 * forward: what a proxy changes in a message that it passes on (RFC 9110
 * §7.6): hop-by-hop fields go, Via and X-Forwarded-* come.
 */
#ifndef HEAPGATE_FORWARD_H
#define HEAPGATE_FORWARD_H

struct stream;

/* X-Forwarded-For, -Proto and -Host. */
enum forwarded {
	FORWARDED_REPLACE, /* ours alone */
	FORWARDED_TRUST,   /* the client's, and ours added */
	FORWARDED_DROP,    /* none */
};

/* How many fields at most forward_request() adds. */
#define FORWARD_FIELDS 4
/* s->req, before it goes to side B. Returns: 0, or -1 when there is no
 * memory. */
int forward_request(struct stream *s) __attribute__((warn_unused_result));
/* s->res, before it goes to side A. Without memory Via is left out. */
void forward_answer(struct stream *s);

#endif
