#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/must.h"
#include "io/conn_inner.h"

/*
 * Plaintext goes to loop->stage, from there through OpenSSL to loop->out, from
 * there to the socket; cleartext goes to loop->out at once. What the socket
 * does not take stays with the conn, as pending.
 */

/* From here on a copy costs more than a write or a record of its own. */
#define DIRECT_BYTES 4096

static void keep_pending(struct conn *c, const char *p, size_t len)
{
	char *grown = mem_realloc(MEM_CONN, c->pending, c->pending_bytes + len);

	if (!grown) {
		c->broken = true;
		loop_defer(c->loop, &c->resume);
		return;
	}
	memcpy(grown + c->pending_bytes, p, len);
	c->pending = grown;
	c->pending_bytes += (uint32_t)len;
}

/* Takes done bytes off the front of the pieces. Returns: how many are left. */
static size_t advance(struct iovec *v, size_t n, size_t done)
{
	size_t left = 0;

	for (size_t i = 0; i < n; i++) {
		size_t k = done < v[i].iov_len ? done : v[i].iov_len;

		left += v[i].iov_len - k;
		if (!k)
			continue; /* there may be no piece to point into */
		v[i].iov_base = (char *)v[i].iov_base + k;
		v[i].iov_len -= k;
		done -= k;
	}
	return left;
}

static ssize_t send_once(int fd, struct iovec *v, size_t n)
{
	struct msghdr m = {.msg_iov = v, .msg_iovlen = n};

	/* The kernel takes one piece sooner where it need not copy a list. */
	if (n == 1)
		return send(fd, v[0].iov_base, v[0].iov_len, MSG_NOSIGNAL);
	return sendmsg(fd, &m, MSG_NOSIGNAL);
}

/* Leaves in v what the socket does not take; nothing when it is broken, so
 * that nothing is kept for nobody. */
static void send_some(struct conn *c, struct iovec *v, size_t n)
{
	size_t left = advance(v, n, 0);

	while (left && !c->broken) {
		ssize_t done = send_once(c->fd, v, n);

		if (done >= 0) {
			c->out_bytes += (size_t)done;
			left = advance(v, n, (size_t)done);
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN)
			return;
		c->broken = true;
		loop_defer(c->loop, &c->resume);
	}
	for (size_t i = 0; i < n; i++)
		v[i].iov_len = 0;
}

/* What was put before, and n pieces, of which v[0] is kept free for that. */
static void send_pieces(struct conn *c, struct iovec *v, size_t n)
{
	struct loop *l = c->loop;

	v[0] = (struct iovec){l->out, l->n_out};
	if (!l->n_out) {
		v++;
		n--;
	}
	l->n_out = 0;
	if (!c->pending)
		send_some(c, v, n);
	for (size_t i = 0; i < n; i++)
		if (v[i].iov_len && !c->broken)
			keep_pending(c, v[i].iov_base, v[i].iov_len);
}

void conn_send_out(struct conn *c)
{
	struct iovec v[1];

	if (c->loop->n_out)
		send_pieces(c, v, 1);
}

void conn_put_out(struct conn *c, const char *p, size_t len)
{
	struct loop *l = c->loop;

	while (len) {
		size_t n = LOOP_OUT_BYTES - l->n_out;

		if (!n) {
			conn_send_out(c);
			continue;
		}
		if (n > len)
			n = len;
		memcpy(l->out + l->n_out, p, n);
		l->n_out += (uint32_t)n;
		p += n;
		len -= n;
	}
}

static void flush_stage(struct conn *c)
{
	struct loop *l = c->loop;

	if (l->n_stage)
		conn_encipher(c, l->stage, l->n_stage);
	l->n_stage = 0;
}

bool conn_can_write(const struct conn *c)
{
	return c->state == CONN_OPEN && !c->pending && !c->fin && !conn_is_broken(c);
}

