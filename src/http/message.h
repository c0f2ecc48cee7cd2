/*
 * message: one HTTP request or response as both protocols mean it: control
 * data, header fields, trailer fields (RFC 9110 §6). All strings live in the
 * arena of the stream it belongs to.
 */
#ifndef HEAPGATE_MESSAGE_H
#define HEAPGATE_MESSAGE_H

#include "http/fields.h"

enum method {
	METHOD_OTHER,
	METHOD_GET,
	METHOD_HEAD,
	METHOD_POST,
	METHOD_PUT,
	METHOD_DELETE,
	METHOD_OPTIONS,
	METHOD_TRACE,
	METHOD_CONNECT,
	METHOD_PATCH,
};

#define LENGTH_UNKNOWN (-1)

struct message {
	/* request */
	struct str method_text;
	struct str scheme;    /* "http" or "https"; empty for CONNECT */
	struct str authority; /* host[:port]; empty if the client sent none */
	struct str path;      /* origin-form with query, or "*" */
	struct str protocol;  /* RFC 8441 :protocol, or h1 Upgrade's token */
	enum method method;
	/* response */
	uint16_t status; /* 100..599; 0: not known yet */
	/* both */
	uint8_t minor_version;  /* of HTTP/1; 1 for h2 */
	bool no_body;           /* ends with its head (RFC 9112 §6.3) */
	bool expect_continue;   /* Expect: 100-continue was asked */
	int64_t content_length; /* bytes, or LENGTH_UNKNOWN */
	struct fields headers;
	struct fields trailers;
};

/* Resets to an empty message; strings are forgotten, not freed. */
void message_init(struct message *m);

enum method method_of(struct str s);
/* RFC 9110 §9.2.2. */
bool method_is_idempotent(enum method m);
/* RFC 9110 §5.6.2 tchar. */
bool is_token(struct str s);
/* RFC 9112 §3.2.1: from "/" on, visible ASCII, no fragment. */
bool is_origin_form(struct str s);
/* host[:port] without userinfo, the host not empty (RFC 9110 §7.2). */
bool is_authority(struct str s);

/* "OK", "Not Found" …; "" for a status without a name. */
const char *status_reason(unsigned int status);

#endif
