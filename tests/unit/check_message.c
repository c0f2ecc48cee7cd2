#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "http/chars.h"
#include "http/message.h"

static void choose_system(void)
{
	char err[256] = "";

	ck_assert_msg(mem_choose("system,regions=heap", err, sizeof(err)) == 0, "%s",
		      err);
}

/* Adds "name: value" fields, both literal. */
static void add(struct fields *f, struct arena *a, const char *name, const char *value)
{
	ck_assert_int_eq(fields_copy(f, a, str_z(name), str_z(value)), 0);
}

static bool has(const struct fields *f, const char *name)
{
	for (unsigned int i = 0; i < f->n; i++)
		if (str_eq(field_name(&f->at[i]), str_z(name)))
			return true;
	return false;
}

START_TEST(a_new_message_knows_no_length)
{
	struct message m;

	memset(&m, 0xd0, sizeof(m));
	message_init(&m);
	ck_assert_int_eq(m.content_length, LENGTH_UNKNOWN);
	ck_assert_int_eq(m.minor_version, 1);
	ck_assert_int_eq(m.status, 0);
	ck_assert_uint_eq(m.headers.n, 0);
	ck_assert_uint_eq(m.path.len, 0);
	ck_assert(!m.no_body && !m.expect_continue);
}
END_TEST

START_TEST(each_known_field_name_has_its_id)
{
	static const struct {
		const char *name;
		enum field_id id;
	} all[] = {
		{"accept", FIELD_ACCEPT},
		{":authority", FIELD_AUTHORITY},
		{"connection", FIELD_CONNECTION},
		{"content-length", FIELD_CONTENT_LENGTH},
		{"content-type", FIELD_CONTENT_TYPE},
		{"cookie", FIELD_COOKIE},
		{"date", FIELD_DATE},
		{"expect", FIELD_EXPECT},
		{"forwarded", FIELD_FORWARDED},
		{"host", FIELD_HOST},
		{"http2-settings", FIELD_HTTP2_SETTINGS},
		{"keep-alive", FIELD_KEEP_ALIVE},
		{"proxy-connection", FIELD_PROXY_CONNECTION},
		{"referer", FIELD_REFERER},
		{"sec-websocket-accept", FIELD_SEC_WEBSOCKET_ACCEPT},
		{"sec-websocket-key", FIELD_SEC_WEBSOCKET_KEY},
		{"server", FIELD_SERVER},
		{"te", FIELD_TE},
		{"trailer", FIELD_TRAILER},
		{"transfer-encoding", FIELD_TRANSFER_ENCODING},
		{"upgrade", FIELD_UPGRADE},
		{"user-agent", FIELD_USER_AGENT},
		{"via", FIELD_VIA},
		{"x-forwarded-for", FIELD_X_FORWARDED_FOR},
		{"x-forwarded-host", FIELD_X_FORWARDED_HOST},
		{"x-forwarded-proto", FIELD_X_FORWARDED_PROTO},
	};

	ck_assert_uint_eq(sizeof(all) / sizeof(all[0]), FIELD_N_IDS - 1);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		char name[32];
		size_t len = strlen(all[i].name);

		ck_assert_msg(field_id_of(all[i].name, len) == all[i].id, "%s",
			      all[i].name);
		strcpy(name, all[i].name);
		name[len - 1] ^= 1;
		ck_assert_msg(field_id_of(name, len) == FIELD_OTHER, "%s", name);
		name[len - 1] ^= 1;
		name[0] ^= 1;
		ck_assert_msg(field_id_of(name, len) == FIELD_OTHER, "%s", name);
	}
}
END_TEST

START_TEST(any_other_name_is_another_field)
{
	static const char name[] = "x-a-name-that-is-longer-than-all-others";

	for (size_t len = 0; len < sizeof(name); len++)
		ck_assert_int_eq(field_id_of(name, len), FIELD_OTHER);
	ck_assert_int_eq(field_id_of("Host", 4), FIELD_OTHER);
}
END_TEST

