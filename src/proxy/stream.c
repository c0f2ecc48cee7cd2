#include "proxy/stream.h"

#include "base/must.h"
#include "proxy/accesslog.h"
#include "proxy/forward.h"
#include "proxy/front.h"
#include "proxy/gate.h"
#include "proxy/reply.h"

#define STREAM_MAGIC        0x7374726du /* "strm" */
#define STREAM_ARENA_BYTES  512         /* a front's first request */
#define STREAM_HEAD_MIN     128         /* bounds of what later ones begin with */
#define STREAM_HEAD_MAX     4096
#define STREAM_HEAD_FIELDS  60
#define STREAM_ANSWER_BYTES 1000 /* an answer's head */
#define STREAM_LINGER_MS    1000

static void bury(struct grave *g)
{
	struct stream *s = container_of(g, struct stream, grave);
	struct gate *gate = s->gate;

	arena_fini(&s->arena);
	s->magic = 0;
	pool_put(&gate->streams, s);
}

/* 1xx … 5xx, and none. */
static unsigned int code_class(const struct stream *s)
{
	unsigned int class = s->answered ? s->res.status / 100u : 0;

	return class && class < STATS_N_CLASSES ? class - 1 : STATS_N_CLASSES - 1;
}

static void count(struct stream *s)
{
	struct gate *g = s->gate;
	struct stats *st = g->stats;
	uint32_t route = s->route ? s->route->index : st->n_routes - 1;

	stat_sub(&st->streams_active, 1);
	if (!s->dispatched)
		return;
	stat_add(&stats_request(st, s->listener, route)->by_class[code_class(s)], 1);
	histogram_add(&st->request_us, g->loop->now_us - s->started_us);
	if (g->log)
		accesslog_add(g->log, s);
}

/* Frees the stream once both sides have let go. */
static void settle(struct stream *s)
{
	if (s->a.ops || s->b.ops)
		return;
	timer_stop(s->gate->loop, &s->timer);
	body_fini(&s->req_body);
	body_fini(&s->res_body);
	s->gate->n_streams--;
	loop_bury(s->gate->loop, &s->grave, bury);
}

static void timer_cb(struct timer *t)
{
	struct stream *s = container_of(t, struct stream, timer);
	bool client_is_slow = !s->req_body.ended && !s->req_body.bytes;
	bool done = s->answered && body_is_done(&s->res_body);

	/* What came in this turn has not been offered to the server yet: whether
	 * that takes it, so who is slow, is known after the turn. */
	if (!s->overdue && !s->req_body.ended && s->req_body.bytes) {
		s->overdue = true;
		timer_set(s->gate->loop, &s->timer, 1);
		return;
	}
	if (!s->dispatched)
		stat_add(&s->gate->stats->rejected[REJECT_HEADER_TIMEOUT], 1);
	else if (client_is_slow || s->res_body.bytes)
		stat_add(&s->gate->stats->rejected[REJECT_SLOW], !done);
	if (!s->dispatched && !s->is_h2) {
		s->dispatched = true; /* what there is of it is logged */
		s->end = STREAM_TIMEOUT;
		reply_error(s, 408);
		return;
	}
	if (s->answered || !s->dispatched) {
		stream_abort(s, done ? STREAM_DONE : STREAM_TIMEOUT);
		return;
	}
	stream_abort_b(s, STREAM_TIMEOUT);
	s->end = STREAM_TIMEOUT;
	reply_error(s, client_is_slow ? 408 : 504);
}

struct stream *stream_new(struct front *f, const struct side_ops *ops, void *owner)
{
	struct gate *g = f->gate;
	struct stream *s = pool_get(&g->streams);

