/*
 * guard_h2: stands between a client's bytes and nghttp2. It sees the head of
 * each frame first, charges the client's budget for it, and knows of closed
 * streams what nghttp2 forgets (RFC 9113 §5.1).
 *
 * Whoever owns the session tells it what became of the frames.
 */
#ifndef HEAPGATE_GUARD_H2_H
#define HEAPGATE_GUARD_H2_H

#include "http/h2.h"
#include "http/h2_scan.h"
#include "proxy/flood.h"

struct front;

struct guard_h2 {
	struct front *front;
	struct h2_user *user; /* the session's */
	struct h2_scan scan;
	struct h2_ids ids;
	struct flood flood;
	uint32_t block_bytes; /* decoded so far of the header block */
	uint32_t block_fields;
	int32_t widest;          /* stream window before these SETTINGS */
	uint32_t first_window;   /* what a new stream's was before them */
	uint8_t n_continuations; /* of the header block */
	bool in_block : 1;       /* CONTINUATION must be next */
	bool lenient : 1;        /* after our GOAWAY: late frames are nobody's fault */
	bool over : 1;           /* terminated: no more input */
};

void guard_h2_init(struct guard_h2 *g, struct front *f, struct h2_user *user);
/* Gives input to nghttp2; on errors its session is terminated (GOAWAY is
 * queued) and g->over is set. */
void guard_h2_recv(struct guard_h2 *g, uint8_t *p, size_t len);

/* Charges the client. Returns: false when the session is over. */
bool guard_h2_charge(struct guard_h2 *g, enum flood_event e, uint32_t n);
/* Terminates the session with this code; REJECT_N: nothing to count. */
void guard_h2_end(struct guard_h2 *g, uint32_t code, enum reject reason);

/* What nghttp2's callbacks have to tell. */

/* A header block begins, had one more field, is whole. Returns: false when
 * there is no end of it: the session is over. */
void guard_h2_on_block(struct guard_h2 *g);
bool guard_h2_on_field(struct guard_h2 *g, size_t name_len, size_t value_len);
bool guard_h2_on_block_end(struct guard_h2 *g);
/* SETTINGS of the client are in force. */
void guard_h2_on_settings(struct guard_h2 *g);
/* nghttp2 will reset this stream for a fault in what the client sent. */
void guard_h2_on_fault(struct guard_h2 *g, int32_t id, int error);
/* Our RST_STREAM goes out. */
void guard_h2_on_reset_sent(struct guard_h2 *g, int32_t id, uint32_t code);

static inline void guard_h2_gain(struct guard_h2 *g, const struct flood_conf *conf,
				 enum flood_gain gain)
{
	flood_gain(&g->flood, conf, gain);
}

#endif
