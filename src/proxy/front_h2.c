#include "proxy/front_h2_inner.h"

#define GOAWAY_GRACE_MS 500  /* between the notice and the last GOAWAY */
#define CLOSE_GRACE_MS  1000 /* for the last GOAWAY to be taken */
/* Frames queued for a client that reads nothing, besides one per stream: from
 * here on nothing more is read from it. */
#define MAX_QUEUED 256

static struct front_h2 *of_front(struct front *f)
{
	return container_of(f, struct front_h2, f);
}

void front_h2_check_memory(struct front_h2 *h, int error)
{
	if (error != NGHTTP2_ERR_NOMEM)
		return;
	guard_h2_end(&h->guard, NGHTTP2_INTERNAL_ERROR, REJECT_NO_MEMORY);
	front_h2_mark(h);
}

void front_h2_wait_idle(struct front_h2 *h)
{
	struct gate *g = h->f.gate;

	if (!h->f.draining || h->goaway_sent)
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
	h2_session_del(&h->user);
	mem_charge_back(MEM_NGHTTP2, h->user.bytes);
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

static bool is_over(struct front_h2 *h)
{
	nghttp2_session *session = h2_session(&h->user);

	return !nghttp2_session_want_read(session) &&
	       !nghttp2_session_want_write(session);
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
	int rc;

	if (h->guard.over && !h->closing)
		close_soon(h);
	if (!conn_can_write(c))
		return; /* on_writable() comes back to it */
	conn_begin(c);
	rc = nghttp2_session_send(h2_session(&h->user));
	conn_flush(c);
	front_count_bytes(&h->f);
	if (rc != 0)
		front_h2_free(&h->f);
	else if (is_over(h) && conn_can_write(c))
		front_h2_close(h);
}

static void on_input(struct conn *c, char *data, size_t len)
{
	struct front_h2 *h = c->owner;

	if (h->guard.over)
		return;
	guard_h2_recv(&h->guard, (uint8_t *)data, len);
	if (!conn_can_write(c) &&
	    nghttp2_session_get_outbound_queue_size(h2_session(&h->user)) >
		    MAX_QUEUED + h->f.gate->limits->streams)
		conn_pause(c);
	front_h2_mark(h);
}

static void on_writable(struct conn *c)
{
	struct front_h2 *h = c->owner;

	conn_resume(c);
	list_each (n, &h->f.streams)
		front_h2_side_ops.data(container_of(n, struct stream, a.node));
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

	h2_fold(&h->user);
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
	h->goaway_sent = true;
	h->guard.lenient = true;
	nghttp2_submit_goaway(
		h2_session(&h->user), NGHTTP2_FLAG_NONE,
		nghttp2_session_get_last_proc_stream_id(h2_session(&h->user)),
		NGHTTP2_NO_ERROR, NULL, 0);
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
		terminate(h, NGHTTP2_NO_ERROR, REJECT_PING_TIMEOUT);
		return;
	}
	h->pinged = true;
	nghttp2_submit_ping(h2_session(&h->user), NGHTTP2_FLAG_NONE, NULL);
	front_h2_mark(h);
	timer_set(g->loop, &h->f.timer, g->limits->ping_timeout_ms);
}

/* Why a client without a stream is sent away: it has never had one, or no more. */
static enum reject idle_reason(const struct front_h2 *h)
{
	return h->guard.ids.highest < 0 ? REJECT_HEADER_TIMEOUT : REJECT_IDLE_TIMEOUT;
}

static void timer_cb(struct timer *t)
{
	struct front_h2 *h = of_front(container_of(t, struct front, timer));
	struct gate *g = h->f.gate;

	if (h->closing) {
		front_h2_free(&h->f);
		return;
	}
	if (!h->settings_acked) { /* RFC 9113 §6.5.3 */
		terminate(h, NGHTTP2_SETTINGS_TIMEOUT, REJECT_HEADER_TIMEOUT);
		return;
	}
	if (!list_empty(&h->f.streams) && !(h->f.draining && !h->goaway_sent)) {
		ask_alive(h);
		return;
	}
	if (h->f.draining && !h->goaway_sent) {
		last_goaway(h);
	} else if (list_empty(&h->f.streams) && !h->goaway_sent) {
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
	nghttp2_submit_shutdown_notice(h2_session(&h->user));
	front_h2_mark(h);
	timer_stop(f->gate->loop, &f->timer);
	timer_set(f->gate->loop, &f->timer, GOAWAY_GRACE_MS);
}

static const struct front_ops front_ops = {front_h2_drain, front_h2_free};

static int open_session(struct front_h2 *h)
{
	struct gate *g = h->f.gate;
	nghttp2_session *session;
	nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, g->limits->streams},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, g->limits->stream_buffer_bytes},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, g->limits->head.header_bytes},
		{NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
		{NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
	};

	if (h2_session_new(&h->user, &g->front_kit, true) != 0)
		return -1;
	session = h2_session(&h->user);
	if (nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings,
				    sizeof(settings) / sizeof(settings[0])) != 0 ||
	    nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
						  (int32_t)g->limits->window_bytes) !=
		    0)
		return -1;
	return 0;
}

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
	h->user.conn = c;
	h->user.loop = g->loop;
	dirty_init(&h->f.dirty, flush_cb);
	timer_init(&h->f.timer, timer_cb);
	c->ops = &conn_ops;
	c->owner = h;
	stat_add(&g->stats->fronts_h2, 1);
	if (open_session(h) != 0) {
		stat_add(&g->stats->rejected[REJECT_NO_MEMORY], 1);
		front_h2_free(&h->f);
		return;
	}
	guard_h2_init(&h->guard, &h->f, &h->user);
	timer_set(g->loop, &h->f.timer, g->limits->header_timeout_ms);
	if (g->draining)
		front_h2_drain(&h->f);
	front_h2_mark(h);
	if (len)
		on_input(c, data, len);
}

int front_h2_kit_init(struct h2_kit *k)
{
	if (h2_kit_init(k) != 0)
		return -1;
	front_h2_request_init(k->callbacks);
	front_h2_answer_init(k->callbacks);
	return 0;
}
