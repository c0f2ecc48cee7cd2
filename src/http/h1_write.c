#include "http/chars.h"
#include "http/h1_inner.h"

/* Where a head is being written; once it is full or something that must
 * never go on a wire was met, it stays failed. */
struct out {
	char *at;
	char *end;
	bool failed;
};

static void put(struct out *o, struct str s)
{
	if (o->failed || (size_t)(o->end - o->at) < s.len) {
		o->failed = true;
		return;
	}
	if (s.len)
		memcpy(o->at, s.p, s.len);
	o->at += s.len;
}

#define PUT(o, literal) put(o, STR(literal))

static void put_token(struct out *o, struct str s)
{
	if (!is_token(s))
		o->failed = true;
	put(o, s);
}

static void put_value(struct out *o, struct str s)
{
	if (value_span(s) != s.len)
		o->failed = true;
	put(o, s);
}

static void put_u64(struct out *o, uint64_t n)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	put(o, str_of(digits + at, sizeof(digits) - at));
}

static void put_field(struct out *o, const struct field *f)
{
	size_t n = f->name_len, bytes = n + f->value_len + sizeof(": \r\n") - 1;
	char *p = o->at;

	if (!is_token(field_name(f)) || value_span(field_value(f)) != f->value_len ||
	    (size_t)(o->end - p) < bytes)
		o->failed = true;
	if (o->failed)
		return;
	memcpy(p, f->name, n);
	memcpy(p + n, ": ", 2);
	if (f->value_len)
		memcpy(p + n + 2, f->value, f->value_len);
	memcpy(p + bytes - 2, "\r\n", 2);
	o->at += bytes;
}

/* The one cookie-string of all cookie fields (RFC 9113 §8.2.3). */
static void put_cookies(struct out *o, const struct fields *all)
{
	const struct field *f;
	unsigned int from = 0;
	bool more = false;

	PUT(o, "cookie: ");
	while ((f = fields_next(all, FIELD_COOKIE, &from))) {
		if (more)
			PUT(o, "; ");
		put_value(o, field_value(f));
		more = true;
	}
	PUT(o, "\r\n");
}

/* Host and the fields of the framing are the writer's own. */
static bool is_own(const struct field *f)
{
	return f->id == FIELD_HOST || f->id == FIELD_CONTENT_LENGTH ||
	       f->id == FIELD_AUTHORITY;
}

static void put_fields(struct out *o, const struct fields *all, bool join_cookies)
{
	bool named = fields_get(all, FIELD_CONNECTION);
	bool cookies = false;

	for (unsigned int i = 0; i < all->n; i++) {
		const struct field *f = &all->at[i];

		if (is_own(f) || field_id_is_hop_by_hop(f->id) ||
		    (named && field_is_hop_by_hop(f, all)))
			continue;
		if (f->id != FIELD_COOKIE || !join_cookies)
			put_field(o, f);
		else if (!cookies)
			put_cookies(o, all);
		cookies = cookies || f->id == FIELD_COOKIE;
	}
}

static void put_length(struct out *o, int64_t length)
{
	if (length < 0)
		o->failed = true;
	PUT(o, "content-length: ");
	put_u64(o, (uint64_t)length);
	PUT(o, "\r\n");
}

static void put_chunked(struct out *o)
{
	PUT(o, "transfer-encoding: chunked\r\n");
}

/* What Connection lists, each with ", " behind it. */
struct options {
	char text[64];
	size_t len;
};

static void add_option(struct options *c, const char *option)
{
	size_t n = strlen(option);

	memcpy(c->text + c->len, option, n);
	memcpy(c->text + c->len + n, ", ", 2);
	c->len += n + 2;
}

static void put_options(struct out *o, const struct options *c)
{
	if (!c->len)
		return;
	PUT(o, "connection: ");
	put(o, str_of(c->text, c->len - 2));
	PUT(o, "\r\n");
}

static void put_upgrade(struct out *o, const struct message *m)
{
	PUT(o, "upgrade: ");
	put_token(o, m->protocol);
	PUT(o, "\r\n");
}

static size_t finish(struct out *o, const char *to)
{
	PUT(o, "\r\n");
	return o->failed ? 0 : (size_t)(o->at - to);
}

size_t h1_head_bytes(const struct message *m)
{
	/* 512: what a writer adds of constant length, and numbers. */
	return (size_t)m->headers.bytes + m->method_text.len + m->path.len +
	       2 * m->authority.len + m->protocol.len + 512;
}

/* Whether the request is one for a tunnel; an extended CONNECT (RFC 8441) is a
 * GET in HTTP/1. */
static bool is_tunnel(const struct message *m)
{
	return m->method == METHOD_CONNECT && !m->protocol.len;
}

static void put_target(struct out *o, const struct message *m)
{
	bool whole = m->method == METHOD_OPTIONS && str_eq(m->path, STR("*"));

	if (is_tunnel(m) && !m->authority.len)
		o->failed = true;
	if (!is_tunnel(m) && !whole && !is_origin_form(m->path))
		o->failed = true;
	put(o, is_tunnel(m) ? m->authority : m->path);
}

