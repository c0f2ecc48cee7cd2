/*
 * h2: what fronts and backs share of nghttp2: sessions, options, header lists,
 * the way to the socket.
 */
#ifndef HEAPGATE_H2_H
#define HEAPGATE_H2_H

#include <nghttp2/nghttp2.h>

#include "http/h2_session.h"
#include "http/message.h"
#include "io/conn.h"

#define H2_FRAME_HEAD 9u

/* CONTINUATIONs that one header block may have. */
#define H2_MAX_CONTINUATIONS 8u

/* What an answer may take before its client has shown that it reads. */
#define H2_FIRST_BYTES 8192u

/* Not in the headers of every library that sends it. */
#define H2_ERR_TOO_MANY_CONTINUATIONS (-905)

/* Options that both kinds want are set; callbacks are those of conn output
 * (user data must start with a struct h2_user). Returns: 0 or -1. */
int h2_kit_init(struct h2_kit *k) MUST_USE;
void h2_kit_fini(struct h2_kit *k);

/* Entries that the functions below may fill. */
#define H2_NV_MAX(m) ((size_t)(m)->headers.n + 6)

/* Header lists. The strings are not copied: they must live until the stream
 * is closed. Returns: how many entries were filled in. */
size_t h2_request_nv(nghttp2_nv *nv, const struct message *m);
size_t h2_answer_nv(nghttp2_nv *nv, struct message *m);
size_t h2_fields_nv(nghttp2_nv *nv, const struct fields *f);

/*
 * Takes one received field into m: pseudo-headers to their places, others to
 * headers or trailers, copied into the arena. What nghttp2 checks already
 * (order, names, characters) is not checked again.
 * Returns: 0, or -1 when there is no memory.
 */
int h2_take_field(struct message *m, struct arena *a, bool trailers, struct str name,
		  struct str value, bool never_index) MUST_USE;
/* content_length and method of a whole head, from its fields. */
void h2_end_head(struct message *m);

/* In a data source's read callback, when the last bytes were promised: ends
 * the stream, by trailers if there are any. tick: scratch.
 * Returns: 0; without memory for them what the callback has to return, so that
 * nghttp2 resets the stream: without its trailers it must not look whole. */
int h2_end_data(nghttp2_session *session, int32_t id, const struct fields *trailers,
		struct arena *tick, uint32_t *flags) MUST_USE;

struct body;
/* How many bytes the next DATA frame takes off body, at most max: those of one
 * block where they are many, since they need no copy then. */
size_t h2_data_len(const struct body *body, size_t max);
/* Writes a DATA frame's head and len bytes off the front of body; all of it,
 * also when the socket is full. */
void h2_write_data(struct conn *c, const uint8_t *head, struct body *body, size_t len);

#endif
