#include "proxy/forward.h"

#include <stdio.h>

#include "proxy/front.h"
#include "proxy/gate.h"
#include "proxy/stream.h"

/* RFC 9110 §7.6.3: the version that was received, and who received it. */
static int add_via(struct stream *s, struct fields *f, bool h2, unsigned int minor)
{
	static const char *const versions[] = {"1.0", "1.1", "2"};
	struct gate *g = s->gate;
	unsigned int i = h2 ? 2 : minor;

	if (!g->via)
		return 0;
	if (!g->via_text[i][0])
		snprintf(g->via_text[i], sizeof(g->via_text[i]), "%s %s", versions[i],
			 g->via);
	return fields_add(f, &s->arena, STR("via"), str_z(g->via_text[i]));
}

static int add_forwarded_for(struct stream *s)
{
	struct fields *f = &s->req.headers;
	const struct field *old = fields_get(f, FIELD_X_FORWARDED_FOR);
	const char *client = s->front->client;
	char *text;

	/* A copy: the stream may outlive its front by a turn. */
	if (old)
		text = arena_printf(&s->arena, "%.*s, %s", (int)old->value_len,
				    old->value, client);
	else
		text = arena_copy(&s->arena, client, strlen(client));
	if (!text)
		return -1;
	fields_remove(f, FIELD_X_FORWARDED_FOR);
	return fields_add(f, &s->arena, STR("x-forwarded-for"), str_z(text));
}

/* Ours, unless the client is trusted and has said it. */
static int add_forwarded(struct stream *s, enum field_id id, struct str name,
			 struct str value)
{
	struct fields *f = &s->req.headers;

	if (!value.len || fields_get(f, id))
		return 0;
	return fields_add(f, &s->arena, name, value);
}

static int add_all_forwarded(struct stream *s)
{
	if (add_forwarded_for(s) != 0 ||
	    add_forwarded(s, FIELD_X_FORWARDED_PROTO, STR("x-forwarded-proto"),
			  s->front->is_tls ? STR("https") : STR("http")) != 0)
		return -1;
	return add_forwarded(s, FIELD_X_FORWARDED_HOST, STR("x-forwarded-host"),
			     s->req.authority);
}

#define FORWARDED_IDS                                                                  \
	(FIELD_BIT(FIELD_FORWARDED) | FIELD_BIT(FIELD_X_FORWARDED_FOR) |               \
	 FIELD_BIT(FIELD_X_FORWARDED_HOST) | FIELD_BIT(FIELD_X_FORWARDED_PROTO))

int forward_request(struct stream *s)
{
	struct fields *f = &s->req.headers;
	enum forwarded how = s->gate->forwarded;

	/* Hop-by-hop fields are gone since the head was read: h1_read_head(),
	 * and nghttp2 refuses them. */
	fields_drop(f, FIELD_BIT(FIELD_HTTP2_SETTINGS) |
			       (how == FORWARDED_TRUST ? 0 : FORWARDED_IDS));
	if (fields_room(f, &s->arena, FORWARD_FIELDS) != 0 ||
	    (how != FORWARDED_DROP && add_all_forwarded(s) != 0))
		return -1;
	return add_via(s, f, s->is_h2, s->req.minor_version);
}

void forward_answer(struct stream *s)
{
	struct fields *f = &s->res.headers;
	bool h2 = s->server && s->server->conf->proto == PROTO_H2;

	if (add_via(s, f, h2, s->res.minor_version) != 0)
		s->arena.failed = false;
}
