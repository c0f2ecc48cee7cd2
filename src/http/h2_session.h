/*
 * h2_session: one HTTP/2 connection (RFC 9113), of either end: frames, states of
 * streams, windows. Fields are packed by h2_hpack and judged by h2_rules.
 *
 * Bytes that came go in by h2_recv(), which tells the owner what they mean. What the
 * owner asks for is noted, and written by h2_send(), once per turn of the loop: heads
 * are made of their message then, bodies taken from their queue. So nothing is
 * copied or allocated for a stream; what a session and a stream may hold is fixed,
 * but for answers to what the peer sends, and these are bounded.
 *
 * Whatever breaks a rule ends the stream or the connection as the RFC says; the
 * owner hears of it by on_fault() or on_fail().
 */
#ifndef HEAPGATE_H2_SESSION_H
#define HEAPGATE_H2_SESSION_H

#include "http/h2_frame.h"
#include "http/h2_hpack.h"
#include "http/h2_ids.h"
#include "http/h2_ops.h"
#include "io/conn.h"

/* CONTINUATIONs that one header block may have. */
#define H2_MAX_CONTINUATIONS 8u
#define H2_MAX_SETTINGS      32u /* entries of one frame */

#define H2_N_SLOTS 4

struct h2_session {
	const struct h2_conf *conf;
	struct conn *conn; /* the owner sets it */
	struct h2_hpack hpack;
	/* input */
	struct h2_head head;   /* of the frame that comes */
	struct h2_rules rules; /* of the header block that comes */
	struct h2_stream *now; /* whose frame or block it is; NULL: nobody's */
	uint32_t left;         /* bytes of the payload that did not come yet */
	uint32_t block_bytes;
	uint32_t block_fields;
	int32_t block_id;
	uint8_t state; /* enum, private */
	uint8_t pad;   /* bytes at the payload's end */
	uint8_t n_part;
	uint8_t n_fixed; /* bytes wanted in part */
	uint8_t n_continuations;
	uint8_t part[H2_HEAD_BYTES];
	uint8_t end_code; /* enum h2_error: of the GOAWAY that ends it */
	/* windows of the connection, and first ones of its streams */
	int32_t out_window;
	int32_t in_window;
	uint32_t in_taken;
	int32_t out_first; /* by the peer's SETTINGS */
	int32_t in_first;  /* by ours, once it has taken them */
	/* streams */
	struct h2_stream *slots[H2_N_SLOTS]; /* the table while it is small */
	struct h2_stream **table;            /* by id; &slots or a block */
	struct h2_stream *recent;            /* found last; or NULL */
	uint32_t n_slots;                    /* a power of two */
	uint32_t n_streams;
	uint32_t n_allowed; /* by the peer's MAX_CONCURRENT_STREAMS */
	struct h2_ids ids;  /* a server's */
	int32_t last_id;    /* a server's: worked on; a client's: opened */
	/* output */
	struct list due;    /* struct h2_stream: frames but for DATA */
	struct list ready;  /* the same by urgency: bodies */
	uint8_t *control;   /* whole frames, or NULL */
	uint32_t n_control; /* bytes of these */
	uint32_t cap_control;
	uint32_t n_info;     /* of n_control: interim answers */
	uint16_t n_acks;     /* SETTINGS to be acknowledged */
	bool in_block : 1;   /* CONTINUATION must be next */
	bool block_ends : 1; /* END_STREAM came with its head */
	bool got_settings : 1;
	bool got_ack : 1;
	bool got_goaway : 1;
	bool greeted : 1; /* our preface is out */
	bool ping_due : 1;
	bool notice_due : 1; /* a GOAWAY that allows all streams */
	bool goaway_due : 1; /* one that names the last */
	bool over : 1;       /* ended: nothing more is heard */
	bool end_due : 1;    /* its GOAWAY is not out yet */
	bool sending : 1;    /* h2_send() runs */
	bool leaving : 1;    /* h2_goaway(): no new streams, and what is late is
			      * nobody's fault */
};

/* conn: may be NULL until h2_recv() or h2_send(). Returns: 0, or -1 without memory;
 * h2_fini() is due either way. */
int h2_init(struct h2_session *h, const struct h2_conf *conf,
	    struct conn *conn) MUST_USE;
/* Forgets its streams, without a word to the owner. */
void h2_fini(struct h2_session *h);

/* What the peer has sent. */
void h2_recv(struct h2_session *h, const uint8_t *p, size_t len);
/* Writes what is due and as much of the bodies as the windows and the conn take,
 * between conn_begin() and conn_flush(). */
void h2_send(struct h2_session *h);
/* Nothing will come or go any more: the conn can be closed. */
bool h2_is_over(const struct h2_session *h);
/* Bytes that wait for a conn that takes none, but for bodies and heads. */
static inline uint32_t h2_waiting_bytes(const struct h2_session *h)
{
	return h->n_control;
}

/* A client's next request: its head is sent by h2_send(), in the order of these
 * calls. s: all zero. Returns: 0, or -1 when there are no more ids. */
int h2_open(struct h2_session *h, struct h2_stream *s) MUST_USE;
/* A server's answer: its head is ready, and sent by h2_send(). */
void h2_answer(struct h2_session *h, struct h2_stream *s);
/* An interim answer: packed now. Returns: 0, or -1: it is lost, since there is no
 * memory or too many wait already. */
int h2_inform(struct h2_session *h, struct h2_stream *s,
	      const struct message *m) MUST_USE;
/* Its body grew or has ended. */
void h2_data(struct h2_session *h, struct h2_stream *s);
/* RST_STREAM, at the next h2_send(), then on_close(). Only the first counts. */
void h2_reset(struct h2_session *h, struct h2_stream *s, uint32_t code);

/* n bytes that on_data() gave were taken: of the stream's window (s) and of the
 * connection's; or of one alone. */
void h2_consume(struct h2_session *h, struct h2_stream *s, size_t n);
void h2_consume_stream(struct h2_session *h, struct h2_stream *s, size_t n);
void h2_consume_conn(struct h2_session *h, size_t n);
/* The stream's window may be so wide from now on; not less than before. */
void h2_widen(struct h2_session *h, struct h2_stream *s, uint32_t bytes);

void h2_ping(struct h2_session *h);
/* GOAWAY in two steps (§6.8): new streams are still taken, then no more. */
void h2_notice(struct h2_session *h);
void h2_goaway(struct h2_session *h);
/* GOAWAY with this code, and nothing else comes or goes. Only the first counts. */
void h2_end(struct h2_session *h, enum h2_error code);

/* The conn is quiet: what the session holds is folded. */
void h2_fold(struct h2_session *h);
/* What is held for it beside the struct. */
size_t h2_held_bytes(const struct h2_session *h);

#endif
