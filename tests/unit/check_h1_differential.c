/*
 * The codec beside another parser, libhttp-parser, on generated and mutated
 * messages. Where we accept a message and the other one refuses it, or sees
 * other bytes in it, one of the two can be deceived: that fails. Where we
 * refuse what the other accepts, the reason must be among those explained.
 *
 * H1_ROUNDS=n: how many messages of each kind (100,000).
 */
#include <check.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "h1_case.h"
#include "h1_corpus.h"

#if __has_include(<http_parser.h>)
#include <http_parser.h>

#define MAX_BYTES 2048

/* Why we refuse what the other one takes. */
static const struct {
	const char *reason;
	const char *why;
} explained[] = {
	{"bare LF", "RFC 9112 §2.2 allows it; it is how requests are smuggled"},
	{"bare CR", "RFC 9112 §2.2: invalid"},
	{"folded line", "RFC 9112 §5.2: obs-fold is refused"},
	{"control in a field value", "RFC 9110 §5.5: CR, LF and NUL are dangerous"},
	{"bad field name", "RFC 9110 §5.6.2"},
	{"empty field name", "RFC 9110 §5.1"},
	{"space in or after a field name", "RFC 9112 §5.1"},
	{"not HTTP/1", "only one empty line may come first (RFC 9112 §2.2)"},
	{"no Host", "RFC 9112 §3.2"},
	{"more than one Host", "RFC 9112 §3.2"},
	{"bad Host", "RFC 9112 §3.2, the other one does not look"},
	{"bad authority", "userinfo, or no host (RFC 9110 §4.2.4)"},
	{"bad request target", "RFC 9112 §3.2; the other one takes fragments, "
			       "other schemes, forms of other methods"},
	{"bad method", "the other one skips empty lines; see there"},
	{"HTTP version not supported", "the other one takes 0.9 to 9.9"},
	{"bad HTTP version", "the other one takes HTTP/0.9 without a version"},
	{"bad status", "RFC 9110 §15: 100 to 599 in three digits"},
	{"bad reason phrase", "RFC 9112 §4"},
	{"bad Content-Length", "RFC 9110 §8.6: the other one trims blanks"},
	{"Content-Length and Transfer-Encoding", "RFC 9112 §6.3"},
	{"Transfer-Encoding in HTTP/1.0", "RFC 9112 §6.1"},
	{"bad Transfer-Encoding", "chunked once and last (RFC 9112 §6.1)"},
	{"unknown transfer coding", "RFC 9112 §6.1"},
	{"content where there can be none", "RFC 9110 §8.6, RFC 9112 §6.1"},
	{"CONNECT with content", "RFC 9110 §9.3.6"},
	{"unasked-for upgrade", "RFC 9110 §7.8"},
	{"unknown expectation", "RFC 9110 §10.1.1"},
	{"too many connection options", "bounded work"},
	{"bad chunk size", "RFC 9112 §7.1"},
	{"chunk size too large", "bounded"},
	{"bad chunk extension", "RFC 9112 §7.1.1"},
	{"chunk data longer than its size", "the other one takes any byte for CR"},
	{"framing or routing in a trailer", "RFC 9110 §6.5.1"},
	{"method too long", "RFC 9112 §3"},
};
#define N_EXPLAINED (sizeof(explained) / sizeof(explained[0]))

static unsigned int n_refused[N_EXPLAINED];

/* The other parser, loaded so that the build does not need it. */
static struct {
	void (*init)(http_parser *p, enum http_parser_type type);
	size_t (*execute)(http_parser *p, const http_parser_settings *s,
			  const char *data, size_t len);
	void (*pause)(http_parser *p, int paused);
	int (*keep)(const http_parser *p);
} peer;

static bool load_peer(void)
{
	void *lib = dlopen("libhttp_parser.so.2.9", RTLD_NOW | RTLD_LOCAL);

	if (!lib)
		return false;
	*(void **)&peer.init = dlsym(lib, "http_parser_init");
	*(void **)&peer.execute = dlsym(lib, "http_parser_execute");
	*(void **)&peer.pause = dlsym(lib, "http_parser_pause");
	*(void **)&peer.keep = dlsym(lib, "http_should_keep_alive");
	return peer.init && peer.execute && peer.pause && peer.keep;
}

/* What the other one made of a message. */
struct seen {
	http_parser p;
	enum method method; /* of the request answered */
	bool had_head;
	bool done;
	bool keep;
	size_t used;
	char body[MAX_BYTES];
	size_t body_len;
	char url[MAX_BYTES];
	size_t url_len;
	char fields[2 * MAX_BYTES]; /* "name\nvalue\n…" */
	size_t fields_len;
	bool in_value;
};