START_TEST(methods_are_told_apart_by_case)
{
	ck_assert_int_eq(method_of(STR("GET")), METHOD_GET);
	ck_assert_int_eq(method_of(STR("HEAD")), METHOD_HEAD);
	ck_assert_int_eq(method_of(STR("POST")), METHOD_POST);
	ck_assert_int_eq(method_of(STR("PUT")), METHOD_PUT);
	ck_assert_int_eq(method_of(STR("DELETE")), METHOD_DELETE);
	ck_assert_int_eq(method_of(STR("OPTIONS")), METHOD_OPTIONS);
	ck_assert_int_eq(method_of(STR("TRACE")), METHOD_TRACE);
	ck_assert_int_eq(method_of(STR("CONNECT")), METHOD_CONNECT);
	ck_assert_int_eq(method_of(STR("PATCH")), METHOD_PATCH);
	ck_assert_int_eq(method_of(STR("get")), METHOD_OTHER);
	ck_assert_int_eq(method_of(STR("GETS")), METHOD_OTHER);
	ck_assert_int_eq(method_of(str_of(NULL, 0)), METHOD_OTHER);
}
END_TEST

START_TEST(only_idempotent_methods_may_be_tried_again)
{
	ck_assert(method_is_idempotent(METHOD_GET));
	ck_assert(method_is_idempotent(METHOD_HEAD));
	ck_assert(method_is_idempotent(METHOD_PUT));
	ck_assert(method_is_idempotent(METHOD_DELETE));
	ck_assert(method_is_idempotent(METHOD_OPTIONS));
	ck_assert(method_is_idempotent(METHOD_TRACE));
	ck_assert(!method_is_idempotent(METHOD_POST));
	ck_assert(!method_is_idempotent(METHOD_PATCH));
	ck_assert(!method_is_idempotent(METHOD_CONNECT));
	ck_assert(!method_is_idempotent(METHOD_OTHER));
}
END_TEST

START_TEST(a_token_has_the_characters_of_rfc_9110)
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	for (int c = 0; c < 256; c++) {
		char byte = (char)c;
		bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			     (c >= 'A' && c <= 'Z');
		bool tchar = alnum || (c && strchr(others, c));

		ck_assert_msg(is_token(str_of(&byte, 1)) == tchar, "byte %d", c);
	}
	ck_assert(!is_token(STR("")));
	ck_assert(is_token(STR("x-y")));
	ck_assert(!is_token(STR("x y")));
}
END_TEST

START_TEST(a_token_folds_to_lower_case_and_nothing_else_does)
{
	for (int c = 0; c < 256; c++) {
		char byte = (char)c;
		int lower = c >= 'A' && c <= 'Z' ? c | 0x20 : c;

		if (!is_token(str_of(&byte, 1)))
			lower = 0;
		ck_assert_int_eq(http_token_lower[c], lower);
	}
}
END_TEST

START_TEST(a_field_value_has_no_controls_but_tab)
{
	for (int c = 0; c < 256; c++) {
		char value[3] = {'a', (char)c, 'b'};
		bool good = c == '\t' || (c >= ' ' && c != 0x7f);

		ck_assert_msg(is_field_value(str_of(value, 3)) == good, "byte %d", c);
	}
}
END_TEST

START_TEST(a_control_is_seen_wherever_it_stands)
{
	static const char controls[] = {0, 1, 8, '\n', '\r', 0x1f, 0x7f};
	char value[40];

	for (size_t len = 0; len < sizeof(value); len++) {
		memset(value, 0xff, sizeof(value));
		ck_assert_uint_eq(value_span(str_of(value, len)), len);
		for (size_t at = 0; at < len; at++) {
			memset(value, '\t', sizeof(value));
			value[at] = 0x7f;
			ck_assert_uint_eq(value_span(str_of(value, len)), at);
			memset(value, at % 2 ? 0x80 : ' ', sizeof(value));
			value[at] = controls[(at + len) % sizeof(controls)];
			ck_assert_uint_eq(value_span(str_of(value, len)), at);
		}
	}
}
END_TEST

