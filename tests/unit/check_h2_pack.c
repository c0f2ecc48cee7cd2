/*
 * What is packed: unpacked again by nghttp2, over thousands of blocks of one
 * connection, whatever the peer's table holds; and what never gets into a table.
 */
#include <check.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>

#include "http/h2_huffman.h"
#include "http/h2_pack.h"
#include "http/h2_static.h"

struct pair {
	struct str name, value;
	bool never;
};

static struct h2_pack pack;
static nghttp2_hd_inflater *in;
static uint8_t block[1 << 17];
static size_t block_len;

static void begin(bool huffman)
{
	h2_pack_init(&pack, huffman);
	ck_assert_int_eq(nghttp2_hd_inflate_new(&in), 0);
}

static void end(void)
{
	nghttp2_hd_inflate_del(in);
}

static void pack_all(const struct pair *all, size_t n)
{
	uint8_t *to = h2_pack_begin(&pack, block);

	ck_assert_uint_le((size_t)(to - block), H2_PACK_ROOM);
	for (size_t i = 0; i < n; i++) {
		uint8_t *from = to;

		to = h2_pack_field(&pack, to, all[i].name, all[i].value, all[i].never);
		ck_assert_uint_le(
			(size_t)(to - from),
			H2_PACK_FIELD_ROOM(all[i].name.len, all[i].value.len));
	}
	block_len = (size_t)(to - block);
	ck_assert_uint_le(pack.bytes, pack.max);
	ck_assert_uint_le(pack.n, H2_PACK_ENTRIES);
}

static bool is_str(const uint8_t *p, size_t len, struct str s)
{
	return str_eq(str_of((const char *)p, len), s);
}

/* What nghttp2 makes of the block is what went in. */
static void unpack_all(const struct pair *all, size_t n)
{
	const uint8_t *p = block;
	size_t left = block_len, k = 0;
	int flags = 0;

	while (!(flags & NGHTTP2_HD_INFLATE_FINAL)) {
		nghttp2_nv nv;
		ssize_t used = nghttp2_hd_inflate_hd2(in, &nv, &flags, p, left, 1);

		ck_assert_msg(used >= 0, "%s", nghttp2_strerror((int)used));
		p += used;
		left -= (size_t)used;
		if (!(flags & NGHTTP2_HD_INFLATE_EMIT))
			continue;
		ck_assert_uint_lt(k, n);
		ck_assert(is_str(nv.name, nv.namelen, all[k].name));
		ck_assert(is_str(nv.value, nv.valuelen, all[k].value));
		if (all[k].never)
			ck_assert(nv.flags & NGHTTP2_NV_FLAG_NO_INDEX);
		k++;
	}
	nghttp2_hd_inflate_end_headers(in);
	ck_assert_uint_eq(k, n);
}

static void round_trip(const struct pair *all, size_t n)
{
	pack_all(all, n);
	unpack_all(all, n);
}

static void set_limit(uint32_t bytes)
{
	ck_assert_int_eq(nghttp2_hd_inflate_change_table_size(in, bytes), 0);
	h2_pack_limit(&pack, bytes);
}

#define PAIR(name, value)                                                              \
	{                                                                              \
		STR(name), STR(value), false                                           \
	}

static const struct pair answer[] = {
	PAIR(":status", "200"),
	PAIR("content-type", "text/html; charset=utf-8"),
	PAIR("content-length", "1024"),
	PAIR("server", "nginx/1.22.1"),
	PAIR("x-frame-options", "DENY"),
	PAIR("via", "1.1 heapgate"),
};
#define N_ANSWER (sizeof(answer) / sizeof(answer[0]))

START_TEST(what_was_sent_before_takes_a_byte)
{
	size_t first;

	begin(true);
	round_trip(answer, N_ANSWER);
	first = block_len;
	ck_assert_uint_gt(first, 40);
	round_trip(answer, N_ANSWER);
	/* One for each, but for the length, which is not kept. */
	ck_assert_uint_eq(block_len,
			  N_ANSWER - 1 + 2 + h2_huffman_len(STR("1024")) + 1);
	ck_assert_uint_eq(pack.n, N_ANSWER - 2); /* :status 200 is in the static one */
	end();
}
END_TEST

START_TEST(secrets_are_in_no_table)
{
	static const struct pair secret[] = {
		PAIR("authorization", "Basic Zm9vOmJhcg=="),
		PAIR("proxy-authorization", "x"),
		PAIR("cookie", "short=1"),
		{STR("x-token"), STR("a secret of the sender's"), true},
		{STR(":method"), STR("GET"), true},
	};
	static const uint8_t forms[] = {0x10, 0x10, 0x10, 0x10, 0x10};

	begin(false);
	for (int i = 0; i < 3; i++) {
		round_trip(secret, sizeof(secret) / sizeof(secret[0]));
		ck_assert_uint_eq(pack.n, 0);
	}
	for (size_t i = 0; i < sizeof(forms); i++) {
		pack_all(&secret[i], 1);
		ck_assert_uint_eq(block[0] & 0xf0, forms[i]);
	}
	end();
}
END_TEST

START_TEST(a_cookie_that_cannot_be_guessed_is_kept)
{
	static const struct pair cookie[] = {
		PAIR("cookie", "session=0123456789abcdef0123456789")};

	begin(true);
	round_trip(cookie, 1);
	round_trip(cookie, 1);
	ck_assert_uint_eq(block_len, 1);
	end();
}
END_TEST

