/*
 * h1_corpus: HTTP/1 messages, good, odd and bad, for tests that run over many.
 */
#ifndef HEAPGATE_H1_CORPUS_H
#define HEAPGATE_H1_CORPUS_H

#include "base/str.h"
#include "http/message.h"

struct h1_sample {
	const char *name;
	struct str bytes;
	enum method method; /* of the request that a response answers */
};

extern const struct h1_sample h1_requests[];
extern const size_t n_h1_requests;
extern const struct h1_sample h1_responses[];
extern const size_t n_h1_responses;

#endif
