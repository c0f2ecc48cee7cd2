/*
 * Which heads HTTP/2 lets pass: by a table of rules, and beside nghttp2's own
 * session, which must not be stricter in anything.
 */
#include <check.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>

#include "http/chars.h"
#include "http/h2_rules.h"
#include "tests/unit/runner.h"

/* --- heads ---------------------------------------------------------------------- */

#define MOST_FIELDS 12
#define MOST_BYTES  48

struct text {
	char at[MOST_BYTES];
	size_t len;
};

struct head {
	struct {
		struct text name;
		struct text value;
	} field[MOST_FIELDS];
	unsigned int n;
	enum h2_head_kind kind;
	enum method asked; /* of an answer, or of one's trailers */
	bool of_answer;    /* trailers */
	bool ended;
};

static void set(struct text *t, const char *z)
{
	t->len = strlen(z);
	ck_assert_uint_le(t->len, MOST_BYTES);
	memcpy(t->at, z, t->len);
}

static void add(struct head *h, const char *name, const char *value)
{
	ck_assert_uint_lt(h->n, MOST_FIELDS);
	set(&h->field[h->n].name, name);
	set(&h->field[h->n++].value, value);
}

/* "name=value name=value", each value up to the next space; '_' is a space. */
static struct head head_of(enum h2_head_kind kind, enum method asked, bool ended,
			   const char *text)
{
	struct head h = {.kind = kind, .asked = asked, .ended = ended};
	char *copy = strdup(text), *rest = copy, *word;

	while ((word = strsep(&rest, " "))) {
		char *value = strchr(word, '=');

		if (!value)
			continue;
		*value++ = '\0';
		for (char *p = value; (p = strchr(p, '_'));)
			*p = ' ';
		add(&h, word, value);
	}
	free(copy);
	return h;
}

static bool is_named(const struct text *t, const char *z)
{
	return str_eq(str_of(t->at, t->len), str_z(z));
}

static void show(const struct head *h)
{
	static const char *const kinds[] = {"request", "answer", "trailers"};

	printf("%s%s, method %d%s\n", kinds[h->kind],
	       h->of_answer ? " of an answer" : "", h->asked,
	       h->ended ? ", ended" : "");
	for (unsigned int i = 0; i < h->n; i++) {
		const struct text *part[] = {&h->field[i].name, &h->field[i].value};

		for (unsigned int j = 0; j < 2; j++) {
			printf(j ? ": \"" : "  \"");
			for (size_t k = 0; k < part[j]->len; k++) {
				char c = part[j]->at[k];

				printf(c >= ' ' && c <= '~' ? "%c" : "\\x%02x",
				       (unsigned char)c);
			}
			printf("\"");
		}
		printf("\n");
	}
}

/* --- ours ----------------------------------------------------------------------- */

struct outcome {
	bool good;
	unsigned int n_passed; /* fields, while it is good */
};

/* In a block as long as it is, so that a sanitizer sees each byte too many. */
static struct str exact(const struct text *t)
{
	char *p = malloc(t->len ? t->len : 1);

	ck_assert_ptr_nonnull(p);
	memcpy(p, t->at, t->len);
	return str_of(p, t->len);
}

static enum h2_verdict judge(struct h2_rules *r, const struct text *name,
			     const struct text *value)
{
	struct h2_field f = {.name = exact(name), .value = exact(value)};
	enum h2_verdict v;

	h2_field_name(&f);
	v = h2_rules_field(r, &f);
	free((char *)(uintptr_t)f.name.p);
	free((char *)(uintptr_t)f.value.p);
	return v;
}

/* body: bytes, if the head is good and not trailers. */
static struct outcome ours(const struct head *h, int64_t *body)
{
	struct outcome o = {false, 0};
	struct h2_rules r;

	h2_rules_begin(&r, h->kind, h->asked);
	for (unsigned int i = 0; i < h->n; i++) {
		switch (judge(&r, &h->field[i].name, &h->field[i].value)) {
		case H2_FIELD_GOOD:
			o.n_passed++;
			break;
		case H2_FIELD_DROP:
			break;
		default:
			return o;
		}
	}
	o.good = h2_rules_end(&r, h->ended);
	*body = h->kind == H2_TRAILERS ? 0 : h2_rules_body(&r);
	return o;
}

