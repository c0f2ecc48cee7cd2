#include "io/conn.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/must.h"
#include "io/conn_inner.h"

#define CONN_MAGIC    0x636f6e6eu /* "conn" */
#define LOOK_AGAIN_MS 100
#define LINGER_MS     2000
/* Read of one socket before it is others' turn: what a client with some uploads
 * may have on the way, so that each of them goes on in one write. */
#define TURN_BYTES (4 * LOOP_IN_BYTES)

void conn_over(struct conn *c, enum conn_end why)
{
	if (conn_is_over(c))
		return;
	c->readable = false;
	if (c->half && why == CONN_EOF && c->state == CONN_OPEN) {
		if (c->got_fin)
			return;
		c->got_fin = true;
		c->ops->on_end(c, why);
		return;
	}
	timer_stop(c->loop, &c->timer);
	if (c->state == CONN_LINGER) {
		conn_free(&c);
		return;
	}
	c->ended = true;
	c->ops->on_end(c, why);
}

/* --- input ------------------------------------------------------------------ */

void conn_opened(struct conn *c)
{
	const unsigned char *alpn = NULL;
	unsigned int len = 0;

	timer_stop(c->loop, &c->timer);
	conn_set_state(c, CONN_OPEN);
	if (conn_is_tls(c)) {
		SSL *ssl = conn_tls(c);

		SSL_get0_alpn_selected(ssl, &alpn, &len);
		c->is_h2 = len == 2 && memcmp(alpn, "h2", 2) == 0;
		c->resumed = SSL_session_reused(ssl);
	}
	c->ops->on_open(c);
	conn_stir(c);
}

void conn_deliver(struct conn *c, char *p, size_t len)
{
	if (c->state == CONN_OPEN && !conn_is_over(c))
		c->ops->on_input(c, p, len);
}

char *conn_input_room(struct conn *c, size_t *cap, char *shared, size_t shared_cap)
{
	char *p = NULL;

	if (c->ops->on_room && c->state == CONN_OPEN)
		p = c->ops->on_room(c, cap);
	if (p)
		return p;
	*cap = shared_cap;
	return shared;
}

static void input_end(struct conn *c, ssize_t n)
{
	c->readable = false;
	if (n == 0 && conn_is_tls(c) && !c->is_server &&
	    !(SSL_get_shutdown(conn_tls(c)) & SSL_RECEIVED_SHUTDOWN))
		conn_over(c, CONN_RESET); /* cut short: no close_notify */
	else
		conn_over(c, n == 0 ? CONN_EOF : CONN_RESET);
}

/* One read. Returns: true when there may be more. */
static bool read_one(struct conn *c)
{
	size_t cap = c->ops->read_bytes ? c->ops->read_bytes : LOOP_READ_BYTES;
	char *to = c->loop->in;
	ssize_t n;

	if (!conn_is_tls(c))
		to = conn_input_room(c, &cap, c->loop->in, cap);
	else if (c->ops->on_cap && c->state != CONN_LINGER)
		cap = c->ops->on_cap(c);
	do
		n = recv(c->fd, to, cap, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN) {
		c->readable = false;
		return false;
	}
	if (n <= 0) {
		input_end(c, n);
		return false;
	}
	c->in_bytes += (uint64_t)n;
	c->loop->turn_bytes += (uint32_t)n;
	c->stirred_ms = (uint32_t)c->loop->now_ms;
	/* A short read means the socket is empty: the next byte is a new edge. */
	c->readable = (size_t)n == cap || c->saw_rdhup;
	/* But for an error: one that came together with these bytes has no
	 * edge of its own, and libevent does not tell it from theirs. */
	if (!c->readable && c->state == CONN_OPEN) {
		c->look_again = true;
		timer_set(c->loop, &c->timer, LOOK_AGAIN_MS);
	}
	if (conn_is_tls(c) && c->state != CONN_LINGER)
		conn_decipher(c, to, (size_t)n);
	else
		conn_deliver(c, to, (size_t)n);
	return c->readable && !c->paused && !conn_is_over(c);
}

