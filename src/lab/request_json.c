#include "lab/request_json.h"

#include <jansson.h>

#include "proxy/stream.h"

static json_t *json_of(struct stream *s, struct str text)
{
	json_t *j = json_stringn(text.len ? text.p : "", text.len);
	char *wide, *to;

	if (j)
		return j;
	wide = arena_bytes(&s->arena, 2 * text.len);
	if (!wide)
		return NULL;
	to = wide;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (c >= 0x80)
			*to++ = (char)(0xc0 | c >> 6);
		*to++ = (char)(c < 0x80 ? c : 0x80 | (c & 0x3f));
	}
	return json_stringn(wide, (size_t)(to - wide));
}

/* [["name","value"], …] in the order in which they came. */
static json_t *json_of_fields(struct stream *s, const struct fields *f)
{
	json_t *all = json_array();

	for (unsigned int i = 0; i < f->n; i++) {
		json_t *pair = json_array();

		json_array_append_new(pair, json_of(s, field_name(&f->at[i])));
		json_array_append_new(pair, json_of(s, field_value(&f->at[i])));
		json_array_append_new(all, pair);
	}
	return all;
}

static json_t *json_of_request(struct stream *s)
{
	const struct message *m = &s->req;
	json_t *root = json_object();

	json_object_set_new(root, "method", json_of(s, m->method_text));
	json_object_set_new(root, "scheme", json_of(s, m->scheme));
	json_object_set_new(root, "authority", json_of(s, m->authority));
	json_object_set_new(root, "path", json_of(s, m->path));
	json_object_set_new(root, "protocol",
			    json_string(s->is_h2           ? "HTTP/2"
					: m->minor_version ? "HTTP/1.1"
							   : "HTTP/1.0"));
	json_object_set_new(root, "headers", json_of_fields(s, &m->headers));
	return root;
}

struct str request_json(struct stream *s)
{
	json_t *root = json_of_request(s);
	size_t len = root ? json_dumpb(root, NULL, 0, JSON_COMPACT) : 0;
	char *text = len ? arena_bytes(&s->arena, len + 1) : NULL;

	if (text) {
		json_dumpb(root, text, len, JSON_COMPACT);
		text[len] = '\n';
	}
	json_decref(root);
	return str_of(text, text ? len + 1 : 0);
}