START_TEST(a_field_value_has_no_blanks_at_its_ends)
{
	ck_assert(is_field_value(STR("")));
	ck_assert(is_field_value(str_of(NULL, 0)));
	ck_assert(!is_field_value(STR(" a")));
	ck_assert(!is_field_value(STR("a\t")));
	ck_assert(!is_field_value(STR(" ")));
	ck_assert(is_field_value(STR("a b")));
}
END_TEST

START_TEST(a_path_is_visible_ascii_without_a_fragment)
{
	for (int c = 0; c < 256; c++) {
		char path[3] = {'/', (char)c, 'b'};
		bool good = c > ' ' && c < 0x7f && c != '#';

		ck_assert_msg(is_origin_form(str_of(path, 3)) == good, "byte %d", c);
	}
	ck_assert(is_origin_form(STR("/")));
	ck_assert(!is_origin_form(STR("")));
	ck_assert(!is_origin_form(STR("a/b")));
	ck_assert(!is_origin_form(STR("*")));
}
END_TEST

START_TEST(an_authority_is_a_host_and_perhaps_a_port)
{
	static const char *const good[] = {
		"a",
		"example.org",
		"example.org:80",
		"example.org:",
		"1.2.3.4",
		"1.2.3.4:0",
		"[::1]",
		"[::1]:8080",
		"a%20b",
		"a_b-c~d",
		"[::ffff:1.2.3.4]",
		"h:65535",
		"a!$&'()*+,;=",
	};
	static const char *const bad[] = {
		"",     ":80",      "u@h", "u:p@h",  "h:65536", "h:80a",    "h:8:0",
		"h:-1", "h:000080", "h/",  "h?",     "h#",      "a b",      "h\\",
		"[::1", "[]",       "[:]", "[::1]a", "[::1]]",  "[::g]",    "::1",
		"a%2",  "a%zz",     "%",   "a\tb",   "a\x7f",   "\xc3\xa4", "a\"",
		"<a>",  "[::1]:x",  "a%0", "a[::1]", "a^b",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert_msg(is_authority(str_z(good[i])), "%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!is_authority(str_z(bad[i])), "%s", bad[i]);
	ck_assert(!is_authority(str_of("a\0b", 3)));
	ck_assert(!is_authority(str_of("a%222", 3)));
}
END_TEST

/* --- authorities, byte by byte ------------------------------------------------- */

static bool is_hex(char c)
{
	return c && strchr("0123456789abcdefABCDEF", c);
}

static bool is_in_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || (c && strchr("-._~!$&'()*+,;=", c));
}

/* Where the host at the start of p ends (RFC 3986 §3.2.2); 0: there is none. */
static size_t slow_host(const char *p, size_t len)
{
	size_t i = 0;

	if (len && p[0] == '[') {
		for (i = 1; i < len && (is_hex(p[i]) || p[i] == ':' || p[i] == '.');)
			i++;
		return i >= 3 && i < len && p[i] == ']' ? i + 1 : 0;
	}
	while (i < len) {
		if (is_in_name(p[i]))
			i++;
		else if (p[i] == '%' && i + 2 < len && is_hex(p[i + 1]) &&
			 is_hex(p[i + 2]))
			i += 3;
		else
			break;
	}
	return i;
}

static bool slow_is_authority(const char *p, size_t len)
{
	size_t i = slow_host(p, len);
	unsigned int port = 0;

	if (!i)
		return false;
	if (i == len)
		return true;
	if (p[i++] != ':' || len - i > 5)
		return false;
	for (; i < len; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		port = port * 10 + (unsigned int)(p[i] - '0');
	}
	return port <= 65535;
}

/* Returns: whether it is one, as both say. */
static bool check_authority(const char *p, size_t len)
{
	bool is = is_authority(str_of(p, len));

	if (is != slow_is_authority(p, len))
		ck_abort_msg("\"%.*s\" is%s taken for one", (int)len, p,
			     is ? "" : " not");
	return is;
}

START_TEST(each_short_authority_is_judged_as_byte_by_byte)
{
	static const char alphabet[] = "a16:[]%.f@/ ";
	char *p = malloc((size_t)_i + 1); /* as long as it is */
	size_t n = 1, n_good = 0, n_bytes = sizeof(alphabet) - 1;

	for (int i = 0; i < _i; i++)
		n *= n_bytes;
	for (size_t k = 0; k < n; k++) {
		size_t rest = k;

		for (int i = 0; i < _i; i++, rest /= n_bytes)
			p[1 + i] = alphabet[rest % n_bytes];
		n_good += check_authority(p + 1, (size_t)_i);
	}
	ck_assert(_i ? n_good > 0 && n_good < n : !n_good);
	free(p);
}
END_TEST

START_TEST(each_port_is_judged_as_byte_by_byte)
{
	static const char *const hosts[] = {"h", "[::1]", "%41", "192.0.2.1", "", "h:"};
	static const int widths[] = {1, 5, 6};
	size_t n_good = 0;

	for (size_t i = 0; i < 3 * sizeof(hosts) / sizeof(hosts[0]); i++) {
		for (int port = 0; port < 110000; port++) {
			char text[32];
			int len = snprintf(text, sizeof(text), "%s:%0*d", hosts[i / 3],
					   widths[i % 3], port);

			n_good += check_authority(text, (size_t)len);
		}
	}
	ck_assert_uint_eq(n_good, 4 * 2 * 65536); /* none of six digits */
}
END_TEST

/* Good ones of all lengths, most with a byte or two that do not belong there. */
START_TEST(long_authorities_are_judged_as_byte_by_byte)
{
	static const char *const hosts[] = {"a-long.name.of_a.host.example.org",
					    "[2001:db8::ffff:192.0.2.128]",
					    "a%20b%c3%a4%2Fcdefghijklmnopqrstuv"};
	size_t n_good = 0, n = 300000;
	struct random r;

	random_init(&r, 1);
	for (size_t k = 0; k < n; k++) {
		const char *host = hosts[random_below(&r, 3)];
		size_t len = host[0] == '[' ? strlen(host)
					    : random_below(&r, strlen(host) + 1);
		char text[64], *p;

		memcpy(text, host, len);
		if (random_below(&r, 2))
			len += (size_t)sprintf(text + len, ":%d",
					       (int)random_below(&r, 80000));
		for (uint64_t i = random_below(&r, 3); len && i; i--)
			text[random_below(&r, len)] =
				random_below(&r, 2)
					? "a1:[]%.f@/ \0"[random_below(&r, 12)]
					: (char)random_below(&r, 256);
		p = malloc(len + 1); /* as long as it is */
		memcpy(p + 1, text, len);
		n_good += check_authority(p + 1, len);
		free(p);
	}
	ck_assert_uint_gt(n_good, n / 8);
	ck_assert_uint_lt(n_good, n * 7 / 8);
}
END_TEST

START_TEST(fields_keep_their_order_and_count_their_bytes)
{
	struct fields f = {0};
	struct arena a;
	unsigned int from = 0;
	const struct field *x;

	arena_init(&a, MEM_STREAM, 256);
	add(&f, &a, "cookie", "a=1");
	add(&f, &a, "x-other", "");
	add(&f, &a, "cookie", "b=22");
	ck_assert_uint_eq(f.n, 3);
	ck_assert_uint_eq(f.bytes, 6 + 3 + 32 + 7 + 32 + 6 + 4 + 32);
	x = fields_next(&f, FIELD_COOKIE, &from);
	ck_assert(str_eq(field_value(x), STR("a=1")));
	ck_assert(str_eq(field_name(x), STR("cookie")));
	x = fields_next(&f, FIELD_COOKIE, &from);
	ck_assert(str_eq(field_value(x), STR("b=22")));
	ck_assert_ptr_null(fields_next(&f, FIELD_COOKIE, &from));
	ck_assert_uint_eq(from, 3);
	ck_assert_ptr_null(fields_get(&f, FIELD_HOST));
	arena_fini(&a);
}
END_TEST

START_TEST(removing_a_field_takes_all_of_that_id)
{
	struct fields f = {0};
	struct arena a;

	arena_init(&a, MEM_STREAM, 256);
	add(&f, &a, "via", "1");
	add(&f, &a, "x", "y");
	add(&f, &a, "via", "2");
	fields_remove(&f, FIELD_HOST);
	ck_assert_uint_eq(f.n, 3);
	fields_remove(&f, FIELD_VIA);
	ck_assert_uint_eq(f.n, 1);
	ck_assert_uint_eq(f.bytes, 34);
	ck_assert(has(&f, "x"));
	arena_fini(&a);
}
END_TEST

START_TEST(many_fields_find_room)
{
	struct fields f = {0};
	struct arena a;
	char name[16];

	arena_init(&a, MEM_STREAM, 256);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "x-%d", i);
		add(&f, &a, name, "v");
	}
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "x-%d", i);
		ck_assert(str_eq(field_name(&f.at[i]), str_z(name)));
	}
	arena_fini(&a);
}
END_TEST

