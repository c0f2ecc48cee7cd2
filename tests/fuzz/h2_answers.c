/*
 * As h2_differential.c, for the other role: feeds the same bytes of a server to a
 * client's session of ours and to one of nghttp2, with three requests each: a GET, a
 * POST whose body does not end, a HEAD.
 *
 * Ours is meant to be stricter in fields as h2_rules has them, in the limits of a
 * header block, and in these, see is_meant() and is_meant_reset():
 *
 *	- PUSH_PROMISE, also before the server knows that there is no push
 *	- PRIORITY on no stream, or of a wrong length
 *	- SETTINGS that have a value twice, or widen a stream's window too far (§6.9.2;
 *	  nghttp2 resets the stream)
 *	- too long padding in DATA that nobody wants
 *	- empty DATA between an interim head and the final one
 *	- WINDOW_UPDATE by 0 on a stream ends the connection
 *	- padding, and DATA that nobody wants, open the windows by our WINDOW_UPDATE
 *
 * and laxer in DATA without a head, which ends the stream alone; in the last id of a
 *second GOAWAY, which may not be above the first: no stream is left there; and in
 *SETTINGS that change what is of no meaning here.
 */
#include <nghttp2/nghttp2.h>

#include "h2_make.h"
#include "h2_seen.h"
#include "h2_wire.h"
#include "http/h2_message.h"
#include "http/h2_session.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define N_ASKED 3

/* In head: each head's fields, and END_HEAD or END_ALL behind them. */
#define END_HEAD "\1"
#define END_ALL  "\2"

struct asked {
	struct h2_stream h2;
	struct seen seen;  /* by ours */
	struct seen other; /* by nghttp2 */
	struct message req;
	struct body body;
};

static const char *const methods[N_ASKED] = {"GET", "POST", "HEAD"};
static struct asked asked[N_ASKED];
static struct h2_session ours;
static struct h2_conf conf;
static enum h2_fault ours_why;
static bool ours_over, theirs_over;
static uint32_t ours_code, theirs_code;
static char theirs_why[200];
static bool took_itself; /* theirs, bytes for the windows */
static nghttp2_session *theirs;
static nghttp2_session_callbacks *callbacks;
static nghttp2_option *option;
static struct h2_head head; /* of the frame that both have got last */
static const uint8_t *payload;

/* --- ours ----------------------------------------------------------------------- */

static struct asked *of_h2(struct h2_stream *s)
{
	return container_of(s, struct asked, h2);
}

static bool on_field(struct h2_session *h, struct h2_stream *s,
		     const struct h2_field *f, bool trailers)
{
	(void)h;
	must(!of_h2(s)->seen.closed && trailers == s->answered);
	seen_field(&of_h2(s)->seen.head, f->name.p, f->name.len, f->value.p,
		   f->value.len);
	return true;
}

static void on_head(struct h2_session *h, struct h2_stream *s, bool trailers)
{
	(void)h;
	(void)trailers;
	octets_add(&of_h2(s)->seen.head, s->in_ended ? END_ALL : END_HEAD, 1);
	of_h2(s)->seen.ended = s->in_ended;
}

static void on_data(struct h2_session *h, struct h2_stream *s, const uint8_t *p,
		    size_t len)
{
	must(s->answered && !of_h2(s)->seen.ended);
	octets_add(&of_h2(s)->seen.body, p, len);
	h2_consume(h, s, len);
}

static void on_end(struct h2_session *h, struct h2_stream *s)
{
	(void)h;
	of_h2(s)->seen.ended = true;
}

static void on_close(struct h2_session *h, struct h2_stream *s, uint32_t code)
{
	struct seen *seen = &of_h2(s)->seen;

	(void)h;
	must(!seen->closed);
	seen->closed = true;
	seen->code = code;
}

static void on_goaway(struct h2_session *h, uint32_t code)
{
	(void)h;
	(void)code;
}

