#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "http/body.h"

#define SMALL 1024
#define LARGE 16384
#define FRAME 16896 /* what a whole DATA frame is put into */

static void choose(const char *spec)
{
	char err[256] = "";

	ck_assert_msg(mem_choose(spec, err, sizeof(err)) == 0, "%s", err);
}

static void choose_system(void)
{
	choose("system");
}

static uint64_t live_bytes(void)
{
	return mem_live(mem_counters(), MEM_STREAM);
}

/* The nth byte of everything that goes through a body here. */
static char byte_at(uint64_t n)
{
	return (char)(n * 31 + n / 251);
}

static void put_n(struct body *b, size_t len)
{
	char *p = malloc(len + 1);

	for (size_t i = 0; i < len; i++)
		p[i] = byte_at(b->total_bytes + i);
	ck_assert_int_eq(body_put(b, p, len), 0);
	free(p);
}

/* Takes len bytes off and looks whether they are those from *at on. */
static void take_n(struct body *b, size_t len, uint64_t *at)
{
	char *p = malloc(len + 1);
	size_t wrong = 0;

	ck_assert_uint_eq(body_take(b, p, len), len);
	for (size_t i = 0; i < len; i++)
		wrong += p[i] != byte_at(*at + i);
	ck_assert_uint_eq(wrong, 0);
	*at += len;
	free(p);
}

static void read_n(struct body *b, size_t len)
{
	size_t cap = 0;
	char *p = body_reserve(b, len, &cap);

	ck_assert_ptr_nonnull(p);
	ck_assert_uint_ge(cap, 1);
	ck_assert_uint_le(cap, len < 2 * BODY_BLOCK_BYTES ? BODY_BLOCK_BYTES
							  : BODY_HUGE_BYTES);
	if (len > cap)
		len = cap;
	for (size_t i = 0; i < len; i++)
		p[i] = byte_at(b->total_bytes + i);
	body_commit(b, len);
}

START_TEST(a_new_body_is_empty_and_holds_no_memory)
{
	struct body b;
	const char *p;

	body_init(&b, 100);
	ck_assert_uint_eq(body_peek(&b, &p), 0);
	ck_assert_uint_eq(b.bytes, 0);
	ck_assert(!body_is_full(&b));
	ck_assert(!body_is_done(&b));
	ck_assert_uint_eq(live_bytes(), 0);
	body_fini(&b);
}
END_TEST

START_TEST(bytes_come_out_as_they_went_in)
{
	struct body b;
	uint64_t at = 0;

	body_init(&b, 1 << 20);
	for (size_t n = 0; n < 400; n++) {
		put_n(&b, n * 37 % 5003);
		take_n(&b, b.bytes / 3, &at);
	}
	take_n(&b, b.bytes, &at);
	ck_assert_uint_eq(at, b.total_bytes);
	ck_assert_uint_eq(live_bytes(), 0);
	body_fini(&b);
}
END_TEST

START_TEST(bytes_read_in_place_mix_with_bytes_put)
{
	struct body b;
	uint64_t at = 0;

	body_init(&b, 1 << 20);
	for (size_t n = 1; n < 600; n++) {
		read_n(&b, n * 97 % 20011);
		put_n(&b, n % 700);
		take_n(&b, b.bytes - b.bytes / 4, &at);
	}
	take_n(&b, b.bytes, &at);
	ck_assert_uint_eq(at, b.total_bytes);
	ck_assert_uint_eq(live_bytes(), 0);
	body_fini(&b);
}
END_TEST

START_TEST(a_small_body_costs_a_small_block)
{
	struct body b;

	body_init(&b, 65536);
	put_n(&b, 100);
	ck_assert_uint_le(live_bytes(), SMALL + 32);
	body_fini(&b);
	body_init(&b, 65536);
	read_n(&b, 100);
	ck_assert_uint_le(live_bytes(), SMALL + 32);
	body_fini(&b);
	body_init(&b, 65536);
	put_n(&b, 3000);
	ck_assert_uint_le(live_bytes(), 4096 + 32);
	body_fini(&b);
	ck_assert_uint_eq(live_bytes(), 0);
}
END_TEST

START_TEST(a_large_body_costs_few_blocks)
{
	struct body b;
	uint64_t before = atomic_load(&mem_counters()->tag[MEM_STREAM].allocs);

	body_init(&b, 1 << 20);
	put_n(&b, 160000);
	ck_assert_uint_le(atomic_load(&mem_counters()->tag[MEM_STREAM].allocs) - before,
			  10);
	ck_assert_uint_le(live_bytes(), 10 * (FRAME + 32));
	body_fini(&b);
}
END_TEST

