#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "lab/load_inner.h"

#define STREAM_WINDOW (1 << 20)
#define CONN_WINDOW   (16 << 20)

static struct exchange *exchange_of(nghttp2_session *session, int32_t id)
{
	return nghttp2_session_get_stream_user_data(session, id);
}

/* --- what the server sends ------------------------------------------- */

static int on_header_cb(nghttp2_session *session, const nghttp2_frame *frame,
			const uint8_t *name, size_t name_len, const uint8_t *value,
			size_t value_len, uint8_t flags, void *user)
{
	struct exchange *e = exchange_of(session, frame->hd.stream_id);

	(void)flags;
	(void)user;
	if (e && name_len == 7 && value_len == 3 && memcmp(name, ":status", 7) == 0)
		e->status = (uint16_t)((value[0] - '0') * 100 + (value[1] - '0') * 10 +
				       value[2] - '0');
	return 0;
}

static int on_frame_recv_cb(nghttp2_session *session, const nghttp2_frame *frame,
			    void *user)
{
	struct session *s = user;
	struct exchange *e;

	if (frame->hd.type == NGHTTP2_GOAWAY && s->slot)
		session_retire(s);
	if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
		return 0;
	e = exchange_of(session, frame->hd.stream_id);
	if (e && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		e->ended = true;
	return 0;
}

static int on_data_chunk_recv_cb(nghttp2_session *session, uint8_t flags, int32_t id,
				 const uint8_t *p, size_t len, void *user)
{
	struct exchange *e = exchange_of(session, id);

	(void)flags;
	(void)p;
	(void)user;
	if (!e)
		return 0;
	if (e->messages)
		exchange_take(e, len);
	else
		e->in_bytes += len;
	return 0;
}

static int on_stream_close_cb(nghttp2_session *session, int32_t id, uint32_t code,
			      void *user)
{
	struct exchange *e = exchange_of(session, id);

	(void)user;
	if (!e)
		return 0;
	nghttp2_session_set_stream_user_data(session, id, NULL);
	exchange_end(e, code != NGHTTP2_NO_ERROR || !e->ended || !e->status);
	return 0;
}

/* A request that never became a frame (no stream ids left, GOAWAY). */
static int on_frame_not_send_cb(nghttp2_session *session, const nghttp2_frame *frame,
				int error, void *user)
{
	struct session *s = user;
	struct exchange *e;

	(void)error;
	if (frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	e = exchange_of(session, frame->hd.stream_id);
	if (!e)
		return 0;
	nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, NULL);
	if (s->slot)
		session_retire(s);
	exchange_end(e, true);
	return 0;
}

/* --- what we send ---------------------------------------------------- */

static ssize_t read_body_cb(nghttp2_session *session, int32_t id, uint8_t *buf,
			    size_t len, uint32_t *flags, nghttp2_data_source *source,
			    void *user)
{
	struct exchange *e = exchange_of(session, id);
	bool more;

	(void)buf;
	(void)source;
	(void)user;
	if (!e)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	more = e->messages && (e->session->slot || e->n_messages);
	if ((!e->out_left && more) || !conn_can_write(e->session->user.conn)) {
		e->deferred = true; /* until there is some, or on_writable() */
		return NGHTTP2_ERR_DEFERRED;
	}
	if (len > e->out_left)
		len = e->out_left;
	if (len > LOAD_ZEROES)
		len = LOAD_ZEROES;
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (len == e->out_left && !more)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)len;
}

static int send_data_cb(nghttp2_session *session, nghttp2_frame *frame,
			const uint8_t *head, size_t len, nghttp2_data_source *source,
			void *user)
{
	struct session *s = user;
	struct exchange *e = exchange_of(session, frame->hd.stream_id);

	(void)source;
	conn_write(s->user.conn, head, 9); /* all of it, also when blocked */
	conn_write(s->user.conn, s->load->zeroes, len);
	if (e)
		e->out_left -= len;
	return 0;
}