void conn_begin(struct conn *c)
{
	must(!c->loop->out_conn && !c->loop->n_out && !c->loop->n_stage);
	c->loop->out_conn = c;
	conn_stir(c);
}

/* A whole record's worth needs no stage. */
static const char *write_records(struct conn *c, const char *p, size_t *len)
{
	size_t whole = *len - *len % LOOP_PLAIN_BYTES;

	if (c->loop->n_stage || !whole)
		return p;
	conn_encipher(c, p, whole);
	*len -= whole;
	return p + whole;
}

bool conn_write(struct conn *c, const void *from, size_t len)
{
	struct loop *l = c->loop;
	const char *p = from;

	must(l->out_conn == c);
	if (conn_is_broken(c))
		return false;
	if (!conn_is_tls(c)) {
		struct iovec v[2] = {{0}, {(void *)(uintptr_t)p, len}};

		if (len < DIRECT_BYTES)
			conn_put_out(c, p, len);
		else
			send_pieces(c, v, 2);
		return !c->pending && !c->broken;
	}
	while (len && !c->broken) {
		size_t n = LOOP_PLAIN_BYTES - l->n_stage;

		p = write_records(c, p, &len);
		if (n > len)
			n = len;
		memcpy(l->stage + l->n_stage, p, n);
		l->n_stage += (uint32_t)n;
		p += n;
		len -= n;
		if (l->n_stage == LOOP_PLAIN_BYTES)
			flush_stage(c);
	}
	return !c->pending && !c->broken;
}

bool conn_write_pieces(struct conn *c, const struct iovec *pieces, size_t n)
{
	struct iovec v[1 + CONN_MAX_PIECES];
	bool open = true;

	must(c->loop->out_conn == c && n <= CONN_MAX_PIECES);
	if (n < 2 || conn_is_tls(c) || conn_is_broken(c)) {
		for (size_t i = 0; i < n; i++)
			open = conn_write(c, pieces[i].iov_base, pieces[i].iov_len);
		return open;
	}
	memcpy(v + 1, pieces, n * sizeof(*v));
	send_pieces(c, v, 1 + n);
	return !c->pending && !c->broken;
}

bool conn_write_behind(struct conn *c, const void *head, size_t head_len, char *p,
		       size_t len)
{
	char before[CONN_HEAD_BYTES];

	must(head_len <= sizeof(before) && head_len + len <= LOOP_PLAIN_BYTES);
	if (!conn_is_tls(c) || len < DIRECT_BYTES) {
		conn_write(c, head, head_len);
		return conn_write(c, p, len);
	}
	flush_stage(c);
	memcpy(before, p - head_len, head_len);
	memcpy(p - head_len, head, head_len);
	if (!conn_is_broken(c))
		conn_encipher(c, p - head_len, head_len + len);
	memcpy(p - head_len, before, head_len);
	return !c->pending && !c->broken;
}

int conn_flush(struct conn *c)
{
	struct loop *l = c->loop;

	must(l->out_conn == c);
	if (!conn_is_broken(c)) {
		flush_stage(c);
		conn_send_out(c);
	}
	l->n_stage = 0;
	l->n_out = 0;
	l->out_conn = NULL;
	return conn_is_broken(c) ? -1 : 0;
}

void conn_drop_pending(struct conn *c)
{
	mem_free(MEM_CONN, c->pending);
	c->pending = NULL;
	c->pending_bytes = 0;
	c->pending_at = 0;
}

void conn_send_pending(struct conn *c)
{
	struct iovec v[1] = {
		{c->pending + c->pending_at, c->pending_bytes - c->pending_at}};

	send_some(c, v, 1);
	c->pending_at = c->pending_bytes - (uint32_t)v[0].iov_len;
	if (v[0].iov_len)
		return;
	conn_drop_pending(c);
	if (c->broken)
		return;
	if (c->state == CONN_LINGER || c->fin)
		shutdown(c->fd, SHUT_WR);
	else if (c->state == CONN_OPEN)
		c->ops->on_writable(c);
}