static void on_fail(struct h2_session *h, enum h2_fault why)
{
	ours_over = true;
	ours_why = why;
	ours_code = h->end_code;
}

static const struct message *message(struct h2_stream *s)
{
	return &of_h2(s)->req;
}

static struct body *body(struct h2_stream *s)
{
	return &of_h2(s)->body;
}

static enum method asked_method(struct h2_stream *s)
{
	return of_h2(s)->req.method;
}

static void on_sent(struct h2_session *h, struct h2_stream *s, size_t n)
{
	(void)h, (void)s, (void)n;
}

static const struct h2_ops ops = {.on_field = on_field,
				  .on_head = on_head,
				  .on_data = on_data,
				  .on_end = on_end,
				  .on_close = on_close,
				  .on_goaway = on_goaway,
				  .on_fail = on_fail,
				  .message = message,
				  .body = body,
				  .asked = asked_method,
				  .on_sent = on_sent};

static void ask(unsigned int i)
{
	struct message *m = &asked[i].req;

	memset(&asked[i], 0, sizeof(asked[i]));
	message_init(m);
	m->method_text = str_of(methods[i], strlen(methods[i]));
	m->method = method_of(m->method_text);
	m->scheme = STR("http");
	m->authority = STR("x");
	m->path = STR("/");
	body_init(&asked[i].body, UINT32_MAX);
	asked[i].body.ended = m->method != METHOD_POST;
	must(h2_open(&ours, &asked[i].h2) == 0);
}

static void ours_begin(uint32_t window)
{
	conf = (struct h2_conf){
		.ops = &ops,
		.window_bytes = 100000,
		.stream_bytes = window,
		.max_block_bytes = 200000,
		.max_block_fields = 4000,
		.settings = {{H2_ENABLE_PUSH, 0}, {H2_INITIAL_WINDOW_SIZE, window}},
		.n_settings = 2};
	ours_over = false;
	must(h2_init(&ours, &conf, &wire.conn) == 0);
	for (unsigned int i = 0; i < N_ASKED; i++)
		ask(i);
}

static void ours_end(void)
{
	h2_fini(&ours);
	arena_reset(&wire.loop.tick);
	for (unsigned int i = 0; i < N_ASKED; i++) {
		body_fini(&asked[i].body);
		octets_free(&asked[i].seen.head);
		octets_free(&asked[i].seen.body);
		octets_free(&asked[i].other.head);
		octets_free(&asked[i].other.body);
	}
}

/* --- theirs --------------------------------------------------------------------- */

static struct seen *other(int32_t id)
{
	return (id & 1) && id > 0 && id <= 2 * N_ASKED - 1 ? &asked[id / 2].other
							   : NULL;
}

static int their_field(nghttp2_session *session, const nghttp2_frame *frame,
		       const uint8_t *name, size_t name_len, const uint8_t *value,
		       size_t value_len, uint8_t flags, void *user)
{
	(void)session, (void)flags, (void)user;
	seen_field(&other(frame->hd.stream_id)->head, name, name_len, value, value_len);
	return 0;
}

static int their_bad_field(nghttp2_session *session, const nghttp2_frame *frame,
			   const uint8_t *name, size_t name_len, const uint8_t *value,
			   size_t value_len, uint8_t flags, void *user)
{
	(void)session, (void)frame, (void)name, (void)name_len, (void)value;
	(void)value_len, (void)flags, (void)user;
	return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int their_begin(nghttp2_session *session, const nghttp2_frame_hd *hd, void *user)
{
	const struct seen *s = other(hd->stream_id);

	(void)session, (void)user;
	if (hd->type == NGHTTP2_DATA)
		took_itself |= (hd->flags & NGHTTP2_FLAG_PADDED) || !s || s->reset ||
			       s->closed;
	return 0;
}

static int their_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct seen *s = other(frame->hd.stream_id);
	bool ends = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;

	(void)session, (void)user;
	if (!s || frame->hd.type > NGHTTP2_HEADERS || s->closed)
		return 0;
	if (frame->hd.type == NGHTTP2_HEADERS)
		octets_add(&s->head, ends ? END_ALL : END_HEAD, 1);
	s->ended |= ends;
	return 0;
}

