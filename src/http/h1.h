/*
 * h1: strict HTTP/1 messages (RFC 9112): heads, body framing, trailers.
 * Incremental at every byte, bounded, no copy but into the stream's arena.
 *
 * A reader takes a message apart: h1_read_head() until it is whole, then
 * h1_read_body() until H1_DONE. What is refused and why: docs/security.md.
 */
#ifndef HEAPGATE_H1_H
#define HEAPGATE_H1_H

#include "http/message.h"

struct h1_limits {
	uint32_t line_bytes;   /* request line or status line (8 KiB) */
	uint32_t header_bytes; /* whole head; also the trailer section (32 KiB) */
	uint16_t n_headers;    /* fields of a head or a trailer section (100) */
};

enum h1_result {
	H1_MORE,  /* all that could be used was; call again with more */
	H1_HEAD,  /* the head is whole */
	H1_DATA,  /* a run of body bytes is in *data */
	H1_DONE,  /* the message is whole */
	H1_ERROR, /* not HTTP/1; see status and reason */
};

enum h1_framing {
	H1_NONE,   /* no body */
	H1_LENGTH, /* Content-Length */
	H1_CHUNKED,
	H1_CLOSE,  /* a response until the server closes */
	H1_TUNNEL, /* after 101 or a 2xx to CONNECT: not HTTP any more */
};

struct h1 {
	const struct h1_limits *limits;
	uint64_t left_bytes; /* of the body or of the chunk */
	uint32_t scanned;    /* bytes of an unfinished head seen already */
	uint32_t line_start; /* where in those the current line starts */
	uint32_t ext_bytes;  /* of chunk extensions in this message */
	uint32_t n_lines;    /* of an unfinished head seen already */
	uint16_t status;     /* after H1_ERROR: what a server answers */
	uint8_t state;       /* of the body; private */
	uint8_t n_digits;    /* of an unfinished chunk size */
	uint8_t framing;     /* enum h1_framing, after H1_HEAD */
	bool is_response;
	bool keep_alive;    /* after H1_HEAD: RFC 9112 §9.3 */
	const char *reason; /* after H1_ERROR: a short constant text */
};

/* limits: kept, not copied. */
void h1_init_request(struct h1 *h, const struct h1_limits *limits);
void h1_init_response(struct h1 *h, const struct h1_limits *limits);
/* Makes ready for the next message of the same connection. */
void h1_next(struct h1 *h);
/* From now on all is data: the connection left HTTP after a request. */
void h1_set_tunnel(struct h1 *h);

/*
 * data[0..len) are the bytes of the connection from where the message starts.
 * Returns: H1_HEAD: m is filled in, *used is the length of the head.
 * H1_MORE: nothing was used; call again with the same bytes and more behind
 * them (the address may change; they are not searched again). H1_ERROR: see
 * h->status: 400, 414, 417, 431, 501, 505; for a response 502; 503: no memory.
 * A request's leading empty line is skipped (RFC 9112 §2.2). m->scheme stays
 * empty but for absolute-form; m->authority is the target's or Host's.
 * For a response m->method and m->protocol must be those of its request. A 1xx
 * other than 101 is a message of its own: handle it, then h1_next().
 * Names are in lower case in m; the strings are copied into a. Hop-by-hop
 * fields are gone from m->headers but for "te: trailers" (fields_end_hop()),
 * a repeated Content-Length is there once, Host agrees with m->authority.
 */
enum h1_result h1_read_head(struct h1 *h, const char *data, size_t len, size_t *used,
			    struct message *m, struct arena *a);

/*
 * The next part of the body. *used bytes were used; present the rest again.
 * H1_DATA: *data is a part of data[]. H1_DONE: the message ended (trailers,
 * if any, are in m->trailers). With framing H1_CLOSE or H1_TUNNEL all is data.
 */
enum h1_result h1_read_body(struct h1 *h, const char *data, size_t len, size_t *used,
			    struct str *out, struct message *m, struct arena *a);
/* The connection ended. Returns: H1_DONE if the message may end so (H1_CLOSE),
 * else H1_ERROR. */
enum h1_result h1_read_eof(struct h1 *h);

/*
 * Writers. Each returns the number of bytes it wrote to to[0..cap), or 0 when
 * they do not fit, when m holds a byte that must not be written (CR, LF, NUL,
 * a space in the target …) or when form does not suit m. Fields are written as
 * they are in m->headers but for hop-by-hop ones, Content-Length and Host,
 * which follow from m. "te: trailers" is written on, with Connection: te.
 * h1_head_bytes: an upper bound for the head of m.
 * H1_WRITE_LENGTH says m->content_length. H1_WRITE_NONE says 0 where a length
 * belongs; for the answer to HEAD and for 304 what is known of it.
 */
size_t h1_head_bytes(const struct message *m);
enum h1_body_form { H1_WRITE_NONE, H1_WRITE_LENGTH, H1_WRITE_CHUNKED, H1_WRITE_CLOSE };
/* Cookie crumbs are joined (RFC 9113 §8.2.3); Host comes first. close: adds
 * Connection: close. Upgrade: m->protocol with Connection: upgrade. */
size_t h1_write_request(char *to, size_t cap, const struct message *m,
			enum h1_body_form form, bool close);
/* minor_version: of the client, 0 or 1. keep_alive: for 1.0 says so. */
size_t h1_write_response(char *to, size_t cap, const struct message *m,
			 enum h1_body_form form, bool close,
			 unsigned int minor_version);
/* "1f40\r\n"; at most H1_CHUNK_HEAD_BYTES. The data and "\r\n" follow. */
#define H1_CHUNK_HEAD_BYTES 18
size_t h1_write_chunk_head(char *to, size_t len);
/* "0\r\n", the trailers if any, "\r\n". */
size_t h1_write_last_chunk(char *to, size_t cap, const struct fields *trailers);

#endif
