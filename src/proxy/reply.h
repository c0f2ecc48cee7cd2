/*
 * reply: answers that heapgate makes itself.
 */
#ifndef HEAPGATE_REPLY_H
#define HEAPGATE_REPLY_H

#include "base/str.h"

struct stream;

/* A short error page (text, or JSON if the client accepts only that) with
 * this status. Nothing may have been answered yet. Detaches side B. */
void reply_error(struct stream *s, unsigned int status);
/* Any answer; body is copied. Detaches side B. */
void reply_send(struct stream *s, unsigned int status, struct str content_type,
		struct str body);

#endif