START_TEST(there_are_never_more_fields_than_the_count_can_hold)
{
	struct fields f = {0};
	struct arena a;

	arena_init(&a, MEM_STREAM, 256);
	for (int i = 0; i < 65535; i++)
		if (fields_add(&f, &a, STR("a"), STR("b")) < 0)
			ck_abort_msg("at %d", i);
	ck_assert_int_eq(fields_room(&f, &a, 1), -1);
	ck_assert_int_eq(fields_add(&f, &a, STR("a"), STR("b")), -1);
	ck_assert_uint_eq(f.n, 65535);
	arena_fini(&a);
}
END_TEST

START_TEST(a_name_longer_than_its_count_is_not_added)
{
	struct fields f = {0};
	struct arena a;
	static char name[65537];

	arena_init(&a, MEM_STREAM, 256);
	memset(name, 'a', sizeof(name));
	ck_assert_int_eq(fields_add(&f, &a, str_of(name, 65536), STR("")), -1);
	ck_assert_uint_eq(f.n, 0);
	ck_assert_int_eq(fields_add(&f, &a, str_of(name, 65535), STR("")), 0);
	arena_fini(&a);
}
END_TEST

START_TEST(without_memory_no_field_is_added)
{
	for (uint64_t cap = 1; cap < 2000; cap += 8) {
		struct fields f = {0};
		struct arena a;
		int added = 0;

		arena_init(&a, MEM_STREAM, 64);
		a.cap_bytes = cap;
		for (int i = 0; i < 12; i++)
			if (fields_copy(&f, &a, STR("name"), STR("value")) == 0)
				added++;
		ck_assert_int_eq(added, f.n);
		ck_assert_int_lt(added, 12);
		ck_assert_uint_eq(f.bytes, (unsigned int)added * (4 + 5 + 32));
		for (int i = 0; i < added; i++)
			ck_assert(str_eq(field_name(&f.at[i]), STR("name")));
		arena_fini(&a);
		if (added == 11)
			return;
	}
}
END_TEST