/* As a session has it, which knows that none of the body will come. */
static struct outcome ours_with_body(const struct head *h)
{
	int64_t body = 0;
	struct outcome o = ours(h, &body);

	if (h->ended && body > 0)
		o.good = false;
	return o;
}

/* --- nghttp2's ------------------------------------------------------------------ */

struct theirs {
	struct outcome o;
	nghttp2_hd_deflater *deflater;
	nghttp2_session *session;
};

static int on_header_cb(nghttp2_session *session, const nghttp2_frame *frame,
			const uint8_t *name, size_t name_len, const uint8_t *value,
			size_t value_len, uint8_t flags, void *user)
{
	struct theirs *t = user;

	(void)session, (void)frame, (void)name, (void)name_len, (void)value;
	(void)value_len, (void)flags;
	t->o.n_passed++;
	return 0;
}

static int on_invalid_header_cb(nghttp2_session *session, const nghttp2_frame *frame,
				const uint8_t *name, size_t name_len,
				const uint8_t *value, size_t value_len, uint8_t flags,
				void *user)
{
	(void)session, (void)frame, (void)name, (void)name_len, (void)value;
	(void)value_len, (void)flags, (void)user;
	return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_frame_recv_cb(nghttp2_session *session, const nghttp2_frame *frame,
			    void *user)
{
	struct theirs *t = user;

	(void)session;
	if (frame->hd.type == NGHTTP2_HEADERS)
		t->o.good = true;
	return 0;
}

static void feed(struct theirs *t, const uint8_t *p, size_t len)
{
	ck_assert_int_eq(nghttp2_session_mem_recv(t->session, p, len), (ssize_t)len);
}

/* What is to be sent is not looked at, but a request must have gone. */
static void flush(struct theirs *t)
{
	const uint8_t *p;

	while (nghttp2_session_mem_send(t->session, &p) > 0)
		;
}

static void feed_head(struct theirs *t, const struct head *h)
{
	uint8_t frame[9 + 2048];
	nghttp2_nv nv[MOST_FIELDS];
	ssize_t n;

	for (unsigned int i = 0; i < h->n; i++)
		nv[i] = (nghttp2_nv){
			.name = (uint8_t *)(uintptr_t)h->field[i].name.at,
			.namelen = h->field[i].name.len,
			.value = (uint8_t *)(uintptr_t)h->field[i].value.at,
			.valuelen = h->field[i].value.len,
		};
	n = nghttp2_hd_deflate_hd(t->deflater, frame + 9, sizeof(frame) - 9, nv, h->n);
	ck_assert_int_ge(n, 0);
	memcpy(frame, (uint8_t[9]){0, (uint8_t)(n >> 8), (uint8_t)n, NGHTTP2_HEADERS},
	       9);
	frame[4] = NGHTTP2_FLAG_END_HEADERS;
	if (h->ended)
		frame[4] |= NGHTTP2_FLAG_END_STREAM;
	frame[8] = 1;
	t->o = (struct outcome){false, 0};
	feed(t, frame, 9 + (size_t)n);
}

static void open_server(struct theirs *t, const nghttp2_session_callbacks *cb)
{
	static const nghttp2_settings_entry connect = {
		NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1};

	ck_assert_int_eq(nghttp2_session_server_new(&t->session, cb, t), 0);
	ck_assert_int_eq(nghttp2_submit_settings(t->session, 0, &connect, 1), 0);
	feed(t, (const uint8_t *)NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN);
}

static void open_client(struct theirs *t, const nghttp2_session_callbacks *cb,
			enum method asked)
{
	static char name[] = ":method", head[] = "HEAD", connect[] = "CONNECT",
		    get[] = "GET";
	char *m = asked == METHOD_HEAD ? head : asked == METHOD_CONNECT ? connect : get;
	nghttp2_nv nv = {(uint8_t *)name, (uint8_t *)m, strlen(name), strlen(m), 0};

	ck_assert_int_eq(nghttp2_session_client_new(&t->session, cb, t), 0);
	ck_assert_int_eq(nghttp2_submit_request(t->session, NULL, &nv, 1, NULL, NULL),
			 1);
	flush(t);
}

/* The head that trailers come after. */
static struct head before(const struct head *h)
{
	if (h->of_answer)
		return head_of(H2_ANSWER, h->asked, false, ":status=200");
	return head_of(H2_REQUEST, METHOD_OTHER, false,
		       ":method=POST :scheme=https :path=/ :authority=a");
}

static struct outcome theirs(const struct head *h)
{
	static const uint8_t settings[9] = {0, 0, 0, NGHTTP2_SETTINGS};
	nghttp2_session_callbacks *cb;
	struct theirs t;

	ck_assert_int_eq(nghttp2_session_callbacks_new(&cb), 0);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header_cb);
	nghttp2_session_callbacks_set_on_invalid_header_callback(cb,
								 on_invalid_header_cb);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame_recv_cb);
	ck_assert_int_eq(nghttp2_hd_deflate_new(&t.deflater, 4096), 0);
	if (h->kind == H2_ANSWER || h->of_answer)
		open_client(&t, cb, h->asked);
	else
		open_server(&t, cb);
	feed(&t, settings, sizeof(settings));
	if (h->kind == H2_TRAILERS) {
		struct head first = before(h);

		feed_head(&t, &first);
		ck_assert(t.o.good);
	}
	feed_head(&t, h);
	nghttp2_session_del(t.session);
	nghttp2_hd_deflate_del(t.deflater);
	nghttp2_session_callbacks_del(cb);
	return t.o;
}

