/*
 * answer: what the test backend says to one request. Side B of its streams:
 * all bodies are made and read under back-pressure.
 *
 *   /                        a greeting
 *   /bytes/N                 N bytes of the pattern; N may end in k, m or g
 *   /chunked/N               the same without a Content-Length
 *   /delay/MS?bytes=N        waits first
 *   /drip?bytes=B&ms=M&n=N   B bytes each M ms, N times
 *   /sse?n=N&ms=M            N server-sent events, one each M ms; 0: no end
 *   /echo                    the request's body
 *   /sink                    reads it: {"bytes":…,"sha256":"…"}
 *   /headers                 the request's head as JSON
 *   /trailers                a body, then the request's trailers and one more
 *   /status/NNN              200 to 599
 *   /websocket               RFC 6455, by HTTP/1.1 or HTTP/2: messages come back
 *   /reset?bytes=N           breaks off after N bytes of the body
 *   /close                   breaks off before the answer
 *
 * Times are exact to WHEEL_TICK_MS. Byte i of the pattern is
 * pattern_byte(i): its period is a prime, so that parts that are lost,
 * doubled or swapped show.
 */
#ifndef HEAPGATE_ANSWER_H
#define HEAPGATE_ANSWER_H

#include <stdint.h>

#define PATTERN_PERIOD 65521u
#define PATTERN_RUN    16384u /* bytes in one piece from any place on */

/* What all answers of a process share: gate->handler. */
struct answers {
	char pattern[PATTERN_PERIOD + PATTERN_RUN];
};

static inline char pattern_byte(uint64_t i)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

	return letters[(uint32_t)(i % PATTERN_PERIOD) * 2654435761u >> 26];
}

void answers_init(struct answers *all);

struct stream;
/* For gate->dispatch. */
void answer_stream(struct stream *s);

#endif
