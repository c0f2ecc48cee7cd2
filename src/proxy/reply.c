#include "proxy/reply.h"

#include "proxy/error_page.h"
#include "proxy/gate.h"
#include "proxy/stream.h"

static bool wants_json(const struct stream *s)
{
	const struct field *accept = fields_get(&s->req.headers, FIELD_ACCEPT);

	return accept && field_lists(accept, STR("application/json"));
}

static char *error_text(struct stream *s, unsigned int status, bool json)
{
	const char *reason = status_reason(status);

	if (json)
		return arena_printf(&s->arena, "{\"status\":%u,\"error\":\"%s\"}\n",
				    status, reason);
	return arena_printf(&s->arena, "%u %s\n", status, reason);
}

static int fill_head(struct stream *s, unsigned int status, struct str type, size_t len)
{
	struct message *m = &s->res;
	char *length = arena_printf(&s->arena, "%zu", len);

	message_init(m);
	m->method = s->req.method;
	m->status = (uint16_t)status;
	m->minor_version = 1;
	m->content_length = (int64_t)len;
	if (!length)
		return -1;
	if (s->gate->server && fields_add(&m->headers, &s->arena, STR("server"),
					  str_z(s->gate->server)) != 0)
		return -1;
	if (type.len &&
	    fields_add(&m->headers, &s->arena, STR("content-type"), type) != 0)
		return -1;
	return fields_add(&m->headers, &s->arena, STR("content-length"), str_z(length));
}

static int add_fields(struct stream *s, const struct reply_field *fields, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fields_add(&s->res.headers, &s->arena, fields[i].name,
			       fields[i].value) != 0)
			return -1;
	return 0;
}

void reply_send_with(struct stream *s, unsigned int status, struct str content_type,
		     struct str body, const struct reply_field *fields, size_t n)
{
	bool no_body = s->req.method == METHOD_HEAD || status == 204 || status == 304;

	if (s->answered || !s->a.ops)
		return;
	stream_abort_b(s, STREAM_CANCELLED);
	s->local = true;
	body_fini(&s->res_body);
	body_init(&s->res_body, s->gate->limits->stream_buffer_bytes);
	/* No memory for a page: the head alone must do. */
	if (!no_body && body_put(&s->res_body, body.p, body.len) != 0)
		body.len = 0;
	if (fill_head(s, status, content_type, body.len) != 0 ||
	    add_fields(s, fields, n) != 0) {
		stream_abort(s, STREAM_NO_MEMORY);
		return;
	}
	s->res.no_body = no_body;
	s->res_body.ended = true;
	stream_on_answer(s);
}

void reply_send(struct stream *s, unsigned int status, struct str content_type,
		struct str body)
{
	reply_send_with(s, status, content_type, body, NULL, 0);
}

/* RFC 9209 §2.3: what is wrong, for those who look after client or server. */
static const char *fault_of(const struct stream *s, unsigned int status)
{
	if (status < 500 || status == 501 || status == 505)
		return status == 404 ? "destination_not_found" : "http_request_error";
	if (s->fault)
		return s->fault;
	if (status == 504)
		return "http_response_timeout";
	return "destination_unavailable";
}

static bool begins_with_letter(const char *name)
{
	return (name[0] | 0x20) >= 'a' && (name[0] | 0x20) <= 'z';
}

/* Proxy-Status. Returns: how many fields, 0 for who is no proxy. */
static size_t tell_fault(struct stream *s, unsigned int status, struct reply_field *f)
{
	const char *via = s->gate->via;
	char *text;

	if (!via)
		return 0;
	/* A name that is no token of RFC 8941 must be a string. */
	text = arena_printf(&s->arena,
			    begins_with_letter(via) ? "%s; error=%s"
						    : "\"%s\"; error=%s",
			    via, fault_of(s, status));
	if (!text)
		return 0;
	*f = (struct reply_field){STR("proxy-status"), str_z(text)};
	return 1;
}

void reply_error(struct stream *s, unsigned int status)
{
	bool json = wants_json(s);
	const struct error_page *page =
		error_pages_find(s->gate->error_pages, status, json);
	struct reply_field field;
	size_t n = tell_fault(s, status, &field);
	char *text;

	if (page) {
		reply_send_with(s, status, str_z(page->type), page->body, &field, n);
		return;
	}
	text = error_text(s, status, json);
	reply_send_with(s, status, json ? STR("application/json") : STR("text/plain"),
			text ? str_z(text) : STR(""), &field, n);
}
