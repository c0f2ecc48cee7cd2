#include <stdlib.h>
#include <string.h>

#include "base/stats.h"
#include "runner.h"

#define N_LISTENERS 3
#define N_ROUTES    5
#define N_SERVERS   4

static struct stats *s;
static size_t bytes;

static void map(void)
{
	bytes = stats_bytes(N_LISTENERS, N_ROUTES, N_SERVERS);
	s = aligned_alloc(64, bytes);
	memset(s, 0x5a, bytes);
	stats_init(s, N_LISTENERS, N_ROUTES, N_SERVERS);
}

static void unmap(void)
{
	free(s);
}

START_TEST(a_segment_is_whole_cache_lines)
{
	for (uint32_t n = 0; n < 20; n++)
		ck_assert_uint_eq(stats_bytes(n, n + 1, n * 2) % 64, 0);
}
END_TEST

START_TEST(all_is_zero_at_first_and_the_allocator_unknown)
{
	const unsigned char *p = (const unsigned char *)s;
	const unsigned char *skip = (const unsigned char *)&s->allocator;

	ck_assert_uint_eq(s->allocator.allocated, MEM_UNKNOWN);
	ck_assert_uint_eq(s->allocator.purged, MEM_UNKNOWN);
	for (size_t i = 3 * sizeof(uint32_t); i < bytes; i++)
		if (p + i < skip || p + i >= skip + sizeof(s->allocator))
			ck_assert_uint_eq(p[i], 0);
}
END_TEST

START_TEST(no_two_counters_share_a_place)
{
	unsigned char *last = (unsigned char *)s + bytes;

	for (uint32_t i = 0; i < N_LISTENERS; i++)
		memset(stats_listener(s, i), 10 + (int)i,
		       sizeof(struct listener_stats));
	for (uint32_t i = 0; i < N_SERVERS; i++)
		memset(stats_server(s, i), 20 + (int)i, sizeof(struct server_stats));
	for (uint32_t l = 0; l < N_LISTENERS; l++)
		for (uint32_t r = 0; r < N_ROUTES; r++)
			memset(stats_request(s, l, r), 100 + (int)(l * N_ROUTES + r),
			       sizeof(struct request_stats));
	for (uint32_t i = 0; i < N_LISTENERS; i++)
		ck_assert_int_eq(*(unsigned char *)stats_listener(s, i), 10 + (int)i);
	for (uint32_t i = 0; i < N_SERVERS; i++)
		ck_assert_int_eq(*(unsigned char *)stats_server(s, i), 20 + (int)i);
	for (uint32_t l = 0; l < N_LISTENERS; l++)
		for (uint32_t r = 0; r < N_ROUTES; r++)
			ck_assert_int_eq(*(unsigned char *)stats_request(s, l, r),
					 100 + (int)(l * N_ROUTES + r));
	ck_assert((unsigned char *)(stats_request(s, N_LISTENERS - 1, N_ROUTES - 1) +
				    1) <= last);
	ck_assert_uint_eq(s->loop_turns, 0);
	ck_assert_uint_eq(s->upstream_us.at[HISTOGRAM_BUCKETS - 1], 0);
}
END_TEST

START_TEST(a_place_that_is_not_there_is_a_bug)
{
	stats_server(s, N_SERVERS);
}
END_TEST

START_TEST(every_reason_has_a_word_of_its_own)
{
	for (int i = 0; i < REJECT_N; i++) {
		const char *word = reject_name((enum reject)i);

		ck_assert_ptr_nonnull(word);
		ck_assert_uint_eq(strspn(word, "abcdefghijklmnopqrstuvwxyz_"),
				  strlen(word));
		for (int j = 0; j < i; j++)
			ck_assert_str_ne(word, reject_name((enum reject)j));
	}
}
END_TEST

START_TEST(a_new_worker_starts_with_gauges_at_zero_and_counters_kept)
{
	stat_add(&s->streams_active, 7);
	stat_add(&s->streams_total, 9);
	stat_add(&s->fronts_h2, 2);
	stat_add(&stats_listener(s, 1)->active, 3);
	stat_add(&stats_listener(s, 1)->accepted, 4);
	stat_add(&stats_server(s, 2)->conns_active, 5);
	stat_add(&stats_server(s, 2)->up, 1);
	stat_add(&stats_server(s, 2)->requests_total, 6);
	stat_add(&stats_request(s, 1, 1)->by_class[1], 8);
	stat_add(&s->mem.tag[MEM_CONN].live_bytes, 1000);
	s->allocator.allocated = 5;
	s->ready = 1;
	stats_reset_gauges(s);
	ck_assert_uint_eq(s->streams_active, 0);
	ck_assert_uint_eq(s->streams_total, 9);
	ck_assert_uint_eq(s->fronts_h2, 0);
	ck_assert_uint_eq(stats_listener(s, 1)->active, 0);
	ck_assert_uint_eq(stats_listener(s, 1)->accepted, 4);
	ck_assert_uint_eq(stats_server(s, 2)->conns_active, 0);
	ck_assert_uint_eq(stats_server(s, 2)->up, 0);
	ck_assert_uint_eq(stats_server(s, 2)->requests_total, 6);
	ck_assert_uint_eq(stats_request(s, 1, 1)->by_class[1], 8);
	ck_assert_uint_eq(s->mem.tag[MEM_CONN].live_bytes, 0);
	ck_assert_uint_eq(s->allocator.allocated, MEM_UNKNOWN);
	ck_assert_uint_eq(s->ready, 0);
}
END_TEST

START_TEST(subtracting_undoes_adding)
{
	stat_add(&s->streams_active, 3);
	stat_sub(&s->streams_active, 2);
	ck_assert_uint_eq(stat_get(&s->streams_active), 1);
}
END_TEST

START_TEST(clients_are_counted_once_and_forgotten_with_their_epoch)
{
	unsigned int n = 0;

	for (uint32_t i = 0; i < 500; i++)
		for (unsigned int k = 0; k < 3; k++)
			stats_note_client(s, i * 0x9e3779b9u, 1);
	for (unsigned int i = 0; i < STATS_CLIENT_BITS / 64; i++)
		n += (unsigned int)__builtin_popcountll(stat_get(&s->clients[i]));
	/* few fall on one another */
	ck_assert_uint_le(n, 500);
	ck_assert_uint_ge(n, 480);
	stats_note_client(s, 1, 2);
	ck_assert_uint_eq(s->clients_epoch, 2);
	n = 0;
	for (unsigned int i = 0; i < STATS_CLIENT_BITS / 64; i++)
		n += (unsigned int)__builtin_popcountll(stat_get(&s->clients[i]));
	ck_assert_uint_eq(n, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stats");
	TCase *t = tcase_create("stats");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, map, unmap);
	tcase_add_test(t, a_segment_is_whole_cache_lines);
	tcase_add_test(t, all_is_zero_at_first_and_the_allocator_unknown);
	tcase_add_test(t, no_two_counters_share_a_place);
	tcase_add_test_raise_signal(t, a_place_that_is_not_there_is_a_bug, 6);
	tcase_add_test(t, every_reason_has_a_word_of_its_own);
	tcase_add_test(t, a_new_worker_starts_with_gauges_at_zero_and_counters_kept);
	tcase_add_test(t, subtracting_undoes_adding);
	tcase_add_test(t, clients_are_counted_once_and_forgotten_with_their_epoch);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