static int their_data(nghttp2_session *session, uint8_t flags, int32_t id,
		      const uint8_t *p, size_t len, void *user)
{
	(void)session, (void)flags, (void)user;
	octets_add(&other(id)->body, p, len);
	return 0;
}

static int their_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct seen *s = other(frame->hd.stream_id);

	(void)session, (void)user;
	if (frame->hd.type == NGHTTP2_RST_STREAM && s && !s->reset) {
		s->reset = true;
		s->code = frame->rst_stream.error_code;
	}
	if (frame->hd.type != NGHTTP2_GOAWAY || !frame->goaway.error_code)
		return 0;
	theirs_over = true;
	theirs_code = frame->goaway.error_code;
	snprintf(theirs_why, sizeof(theirs_why), "%.*s",
		 (int)frame->goaway.opaque_data_len,
		 (const char *)frame->goaway.opaque_data);
	return 0;
}

static int their_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
	(void)session, (void)user, (void)code;
	if (other(id))
		other(id)->closed = true;
	return 0;
}

static ssize_t their_body(nghttp2_session *session, int32_t id, uint8_t *to, size_t cap,
			  uint32_t *flags, nghttp2_data_source *source, void *user)
{
	(void)session, (void)id, (void)to, (void)cap, (void)flags, (void)source;
	(void)user;
	return NGHTTP2_ERR_DEFERRED;
}

static void theirs_send(void)
{
	const uint8_t *p;

	while (nghttp2_session_mem_send(theirs, &p) > 0)
		;
}

static void theirs_begin(uint32_t window)
{
	nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window}};
	nghttp2_data_provider provider = {.read_callback = their_body};

	theirs_over = false;
	took_itself = false;
	theirs_why[0] = 0;
	must(nghttp2_session_client_new2(&theirs, callbacks, NULL, option) == 0);
	must(nghttp2_submit_settings(theirs, NGHTTP2_FLAG_NONE, settings, 2) == 0);
	for (unsigned int i = 0; i < N_ASKED; i++) {
		nghttp2_nv nv[] = {{(uint8_t *)":method", (uint8_t *)methods[i], 7,
				    strlen(methods[i]), 0},
				   {(uint8_t *)":scheme", (uint8_t *)"http", 7, 4, 0},
				   {(uint8_t *)":path", (uint8_t *)"/", 5, 1, 0},
				   {(uint8_t *)":authority", (uint8_t *)"x", 10, 1, 0}};

		must(nghttp2_submit_request(theirs, NULL, nv, 4,
					    i == 1 ? &provider : NULL,
					    NULL) == (int32_t)(1 + 2 * i));
	}
	theirs_send();
}

/* --- what is meant -------------------------------------------------------------- */

/* Whether h2_rules takes what nghttp2 has taken. ended: END_STREAM came. */
static bool is_bad_answer(const struct octets *t, enum method method)
{
	struct h2_rules r;
	enum h2_head_kind kind = H2_ANSWER;

	h2_rules_begin(&r, kind, method);
	for (size_t at = 0; at < t->len;) {
		struct h2_field f = {0};
		const char *p = t->p + at;

		if (*p == *END_HEAD || *p == *END_ALL) {
			if (!h2_rules_end(&r, *p == *END_ALL))
				return true;
			if (r.status >= 200)
				kind = H2_TRAILERS;
			h2_rules_begin(&r, kind, method);
			at++;
			continue;
		}
		f.name = str_of(p, strlen(p));
		f.value = str_of(p + f.name.len + 1, strlen(p + f.name.len + 1));
		at += f.name.len + f.value.len + 2;
		h2_field_name(&f);
		if (h2_rules_field(&r, &f) == H2_FIELD_BAD)
			return true;
	}
	return false;
}

