#include "proxy/websocket.h"

#include "io/digest.h"
#include "proxy/stream.h"

/* RFC 6455 §1.3. */
#define GUID STR("258EAFA5-E914-47DA-95CA-C5AB0DC85B11")

int websocket_add_key(struct stream *s)
{
	struct fields *f = &s->req.headers;
	char *key;

	if (fields_get(f, FIELD_SEC_WEBSOCKET_KEY))
		return 0;
	key = arena_bytes(&s->arena, DIGEST_NONCE_BYTES);
	if (!key || digest_nonce(key) != 0)
		return -1;
	return fields_add(f, &s->arena, STR("sec-websocket-key"), str_z(key));
}

static int accept_of(const struct stream *s, char to[DIGEST_SHA1_BASE64_BYTES])
{
	const struct field *key = fields_get(&s->req.headers, FIELD_SEC_WEBSOCKET_KEY);

	return key ? digest_sha1_base64(field_value(key), GUID, to) : -1;
}

bool websocket_is_accepted(const struct stream *s)
{
	const struct field *f = fields_get(&s->res.headers, FIELD_SEC_WEBSOCKET_ACCEPT);
	char want[DIGEST_SHA1_BASE64_BYTES];

	return f && accept_of(s, want) == 0 && str_eq(field_value(f), str_z(want));
}

int websocket_add_accept(struct stream *s)
{
	char *text = arena_bytes(&s->arena, DIGEST_SHA1_BASE64_BYTES);

	if (!text || accept_of(s, text) != 0)
		return -1;
	return fields_add(&s->res.headers, &s->arena, STR("sec-websocket-accept"),
			  str_z(text));
}
