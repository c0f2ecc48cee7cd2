#include "base/must.h"
#include "http/h2_inner.h"
#include "http/h2_message.h"

/* Answers to what the peer sends that wait for it to take them: more is a flood. */
#define MAX_CONTROL (16 * 1024)
/* Interim answers that wait: more are left out. */
#define MAX_INFO (64 * 1024)
/* Fewer bytes in one block of a body than this are copied. */
#define ALONE_BYTES 4096

/* --- frames ---------------------------------------------------------------- */

static void write_frame(struct h2_session *h, enum h2_type type, unsigned int flags,
			int32_t id, const uint8_t *p, size_t len)
{
	uint8_t frame[H2_HEAD_BYTES + 8];

	must(len <= 8);
	h2_put_head(frame, len, type, flags, id);
	if (len)
		memcpy(frame + H2_HEAD_BYTES, p, len);
	conn_write(h->conn, frame, H2_HEAD_BYTES + len);
}

static void write_number(struct h2_session *h, enum h2_type type, int32_t id,
			 uint32_t v)
{
	uint8_t p[4];

	h2_put32(p, v);
	write_frame(h, type, 0, id, p, sizeof(p));
}

/* last_id: of the peer's streams; a server opens none. */
static void write_goaway(struct h2_session *h, int32_t last_id, uint32_t code)
{
	uint8_t p[8];

	h2_put32(p, h->conf->is_server ? (uint32_t)last_id : 0);
	h2_put32(p + 4, code);
	write_frame(h, H2_GOAWAY, 0, 0, p, sizeof(p));
	if (h->conf->ops->on_out)
		h->conf->ops->on_out(h, H2_GOAWAY, code);
}

static void write_reset(struct h2_session *h, int32_t id, uint32_t code)
{
	write_number(h, H2_RST_STREAM, id, code);
	if (h->conf->ops->on_out)
		h->conf->ops->on_out(h, H2_RST_STREAM, code);
}

/* --- what waits ---------------------------------------------------------------- */

/* Room behind what waits. Returns: NULL without memory. */
static uint8_t *reserve(struct h2_session *h, size_t len)
{
	size_t need = h->n_control + len;
	size_t cap = h->cap_control ? h->cap_control : 64;
	uint8_t *grown;

	if (need <= h->cap_control)
		return h->control + h->n_control;
	while (cap < need)
		cap *= 2;
	grown = mem_realloc(MEM_CONN, h->control, cap);
	if (!grown)
		return NULL;
	h->control = grown;
	h->cap_control = (uint32_t)cap;
	return grown + h->n_control;
}

void h2_put_control(struct h2_session *h, enum h2_type type, unsigned int flags,
		    int32_t id, const uint8_t *p, size_t len)
{
	uint8_t *at;

	if (h->sending) {
		write_frame(h, type, flags, id, p, len);
		return;
	}
	if (h->n_control - h->n_info >= MAX_CONTROL) {
		h2_fail(h, H2_ENHANCE_YOUR_CALM, H2_FAULT_CONTROL);
		return;
	}
	at = reserve(h, H2_HEAD_BYTES + len);
	if (!at) {
		h2_fail(h, H2_INTERNAL_ERROR, H2_FAULT_MEMORY);
		return;
	}
	h2_put_head(at, len, type, flags, id);
	memcpy(at + H2_HEAD_BYTES, p, len);
	h->n_control += (uint32_t)(H2_HEAD_BYTES + len);
}

static void send_control(struct h2_session *h)
{
	if (!h->n_control)
		return;
	conn_write(h->conn, h->control, h->n_control);
	mem_free(MEM_CONN, h->control);
	h->control = NULL;
	h->cap_control = 0;
	h->n_control = 0;
	h->n_info = 0;
}

/* Preface (§3.4), SETTINGS, and how much more the connection may bring than it may
 * at first. */
static void greet(struct h2_session *h)
{
	const struct h2_conf *conf = h->conf;
	uint8_t frame[H2_HEAD_BYTES + 6 * H2_MAX_OWN_SETTINGS];
	uint8_t *at = frame + H2_HEAD_BYTES;

	h->greeted = true;
	for (unsigned int i = 0; i < conf->n_settings; i++, at += 6) {
		at[0] = 0;
		at[1] = (uint8_t)conf->settings[i].id;
		h2_put32(at + 2, conf->settings[i].value);
	}
	h2_put_head(frame, 6u * conf->n_settings, H2_SETTINGS, 0, 0);
	if (!conf->is_server)
		conn_write(h->conn, H2_MAGIC, H2_MAGIC_BYTES);
	conn_write(h->conn, frame, (size_t)(at - frame));
	if (conf->window_bytes <= H2_FIRST_WINDOW)
		return;
	write_number(h, H2_WINDOW_UPDATE, 0, conf->window_bytes - H2_FIRST_WINDOW);
	h->in_window += (int32_t)(conf->window_bytes - H2_FIRST_WINDOW);
}