int load_h2_kit_init(struct h2_kit *k)
{
	nghttp2_session_callbacks *cb;

	if (h2_kit_init(k) != 0)
		return -1;
	/* Nobody stands behind us who could be slow. */
	nghttp2_option_set_no_auto_window_update(k->option, 0);
	cb = k->callbacks;
	nghttp2_session_callbacks_set_send_data_callback(cb, send_data_cb);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header_cb);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame_recv_cb);
	nghttp2_session_callbacks_set_on_frame_not_send_callback(cb,
								 on_frame_not_send_cb);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
		cb, on_data_chunk_recv_cb);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close_cb);
	return 0;
}

static nghttp2_nv pair(const char *name, const char *value)
{
	return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
			    .value = (uint8_t *)(uintptr_t)value,
			    .namelen = strlen(name),
			    .valuelen = strlen(value),
			    .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME |
				     NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

static int start(struct session *s, struct exchange *e)
{
	const struct load_conf *conf = s->load->conf;
	nghttp2_data_provider body = {.read_callback = read_body_cb};
	bool has_body = e->out_left || e->messages;
	char digits[24];
	nghttp2_nv nv[6] = {
		pair(":method", e->request->method),
		pair(":scheme", conf->tls ? "https" : "http"),
		pair(":authority", conf->authority),
		pair(":path", e->request->path),
		pair("user-agent", "heapgate-load"),
	};
	size_t n = 5;

	if (has_body && !e->messages) {
		snprintf(digits, sizeof(digits), "%llu",
			 (unsigned long long)e->out_left);
		nv[n] = pair("content-length", digits);
		nv[n++].flags = NGHTTP2_NV_FLAG_NO_COPY_NAME;
	}
	e->id = nghttp2_submit_request(s->h2, NULL, nv, n, has_body ? &body : NULL, e);
	return e->id > 0 ? 0 : -1;
}

static void resume(struct session *s, struct exchange *e)
{
	if (!e->deferred)
		return;
	e->deferred = false;
	nghttp2_session_resume_data(s->h2, e->id);
}

static void session_opened(struct session *s)
{
	(void)s; /* SETTINGS wait since load_h2_init() */
}

static int input(struct session *s, char *data, size_t len)
{
	return nghttp2_session_mem_recv(s->h2, (uint8_t *)data, len) < 0 ? -1 : 0;
}

static int flush(struct session *s)
{
	return nghttp2_session_send(s->h2);
}

static void bye(struct session *s)
{
	nghttp2_submit_goaway(s->h2, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, NULL, 0);
}

static void free_session(struct session *s)
{
	nghttp2_session_del(s->h2);
	s->h2 = NULL;
}

/* --- memory ---------------------------------------------------------- */

static void *malloc_cb(size_t size, void *user)
{
	(void)user;
	return mem_alloc(MEM_NGHTTP2, size);
}

static void free_cb(void *p, void *user)
{
	(void)user;
	mem_free(MEM_NGHTTP2, p);
}

static void *calloc_cb(size_t n, size_t size, void *user)
{
	(void)user;
	return mem_zalloc(MEM_NGHTTP2, n, size);
}

static void *realloc_cb(void *p, size_t size, void *user)
{
	(void)user;
	return mem_realloc(MEM_NGHTTP2, p, size);
}

/* --- life ------------------------------------------------------------ */

int load_h2_init(struct session *s)
{
	/* A buffer of its own for each: they are made long before they send. */
	static nghttp2_mem mem = {NULL, malloc_cb, free_cb, calloc_cb, realloc_cb};
	static const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
	};

	s->user.loop = &s->load->loop;
	if (nghttp2_session_client_new3(&s->h2, s->load->kit.callbacks, s,
					s->load->kit.option, &mem) != 0)
		return -1;
	if (nghttp2_submit_settings(s->h2, NGHTTP2_FLAG_NONE, settings, 2) != 0)
		return -1;
	return nghttp2_session_set_local_window_size(s->h2, NGHTTP2_FLAG_NONE, 0,
						     CONN_WINDOW);
}

const struct session_ops load_h2_ops = {
	.start = start,
	.resume = resume,
	.open = session_opened,
	.input = input,
	.flush = flush,
	.bye = bye,
	.free = free_session,
};
