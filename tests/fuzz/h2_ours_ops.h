/*
 * More of h2_ours.h: bodies, ends, and the session's life.
 */
#ifndef HEAPGATE_FUZZ_H2_OURS_OPS_H
#define HEAPGATE_FUZZ_H2_OURS_OPS_H

#include "h2_ours.h"

static void on_data(struct h2_session *h, struct h2_stream *h2, const uint8_t *p,
		    size_t len)
{
	struct seen *s = our_stream(h2)->seen;

	must(s->whole && !s->ended && !h2->reset_due);
	octets_add(&s->body, p, len);
	if (seen_plan(s) != 'k')
		h2_consume(h, h2, len);
}

static void on_end(struct h2_session *h, struct h2_stream *h2)
{
	struct seen *s = our_stream(h2)->seen;

	(void)h;
	must(s->whole && !s->ended && !h2->reset_due);
	s->ended = true;
	our_answer(our_stream(h2));
}

static void on_reset(struct h2_session *h, struct h2_stream *h2, uint32_t code)
{
	struct seen *s = our_stream(h2)->seen;

	(void)h;
	s->peer_reset = true;
	s->peer_code = code;
}

static void our_free(struct our_stream *s)
{
	list_del(&s->node);
	body_fini(&s->body);
	free(s);
}

static void on_close(struct h2_session *h, struct h2_stream *h2, uint32_t code)
{
	struct our_stream *s = our_stream(h2);

	(void)h;
	must(!s->seen->closed);
	must(code != H2_NO_ERROR || (s->seen->ended && !s->body.bytes));
	s->seen->closed = true;
	s->seen->reset |= code != H2_NO_ERROR && !s->seen->peer_reset;
	our_free(s);
}

static void on_goaway(struct h2_session *h, uint32_t code)
{
	(void)h;
	(void)code;
}

static void on_fault(struct h2_session *h, uint32_t code)
{
	(void)h;
	if (code == H2_REFUSED_STREAM)
		ours.refused = true;
}

static void on_fail(struct h2_session *h, enum h2_fault why)
{
	ours.why = why;
	ours.side.over = true;
	ours.side.code = h->end_code;
}

static const struct message *message(struct h2_stream *h2)
{
	return &our_stream(h2)->res;
}

static struct body *body(struct h2_stream *h2)
{
	return &our_stream(h2)->body;
}

static void on_sent(struct h2_session *h, struct h2_stream *h2, size_t n)
{
	(void)h;
	(void)h2;
	ours.side.sent += n;
}

static const struct h2_ops our_ops = {
	.on_open = on_open,
	.on_field = on_field,
	.on_head = on_head,
	.on_data = on_data,
	.on_end = on_end,
	.on_reset = on_reset,
	.on_close = on_close,
	.on_goaway = on_goaway,
	.on_fault = on_fault,
	.on_fail = on_fail,
	.message = message,
	.body = body,
	.on_sent = on_sent,
};

#define OUR_STREAMS 200

static void ours_begin(bool narrow)
{
	uint32_t window = narrow ? 1000 : 30000;

	ours.side = (struct side){.name = "ours"};
	ours.refused = false;
	wire.out.len = 0;
	ours.conf = (struct h2_conf){
		.ops = &our_ops,
		.is_server = true,
		.max_streams = OUR_STREAMS,
		.window_bytes = 100000,
		.stream_bytes = window,
		.max_block_bytes = 200000,
		.max_block_fields = 4000,
		.settings = {{H2_MAX_CONCURRENT_STREAMS, OUR_STREAMS},
			     {H2_INITIAL_WINDOW_SIZE, window},
			     {H2_NO_RFC7540_PRIORITIES, 1},
			     {H2_ENABLE_CONNECT_PROTOCOL, 1}},
		.n_settings = 4,
	};
	list_init(&ours.streams);
	must(h2_init(&ours.h2, &ours.conf, &wire.conn) == 0);
}

static void ours_end(void)
{
	h2_fini(&ours.h2);
	while (!list_empty(&ours.streams))
		our_free(container_of(ours.streams.next, struct our_stream, node));
	arena_reset(&wire.loop.tick);
	side_free(&ours.side);
}

#endif