static void read_all(struct conn *c)
{
	uint64_t most = c->in_bytes + TURN_BYTES;

	while (c->in_bytes < most)
		if (!read_one(c))
			return;
	loop_defer(c->loop, &c->resume);
}

static void resume_cb(struct dirty *d)
{
	struct conn *c = container_of(d, struct conn, resume);

	if (conn_is_over(c))
		return;
	if (c->broken)
		conn_over(c, CONN_RESET);
	else if (c->readable && !c->paused)
		read_all(c);
}

void conn_pause(struct conn *c)
{
	c->paused = true;
}

void conn_resume(struct conn *c)
{
	if (!c->paused)
		return;
	c->paused = false;
	if (c->readable)
		loop_defer(c->loop, &c->resume);
}

/* --- events ----------------------------------------------------------------- */

static int socket_error(int fd)
{
	int e = 0;
	socklen_t len = sizeof(e);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len) != 0)
		return errno;
	return e;
}

static void connected(struct conn *c)
{
	if (socket_error(c->fd) != 0) {
		conn_over(c, CONN_REFUSED);
		return;
	}
	if (!conn_is_tls(c)) {
		conn_opened(c);
		return;
	}
	conn_set_state(c, CONN_HANDSHAKE);
	conn_handshake(c);
}

static void event_cb(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	must(c->magic == CONN_MAGIC);
	loop_turn(c->loop);
	loop_flush_early(c->loop);
	if (conn_is_over(c))
		return;
	if (c->state == CONN_CONNECTING)
		connected(c);
	if (what & EV_CLOSED)
		c->saw_rdhup = true;
	if ((what & EV_WRITE) && c->pending && !conn_is_over(c))
		conn_send_pending(c);
	if (conn_is_over(c) || !(what & (EV_READ | EV_CLOSED)))
		return;
	c->readable = true;
	if (!c->paused)
		read_all(c);
	else if (socket_error(c->fd) != 0)
		conn_over(c, CONN_RESET); /* gone, whatever is unread */
}

static void timer_cb(struct timer *t)
{
	struct conn *c = container_of(t, struct conn, timer);

	if (c->state != CONN_OPEN) {
		conn_over(c, CONN_TIMEOUT);
		return;
	}
	if (!c->look_again) {
		conn_on_quiet_timer(c);
		return;
	}
	c->look_again = false;
	c->readable = true;
	if (!c->paused && !conn_is_over(c))
		read_all(c);
	conn_await_quiet(c);
}

/* --- life -------------------------------------------------------------------- */

static void bury(struct grave *g)
{
	struct conn *c = container_of(g, struct conn, grave);

	c->magic = 0;
	mem_free(MEM_CONN, c);
}

static void keep_peer(struct conn *c, const struct addr *peer)
{
	if (peer->len && peer->len <= sizeof(c->peer))
		memcpy(&c->peer, &peer->sa, peer->len);
}

void conn_peer(const struct conn *c, struct addr *to)
{
	sa_family_t family = c->peer.sin6_family;

	*to = (struct addr){.len = sizeof(to->un)};
	if (family == AF_INET || family == AF_INET6) {
		to->len = family == AF_INET ? sizeof(to->in) : sizeof(to->in6);
		memcpy(&to->sa, &c->peer, to->len);
	} else if (getpeername(c->fd, &to->sa, &to->len) != 0) {
		to->len = 0;
	}
}

static struct conn *conn_new(struct loop *l, int fd, const struct addr *peer,
			     const struct conn_ops *ops, void *owner)
{
	struct conn *c = mem_zalloc(MEM_CONN, 1, sizeof(*c));

	if (!c) {
		close(fd);
		return NULL;
	}
	c->magic = CONN_MAGIC;
	c->fd = fd;
	c->loop = l;
	c->ops = ops;
	c->owner = owner;
	keep_peer(c, peer);
	list_init(&c->node);
	dirty_init(&c->resume, resume_cb);
	timer_init(&c->timer, timer_cb);
	return c;
}

