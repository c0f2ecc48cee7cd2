#include <string.h>

#include "base/must.h"
#include "http/h2_frame.h"
#include "lab/load_inner.h"

/*
 * The client's side of RFC 9113, as much as a load generator needs: nghttp2's
 * session costs more than all the rest of a request. What a server must not do
 * ends the connection; of an answer's fields only :status and content-length are
 * looked at, and an answer without the one or against the other has failed.
 */

#define STREAM_WINDOW   (1u << 20)
#define CONN_WINDOW     (16u << 20)
#define TABLE_BYTES     4096u /* SETTINGS_HEADER_TABLE_SIZE, the same */
#define LAST_ID         0x7fffffffu
#define CONTROL_MAX     (64u << 10) /* a server that makes us say more floods us */
#define TABLE_SLOTS_MAX 4096u

/* --- streams by id --------------------------------------------------- */

static struct exchange **slot_of(struct load_h2 *h, uint32_t id)
{
	return &h->table[(id >> 1) & h->mask];
}

static struct exchange *find(struct load_h2 *h, uint32_t id)
{
	struct exchange *e = *slot_of(h, id);

	while (e && e->id != id)
		e = e->chain;
	return e;
}

static void insert(struct load_h2 *h, struct exchange *e)
{
	struct exchange **slot = slot_of(h, e->id);

	e->chain = *slot;
	*slot = e;
	h->n_streams++;
}

static void finish(struct session *s, struct exchange *e, bool failed)
{
	struct exchange **at = slot_of(&s->h2, e->id);

	while (*at != e)
		at = &(*at)->chain;
	*at = e->chain;
	s->h2.n_streams--;
	exchange_end(e, failed);
}

static void finish_whole(struct session *s, struct exchange *e)
{
	finish(s, e, !e->status || e->bad);
}

/* --- what is said beside requests ------------------------------------ */

/* Returns: 0; -1: no memory, or too much. */
static int say(struct session *s, uint8_t type, uint8_t flags, uint32_t id,
	       const uint8_t *payload, uint32_t len)
{
	struct load_h2 *h = &s->h2;
	uint32_t n = h->n_control + H2_HEAD_BYTES + len;

	if (n > h->control_cap) {
		uint32_t cap = 2 * n;
		uint8_t *grown = cap <= CONTROL_MAX
					 ? mem_realloc(MEM_CONN, h->control, cap)
					 : NULL;

		if (!grown)
			return -1;
		h->control = grown;
		h->control_cap = cap;
	}
	h2_put_head(h->control + h->n_control, len, type, flags, id);
	if (len)
		memcpy(h->control + h->n_control + H2_HEAD_BYTES, payload, len);
	h->n_control = n;
	return 0;
}

static int say_window(struct session *s, uint32_t id, uint32_t bytes)
{
	uint8_t payload[4];

	h2_put32(payload, bytes);
	return say(s, H2_WINDOW_UPDATE, 0, id, payload, sizeof(payload));
}

static void put_setting(uint8_t *to, uint8_t id, uint32_t v)
{
	to[0] = 0;
	to[1] = id;
	h2_put32(to + 2, v);
}

static int say_settings(struct session *s)
{
	uint8_t payload[12];

	put_setting(payload, H2_ENABLE_PUSH, 0);
	put_setting(payload + 6, H2_INITIAL_WINDOW_SIZE, STREAM_WINDOW);
	return say(s, H2_SETTINGS, 0, 0, payload, sizeof(payload));
}

static void bye(struct session *s)
{
	uint8_t payload[8] = {0}; /* no stream of theirs, no error */

	if (say(s, H2_GOAWAY, 0, 0, payload, sizeof(payload)) != 0)
		return; /* it closes without */
}

/* --- what the server sends: streams ---------------------------------- */

static bool may_have_body(const struct exchange *e)
{
	return e->status != 204 && e->status != 304 &&
	       strcmp(e->request->method, "HEAD") != 0;
}