START_TEST(hop_by_hop_fields_are_known_by_name)
{
	static const char *const names[] = {
		"connection",        "keep-alive", "proxy-connection", "te",
		"transfer-encoding", "upgrade",    "http2-settings",
	};
	struct fields f = {0};
	struct arena a;

	arena_init(&a, MEM_STREAM, 256);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		add(&f, &a, names[i], "x");
	for (unsigned int i = 0; i < f.n; i++)
		ck_assert(field_is_hop_by_hop(&f.at[i], &f));
	add(&f, &a, "trailer", "x");
	ck_assert(!field_is_hop_by_hop(&f.at[f.n - 1], &f));
	arena_fini(&a);
}
END_TEST

START_TEST(what_connection_names_is_hop_by_hop)
{
	struct fields f = {0};
	struct arena a;

	arena_init(&a, MEM_STREAM, 256);
	add(&f, &a, "x-one", "1");
	add(&f, &a, "x-two", "2");
	add(&f, &a, "x-three", "3");
	add(&f, &a, "connection", "close, X-ONE");
	add(&f, &a, "connection", ",x-two ,");
	ck_assert(field_is_hop_by_hop(&f.at[0], &f));
	ck_assert(field_is_hop_by_hop(&f.at[1], &f));
	ck_assert(!field_is_hop_by_hop(&f.at[2], &f));
	arena_fini(&a);
}
END_TEST