/* Returns: the conn, or NULL with everything undone. */
static struct conn *start(struct conn *c, SSL_CTX *ctx, const char *name,
			  uint32_t timeout_ms)
{
	event_assign(&c->event, c->loop->base, c->fd,
		     EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST, event_cb, c);
	if ((ctx && conn_attach_tls(c, ctx, name) != 0) ||
	    event_add(&c->event, NULL) != 0) {
		conn_free(&c);
		return NULL;
	}
	timer_set(c->loop, &c->timer, timeout_ms);
	return c;
}

struct conn *conn_accepted(struct loop *l, int fd, const struct addr *peer,
			   SSL_CTX *ctx, uint32_t timeout_ms,
			   const struct conn_ops *ops, void *owner)
{
	struct conn *c = conn_new(l, fd, peer, ops, owner);

	if (!c)
		return NULL;
	c->is_server = true;
	conn_set_state(c, ctx ? CONN_HANDSHAKE : CONN_OPEN);
	c = start(c, ctx, NULL, timeout_ms);
	if (c && !ctx)
		conn_opened(c);
	return c;
}

static int connect_socket(const struct addr *to)
{
	int on = 1;
	int fd =
		socket(to->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (to->sa.sa_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, &to->sa, to->len) == 0 || errno == EINPROGRESS)
		return fd;
	close(fd);
	return -1;
}

struct conn *conn_connect(struct loop *l, const struct addr *to, SSL_CTX *ctx,
			  const char *name, uint32_t timeout_ms,
			  const struct conn_ops *ops, void *owner)
{
	int fd = connect_socket(to);
	struct conn *c = fd >= 0 ? conn_new(l, fd, to, ops, owner) : NULL;

	if (!c)
		return NULL;
	conn_set_state(c, CONN_CONNECTING);
	return start(c, ctx, name, timeout_ms);
}

void conn_free(struct conn **cp)
{
	struct conn *c = *cp;

	*cp = NULL;
	if (!c || c->freed)
		return;
	must(c->magic == CONN_MAGIC);
	must(c->loop->out_conn != c);
	c->freed = true;
	timer_stop(c->loop, &c->timer);
	dirty_fini(&c->resume);
	event_del(&c->event);
	list_del(&c->node);
	conn_detach_tls(c);
	conn_drop_pending(c);
	close(c->fd);
	loop_bury(c->loop, &c->grave, bury);
}

void conn_reset(struct conn **c)
{
	struct linger none = {.l_onoff = 1, .l_linger = 0};

	if (*c)
		setsockopt((*c)->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	conn_free(c);
}

void conn_allow_half(struct conn *c)
{
	c->half = true;
}

void conn_end_output(struct conn *c)
{
	if (conn_is_broken(c) || c->fin)
		return;
	if (conn_is_tls(c))
		conn_say_close(c);
	c->fin = true;
	if (!c->pending)
		shutdown(c->fd, SHUT_WR);
}

void conn_close(struct conn **cp)
{
	struct conn *c = *cp;

	*cp = NULL;
	if (!c || c->freed)
		return;
	if (c->ended || c->broken || c->state != CONN_OPEN) {
		conn_free(&c);
		return;
	}
	if (conn_is_tls(c) && !c->fin)
		conn_say_close(c);
	conn_set_state(c, CONN_LINGER);
	list_del(&c->node);
	list_append(&c->loop->lingering, &c->node);
	timer_set(c->loop, &c->timer, LINGER_MS);
	if (!c->pending)
		shutdown(c->fd, SHUT_WR);
	conn_resume(c);
}

void conn_free_lingering(struct loop *l)
{
	struct list *n;

	while ((n = list_pop(&l->lingering))) {
		struct conn *c = container_of(n, struct conn, node);

		conn_free(&c);
	}
}

size_t conn_mem_bytes(const struct conn *c)
{
	return sizeof(*c) + c->pending_bytes + fold_packed_bytes(&c->tls) +
	       (c->tls_bytes > 0 ? (size_t)c->tls_bytes : 0);
}
