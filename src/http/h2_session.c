#include "http/h2_inner.h"

/* --- life ---------------------------------------------------------------- */

int h2_init(struct h2_session *h, const struct h2_conf *conf, struct conn *conn)
{
	memset(h, 0, sizeof(*h));
	h->conf = conf;
	h->conn = conn;
	h->state = conf->is_server ? IN_MAGIC : IN_HEAD;
	h->table = h->slots;
	h->n_slots = H2_N_SLOTS;
	h->n_allowed = UINT32_MAX; /* §6.5.2 */
	h->ids.highest = -1;
	h->last_id = conf->is_server ? 0 : -1;
	h->out_window = H2_FIRST_WINDOW;
	h->in_window = H2_FIRST_WINDOW;
	h->out_first = H2_FIRST_WINDOW;
	/* Until the peer has our SETTINGS it may send what holds without them. */
	h->in_first = conf->stream_bytes > H2_FIRST_WINDOW ? (int32_t)conf->stream_bytes
							   : H2_FIRST_WINDOW;
	list_init(&h->due);
	list_init(&h->ready);
	/* A client may be far away. */
	return h2_hpack_init(&h->hpack, conf->is_server);
}

void h2_fini(struct h2_session *h)
{
	h2_hpack_fini(&h->hpack);
	if (h->table != h->slots)
		mem_free(MEM_CONN, h->table);
	h->table = h->slots;
	mem_free(MEM_CONN, h->control);
	h->control = NULL;
	h->n_control = 0;
	h->cap_control = 0;
}

void h2_end(struct h2_session *h, enum h2_error code)
{
	if (h->over)
		return;
	h->over = true;
	h->end_due = true;
	h->end_code = (uint8_t)code;
}

void h2_fail(struct h2_session *h, enum h2_error code, enum h2_fault why)
{
	if (h->over)
		return;
	h2_end(h, code);
	h->conf->ops->on_fail(h, why);
}

bool h2_is_over(const struct h2_session *h)
{
	if (h->over)
		return !h->end_due;
	return (h->leaving || h->got_goaway) && !h->n_streams && !h->n_control &&
	       !h->goaway_due;
}

void h2_fold(struct h2_session *h)
{
	h2_hpack_fold(&h->hpack);
	if (h->n_streams || h->table == h->slots)
		return;
	mem_free(MEM_CONN, h->table);
	h->table = h->slots;
	h->n_slots = H2_N_SLOTS;
	memset(h->slots, 0, sizeof(h->slots));
}

size_t h2_held_bytes(const struct h2_session *h)
{
	size_t n = mem_usable(h->control);

	return h->table == h->slots ? n : n + mem_usable(h->table);
}

/* --- the table ------------------------------------------------------------- */

/* Ids of one peer are every other number. */
static struct h2_stream **slot_of(const struct h2_session *h, int32_t id)
{
	return &h->table[((uint32_t)id >> 1) & (h->n_slots - 1)];
}

struct h2_stream *h2_find(struct h2_session *h, int32_t id)
{
	struct h2_stream *s = h->recent;

	if (s && s->id == id)
		return s;
	for (s = *slot_of(h, id); s && s->id != id; s = s->next)
		;
	if (s)
		h->recent = s;
	return s;
}

static void insert(struct h2_session *h, struct h2_stream *s)
{
	struct h2_stream **slot = slot_of(h, s->id);

	s->next = *slot;
	*slot = s;
}

/* Without memory the lists behind its slots get longer. */
static void grow(struct h2_session *h)
{
	struct h2_stream **old = h->table;
	uint32_t n_old = h->n_slots;
	struct h2_stream **table = mem_zalloc(MEM_CONN, 4 * n_old, sizeof(*table));

	if (!table)
		return;
	h->table = table;
	h->n_slots = 4 * n_old;
	for (uint32_t i = 0; i < n_old; i++) {
		for (struct h2_stream *s = old[i], *next; s; s = next) {
			next = s->next;
			insert(h, s);
		}
	}
	if (old != h->slots)
		mem_free(MEM_CONN, old);
}

void h2_add(struct h2_session *h, struct h2_stream *s, int32_t id)
{
	if (h->n_streams >= h->n_slots)
		grow(h);
	s->id = id;
	s->out_window = h->out_first;
	s->in_window = h->in_first;
	s->in_size = h->conf->stream_bytes;
	s->in_left = LENGTH_UNKNOWN;
	s->urgency = H2_URGENCY;
	list_init(&s->due);
	list_init(&s->ready);
	insert(h, s);
	h->recent = s;
	h->n_streams++;
}