START_TEST(a_table_that_the_peer_makes_smaller_is_smaller)
{
	static const uint32_t limits[] = {4096, 100, 0, 64, 4096, 1 << 20, 33, 200, 0};

	begin(true);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		set_limit(limits[i]);
		for (int k = 0; k < 3; k++)
			round_trip(answer, N_ANSWER);
		ck_assert_uint_le(pack.max, H2_PACK_PEER_BYTES);
		ck_assert_uint_le(pack.bytes, limits[i]);
	}
	end();
}
END_TEST

START_TEST(the_least_size_between_two_blocks_is_told)
{
	begin(true);
	round_trip(answer, N_ANSWER);
	set_limit(0);
	set_limit(4096);
	ck_assert_uint_eq(pack.n, 0);
	round_trip(answer, N_ANSWER);
	ck_assert_uint_eq(block[0], 0x20); /* 0, then 4,096 */
	ck_assert_uint_eq(block[1] & 0xe0, 0x20);
	round_trip(answer, N_ANSWER);
	ck_assert_uint_eq(block[0] & 0xe0, 0x80); /* once */
	end();
}
END_TEST

/* --- at random ------------------------------------------------------------- */

static char text[1 << 15];

static struct str random_text(unsigned int most, bool is_name)
{
	unsigned int len = (unsigned int)random() % (most + 1);

	if (is_name && !len)
		len = 1;
	for (unsigned int i = 0; i < len; i++)
		text[i] =
			is_name ? (char)('a' + random() % 26) : (char)(random() % 256);
	return str_of(text, len);
}

static struct str kept(struct str s)
{
	char *copy = malloc(s.len + 1);

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, s.p, s.len);
	return str_of(copy, s.len);
}

#define N_WORDS 90

/* Blocks of few fields out of many, so that some are there, some were, some have only
 * their name there; long ones, empty ones; now and then another limit. */
START_TEST(thousands_of_blocks_mean_what_they_meant)
{
	static const char *const names[] = {":path", "date", "set-cookie",     "etag",
					    "x-a",   "x-b",  "accept-encoding"};
	struct pair words[N_WORDS];

	srandom(7);
	begin(_i & 1);
	for (unsigned int i = 0; i < N_WORDS; i++) {
		words[i].name = i % 3 ? str_z(names[i % 7])
				      : kept(random_text(i % 9 ? 20 : 900, true));
		words[i].value = kept(random_text(i % 11 ? 40 : 3000, false));
		words[i].never = i % 23 == 0;
	}
	for (int round = 0; round < 4000; round++) {
		struct pair some[12];
		size_t n = (size_t)random() % 12;
		unsigned int span = round % 500 < 250 ? 12 : N_WORDS;

		for (size_t i = 0; i < n; i++)
			some[i] = words[(unsigned int)random() % span];
		if (random() % 50 == 0)
			set_limit((uint32_t)random() % 5000);
		round_trip(some, n);
	}
	for (unsigned int i = 0; i < N_WORDS; i++) {
		if (i % 3 == 0)
			free((char *)(uintptr_t)words[i].name.p);
		free((char *)(uintptr_t)words[i].value.p);
	}
	end();
}
END_TEST

START_TEST(each_byte_has_its_code)
{
	char all[512];
	struct pair one = {STR("x"), {all, 0}, false};

	begin(true);
	h2_pack_limit(&pack, 0);
	for (int c = 0; c < 256; c++) {
		/* Behind letters of five bits, so that it is shorter so. */
		memset(all, 'e', 300);
		all[c % 100] = (char)c;
		one.value.len = 200 + (size_t)c % 8;
		ck_assert_int_eq(nghttp2_hd_inflate_change_table_size(in, 0), 0);
		round_trip(&one, 1);
		ck_assert_uint_lt(block_len, 160);
	}
	end();
}
END_TEST

START_TEST(the_static_table_is_found_by_name_and_value)
{
	static const struct {
		const char *name, *value;
		unsigned int first, both;
	} all[] = {
		{":authority", "", 1, 0},
		{":method", "POST", 2, 3},
		{":path", "/", 4, 4},
		{":path", "/index.html", 4, 5},
		{":path", "/other", 4, 0},
		{":status", "500", 8, 14},
		{":status", "201", 8, 0},
		{"accept-encoding", "gzip, deflate", 16, 16},
		{"www-authenticate", "", 61, 0},
		{"accept-encodinh", "", 0, 0},
		{"", "", 0, 0},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct str name = str_z(all[i].name);
		unsigned int first = h2_static_name(name, h2_hash(name));

		ck_assert_msg(first == all[i].first, "%s: %u", all[i].name, first);
		if (first)
			ck_assert_uint_eq(h2_static_value(first, str_z(all[i].value)),
					  all[i].both);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("h2_pack");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, what_was_sent_before_takes_a_byte);
	tcase_add_test(t, secrets_are_in_no_table);
	tcase_add_test(t, a_cookie_that_cannot_be_guessed_is_kept);
	tcase_add_test(t, a_table_that_the_peer_makes_smaller_is_smaller);
	tcase_add_test(t, the_least_size_between_two_blocks_is_told);
	tcase_add_loop_test(t, thousands_of_blocks_mean_what_they_meant, 0, 2);
	tcase_add_test(t, each_byte_has_its_code);
	tcase_add_test(t, the_static_table_is_found_by_name_and_value);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
