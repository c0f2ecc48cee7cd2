#include "h1_case.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"

void case_init(struct h1_case *c)
{
	memset(c, 0, sizeof(*c));
	c->limits = (struct h1_limits){8192, 32768, 100};
	arena_init(&c->a, MEM_STREAM, 1024);
	h1_init_request(&c->h, &c->limits);
	message_init(&c->m);
}

void case_init_response(struct h1_case *c, enum method method)
{
	case_init(c);
	h1_init_response(&c->h, &c->limits);
	c->m.method = method;
}

void case_fini(struct h1_case *c)
{
	arena_fini(&c->a);
	free(c->body);
	c->body = NULL;
}

static void keep(struct h1_case *c, struct str data)
{
	c->body = realloc(c->body, c->body_len + data.len + 1);
	must(c->body);
	memcpy(c->body + c->body_len, data.p, data.len);
	c->body_len += data.len;
	c->body[c->body_len] = '\0';
}

/* Presents what is unused so far and what is new. Returns: whether it ended. */
static bool present(struct h1_case *c, const char *bytes, size_t len)
{
	char *piece = malloc(len ? len : 1);
	size_t at = 0;

	must(piece);
	memcpy(piece, bytes, len);
	do {
		size_t used = 0;
		struct str data = {NULL, 0};

		if (!c->had_head)
			c->result = h1_read_head(&c->h, piece + at, len - at, &used,
						 &c->m, &c->a);
		else
			c->result = h1_read_body(&c->h, piece + at, len - at, &used,
						 &data, &c->m, &c->a);
		must(used <= len - at);
		at += used;
		if (c->result == H1_HEAD)
			c->had_head = true;
		if (c->result == H1_DATA)
			keep(c, data);
	} while (c->result == H1_HEAD || c->result == H1_DATA);
	c->used += at;
	free(piece);
	return c->result != H1_MORE;
}

void case_feed(struct h1_case *c, const char *bytes, size_t len, size_t first,
	       size_t step)
{
	size_t end = first < len ? first : len;

	for (;;) {
		if (present(c, bytes + c->used, end - c->used))
			return;
		if (end == len)
			break;
		end = step < len - end ? end + step : len;
	}
	c->ended = true;
	c->result = h1_read_eof(&c->h);
}

static void dump_fields(FILE *f, const char *what, const struct fields *fields)
{
	fprintf(f, "%s %u %u\n", what, fields->n, fields->bytes);
	for (unsigned int i = 0; i < fields->n; i++) {
		const struct field *x = &fields->at[i];

		fprintf(f, "\t%u \"", x->id);
		fwrite(x->name, 1, x->name_len, f);
		fprintf(f, "\": \"");
		fwrite(x->value, 1, x->value_len, f);
		fprintf(f, "\"\n");
	}
}

static void dump_str(FILE *f, const char *what, struct str s)
{
	fprintf(f, "%s \"", what);
	if (s.len)
		fwrite(s.p, 1, s.len, f);
	fprintf(f, "\"\n");
}

static void dump_message(FILE *f, const struct h1_case *c)
{
	const struct message *m = &c->m;

	fprintf(f, "framing %d keep %d tunnel %d\n", c->h.framing, c->h.keep_alive,
		c->h.framing == H1_TUNNEL);
	fprintf(f, "method %d status %d minor %d no_body %d expect %d length %lld\n",
		m->method, m->status, m->minor_version, m->no_body, m->expect_continue,
		(long long)m->content_length);
	dump_str(f, "method", m->method_text);
	dump_str(f, "scheme", m->scheme);
	dump_str(f, "authority", m->authority);
	dump_str(f, "path", m->path);
	dump_str(f, "protocol", m->protocol);
	dump_fields(f, "headers", &m->headers);
	dump_fields(f, "trailers", &m->trailers);
	dump_str(f, "body", str_of(c->body, c->body_len));
}

char *case_dump(const struct h1_case *c)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	must(f);
	fprintf(f, "result %d ended %d status %d reason %s\n", c->result, c->ended,
		c->result == H1_ERROR ? c->h.status : 0,
		c->result == H1_ERROR ? c->h.reason : "-");
	/* A refused message may have been understood further or less far. */
	if (c->result != H1_ERROR)
		fprintf(f, "used %zu\n", c->used);
	if (c->had_head)
		dump_message(f, c);
	fclose(f);
	return text;
}

const char *case_value(const struct fields *f, const char *name, unsigned int nth)
{
	static char value[65536];

	for (unsigned int i = 0; i < f->n; i++) {
		const struct field *x = &f->at[i];

		if (!str_eq(field_name(x), str_z(name)) || nth--)
			continue;
		must(x->value_len < sizeof(value));
		memcpy(value, x->value, x->value_len);
		value[x->value_len] = '\0';
		return value;
	}
	return NULL;
}