static void send_for_all(struct h2_session *h)
{
	static const uint8_t zeros[8];

	for (; h->n_acks; h->n_acks--)
		write_frame(h, H2_SETTINGS, H2_ACK, 0, NULL, 0);
	if (h->ping_due)
		write_frame(h, H2_PING, 0, 0, zeros, sizeof(zeros));
	h->ping_due = false;
	if (h->notice_due)
		write_goaway(h, H2_MAX_ID, H2_NO_ERROR);
	h->notice_due = false;
	if (h->goaway_due)
		write_goaway(h, h->last_id, H2_NO_ERROR);
	h->goaway_due = false;
}

static void send_conn_window(struct h2_session *h)
{
	if (h->in_taken < h->conf->window_bytes / 2 || !h->in_taken)
		return;
	write_number(h, H2_WINDOW_UPDATE, 0, h->in_taken);
	h->in_window += (int32_t)h->in_taken;
	h->in_taken = 0;
}

/* --- heads --------------------------------------------------------------------- */

typedef uint8_t *(*pack)(struct h2_pack *k, uint8_t *to, const struct message *m);

static pack pack_head(const struct h2_session *h)
{
	return h->conf->is_server ? h2_pack_answer : h2_pack_request;
}

/* A block that is packed behind room for a frame's head, in as many frames as it
 * needs: what was sent is overwritten by the next one's head. */
static void cut_block(struct h2_session *h, int32_t id, unsigned int flags, uint8_t *p,
		      size_t len)
{
	enum h2_type type = H2_HEADERS;

	for (;;) {
		size_t n = len < H2_PAYLOAD_BYTES ? len : H2_PAYLOAD_BYTES;

		len -= n;
		h2_put_head(p - H2_HEAD_BYTES, n, type,
			    len ? flags : flags | H2_END_HEADERS, id);
		conn_write(h->conn, p - H2_HEAD_BYTES, H2_HEAD_BYTES + n);
		if (!len)
			return;
		p += n;
		type = H2_CONTINUATION;
		flags = 0;
	}
}

/* room: of the block. Returns: whether it was written; without memory the stream
 * is reset. */
static bool write_block(struct h2_session *h, struct h2_stream *s, unsigned int flags,
			pack f, const struct message *m, size_t room)
{
	struct loop *l = h->conn->loop;
	struct arena_mark mark = arena_mark(&l->tick);
	uint8_t *p = (uint8_t *)l->frame;

	if (H2_HEAD_BYTES + room > LOOP_FRAME_BYTES)
		p = (uint8_t *)arena_bytes(&l->tick, H2_HEAD_BYTES + room);
	if (p) {
		p += H2_HEAD_BYTES;
		cut_block(h, s->id, flags, p,
			  (size_t)(f(h2_hpack_out(&h->hpack), p, m) - p));
	} else {
		h2_reset(h, s, H2_INTERNAL_ERROR);
	}
	arena_rewind(&l->tick, mark);
	return p;
}

/* A block that is packed now may need the table's size by SETTINGS whose ACK still
 * waits: the peer must see that first (RFC 7541 §4.2). */
static void queue_acks(struct h2_session *h)
{
	for (; h->n_acks && !h->over; h->n_acks--)
		h2_put_control(h, H2_SETTINGS, H2_ACK, 0, (const uint8_t *)"", 0);
}

int h2_inform(struct h2_session *h, struct h2_stream *s, const struct message *m)
{
	size_t room = h2_head_room(m), len;
	uint8_t *at = NULL;

	queue_acks(h);
	if (room <= H2_PAYLOAD_BYTES && h->n_info < MAX_INFO)
		at = reserve(h, H2_HEAD_BYTES + room);
	if (!at)
		return -1;
	len = (size_t)(h2_pack_answer(h2_hpack_out(&h->hpack), at + H2_HEAD_BYTES, m) -
		       (at + H2_HEAD_BYTES));
	h2_put_head(at, len, H2_HEADERS, H2_END_HEADERS, s->id);
	h->n_control += H2_HEAD_BYTES + (uint32_t)len;
	h->n_info += H2_HEAD_BYTES + (uint32_t)len;
	if (h->sending) /* in its order among the blocks */
		send_control(h);
	return 0;
}

static void end_output(struct h2_session *h, struct h2_stream *s, size_t n)
{
	s->out_ended = true;
	list_del(&s->ready);
	h->conf->ops->on_sent(h, s, n);
	h2_close_if_done(h, s);
}

static void send_head(struct h2_session *h, struct h2_stream *s)
{
	const struct message *m = h->conf->ops->message(s);
	bool bare = body_is_done(h->conf->ops->body(s)) && !m->trailers.n;

	if (!write_block(h, s, bare ? H2_END_STREAM : 0, pack_head(h), m,
			 h2_head_room(m)))
		return;
	s->head_due = false;
	s->head_sent = true;
	if (bare)
		end_output(h, s, 0);
	else
		h2_data(h, s);
}

/* --- streams ------------------------------------------------------------------- */

static void send_reset(struct h2_session *h, struct h2_stream *s)
{
	/* A request that was never sent: its id is skipped (§5.1.1). */
	if (h->conf->is_server || !s->head_due)
		write_reset(h, s->id, s->reset_code);
	h2_close(h, s, s->reset_code);
}

