#include "proxy/front_h2_inner.h"

#define GOAWAY_GRACE_MS 500  /* between the notice and the last GOAWAY */
#define CLOSE_GRACE_MS  1000 /* for the last GOAWAY to be taken */
/* Answers to frames that wait for a client that reads nothing: from here on nothing
 * more is read from it. */
#define MAX_WAITING 4096

static struct front_h2 *of_front(struct front *f)
{
	return container_of(f, struct front_h2, f);
}

void front_h2_wait_idle(struct front_h2 *h)
{
	struct gate *g = h->f.gate;

	if (!h->f.draining || h->h2.leaving)
		timer_set(g->loop, &h->f.timer, g->limits->idle_timeout_ms);
}

/* --- the session ---------------------------------------------------------------- */

static void bury(struct grave *g)
{
	struct front *f = container_of(g, struct front, grave);
	struct gate *gate = f->gate;

	pool_put(&gate->fronts_h2, of_front(f));
}

static void free_streams(struct front_h2 *h)
{
	while (!list_empty(&h->f.streams))
		stream_detach_a(container_of(h->f.streams.next, struct stream, a.node),
				STREAM_CANCELLED);
}

static void front_h2_free(struct front *f)
{
	struct front_h2 *h = of_front(f);

	free_streams(h);
	h2_fini(&h->h2);
	stat_sub(&f->gate->stats->fronts_h2, 1);
	conn_free(&f->conn);
	loop_bury(f->gate->loop, &f->grave, bury);
	front_fini(f);
}

/* In order: what is queued still goes out. */
static void front_h2_close(struct front_h2 *h)
{
	conn_close(&h->f.conn);
	front_h2_free(&h->f);
}

/* Our last GOAWAY is queued; a client that takes nothing is not waited for. */
static void close_soon(struct front_h2 *h)
{
	struct loop *l = h->f.gate->loop;

	h->closing = true;
	timer_stop(l, &h->f.timer);
	timer_set(l, &h->f.timer, CLOSE_GRACE_MS);
}

static void flush_cb(struct dirty *d)
{
	struct front_h2 *h = of_front(container_of(d, struct front, dirty));
	struct conn *c = h->f.conn;

	if (h->h2.over && !h->closing)
		close_soon(h);
	if (!conn_can_write(c))
		return; /* on_writable() comes back to it */
	conn_begin(c);
	h2_send(&h->h2);
	conn_flush(c);
	front_count_bytes(&h->f);
	if (h2_is_over(&h->h2) && conn_can_write(c))
		front_h2_close(h);
}

static void on_input(struct conn *c, char *data, size_t len)
{
	struct front_h2 *h = c->owner;

	h2_recv(&h->h2, (uint8_t *)data, len);
	if (h2_waiting_bytes(&h->h2) > MAX_WAITING && !conn_can_write(c))
		conn_pause(c);
	front_h2_mark(h);
}

static void on_writable(struct conn *c)
{
	struct front_h2 *h = c->owner;

	conn_resume(c);
	front_h2_mark(h);
}

static void on_end(struct conn *c, enum conn_end why)
{
	struct front_h2 *h = c->owner;

	(void)why;
	front_h2_free(&h->f);
}

static void on_quiet(struct conn *c)
{
	struct front_h2 *h = c->owner;

	h2_fold(&h->h2);
}

static void on_open(struct conn *c)
{
	(void)c; /* was open before it became ours */
}

static const struct conn_ops conn_ops = {.on_open = on_open,
					 .on_input = on_input,
					 .on_writable = on_writable,
					 .on_end = on_end,
					 .on_quiet = on_quiet,
					 /* Windows bound what comes. */
					 .read_bytes = LOOP_IN_BYTES};

static void last_goaway(struct front_h2 *h)
{
	h2_goaway(&h->h2);
	front_h2_mark(h);
}

/* Ends it with this code, whether or not the client takes our GOAWAY. */
static void terminate(struct front_h2 *h, uint32_t code, enum reject reason)
{
	guard_h2_end(&h->guard, code, reason);
	front_h2_mark(h);
}

