#include <stdio.h>
#include <string.h>

#include "lab/load_inner.h"

static const struct h1_limits limits = {
	.line_bytes = 64 << 10,
	.header_bytes = 256 << 10,
	.n_headers = 1000,
};

/* The one that is open, or NULL. */
static struct exchange *current(struct session *s)
{
	if (list_empty(&s->exchanges))
		return NULL;
	return container_of(s->exchanges.next, struct exchange, node);
}

/* --- what we send ---------------------------------------------------- */

static int start(struct session *s, struct exchange *e)
{
	h1_next(&s->w.h);
	message_init(&s->answer);
	arena_reset(&s->arena);
	s->answer.method_text = str_z(e->request->method);
	s->answer.method = method_of(s->answer.method_text);
	s->got_head = false;
	return 0; /* flush() sends it */
}

static void resume(struct session *s, struct exchange *e)
{
	(void)s;
	(void)e; /* no long streams here */
}

static int send_head(struct session *s, const struct exchange *e)
{
	char head[2048], length[48] = "";
	int n;

	if (e->out_left)
		snprintf(length, sizeof(length), "Content-Length: %llu\r\n",
			 (unsigned long long)e->out_left);
	n = snprintf(head, sizeof(head),
		     "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: heapgate-load\r\n"
		     "%s\r\n",
		     e->request->method, e->request->path, s->load->conf->authority,
		     length);
	if (n < 0 || n >= (int)sizeof(head))
		return -1;
	conn_write(s->conn, head, (size_t)n);
	return 0;
}

static int flush(struct session *s)
{
	struct exchange *e = current(s);

	if (!e)
		return 0;
	if (!e->asked && send_head(s, e) != 0)
		return -1;
	e->asked = true;
	while (e->out_left && conn_can_write(s->conn)) {
		size_t n = e->out_left < LOAD_ZEROES ? e->out_left : LOAD_ZEROES;

		conn_write(s->conn, s->load->zeroes, n);
		e->out_left -= n;
	}
	return 0;
}

/* --- what the server sends ------------------------------------------- */

static int read_head(struct session *s, char **p, size_t *len)
{
	size_t used;
	enum h1_result r =
		h1_read_head(&s->w.h, *p, *len, &used, &s->answer, &s->arena);

	if (r == H1_MORE)
		return 0;
	if (r != H1_HEAD)
		return -1;
	*p += used;
	*len -= used;
	if (s->answer.status >= 200) {
		s->got_head = true;
		return 1;
	}
	h1_next(&s->w.h); /* an interim answer */
	return 1;
}

/* Returns: 1 when the answer is whole, 0 for more, or -1. */
static int read_body(struct session *s, struct exchange *e, char **p, size_t *len)
{
	for (;;) {
		struct str data;
		size_t used;
		enum h1_result r = h1_read_body(&s->w.h, *p, *len, &used, &data,
						&s->answer, &s->arena);

		*p += used;
		*len -= used;
		if (r == H1_DATA)
			e->in_bytes += data.len;
		else
			return r == H1_DONE ? 1 : r == H1_MORE ? 0 : -1;
	}
}

static void finish(struct session *s, struct exchange *e)
{
	e->status = s->answer.status;
	if ((!s->w.h.keep_alive || e->out_left) && s->slot)
		session_retire(s);
	exchange_end(e, false);
}

static int input(struct session *s, char *p, size_t len)
{
	struct exchange *e = current(s);
	int rc;

	if (!e || h1_session_join(&s->w, &p, &len) != 0)
		return -1; /* an answer that nobody asked for */
	do
		rc = s->got_head ? 1 : read_head(s, &p, &len);
	while (rc == 1 && !s->got_head);
	if (rc == 1)
		rc = read_body(s, e, &p, &len);
	if (rc < 0 || h1_session_hold(&s->w, p, len) != 0)
		return -1;
	if (rc == 1)
		finish(s, e);
	return 0;
}

static void eof(struct session *s)
{
	struct exchange *e = current(s);

	if (e && s->got_head && h1_read_eof(&s->w.h) == H1_DONE)
		finish(s, e);
}

/* --- life ------------------------------------------------------------ */

static void session_opened(struct session *s)
{
	s->w.conn = s->conn;
}

static void free_session(struct session *s)
{
	h1_session_drop(&s->w);
	arena_fini(&s->arena);
}

int load_h1_init(struct session *s)
{
	h1_init_response(&s->w.h, &limits);
	arena_init(&s->arena, MEM_CONN, 1024);
	message_init(&s->answer);
	return 0;
}

const struct session_ops load_h1_ops = {
	.start = start,
	.resume = resume,
	.open = session_opened,
	.input = input,
	.flush = flush,
	.eof = eof,
	.free = free_session,
};