static void take_off(struct h2_session *h, struct h2_stream *s)
{
	struct h2_stream **at = slot_of(h, s->id);

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	h->n_streams--;
	if (h->recent == s)
		h->recent = NULL;
	if (h->now == s)
		h->now = NULL;
}

void h2_close(struct h2_session *h, struct h2_stream *s, uint32_t code)
{
	take_off(h, s);
	list_del(&s->due);
	list_del(&s->ready);
	h->conf->ops->on_close(h, s, code);
}

void h2_close_if_done(struct h2_session *h, struct h2_stream *s)
{
	if (s->in_ended && s->out_ended && !s->reset_due)
		h2_close(h, s, H2_NO_ERROR);
}

bool h2_each(struct h2_session *h,
	     bool (*f)(struct h2_session *h, struct h2_stream *s, int64_t arg),
	     int64_t arg)
{
	for (uint32_t i = 0; i < h->n_slots; i++)
		for (struct h2_stream *s = h->table[i]; s; s = s->next)
			if (!f(h, s, arg))
				return false;
	return true;
}

/* To close one may close others, so each is looked for anew. A request that still
 * waits must not be sent any more, whatever its id (RFC 9113 §6.8). */
static struct h2_stream *any_above(struct h2_session *h, int32_t id)
{
	for (uint32_t i = 0; i < h->n_slots; i++)
		for (struct h2_stream *s = h->table[i]; s; s = s->next)
			if (s->id > id || s->head_due)
				return s;
	return NULL;
}

void h2_refuse_above(struct h2_session *h, int32_t id)
{
	struct h2_stream *s;

	while ((s = any_above(h, id)))
		h2_close(h, s, H2_REFUSED_STREAM);
}

/* --- what the owner asks for --------------------------------------------------- */

static void set_due(struct h2_session *h, struct h2_stream *s)
{
	if (list_empty(&s->due))
		list_append(&h->due, &s->due);
}

int h2_open(struct h2_session *h, struct h2_stream *s)
{
	if (h->last_id > H2_MAX_ID - 2)
		return -1;
	h->last_id += 2;
	h2_add(h, s, h->last_id);
	s->head_due = true;
	set_due(h, s);
	return 0;
}

void h2_answer(struct h2_session *h, struct h2_stream *s)
{
	s->head_due = true;
	set_due(h, s);
}

/* Behind all that are as urgent (RFC 9218 §10). */
static void set_ready(struct h2_session *h, struct h2_stream *s)
{
	struct list *at = h->ready.prev;

	while (at != &h->ready &&
	       container_of(at, struct h2_stream, ready)->urgency > s->urgency)
		at = at->prev;
	list_push(at, &s->ready);
}

void h2_data(struct h2_session *h, struct h2_stream *s)
{
	if (s->head_sent && !s->out_ended && !s->reset_due && list_empty(&s->ready))
		set_ready(h, s);
}

void h2_reset(struct h2_session *h, struct h2_stream *s, uint32_t code)
{
	if (s->reset_due)
		return;
	s->reset_due = true;
	s->reset_code = code;
	list_del(&s->ready);
	if (h->now == s)
		h->now = NULL;
	if (h->conf->is_server && !s->in_ended)
		h2_ids_drop(&h->ids, s->id);
	set_due(h, s);
}

void h2_consume_conn(struct h2_session *h, size_t n)
{
	h->in_taken += (uint32_t)n;
}

void h2_consume_stream(struct h2_session *h, struct h2_stream *s, size_t n)
{
	s->in_taken += (uint32_t)n;
	if (s->in_ended || s->window_due || !n || s->in_taken < s->in_size / 2)
		return;
	s->window_due = true;
	set_due(h, s);
}

void h2_consume(struct h2_session *h, struct h2_stream *s, size_t n)
{
	h2_consume_conn(h, n);
	h2_consume_stream(h, s, n);
}

void h2_widen(struct h2_session *h, struct h2_stream *s, uint32_t bytes)
{
	if (bytes <= s->in_size)
		return;
	s->in_taken += bytes - s->in_size;
	s->in_size = bytes;
	s->window_due = true;
	set_due(h, s);
}

void h2_ping(struct h2_session *h)
{
	h->ping_due = true;
}

void h2_notice(struct h2_session *h)
{
	h->notice_due = true;
}

void h2_goaway(struct h2_session *h)
{
	h->goaway_due = true;
	h->leaving = true;
}
