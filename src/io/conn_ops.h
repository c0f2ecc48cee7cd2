/*
 * conn_ops: what a conn tells its owner.
 */
#ifndef HEAPGATE_CONN_OPS_H
#define HEAPGATE_CONN_OPS_H

#include <stddef.h>

struct conn;

enum conn_end {
	CONN_EOF,       /* the peer closed in order */
	CONN_RESET,     /* the peer or the network broke it */
	CONN_TLS_ERROR, /* handshake or record failure; see conn->tls_error */
	CONN_REFUSED,   /* connect() failed */
	CONN_TIMEOUT,   /* connect or handshake took too long */
	CONN_NO_MEMORY,
};

struct conn_ops {
	/* Connected, TLS handshake included; conn_is_h2() is known. */
	void (*on_open)(struct conn *c);
	/* Plaintext; all of it must be used or kept now. */
	void (*on_input)(struct conn *c, char *data, size_t len);
	/* All output was taken by the socket after having been blocked. */
	void (*on_writable)(struct conn *c);
	/* No more input, or the end of it all. The owner lets go of the conn
	 * by conn_free() now or, after CONN_EOF, later. Called once; but see
	 * conn_allow_half(). */
	void (*on_end)(struct conn *c, enum conn_end why);
	/* Where the next input may be read to directly, for on_input() to get it
	 * there; or NULL for the loop's buffer. May be NULL. */
	char *(*on_room)(struct conn *c, size_t *cap);
	/* Over TLS: the most to read from the socket now, 1 at least; on_input()
	 * gets that and LOOP_PLAIN_BYTES at most. NULL: read_bytes. */
	size_t (*on_cap)(struct conn *c);
	size_t read_bytes; /* most of one read; 0: LOOP_READ_BYTES */
	/* It is quiet: the owner may fold what it holds itself. Called once, until
	 * the next input, output or conn_stir(). May be NULL. */
	void (*on_quiet)(struct conn *c);
};

#endif