static void send_window(struct h2_session *h, struct h2_stream *s)
{
	s->window_due = false;
	if (s->in_ended)
		return;
	write_number(h, H2_WINDOW_UPDATE, s->id, s->in_taken);
	s->in_window += (int32_t)s->in_taken;
	s->in_taken = 0;
}

static void send_due(struct h2_session *h)
{
	struct list *n;

	while (!h->over && (n = list_pop(&h->due))) {
		struct h2_stream *s = container_of(n, struct h2_stream, due);

		if (s->reset_due) {
			send_reset(h, s);
			continue;
		}
		if (s->window_due)
			send_window(h, s);
		if (s->head_due)
			send_head(h, s);
	}
}

/* --- bodies -------------------------------------------------------------------- */

/* How many bytes the next DATA frame takes off body, at most max: those of one
 * block where they are many, since they need no copy then. */
static size_t data_len(const struct body *body, size_t max)
{
	const char *p;
	size_t n = body->bytes ? body_peek(body, &p) : 0;

	if (n < ALONE_BYTES)
		n = body->bytes;
	/* The frame with its head is one TLS record. */
	if (max > LOOP_PLAIN_BYTES - H2_HEAD_BYTES)
		max = LOOP_PLAIN_BYTES - H2_HEAD_BYTES;
	return n < max ? n : max;
}

/* All of it, also when the socket is full. */
static void write_data(struct h2_session *h, const struct h2_stream *s,
		       struct body *body, size_t len, unsigned int flags)
{
	uint8_t head[H2_HEAD_BYTES];
	const char *p;
	size_t n = len ? body_peek(body, &p) : 0;

	h2_put_head(head, len, H2_DATA, flags, s->id);
	if (len && n >= len) {
		/* A block's own head is before its first byte. */
		conn_write_behind(h->conn, head, H2_HEAD_BYTES, (char *)(uintptr_t)p,
				  len);
		body_drop(body, len);
		return;
	}
	conn_write(h->conn, head, H2_HEAD_BYTES);
	while (len) {
		n = body_peek(body, &p);
		must(n > 0); /* data_len() has promised them */
		if (n > len)
			n = len;
		conn_write(h->conn, p, n);
		body_drop(body, n);
		len -= n;
	}
}

/* A stream that is served in turn with others (RFC 9218 §4.2) goes behind them. */
static void yield_turn(struct h2_session *h, struct h2_stream *s)
{
	if (!s->incremental)
		return;
	list_del(&s->ready);
	h2_data(h, s);
}

/* The last bytes, maybe none: END_STREAM comes with them or with the trailers. */
static void send_last(struct h2_session *h, struct h2_stream *s, struct body *body,
		      size_t n)
{
	const struct message *m = h->conf->ops->message(s);
	bool trailers = m->trailers.n;

	if (n || !trailers)
		write_data(h, s, body, n, trailers ? 0 : H2_END_STREAM);
	if (!trailers ||
	    write_block(h, s, H2_END_STREAM, h2_pack_trailers, m, h2_trailers_room(m)))
		end_output(h, s, n);
	else if (n) /* they are gone all the same */
		h->conf->ops->on_sent(h, s, n);
}

/* A frame of a stream in line. */
static void send_some(struct h2_session *h, struct h2_stream *s)
{
	struct body *body = h->conf->ops->body(s);
	int32_t window = h->out_window < s->out_window ? h->out_window : s->out_window;
	size_t n;

	if (!body->bytes && body->ended) {
		send_last(h, s, body, 0);
		return;
	}
	if (!body->bytes || s->out_window <= 0) {
		list_del(&s->ready); /* until there is some of it */
		return;
	}
	n = data_len(body, (size_t)window);
	h->out_window -= (int32_t)n;
	s->out_window -= (int32_t)n;
	if (body->ended && n == body->bytes) {
		send_last(h, s, body, n);
		return;
	}
	write_data(h, s, body, n, 0);
	yield_turn(h, s);
	h->conf->ops->on_sent(h, s, n);
}

/* The first in line. While the connection's window is shut, the first that needs
 * none of it (§6.9.1): the peer may wait for its end before it takes the others'
 * bytes. */
static struct h2_stream *next_ready(const struct h2_session *h)
{
	list_each (n, &h->ready) {
		struct h2_stream *s = container_of(n, struct h2_stream, ready);

		if (h->out_window > 0 || !h->conf->ops->body(s)->bytes)
			return s;
	}
	return NULL;
}

static void send_bodies(struct h2_session *h)
{
	struct h2_stream *s;

	while (!h->over && conn_can_write(h->conn) && (s = next_ready(h)))
		send_some(h, s);
}

void h2_send(struct h2_session *h)
{
	h->sending = true;
	if (!h->greeted)
		greet(h);
	send_control(h);
	if (!h->over) {
		send_for_all(h);
		send_conn_window(h);
		send_due(h);
		send_bodies(h);
		send_due(h); /* what became of that */
	}
	if (!h->over) /* a stream that ended in there has given back its part */
		send_conn_window(h);
	if (h->end_due)
		write_goaway(h, h->last_id, h->end_code);
	h->end_due = false;
	h->sending = false;
}