static void on_end_stream(struct session *s, struct exchange *e)
{
	e->ended = true;
	if (e->has_length && e->length != e->in_bytes && may_have_body(e))
		e->bad = true;
	if (e->out_ended)
		finish_whole(s, e);
}

/* An answer's, or what comes before or after it. */
static void take_fields(struct exchange *e, const struct answer_fields *f)
{
	if (f->status)
		e->status = f->status;
	e->bad |= f->bad;
	e->has_length |= f->has_length;
	if (f->has_length)
		e->length = f->length;
}

static int on_headers(struct session *s, const struct frame *f)
{
	struct load_h2 *h = &s->h2;
	bool last = f->flags & H2_END_HEADERS;
	struct answer_fields fields;
	struct exchange *e;

	if (f->type == H2_HEADERS)
		h->ends_stream = f->flags & H2_END_STREAM;
	h->in_block = last ? 0 : f->id;
	/* Also of a stream that is gone: it may change HPACK's table. */
	if (answer_head_read(&h->answer, f->p, f->n, last, &fields) != 0)
		return -1;
	e = last ? find(h, f->id) : NULL;
	if (!e)
		return 0;
	take_fields(e, &fields);
	if (h->ends_stream)
		on_end_stream(s, e);
	return 0;
}

/* Gives back what was taken, half a window at a time. */
static int open_window(struct session *s, uint32_t id, uint32_t *taken, uint32_t window,
		       uint32_t more)
{
	uint32_t n = *taken + more;

	*taken = n;
	if (n < window / 2)
		return 0;
	*taken = 0;
	return say_window(s, id, n);
}

static int on_data(struct session *s, const struct frame *f)
{
	struct exchange *e = find(&s->h2, f->id);
	bool last = f->ends && (f->flags & H2_END_STREAM);

	if (f->ends && open_window(s, 0, &s->h2.taken, CONN_WINDOW, f->len) != 0)
		return -1;
	if (!e)
		return 0;
	if (e->messages)
		exchange_take(e, f->n);
	else
		e->in_bytes += f->n;
	if (last)
		on_end_stream(s, e);
	else if (f->ends)
		return open_window(s, e->id, &e->taken, STREAM_WINDOW, f->len);
	return 0;
}

static int on_reset(struct session *s, const struct frame *f)
{
	struct exchange *e = find(&s->h2, f->id);

	if (f->n != 4)
		return -1;
	if (!e)
		return 0;
	/* It may say that it needs no more of the request (RFC 9113 §8.1). */
	if (e->ended && h2_get32(f->p) == H2_NO_ERROR)
		finish_whole(s, e);
	else
		finish(s, e, true);
	return 0;
}

/* --- what the server sends: the connection --------------------------- */

static int grow(int64_t *window, int64_t by)
{
	*window += by;
	return *window <= H2_MAX_WINDOW ? 0 : -1;
}

static int on_window(struct session *s, const struct frame *f)
{
	uint32_t by = f->n == 4 ? h2_get32(f->p) & H2_MAX_WINDOW : 0;
	struct exchange *e;

	if (!by)
		return -1;
	if (!f->id)
		return grow(&s->h2.window, by);
	e = find(&s->h2, f->id);
	return e ? grow(&e->window, by) : 0;
}

static int on_initial_window(struct session *s, uint32_t v)
{
	int64_t by = (int64_t)v - s->h2.first_window;

	if (v > H2_MAX_WINDOW)
		return -1;
	s->h2.first_window = v;
	list_each (n, &s->exchanges) {
		struct exchange *e = container_of(n, struct exchange, node);

		if (e->id && grow(&e->window, by) != 0)
			return -1;
	}
	return 0;
}

