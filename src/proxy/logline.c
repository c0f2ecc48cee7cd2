#include "proxy/logline.h"

#include <stdio.h>
#include <string.h>

#include "proxy/front.h"
#include "proxy/stream.h"

/* The most that is logged of one text, in bytes before they are escaped. */
#define MAX_METHOD    64
#define MAX_AUTHORITY 260
#define MAX_PATH      4096
#define MAX_FIELD     1024
#define MAX_NAME      256
#define MAX_CLIENT    sizeof(((struct front *)0)->client)

/* What the longest escape makes of one byte: \u0001. */
#define ESCAPED 6
/* Names, numbers, punctuation and time of a line, well rounded up. */
#define FIXED_BYTES 1024

static const char hex_lower[] = "0123456789abcdef";
static const char hex_upper[] = "0123456789ABCDEF";

/* --- pieces of text -------------------------------------------------- */

static char *put(char *to, struct str s)
{
	memcpy(to, s.p, s.len);
	return to + s.len;
}

#define PUT(to, literal) put((to), STR(literal))

static char *put_u64(char *to, uint64_t v)
{
	char digits[20];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + v % 10);
	while (v /= 10);
	memcpy(to, digits + at, sizeof(digits) - at);
	return to + (sizeof(digits) - at);
}

static char *put_3(char *to, unsigned int v)
{
	to[0] = (char)('0' + v / 100 % 10);
	to[1] = (char)('0' + v / 10 % 10);
	to[2] = (char)('0' + v % 10);
	return to + 3;
}

static struct str clip(struct str s, size_t max)
{
	return str_of(s.p, s.len < max ? s.len : max);
}

static struct str clip_z(const char *z, size_t max)
{
	return str_of(z, z ? strnlen(z, max) : 0);
}

static struct str field_of(const struct stream *s, enum field_id id)
{
	const struct field *f = fields_get(&s->req.headers, id);

	return f ? clip(field_value(f), MAX_FIELD) : str_of(NULL, 0);
}

/* --- JSON ------------------------------------------------------------ */

static bool is_cont(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/* The length of the UTF-8 sequence of more than one byte at p (RFC 3629 §4);
 * 0: it is none. */
static size_t utf8_len(const char *text, size_t left)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n = p[0] < 0xc2   ? 0
		   : p[0] < 0xe0 ? 2
		   : p[0] < 0xf0 ? 3
		   : p[0] < 0xf5 ? 4
				 : 0;

	if (!n || n > left || !is_cont(p[1]))
		return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	for (size_t i = 2; i < n; i++)
		if (!is_cont(p[i]))
			return 0;
	return n;
}