static bool is_meant_reset(const struct asked *a)
{
	if (a->h2.reset_code == H2_FLOW_CONTROL_ERROR)
		return took_itself;
	if (a->h2.reset_code != H2_PROTOCOL_ERROR)
		return false;
	if (head.type == H2_DATA && !a->h2.answered)
		return true; /* also when it is empty */
	if (head.type == H2_HEADERS && a->h2.answered &&
	    !(head.flags & (H2_END_STREAM | H2_END_HEADERS)))
		return true; /* nghttp2 will when the block ends */
	return is_bad_answer(&a->other.head, a->req.method);
}

static bool repeats_a_setting(void)
{
	for (size_t i = 0; i + 6 <= head.length; i += 6)
		for (size_t j = 0; j < i; j += 6)
			if (memcmp(payload + i, payload + j, 2) == 0)
				return true;
	return false;
}

static bool is_meant(void)
{
	switch (head.type) {
	case H2_PUSH_PROMISE:
		return true;
	case H2_WINDOW_UPDATE:
		return head.id && !h2_get31(payload);
	case H2_DATA:
		if (ours_code == H2_FLOW_CONTROL_ERROR)
			return took_itself;
		return (head.flags & H2_PADDED) &&
		       (!head.length || payload[0] >= head.length);
	case H2_SETTINGS:
		return ours_code == H2_FLOW_CONTROL_ERROR || repeats_a_setting();
	case H2_PRIORITY:
		return !head.id || head.length != 5;
	default:
		return ours_why == H2_FAULT_HEADERS;
	}
}

static bool is_meant_lax(void)
{
	if (strstr(theirs_why, "DATA: stream not opened"))
		return asked[head.id / 2].h2.reset_due;
	return strstr(theirs_why, "depend on itself") ||
	       strstr(theirs_why, "cannot be changed") ||
	       strstr(theirs_why, "attempted to disable") ||
	       strstr(theirs_why, "GOAWAY: invalid last_stream_id");
}

/* --- comparing ------------------------------------------------------------------ */

static bool is_same(const struct octets *a, const struct octets *b)
{
	return a->len == b->len && (!a->len || memcmp(a->p, b->p, a->len) == 0);
}

static void compare(const struct asked *a, int32_t id)
{
	if (a->seen.reset || a->other.reset)
		return;
	if (!is_same(&a->seen.head, &a->other.head))
		differ("stream %d: heads", id);
	if (!is_same(&a->seen.body, &a->other.body))
		differ("stream %d: %zu and %zu bytes of body", id, a->seen.body.len,
		       a->other.body.len);
	if (a->seen.ended != a->other.ended || a->seen.closed != a->other.closed)
		differ("stream %d: ended %d and %d, closed %d and %d", id,
		       a->seen.ended, a->other.ended, a->seen.closed, a->other.closed);
}

static void share_reset(struct asked *a, int32_t id)
{
	bool is_new = !a->seen.closed && a->h2.reset_due && !a->seen.reset;

	if (a->other.reset && !is_new && !a->seen.reset && !a->seen.closed)
		differ("stream %d: theirs alone resets it, with %u", id, a->other.code);
	if (a->other.reset && is_new && a->other.code != a->h2.reset_code)
		differ("stream %d: reset with %u and %u", id, a->h2.reset_code,
		       a->other.code);
	if (is_new && !a->other.reset) {
		if (!is_meant_reset(a))
			differ("stream %d: ours alone resets it, with %u", id,
			       a->h2.reset_code);
		must(nghttp2_submit_rst_stream(theirs, NGHTTP2_FLAG_NONE, id,
					       a->h2.reset_code) == 0);
		theirs_send();
	}
	a->seen.reset |= is_new;
}

