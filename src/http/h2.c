#include "http/h2.h"

#include <string.h>

#include "base/must.h"
#include "http/body.h"

/* --- callbacks and options ----------------------------------------------- */

static ssize_t send_cb(nghttp2_session *session, const uint8_t *p, size_t len,
		       int flags, void *user)
{
	struct h2_user *u = user;

	(void)session;
	(void)flags;
	/* Always all of it, also when the socket is full: what one flush makes
	 * is bounded, and the frame buffer must not keep any. */
	conn_write(u->conn, p, len);
	return (ssize_t)len;
}

/* RFC 9113 §8.2.1: malformed, so a stream error; never passed on. */
static int on_invalid_header_cb(nghttp2_session *session, const nghttp2_frame *frame,
				const uint8_t *name, size_t name_len,
				const uint8_t *value, size_t value_len, uint8_t flags,
				void *user)
{
	(void)session;
	(void)frame;
	(void)name;
	(void)name_len;
	(void)value;
	(void)value_len;
	(void)flags;
	(void)user;
	return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* Newer than the oldest nghttp2 that we build with. */
void nghttp2_option_set_max_continuations(nghttp2_option *option, size_t val)
	__attribute__((weak));
void nghttp2_option_set_stream_reset_rate_limit(nghttp2_option *option, uint64_t burst,
						uint64_t rate) __attribute__((weak));

/* The library's own limits; a client's budget (proxy/flood.h) ends sooner. It
 * counts a CONTINUATION once for each piece in which its head comes. */
static void set_limits(nghttp2_option *option)
{
	if (nghttp2_option_set_max_continuations)
		nghttp2_option_set_max_continuations(option, H2_MAX_CONTINUATIONS *
								     H2_FRAME_HEAD);
	if (nghttp2_option_set_stream_reset_rate_limit)
		nghttp2_option_set_stream_reset_rate_limit(option, 10000, 1000);
	nghttp2_option_set_max_settings(option, 32);
	nghttp2_option_set_max_outbound_ack(option, 1000);
}

int h2_kit_init(struct h2_kit *k)
{
	k->callbacks = NULL;
	k->option = NULL;
	k->no_pages = false;
	k->spare = mem_alloc(MEM_NGHTTP2, H2_SPARE_BYTES);
	if (!k->spare || nghttp2_session_callbacks_new(&k->callbacks) != 0 ||
	    nghttp2_option_new(&k->option) != 0) {
		h2_kit_fini(k);
		return -1;
	}
	nghttp2_session_callbacks_set_send_callback(k->callbacks, send_cb);
	nghttp2_session_callbacks_set_on_invalid_header_callback(k->callbacks,
								 on_invalid_header_cb);
	/* Windows open only when the other side took the data. */
	nghttp2_option_set_no_auto_window_update(k->option, 1);
	/* Closed streams are not kept for a priority tree that nobody uses. */
	nghttp2_option_set_no_closed_streams(k->option, 1);
	nghttp2_option_set_max_deflate_dynamic_table_size(k->option, 4096);
	set_limits(k->option);
	return 0;
}

void h2_kit_fini(struct h2_kit *k)
{
	nghttp2_session_callbacks_del(k->callbacks);
	nghttp2_option_del(k->option);
	mem_free(MEM_NGHTTP2, k->spare);
	k->spare = NULL;
	k->callbacks = NULL;
	k->option = NULL;
}

/* --- header lists ---------------------------------------------------------- */

static void set_nv(nghttp2_nv *nv, struct str name, struct str value, bool never_index)
{
	nv->name = (uint8_t *)(uintptr_t)name.p;
	nv->namelen = name.len;
	nv->value = (uint8_t *)(uintptr_t)value.p;
	nv->valuelen = value.len;
	nv->flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;
	if (never_index)
		nv->flags |= NGHTTP2_NV_FLAG_NO_INDEX;
}

size_t h2_fields_nv(nghttp2_nv *nv, const struct fields *f)
{
	for (unsigned int i = 0; i < f->n; i++)
		set_nv(&nv[i], field_name(&f->at[i]), field_value(&f->at[i]),
		       f->at[i].never_index);
	return f->n;
}

size_t h2_request_nv(nghttp2_nv *nv, const struct message *m)
{
	size_t n = 0;

	set_nv(&nv[n++], STR(":method"),
	       m->protocol.len ? STR("CONNECT") : m->method_text, false);
	if (m->protocol.len)
		set_nv(&nv[n++], STR(":protocol"), m->protocol, false);
	if (m->scheme.len)
		set_nv(&nv[n++], STR(":scheme"), m->scheme, false);
	if (m->authority.len)
		set_nv(&nv[n++], STR(":authority"), m->authority, false);
	if (m->path.len)
		set_nv(&nv[n++], STR(":path"), m->path, false);
	return n + h2_fields_nv(nv + n, &m->headers);
}

/* In the message, since nghttp2 reads it when the frame is sent. */
static struct str status_text(struct message *m)
{
	char *at = m->status_text;

	at[0] = (char)('0' + m->status / 100);
	at[1] = (char)('0' + m->status / 10 % 10);
	at[2] = (char)('0' + m->status % 10);
	return str_of(at, 3);
}

size_t h2_answer_nv(nghttp2_nv *nv, struct message *m)
{
	set_nv(&nv[0], STR(":status"), status_text(m), false);
	return 1 + h2_fields_nv(nv + 1, &m->headers);
}

/* --- received fields --------------------------------------------------------- */

static int take_pseudo(struct message *m, struct arena *a, struct str name,
		       struct str value)
{
	struct str *to;
	char *copy;

	if (name.len == 7 && name.p[1] == 's' && name.p[2] == 't') { /* :status */
		m->status = (uint16_t)((value.p[0] - '0') * 100 +
				       (value.p[1] - '0') * 10 + (value.p[2] - '0'));
		return 0;
	}
	switch (name.p[1]) {
	case 'm':
		to = &m->method_text;
		break;
	case 's':
		to = &m->scheme;
		break;
	case 'a':
		to = &m->authority;
		break;
	default:
		to = name.len == 5 ? &m->path : &m->protocol;
	}
	copy = arena_copy(a, value.p, value.len);
	if (!copy)
		return -1;
	*to = str_of(copy, value.len);
	return 0;
}

int h2_take_field(struct message *m, struct arena *a, bool trailers, struct str name,
		  struct str value, bool never_index)
{
	struct fields *f = trailers ? &m->trailers : &m->headers;

	if (name.len && name.p[0] == ':')
		return take_pseudo(m, a, name, value);
	if (fields_copy(f, a, name, value) != 0)
		return -1;
	f->at[f->n - 1].never_index = never_index;
	return 0;
}

void h2_end_head(struct message *m)
{
	const struct field *length = fields_get(&m->headers, FIELD_CONTENT_LENGTH);
	uint64_t n;

	m->minor_version = 1;
	if (m->method_text.len)
		m->method = method_of(m->method_text);
	if (length && str_u64(field_value(length), &n) && n <= INT64_MAX)
		m->content_length = (int64_t)n;
}

/* --- body ---------------------------------------------------------------------- */

int h2_end_data(nghttp2_session *session, int32_t id, const struct fields *trailers,
		struct arena *tick, uint32_t *flags)
{
	nghttp2_nv *nv;

	*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (!trailers->n)
		return 0;
	nv = arena_alloc(tick, trailers->n * sizeof(*nv));
	if (!nv || nghttp2_submit_trailer(session, id, nv, h2_fields_nv(nv, trailers)))
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
	return 0;
}

/* Fewer bytes in one block than this are copied. */
#define ALONE_BYTES 4096

size_t h2_data_len(const struct body *body, size_t max)
{
	const char *p;
	size_t n = body->bytes ? body_peek(body, &p) : 0;

	if (n < ALONE_BYTES)
		n = body->bytes;
	/* The frame with its head is one TLS record. */
	if (max > LOOP_PLAIN_BYTES - H2_FRAME_HEAD)
		max = LOOP_PLAIN_BYTES - H2_FRAME_HEAD;
	return n < max ? n : max;
}

void h2_write_data(struct conn *c, const uint8_t *head, struct body *body, size_t len)
{
	const char *p;
	size_t n = len ? body_peek(body, &p) : 0;

	if (len && n >= len) {
		/* A block's own head is before its first byte. */
		conn_write_behind(c, head, H2_FRAME_HEAD, (char *)(uintptr_t)p, len);
		body_drop(body, len);
		return;
	}
	conn_write(c, head, H2_FRAME_HEAD);
	while (len) {
		n = body_peek(body, &p);
		must(n > 0); /* the read callback has promised len bytes */
		if (n > len)
			n = len;
		conn_write(c, p, n);
		body_drop(body, n);
		len -= n;
	}
}