static int on_settings(struct session *s, const struct frame *f)
{
	int rc = 0;

	if (f->flags & H2_ACK)
		return f->n ? -1 : 0;
	if (f->n % 6)
		return -1;
	for (size_t i = 0; i < f->n && rc == 0; i += 6) {
		uint32_t v = h2_get32(f->p + i + 2);

		switch (f->p[i] << 8 | f->p[i + 1]) {
		case H2_HEADER_TABLE_SIZE:
			s->h2.no_table |= v < TABLE_BYTES;
			break;
		case H2_MAX_CONCURRENT_STREAMS:
			s->h2.max_streams = v;
			break;
		case H2_INITIAL_WINDOW_SIZE:
			rc = on_initial_window(s, v);
			break;
		default:
			break;
		}
	}
	return rc == 0 ? say(s, H2_SETTINGS, H2_ACK, 0, NULL, 0) : -1;
}

static int on_ping(struct session *s, const struct frame *f)
{
	if (f->n != 8)
		return -1;
	if (f->flags & H2_ACK)
		return 0;
	return say(s, H2_PING, H2_ACK, 0, f->p, 8);
}

/* What it did not and will not answer has failed. */
static int on_goaway(struct session *s, const struct frame *f)
{
	uint32_t last = f->n >= 8 ? h2_get32(f->p) & LAST_ID : 0;

	if (f->n < 8)
		return -1;
	if (s->slot)
		session_retire(s);
	list_each_safe (n, &s->exchanges) {
		struct exchange *e = container_of(n, struct exchange, node);

		if (!e->id)
			exchange_end(e, true);
		else if (e->id > last)
			finish(s, e, true);
	}
	return 0;
}

static int on_frame(struct session *s, const struct frame *f)
{
	uint32_t in_block = s->h2.in_block;

	if (f->type == H2_CONTINUATION ? f->id != in_block || !in_block : in_block)
		return -1;
	switch (f->type) {
	case H2_DATA:
		return on_data(s, f);
	case H2_HEADERS:
	case H2_CONTINUATION:
		return on_headers(s, f);
	case H2_RST_STREAM:
		return on_reset(s, f);
	case H2_SETTINGS:
		return on_settings(s, f);
	case H2_PING:
		return on_ping(s, f);
	case H2_GOAWAY:
		return on_goaway(s, f);
	case H2_WINDOW_UPDATE:
		return on_window(s, f);
	case H2_PUSH_PROMISE:
		return -1; /* we have said that we take none */
	default:
		return 0;
	}
}

static int input(struct session *s, char *data, size_t len)
{
	const char *p = data;
	struct frame f;
	enum frame_result got;

	while ((got = frame_reader_take(&s->h2.reader, &p, &len, &f)) == FRAME_GOT)
		if (on_frame(s, &f) != 0)
			return -1;
	return got == FRAME_MORE ? 0 : -1;
}

/* --- what we send ---------------------------------------------------- */

static enum request_head_kind head_kind(const struct load_h2 *h)
{
	if (h->no_table)
		return REQUEST_HEAD_PLAIN;
	return h->has_asked ? REQUEST_HEAD_NEXT : REQUEST_HEAD_FIRST;
}

static int start(struct session *s, struct exchange *e)
{
	/* That there is one for it; which one is known when it is sent. */
	if (!request_heads_get(&s->load->heads, e->request, REQUEST_HEAD_PLAIN).p ||
	    s->h2.n_asked > LAST_ID / 2)
		return -1;
	s->h2.n_asked++;
	list_append(&s->h2.waiting, &e->ready);
	return 0;
}

static void resume(struct session *s, struct exchange *e)
{
	if (e->id && !e->out_ended && list_empty(&e->ready))
		list_append(&s->h2.sending, &e->ready);
}

static int send_head(struct session *s, struct exchange *e)
{
	struct load_h2 *h = &s->h2;
	struct str block = request_heads_get(&s->load->heads, e->request, head_kind(h));
	bool whole = !e->out_left && !e->messages;
	uint8_t head[H2_HEAD_BYTES];

	if (!block.p)
		return -1;
	e->id = h->next_id;
	e->window = h->first_window;
	e->out_ended = whole;
	h->next_id += 2;
	h->has_asked = true;
	insert(h, e);
	h2_put_head(head, block.len, H2_HEADERS,
		    H2_END_HEADERS | (whole ? H2_END_STREAM : 0), e->id);
	conn_write(s->conn, head, sizeof(head)); /* all of it, also when blocked */
	conn_write(s->conn, block.p, block.len);
	if (!whole)
		list_append(&h->sending, &e->ready);
	return 0;
}

