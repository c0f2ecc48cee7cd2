#include <sys/socket.h>
#include <unistd.h>

#include "runner.h"
#include "server/channel.h"

static int ends[2];

static void open_channel(void)
{
	ck_assert_int_eq(channel_open(ends), 0);
}

static void close_channel(void)
{
	close(ends[0]);
	close(ends[1]);
}

START_TEST(words_arrive_one_by_one_in_their_order)
{
	ck_assert_int_eq(channel_send(ends[0], CHANNEL_REOPEN), 0);
	ck_assert_int_eq(channel_send(ends[0], CHANNEL_DRAIN), 0);
	ck_assert_int_eq(channel_recv(ends[1]), CHANNEL_REOPEN);
	ck_assert_int_eq(channel_recv(ends[1]), CHANNEL_DRAIN);
	ck_assert_int_eq(channel_recv(ends[1]), CHANNEL_NOTHING);
}
END_TEST

START_TEST(both_ends_can_speak)
{
	ck_assert_int_eq(channel_send(ends[1], CHANNEL_READY), 0);
	ck_assert_int_eq(channel_recv(ends[0]), CHANNEL_READY);
	ck_assert_int_eq(channel_recv(ends[1]), CHANNEL_NOTHING);
}
END_TEST

START_TEST(the_last_words_of_the_dead_are_heard_before_their_end)
{
	ck_assert_int_eq(channel_send(ends[1], CHANNEL_READY), 0);
	close(ends[1]);
	ck_assert_int_eq(channel_recv(ends[0]), CHANNEL_READY);
	ck_assert_int_eq(channel_recv(ends[0]), CHANNEL_CLOSED);
	ck_assert_int_eq(channel_recv(ends[0]), CHANNEL_CLOSED);
	ck_assert_int_eq(channel_send(ends[0], CHANNEL_DRAIN), -1);
}
END_TEST

START_TEST(an_unknown_word_is_nothing)
{
	const unsigned char unknown[] = {0, CHANNEL_CLOSED, CHANNEL_PURGE + 1, 255};

	for (unsigned int i = 0; i < sizeof(unknown); i++) {
		ck_assert_int_eq(send(ends[0], &unknown[i], 1, 0), 1);
		ck_assert_int_eq(channel_recv(ends[1]), CHANNEL_NOTHING);
	}
}
END_TEST

START_TEST(what_follows_a_word_arrives_with_it)
{
	uint32_t ticket = 77, got = 0;
	char small[2];
	size_t len;

	channel_send_with(ends[0], CHANNEL_MEMORY, &ticket, sizeof(ticket));
	channel_send_with(ends[0], CHANNEL_MEMORY, &ticket, sizeof(ticket));
	channel_send_with(ends[0], CHANNEL_PURGE, &ticket, sizeof(ticket));
	ck_assert_int_eq(channel_recv_with(ends[1], &got, sizeof(got), &len),
			 CHANNEL_MEMORY);
	ck_assert_uint_eq(len, sizeof(got));
	ck_assert_uint_eq(got, 77);
	ck_assert_int_eq(channel_recv_with(ends[1], small, sizeof(small), &len),
			 CHANNEL_MEMORY);
	ck_assert_uint_eq(len, 0);
	ck_assert_int_eq(channel_recv(ends[1]), CHANNEL_PURGE);
	ck_assert_int_eq(channel_recv(ends[1]), CHANNEL_NOTHING);
}
END_TEST

START_TEST(one_who_does_not_listen_stops_nobody)
{
	int sent = 0;

	while (channel_send(ends[0], CHANNEL_REOPEN) == 0)
		ck_assert_int_lt(sent++, 1000000);
	ck_assert_int_gt(sent, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("channel");
	TCase *t = tcase_create("channel");

	tcase_add_checked_fixture(t, open_channel, close_channel);
	tcase_add_test(t, words_arrive_one_by_one_in_their_order);
	tcase_add_test(t, both_ends_can_speak);
	tcase_add_test(t, the_last_words_of_the_dead_are_heard_before_their_end);
	tcase_add_test(t, an_unknown_word_is_nothing);
	tcase_add_test(t, what_follows_a_word_arrives_with_it);
	tcase_add_test(t, one_who_does_not_listen_stops_nobody);
	suite_add_tcase(s, t);
	return run_suite(s);
}