static int on_url(http_parser *p, const char *at, size_t len)
{
	struct seen *s = p->data;

	memcpy(s->url + s->url_len, at, len);
	s->url_len += len;
	return 0;
}

static int on_body(http_parser *p, const char *at, size_t len)
{
	struct seen *s = p->data;

	memcpy(s->body + s->body_len, at, len);
	s->body_len += len;
	return 0;
}

static void add_part(struct seen *s, bool value, const char *at, size_t len)
{
	if (s->in_value != value)
		s->fields[s->fields_len++] = '\n';
	s->in_value = value;
	for (size_t i = 0; i < len; i++, s->fields_len++)
		s->fields[s->fields_len] =
			!value && at[i] >= 'A' && at[i] <= 'Z' ? at[i] | 0x20 : at[i];
}

static int on_field(http_parser *p, const char *at, size_t len)
{
	add_part(p->data, false, at, len);
	return 0;
}

static int on_value(http_parser *p, const char *at, size_t len)
{
	add_part(p->data, true, at, len);
	return 0;
}

static int on_head(http_parser *p)
{
	struct seen *s = p->data;

	s->had_head = true;
	if (p->type == HTTP_REQUEST)
		return 0;
	if (s->method == METHOD_CONNECT && p->status_code / 100 == 2)
		return 2;
	return s->method == METHOD_HEAD;
}

static int on_done(http_parser *p)
{
	struct seen *s = p->data;

	s->done = true;
	s->keep = peer.keep(p);
	peer.pause(p, 1);
	return 0;
}

static void ask_peer(struct seen *s, const struct h1_sample *m, bool response)
{
	static const http_parser_settings settings = {
		.on_url = on_url,
		.on_header_field = on_field,
		.on_header_value = on_value,
		.on_headers_complete = on_head,
		.on_body = on_body,
		.on_message_complete = on_done,
	};

	memset(s, 0, sizeof(*s));
	s->method = m->method;
	s->in_value = true;
	peer.init(&s->p, response ? HTTP_RESPONSE : HTTP_REQUEST);
	s->p.data = s;
	s->used = peer.execute(&s->p, &settings, m->bytes.p, m->bytes.len);
	if (!s->done && s->p.http_errno == HPE_OK)
		peer.execute(&s->p, &settings, NULL, 0);
}

/* "Transfer-Encodinga" is Transfer-Encoding to the other one, wrongly. */
static bool has_longer_name(const struct fields *f)
{
	for (unsigned int i = 0; i < f->n; i++)
		if (str_starts(field_name(&f->at[i]), STR("transfer-encoding")))
			return true;
	return false;
}

/* What the other one reads as a coding that is none, or the reverse. */
static bool is_misread(const struct h1_case *c, struct str bytes)
{
	/* "chunked\t" is not chunked to it. */
	if (c->h.framing == H1_CHUNKED && memmem(bytes.p, bytes.len, "\t\r\n", 3))
		return true;
	return has_longer_name(&c->m.headers);
}

/* What the other one refuses without being right. */
static bool may_refuse(const struct seen *s, const struct h1_case *c, struct str bytes)
{
	/* It reads a body after 304. */
	if (s->had_head && c->m.status == 304)
		return true;
	switch (s->p.http_errno) {
	case HPE_INVALID_METHOD: /* it knows a list of methods only */
		return c->m.method == METHOD_OTHER;
	case HPE_INVALID_CONTENT_LENGTH: /* a tab is a blank */
	case HPE_INVALID_CHUNK_SIZE:
		return memchr(bytes.p, '\t', bytes.len);
	case HPE_UNEXPECTED_CONTENT_LENGTH: /* equal ones are allowed */
		return c->h.framing != H1_CHUNKED;
	default:
		return false;
	}
}

static bool has_line(const struct seen *s, const struct field *f, size_t *from)
{
	char want[MAX_BYTES];
	int n = snprintf(want, sizeof(want), "\n%.*s\n", STR_ARG(field_name(f)));
	const char *at = s->fields + *from;
	const char *end = s->fields + s->fields_len;

	while ((at = memmem(at, (size_t)(end - at), want, (size_t)n))) {
		const char *value = at + n;
		const char *stop = memchr(value, '\n', (size_t)(end - value));
		struct str v = str_of(value, (size_t)((stop ? stop : end) - value));

		if (str_eq(str_trim(v), field_value(f))) {
			*from = (size_t)(value - s->fields);
			return true;
		}
		at++;
	}
	return false;
}

/* All we pass on the other one saw too, in the same order. */
static bool same_fields(const struct seen *s, const struct fields *f)
{
	size_t from = 0;

	for (unsigned int i = 0; i < f->n; i++) {
		/* These two are made anew. */
		if (f->at[i].id == FIELD_TE || f->at[i].id == FIELD_HOST)
			continue;
		if (!has_line(s, &f->at[i], &from))
			return false;
	}
	return true;
}