/* One frame of its body. Returns: false when it has to wait for something. */
static bool send_data(struct session *s, struct exchange *e)
{
	struct load_h2 *h = &s->h2;
	bool more = e->messages && (s->slot || e->n_messages), last;
	uint8_t head[H2_HEAD_BYTES];
	uint64_t n = e->out_left;

	if (!n && more) {
		list_del(&e->ready); /* until there is a message */
		return false;
	}
	if (n && (h->window <= 0 || e->window <= 0))
		return false;
	if (n > LOAD_ZEROES)
		n = LOAD_ZEROES;
	if (n && n > (uint64_t)h->window)
		n = (uint64_t)h->window;
	if (n && n > (uint64_t)e->window)
		n = (uint64_t)e->window;
	last = n == e->out_left && !more;
	h2_put_head(head, n, H2_DATA, last ? H2_END_STREAM : 0, e->id);
	conn_write(s->conn, head, sizeof(head));
	conn_write(s->conn, s->load->zeroes, n);
	e->out_left -= n;
	e->window -= (int64_t)n;
	h->window -= (int64_t)n;
	e->out_ended = last;
	if (!e->out_left)
		list_del(&e->ready);
	if (last && e->ended)
		finish_whole(s, e);
	return true;
}

/* A frame of each in turn, until all wait. */
static void send_bodies(struct session *s)
{
	bool any = true;

	while (any) {
		any = false;
		list_each_safe (n, &s->h2.sending) {
			if (!conn_can_write(s->conn))
				return; /* until on_writable() */
			any |= send_data(s, container_of(n, struct exchange, ready));
		}
	}
}

static int flush(struct session *s)
{
	struct load_h2 *h = &s->h2;
	struct list *n;

	if (!h->greeted)
		conn_write(s->conn, H2_MAGIC, H2_MAGIC_BYTES);
	h->greeted = true;
	if (h->n_control)
		conn_write(s->conn, h->control, h->n_control);
	h->n_control = 0;
	while (h->n_streams < h->max_streams && (n = list_pop(&h->waiting)))
		if (send_head(s, container_of(n, struct exchange, ready)) != 0)
			return -1;
	send_bodies(s);
	return 0;
}

/* --- life ------------------------------------------------------------ */

static void session_opened(struct session *s)
{
	(void)s; /* SETTINGS wait since load_h2_init() */
}

static void free_session(struct session *s)
{
	struct load_h2 *h = &s->h2;

	answer_head_fini(&h->answer);
	frame_reader_fini(&h->reader);
	mem_free(MEM_CONN, h->table);
	mem_free(MEM_CONN, h->control);
	h->table = NULL;
	h->control = NULL;
}

int load_h2_init(struct session *s)
{
	struct load_h2 *h = &s->h2;
	uint32_t slots = 1;

	while (slots < s->load->conf->n_streams && slots < TABLE_SLOTS_MAX)
		slots *= 2;
	list_init(&h->waiting);
	list_init(&h->sending);
	frame_reader_init(&h->reader);
	h->mask = slots - 1;
	h->next_id = 1;
	h->max_streams = UINT32_MAX;
	h->window = H2_FIRST_WINDOW;
	h->first_window = H2_FIRST_WINDOW;
	h->table = mem_zalloc(MEM_CONN, slots, sizeof(struct exchange *));
	if (!h->table || answer_head_init(&h->answer) != 0 || say_settings(s) != 0)
		return -1;
	return say_window(s, 0, CONN_WINDOW - H2_FIRST_WINDOW);
}

const struct session_ops load_h2_ops = {
	.start = start,
	.resume = resume,
	.open = session_opened,
	.input = input,
	.flush = flush,
	.bye = bye,
	.free = free_session,
};