START_TEST(a_list_is_searched_for_whole_elements)
{
	struct field f = {.value = "a, bc ,\tD", .value_len = 9};

	ck_assert(field_lists(&f, STR("a")));
	ck_assert(field_lists(&f, STR("BC")));
	ck_assert(field_lists(&f, STR("d")));
	ck_assert(!field_lists(&f, STR("b")));
	ck_assert(!field_lists(&f, STR("a, bc")));
}
END_TEST

START_TEST(the_end_of_a_hop_leaves_te_trailers_alone)
{
	struct fields f = {0};
	struct arena a;

	arena_init(&a, MEM_STREAM, 256);
	add(&f, &a, "te", "gzip");
	add(&f, &a, "connection", "te, x-one, x-two");
	add(&f, &a, "x-one", "1");
	add(&f, &a, "te", "deflate, Trailers");
	add(&f, &a, "keep-alive", "timeout=5");
	add(&f, &a, "x-three", "3");
	add(&f, &a, "te", "trailers");
	add(&f, &a, "x-two", "2");
	fields_end_hop(&f);
	ck_assert_uint_eq(f.n, 2);
	ck_assert(str_eq(field_name(&f.at[0]), STR("te")));
	ck_assert(str_eq(field_value(&f.at[0]), STR("trailers")));
	ck_assert(str_eq(field_name(&f.at[1]), STR("x-three")));
	ck_assert_uint_eq(f.bytes, 2 + 8 + 32 + 7 + 1 + 32);
	arena_fini(&a);
}
END_TEST

START_TEST(the_end_of_a_hop_takes_other_te_away)
{
	struct fields f = {0};
	struct arena a;

	arena_init(&a, MEM_STREAM, 256);
	add(&f, &a, "te", "gzip;q=1, trailersx");
	fields_end_hop(&f);
	ck_assert_uint_eq(f.n, 0);
	ck_assert_uint_eq(f.bytes, 0);
	arena_fini(&a);
}
END_TEST

START_TEST(a_trailer_may_not_frame_route_or_authenticate)
{
	static const char *const bad[] = {
		"content-length",
		"transfer-encoding",
		"host",
		"connection",
		"te",
		"trailer",
		"upgrade",
		"authorization",
		"set-cookie",
		"cookie",
		"if-match",
		"range",
		"content-type",
		"content-encoding",
		"expect",
		"forwarded",
		"cache-control",
		"www-authenticate",
		"max-forwards",
		"keep-alive",
		"x-forwarded-for",
		"content-range",
		"location",
		"vary",
	};
	static const char *const good[] = {
		"grpc-status", "grpc-message", "etag", "server-timing", "x-checksum",
		"server",      "via",          "if",   "ranges",
	};
	struct fields f = {0};
	struct arena a;

	arena_init(&a, MEM_STREAM, 256);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		add(&f, &a, bad[i], "x");
		ck_assert_msg(field_is_bad_trailer(&f.at[f.n - 1]), "%s", bad[i]);
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		add(&f, &a, good[i], "x");
		ck_assert_msg(!field_is_bad_trailer(&f.at[f.n - 1]), "%s", good[i]);
	}
	arena_fini(&a);
}
END_TEST

