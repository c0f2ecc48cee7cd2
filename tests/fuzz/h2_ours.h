/*
 * Our server's session of h2_differential.c: an owner that notes what it is told.
 */
#ifndef HEAPGATE_FUZZ_H2_OURS_H
#define HEAPGATE_FUZZ_H2_OURS_H

#include "h2_side.h"
#include "h2_wire.h"
#include "http/h2_message.h"
#include "http/h2_session.h"

struct our_stream {
	struct h2_stream h2;
	struct list node;
	struct seen *seen;
	struct message res;
	struct body body;
	struct field fields[1];
	struct field trailer;
	char id[12];
};

static struct ours {
	struct h2_session h2;
	struct h2_conf conf;
	struct list streams; /* struct our_stream */
	struct side side;
	enum h2_fault why;
	bool refused; /* a stream, as there are too many */
} ours;

static struct our_stream *our_stream(struct h2_stream *h2)
{
	return container_of(h2, struct our_stream, h2);
}

/* --- answers ---------------------------------------------------------------- */

static void set_field(struct field *f, const char *name, const char *value)
{
	*f = (struct field){.name = name,
			    .value = value,
			    .name_len = (uint16_t)strlen(name),
			    .value_len = (uint32_t)strlen(value)};
}

static void our_answer(struct our_stream *s)
{
	uint32_t *asked = &s->seen->asked;
	char plan = seen_plan(s->seen);

	if (!seen_is_due(s->seen))
		return;
	must(!*asked ||
	     body_put(&s->body, answer_bytes(s->h2.id, 0, *asked), *asked) == 0);
	s->body.ended = plan != 's';
	s->res.status = 200;
	if (plan == 't') {
		set_field(&s->trailer, "x-sum", s->id);
		s->res.trailers = (struct fields){.at = &s->trailer, .n = 1, .cap = 1};
	}
	h2_answer(&ours.h2, &s->h2);
}

static void our_head(struct our_stream *s)
{
	char plan = seen_plan(s->seen);

	if (plan == 'x')
		h2_reset(&ours.h2, &s->h2, H2_CANCEL);
	if (plan != 'i')
		return;
	s->res.status = 103;
	must(h2_inform(&ours.h2, &s->h2, &s->res) == 0 || ours.h2.over);
}

/* --- what it is told --------------------------------------------------------- */

static struct h2_stream *on_open(struct h2_session *h, int32_t id)
{
	struct our_stream *s = calloc(1, sizeof(*s));

	(void)h;
	must(s && !seen_find(&ours.side, id));
	list_init(&s->node);
	list_append(&ours.streams, &s->node);
	s->seen = seen_get(&ours.side, id);
	message_init(&s->res);
	body_init(&s->body, UINT32_MAX);
	snprintf(s->id, sizeof(s->id), "%d", id);
	set_field(s->fields, "x-id", s->id);
	s->res.headers = (struct fields){.at = s->fields, .n = 1, .cap = 1};
	return &s->h2;
}

static bool on_field(struct h2_session *h, struct h2_stream *h2,
		     const struct h2_field *f, bool trailers)
{
	struct seen *s = our_stream(h2)->seen;

	(void)h;
	must(!s->reset && s->whole == trailers && !s->ended);
	seen_field(trailers ? &s->trailers : &s->head, f->name.p, f->name.len,
		   f->value.p, f->value.len);
	return true;
}

static void on_head(struct h2_session *h, struct h2_stream *h2, bool trailers)
{
	struct our_stream *s = our_stream(h2);

	(void)h;
	must(!s->seen->ended && s->seen->whole == trailers && !s->h2.reset_due);
	s->seen->whole = true;
	s->seen->ended = h2->in_ended;
	if (!trailers)
		our_head(s);
	if (!h2->reset_due)
		our_answer(s);
}

#endif
