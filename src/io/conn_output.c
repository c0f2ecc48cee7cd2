#include <errno.h>
#include <sys/socket.h>

#include "base/must.h"
#include "io/conn_inner.h"

/*
 * Plaintext goes to loop->stage, from there through OpenSSL to loop->out, from
 * there to the socket; cleartext goes to loop->out at once. What the socket
 * does not take stays with the conn, as pending.
 */

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

/* Returns how many bytes the socket took; all of them when it is broken, so
 * that nothing is kept for nobody. */
static size_t send_some(struct conn *c, const char *p, size_t len)
{
	size_t sent = 0;

	while (sent < len && !c->broken) {
		ssize_t n = send(c->fd, p + sent, len - sent, MSG_NOSIGNAL);

		if (n >= 0) {
			sent += (size_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN)
			break;
		c->broken = true;
		loop_defer(c->loop, &c->resume);
	}
	c->out_bytes += sent;
	return c->broken ? len : sent;
}

void conn_send_out(struct conn *c)
{
	struct loop *l = c->loop;
	size_t sent;

	if (!l->n_out)
		return;
	if (c->pending) {
		keep_pending(c, l->out, l->n_out);
	} else {
		sent = send_some(c, l->out, l->n_out);
		if (sent < l->n_out)
			keep_pending(c, l->out + sent, l->n_out - sent);
	}
	l->n_out = 0;
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
	if (!c->ssl) {
		conn_put_out(c, p, len);
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
	size_t left = c->pending_bytes - c->pending_at;

	c->pending_at += (uint32_t)send_some(c, c->pending + c->pending_at, left);
	if (c->pending_at < c->pending_bytes)
		return;
	conn_drop_pending(c);
	if (c->broken)
		return;
	if (c->state == CONN_LINGER || c->fin)
		shutdown(c->fd, SHUT_WR);
	else if (c->state == CONN_OPEN)
		c->ops->on_writable(c);
}
