/*
 * h2_rules: which fields a head may have in HTTP/2 (RFC 9113 §8.2, §8.3), and how
 * much body has to follow it (§8.1.1). One head at a time, field by field.
 *
 * What breaks a rule is malformed: a stream error, never passed on. What a front
 * can answer with 400 instead (an authority that is none, a scheme or path that it
 * does not serve) it looks at itself.
 */
#ifndef HEAPGATE_H2_RULES_H
#define HEAPGATE_H2_RULES_H

#include "http/message.h"

enum h2_pseudo {
	H2_NO_PSEUDO, /* a regular field */
	H2_METHOD,
	H2_SCHEME,
	H2_AUTHORITY,
	H2_PATH,
	H2_PROTOCOL, /* RFC 8441 §4 */
	H2_STATUS,
	H2_BAD_PSEUDO, /* any other name that begins with ':' */
};

enum h2_head_kind {
	H2_REQUEST,
	H2_ANSWER,
	H2_TRAILERS,
};

/* A field as it comes out of HPACK. Lives: until the next one does. */
struct h2_field {
	struct str name;
	struct str value;
	uint8_t pseudo;   /* enum h2_pseudo */
	uint8_t id;       /* enum field_id; FIELD_OTHER for a pseudo-header */
	bool never_index; /* RFC 7541 §7.1.3 */
};

struct h2_rules {
	uint8_t kind;     /* enum h2_head_kind */
	uint8_t seen;     /* one bit for each enum h2_pseudo */
	bool regular : 1; /* a regular field has come: no pseudo-header may follow */
	bool has_host : 1;
	bool http : 1;          /* :scheme is http or https, in any case */
	bool options : 1;       /* :method is OPTIONS */
	bool origin : 1;        /* :path begins with "/" */
	bool asterisk : 1;      /* :path is "*" */
	bool has_body : 1;      /* of an answer: what it answers lets it have one */
	bool connect : 1;       /* CONNECT, of either kind; in an answer: was asked */
	uint16_t status;        /* of an answer */
	int64_t content_length; /* bytes, or LENGTH_UNKNOWN */
};

enum h2_verdict {
	H2_FIELD_GOOD,
	H2_FIELD_DROP, /* not wrong, but not to be passed on */
	H2_FIELD_BAD,
};

/* Names the field: sets pseudo and id from name. */
void h2_field_name(struct h2_field *f);

/* asked: the method that an answer is for; else any. A :protocol passes: it is for
 * who never offered it (RFC 8441 §3) to refuse. */
void h2_rules_begin(struct h2_rules *r, enum h2_head_kind kind, enum method asked);
enum h2_verdict h2_rules_field(struct h2_rules *r, const struct h2_field *f) MUST_USE;
/* No more fields. ended: END_STREAM came with them. Returns: false when something
 * is missing, or must not stand together. */
bool h2_rules_end(const struct h2_rules *r, bool ended) MUST_USE;
/* After the end of a head that is no trailers: how many bytes of DATA must follow,
 * or LENGTH_UNKNOWN. More than 0 is malformed too if the head has ended the stream,
 * which is for the caller to see, as with trailers that come too soon. */
int64_t h2_rules_body(const struct h2_rules *r);

#endif