/* --- where we are stricter ------------------------------------------------------ */

enum why {
	AS_STRICT,
	PATH,     /* no fragment, no obs-text: is_origin_form() */
	PROTOCOL, /* a token, since it may become an Upgrade field */
	STATUS,   /* three digits, but no status (RFC 9110 §15) */
	TE,       /* only a request may have it (RFC 9113 §8.2.2) */
	TRAILER,  /* Host and Content-Length come too late (RFC 9110 §6.5.1) */
	REFUSED,  /* a refused CONNECT's answer has a body like any other */
	N_WHY,
};

static const struct text *value_of(const struct head *h, const char *name)
{
	for (unsigned int i = 0; i < h->n; i++)
		if (is_named(&h->field[i].name, name))
			return &h->field[i].value;
	return NULL;
}

static bool are(const struct text *t, unsigned int classes)
{
	return !t || chars_are(str_of(t->at, t->len), classes);
}

static enum why why_request(const struct head *h)
{
	const struct text *path = value_of(h, ":path");

	for (size_t i = 0; path && i < path->len; i++)
		if (path->at[i] == '#' || path->at[i] & 0x80)
			return PATH;
	return are(value_of(h, ":protocol"), CHAR_TOKEN) ? AS_STRICT : PROTOCOL;
}

/* The length that an answer with such a status has to keep to. */
static bool tells_length(const struct head *h, const struct text *status)
{
	const struct text *length = value_of(h, "content-length");
	char digits[MOST_BYTES + 1] = "";

	if (!length || status->at[0] < '2' || is_named(status, "304"))
		return false;
	memcpy(digits, length->at, length->len);
	return strtoull(digits, NULL, 10) > 0;
}

static enum why why_answer(const struct head *h)
{
	const struct text *status = value_of(h, ":status");

	if (value_of(h, "te"))
		return TE;
	if (status->at[0] == '0' || status->at[0] > '5')
		return STATUS;
	if (h->asked == METHOD_CONNECT && status->at[0] != '2' && h->ended &&
	    tells_length(h, status))
		return REFUSED;
	return AS_STRICT;
}

/* Why we refuse this head, which nghttp2 lets pass. */
static enum why why_stricter(const struct head *h)
{
	if (h->kind == H2_REQUEST)
		return why_request(h);
	if (h->kind == H2_ANSWER)
		return why_answer(h);
	if (value_of(h, "te"))
		return TE;
	return value_of(h, "host") || value_of(h, "content-length") ? TRAILER
								    : AS_STRICT;
}

/* How often: each kind of head, bad or good; each reason. */
struct tally {
	unsigned int n[3][2];
	unsigned int why[N_WHY];
};

static void compare(const struct head *h, struct tally *tally)
{
	struct outcome us = ours_with_body(h), them = theirs(h);
	enum why why = them.good ? why_stricter(h) : AS_STRICT;
	bool same = us.good == (them.good && !why) &&
		    (!us.good || us.n_passed == them.n_passed);

	if (!same)
		show(h);
	ck_assert_msg(same, "ours: %d, %u passed; nghttp2's: %d, %u passed; why: %d",
		      us.good, us.n_passed, them.good, them.n_passed, (int)why);
	tally->n[h->kind][us.good]++;
	tally->why[why]++;
}

