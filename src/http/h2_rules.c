#include "http/h2_rules.h"

#include "http/chars.h"

#define SEEN(pseudo) (1u << (pseudo))

_Static_assert(H2_BAD_PSEUDO < 8, "a bit of seen for each");

/* --- names ---------------------------------------------------------------------- */

/* Of a name as long as the literal. The constant length saves the call. */
#define IS(literal) (memcmp(p, literal, sizeof(literal) - 1) == 0)

static enum h2_pseudo pseudo_of_seven(const char *p)
{
	if (IS(":method"))
		return H2_METHOD;
	if (IS(":scheme"))
		return H2_SCHEME;
	return IS(":status") ? H2_STATUS : H2_BAD_PSEUDO;
}

static enum h2_pseudo pseudo_of(const char *p, size_t len)
{
	switch (len) {
	case 5:
		return IS(":path") ? H2_PATH : H2_BAD_PSEUDO;
	case 7:
		return pseudo_of_seven(p);
	case 9:
		return IS(":protocol") ? H2_PROTOCOL : H2_BAD_PSEUDO;
	case 10:
		return IS(":authority") ? H2_AUTHORITY : H2_BAD_PSEUDO;
	default:
		return H2_BAD_PSEUDO;
	}
}

void h2_field_name(struct h2_field *f)
{
	if (f->name.len && f->name.p[0] == ':') {
		f->pseudo = (uint8_t)pseudo_of(f->name.p, f->name.len);
		f->id = FIELD_OTHER;
		return;
	}
	f->pseudo = H2_NO_PSEUDO;
	f->id = (uint8_t)field_id_of(f->name.p, f->name.len);
}

/* --- pseudo-headers ------------------------------------------------------------- */

static bool take_method(struct h2_rules *r, struct str value)
{
	r->connect = str_eq(value, STR("CONNECT"));
	r->options = str_eq(value, STR("OPTIONS"));
	return is_token(value);
}

