/*
 * logline: one finished stream as one line of text. What a peer sent is
 * escaped, so that it can neither start a line nor end a string; what is very
 * long is cut. Allocates nothing.
 */
#ifndef HEAPGATE_LOGLINE_H
#define HEAPGATE_LOGLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

struct stream;

struct logline {
	uint64_t second;                   /* since 1970, of the two texts */
	char rfc3339[CLOCK_RFC3339_BYTES]; /* "2024-02-29T12:34:56." is used */
	char common[32];                   /* "29/Feb/2024:12:34:56 +0000" */
	char process[512];                 /* JSON: worker and arm */
	size_t process_len;
};

/* arm: cut to what fits; NULL: "". */
void logline_init(struct logline *l, const char *arm, unsigned int worker);

/* How long the line of a stream can get at most, in either format. */
size_t logline_bound(const struct stream *s);

/*
 * Each writes one line with its newline. to: logline_bound() bytes.
 * wall_us, mono_us: now, when the stream ended. Returns: the line's end.
 *
 * combined: as nginx's format of that name, in UTC. 499 for a client that
 * went away before there was a status. memory: two numbers more, mem_peak and
 * allocs (stream_mem_peak(), stream_n_allocs()).
 * json: one object; the times are µs, what is not known is null.
 */
char *logline_combined(struct logline *l, char *to, const struct stream *s,
		       uint64_t wall_us, bool memory);
char *logline_json(struct logline *l, char *to, const struct stream *s,
		   uint64_t wall_us, uint64_t mono_us);

#endif
