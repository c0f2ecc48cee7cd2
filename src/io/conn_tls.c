#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "io/conn_inner.h"

/* --- the BIO between OpenSSL and the loop's buffers ------------------------
 *
 * One for all conns: OpenSSL calls it only from within a call of ours, so it is
 * told before each of them whose bytes it moves. A BIO and its lock for each
 * conn would be 200 bytes and two allocations.
 */

static int bio_write_cb(BIO *bio, const char *p, size_t len, size_t *done)
{
	struct conn *c = BIO_get_data(bio);

	conn_put_out(c, p, len);
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

static BIO *shared;

static BIO *bio_shared(void)
{
	if (shared)
		return shared;
	shared = bio_method() ? BIO_new(bio_method()) : NULL;
	if (shared)
		BIO_set_init(shared, 1);
	return shared;
}

/* --- the SSL ---------------------------------------------------------------
 *
 * Nothing but a call that is given it touches its memory (OpenSSL 3.0): neither
 * the SSL_CTX nor a session point to it, there is no list of them, and the BIO is
 * ours. So it may be packed between two calls.
 */

SSL *conn_tls(struct conn *c)
{
	BIO_set_data(shared, c);
	return fold_block(&c->tls);
}

/* --- buffers ---------------------------------------------------------------
 *
 * OpenSSL has 33 KiB of buffers for a conn, which it would rather keep; here they are
 * given back after each record, so that many conns need few. Taking and returning them
 * costs as much as some small records do, so a few that are at work keep theirs.
 */

#define MOST_KEEPERS 16

static void keep_buffers(struct conn *c, SSL *ssl)
{
	if (c->keeps || c->loop->n_keepers == MOST_KEEPERS ||
	    !(SSL_get_mode(ssl) & SSL_MODE_RELEASE_BUFFERS))
		return;
	SSL_clear_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
	c->keeps = true;
	c->loop->n_keepers++;
}

static void stop_keeping(struct conn *c)
{
	if (c->keeps)
		c->loop->n_keepers--;
	c->keeps = false;
}

/* Where part of a record is in one, it goes after that. */
static void give_buffers_back(struct conn *c)
{
	uint64_t mark;

	if (!c->keeps)
		return;
	mark = mem_mark(MEM_OPENSSL);
	stop_keeping(c);
	SSL_set_mode(conn_tls(c), SSL_MODE_RELEASE_BUFFERS);
	SSL_free_buffers(conn_tls(c));
	c->tls_bytes += mem_charge(MEM_OPENSSL, mark);
}

void conn_fold_tls(struct conn *c)
{
	give_buffers_back(c);
	if (c->tls_folds && !fold_is_packed(&c->tls))
		fold_pack(&c->tls, mem_usable(fold_block(&c->tls)), MEM_CONN);
}

/* --- records --- */

void conn_encipher(struct conn *c, const char *p, size_t len)
{
	uint64_t mark = mem_mark(MEM_OPENSSL);
	SSL *ssl = conn_tls(c);
	size_t done;

	while (len && !c->broken) {
		if (SSL_write_ex(ssl, p, len, &done) != 1) {
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

/* OpenSSL may answer while it reads (handshake, key update, alert). */
static void flush_answers(struct conn *c)
{
	struct loop *l = c->loop;

	if (l->n_out && !c->freed)
		conn_send_out(c);
	l->n_out = 0;
	l->out_conn = NULL;
}

/* Returns: true when the handshake is done. */
bool conn_handshake(struct conn *c)
{
	uint64_t mark = mem_mark(MEM_OPENSSL);
	SSL *ssl = conn_tls(c);
	int rc, why;

	conn_begin(c);
	rc = SSL_do_handshake(ssl);
	why = SSL_get_error(ssl, rc);
	c->tls_bytes += mem_charge(MEM_OPENSSL, mark);
	flush_answers(c);
	if (rc == 1) {
		conn_opened(c);
		return !conn_is_over(c);
	}
	if (why != SSL_ERROR_WANT_READ) {
		c->tls_error = (uint32_t)ERR_peek_error();
		ERR_clear_error();
		conn_over(c, CONN_TLS_ERROR);
	}
	return false;
}

bool conn_is_bad_cert(const struct conn *c)
{
	return ERR_GET_LIB(c->tls_error) == ERR_LIB_SSL &&
	       ERR_GET_REASON(c->tls_error) == SSL_R_CERTIFICATE_VERIFY_FAILED;
}

/* One record. Returns: false when there is no whole one left. */
static bool decipher_one(struct conn *c)
{
	uint64_t mark = mem_mark(MEM_OPENSSL);
	size_t cap, n = 0;
	SSL *ssl;
	char *to;
	int ok, why;

	to = conn_input_room(c, &cap, c->loop->plain, LOOP_PLAIN_BYTES);
	conn_begin(c);
	ssl = conn_tls(c);
	ok = SSL_read_ex(ssl, to, cap, &n);
	why = ok ? 0 : SSL_get_error(ssl, 0);
	c->tls_bytes += mem_charge(MEM_OPENSSL, mark);
	flush_answers(c);
	if (ok) {
		conn_deliver(c, to, n);
		return !conn_is_over(c);
	}
	if (why == SSL_ERROR_ZERO_RETURN) {
		conn_over(c, CONN_EOF);
	} else if (why != SSL_ERROR_WANT_READ) {
		c->tls_error = (uint32_t)ERR_peek_error();
		ERR_clear_error();
		conn_over(c, CONN_TLS_ERROR);
	}
	return false;
}

/* OpenSSL may take all of so much at once, beyond the head of a record. Of more it
 * would move the rest to the front of its buffer for each record. */
#define AHEAD_BYTES 4096

void conn_decipher(struct conn *c, char *p, size_t len)
{
	struct loop *l = c->loop;
	SSL *ssl = conn_tls(c);

	l->in_at = p;
	l->n_in = len;
	SSL_set_read_ahead(ssl, len <= AHEAD_BYTES);
	if (c->state == CONN_OPEN)
		keep_buffers(c, ssl);
	if (c->state == CONN_HANDSHAKE && !conn_handshake(c)) {
		l->n_in = 0;
		return;
	}
	/* A call in vain would take OpenSSL a buffer, and give it back. */
	while ((l->n_in || SSL_has_pending(conn_tls(c))) && decipher_one(c))
		;
	l->n_in = 0;
}

/* --- life --- */

/* A page of it is worth folding. */
#define SSL_LEAST_BYTES 4096

int conn_attach_tls(struct conn *c, SSL_CTX *ctx, const char *name)
{
	BIO *bio = bio_shared();
	uint64_t mark = mem_mark(MEM_OPENSSL);
	SSL *ssl = bio ? SSL_new(ctx) : NULL;
	int rc = -1;

	fold_init(&c->tls, ssl);
	if (!ssl)
		goto out;
	/* Else OpenSSL does not allocate by our table. */
	c->tls_folds = mem_mark(MEM_OPENSSL) - mark >= SSL_LEAST_BYTES;
	/* SSL_free() drops this reference; the static one stays. */
	BIO_up_ref(bio);
	SSL_set_bio(ssl, bio, bio);
	rc = 0;
	if (c->is_server) {
		SSL_set_accept_state(ssl);
		goto out;
	}
	SSL_set_connect_state(ssl);
	if (name &&
	    (SSL_set_tlsext_host_name(ssl, name) != 1 || SSL_set1_host(ssl, name) != 1))
		rc = -1;
out:
	c->tls_bytes += mem_charge(MEM_OPENSSL, mark);
	return rc;
}

void conn_keep_buffers(struct conn *c)
{
	if (conn_is_tls(c))
		SSL_clear_mode(conn_tls(c), SSL_MODE_RELEASE_BUFFERS);
}

/* An SSL that is freed, and was packed until then. When thousands leave together
 * their pages would come back into RAM just to stay with the allocator. */
static void *parting;

void conn_on_openssl_free(void *p)
{
	if (p && p == parting)
		fold_discard(p, mem_usable(p));
}

void conn_detach_tls(struct conn *c)
{
	uint64_t mark = mem_mark(MEM_OPENSSL);

	stop_keeping(c);
	/* One that could not be made has left errors behind, and their bytes. */
	if (!conn_is_tls(c) && !c->tls_bytes)
		return;
	if (conn_is_tls(c)) {
		bool was_folded = fold_is_packed(&c->tls);

		parting = was_folded ? conn_tls(c) : NULL;
		SSL_free(conn_tls(c));
		parting = NULL;
	}
	fold_init(&c->tls, NULL);
	ERR_clear_error();
	c->tls_bytes += mem_charge(MEM_OPENSSL, mark);
	mem_charge_back(MEM_OPENSSL, c->tls_bytes);
	c->tls_bytes = 0;
}

void conn_say_close(struct conn *c)
{
	uint64_t mark = mem_mark(MEM_OPENSSL);
	SSL *ssl = conn_tls(c);

	conn_begin(c);
	SSL_shutdown(ssl);
	ERR_clear_error();
	c->tls_bytes += mem_charge(MEM_OPENSSL, mark);
	flush_answers(c);
}
