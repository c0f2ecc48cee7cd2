/*
 * reply: answers that heapgate makes itself.
 */
#ifndef HEAPGATE_REPLY_H
#define HEAPGATE_REPLY_H

#include "base/str.h"

struct stream;

/* The configured error page of this status, or a short one (text, or JSON if
 * the client's Accept names that). Nothing may have been answered yet. Detaches
 * side B. */
void reply_error(struct stream *s, unsigned int status);
/* Any answer; body is copied. Detaches side B. */
void reply_send(struct stream *s, unsigned int status, struct str content_type,
		struct str body);

/* A field of the head that the answer has besides its type and length. */
struct reply_field {
	struct str name; /* in lower case */
	struct str value;
};

/* As reply_send(). Lives: names and values at least as long as the stream. */
void reply_send_with(struct stream *s, unsigned int status, struct str content_type,
		     struct str body, const struct reply_field *fields, size_t n);

#endif