	if (!s)
		return NULL;
	memset(s, 0, sizeof(*s));
	s->magic = STREAM_MAGIC;
	s->gate = g;
	s->front = f;
	s->a.ops = ops;
	s->a.owner = owner;
	list_init(&s->b.node);
	list_append(&f->streams, &s->a.node);
	message_init(&s->req);
	message_init(&s->res);
	body_init(&s->req_body, g->limits->stream_buffer_bytes);
	body_init(&s->res_body, g->limits->stream_buffer_bytes);
	arena_init(&s->arena, MEM_STREAM,
		   f->head_bytes ? f->head_bytes : STREAM_ARENA_BYTES);
	timer_init(&s->timer, timer_cb);
	timer_set(g->loop, &s->timer, g->limits->header_timeout_ms);
	s->listener = f->listener;
	s->started_us = g->loop->now_us;
	g->n_streams++;
	stat_add(&g->stats->streams_active, 1);
	stat_add(&g->stats->streams_total, 1);
	return s;
}

void stream_attach_b(struct stream *s, const struct side_ops *ops, void *owner,
		     struct list *streams)
{
	must(!s->b.ops);
	s->b.ops = ops;
	s->b.owner = owner;
	memset(&s->b.h2, 0, sizeof(s->b.h2));
	s->b.wide = false;
	s->b.n_infos = 0;
	s->b.aborted = false;
	if (streams)
		list_append(streams, &s->b.node);
}

/* A byte moved: the time without one starts again. */
static void touch(struct stream *s)
{
	const struct limits_conf *max = s->gate->limits;
	uint32_t ms = s->tunnel ? max->tunnel_timeout_ms : max->stream_timeout_ms;

	/* Until then it is the client that is waited for. */
	if (!s->answered && s->server && s->req_body.ended)
		ms = s->server->upstream->conf->response_timeout_ms;
	s->overdue = false;
	timer_set(s->gate->loop, &s->timer, ms);
}

void stream_reset_answer(struct stream *s)
{
	message_init(&s->res);
	s->res.method = s->req.method;
	s->res.protocol = s->req.protocol;
}

/* The next request of this client's will be much like this one. */
static void remember_head(struct front *f, const struct stream *s)
{
	size_t taken = arena_taken(&s->arena);

	if (taken > STREAM_HEAD_MAX)
		taken = STREAM_HEAD_MAX;
	taken = (taken + taken / 8 + 63) & ~(size_t)63;
	f->head_bytes = (uint16_t)(taken > STREAM_HEAD_MIN ? taken : STREAM_HEAD_MIN);
}

void stream_on_request(struct stream *s, unsigned int status)
{
	must(!s->dispatched);
	s->dispatched = true;
	if (s->req.headers.n <= STREAM_HEAD_FIELDS)
		s->front->head_fields = s->req.headers.n + FORWARD_FIELDS;
	stream_reset_answer(s);
	if (status)
		reply_error(s, status);
	else
		s->gate->dispatch(s);
	/* Without memory for an answer it may have ended in there. */
	if (!s->a.ops && !s->b.ops)
		return;
	touch(s);
	if (s->answered)
		return;
	if (s->front)
		remember_head(s->front, s);
	arena_expect(&s->arena, STREAM_ANSWER_BYTES);
}

/* Without memory it is left out. */
static void name_arm(struct stream *s)
{
	if (s->gate->arm && fields_add(&s->res.headers, &s->arena, STR("heapgate-arm"),
				       str_z(s->gate->arm)) != 0)
		s->arena.failed = false;
}

void stream_on_answer(struct stream *s)
{
	must(!s->answered);
	name_arm(s);
	s->answered = true;
	s->answered_us = s->gate->loop->now_us;
	s->tunnel = s->res.status == 101;
	if (!s->local)
		histogram_add(&s->gate->stats->upstream_us,
			      s->answered_us - s->sent_us);
	touch(s);
	if (s->a.ops && !s->a.aborted)
		s->a.ops->head(s);
}

void stream_on_info(struct stream *s)
{
	if (s->a.ops && !s->a.aborted)
		s->a.ops->info(s);
	stream_reset_answer(s);
}

void stream_on_req_data(struct stream *s)
{
	if (s->req_body.ended && !s->answered)
		touch(s);
	if (s->b.ops && !s->b.aborted)
		s->b.ops->data(s);
}

void stream_on_res_data(struct stream *s)
{
	if (s->a.ops && !s->a.aborted)
		s->a.ops->data(s);
}

/* A byte of a client that is waited for buys no more time: only what min_rate
 * wants of it does. */