static void put_request_line(struct out *o, const struct message *m)
{
	bool get = m->method == METHOD_CONNECT && m->protocol.len;
	struct str method = get ? STR("GET") : m->method_text;

	if (!is_token(method) || (m->authority.len && !is_authority(m->authority)))
		o->failed = true;
	put(o, method);
	PUT(o, " ");
	put_target(o, m);
	PUT(o, " HTTP/1.1\r\nhost: ");
	put(o, m->authority);
	PUT(o, "\r\n");
}

/* Content is what these are about: none must be said (RFC 9110 §8.6). */
static bool wants_content(enum method method)
{
	return method == METHOD_POST || method == METHOD_PUT || method == METHOD_PATCH;
}

static void put_request_framing(struct out *o, const struct message *m,
				enum h1_body_form form)
{
	switch (form) {
	case H1_WRITE_NONE:
		if (wants_content(m->method))
			put_length(o, 0);
		break;
	case H1_WRITE_LENGTH:
		put_length(o, m->content_length);
		break;
	case H1_WRITE_CHUNKED:
		put_chunked(o);
		break;
	case H1_WRITE_CLOSE: /* a server would wait for ever */
		o->failed = true;
		break;
	}
}

size_t h1_write_request(char *to, size_t cap, const struct message *m,
			enum h1_body_form form, bool close)
{
	struct out o = {to, to + cap, false};
	const struct field *te = fields_get(&m->headers, FIELD_TE);
	struct options c = {.len = 0};

	put_request_line(&o, m);
	if (close)
		add_option(&c, "close");
	if (m->protocol.len)
		add_option(&c, "upgrade");
	te = te && field_lists(te, STR("trailers")) ? te : NULL;
	if (te)
		add_option(&c, "te");
	put_options(&o, &c);
	if (te)
		PUT(&o, "te: trailers\r\n");
	if (m->protocol.len)
		put_upgrade(&o, m);
	put_fields(&o, &m->headers, true);
	put_request_framing(&o, m, form);
	return finish(&o, to);
}

static bool may_have_no_length(const struct message *m)
{
	return m->status < 200 || m->status == 204 ||
	       (m->method == METHOD_CONNECT && !m->protocol.len &&
		m->status / 100 == 2);
}

static void put_response_framing(struct out *o, const struct message *m,
				 enum h1_body_form form, unsigned int minor_version)
{
	bool told = m->method == METHOD_HEAD || m->status == 304;

	if (form != H1_WRITE_NONE && (told || may_have_no_length(m)))
		o->failed = true;
	if (form == H1_WRITE_LENGTH)
		put_length(o, m->content_length);
	if (form == H1_WRITE_CHUNKED) {
		if (!minor_version)
			o->failed = true;
		put_chunked(o);
	}
	if (form != H1_WRITE_NONE || may_have_no_length(m))
		return;
	if (!told)
		put_length(o, 0);
	else if (m->content_length >= 0)
		put_length(o, m->content_length);
}

static void put_status_line(struct out *o, const struct message *m)
{
	if (m->status < 100 || m->status > 599)
		o->failed = true;
	PUT(o, "HTTP/1.1 ");
	put_u64(o, m->status);
	PUT(o, " ");
	put(o, str_z(status_reason(m->status)));
	PUT(o, "\r\n");
}

size_t h1_write_response(char *to, size_t cap, const struct message *m,
			 enum h1_body_form form, bool close, unsigned int minor_version)
{
	struct out o = {to, to + cap, false};
	struct options c = {.len = 0};

	put_status_line(&o, m);
	if (m->status == 101)
		add_option(&c, "upgrade");
	else if (m->status >= 200 && (close || form == H1_WRITE_CLOSE))
		add_option(&c, "close");
	else if (m->status >= 200 && !minor_version)
		add_option(&c, "keep-alive");
	put_options(&o, &c);
	if (m->status == 101)
		put_upgrade(&o, m);
	put_fields(&o, &m->headers, false);
	put_response_framing(&o, m, form, minor_version);
	return finish(&o, to);
}

size_t h1_write_chunk_head(char *to, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = 1;

	while (n < 2 * sizeof(len) && len >> (4 * n))
		n++;
	for (size_t i = n; i; i--, len >>= 4)
		to[i - 1] = digits[len & 15];
	memcpy(to + n, "\r\n", 2);
	return n + 2;
}

size_t h1_write_last_chunk(char *to, size_t cap, const struct fields *trailers)
{
	struct out o = {to, to + cap, false};

	PUT(&o, "0\r\n");
	for (unsigned int i = 0; trailers && i < trailers->n; i++) {
		const struct field *f = &trailers->at[i];

		if (!field_is_bad_trailer(f))
			put_field(&o, f);
	}
	return finish(&o, to);
}