/* --- a table -------------------------------------------------------------------- */

#define HEAD METHOD_HEAD
#define GET  METHOD_GET
#define TUNN METHOD_CONNECT
#define ASK  ":method=GET :scheme=https :authority=a :path=/"
#define TALK ":method=CONNECT :protocol=websocket :scheme=https :authority=a :path=/"
#define MANY LENGTH_UNKNOWN
#define BAD  (-2)
/* The body's length, or BAD. */
static const struct {
	enum h2_head_kind kind;
	enum method asked;
	int64_t body;
	bool ended;
	const char *head;
} table[] = {
	{H2_REQUEST, GET, MANY, true, ASK},
	{H2_REQUEST, GET, MANY, false, ASK " x=1 x=2 y="},
	{H2_REQUEST, GET, MANY, false, ":path=/ :authority=a :scheme=http :method=X"},
	{H2_REQUEST, GET, BAD, true, ""},
	{H2_REQUEST, GET, BAD, true, "x=y " ASK},
	{H2_REQUEST, GET, BAD, true, ASK " x=y :authority=a"},
	{H2_REQUEST, GET, BAD, true, ASK " :path=/"},
	{H2_REQUEST, GET, BAD, true, ASK " :status=200"},
	{H2_REQUEST, GET, BAD, true, ASK " :x=y"},
	{H2_REQUEST, GET, BAD, true, ASK " :=y"},
	{H2_REQUEST, GET, BAD, true, ":scheme=https :authority=a :path=/"},
	{H2_REQUEST, GET, BAD, true, ":method=GET :authority=a :path=/"},
	{H2_REQUEST, GET, BAD, true, ":method=GET :scheme=https :authority=a"},
	{H2_REQUEST, GET, BAD, true, ":method=GET :scheme=https :path=/"},
	{H2_REQUEST, GET, MANY, true, ":method=GET :scheme=https :path=/ host=a"},
	{H2_REQUEST, GET, BAD, true, ":method=GET :scheme=https :path=/ host="},
	{H2_REQUEST, GET, BAD, true, ASK " host=a host=a"},
	{H2_REQUEST, GET, BAD, true, ASK " host=a/b"},
	{H2_REQUEST, GET, BAD, true, ":method=G_T :scheme=https :authority=a :path=/"},
	{H2_REQUEST, GET, BAD, true, ":method= :scheme=https :authority=a :path=/"},
	{H2_REQUEST, GET, BAD, true, ":method=GET :scheme=1a :authority=a :path=/"},
	{H2_REQUEST, GET, BAD, true, ":method=GET :scheme= :authority=a :path=/"},
	{H2_REQUEST, GET, BAD, true, ":method=GET :scheme=https :authority= :path=/"},
	{H2_REQUEST, GET, BAD, true, ":method=GET :scheme=https :authority=a :path="},
	{H2_REQUEST, GET, BAD, true, ":method=GET :scheme=https :authority=a :path=/_"},
	{H2_REQUEST, GET, BAD, true, ":method=GET :scheme=https :authority=a :path=/#"},
	{H2_REQUEST, GET, BAD, true, ":method=GET :scheme=Http :authority=a :path=x"},
	{H2_REQUEST, GET, BAD, true, ":method=GET :scheme=HTTPS :authority=a :path=x"},
	{H2_REQUEST, GET, BAD, true, ":method=GET :scheme=http :authority=a :path=*"},
	{H2_REQUEST, GET, MANY, true, ":method=GET :scheme=a+b :authority=a :path=x"},
	{H2_REQUEST, GET, MANY, true,
	 ":method=OPTIONS :scheme=http :authority=a :path=*"},
	{H2_REQUEST, GET, MANY, false, ":method=CONNECT :authority=a:1"},
	{H2_REQUEST, GET, MANY, false, ":method=CONNECT :authority=a content-length=5"},
	{H2_REQUEST, GET, BAD, false, ":method=CONNECT host=a:1"},
	{H2_REQUEST, GET, BAD, false, ":method=CONNECT :authority=a :path=/"},
	{H2_REQUEST, GET, BAD, false, ":method=CONNECT :authority=a :scheme=http"},
	{H2_REQUEST, GET, BAD, false, ":method=GET :authority=a"},
	{H2_REQUEST, GET, MANY, false, TALK},
	{H2_REQUEST, GET, 5, false, TALK " content-length=5"},
	{H2_REQUEST, GET, BAD, false, ASK " :protocol=websocket"},
	{H2_REQUEST, GET, BAD, false, ":method=CONNECT :authority=a :protocol=x"},
	{H2_REQUEST, GET, BAD, false,
	 ":method=CONNECT :protocol=x :scheme=https :path=/ host=a"},
	{H2_REQUEST, GET, BAD, false,
	 ":method=CONNECT :protocol=a_b :scheme=https :authority=a :path=/"},
	{H2_REQUEST, GET, 5, false, ASK " content-length=5"},
	{H2_REQUEST, GET, INT64_MAX, false, ASK " content-length=9223372036854775807"},
	{H2_REQUEST, GET, BAD, false, ASK " content-length=9223372036854775808"},
	{H2_REQUEST, GET, BAD, false, ASK " content-length=99999999999999999999"},
	{H2_REQUEST, GET, BAD, false, ASK " content-length="},
	{H2_REQUEST, GET, BAD, false, ASK " content-length=+5"},
	{H2_REQUEST, GET, BAD, false, ASK " content-length=5 content-length=5"},
	{H2_REQUEST, GET, BAD, false, ASK " X=y"},
	{H2_REQUEST, GET, BAD, false, ASK " Host=a"},
	{H2_REQUEST, GET, BAD, false, ASK " =y"},
	{H2_REQUEST, GET, BAD, false, ASK " x=_y"},
	{H2_REQUEST, GET, BAD, false, ASK " accept=y_"},
	{H2_REQUEST, GET, BAD, false, ASK " x=\t"},
	{H2_REQUEST, GET, BAD, false, ASK " x=a\r\nb"},
	{H2_REQUEST, GET, MANY, false, ASK " x=a_\t_b\xff"},
	{H2_REQUEST, GET, BAD, false, ASK " connection=close"},
	{H2_REQUEST, GET, BAD, false, ASK " keep-alive=1"},
	{H2_REQUEST, GET, BAD, false, ASK " proxy-connection=close"},
	{H2_REQUEST, GET, BAD, false, ASK " transfer-encoding=chunked"},
	{H2_REQUEST, GET, BAD, false, ASK " upgrade=websocket"},
	{H2_REQUEST, GET, MANY, false, ASK " te=Trailers"},
	{H2_REQUEST, GET, BAD, false, ASK " te=trailers,gzip"},
	{H2_REQUEST, GET, BAD, false, ASK " te="},
	{H2_ANSWER, GET, MANY, false, ":status=200"},
	{H2_ANSWER, GET, MANY, false, ":status=599 x=y host=a host=b"},
	{H2_ANSWER, GET, BAD, false, ""},
	{H2_ANSWER, GET, BAD, false, "x=y"},
	{H2_ANSWER, GET, BAD, false, "x=y :status=200"},
	{H2_ANSWER, GET, BAD, false, ":status=200 :status=200"},
	{H2_ANSWER, GET, BAD, false, ":status=200 :path=/"},
	{H2_ANSWER, GET, BAD, false, ":status="},
	{H2_ANSWER, GET, BAD, false, ":status=20"},
	{H2_ANSWER, GET, BAD, false, ":status=2000"},
	{H2_ANSWER, GET, BAD, false, ":status=2x0"},
	{H2_ANSWER, GET, BAD, false, ":status=20/"},
	{H2_ANSWER, GET, BAD, false, ":status=099"},
	{H2_ANSWER, GET, BAD, false, ":status=101"},
	{H2_ANSWER, GET, BAD, false, ":status=600"},
	{H2_ANSWER, GET, BAD, false, ":status=200 te=trailers"},
	{H2_ANSWER, GET, BAD, false, ":status=200 upgrade=x"},
	{H2_ANSWER, GET, 0, false, ":status=103 link=x"},
	{H2_ANSWER, GET, BAD, true, ":status=103 link=x"},
	{H2_ANSWER, GET, BAD, false, ":status=100 content-length=0"},
	{H2_ANSWER, GET, 7, false, ":status=200 content-length=7"},
	{H2_ANSWER, GET, BAD, false, ":status=200 content-length=7 content-length=7"},
	{H2_ANSWER, HEAD, 0, true, ":status=200 content-length=7"},
	{H2_ANSWER, GET, 0, true, ":status=304 content-length=7"},
	{H2_ANSWER, GET, BAD, true, ":status=304 content-length=x"},
	{H2_ANSWER, GET, 0, false, ":status=204"},
	{H2_ANSWER, GET, 0, true, ":status=204 content-length=0"},
	{H2_ANSWER, GET, BAD, true, ":status=204 content-length=00"},
	{H2_ANSWER, GET, BAD, true, ":status=204 content-length=0 content-length=0"},
	{H2_ANSWER, TUNN, MANY, false, ":status=200 content-length=7 content-length=x"},
	{H2_ANSWER, TUNN, BAD, true, ":status=204 content-length=7"},
	{H2_ANSWER, TUNN, 7, false, ":status=404 content-length=7"},
	{H2_TRAILERS, GET, 0, true, "x-sum=1 y="},
	{H2_TRAILERS, GET, 0, true, ""},
	{H2_TRAILERS, GET, BAD, false, "x-sum=1"},
	{H2_TRAILERS, GET, BAD, true, ":path=/"},
	{H2_TRAILERS, GET, BAD, true, ":status=200"},
	{H2_TRAILERS, GET, BAD, true, "X-Sum=1"},
	{H2_TRAILERS, GET, BAD, true, "content-length=0"},
	{H2_TRAILERS, GET, BAD, true, "host=a"},
	{H2_TRAILERS, GET, BAD, true, "te=trailers"},
	{H2_TRAILERS, GET, BAD, true, "connection=close"},
};

