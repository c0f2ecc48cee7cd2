#include "lab/load_session.h"

#include <openssl/ssl.h>
#include <string.h>

#include "base/clock.h"
#include "base/must.h"
#include "lab/load_inner.h"

#define CONNECT_MS 10000u

/* --- exchanges ------------------------------------------------------- */

/* read_us: when the end of its answer was read, if it has not failed. */
static void count_end(struct load_result *r, uint64_t due_us, uint64_t read_us,
		      uint16_t status, bool failed)
{
	if (!r)
		return;
	if (failed) {
		r->failed++;
		return;
	}
	*(status >= 200 && status < 300 ? &r->ok : &r->other_status) += 1;
	latencies_add(&r->latency, read_us - due_us);
}

static struct load_message *message_at(struct exchange *e, unsigned int i)
{
	return &e->messages[(e->first + i) % MESSAGES_MAX];
}

static void fail_messages(struct exchange *e)
{
	for (; e->n_messages; e->n_messages--, e->first++)
		count_end(message_at(e, 0)->result, 0, 0, 0, true);
}

void exchange_take(struct exchange *e, size_t len)
{
	e->in_bytes += len;
	for (; e->n_messages && message_at(e, 0)->end <= e->in_bytes; e->n_messages--) {
		struct load_message *m = message_at(e, 0);

		count_end(m->result, m->due_us, e->session->load->read_us, e->status,
			  false);
		e->first++;
	}
	if (!e->n_messages && !e->session->slot) { /* it may end now */
		e->session->ops->resume(e->session, e);
		session_mark(e->session);
	}
	load_has_room(e->session->load);
}

void exchange_end(struct exchange *e, bool failed)
{
	struct session *s = e->session;

	count_end(e->result, e->due_us, s->load->read_us, e->status, failed);
	if (e->messages) {
		fail_messages(e);
		mem_free(MEM_STREAM, e->messages);
		s->next = NULL;
	}
	list_del(&e->node);
	list_del(&e->ready);
	list_push(&s->load->spares, &e->node);
	s->n_open--;
	session_mark(s); /* it may be its last one */
	load_has_room(s->load);
}

/* One that is done, the last first, or a new one. */
static struct exchange *exchange_get(struct load *l)
{
	struct list *n = list_pop(&l->spares);

	return n ? container_of(n, struct exchange, node)
		 : mem_alloc(MEM_STREAM, sizeof(struct exchange));
}

void exchange_free_spares(struct load *l)
{
	struct list *n;

	while ((n = list_pop(&l->spares)))
		mem_free(MEM_STREAM, container_of(n, struct exchange, node));
}

static struct exchange *exchange_new(struct session *s, const struct request *r,
				     uint64_t due_us, struct load_result *result)
{
	struct exchange *e = exchange_get(s->load);

	if (!e)
		return NULL;
	*e = (struct exchange){.session = s,
			       .request = r,
			       .due_us = due_us,
			       .result = result,
			       .out_left = r->body_bytes};
	list_init(&e->ready);
	list_append(&s->exchanges, &e->node);
	s->n_open++;
	s->n_begun++;
	return e;
}

static int begin(struct session *s, struct exchange *e)
{
	if (s->ops->start(s, e) == 0) {
		session_mark(s);
		return 0;
	}
	e->result = NULL; /* it was never asked: the caller tries elsewhere */
	exchange_end(e, true);
	return -1;
}

/* --- long streams ---------------------------------------------------- */

static int open_long_streams(struct session *s)
{
	const struct load_conf *conf = s->load->conf;

	for (unsigned int i = 0; i < conf->n_streams; i++) {
		struct exchange *e = exchange_new(s, conf->workload->requests, 0, NULL);

		if (!e)
			return -1;
		e->out_left = 0;
		e->messages =
			mem_zalloc(MEM_STREAM, MESSAGES_MAX, sizeof(*e->messages));
		if (!e->messages || begin(s, e) != 0)
			return -1;
	}
	return 0;
}

/* The next stream, in turn, that has room for a message; NULL if none has. */
static struct exchange *next_long_stream(struct session *s)
{
	struct list *at = s->next ? &s->next->node : s->exchanges.next;

	for (unsigned int i = 0; i <= s->n_open; i++, at = at->next) {
		struct exchange *e;

		if (at == &s->exchanges)
			continue;
		e = container_of(at, struct exchange, node);
		if (e->n_messages < MESSAGES_MAX && !e->ended)
			return e;
	}
	return NULL;
}

static int send_message(struct session *s, const struct request *r, uint64_t due_us,
			struct load_result *result)
{
	struct exchange *e = next_long_stream(s);

	must(e);
	e->asked_bytes += r->body_bytes;
	e->out_left += r->body_bytes;
	*message_at(e, e->n_messages++) = (struct load_message){
		.end = e->asked_bytes, .due_us = due_us, .result = result};
	s->next = e->node.next == &s->exchanges
			  ? NULL
			  : container_of(e->node.next, struct exchange, node);
	s->n_begun++;
	s->ops->resume(s, e);
	session_mark(s);
	return 0;
}

/* --- asking ---------------------------------------------------------- */

static bool has_messages(const struct session *s)
{
	return s->load->conf->workload->messages && !s->is_idle;
}

bool session_has_room(const struct session *s)
{
	if (has_messages(s))
		return s->is_open && next_long_stream((struct session *)(uintptr_t)s);
	return s->n_open < (s->load->conf->h2 ? s->load->conf->n_streams : 1);
}

int session_ask(struct session *s, const struct request *r, uint64_t due_us,
		struct load_result *result)
{
	struct exchange *e;