static char *put_escape(char *to, unsigned char c)
{
	static const char names[] = "\"\"\\\\\bb\ff\nn\rr\tt";

	*to++ = '\\';
	for (const char *n = names; *n; n += 2) {
		if ((unsigned char)n[0] == c) {
			*to++ = n[1];
			return to;
		}
	}
	to = PUT(to, "u00");
	*to++ = hex_lower[c >> 4];
	*to++ = hex_lower[c & 15];
	return to;
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* What stands between the quotes. Bytes that are not UTF-8 become U+FFFD: a
 * reader of the log must never meet a line that is no JSON. */
static char *put_json(char *to, struct str s)
{
	size_t n;

	for (size_t i = 0; i < s.len; i += n) {
		unsigned char c = (unsigned char)s.p[i];

		n = 1;
		if (is_plain(c)) {
			*to++ = s.p[i];
		} else if (c < 0x80) {
			to = put_escape(to, c);
		} else if ((n = utf8_len(s.p + i, s.len - i))) {
			to = put(to, str_of(s.p + i, n));
		} else {
			to = PUT(to, "\\ufffd");
			n = 1;
		}
	}
	return to;
}

/* key: with its comma, quotes and colon. */
static char *json_text(char *to, struct str key, struct str value)
{
	to = put(to, key);
	if (!value.p)
		return PUT(to, "null");
	*to++ = '"';
	to = put_json(to, value);
	*to++ = '"';
	return to;
}

static char *json_u64(char *to, struct str key, uint64_t value)
{
	return put_u64(put(to, key), value);
}

#define TEXT(to, key, value) json_text((to), STR(",\"" key "\":"), (value))
#define U64(to, key, value)  json_u64((to), STR(",\"" key "\":"), (value))

/* --- what is known of a stream --------------------------------------- */

static struct str end_name(unsigned int end)
{
	static const char *const names[] = {
		[STREAM_DONE] = "done",
		[STREAM_CANCELLED] = "cancelled",
		[STREAM_REFUSED] = "refused",
		[STREAM_STALE] = "stale",
		[STREAM_UNREACHABLE] = "unreachable",
		[STREAM_BROKEN] = "broken",
		[STREAM_TIMEOUT] = "timeout",
		[STREAM_NO_MEMORY] = "no_memory",
	};

	return end < sizeof(names) / sizeof(*names) ? str_z(names[end]) : STR("");
}

static struct str client_of(const struct stream *s)
{
	return clip_z(s->front ? s->front->client : NULL, MAX_CLIENT);
}

/* The server that was asked last; a back that is done has forgotten it. */
static const struct server *server_of(const struct stream *s)
{
	if (s->server || !s->n_tried)
		return s->server;
	return s->tried[s->n_tried - 1];
}

static struct str upstream_name(const struct stream *s)
{
	const struct server *server = server_of(s);

	if (server)
		return clip_z(server->upstream->conf->name, MAX_NAME);
	return clip_z(s->route ? s->route->upstream : NULL, MAX_NAME);
}

static struct str server_name(const struct stream *s)
{
	const struct server *server = server_of(s);

	return clip_z(server ? server->conf->text : NULL, MAX_NAME);
}

/* Body bytes that the client got: what it did not take is not counted. */
static uint64_t bytes_out(const struct stream *s)
{
	return s->res_body.total_bytes - s->res_body.bytes;
}

static uint64_t since(uint64_t from_us, uint64_t to_us)
{
	return to_us > from_us ? to_us - from_us : 0;
}

/* --- time ------------------------------------------------------------ */

static void put_common(char to[32], uint64_t wall_us)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct clock_date d;

	clock_date(wall_us, &d);
	snprintf(to, 32, "%02u/%.3s/%04u:%02u:%02u:%02u +0000", d.day,
		 months + 3 * (d.month - 1), (unsigned int)d.year % 10000u, d.hour,
		 d.minute, d.second);
}

/* Both texts change once per second only. */
static void set_second(struct logline *l, uint64_t wall_us)
{
	uint64_t second = wall_us / 1000000u;

	if (second == l->second)
		return;
	l->second = second;
	clock_rfc3339(wall_us, l->rfc3339);
	put_common(l->common, wall_us);
}

/* --- lines ----------------------------------------------------------- */

void logline_init(struct logline *l, const char *arm, unsigned int worker)
{
	char *to = l->process;
	struct str text = clip_z(arm ? arm : "", 64);

	l->second = UINT64_MAX;
	to = U64(to, "worker", worker);
	to = TEXT(to, "arm", text);
	l->process_len = (size_t)(to - l->process);
}

size_t logline_bound(const struct stream *s)
{
	size_t n = clip(s->req.method_text, MAX_METHOD).len +
		   clip(s->req.authority, MAX_AUTHORITY).len +
		   clip(s->req.path, MAX_PATH).len + field_of(s, FIELD_REFERER).len +
		   field_of(s, FIELD_USER_AGENT).len + upstream_name(s).len +
		   server_name(s).len + MAX_CLIENT;

	return FIXED_BYTES + ESCAPED * n;
}

static char *put_protocol(char *to, const struct stream *s, struct str h2)
{
	if (s->is_h2)
		return put(to, h2);
	to = PUT(to, "HTTP/1.");
	*to++ = (char)('0' + s->req.minor_version % 10);
	return to;
}

