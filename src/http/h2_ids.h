/*
 * h2_ids: which streams a client has opened, and which of them we have reset while
 * it might still send: what comes late for these is nobody's fault (RFC 9113 §5.1).
 */
#ifndef HEAPGATE_H2_IDS_H
#define HEAPGATE_H2_IDS_H

#include <stdint.h>

/* How many of the last ids are remembered; a power of two. */
#define H2_IDS 256
/* Streams that lived long, and were reset: so many of them are remembered too, so that
 * each is for H2_IDS / 2 streams to come at least. */
#define H2_OLD_IDS 4

/* The odd ids up to the highest. */
struct h2_ids {
	int32_t highest;
	uint64_t opened[H2_IDS / 64];  /* one bit each */
	uint64_t dropped[H2_IDS / 64]; /* we reset it while the peer might send */
	int32_t old[H2_OLD_IDS];       /* the same of those too old for a bit */
	uint8_t n_old;
};

/* id: odd, higher than highest. Those in between are closed (§5.1.1). */
void h2_ids_open(struct h2_ids *ids, int32_t id);
/* The peer may have sent more before it sees our RST_STREAM (§5.1). */
void h2_ids_drop(struct h2_ids *ids, int32_t id);

enum h2_id_state {
	H2_ID_FORGOTTEN, /* too long ago */
	H2_ID_SKIPPED,   /* closed without having been used */
	H2_ID_OPENED,    /* and by now open or closed */
	H2_ID_DROPPED,
};

/* id: odd, up to highest. */
enum h2_id_state h2_ids_state(const struct h2_ids *ids, int32_t id);

#endif
