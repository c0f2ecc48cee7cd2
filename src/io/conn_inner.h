/*
 * conn_inner: what the files of conn share. Nobody else includes it.
 *
 * conn.c: life, events, input; conn_output.c: the way to the socket;
 * conn_tls.c: OpenSSL between the two; conn_quiet.c: what is folded, and when.
 */
#ifndef HEAPGATE_CONN_INNER_H
#define HEAPGATE_CONN_INNER_H

#include "io/conn.h"

enum conn_state {
	CONN_CONNECTING,
	CONN_HANDSHAKE,
	CONN_OPEN,
	CONN_LINGER, /* the owner is gone; waiting for the peer's FIN */
};

static inline void conn_set_state(struct conn *c, enum conn_state state)
{
	c->state = (uint8_t)state;
}

static inline bool conn_is_over(const struct conn *c)
{
	return c->freed || c->ended;
}

static inline bool conn_is_broken(const struct conn *c)
{
	return c->broken || conn_is_over(c);
}

/* --- conn.c */

/* No more input: tells the owner, once; without an owner frees the conn. */
void conn_over(struct conn *c, enum conn_end why);
/* Connected, TLS included: tells the owner. */
void conn_opened(struct conn *c);
/* Plaintext for the owner, if there still is one. */
void conn_deliver(struct conn *c, char *p, size_t len);
/* Where the next plaintext is read to: the owner's room, or the shared one. */
char *conn_input_room(struct conn *c, size_t *cap, char *shared, size_t shared_cap);

/* --- conn_output.c */

/* Adds bytes to what the socket gets, enciphered already if they need be. */
void conn_put_out(struct conn *c, const char *p, size_t len);
/* Sends what was put; what the socket does not take becomes pending. */
void conn_send_out(struct conn *c);
/* The socket takes bytes again. */
void conn_send_pending(struct conn *c);
void conn_drop_pending(struct conn *c);

/* --- conn_quiet.c */

/* The timer of an open conn has fired, and not to look again. */
void conn_on_quiet_timer(struct conn *c);

/* --- conn_tls.c */

/*
 * The only way to what OpenSSL holds for the conn, which must have TLS: unfolds
 * it, and names the conn as the one whose bytes are moved. Before each call of
 * OpenSSL's; the pointer is not kept.
 */
SSL *conn_tls(struct conn *c);
/* Nobody needs it for a while. */
void conn_fold_tls(struct conn *c);

/* Returns: 0, or -1 when there is no memory or the name is no name. */
int conn_attach_tls(struct conn *c, SSL_CTX *ctx, const char *name) MUST_USE;
void conn_detach_tls(struct conn *c);
/* A step of the handshake with what input there is. Returns: true when it is
 * done and the conn still there. */
bool conn_handshake(struct conn *c);
/* Takes input from the socket; delivers what is in it. */
void conn_decipher(struct conn *c, char *p, size_t len);
/* Puts records with these bytes. */
void conn_encipher(struct conn *c, const char *p, size_t len);
/* Sends close_notify. */
void conn_say_close(struct conn *c);

#endif