START_TEST(a_peer_that_sends_single_bytes_cannot_bloat_the_queue)
{
	static const size_t sizes[] = {1, 7, 600, 1010, 1100};

	for (size_t k = 0; k < 5; k++) {
		struct body b;

		body_init(&b, 8192);
		while (!body_is_full(&b)) {
			read_n(&b, sizes[k]);
			ck_assert_uint_le(live_bytes(), 2 * b.bytes + LARGE + SMALL);
		}
		body_fini(&b);
	}
}
END_TEST

START_TEST(reserved_room_that_is_not_filled_is_given_back)
{
	struct body b;
	size_t cap;

	body_init(&b, 65536);
	ck_assert_ptr_nonnull(body_reserve(&b, 1, &cap));
	ck_assert_uint_eq(cap, BODY_BLOCK_BYTES);
	body_commit(&b, 0);
	ck_assert_uint_eq(live_bytes(), 0);
	ck_assert_ptr_nonnull(body_reserve(&b, 1, &cap));
	ck_assert_ptr_nonnull(body_reserve(&b, 1, &cap));
	put_n(&b, 10);
	ck_assert_uint_le(live_bytes(), SMALL + 32);
	ck_assert_ptr_nonnull(body_reserve(&b, 1, &cap));
	body_fini(&b);
	ck_assert_uint_eq(live_bytes(), 0);
}
END_TEST

START_TEST(blocks_are_seen_in_their_order_without_being_taken)
{
	struct body b;
	struct iovec v[8];
	size_t n, total = 0;

	body_init(&b, 1 << 20);
	ck_assert_uint_eq(body_peek_blocks(&b, v, 8), 0);
	put_n(&b, 40000);
	body_drop(&b, 100);
	n = body_peek_blocks(&b, v, 8);
	ck_assert_uint_ge(n, 2);
	for (size_t i = 0; i < n; i++)
		for (size_t at = 0; at < v[i].iov_len; at++)
			ck_assert_int_eq(((char *)v[i].iov_base)[at],
					 byte_at(100 + total++));
	ck_assert_uint_eq(total, b.bytes);
	ck_assert_uint_eq(body_peek_blocks(&b, v, 1), 1);
	body_fini(&b);
}
END_TEST

START_TEST(who_wants_much_gets_room_for_much)
{
	struct body b;
	size_t cap;

	body_init(&b, 65536);
	ck_assert_ptr_nonnull(body_reserve(&b, 2 * BODY_BLOCK_BYTES, &cap));
	ck_assert_uint_eq(cap, BODY_HUGE_BYTES);
	body_commit(&b, 3000);
	/* What comes next goes on in that room. */
	ck_assert_ptr_nonnull(body_reserve(&b, 65536, &cap));
	ck_assert_uint_eq(cap, BODY_HUGE_BYTES - 3000);
	body_commit(&b, 3000);
	ck_assert_uint_eq(b.n_blocks, 1);
	body_fini(&b);
	ck_assert_uint_eq(live_bytes(), 0);
}
END_TEST

START_TEST(a_read_goes_on_in_the_tail_while_it_has_room)
{
	struct body b;
	const char *p;

	body_init(&b, 65536);
	read_n(&b, 5000);
	read_n(&b, 5000);
	ck_assert_uint_eq(body_peek(&b, &p), 10000);
	ck_assert_uint_le(live_bytes(), LARGE + 32);
	body_fini(&b);
}
END_TEST

START_TEST(full_is_at_the_limit_and_not_before)
{
	struct body b;
	uint64_t at = 0;

	body_init(&b, 1000);
	put_n(&b, 999);
	ck_assert(!body_is_full(&b));
	put_n(&b, 1);
	ck_assert(body_is_full(&b));
	take_n(&b, 1, &at);
	ck_assert(!body_is_full(&b));
	put_n(&b, 50000);
	ck_assert(body_is_full(&b));
	body_fini(&b);
}
END_TEST

START_TEST(done_is_ended_and_empty)
{
	struct body b;
	uint64_t at = 0;

	body_init(&b, 1000);
	put_n(&b, 10);
	b.ended = true;
	ck_assert(!body_is_done(&b));
	take_n(&b, 10, &at);
	ck_assert(body_is_done(&b));
	body_fini(&b);
}
END_TEST

START_TEST(putting_nothing_changes_nothing)
{
	struct body b;

	body_init(&b, 1000);
	ck_assert_int_eq(body_put(&b, NULL, 0), 0);
	ck_assert_uint_eq(live_bytes(), 0);
	put_n(&b, 5);
	ck_assert_int_eq(body_put(&b, NULL, 0), 0);
	ck_assert_uint_eq(b.bytes, 5);
	body_drop(&b, 0);
	ck_assert_uint_eq(b.bytes, 5);
	body_fini(&b);
}
END_TEST

