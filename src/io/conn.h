/*
 * conn: one connected socket and its TLS. Gives plaintext to its owner, takes
 * plaintext from it.
 *
 * The socket is registered once for its whole life (edge-triggered). Input is
 * pushed to the owner as it comes, until conn_pause(). Output is collected in
 * the loop's buffer between conn_begin() and conn_flush(), written by one
 * system call; what the socket does not take stays with the conn, which then
 * is blocked until on_writable().
 *
 * A conn that has neither read nor written for two seconds is quiet: what OpenSSL
 * keeps for it is folded (allocators/fold.h) until it is wanted again.
 */
#ifndef HEAPGATE_CONN_H
#define HEAPGATE_CONN_H

#include <event2/event_struct.h>
#include <sys/uio.h>

#include "allocators/fold.h"
#include "io/addr.h"
#include "io/conn_ops.h"
#include "io/loop.h"
#include "io/tls.h"

struct conn {
	uint32_t magic;
	int fd;
	struct loop *loop;
	const struct conn_ops *ops;
	void *owner;
	struct fold tls; /* OpenSSL's SSL, by conn_tls() alone; empty: cleartext */
	char *pending;   /* output that the socket did not take */
	uint32_t pending_bytes;
	uint32_t pending_at;
	struct event event;  /* registered from open to close */
	struct dirty resume; /* reads on, or reports a broken output */
	struct grave grave;
	struct list node;         /* in loop->quiet, after conn_close() in
				   * loop->lingering, or alone */
	struct timer timer;       /* connect, handshake, close; while it is open, to
				   * look again or to see whether it is quiet */
	int64_t tls_bytes;        /* what OpenSSL holds for this conn */
	uint64_t in_bytes;        /* from the socket, TLS included */
	uint64_t out_bytes;       /* to the socket, TLS included */
	struct sockaddr_in6 peer; /* or a sockaddr_in; a struct addr is 100 bytes
				   * more, for a path; see conn_peer() */
	uint8_t state;            /* private */
	bool paused : 1;
	bool readable : 1;  /* there may be more in the socket */
	bool saw_rdhup : 1; /* the peer has sent FIN; read to the end */
	bool ended : 1;     /* on_end was called */
	bool is_server : 1;
	bool is_h2 : 1;   /* ALPN chose h2 */
	bool resumed : 1; /* TLS session resumption */
	bool freed : 1;
	bool half : 1;       /* conn_allow_half() was called */
	bool got_fin : 1;    /* and the peer has ended its half */
	bool fin : 1;        /* conn_end_output() was called */
	bool broken : 1;     /* output failed; on_end() follows */
	bool look_again : 1; /* the timer is there to read once more */
	bool tls_folds : 1;  /* the SSL is a block of ours */
	bool keeps : 1;      /* OpenSSL keeps its buffers, see conn_tls.c */
	uint32_t tls_error;  /* OpenSSL's code after CONN_TLS_ERROR */
	uint32_t stirred_ms; /* of loop->now_ms, when bytes last went by */
};

/*
 * Takes an accepted socket. ctx: NULL for cleartext. on_open() is called from
 * the loop, for cleartext at once. timeout_ms: for the handshake.
 * Returns: the conn, or NULL (the fd is closed then).
 */
struct conn *conn_accepted(struct loop *l, int fd, const struct addr *peer,
			   SSL_CTX *ctx, uint32_t timeout_ms,
			   const struct conn_ops *ops, void *owner) MUST_USE;
/* Starts to connect. name: for SNI, or NULL. Returns: the conn, or NULL when
 * no socket could be had or connect() failed at once. */
struct conn *conn_connect(struct loop *l, const struct addr *to, SSL_CTX *ctx,
			  const char *name, uint32_t timeout_ms,
			  const struct conn_ops *ops, void *owner) MUST_USE;
/* Closes at once (with a TLS close_notify if it can be sent without waiting)
 * and frees after the next turn. *c becomes NULL. */
void conn_free(struct conn **c);
/* As conn_free(), but by a reset: the peer cannot take it for the end in order. */
void conn_reset(struct conn **c);

/* Stops and restarts input. What was read already is still delivered. */
void conn_pause(struct conn *c);
void conn_resume(struct conn *c);

/* Output is open: not blocked, not ended for writing. */
bool conn_can_write(const struct conn *c);
/* Starts to collect; only one conn collects at a time. */
void conn_begin(struct conn *c);
/* Adds plaintext. Returns: false when the conn is blocked or broken from now
 * on (the bytes are still kept): the owner should stop and wait. */
bool conn_write(struct conn *c, const void *p, size_t len);
/* As conn_write() of n pieces (<= CONN_MAX_PIECES), in one go where there is
 * nothing to encipher. */
#define CONN_MAX_PIECES 8
bool conn_write_pieces(struct conn *c, const struct iovec *pieces, size_t n);
/* As conn_write() of head and then p, in one TLS record without a copy: the
 * head_len (<= CONN_HEAD_BYTES) bytes before p must be writable; they are as
 * before afterwards. head_len + len <= LOOP_PLAIN_BYTES. */
#define CONN_HEAD_BYTES 9
bool conn_write_behind(struct conn *c, const void *head, size_t head_len, char *p,
		       size_t len);
/* Sends what was collected. Returns: 0; -1 when the conn broke (on_end will
 * be or was called from the loop, not from here). */
int conn_flush(struct conn *c);
/* From now on the peer's end in order is only the end of its half: on_end() is
 * told CONN_EOF, output goes on, and on_end() may come again with another. */
void conn_allow_half(struct conn *c);
/* No more output: FIN (and close_notify) once all is out. */
void conn_end_output(struct conn *c);
/* The owner is done with it: sends what is left, close_notify and FIN, reads
 * and drops what the peer still sends for at most 2 s, so that the peer is not
 * cut off from the end of the answer by a reset. *c becomes NULL. */
void conn_close(struct conn **c);
/* Cuts off those that conn_close() has left behind: before the loop ends. */
void conn_free_lingering(struct loop *l);

static inline bool conn_is_tls(const struct conn *c)
{
	return !fold_is_empty(&c->tls);
}

/* It is not quiet: bytes went by, or the owner has unfolded what it held. */
void conn_await_quiet(struct conn *c);
static inline void conn_stir(struct conn *c)
{
	c->stirred_ms = (uint32_t)c->loop->now_ms;
	if (!timer_is_set(&c->timer))
		conn_await_quiet(c);
}

/* OpenSSL need not give back a record's buffers after each: for a conn of many. */
void conn_keep_buffers(struct conn *c);
/* OpenSSL frees p: if it is the SSL of a conn that was folded, its pages leave RAM
 * again first. For the hook. */
void conn_on_openssl_free(void *p);

/* After CONN_TLS_ERROR: the peer's certificate is why. */
bool conn_is_bad_cert(const struct conn *c);
/* The other end's address. */
void conn_peer(const struct conn *c, struct addr *to);
/* Bytes that this conn holds itself, OpenSSL's and pending output included. */
size_t conn_mem_bytes(const struct conn *c);

#endif