START_TEST(a_head_is_good_or_bad_and_says_what_body_follows)
{
	struct head h = head_of(table[_i].kind, table[_i].asked, table[_i].ended,
				table[_i].head);
	int64_t body = 0;
	struct tally tally = {0};

	if (!ours(&h, &body).good)
		body = BAD;
	ck_assert_msg(body == table[_i].body, "%s: %lld", table[_i].head,
		      (long long)body);
	compare(&h, &tally);
}
END_TEST

static enum h2_verdict length_verdict(enum method asked, const char *status)
{
	static const struct text name = {"content-length", 14}, zero = {"0", 1},
				 status_name = {":status", 7};
	struct text value;
	struct h2_rules r;

	set(&value, status);
	h2_rules_begin(&r, H2_ANSWER, asked);
	ck_assert_int_eq(judge(&r, &status_name, &value), H2_FIELD_GOOD);
	return judge(&r, &name, &zero);
}

START_TEST(a_length_that_means_nothing_is_dropped)
{
	ck_assert_int_eq(length_verdict(GET, "200"), H2_FIELD_GOOD);
	ck_assert_int_eq(length_verdict(HEAD, "200"), H2_FIELD_GOOD);
	ck_assert_int_eq(length_verdict(GET, "204"), H2_FIELD_DROP);
	ck_assert_int_eq(length_verdict(TUNN, "200"), H2_FIELD_DROP);
	ck_assert_int_eq(length_verdict(TUNN, "403"), H2_FIELD_GOOD);
}
END_TEST

