/*
 * A WebSocket's frames, and what the echo makes of them, at every split.
 */
#include <check.h>
#include <stdio.h>

#include "lab/websocket_echo.h"
#include "runner.h"

/* A client's frame: first byte, payload, masked. */
static size_t frame(uint8_t *to, uint8_t first, const void *payload, size_t len)
{
	static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
	size_t n = websocket_frame_write(to, first & 15, first & 0x80, len);

	to[0] = first;
	to[1] |= 0x80;
	memcpy(to + n, mask, 4);
	n += 4;
	for (size_t i = 0; i < len; i++)
		to[n + i] = ((const uint8_t *)payload)[i] ^ mask[i & 3];
	return n + len;
}

static struct body in, out;
static struct websocket_echo echo;
static uint8_t said[200000];
static size_t n_said;

static void begin_echo(void)
{
	memset(&echo, 0, sizeof(echo));
	body_init(&in, 1 << 20);
	body_init(&out, 1 << 20);
	n_said = 0;
}

static void end_echo(void)
{
	body_fini(&in);
	body_fini(&out);
	ck_assert_uint_eq(mem_live(mem_counters(), MEM_STREAM), 0);
}

static void move(void)
{
	uint32_t before = in.bytes;
	size_t taken;

	ck_assert_int_eq(websocket_echo_move(&echo, &in, &out, &taken), 0);
	ck_assert_uint_eq(taken, before - in.bytes);
	n_said += body_take(&out, (char *)said + n_said, sizeof(said) - n_said);
}

/* Feeds bytes in two parts. */
static void feed(const uint8_t *p, size_t len, size_t split)
{
	ck_assert_int_eq(body_put(&in, p, split), 0);
	move();
	ck_assert_int_eq(body_put(&in, p + split, len - split), 0);
	move();
}

/* Whatever the split, these bytes get this answer. */
static void expect(const uint8_t *p, size_t len, const void *want, size_t want_len,
		   bool closed)
{
	for (size_t split = 0; split <= len; split++) {
		begin_echo();
		feed(p, len, split);
		ck_assert_msg(n_said == want_len && memcmp(said, want, want_len) == 0,
			      "split at %zu: %zu bytes, wanted %zu", split, n_said,
			      want_len);
		ck_assert_int_eq(echo.closed, closed);
		ck_assert_int_eq(out.ended, closed);
		end_echo();
	}
}

#define WANT(literal) literal, sizeof(literal) - 1
#define BAD           WANT("\x88\x02\x03\xea"), true /* close, 1002 */

/* --- what RFC 6455 shows ------------------------------------------------- */

START_TEST(hello_of_the_rfc_comes_back)
{
	static const uint8_t hello[] = {0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d,
					0x7f, 0x9f, 0x4d, 0x51, 0x58};

	expect(hello, sizeof(hello), WANT("\x81\x05Hello"), false);
}
END_TEST

START_TEST(fragments_come_back_as_fragments_with_a_pong_between)
{
	uint8_t p[64];
	size_t n = frame(p, 0x01, "Hel", 3);

	n += frame(p + n, 0x89, "x", 1);
	n += frame(p + n, 0x80, "lo", 2);
	expect(p, n, WANT("\x01\x03Hel\x8a\x01x\x80\x02lo"), false);
}
END_TEST

START_TEST(each_form_of_length_comes_back)
{
	static const size_t sizes[] = {0, 1, 125, 126, 127, 65535, 65536, 70000};
	static uint8_t payload[70000], p[70100];

	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 7);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t head[WEBSOCKET_HEAD_BYTES];
		size_t n_head = websocket_frame_write(head, 2, true, sizes[i]);
		size_t n = frame(p, 0x82, payload, sizes[i]);

		for (size_t split = 0; split <= n; split += 1 + n / 37) {
			begin_echo();
			feed(p, n, split);
			ck_assert_uint_eq(n_said, n_head + sizes[i]);
			ck_assert(memcmp(said, head, n_head) == 0);
			ck_assert(memcmp(said + n_head, payload, sizes[i]) == 0);
			end_echo();
		}
	}
}
END_TEST

START_TEST(a_ping_gets_its_pong_and_a_pong_nothing)
{
	uint8_t p[300], payload[125];
	size_t n = frame(p, 0x89, "", 0);

	memset(payload, 'p', sizeof(payload));
	expect(p, n, WANT("\x8a\x00"), false);
	n = frame(p, 0x8a, "pong", 4);
	n += frame(p + n, 0x81, "a", 1);
	expect(p, n,
	       WANT("\x81\x01"
		    "a"),
	       false);
	n = frame(p, 0x89, payload, sizeof(payload));
	begin_echo();
	feed(p, n, 1);
	ck_assert_uint_eq(n_said, 127);
	ck_assert(memcmp(said + 2, payload, 125) == 0);
	end_echo();
}
END_TEST

/* --- the end ------------------------------------------------------------- */