	if (has_messages(s))
		return send_message(s, r, due_us, result);
	e = exchange_new(s, r, due_us, result);
	return e ? begin(s, e) : -1;
}

/* --- life ------------------------------------------------------------ */

static void bury(struct grave *g)
{
	mem_free(MEM_CONN, container_of(g, struct session, grave));
}

void session_count_bytes(struct session *s)
{
	struct load *l = s->load;
	struct load_result *r;

	if (!s->conn || !l->running)
		return;
	r = &l->results[l->phase < l->conf->n_phases ? l->phase : l->phase - 1];
	r->in_bytes += s->conn->in_bytes - s->in_counted;
	r->out_bytes += s->conn->out_bytes - s->out_counted;
	s->in_counted = s->conn->in_bytes;
	s->out_counted = s->conn->out_bytes;
}

static void unlink_session(struct session *s)
{
	if (s->slot)
		*s->slot = NULL;
	s->slot = NULL;
	list_del(&s->node);
	if (!s->is_open && s->conn)
		s->load->n_connecting--;
}

void session_free(struct session *s, bool failed)
{
	struct load *l = s->load;

	unlink_session(s);
	while (!list_empty(&s->exchanges))
		exchange_end(container_of(s->exchanges.next, struct exchange, node),
			     true);
	session_count_bytes(s);
	if (failed && l->running && l->phase < l->conf->n_phases)
		l->results[l->phase].conns_failed++;
	s->ops->free(s);
	conn_close(&s->conn);
	dirty_fini(&s->dirty);
	loop_bury(&l->loop, &s->grave, bury);
	load_has_room(l);
}

void session_retire(struct session *s)
{
	if (s->slot)
		*s->slot = NULL;
	s->slot = NULL;
	s->is_idle = false;
	if (has_messages(s))
		list_each (n, &s->exchanges)
			s->ops->resume(s, container_of(n, struct exchange, node));
	session_mark(s);
}

static bool is_done(const struct session *s)
{
	return !s->slot && !s->is_idle && !s->n_open;
}

static void flush_cb(struct dirty *d)
{
	struct session *s = container_of(d, struct session, dirty);

	if (!s->is_open) {
		if (is_done(s))
			session_free(s, false);
		return;
	}
	if (is_done(s) && s->ops->bye)
		s->ops->bye(s);
	if (conn_can_write(s->conn)) {
		int rc;

		conn_begin(s->conn);
		rc = s->ops->flush(s);
		conn_flush(s->conn);
		if (rc != 0) {
			session_free(s, true);
			return;
		}
	}
	session_count_bytes(s);
	if (is_done(s))
		session_free(s, false);
}

/* --- the connection -------------------------------------------------- */

static void on_open(struct conn *c)
{
	struct session *s = c->owner;
	struct load *l = s->load;

	l->n_connecting--;
	s->is_open = true;
	if (conn_is_tls(c) && l->conf->h2 != c->is_h2 && l->conf->h2) {
		session_free(s, true);
		return;
	}
	l->n_opened++;
	if (!l->running) /* the next one, without waiting for the tick */
		loop_mark(&l->loop, &l->pump);
	s->ops->open(s);
	if (has_messages(s) && open_long_streams(s) != 0) {
		session_free(s, true);
		return;
	}
	session_mark(s);
	load_has_room(l);
}

static void on_input(struct conn *c, char *data, size_t len)
{
	struct session *s = c->owner;

	/* Each read has a time of its own: the answers in one came together. */
	s->load->read_us = clock_mono_us();
	if (s->ops->input(s, data, len) != 0)
		session_free(s, true);
	else
		session_mark(s);
}

static void on_writable(struct conn *c)
{
	struct session *s = c->owner;

	list_each (n, &s->exchanges)
		s->ops->resume(s, container_of(n, struct exchange, node));
	session_mark(s);
}

static void on_end(struct conn *c, enum conn_end why)
{
	struct session *s = c->owner;
	bool expected;

	s->load->read_us = clock_mono_us();
	if (why == CONN_EOF && s->ops->eof)
		s->ops->eof(s);
	expected = is_done(s);
	if (!s->is_open)
		s->load->n_failed_opens++;
	session_free(s, !expected);
}

static const struct conn_ops conn_ops = {.on_open = on_open,
					 .on_input = on_input,
					 .on_writable = on_writable,
					 .on_end = on_end};

static void count_conn(struct load *l)
{
	if (l->running && l->phase < l->conf->n_phases)
		l->results[l->phase].conns++;
}

struct session *session_new(struct load *l, struct session **slot, bool is_idle)
{
	struct session *s = mem_zalloc(MEM_CONN, 1, sizeof(*s));

	if (!s)
		return NULL;
	s->load = l;
	s->slot = slot;
	s->is_idle = is_idle;
	s->ops = l->conf->h2 ? &load_h2_ops : &load_h1_ops;
	list_init(&s->exchanges);
	list_init(&s->node);
	dirty_init(&s->dirty, flush_cb);
	if ((l->conf->h2 ? load_h2_init(s) : load_h1_init(s)) == 0)
		s->conn = conn_connect(&l->loop, &l->conf->to, l->conf->tls,
				       l->conf->name, CONNECT_MS, &conn_ops, s);
	if (!s->conn) {
		s->ops->free(s);
		mem_free(MEM_CONN, s);
		l->n_failed_opens++;
		return NULL;
	}
	/* A record's buffers are wanted again at once, but where it only idles. */
	if (!is_idle)
		conn_keep_buffers(s->conn);
	list_append(&l->sessions, &s->node);
	l->n_connecting++;
	count_conn(l);
	if (slot)
		*slot = s;
	return s;
}