static const char *difference(const struct seen *s, const struct h1_case *c,
			      bool response)
{
	/* The other one wants a body after 304 (RFC 9112 §6.3: none). */
	if (c->h.framing == H1_TUNNEL || c->m.status == 304)
		return NULL;
	if (s->used != c->used)
		return "another length";
	if (s->body_len != c->body_len ||
	    memcmp(s->body, c->body ? c->body : "", c->body_len) != 0)
		return "another body";
	/* The other one heeds Connection in trailers too, and misses keep-alive
	 * behind an empty element or before a tab. */
	if (c->h.keep_alive && !s->keep && c->m.method != METHOD_HEAD &&
	    c->h.framing != H1_CHUNKED && c->m.minor_version)
		return "kept alive";
	if (response && s->p.status_code != c->m.status)
		return "another status";
	if (!response && s->p.http_minor != c->m.minor_version)
		return "another version";
	if (!response && c->m.path.len && c->m.path.p[0] == '/' && !c->m.scheme.len &&
	    !str_eq(c->m.path, str_of(s->url, s->url_len)))
		return "another path";
	return same_fields(s, &c->m.headers) ? NULL : "other fields";
}

/* With \r, \n and \x.. spelled out. Lives: until the next call. */
static const char *spell(struct str m)
{
	static char text[4 * MAX_BYTES + 1];
	size_t at = 0;

	for (size_t i = 0; i < m.len; i++) {
		unsigned char b = (unsigned char)m.p[i];

		if (b == '\r' || b == '\n')
			at += (size_t)sprintf(text + at, "\\%c", b == '\r' ? 'r' : 'n');
		else if (b < ' ' || b >= 0x7f)
			at += (size_t)sprintf(text + at, "\\x%02x", b);
		else
			text[at++] = (char)b;
	}
	text[at] = '\0';
	return text;
}

static void count_refusal(const struct h1_case *c, struct str bytes)
{
	for (size_t i = 0; i < N_EXPLAINED; i++) {
		if (strcmp(explained[i].reason, c->h.reason) != 0)
			continue;
		n_refused[i]++;
		return;
	}
	ck_abort_msg("refused for \"%s\", which is not explained: %s", c->h.reason,
		     spell(bytes));
}

static void read_here(struct h1_case *c, const struct h1_sample *m, bool response)
{
	if (response)
		case_init_response(c, m->method);
	else
		case_init(c);
	case_feed(c, m->bytes.p, m->bytes.len, m->bytes.len, 1);
}

/*
 * A head and trailers are judged when they are whole. When the other one saw an end
 * where there is none for us, ours must be refused once it has come.
 */
static bool refused_later(const struct h1_sample *m, bool response)
{
	static char longer[MAX_BYTES];
	struct h1_sample whole = *m;
	struct h1_case c;
	bool refused;

	memcpy(longer, m->bytes.p, m->bytes.len);
	memcpy(longer + m->bytes.len, "\r\n\r\n", 4);
	whole.bytes = str_of(longer, m->bytes.len + 4);
	read_here(&c, &whole, response);
	refused = c.result == H1_ERROR && !c.ended;
	if (refused)
		count_refusal(&c, m->bytes);
	case_fini(&c);
	return refused;
}

static void compare(const struct h1_sample *m, bool response)
{
	static struct seen s;
	struct h1_case c;
	const char *why = NULL;

	ask_peer(&s, m, response);
	read_here(&c, m, response);
	if (is_misread(&c, m->bytes))
		why = NULL;
	else if (c.result == H1_DONE && s.done)
		why = difference(&s, &c, response);
	else if (c.result == H1_DONE)
		why = may_refuse(&s, &c, m->bytes) ? NULL : "accepted here only";
	else if (c.ended && s.done && !refused_later(m, response))
		why = "ends there, goes on here";
	else if (!c.ended && s.done)
		count_refusal(&c, m->bytes);
	ck_assert_msg(!why, "%s (there: %u, used %zu; here used %zu): %s", why,
		      s.p.http_errno, s.used, c.used, spell(m->bytes));
	case_fini(&c);
}

/* xorshift64 from a fixed seed: the same messages on every run. */
static uint64_t draw_state;

static size_t draw(size_t n)
{
	draw_state ^= draw_state << 13;
	draw_state ^= draw_state >> 7;
	draw_state ^= draw_state << 17;
	return (size_t)(draw_state >> 11) % n;
}

