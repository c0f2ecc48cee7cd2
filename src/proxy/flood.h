/*
 * flood: the budget of a connection for what costs us work and the client
 * nothing. A token bucket in units of work: what a client does draws from it,
 * time and useful work fill it up again. A client that has overdrawn it is
 * sent away (RFC 9113 §10.5).
 */
#ifndef HEAPGATE_FLOOD_H
#define HEAPGATE_FLOOD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/stats.h"

struct flood_conf {
	uint32_t burst; /* units at the start, and the most; 0: no limit */
	uint32_t per_s; /* units that come back each second */
};

struct flood {
	int64_t left;   /* units * 1000 */
	uint64_t at_ms; /* when left was right */
};

/* What draws from the budget; what each costs is in flood.c. */
enum flood_event {
	FLOOD_HEADERS, /* a HEADERS frame */
	FLOOD_CONTINUATION,
	FLOOD_HEADER_KIB,  /* 1 KiB of decoded header fields */
	FLOOD_DATA,        /* a DATA frame with something in it */
	FLOOD_EMPTY,       /* a frame that moves nothing on */
	FLOOD_WINDOW,      /* WINDOW_UPDATE */
	FLOOD_TINY_WINDOW, /* DATA that a window of few bytes cut small */
	FLOOD_SETTINGS,
	FLOOD_PING,
	FLOOD_PRIORITY,
	FLOOD_OTHER,       /* any other frame */
	FLOOD_REFUSED,     /* a stream beyond the limit */
	FLOOD_LATE_CANCEL, /* the client reset a stream that was answered */
	FLOOD_CANCEL,      /* … that was not */
	FLOOD_FAULT,       /* a fault of the client made us reset a stream */
	FLOOD_N_EVENTS,
};

/* What fills it up. */
enum flood_gain {
	FLOOD_GAIN_ANSWER, /* an answer went out in whole */
	FLOOD_GAIN_DATA,   /* a DATA frame went out */
	FLOOD_N_GAINS,
};

void flood_init(struct flood *f, const struct flood_conf *conf, uint64_t now_ms);

/* n times the event. Returns: false when the budget is overdrawn: end the
 * connection with ENHANCE_YOUR_CALM and count flood_reason(). */
bool flood_spend(struct flood *f, const struct flood_conf *conf, uint64_t now_ms,
		 enum flood_event e, uint32_t n) __attribute__((warn_unused_result));
/* Never above the burst. */
void flood_gain(struct flood *f, const struct flood_conf *conf, enum flood_gain g);
/* A DATA frame with so many bytes came in: what is worth its frame is free. */
void flood_gain_bytes(struct flood *f, const struct flood_conf *conf, uint32_t bytes);

/* Units that one of these costs. */
uint32_t flood_cost(enum flood_event e);
/* What to count in stats->rejected. */
enum reject flood_reason(enum flood_event e);

#endif