START_TEST(a_field_is_known_by_its_name)
{
	static const struct {
		const char *name;
		enum h2_pseudo pseudo;
		enum field_id id;
	} names[] = {
		{":method", H2_METHOD, FIELD_OTHER},
		{":scheme", H2_SCHEME, FIELD_OTHER},
		{":authority", H2_AUTHORITY, FIELD_OTHER},
		{":path", H2_PATH, FIELD_OTHER},
		{":protocol", H2_PROTOCOL, FIELD_OTHER},
		{":status", H2_STATUS, FIELD_OTHER},
		{":", H2_BAD_PSEUDO, FIELD_OTHER},
		{":Path", H2_BAD_PSEUDO, FIELD_OTHER},
		{":stat", H2_BAD_PSEUDO, FIELD_OTHER},
		{":schema", H2_BAD_PSEUDO, FIELD_OTHER},
		{":protocox", H2_BAD_PSEUDO, FIELD_OTHER},
		{":authoritx", H2_BAD_PSEUDO, FIELD_OTHER},
		{":authority2", H2_BAD_PSEUDO, FIELD_OTHER},
		{"", H2_NO_PSEUDO, FIELD_OTHER},
		{"x", H2_NO_PSEUDO, FIELD_OTHER},
		{"path", H2_NO_PSEUDO, FIELD_OTHER},
		{"te", H2_NO_PSEUDO, FIELD_TE},
		{"host", H2_NO_PSEUDO, FIELD_HOST},
		{"content-length", H2_NO_PSEUDO, FIELD_CONTENT_LENGTH},
		{"Host", H2_NO_PSEUDO, FIELD_OTHER},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct h2_field f = {.name = str_z(names[i].name)};

		h2_field_name(&f);
		ck_assert_int_eq(f.pseudo, names[i].pseudo);
		ck_assert_int_eq(f.id, names[i].id);
	}
}
END_TEST