static const char *const pieces[] = {
	"\r\n",
	"\n",
	"\r",
	" ",
	"\t",
	":",
	";",
	",",
	"0",
	"5",
	"a",
	"\x80",
	"\x7f",
	"\x01",
	"\"",
	"/",
	"#",
	"?",
	"@",
	"+",
	"-",
	"%41",
	"[::1]",
	"http://",
	"*",
	"\r\n ",
	"Content-Length: 5\r\n",
	"Content-Length: 0\r\n",
	"Content-Length:5\r\n",
	"Transfer-Encoding: chunked\r\n",
	"Transfer-Encoding: identity\r\n",
	"transfer-encoding: Chunked\r\n",
	"chunked",
	", chunked",
	"identity",
	"Connection: close\r\n",
	"Connection: keep-alive\r\n",
	"Connection: upgrade\r\n",
	"Connection: content-length\r\n",
	"Upgrade: websocket\r\n",
	"Host: b\r\n",
	"Expect: 100-continue\r\n",
	"TE: trailers\r\n",
	"X: y\r\n",
	"0\r\n\r\n",
	"5\r\nhello\r\n",
	"5;a=b\r\n",
	"\r\n\r\n",
	"HTTP/1.1",
	"HTTP/1.0",
	"GET ",
	"POST ",
	"HEAD ",
	"CONNECT b:1 ",
	"OPTIONS * ",
	" 204 ",
	" 304 ",
	" 100 ",
	"Trailer: x\r\n",
};
#define N_PIECES (sizeof(pieces) / sizeof(pieces[0]))

static size_t insert(char *to, size_t len, size_t at, const char *p, size_t n)
{
	if (len + n > MAX_BYTES / 2)
		return len;
	memmove(to + at + n, to + at, len - at);
	memcpy(to + at, p, n);
	return len + n;
}

static size_t cut(char *to, size_t len, size_t at, size_t n)
{
	n = n > len - at ? len - at : n;
	memmove(to + at, to + at + n, len - at - n);
	return len - n;
}

static size_t mutate(char *to, size_t len, struct str other)
{
	size_t at = draw(len + 1);
	size_t from = draw(other.len);
	const char *piece = pieces[draw(N_PIECES)];

	switch (draw(6)) {
	case 0:
		if (at < len)
			to[at] = (char)draw(256);
		return len;
	case 1:
		return cut(to, len, at, 1 + draw(4));
	case 2:
		return insert(to, len, at, other.p + from, draw(other.len - from));
	default:
		return insert(to, len, at, piece, strlen(piece));
	}
}

/* Behind a line end, where a whole field fits. */
static size_t add_line(char *to, size_t len)
{
	const char *piece = pieces[draw(N_PIECES)];
	size_t at = draw(len + 1);
	char *lf = memchr(to + at, '\n', len - at);

	if (!lf)
		return len;
	return insert(to, len, (size_t)(lf - to) + 1, piece, strlen(piece));
}

static void run(const struct h1_sample *all, size_t n, bool response)
{
	const char *env = getenv("H1_ROUNDS");
	size_t rounds = env ? strtoul(env, NULL, 10) : 100000;
	char *bytes = malloc(MAX_BYTES);

	draw_state = 0x9e3779b97f4a7c15;
	for (size_t i = 0; i < n; i++)
		compare(&all[i], response);
	for (size_t i = 0; i < rounds; i++) {
		struct h1_sample m = all[draw(n)];
		size_t len = m.bytes.len;

		memcpy(bytes, m.bytes.p, len);
		for (size_t k = draw(4); k; k--)
			len = mutate(bytes, len, all[draw(n)].bytes);
		for (size_t k = draw(3); k; k--)
			len = add_line(bytes, len);
		m.bytes = str_of(bytes, len);
		if (len)
			compare(&m, response);
	}
	free(bytes);
	for (size_t i = 0; i < N_EXPLAINED; i++)
		if (n_refused[i])
			printf("%6u refused here only: %s (%s)\n", n_refused[i],
			       explained[i].reason, explained[i].why);
	fflush(stdout);
}

START_TEST(no_request_means_more_here_than_to_another_parser)
{
	run(h1_requests, n_h1_requests, false);
}
END_TEST

START_TEST(no_response_means_more_here_than_to_another_parser)
{
	run(h1_responses, n_h1_responses, true);
}
END_TEST

static void setup(void)
{
	char err[256] = "";

	ck_assert_msg(mem_choose("system", err, sizeof(err)) == 0, "%s", err);
}

int main(void)
{
	Suite *s = suite_create("h1_differential");
	TCase *t = tcase_create("beside http-parser");
	SRunner *r;
	int failed;

	if (!load_peer()) {
		puts("libhttp-parser is not installed");
		return 77;
	}
	tcase_set_timeout(t, 100);
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, no_request_means_more_here_than_to_another_parser);
	tcase_add_test(t, no_response_means_more_here_than_to_another_parser);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#else

int main(void)
{
	puts("http_parser.h was not there when this was built");
	return 77;
}

#endif
