#include "http/h2_message.h"

/* --- sent ---------------------------------------------------------------- */

#define N_PSEUDO 5 /* of a request, at most */

/* A field's bytes count 32 beside its own: more than it can need. */
size_t h2_head_room(const struct message *m)
{
	return H2_PACK_ROOM + N_PSEUDO * H2_PACK_FIELD_ROOM(10, 0) +
	       m->method_text.len + m->protocol.len + m->scheme.len + m->authority.len +
	       m->path.len + m->headers.bytes;
}

size_t h2_trailers_room(const struct message *m)
{
	return H2_PACK_ROOM + m->trailers.bytes;
}

static uint8_t *pack_fields(struct h2_pack *k, uint8_t *to, const struct fields *f)
{
	for (unsigned int i = 0; i < f->n; i++)
		to = h2_pack_field(k, to, field_name(&f->at[i]), field_value(&f->at[i]),
				   f->at[i].never_index);
	return to;
}

static uint8_t *pack_pseudo(struct h2_pack *k, uint8_t *to, struct str name,
			    struct str value)
{
	return value.len ? h2_pack_field(k, to, name, value, false) : to;
}

uint8_t *h2_pack_request(struct h2_pack *k, uint8_t *to, const struct message *m)
{
	to = h2_pack_begin(k, to);
	to = pack_pseudo(k, to, STR(":method"),
			 m->protocol.len ? STR("CONNECT") : m->method_text);
	to = pack_pseudo(k, to, STR(":protocol"), m->protocol);
	to = pack_pseudo(k, to, STR(":scheme"), m->scheme);
	to = pack_pseudo(k, to, STR(":authority"), m->authority);
	to = pack_pseudo(k, to, STR(":path"), m->path);
	return pack_fields(k, to, &m->headers);
}

uint8_t *h2_pack_answer(struct h2_pack *k, uint8_t *to, const struct message *m)
{
	char status[3] = {(char)('0' + m->status / 100),
			  (char)('0' + m->status / 10 % 10),
			  (char)('0' + m->status % 10)};

	to = h2_pack_begin(k, to);
	to = pack_pseudo(k, to, STR(":status"), str_of(status, sizeof(status)));
	return pack_fields(k, to, &m->headers);
}

uint8_t *h2_pack_trailers(struct h2_pack *k, uint8_t *to, const struct message *m)
{
	return pack_fields(k, h2_pack_begin(k, to), &m->trailers);
}

/* --- received ------------------------------------------------------------ */

static struct str *pseudo_of(struct message *m, enum h2_pseudo pseudo)
{
	switch (pseudo) {
	case H2_METHOD:
		return &m->method_text;
	case H2_SCHEME:
		return &m->scheme;
	case H2_AUTHORITY:
		return &m->authority;
	case H2_PATH:
		return &m->path;
	default:
		return &m->protocol;
	}
}

static int take_pseudo(struct message *m, struct arena *a, const struct h2_field *f)
{
	const char *v = f->value.p;
	char *copy;

	if (f->pseudo == H2_STATUS) {
		m->status = (uint16_t)((v[0] - '0') * 100 + (v[1] - '0') * 10 +
				       (v[2] - '0'));
		return 0;
	}
	copy = arena_copy(a, v, f->value.len);
	if (!copy)
		return -1;
	*pseudo_of(m, f->pseudo) = str_of(copy, f->value.len);
	return 0;
}

static void take_length(struct message *m, struct str value)
{
	uint64_t n;

	if (str_u64(value, &n) && n <= INT64_MAX)
		m->content_length = (int64_t)n;
}

int h2_take_field(struct message *m, struct arena *a, bool trailers,
		  const struct h2_field *f)
{
	struct fields *to = trailers ? &m->trailers : &m->headers;

	if (f->pseudo)
		return take_pseudo(m, a, f);
	if (fields_copy_known(to, a, f->id, f->name, f->value) != 0)
		return -1;
	if (f->id == FIELD_CONTENT_LENGTH && !trailers)
		take_length(m, f->value);
	to->at[to->n - 1].never_index = f->never_index;
	return 0;
}

void h2_end_head(struct message *m)
{
	m->minor_version = 1;
	if (m->method_text.len)
		m->method = method_of(m->method_text);
}