/* --- beside nghttp2 ------------------------------------------------------------- */

static const char *const bases[] = {
	ASK " accept=*/* content-length=0",
	TALK " origin=https://a",
	":method=CONNECT :authority=a:443 x=y",
	":method=OPTIONS :scheme=http :path=* host=a:80 te=trailers",
	":status=200 content-type=a/b content-length=5",
	":status=204 date=x",
	":status=404 content-length=5",
	":status=103 link=x",
	"x-sum=1 x-sum2=2",
};

static struct head base_of(unsigned int i)
{
	enum h2_head_kind kind = i < 4 ? H2_REQUEST : i < 8 ? H2_ANSWER : H2_TRAILERS;

	return head_of(kind, GET, i == 8, bases[i]);
}

#define N_BASES (sizeof(bases) / sizeof(bases[0]))

/* A byte at the end, in the middle of a long run, or alone. */
static void put_byte(struct text *t, unsigned int how, int byte)
{
	struct text old = *t;

	if (how == 0) {
		t->at[t->len++] = (char)byte;
	} else if (how == 1) {
		for (t->len = 0; t->len + old.len <= 20; t->len += old.len)
			memcpy(t->at + t->len, old.at, old.len);
		t->at[t->len / 2] = (char)byte;
	} else {
		t->at[0] = (char)byte;
		t->len = 1;
	}
}

START_TEST(each_byte_may_be_where_nghttp2_lets_it_be)
{
	struct head base = base_of((unsigned int)_i);
	struct tally tally = {0};

	for (unsigned int i = 0; i < base.n; i++) {
		for (int k = 0; k < 256 * 6; k++) {
			struct head h = base;

			put_byte(k & 1 ? &h.field[i].name : &h.field[i].value,
				 (unsigned int)k / 2 % 3, k / 6);
			compare(&h, &tally);
		}
	}
	ck_assert(tally.n[base.kind][true] && tally.n[base.kind][false]);
}
END_TEST

/* Names, and what they may well or badly have. */
static const struct {
	const char *name;
	const char *values[8];
} pool[] = {
	{":method",
	 {"GET", "HEAD", "CONNECT", "OPTIONS", "M-SEARCH", "", "G T", "get"}},
	{":scheme", {"http", "https", "HTTP", "ftp", "1http", "", "x+y-.1", "ht tp"}},
	{":path", {"/", "/a?b=c", "*", "a", "", "/a b", "/a#b", "/\xc3\xa9"}},
	{":authority", {"a", "a:1", "u@a", "[::1]:2", "", "a/b", "a b", "a\\"}},
	{":protocol", {"websocket", "x/y", "", " x", "a b", "A", "x", "y"}},
	{":status", {"200", "204", "304", "101", "100", "600", "099", "2x0"}},
	{":status", {"404", "199", "299", "", "20", "2000", "+20", "999"}},
	{":x", {"y", "", "/", "a", "GET", "200", "http", "x"}},
	{"content-length", {"0", "5", "00", "", "-1", "5 ", "5,5", "0x5"}},
	{"content-length",
	 {"9223372036854775807", "9223372036854775808", "18446744073709551616", "007",
	  "99999999999999999999", "0", "5", "5"}},
	{"host", {"a", "a:1", "", "b", "a b", "a/b", " a", "u@a"}},
	{"te", {"trailers", "TRAILERS", "gzip", "", "trailers ", "a", "b", "trailers"}},
	{"connection", {"close", "", "x", "y", "z", "te", "a", "b"}},
	{"keep-alive", {"close", "", "x", "y", "z", "1", "a", "b"}},
	{"proxy-connection", {"close", "", "x", "y", "z", "1", "a", "b"}},
	{"transfer-encoding", {"chunked", "", "x", "y", "z", "1", "a", "b"}},
	{"upgrade", {"websocket", "", "x", "y", "z", "h2c", "a", "b"}},
	{"http2-settings", {"AAMAAABk", "", "x", "y", "z", "1", "a", "b"}},
	{"priority", {"u=1", "", "x", "u=9", "z", "i", "a", "b"}},
	{"cookie", {"a=b", "", "x; y", " x", "x\t", "x\ty", "\x7f", "\xff"}},
	{"x-a-long-name-of-25-bytes",
	 {"a", "", "x y", "x ", "\tx", "\n", "x\ry", "\x80"}},
	{"X-Upper", {"a", "b", "c", "d", "e", "f", "g", ""}},
	{"x-uppeR-but-much-later", {"a", "b", "c", "d", "e", "f", "g", ""}},
	{"x y", {"a", "b", "c", "d", "e", "f", "g", ""}},
	{"", {"a", "b", "c", "d", "e", "f", "g", ""}},
};