static void moved(struct stream *s, size_t n, bool waits)
{
	const struct limits_conf *max = s->gate->limits;

	s->moved_bytes += n;
	if (waits &&
	    s->moved_bytes < (uint64_t)max->min_rate * max->stream_timeout_ms / 1000)
		return;
	s->moved_bytes = 0;
	touch(s);
}

void stream_took_req(struct stream *s, size_t n)
{
	s->req_taken = true;
	/* Of unknown length: the client may have nothing to send yet. */
	moved(s, n, !s->req_body.ended && s->req.content_length > 0);
	if (s->a.ops && !s->a.aborted)
		s->a.ops->room(s, n);
}

void stream_took_res(struct stream *s, size_t n)
{
	moved(s, n, s->res_body.bytes > 0);
	if (s->b.ops && !s->b.aborted)
		s->b.ops->room(s, n);
}

static void abort_a(struct stream *s, enum stream_end why)
{
	if (!s->a.ops || s->a.aborted)
		return;
	s->a.aborted = true;
	s->end = (uint8_t)why;
	s->a.ops->abort(s, why);
}

void stream_abort_b(struct stream *s, enum stream_end why)
{
	if (!s->b.ops || s->b.aborted)
		return;
	s->b.aborted = true;
	s->b.ops->abort(s, why);
}

void stream_abort(struct stream *s, enum stream_end why)
{
	stream_abort_b(s, why);
	abort_a(s, why);
}

void stream_linger(struct stream *s)
{
	timer_stop(s->gate->loop, &s->timer);
	timer_set(s->gate->loop, &s->timer, STREAM_LINGER_MS);
}

void stream_detach_a(struct stream *s, enum stream_end why)
{
	must(s->magic == STREAM_MAGIC && s->a.ops);
	if (why != STREAM_DONE && !s->end)
		s->end = (uint8_t)why;
	/* B may detach in here: A is still there then, so that only the second
	 * of the two buries the stream. */
	stream_abort_b(s, STREAM_CANCELLED);
	s->a.ops = NULL;
	list_del(&s->a.node);
	count(s); /* now: the log wants the front */
	s->front = NULL;
	settle(s);
}

void stream_detach_b(struct stream *s)
{
	must(s->magic == STREAM_MAGIC && s->b.ops);
	s->b.ops = NULL;
	list_del(&s->b.node);
	settle(s);
}

static unsigned int status_of(enum stream_end why)
{
	switch (why) {
	case STREAM_TIMEOUT:
		return 504;
	case STREAM_NO_MEMORY:
		return 503;
	default:
		return 502;
	}
}

/* When side B did not say it better. */
static const char *fault_of(enum stream_end why)
{
	switch (why) {
	case STREAM_TIMEOUT:
		return "connection_timeout";
	case STREAM_UNREACHABLE:
	case STREAM_REFUSED:
		return "destination_unavailable";
	case STREAM_NO_MEMORY:
		return "proxy_internal_error";
	default:
		return "connection_terminated";
	}
}

void stream_fail_b(struct stream *s, enum stream_end why)
{
	bool was_aborted = s->b.aborted;

	must(s->magic == STREAM_MAGIC && s->b.ops);
	s->b.ops = NULL;
	list_del(&s->b.node);
	if (was_aborted || !s->a.ops || s->a.aborted) {
		settle(s);
		return;
	}
	if (s->answered) {
		abort_a(s, why);
		return;
	}
	if (!s->fault)
		s->fault = fault_of(why);
	if (s->gate->retry && s->gate->retry(s, why))
		return;
	s->end = (uint8_t)why;
	reply_error(s, status_of(why));
}

/* --- memory -------------------------------------------------------------- */

uint64_t stream_mem_peak(const struct stream *s)
{
	return sizeof(*s) + s->arena.used_bytes + s->req_body.peak_bytes +
	       s->res_body.peak_bytes;
}

uint64_t stream_n_allocs(const struct stream *s)
{
	return 1u + arena_n_blocks(&s->arena) + s->req_body.n_blocks +
	       s->res_body.n_blocks;
}
