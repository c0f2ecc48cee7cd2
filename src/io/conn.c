#include "io/conn.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/must.h"

#define CONN_MAGIC     0x636f6e6eu /* "conn" */
#define READS_PER_TURN 4           /* of LOOP_IN_BYTES each, then others' turn */
#define LINGER_MS      2000

enum state {
	CONN_CONNECTING,
	CONN_HANDSHAKE,
	CONN_OPEN,
	CONN_LINGER, /* the owner is gone; waiting for the peer's FIN */
};

static void conn_set_state(struct conn *c, enum state state)
{
	c->state = (uint8_t)state;
}

static bool is_over(const struct conn *c)
{
	return c->freed || c->ended;
}

static void end(struct conn *c, enum conn_end why)
{
	if (is_over(c))
		return;
	timer_stop(c->loop, &c->timer);
	c->readable = false;
	if (c->state == CONN_LINGER) {
		conn_free(&c);
		return;
	}
	c->ended = true;
	c->ops->on_end(c, why);
}

/* --- output: stage (plaintext) -> OpenSSL -> out -> socket or pending ------ */

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

static void send_out(struct conn *c)
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

static void put_out(struct conn *c, const char *p, size_t len)
{
	struct loop *l = c->loop;

	while (len) {
		size_t n = LOOP_OUT_BYTES - l->n_out;

		if (!n) {
			send_out(c);
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

static void encipher(struct conn *c, const char *p, size_t len)
{
	uint64_t mark = mem_mark(MEM_OPENSSL);
	size_t done;

	while (len && !c->broken) {
		if (SSL_write_ex(c->ssl, p, len, &done) != 1) {
			/* Our BIO takes all, so this is no shortage of room. */
			ERR_clear_error();
			c->broken = true;
			loop_defer(c->loop, &c->resume);
			break;
		}
		p += done;
		len -= done;
	}
	c->tls_bytes += mem_charge(MEM_OPENSSL, mark);
}

static void flush_stage(struct conn *c)
{
	struct loop *l = c->loop;

	if (l->n_stage)
		encipher(c, l->stage, l->n_stage);
	l->n_stage = 0;
}

static bool is_broken(const struct conn *c)
{
	return c->broken || is_over(c);
}

bool conn_can_write(const struct conn *c)
{
	return c->state == CONN_OPEN && !c->pending && !c->fin && !is_broken(c);
}

void conn_begin(struct conn *c)
{
	must(!c->loop->out_conn && !c->loop->n_out && !c->loop->n_stage);
	c->loop->out_conn = c;
}

char *conn_reserve(struct conn *c, size_t need)
{
	struct loop *l = c->loop;

	must(l->out_conn == c && need <= LOOP_PLAIN_BYTES);
	if (is_broken(c))
		return NULL;
	if (c->ssl) {
		if (LOOP_PLAIN_BYTES - l->n_stage < need)
			flush_stage(c);
		return l->stage + l->n_stage;
	}
	if (LOOP_OUT_BYTES - l->n_out < need)
		send_out(c);
	return l->out + l->n_out;
}

bool conn_commit(struct conn *c, size_t len)
{
	if (c->ssl)
		c->loop->n_stage += (uint32_t)len;
	else
		c->loop->n_out += (uint32_t)len;
	return !c->pending && !c->broken;
}

/* A whole record's worth needs no stage. */
static const char *write_records(struct conn *c, const char *p, size_t *len)
{
	size_t whole = *len - *len % LOOP_PLAIN_BYTES;

	if (c->loop->n_stage || !whole)
		return p;
	encipher(c, p, whole);
	*len -= whole;
	return p + whole;
}

bool conn_write(struct conn *c, const void *from, size_t len)
{
	struct loop *l = c->loop;
	const char *p = from;

	must(l->out_conn == c);
	if (is_broken(c))
		return false;
	if (!c->ssl) {
		put_out(c, p, len);
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
	if (!is_broken(c)) {
		flush_stage(c);
		send_out(c);
	}
	l->n_stage = 0;
	l->n_out = 0;
	l->out_conn = NULL;
	return is_broken(c) ? -1 : 0;
}

static void drop_pending(struct conn *c)
{
	mem_free(MEM_CONN, c->pending);
	c->pending = NULL;
	c->pending_bytes = 0;
	c->pending_at = 0;
}

static void send_pending(struct conn *c)
{
	size_t left = c->pending_bytes - c->pending_at;

	c->pending_at += (uint32_t)send_some(c, c->pending + c->pending_at, left);
	if (c->pending_at < c->pending_bytes)
		return;
	drop_pending(c);
	if (c->broken)
		return;
	if (c->state == CONN_LINGER || c->fin)
		shutdown(c->fd, SHUT_WR);
	else if (c->state == CONN_OPEN)
		c->ops->on_writable(c);
}

/* --- the BIO between OpenSSL and the loop's buffers ------------------------ */

static int bio_write_cb(BIO *bio, const char *p, size_t len, size_t *done)
{
	struct conn *c = BIO_get_data(bio);

	put_out(c, p, len);
	*done = len;
	return 1;
}

static int bio_read_cb(BIO *bio, char *to, size_t cap, size_t *done)
{
	struct conn *c = BIO_get_data(bio);
	struct loop *l = c->loop;

	BIO_clear_retry_flags(bio);
	if (!l->n_in) {
		BIO_set_retry_read(bio);
		*done = 0;
		return 0;
	}
	*done = cap < l->n_in ? cap : l->n_in;
	memcpy(to, l->in_at, *done);
	l->in_at += *done;
	l->n_in -= *done;
	return 1;
}

static long bio_ctrl_cb(BIO *bio, int cmd, long num, void *p)
{
	(void)bio;
	(void)num;
	(void)p;
	return cmd == BIO_CTRL_FLUSH; /* conn_flush() does it, once per turn */
}

static BIO_METHOD *bio_method(void)
{
	static BIO_METHOD *m;

	if (m)
		return m;
	m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "conn");
	if (!m)
		return NULL;
	BIO_meth_set_write_ex(m, bio_write_cb);
	BIO_meth_set_read_ex(m, bio_read_cb);
	BIO_meth_set_ctrl(m, bio_ctrl_cb);
	return m;
}

/* --- input ------------------------------------------------------------------ */

static void opened(struct conn *c)
{
	const unsigned char *alpn = NULL;
	unsigned int len = 0;

	timer_stop(c->loop, &c->timer);
	conn_set_state(c, CONN_OPEN);
	if (c->ssl) {
		SSL_get0_alpn_selected(c->ssl, &alpn, &len);
		c->is_h2 = len == 2 && memcmp(alpn, "h2", 2) == 0;
		c->resumed = SSL_session_reused(c->ssl);
	}
	c->ops->on_open(c);
}

/* OpenSSL may answer while it reads (handshake, key update, alert). */
static void flush_answers(struct conn *c)
{
	struct loop *l = c->loop;

	if (l->n_out && !c->freed)
		send_out(c);
	l->n_out = 0;
	l->out_conn = NULL;
}

/* Returns: true when the handshake is done. */
static bool handshake(struct conn *c)
{
	uint64_t mark = mem_mark(MEM_OPENSSL);
	int rc, why;

	conn_begin(c);
	rc = SSL_do_handshake(c->ssl);
	why = SSL_get_error(c->ssl, rc);
	c->tls_bytes += mem_charge(MEM_OPENSSL, mark);
	flush_answers(c);
	if (rc == 1) {
		opened(c);
		return !is_over(c);
	}
	if (why != SSL_ERROR_WANT_READ) {
		c->tls_error = ERR_peek_error();
		ERR_clear_error();
		end(c, CONN_TLS_ERROR);
	}
	return false;
}

static void deliver(struct conn *c, char *p, size_t len)
{
	if (c->state == CONN_OPEN && !is_over(c))
		c->ops->on_input(c, p, len);
}

static char *input_room(struct conn *c, size_t *cap, char *shared, size_t shared_cap)
{
	char *p = NULL;

	if (c->ops->on_room && c->state == CONN_OPEN)
		p = c->ops->on_room(c, cap);
	if (p)
		return p;
	*cap = shared_cap;
	return shared;
}

/* One record. Returns: false when there is no whole one left. */
static bool decipher_one(struct conn *c)
{
	uint64_t mark = mem_mark(MEM_OPENSSL);
	size_t cap, n = 0;
	char *to;
	int ok, why;

	to = input_room(c, &cap, c->loop->plain, LOOP_PLAIN_BYTES);
	conn_begin(c);
	ok = SSL_read_ex(c->ssl, to, cap, &n);
	why = ok ? 0 : SSL_get_error(c->ssl, 0);
	c->tls_bytes += mem_charge(MEM_OPENSSL, mark);
	flush_answers(c);
	if (ok) {
		deliver(c, to, n);
		return !is_over(c);
	}
	if (why == SSL_ERROR_ZERO_RETURN) {
		end(c, CONN_EOF);
	} else if (why != SSL_ERROR_WANT_READ) {
		c->tls_error = ERR_peek_error();
		ERR_clear_error();
		end(c, CONN_TLS_ERROR);
	}
	return false;
}

static void decipher(struct conn *c, char *p, size_t len)
{
	struct loop *l = c->loop;

	l->in_at = p;
	l->n_in = len;
	if (c->state == CONN_HANDSHAKE && !handshake(c)) {
		l->n_in = 0;
		return;
	}
	while (decipher_one(c))
		;
	l->n_in = 0;
}

static void input_end(struct conn *c, ssize_t n)
{
	c->readable = false;
	if (n == 0 && c->ssl && !(SSL_get_shutdown(c->ssl) & SSL_RECEIVED_SHUTDOWN) &&
	    !c->is_server)
		end(c, CONN_RESET); /* cut short: no close_notify */
	else
		end(c, n == 0 ? CONN_EOF : CONN_RESET);
}

/* One read. Returns: true when there may be more. */
static bool read_one(struct conn *c)
{
	size_t cap = LOOP_IN_BYTES;
	char *to = c->loop->in;
	ssize_t n;

	if (!c->ssl)
		to = input_room(c, &cap, c->loop->in, LOOP_IN_BYTES);
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
	/* A short read means the socket is empty: the next byte is a new edge. */
	c->readable = (size_t)n == cap || c->saw_rdhup;
	if (c->ssl && c->state != CONN_LINGER)
		decipher(c, to, (size_t)n);
	else
		deliver(c, to, (size_t)n);
	return c->readable && !c->paused && !is_over(c);
}

static void read_all(struct conn *c)
{
	for (int i = 0; i < READS_PER_TURN; i++)
		if (!read_one(c))
			return;
	loop_defer(c->loop, &c->resume);
}

static void resume_cb(struct dirty *d)
{
	struct conn *c = container_of(d, struct conn, resume);

	if (is_over(c))
		return;
	if (c->broken)
		end(c, CONN_RESET);
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
		end(c, CONN_REFUSED);
		return;
	}
	if (!c->ssl) {
		opened(c);
		return;
	}
	conn_set_state(c, CONN_HANDSHAKE);
	handshake(c);
}

static void event_cb(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	must(c->magic == CONN_MAGIC);
	loop_turn(c->loop);
	if (is_over(c))
		return;
	if (c->state == CONN_CONNECTING)
		connected(c);
	if (what & EV_CLOSED)
		c->saw_rdhup = true;
	if ((what & EV_WRITE) && c->pending && !is_over(c))
		send_pending(c);
	if (is_over(c) || !(what & (EV_READ | EV_CLOSED)))
		return;
	c->readable = true;
	if (!c->paused)
		read_all(c);
	else if (socket_error(c->fd) != 0)
		end(c, CONN_RESET); /* gone, whatever is unread */
}

static void timer_cb(struct timer *t)
{
	end(container_of(t, struct conn, timer), CONN_TIMEOUT);
}

/* --- life -------------------------------------------------------------------- */

static int attach_tls(struct conn *c, SSL_CTX *ctx, const char *name)
{
	uint64_t mark = mem_mark(MEM_OPENSSL);
	BIO *bio = bio_method() ? BIO_new(bio_method()) : NULL;
	int rc = -1;

	c->ssl = bio ? SSL_new(ctx) : NULL;
	if (!c->ssl) {
		BIO_free(bio);
		goto out;
	}
	BIO_set_data(bio, c);
	BIO_set_init(bio, 1);
	SSL_set_bio(c->ssl, bio, bio);
	rc = 0;
	if (c->is_server) {
		SSL_set_accept_state(c->ssl);
		goto out;
	}
	SSL_set_connect_state(c->ssl);
	if (name && (SSL_set_tlsext_host_name(c->ssl, name) != 1 ||
		     SSL_set1_host(c->ssl, name) != 1))
		rc = -1;
out:
	c->tls_bytes += mem_charge(MEM_OPENSSL, mark);
	return rc;
}

static void detach_tls(struct conn *c)
{
	uint64_t mark = mem_mark(MEM_OPENSSL);

	if (!c->ssl)
		return;
	SSL_free(c->ssl);
	c->ssl = NULL;
	ERR_clear_error();
	c->tls_bytes += mem_charge(MEM_OPENSSL, mark);
	mem_charge_back(MEM_OPENSSL, c->tls_bytes);
}

static void bury(struct grave *g)
{
	struct conn *c = container_of(g, struct conn, grave);

	c->magic = 0;
	mem_free(MEM_CONN, c);
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
	c->peer = *peer;
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
	if ((ctx && attach_tls(c, ctx, name) != 0) || event_add(&c->event, NULL) != 0) {
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
		opened(c);
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
	detach_tls(c);
	drop_pending(c);
	close(c->fd);
	loop_bury(c->loop, &c->grave, bury);
}

static void say_close_notify(struct conn *c)
{
	uint64_t mark = mem_mark(MEM_OPENSSL);

	conn_begin(c);
	SSL_shutdown(c->ssl);
	ERR_clear_error();
	c->tls_bytes += mem_charge(MEM_OPENSSL, mark);
	flush_answers(c);
}

void conn_end_output(struct conn *c)
{
	if (is_broken(c) || c->fin)
		return;
	if (c->ssl)
		say_close_notify(c);
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
	if (c->ssl && !c->fin)
		say_close_notify(c);
	conn_set_state(c, CONN_LINGER);
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
	return sizeof(*c) + c->pending_bytes +
	       (c->tls_bytes > 0 ? (size_t)c->tls_bytes : 0);
}
