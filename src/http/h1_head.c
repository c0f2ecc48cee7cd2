#include "base/must.h"
#include "http/chars.h"
#include "http/h1_inner.h"

#define MAX_METHOD_BYTES 32
/* Room in m->headers for what the proxy itself will add. */
#define SPARE_FIELDS 8
#define HEAD_SLACK   64 /* for what is added to a head, and its alignment */

/* What the fields of a head say about the message and the connection. */
struct facts {
	struct str host;
	uint64_t length;
	unsigned int n_hosts;
	unsigned int n_lengths;
	unsigned int n_codings; /* elements of Transfer-Encoding */
	unsigned int n_options; /* elements of Connection */
	bool length_is_bad;
	bool coding_is_bad;  /* not a list of codings with chunked last */
	bool coding_is_last; /* chunked was seen */
	bool coding_is_other;
	bool close;
	bool keep_alive;
	bool upgrade;   /* Connection says so */
	bool websocket; /* Upgrade names it */
	bool hop;       /* fields_end_hop() has work to do */
	bool expect_continue;
	bool expect_other;
};

static const char no_memory[] = "no memory";

static char *skip_blanks(char *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

static const char *why_no_name(const char *name, const char *p)
{
	if (p == name && (*p == ' ' || *p == '\t'))
		return "folded line";
	if (*p == ' ' || *p == '\t')
		return "space in or after a field name";
	return p == name && *p == ':' ? "empty field name" : "bad field name";
}

const char *h1_parse_field(char **at, const char *section_end, struct field *f)
{
	char *name = *at;
	char *p = name + token_fold(name, section_end);
	char *value;
	char *end;

	if (*p != ':' || p == name)
		return why_no_name(name, p);
	if (p - name > UINT16_MAX)
		return "field name too long";
	value = skip_blanks(p + 1);
	end = value + value_span(str_of(value, (size_t)(section_end - value)));
	if (end[0] != '\r' || end[1] != '\n')
		return "control in a field value";
	*at = end + 2;
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	f->name = name;
	f->name_len = (uint16_t)(p - name);
	f->value = value;
	f->value_len = (uint32_t)(end - value);
	f->id = (uint8_t)field_id_of(name, f->name_len);
	f->never_index = false;
	return NULL;
}

static void note_length(struct facts *k, const struct field *f)
{
	uint64_t n = 0;

	if (!str_u64(field_value(f), &n) || n > INT64_MAX)
		k->length_is_bad = true;
	if (k->n_lengths++ && n != k->length)
		k->length_is_bad = true;
	k->length = n;
}

static void note_coding(struct facts *k, const struct field *f)
{
	struct str rest = field_value(f);
	struct str part;

	while (str_split(&rest, ',', &part)) {
		part = str_trim(part);
		k->n_codings++;
		if (!part.len || k->coding_is_last)
			k->coding_is_bad = true;
		if (str_eq_nocase(part, STR("chunked")))
			k->coding_is_last = true;
		else
			k->coding_is_other = true;
	}
}

/* Options about the connection alone. Returns: whether it is one. */
static bool note_option(struct facts *k, struct str option)
{
	if (str_eq_nocase(option, STR("keep-alive")))
		k->keep_alive = true;
	else if (str_eq_nocase(option, STR("close")))
		k->close = true;
	else if (str_eq_nocase(option, STR("upgrade")))
		k->upgrade = true;
	else
		return !option.len;
	return true;
}

/* Returns: whether it names fields, so that it is needed once more. */
static bool note_connection(struct facts *k, const struct field *f)
{
	struct str rest = field_value(f);
	struct str part;
	bool names = false;

	if (str_eq_nocase(rest, STR("keep-alive"))) { /* as it mostly is */
		k->n_options++;
		k->keep_alive = true;
		return false;
	}
	while (str_split(&rest, ',', &part)) {
		k->n_options++;
		if (!note_option(k, str_trim(part)))
			names = true;
	}
	k->hop = k->hop || names;
	return names;
}

static void note_expect(struct facts *k, const struct field *f)
{
	if (str_eq_nocase(field_value(f), STR("100-continue")))
		k->expect_continue = true;
	else
		k->expect_other = true;
}

/* Returns: whether the field stays in the message. */
static bool note(struct facts *k, const struct field *f)
{
	switch (f->id) {
	case FIELD_HOST:
		k->host = field_value(f);
		k->n_hosts++;
		return true;
	case FIELD_CONTENT_LENGTH:
		note_length(k, f);
		return k->n_lengths == 1;
	case FIELD_TRANSFER_ENCODING:
		note_coding(k, f);
		return false;
	case FIELD_CONNECTION:
		return note_connection(k, f);
	case FIELD_UPGRADE:
		k->websocket = k->websocket || field_lists(f, STR("websocket"));
		return false;
	case FIELD_EXPECT:
		note_expect(k, f);
		return true;
	case FIELD_TE:
		k->hop = true;
		return true;
	case FIELD_HTTP2_SETTINGS:
	case FIELD_KEEP_ALIVE:
	case FIELD_PROXY_CONNECTION:
		return false;
	default:
		return true;
	}
}

/* p: behind the first line; end: behind the empty line. */
static enum h1_result parse_fields(struct h1 *h, char *p, const char *end,
				   struct message *m, struct facts *k)
{
	while (p < end - 2) {
		struct field f;
		const char *why = h1_parse_field(&p, end, &f);

		if (why)
			return h1_fail(h, 400, why);
		if (note(k, &f))
			fields_push(&m->headers, f);
	}
	if (k->n_options > H1_MAX_OPTIONS)
		return h1_fail(h, 400, "too many connection options");
	if (k->hop)
		fields_end_hop(&m->headers);
	return H1_HEAD;
}

/* "HTTP/1.0" or "HTTP/1.1". Returns: what to answer otherwise, or 0. */
static unsigned int parse_version(const char *p, size_t len, struct message *m)
{
	if (len != 8 || memcmp(p, "HTTP/", 5) != 0 || p[6] != '.')
		return 400;
	if (hex_digit(p[5]) > 9 || hex_digit(p[7]) > 9)
		return 400;
	if (p[5] != '1' || p[7] > '1')
		return 505;
	m->minor_version = (uint8_t)(p[7] - '0');
	return 0;
}

/* Returns: NULL when the method is not followed by one space. */
static const char *parse_method(const char *p, struct message *m)
{
	const char *start = p;

	while (char_is(*p, CHAR_TOKEN))
		p++;
	if (p == start || *p != ' ')
		return NULL;
	m->method_text = str_of(start, (size_t)(p - start));
	m->method = method_of(m->method_text);
	return p + 1;
}

/* The line is line[0..len), CR and LF last. */
static enum h1_result parse_request_line(struct h1 *h, const char *line, size_t len,
					 struct message *m, struct str *target)
{
	const char *end = line + len - 2;
	const char *p = parse_method(line, m);
	const char *start = p;
	unsigned int status;

	if (!p)
		return h1_fail(h, 400, "bad method");
	if (m->method_text.len > MAX_METHOD_BYTES)
		return h1_fail(h, 501, "method too long");
	while (char_is(*p, CHAR_TARGET))
		p++;
	if (p == start || *p != ' ')
		return h1_fail(h, 400, "bad request target");
	*target = str_of(start, (size_t)(p - start));
	p++;
	status = parse_version(p, (size_t)(end - p), m);
	if (status == 505)
		return h1_fail(h, status, "HTTP version not supported");
	return status ? h1_fail(h, status, "bad HTTP version") : H1_HEAD;
}

static enum h1_result parse_status_line(struct h1 *h, const char *line, size_t len,
					struct message *m)
{
	const char *end = line + len - 2;
	const char *p = line + 9;
	uint64_t status;

	if (len < sizeof("HTTP/1.1 200\r\n") - 1 || parse_version(line, 8, m) ||
	    line[8] != ' ')
		return h1_fail(h, 502, "bad HTTP version");
	if (!str_u64(str_of(p, 3), &status) || status < 100 || status > 599)
		return h1_fail(h, 502, "bad status");
	p += 3;
	if (p < end && *p != ' ')
		return h1_fail(h, 502, "bad status");
	while (char_is(*p, CHAR_VALUE))
		p++;
	if (p != end)
		return h1_fail(h, 502, "bad reason phrase");
	m->status = (uint16_t)status;
	return H1_HEAD;
}

/* "http://host/path". Returns: NULL, or why it is none. */
static const char *parse_absolute(struct str t, struct message *m, struct arena *a)
{
	size_t at;
	char *path;

	if (t.len >= 7 && str_eq_nocase(str_of(t.p, 7), STR("http://")))
		m->scheme = STR("http");
	else if (t.len >= 8 && str_eq_nocase(str_of(t.p, 8), STR("https://")))
		m->scheme = STR("https");
	else
		return "bad request target";
	t = str_of(t.p + m->scheme.len + 3, t.len - m->scheme.len - 3);
	for (at = 0; at < t.len && t.p[at] != '/' && t.p[at] != '?'; at++)
		;
	m->authority = str_of(t.p, at);
	if (!is_authority(m->authority))
		return "bad authority";
	m->path = str_of(t.p + at, t.len - at);
	if (m->path.len && m->path.p[0] == '/')
		return NULL;
	if (!m->path.len) {
		m->path = m->method == METHOD_OPTIONS ? STR("*") : STR("/");
		return NULL;
	}
	path = arena_bytes(a, m->path.len + 1);
	if (!path)
		return no_memory;
	path[0] = '/';
	memcpy(path + 1, m->path.p, m->path.len);
	m->path = str_of(path, m->path.len + 1);
	return NULL;
}

static const char *parse_target(struct str t, struct message *m, struct arena *a)
{
	if (m->method == METHOD_CONNECT) {
		/* authority-form needs a port (RFC 9112 §3.2.3) */
		if (!is_authority(t) || !memchr(t.p, ':', t.len) ||
		    t.p[t.len - 1] == ':' || t.p[t.len - 1] == ']')
			return "bad request target";
		m->authority = t;
		return NULL;
	}
	if (t.p[0] == '/') {
		m->path = t;
		return NULL;
	}
	if (str_eq(t, STR("*")) && m->method == METHOD_OPTIONS) {
		m->path = t;
		return NULL;
	}
	return parse_absolute(t, m, a);
}

/* RFC 9112 §3.2: exactly one in 1.1, and the target's authority wins. */
static enum h1_result check_host(struct h1 *h, struct message *m, const struct facts *k)
{
	if (k->n_hosts > 1)
		return h1_fail(h, 400, "more than one Host");
	if (!k->n_hosts && m->minor_version)
		return h1_fail(h, 400, "no Host");
	if (k->host.len && !is_authority(k->host))
		return h1_fail(h, 400, "bad Host");
	if (!m->authority.len) {
		m->authority = k->host;
		return H1_HEAD;
	}
	for (unsigned int i = 0; i < m->headers.n; i++) {
		struct field *f = &m->headers.at[i];

		if (f->id != FIELD_HOST)
			continue;
		m->headers.bytes += (uint32_t)m->authority.len - f->value_len;
		f->value = m->authority.p;
		f->value_len = (uint32_t)m->authority.len;
	}
	return H1_HEAD;
}

/* RFC 9112 §6.1 to §6.3, as far as both sides agree; no smuggling. */
static enum h1_result check_framing(struct h1 *h, const struct message *m,
				    const struct facts *k)
{
	if (k->length_is_bad)
		return h1_fail(h, 400, "bad Content-Length");
	if (!k->n_codings)
		return H1_HEAD;
	if (k->n_lengths)
		return h1_fail(h, 400, "Content-Length and Transfer-Encoding");
	if (!m->minor_version)
		return h1_fail(h, 400, "Transfer-Encoding in HTTP/1.0");
	if (k->coding_is_bad)
		return h1_fail(h, 400, "bad Transfer-Encoding");
	if (k->coding_is_other)
		return h1_fail(h, 501, "unknown transfer coding");
	return H1_HEAD;
}

static void set_framing(struct h1 *h, struct message *m, enum h1_framing framing)
{
	static const uint8_t states[] = {
		[H1_NONE] = H1_AT_DONE,          [H1_LENGTH] = H1_AT_BODY,
		[H1_CHUNKED] = H1_AT_SIZE_START, [H1_CLOSE] = H1_AT_REST,
		[H1_TUNNEL] = H1_AT_REST,
	};

	h->framing = framing;
	h->state = states[framing];
	h->left_bytes = framing == H1_LENGTH ? (uint64_t)m->content_length : 0;
	m->no_body = framing == H1_NONE;
}

static void set_length(struct h1 *h, struct message *m, const struct facts *k)
{
	if (k->n_lengths)
		m->content_length = (int64_t)k->length;
	if (k->n_codings)
		set_framing(h, m, H1_CHUNKED);
	else if (m->content_length > 0)
		set_framing(h, m, H1_LENGTH);
	else if (k->n_lengths || !h->is_response)
		set_framing(h, m, H1_NONE);
	else
		set_framing(h, m, H1_CLOSE);
}

/* RFC 9112 §9.3. */
static bool stays_open(const struct message *m, const struct facts *k)
{
	return !k->close && (m->minor_version || k->keep_alive);
}

static enum h1_result check_expect(struct h1 *h, struct message *m,
				   const struct facts *k)
{
	if (k->expect_other)
		return h1_fail(h, 417, "unknown expectation");
	if (!m->minor_version) /* RFC 9110 §10.1.1: ignored in 1.0 */
		fields_remove(&m->headers, FIELD_EXPECT);
	else
		m->expect_continue = k->expect_continue && !m->no_body;
	return H1_HEAD;
}

static enum h1_result check_request(struct h1 *h, struct message *m,
				    const struct facts *k)
{
	if (check_framing(h, m, k) == H1_ERROR || check_host(h, m, k) == H1_ERROR)
		return H1_ERROR;
	set_length(h, m, k);
	if (m->method == METHOD_CONNECT && !m->no_body)
		return h1_fail(h, 400, "CONNECT with content");
	h->keep_alive = stays_open(m, k);
	/* An upgrade behind content would start in the middle of it. */
	if (k->upgrade && k->websocket && m->method == METHOD_GET && m->minor_version &&
	    m->no_body)
		m->protocol = STR("websocket");
	return check_expect(h, m, k);
}

/* The switch to another protocol must have been asked for. */
static enum h1_result check_switch(struct h1 *h, const struct message *m,
				   const struct facts *k)
{
	if (m->status != 101)
		return H1_HEAD;
	if (!str_eq_nocase(m->protocol, STR("websocket")) || !k->upgrade ||
	    !k->websocket)
		return h1_fail(h, 502, "unasked-for upgrade");
	return H1_HEAD;
}

/* Ends with its head whatever that says (RFC 9112 §6.3). */
static bool has_no_body(const struct message *m)
{
	return m->status < 200 || m->status == 204 || m->status == 304 ||
	       m->method == METHOD_HEAD;
}

/* An extended CONNECT is a GET here, so that its 2xx is a refusal. */
static bool starts_tunnel(const struct message *m)
{
	return m->status == 101 || (m->method == METHOD_CONNECT && !m->protocol.len &&
				    m->status / 100 == 2);
}

static void forget_length(struct message *m)
{
	m->content_length = LENGTH_UNKNOWN;
	fields_remove(&m->headers, FIELD_CONTENT_LENGTH);
}

static enum h1_result check_response(struct h1 *h, struct message *m,
				     const struct facts *k)
{
	if (check_framing(h, m, k) == H1_ERROR || check_switch(h, m, k) == H1_ERROR)
		return H1_ERROR;
	set_length(h, m, k);
	/* RFC 9112 §6.1: neither belongs here; what follows is anyone's guess. */
	if (m->status < 200 || m->status == 204) {
		if (k->n_codings || (k->n_lengths && k->length))
			return h1_fail(h, 502, "content where there can be none");
		forget_length(m);
	}
	if (starts_tunnel(m)) {
		forget_length(m);
		set_framing(h, m, H1_TUNNEL);
	} else if (has_no_body(m)) {
		set_framing(h, m, H1_NONE);
	}
	h->keep_alive =
		stays_open(m, k) && h->framing != H1_CLOSE && h->framing != H1_TUNNEL;
	/* Allowed, but some read chunks then: what follows is in doubt. */
	if (m->status == 304 && k->n_codings)
		h->keep_alive = false;
	return H1_HEAD;
}

/* Keeps what the message says of the request it answers. */
static void start_response(struct message *m)
{
	struct message old = *m;

	message_init(m);
	m->method = old.method;
	m->method_text = old.method_text;
	m->protocol = old.protocol;
}

/* data[0..len) is a whole head, which goes into the arena in one copy. */
static enum h1_result parse_head(struct h1 *h, const char *data, size_t len,
				 struct message *m, struct arena *a)
{
	const size_t fields_bytes =
		(h->n_lines + SPARE_FIELDS) * sizeof(struct field) + HEAD_SLACK;
	char *p;
	char *fields;
	struct str target = {NULL, 0};
	struct facts k = {.n_hosts = 0};
	enum h1_result r;

	arena_expect(a, len + fields_bytes);
	p = arena_bytes(a, len);
	arena_expect(a, fields_bytes);
	if (!p || fields_room(&m->headers, a, h->n_lines + SPARE_FIELDS) < 0)
		return h1_fail(h, 503, no_memory);
	memcpy(p, data, len);
	fields = p + (find_lf(p, p + len) - p) + 1;
	if (h->is_response)
		r = parse_status_line(h, p, (size_t)(fields - p), m);
	else
		r = parse_request_line(h, p, (size_t)(fields - p), m, &target);
	if (r == H1_ERROR || parse_fields(h, fields, p + len, m, &k) == H1_ERROR)
		return H1_ERROR;
	if (h->is_response)
		return check_response(h, m, &k);
	h->reason = parse_target(target, m, a);
	if (h->reason)
		return h1_fail(h, h->reason == no_memory ? 503 : 400, h->reason);
	return check_request(h, m, &k);
}

enum h1_result h1_read_head(struct h1 *h, const char *data, size_t len, size_t *used,
			    struct message *m, struct arena *a)
{
	size_t skip;
	size_t n;
	enum h1_result r;

	*used = 0;
	if (h->state == H1_AT_ERROR)
		return H1_ERROR;
	must(h->state == H1_AT_HEAD);
	r = h1_scan(h, data, len);
	if (r != H1_DONE)
		return r;
	n = h->scanned;
	skip = data[0] == '\r' && data[1] == '\n' ? 2 : 0;
	if (h->is_response)
		start_response(m);
	else
		message_init(m);
	r = parse_head(h, data + skip, n - skip, m, a);
	if (r == H1_HEAD)
		*used = n;
	return r;
}