START_TEST(dropping_crosses_blocks)
{
	struct body b;
	uint64_t at = 40001;

	body_init(&b, 1 << 20);
	put_n(&b, 60000);
	body_drop(&b, 40001);
	ck_assert_uint_eq(b.bytes, 19999);
	take_n(&b, 19999, &at);
	ck_assert_uint_eq(live_bytes(), 0);
	body_fini(&b);
}
END_TEST

START_TEST(taking_more_than_there_is_gives_what_there_is)
{
	struct body b;
	char to[64];

	body_init(&b, 1000);
	put_n(&b, 10);
	ck_assert_uint_eq(body_take(&b, to, sizeof(to)), 10);
	ck_assert_uint_eq(body_take(&b, to, sizeof(to)), 0);
	body_fini(&b);
}
END_TEST

START_TEST(finishing_twice_is_harmless)
{
	struct body b;

	body_init(&b, 1000);
	put_n(&b, 50000);
	body_fini(&b);
	body_fini(&b);
	ck_assert_uint_eq(b.bytes, 0);
	ck_assert_uint_eq(live_bytes(), 0);
}
END_TEST

/* One call in the loop fails, another in each run of the test. */
START_TEST(without_memory_nothing_is_added_and_nothing_lost)
{
	char spec[64];
	struct body b;
	uint64_t at = 0;
	char *big = malloc(50000);
	size_t failures = 0;

	snprintf(spec, sizeof(spec), "system+fail=every=%d", _i);
	choose(spec);
	body_init(&b, 1 << 20);
	for (size_t n = 0; n < 40; n++) {
		size_t len = n * 1237 % 50000;
		uint32_t bytes = b.bytes;
		size_t cap = 0;
		char *p;

		for (size_t i = 0; i < len; i++)
			big[i] = byte_at(b.total_bytes + i);
		if (body_put(&b, big, len) < 0) {
			ck_assert_uint_eq(b.bytes, bytes);
			failures++;
		}
		p = body_reserve(&b, 1, &cap);
		if (p && n % 3) {
			cap = cap < 900 ? cap : 900;
			for (size_t i = 0; i < cap; i++)
				p[i] = byte_at(b.total_bytes + i);
			body_commit(&b, cap);
		} else {
			failures += !p;
		}
		take_n(&b, b.bytes / 2, &at);
	}
	take_n(&b, b.bytes, &at);
	ck_assert_uint_gt(failures, 0);
	ck_assert_uint_eq(at, b.total_bytes);
	body_fini(&b);
	ck_assert_uint_eq(live_bytes(), 0);
	free(big);
}
END_TEST

START_TEST(without_memory_for_a_block_a_read_gets_the_rest_of_the_tail)
{
	struct body b;
	size_t cap = 0;

	choose("system+fail=2");
	body_init(&b, 65536);
	put_n(&b, 1000);
	ck_assert_ptr_nonnull(body_reserve(&b, 1, &cap));
	ck_assert_uint_ge(cap, 1);
	ck_assert_uint_lt(cap, 24);
	body_commit(&b, cap);
	ck_assert_uint_eq(b.bytes, 1000 + cap);
	body_fini(&b);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("body");
	TCase *t = tcase_create("queue");
	TCase *oom = tcase_create("without memory");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, choose_system, NULL);
	tcase_add_test(t, a_new_body_is_empty_and_holds_no_memory);
	tcase_add_test(t, bytes_come_out_as_they_went_in);
	tcase_add_test(t, bytes_read_in_place_mix_with_bytes_put);
	tcase_add_test(t, a_small_body_costs_a_small_block);
	tcase_add_test(t, a_large_body_costs_few_blocks);
	tcase_add_test(t, a_peer_that_sends_single_bytes_cannot_bloat_the_queue);
	tcase_add_test(t, reserved_room_that_is_not_filled_is_given_back);
	tcase_add_test(t, blocks_are_seen_in_their_order_without_being_taken);
	tcase_add_test(t, who_wants_much_gets_room_for_much);
	tcase_add_test(t, a_read_goes_on_in_the_tail_while_it_has_room);
	tcase_add_test(t, full_is_at_the_limit_and_not_before);
	tcase_add_test(t, done_is_ended_and_empty);
	tcase_add_test(t, putting_nothing_changes_nothing);
	tcase_add_test(t, dropping_crosses_blocks);
	tcase_add_test(t, taking_more_than_there_is_gives_what_there_is);
	tcase_add_test(t, finishing_twice_is_harmless);
	tcase_add_loop_test(oom, without_memory_nothing_is_added_and_nothing_lost, 1,
			    30);
	tcase_add_test(oom,
		       without_memory_for_a_block_a_read_gets_the_rest_of_the_tail);
	suite_add_tcase(s, t);
	suite_add_tcase(s, oom);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
