/*
 * A side B for the fuzzers of what clients send: takes the request's body, then
 * answers.
 */
#ifndef HEAPGATE_FUZZ_SINK_H
#define HEAPGATE_FUZZ_SINK_H

#include "proxy/reply.h"
#include "proxy/stream.h"

static void sink_ignore(struct stream *s)
{
	(void)s;
}

static void sink_room(struct stream *s, size_t n)
{
	(void)s;
	(void)n;
}

static void sink_data(struct stream *s)
{
	size_t n = s->req_body.bytes;

	body_drop(&s->req_body, n);
	if (n)
		stream_took_req(s, n);
	if (s->req_body.ended && !s->b.aborted)
		reply_send(s, 200, STR("text/plain"), STR("taken"));
}

static void sink_abort(struct stream *s, enum stream_end why)
{
	(void)why;
	stream_detach_b(s);
}

static const struct side_ops sink_ops = {sink_ignore, sink_ignore, sink_data, sink_room,
					 sink_abort};

static void sink_attach(struct stream *s)
{
	stream_attach_b(s, &sink_ops, NULL, NULL);
	sink_data(s);
}

#endif
