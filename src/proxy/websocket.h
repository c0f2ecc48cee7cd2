/*
 * websocket: what the handshake of RFC 6455 needs where HTTP/1's upgrade and
 * HTTP/2's extended CONNECT (RFC 8441) meet: only HTTP/1 has keys.
 */
#ifndef HEAPGATE_WEBSOCKET_H
#define HEAPGATE_WEBSOCKET_H

#include <stdbool.h>

struct stream;

/* The request goes to an HTTP/1 server: a client without a key (HTTP/2) gets
 * one from us. Returns: 0, or -1 when there is no memory or randomness. */
int websocket_add_key(struct stream *s) __attribute__((warn_unused_result));
/* The answer came by HTTP/1: whether it proves that the server means it. */
bool websocket_is_accepted(const struct stream *s);
/* The answer came by HTTP/2 for a client of HTTP/1: adds the proof. */
int websocket_add_accept(struct stream *s) __attribute__((warn_unused_result));

#endif