/* The bytes that nginx escapes, in its way: an empty text is "-". */
static char *put_combined(char *to, struct str s)
{
	if (!s.len)
		*to++ = '-';
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (is_plain(c)) {
			*to++ = s.p[i];
			continue;
		}
		to = PUT(to, "\\x");
		*to++ = hex_upper[c >> 4];
		*to++ = hex_upper[c & 15];
	}
	return to;
}

static char *put_request(char *to, const struct stream *s)
{
	struct str target = s->req.path.len ? clip(s->req.path, MAX_PATH)
					    : clip(s->req.authority, MAX_AUTHORITY);

	if (!s->req.method_text.len) /* none that could be read */
		return PUT(to, "-");
	to = put_combined(to, clip(s->req.method_text, MAX_METHOD));
	*to++ = ' ';
	to = put_combined(to, target);
	*to++ = ' ';
	return put_protocol(to, s, STR("HTTP/2.0"));
}

char *logline_combined(struct logline *l, char *to, const struct stream *s,
		       uint64_t wall_us, bool memory)
{
	unsigned int status = s->res.status;

	if (!status && s->end == STREAM_CANCELLED)
		status = 499;
	set_second(l, wall_us);
	to = put_combined(to, client_of(s));
	to = PUT(to, " - - [");
	to = put(to, str_z(l->common));
	to = PUT(to, "] \"");
	to = put_request(to, s);
	to = PUT(to, "\" ");
	to = put_3(to, status);
	*to++ = ' ';
	to = put_u64(to, bytes_out(s));
	to = PUT(to, " \"");
	to = put_combined(to, field_of(s, FIELD_REFERER));
	to = PUT(to, "\" \"");
	to = put_combined(to, field_of(s, FIELD_USER_AGENT));
	*to++ = '"';
	if (memory) {
		*to++ = ' ';
		to = put_u64(to, stream_mem_peak(s));
		*to++ = ' ';
		to = put_u64(to, stream_n_allocs(s));
	}
	return PUT(to, "\n");
}

static char *put_asked(char *to, const struct stream *s)
{
	to = TEXT(to, "client", client_of(s));
	to = TEXT(to, "method", clip(s->req.method_text, MAX_METHOD));
	to = TEXT(to, "authority", clip(s->req.authority, MAX_AUTHORITY));
	to = TEXT(to, "path", clip(s->req.path, MAX_PATH));
	to = PUT(to, ",\"protocol\":\"");
	to = put_protocol(to, s, STR("HTTP/2"));
	return PUT(to, "\"");
}

static char *put_answered(char *to, const struct stream *s, uint64_t mono_us)
{
	to = U64(to, "status", s->res.status);
	to = U64(to, "bytes_in", s->req_body.total_bytes);
	to = U64(to, "bytes_out", bytes_out(s));
	to = U64(to, "duration_us", since(s->started_us, mono_us));
	to = TEXT(to, "upstream", upstream_name(s));
	to = TEXT(to, "server", server_name(s));
	if (!s->local && s->sent_us && s->answered_us)
		to = U64(to, "server_us", since(s->sent_us, s->answered_us));
	else
		to = PUT(to, ",\"server_us\":null");
	to = U64(to, "tries", s->n_tried);
	to = U64(to, "mem_peak", stream_mem_peak(s));
	to = U64(to, "allocs", stream_n_allocs(s));
	return TEXT(to, "end", end_name(s->end));
}

char *logline_json(struct logline *l, char *to, const struct stream *s,
		   uint64_t wall_us, uint64_t mono_us)
{
	set_second(l, wall_us);
	to = PUT(to, "{\"time\":\"");
	to = put(to, str_of(l->rfc3339, 20)); /* up to and with the point */
	to = put_3(to, (unsigned int)(wall_us / 1000u % 1000u));
	to = PUT(to, "Z\"");
	to = put(to, str_of(l->process, l->process_len));
	to = put_asked(to, s);
	to = put_answered(to, s, mono_us);
	to = TEXT(to, "referer", field_of(s, FIELD_REFERER));
	to = TEXT(to, "user_agent", field_of(s, FIELD_USER_AGENT));
	return PUT(to, "}\n");
}
