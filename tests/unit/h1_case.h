/*
 * h1_case: one HTTP/1 message fed to a reader in pieces, and what came of it.
 * Each piece is presented in a block of its own, so that a sanitizer sees a
 * reader that looks too far or keeps a pointer into what it was given.
 */
#ifndef HEAPGATE_H1_CASE_H
#define HEAPGATE_H1_CASE_H

#include "http/h1.h"

struct h1_case {
	struct h1_limits limits;
	struct h1 h;
	struct message m;
	struct arena a;
	enum h1_result result; /* the last one: H1_DONE or H1_ERROR */
	bool had_head;
	bool ended;  /* the connection's end was told */
	size_t used; /* bytes used in all */
	char *body;  /* what came as data */
	size_t body_len;
};

/* Ready for a request, with the limits of h1.h. */
void case_init(struct h1_case *c);
/* As case_init(), for the answer to a request with this method. */
void case_init_response(struct h1_case *c, enum method method);
void case_fini(struct h1_case *c);

/* Feeds bytes[0..len): the first piece is first bytes long, all others step.
 * When all is fed and the message is not whole, tells the end. */
void case_feed(struct h1_case *c, const char *bytes, size_t len, size_t first,
	       size_t step);

/* Everything that the reader said, as text. Owns: the caller, free(). */
char *case_dump(const struct h1_case *c);

/* The value of the nth (from 0) field of this name, or NULL. Lives: until the
 * next call. */
const char *case_value(const struct fields *f, const char *name, unsigned int nth);

#endif
