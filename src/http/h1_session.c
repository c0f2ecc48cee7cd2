#include "http/h1_session.h"

void h1_session_drop(struct h1_session *h)
{
	mem_free(MEM_CONN, h->held);
	h->held = NULL;
	h->held_bytes = 0;
}

int h1_session_hold(struct h1_session *h, const char *p, size_t len)
{
	char *copy;

	if (!len) {
		h1_session_drop(h);
		return 0;
	}
	if (h->held && p >= h->held && p < h->held + h->held_bytes) {
		memmove(h->held, p, len);
		h->held_bytes = (uint32_t)len;
		return 0;
	}
	copy = mem_alloc(MEM_CONN, len);
	if (!copy)
		return -1;
	memcpy(copy, p, len);
	h1_session_drop(h);
	h->held = copy;
	h->held_bytes = (uint32_t)len;
	return 0;
}

int h1_session_join(struct h1_session *h, char **p, size_t *len)
{
	char *all;

	if (!h->held_bytes)
		return 0;
	if (*len) {
		all = mem_realloc(MEM_CONN, h->held, h->held_bytes + *len);
		if (!all)
			return -1;
		memcpy(all + h->held_bytes, *p, *len);
		h->held = all;
		h->held_bytes += (uint32_t)*len;
	}
	*p = h->held;
	*len = h->held_bytes;
	return 0;
}

size_t h1_session_send_body(struct h1_session *h, struct body *body)
{
	char head[H1_CHUNK_HEAD_BYTES];
	struct iovec v[CONN_MAX_PIECES];
	size_t total = body->bytes;

	if (!total)
		return 0;
	if (h->chunked)
		conn_write(h->conn, head, h1_write_chunk_head(head, total));
	while (body->bytes) {
		size_t n = body_peek_blocks(body, v, CONN_MAX_PIECES);
		size_t len = 0;

		for (size_t i = 0; i < n; i++)
			len += v[i].iov_len;
		conn_write_pieces(h->conn, v, n);
		body_drop(body, len);
	}
	if (h->chunked)
		conn_write(h->conn, "\r\n", 2);
	return total;
}

int h1_session_send_end(struct h1_session *h, const struct fields *trailers)
{
	size_t cap = 16 + trailers->bytes;
	struct arena *tick = &h->conn->loop->tick;
	struct arena_mark mark;
	size_t n = 0;
	char *to;

	if (!h->chunked)
		return 0;
	mark = arena_mark(tick);
	to = arena_bytes(tick, cap);
	if (to)
		n = h1_write_last_chunk(to, cap, trailers);
	if (n)
		conn_write(h->conn, to, n);
	arena_rewind(tick, mark);
	return n ? 0 : -1;
}