/* Nothing has come for long while streams wait: is anybody there? */
static void ask_alive(struct front_h2 *h)
{
	struct gate *g = h->f.gate;

	if (!g->limits->ping_timeout_ms) {
		timer_set(g->loop, &h->f.timer, g->limits->idle_timeout_ms);
		return;
	}
	if (h->pinged) {
		terminate(h, H2_NO_ERROR, REJECT_PING_TIMEOUT);
		return;
	}
	h->pinged = true;
	h2_ping(&h->h2);
	front_h2_mark(h);
	timer_set(g->loop, &h->f.timer, g->limits->ping_timeout_ms);
}

/* Why a client without a stream is sent away: it has never had one, or no more. */
static enum reject idle_reason(const struct front_h2 *h)
{
	return h->h2.ids.highest < 0 ? REJECT_HEADER_TIMEOUT : REJECT_IDLE_TIMEOUT;
}

static void timer_cb(struct timer *t)
{
	struct front_h2 *h = of_front(container_of(t, struct front, timer));
	struct gate *g = h->f.gate;

	if (h->closing) {
		front_h2_free(&h->f);
		return;
	}
	if (!h->h2.got_ack) { /* RFC 9113 §6.5.3 */
		terminate(h, H2_SETTINGS_TIMEOUT, REJECT_HEADER_TIMEOUT);
		return;
	}
	if (!list_empty(&h->f.streams) && !(h->f.draining && !h->h2.leaving)) {
		ask_alive(h);
		return;
	}
	if (h->f.draining && !h->h2.leaving) {
		last_goaway(h);
	} else if (list_empty(&h->f.streams) && !h->h2.leaving) {
		stat_add(&g->stats->rejected[idle_reason(h)], 1);
		last_goaway(h);
	} else if (list_empty(&h->f.streams)) {
		front_h2_free(&h->f); /* does not take our GOAWAY */
		return;
	}
	timer_set(g->loop, t, g->limits->idle_timeout_ms);
}

static void front_h2_drain(struct front *f)
{
	struct front_h2 *h = of_front(f);

	if (f->draining)
		return;
	f->draining = true;
	h2_notice(&h->h2);
	front_h2_mark(h);
	timer_stop(f->gate->loop, &f->timer);
	timer_set(f->gate->loop, &f->timer, GOAWAY_GRACE_MS);
}

static const struct front_ops front_ops = {front_h2_drain, front_h2_free};

void front_h2_start(struct gate *g, struct conn *c, unsigned int listener, char *data,
		    size_t len)
{
	struct front_h2 *h = pool_get(&g->fronts_h2);

	if (!h) {
		stat_add(&g->stats->rejected[REJECT_NO_MEMORY], 1);
		conn_free(&c);
		return;
	}
	memset(h, 0, sizeof(*h));
	front_init(&h->f, g, c, listener, &front_ops);
	h->f.is_h2 = true;
	dirty_init(&h->f.dirty, flush_cb);
	timer_init(&h->f.timer, timer_cb);
	c->ops = &conn_ops;
	c->owner = h;
	stat_add(&g->stats->fronts_h2, 1);
	if (h2_init(&h->h2, &g->front_h2, c) != 0) {
		stat_add(&g->stats->rejected[REJECT_NO_MEMORY], 1);
		front_h2_free(&h->f);
		return;
	}
	guard_h2_init(&h->guard, g, &h->h2);
	timer_set(g->loop, &h->f.timer, g->limits->header_timeout_ms);
	if (g->draining)
		front_h2_drain(&h->f);
	front_h2_mark(h);
	if (len)
		on_input(c, data, len);
}

/* --- what all want --------------------------------------------------------------- */

void front_h2_conf(struct h2_conf *conf, const struct limits_conf *limits)
{
	static struct h2_ops ops;

	front_h2_request_ops(&ops);
	front_h2_answer_ops(&ops);
	*conf = (struct h2_conf){
		.ops = &ops,
		.is_server = true,
		.max_streams = limits->streams,
		.window_bytes = limits->window_bytes,
		.stream_bytes = limits->stream_buffer_bytes,
		.settings = {{H2_MAX_CONCURRENT_STREAMS, limits->streams},
			     {H2_INITIAL_WINDOW_SIZE, limits->stream_buffer_bytes},
			     {H2_MAX_HEADER_LIST_SIZE, limits->head.header_bytes},
			     {H2_NO_RFC7540_PRIORITIES, 1},
			     {H2_ENABLE_CONNECT_PROTOCOL, 1}},
		.n_settings = 5,
	};
	guard_h2_limits(conf, limits);
}
