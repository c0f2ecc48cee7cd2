/*
 * h2_scan: finds the heads of frames in what a peer sends, before nghttp2
 * works on them; and h2_ids, which of its streams a client has opened. Both
 * know no more than RFC 9113 §4.1 and §5.1.1.
 */
#ifndef HEAPGATE_H2_SCAN_H
#define HEAPGATE_H2_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define H2_HEAD_BYTES    9
#define H2_PREFACE_BYTES 24

struct h2_head {
	uint32_t length; /* of the payload */
	uint8_t type;
	uint8_t flags;
	int32_t id; /* without the reserved bit */
	size_t at;  /* where it begins in the input; 0: there or earlier */
};

struct h2_scan {
	uint32_t skip; /* bytes to the next head */
	uint8_t n;     /* bytes of head[] that have come */
	uint8_t head[H2_HEAD_BYTES];
};

/* skip_bytes: what comes before the first frame. */
void h2_scan_init(struct h2_scan *s, uint32_t skip_bytes);
/* The next head in p[0..len) from *at on, which moves past it. Returns: false
 * when there is none left in this input; call again with the next. */
bool h2_scan_next(struct h2_scan *s, const uint8_t *p, size_t len, size_t *at,
		  struct h2_head *head);

/* How many of the last ids are remembered; a power of two. */
#define H2_IDS 256

/* The odd ids up to the highest. */
struct h2_ids {
	int32_t highest;
	uint64_t opened[H2_IDS / 64];  /* one bit each */
	uint64_t dropped[H2_IDS / 64]; /* we reset it while the peer might send */
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