START_TEST(a_close_is_echoed_and_what_follows_means_nothing)
{
	uint8_t p[64];
	size_t n = frame(p, 0x88,
			 "\x03\xe8"
			 "bye",
			 5);

	n += frame(p + n, 0x81, "late", 4);
	expect(p, n,
	       WANT("\x88\x05\x03\xe8"
		    "bye"),
	       true);
	expect(p, frame(p, 0x88, "", 0), WANT("\x88\x00"), true);
	expect(p, frame(p, 0x88, "\x0b\xb8", 2), WANT("\x88\x02\x0b\xb8"), true);
}
END_TEST

START_TEST(a_close_must_have_a_good_code)
{
	static const uint8_t codes[][2] = {{0x03, 0xe7}, {0x03, 0xec}, {0x03, 0xed},
					   {0x03, 0xee}, {0x03, 0xf7}, {0x0b, 0xb7},
					   {0x13, 0x88}};
	uint8_t p[64];

	expect(p, frame(p, 0x88, "x", 1), BAD);
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		expect(p, frame(p, 0x88, codes[i], 2), BAD);
}
END_TEST

START_TEST(the_end_of_the_client_is_the_end)
{
	uint8_t p[64];
	size_t n = frame(p, 0x81, "a", 1);

	begin_echo();
	feed(p, n - 1, 0);
	ck_assert(!out.ended);
	in.ended = true;
	move();
	ck_assert(out.ended);
	end_echo();
}
END_TEST

START_TEST(what_the_rfc_forbids_is_closed_as_a_protocol_error)
{
	static const uint8_t bad[][14] = {
		{0xc1, 0x81, 1, 2, 3, 4}, /* a reserved bit */
		{0x81, 0x01, 'a'},        /* no mask */
		{0x83, 0x80, 1, 2, 3, 4}, /* opcodes of nobody */
		{0x8b, 0x80, 1, 2, 3, 4},
		{0x80, 0x80, 1, 2, 3, 4},         /* continues nothing */
		{0x09, 0x80, 1, 2, 3, 4},         /* part of a ping */
		{0x89, 0xfe, 0, 126, 1, 2, 3, 4}, /* too long a ping */
		{0x81, 0xfe, 0, 125, 1, 2, 3, 4}, /* longer than need be */
		{0x81, 0xff, 0, 0, 0, 0, 0, 0, 255, 255, 1, 2, 3, 4},
		{0x81, 0xff, 128, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}, /* 64 bits */
	};
	static const size_t lens[] = {6, 3, 6, 6, 6, 6, 8, 8, 14, 14};
	uint8_t p[64];
	size_t n;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect(bad[i], lens[i], BAD);
	n = frame(p, 0x01, "", 0);
	n += frame(p + n, 0x81, "", 0); /* begun within another */
	expect(p, n, WANT("\x01\x00\x88\x02\x03\xea"), true);
}
END_TEST

/* --- bounds -------------------------------------------------------------- */

START_TEST(who_does_not_read_is_not_echoed_without_end)
{
	static uint8_t p[70100], payload[70000];
	size_t n = frame(p, 0x82, payload, sizeof(payload)), taken;

	begin_echo();
	body_init(&out, 8192);
	ck_assert_int_eq(body_put(&in, p, n), 0);
	ck_assert_int_eq(websocket_echo_move(&echo, &in, &out, &taken), 0);
	ck_assert_uint_ge(out.bytes, 8192);
	ck_assert_uint_le(out.bytes, 8192 + 4096);
	ck_assert_uint_gt(in.bytes, 50000);
	while (n_said < 10 + sizeof(payload)) {
		size_t before = n_said;

		move();
		ck_assert_uint_gt(n_said, before);
	}
	ck_assert_uint_eq(in.bytes, 0);
	end_echo();
}
END_TEST

START_TEST(without_memory_it_says_so)
{
	char spec[64], err[256];
	uint8_t p[64];
	size_t n = frame(p, 0x89, "ping", 4), taken;

	snprintf(spec, sizeof(spec), "system+fail=2,regions=heap");
	ck_assert_msg(mem_choose(spec, err, sizeof(err)) == 0, "%s", err);
	begin_echo();
	ck_assert_int_eq(body_put(&in, p, n), 0);
	ck_assert_int_eq(websocket_echo_move(&echo, &in, &out, &taken), -1);
	end_echo();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("websocket");
	TCase *t = tcase_create("websocket"), *fails = tcase_create("no memory");

	tcase_add_checked_fixture(t, choose_system, NULL);
	tcase_add_test(t, hello_of_the_rfc_comes_back);
	tcase_add_test(t, fragments_come_back_as_fragments_with_a_pong_between);
	tcase_add_test(t, each_form_of_length_comes_back);
	tcase_add_test(t, a_ping_gets_its_pong_and_a_pong_nothing);
	tcase_add_test(t, a_close_is_echoed_and_what_follows_means_nothing);
	tcase_add_test(t, a_close_must_have_a_good_code);
	tcase_add_test(t, the_end_of_the_client_is_the_end);
	tcase_add_test(t, what_the_rfc_forbids_is_closed_as_a_protocol_error);
	tcase_add_test(t, who_does_not_read_is_not_echoed_without_end);
	suite_add_tcase(s, t);
	tcase_add_test(fails, without_memory_it_says_so);
	suite_add_tcase(s, fails);
	return run_suite(s);
}
