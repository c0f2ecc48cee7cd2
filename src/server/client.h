/*
 * client: asks a running heapgate over its admin socket or its metrics
 * address, and waits for the answer. For commands; never in a server.
 */
#ifndef HEAPGATE_CLIENT_H
#define HEAPGATE_CLIENT_H

#include "base/text.h"
#include "io/addr.h"

/*
 * place: "http://127.0.0.1:9180" or with a / at its end, or the path of a
 * socket. No names are looked up but localhost.
 * Returns: false with errno set if it is neither; *to is untouched.
 */
bool client_find(const char *place, struct addr *to);

/*
 * Sends a request without a body and waits for the whole answer, for
 * timeout_ms (0: for ever) without a byte at most. path: with its query, at
 * most 3 KiB. answer: emptied, then filled. body: within it.
 * Returns: the status; 0 with errno set when there was no answer.
 */
unsigned int client_ask(const struct addr *to, const char *method, const char *path,
			unsigned int timeout_ms, struct text *answer,
			struct str *body) MUST_USE;

/*
 * Takes an HTTP/1.1 answer apart, of which all bytes are there. Returns: its
 * status, 0 if it is none. body: within the answer.
 */
unsigned int client_parse_answer(struct str answer, struct str *body);

#endif