static void share_windows(void)
{
	const uint8_t *p = (const uint8_t *)wire.out.p;
	struct h2_head h;

	for (size_t at = H2_MAGIC_BYTES * !memcmp(p, "PRI", 3); at < wire.out.len;
	     at += H2_HEAD_BYTES + h.length) {
		h2_get_head(p + at, &h);
		if (h.type == H2_WINDOW_UPDATE)
			nghttp2_submit_window_update(theirs, NGHTTP2_FLAG_NONE, h.id,
						     h2_get31(p + at + H2_HEAD_BYTES));
	}
}

static void turn(void)
{
	wire.out.len = 0;
	h2_send(&ours);
	if (wire.out.len)
		share_windows();
	theirs_send();
}

static void compare_ends(void)
{
	if (ours_over && !theirs_over && !is_meant())
		differ("ours alone ends it, with %u, after a frame of type %u",
		       ours_code, head.type);
	if (theirs_over && !ours_over && !is_meant_lax())
		differ("theirs alone ends it, with %u, after type %u: %s", theirs_code,
		       head.type, theirs_why);
}

/* Returns: whether both go on. */
static bool after_frame(void)
{
	theirs_send();
	compare_ends();
	if (ours_over || theirs_over)
		return false;
	for (unsigned int i = 0; i < N_ASKED; i++)
		share_reset(&asked[i], (int32_t)(1 + 2 * i));
	turn();
	for (unsigned int i = 0; i < N_ASKED; i++)
		compare(&asked[i], (int32_t)(1 + 2 * i));
	return nghttp2_session_want_read(theirs);
}

static void run(const struct program *p)
{
	const uint8_t *at = (const uint8_t *)p->out.p;
	size_t left = p->out.len;
	size_t chunk = p->chunk_bytes;

	turn();
	while (left >= H2_HEAD_BYTES) {
		size_t n;

		h2_get_head(at, &head);
		payload = at + H2_HEAD_BYTES;
		n = H2_HEAD_BYTES + head.length;
		if (n > left)
			break;
		if (nghttp2_session_mem_recv(theirs, at, n) < 0 && !theirs_over) {
			theirs_over = true;
			theirs_code = H2_ENHANCE_YOUR_CALM;
		}
		for (size_t done = 0, m; done < n; done += m) {
			m = chunk && chunk < n - done ? chunk : n - done;
			h2_recv(&ours, at + done, m);
		}
		at += n;
		left -= n;
		if (!after_frame())
			return;
	}
	if (left)
		h2_recv(&ours, at, left);
	turn();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	nghttp2_session_callbacks *c;

	(void)argc;
	(void)argv;
	wire_init();
	must(nghttp2_session_callbacks_new(&callbacks) == 0);
	must(nghttp2_option_new(&option) == 0);
	c = callbacks;
	nghttp2_session_callbacks_set_on_header_callback(c, their_field);
	nghttp2_session_callbacks_set_on_invalid_header_callback(c, their_bad_field);
	nghttp2_session_callbacks_set_on_frame_recv_callback(c, their_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, their_data);
	nghttp2_session_callbacks_set_on_frame_send_callback(c, their_sent);
	nghttp2_session_callbacks_set_on_stream_close_callback(c, their_close);
	nghttp2_session_callbacks_set_on_begin_frame_callback(c, their_begin);
	nghttp2_option_set_no_auto_window_update(option, 1);
	nghttp2_option_set_max_settings(option, 32);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct program p;
	uint32_t window;

	if (size > 65536)
		return 0;
	program_make(&p, data, size, true, 2 * N_ASKED - 1);
	window = p.bits & PROGRAM_NARROW ? 1000 : 30000;
	ours_begin(window);
	theirs_begin(window);
	run(&p);
	nghttp2_session_del(theirs);
	ours_end();
	octets_free(&p.out);
	return 0;
}
