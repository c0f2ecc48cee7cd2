/*
 * What a session understood of its peer.
 */
#ifndef HEAPGATE_FUZZ_H2_SEEN_H
#define HEAPGATE_FUZZ_H2_SEEN_H

#include <stdio.h>

#include "h2_fields.h"

struct seen {
	int32_t id;
	struct octets head; /* name, 0, value, 0 of each field */
	struct octets body;
	struct octets trailers;
	bool whole;      /* the head was handed over */
	bool ended;      /* and END_STREAM */
	bool peer_reset; /* the client did, with peer_code */
	bool reset;      /* the session did, with code */
	bool closed;
	bool answered;
	uint32_t peer_code;
	uint32_t code;
	uint32_t asked;     /* bytes of the answer's body */
	uint32_t own_bytes; /* of DATA, not handed over; see theirs_count() */
};

static void seen_field(struct octets *to, const void *name, size_t name_len,
		       const void *value, size_t value_len)
{
	octets_add(to, name, name_len);
	octets_add(to, "", 1);
	octets_add(to, value, value_len);
	octets_add(to, "", 1);
}

/* Ends the program, for the fuzzer to see. */
#define differ(...)                                                                    \
	do {                                                                           \
		fprintf(stderr, "difference: " __VA_ARGS__);                           \
		fputc('\n', stderr);                                                   \
		abort();                                                               \
	} while (0)

#endif