#define N_POOL (sizeof(pool) / sizeof(pool[0]))

static uint64_t seed = 0x9e3779b97f4a7c15;

static unsigned int below(size_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned int)((seed >> 16) % n);
}

static void insert_one(struct head *h)
{
	unsigned int from = below(N_POOL), at = below(h->n + 1);

	if (h->n == MOST_FIELDS)
		return;
	memmove(&h->field[at + 1], &h->field[at], (h->n - at) * sizeof(h->field[0]));
	h->n++;
	set(&h->field[at].name, pool[from].name);
	set(&h->field[at].value, pool[from].values[below(8)]);
}

static void remove_one(struct head *h)
{
	unsigned int at = below(h->n);

	h->n--;
	memmove(&h->field[at], &h->field[at + 1], (h->n - at) * sizeof(h->field[0]));
}

/* Mostly one that the name may have. */
static void change_one(struct head *h)
{
	unsigned int at = below(h->n), from = below(N_POOL);
	bool any = below(8) == 0;

	while (!any && !is_named(&h->field[at].name, pool[from].name)) {
		any = below(2 * N_POOL) == 0;
		from = below(N_POOL);
	}
	set(&h->field[at].value, pool[from].values[below(8)]);
}

static void swap_two(struct head *h)
{
	unsigned int i = below(h->n), j = below(h->n);
	struct head old = *h;

	h->field[i] = old.field[j];
	h->field[j] = old.field[i];
}

static struct head any_head(void)
{
	static void (*const mutate[])(struct head *) = {
		insert_one, insert_one, remove_one, change_one, change_one, swap_two};
	static const enum method asked[] = {GET, HEAD, TUNN, GET};
	struct head h = base_of(below(N_BASES));

	h.ended = h.kind == H2_TRAILERS ? below(8) > 0 : below(2);
	h.of_answer = h.kind == H2_TRAILERS && below(2);
	if (h.kind == H2_ANSWER)
		h.asked = asked[below(4)];
	for (unsigned int n = below(4); n && h.n; n--)
		mutate[below(sizeof(mutate) / sizeof(mutate[0]))](&h);
	return h;
}

START_TEST(no_head_passes_that_nghttp2_would_refuse)
{
	struct tally tally = {0};

	for (unsigned int i = 0; i < 20000; i++) {
		struct head h = any_head();

		compare(&h, &tally);
	}
	for (unsigned int i = 0; i < 3; i++)
		ck_assert(tally.n[i][true] > 300 && tally.n[i][false] > 300);
	for (unsigned int i = 0; i < N_WHY; i++)
		ck_assert_msg(tally.why[i], "difference %u was never met", i);
}
END_TEST

static Suite *h2_rules_suite(void)
{
	Suite *s = suite_create("h2_rules");
	TCase *c = tcase_create("heads");
	TCase *d = tcase_create("differential");

	tcase_add_test(c, a_field_is_known_by_its_name);
	tcase_add_test(c, a_length_that_means_nothing_is_dropped);
	tcase_add_loop_test(c, a_head_is_good_or_bad_and_says_what_body_follows, 0,
			    sizeof(table) / sizeof(table[0]));
	tcase_set_timeout(d, 60);
	tcase_add_loop_test(d, each_byte_may_be_where_nghttp2_lets_it_be, 0, N_BASES);
	tcase_add_test(d, no_head_passes_that_nghttp2_would_refuse);
	suite_add_tcase(s, c);
	suite_add_tcase(s, d);
	return s;
}

int main(void)
{
	return run_suite(h2_rules_suite());
}