static bool is_letter(char c)
{
	c |= 0x20;
	return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* RFC 3986 §3.1. */
static bool is_scheme(struct str s)
{
	if (!s.len || !is_letter(s.p[0]))
		return false;
	for (size_t i = 1; i < s.len; i++) {
		char c = s.p[i];

		if (!is_letter(c) && !is_digit(c) && c != '+' && c != '-' && c != '.')
			return false;
	}
	return true;
}

static bool take_scheme(struct h2_rules *r, struct str value)
{
	r->http =
		str_eq_nocase(value, STR("https")) || str_eq_nocase(value, STR("http"));
	return r->http || is_scheme(value);
}

static bool take_path(struct h2_rules *r, struct str value)
{
	if (!value.len || !chars_are(value, CHAR_TARGET))
		return false;
	r->origin = value.p[0] == '/';
	r->asterisk = str_eq(value, STR("*"));
	return true;
}

/* Whether it is host and port is for the front to say, which can answer. */
static bool is_any_authority(struct str value)
{
	return value.len && chars_are(value, CHAR_AUTHORITY);
}

/* Not 101: HTTP/2 has no upgrade (RFC 9113 §8.6). */
static bool take_status(struct h2_rules *r, struct str s)
{
	if (s.len != 3 || s.p[0] < '1' || s.p[0] > '5' || !is_digit(s.p[1]) ||
	    !is_digit(s.p[2]))
		return false;
	r->status =
		(uint16_t)((s.p[0] - '0') * 100 + (s.p[1] - '0') * 10 + (s.p[2] - '0'));
	return r->status != 101;
}

static bool take_pseudo(struct h2_rules *r, const struct h2_field *f)
{
	static const uint8_t may[] = {
		[H2_REQUEST] = SEEN(H2_METHOD) | SEEN(H2_SCHEME) | SEEN(H2_AUTHORITY) |
			       SEEN(H2_PATH) | SEEN(H2_PROTOCOL),
		[H2_ANSWER] = SEEN(H2_STATUS),
		[H2_TRAILERS] = 0,
	};

	if (r->regular || !(may[r->kind] & ~r->seen & SEEN(f->pseudo)))
		return false;
	r->seen |= (uint8_t)SEEN(f->pseudo);
	switch (f->pseudo) {
	case H2_METHOD:
		return take_method(r, f->value);
	case H2_SCHEME:
		return take_scheme(r, f->value);
	case H2_AUTHORITY:
		return is_any_authority(f->value);
	case H2_PATH:
		return take_path(r, f->value);
	case H2_PROTOCOL:
		return is_token(f->value);
	default:
		return take_status(r, f->value);
	}
}

/* --- regular fields ------------------------------------------------------------- */

static bool is_name(struct str s)
{
	return s.len && chars_are(s, CHAR_NAME);
}

static bool is_interim(const struct h2_rules *r)
{
	return r->status / 100 == 1;
}

static enum h2_verdict verdict(bool is_good)
{
	return is_good ? H2_FIELD_GOOD : H2_FIELD_BAD;
}

/* Where none can be (RFC 9110 §8.6): but many servers send "0" with 204, which does
 * no harm. */
static enum h2_verdict take_no_length(struct h2_rules *r, struct str value)
{
	if (r->status != 204 || r->content_length != LENGTH_UNKNOWN ||
	    !str_eq(value, STR("0")))
		return H2_FIELD_BAD;
	r->content_length = 0;
	return H2_FIELD_DROP;
}

static enum h2_verdict take_length(struct h2_rules *r, struct str value)
{
	uint64_t n;

	/* In trailers it comes too late, and the next hop may believe it. */
	if (r->kind == H2_TRAILERS || r->status == 204 || is_interim(r))
		return take_no_length(r, value);
	if (r->kind == H2_ANSWER && r->connect && r->status / 100 == 2)
		return H2_FIELD_DROP;
	if (r->content_length != LENGTH_UNKNOWN || !str_u64(value, &n) || n > INT64_MAX)
		return H2_FIELD_BAD;
	r->content_length = (int64_t)n;
	return H2_FIELD_GOOD;
}

/* Whom a request is for: told once, and before its body. */
static bool take_host(struct h2_rules *r, struct str value)
{
	if (r->kind == H2_ANSWER)
		return true;
	if (r->kind == H2_TRAILERS || r->has_host)
		return false;
	r->has_host = true;
	return is_any_authority(value);
}

static enum h2_verdict take_known(struct h2_rules *r, const struct h2_field *f)
{
	switch (f->id) {
	case FIELD_CONTENT_LENGTH:
		return take_length(r, f->value);
	case FIELD_HOST:
		return verdict(take_host(r, f->value));
	case FIELD_TE:
		return verdict(r->kind == H2_REQUEST &&
			       str_eq_nocase(f->value, STR("trailers")));
	case FIELD_CONNECTION:
	case FIELD_KEEP_ALIVE:
	case FIELD_PROXY_CONNECTION:
	case FIELD_TRANSFER_ENCODING:
	case FIELD_UPGRADE:
		return H2_FIELD_BAD;
	default:
		return H2_FIELD_GOOD;
	}
}

/* --- heads ---------------------------------------------------------------------- */

void h2_rules_begin(struct h2_rules *r, enum h2_head_kind kind, enum method asked)
{
	*r = (struct h2_rules){
		.kind = (uint8_t)kind,
		.has_body = kind != H2_ANSWER || asked != METHOD_HEAD,
		.connect = kind == H2_ANSWER && asked == METHOD_CONNECT,
		.content_length = LENGTH_UNKNOWN,
	};
}

enum h2_verdict h2_rules_field(struct h2_rules *r, const struct h2_field *f)
{
	if (f->pseudo != H2_NO_PSEUDO)
		return verdict(take_pseudo(r, f));
	r->regular = true;
	if (!is_field_value(f->value))
		return H2_FIELD_BAD;
	if (f->id == FIELD_OTHER)
		return verdict(is_name(f->name));
	return take_known(r, f);
}

static bool has_all(const struct h2_rules *r, unsigned int bits)
{
	return (r->seen & bits) == bits;
}

static bool is_good_request(const struct h2_rules *r)
{
	bool extended = has_all(r, SEEN(H2_PROTOCOL));
	bool authority = has_all(r, SEEN(H2_AUTHORITY));

	if (r->connect && !extended) /* RFC 9113 §8.5 */
		return authority && !(r->seen & (SEEN(H2_SCHEME) | SEEN(H2_PATH)));
	if (!has_all(r, SEEN(H2_METHOD) | SEEN(H2_SCHEME) | SEEN(H2_PATH)))
		return false;
	if (r->http && !r->origin && !(r->options && r->asterisk))
		return false;
	if (extended) /* RFC 8441 §4 */
		return r->connect && authority;
	return authority || r->has_host;
}

bool h2_rules_end(const struct h2_rules *r, bool ended)
{
	switch (r->kind) {
	case H2_REQUEST:
		return is_good_request(r);
	case H2_ANSWER:
		return r->status && !(ended && is_interim(r));
	default:
		return ended;
	}
}

int64_t h2_rules_body(const struct h2_rules *r)
{
	bool extended = has_all(r, SEEN(H2_PROTOCOL));

	if (r->kind == H2_REQUEST)
		return r->connect && !extended ? LENGTH_UNKNOWN : r->content_length;
	if (!r->has_body || is_interim(r) || r->status == 204 || r->status == 304)
		return 0;
	return r->content_length; /* never known of a tunnel's */
}