START_TEST(each_registered_status_has_its_reason)
{
	ck_assert_str_eq(status_reason(100), "Continue");
	ck_assert_str_eq(status_reason(101), "Switching Protocols");
	ck_assert_str_eq(status_reason(103), "Early Hints");
	ck_assert_str_eq(status_reason(200), "OK");
	ck_assert_str_eq(status_reason(206), "Partial Content");
	ck_assert_str_eq(status_reason(226), "IM Used");
	ck_assert_str_eq(status_reason(304), "Not Modified");
	ck_assert_str_eq(status_reason(307), "Temporary Redirect");
	ck_assert_str_eq(status_reason(308), "Permanent Redirect");
	ck_assert_str_eq(status_reason(404), "Not Found");
	ck_assert_str_eq(status_reason(413), "Content Too Large");
	ck_assert_str_eq(status_reason(417), "Expectation Failed");
	ck_assert_str_eq(status_reason(421), "Misdirected Request");
	ck_assert_str_eq(status_reason(426), "Upgrade Required");
	ck_assert_str_eq(status_reason(428), "Precondition Required");
	ck_assert_str_eq(status_reason(429), "Too Many Requests");
	ck_assert_str_eq(status_reason(431), "Request Header Fields Too Large");
	ck_assert_str_eq(status_reason(451), "Unavailable For Legal Reasons");
	ck_assert_str_eq(status_reason(500), "Internal Server Error");
	ck_assert_str_eq(status_reason(504), "Gateway Timeout");
	ck_assert_str_eq(status_reason(505), "HTTP Version Not Supported");
	ck_assert_str_eq(status_reason(511), "Network Authentication Required");
}
END_TEST

START_TEST(any_other_status_has_an_empty_reason)
{
	static const unsigned int none[] = {0,   99,  104, 199, 209, 306, 309, 418,
					    452, 499, 509, 512, 599, 600, 999, 65535};

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		ck_assert_str_eq(status_reason(none[i]), "");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("message");
	TCase *g = tcase_create("grammar");
	TCase *f = tcase_create("fields");
	SRunner *r;
	int failed;

	tcase_add_test(g, a_new_message_knows_no_length);
	tcase_add_test(g, each_known_field_name_has_its_id);
	tcase_add_test(g, any_other_name_is_another_field);
	tcase_add_test(g, methods_are_told_apart_by_case);
	tcase_add_test(g, only_idempotent_methods_may_be_tried_again);
	tcase_add_test(g, a_token_has_the_characters_of_rfc_9110);
	tcase_add_test(g, a_token_folds_to_lower_case_and_nothing_else_does);
	tcase_add_test(g, a_field_value_has_no_controls_but_tab);
	tcase_add_test(g, a_control_is_seen_wherever_it_stands);
	tcase_add_test(g, a_field_value_has_no_blanks_at_its_ends);
	tcase_add_test(g, a_path_is_visible_ascii_without_a_fragment);
	tcase_add_test(g, an_authority_is_a_host_and_perhaps_a_port);
	tcase_add_loop_test(g, each_short_authority_is_judged_as_byte_by_byte, 0, 7);
	tcase_add_test(g, each_port_is_judged_as_byte_by_byte);
	tcase_add_test(g, long_authorities_are_judged_as_byte_by_byte);
	tcase_add_test(g, each_registered_status_has_its_reason);
	tcase_add_test(g, any_other_status_has_an_empty_reason);
	tcase_add_checked_fixture(f, choose_system, NULL);
	tcase_add_test(f, fields_keep_their_order_and_count_their_bytes);
	tcase_add_test(f, removing_a_field_takes_all_of_that_id);
	tcase_add_test(f, many_fields_find_room);
	tcase_add_test(f, there_are_never_more_fields_than_the_count_can_hold);
	tcase_add_test(f, a_name_longer_than_its_count_is_not_added);
	tcase_add_test(f, without_memory_no_field_is_added);
	tcase_add_test(f, hop_by_hop_fields_are_known_by_name);
	tcase_add_test(f, what_connection_names_is_hop_by_hop);
	tcase_add_test(f, a_list_is_searched_for_whole_elements);
	tcase_add_test(f, the_end_of_a_hop_leaves_te_trailers_alone);
	tcase_add_test(f, the_end_of_a_hop_takes_other_te_away);
	tcase_add_test(f, a_trailer_may_not_frame_route_or_authenticate);
	suite_add_tcase(s, g);
	suite_add_tcase(s, f);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
