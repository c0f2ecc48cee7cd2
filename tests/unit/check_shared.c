#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runner.h"
#include "server/shared.h"

static struct shared *made;
static int fd = -1;

static void make(void)
{
	choose_system();
	made = shared_new(3, 2, 4, 5, &fd);
	ck_assert_ptr_nonnull(made);
}

static void end(void)
{
	shared_free(&made);
	ck_assert_ptr_null(made);
	close(fd);
}

START_TEST(what_one_process_counts_another_reads)
{
	struct shared *other = shared_map(fd);

	ck_assert_ptr_nonnull(other);
	ck_assert_ptr_ne(other, made);
	stat_add(&shared_stats(other, 1)->streams_total, 7);
	ck_assert_uint_eq(stat_get(&shared_stats(made, 1)->streams_total), 7);
	shared_free(&other);
}
END_TEST

START_TEST(each_worker_has_stats_of_its_own)
{
	for (unsigned int i = 0; i < 3; i++) {
		struct stats *s = shared_stats(made, i);

		ck_assert_uint_eq(s->n_listeners, 2);
		ck_assert_uint_eq(s->n_routes, 4);
		ck_assert_uint_eq(s->n_servers, 5);
		stat_add(&stats_request(s, 1, 3)->by_class[STATS_N_CLASSES - 1], i + 1);
	}
	for (unsigned int i = 0; i < 3; i++) {
		struct request_stats *r = stats_request(shared_stats(made, i), 1, 3);

		ck_assert_uint_eq(stat_get(&r->by_class[STATS_N_CLASSES - 1]), i + 1);
	}
	ck_assert_uint_le((uintptr_t)shared_stats(made, 2) + made->worker_bytes,
			  (uintptr_t)made + made->bytes);
}
END_TEST

START_TEST(ticket_keys_are_the_same_for_all)
{
	struct shared *other = shared_map(fd);

	ck_assert_int_eq(tls_ticket_keys_rotate(&made->tickets), 0);
	ck_assert_uint_eq(other->tickets.n, 1);
	ck_assert_mem_eq(&other->tickets.keys[0], &made->tickets.keys[0],
			 sizeof(made->tickets.keys[0]));
	shared_free(&other);
}
END_TEST

START_TEST(nobody_can_change_its_size)
{
	ck_assert_int_eq(ftruncate(fd, 0), -1);
	ck_assert_int_eq(ftruncate(fd, 1 << 24), -1);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
}
END_TEST

START_TEST(a_file_that_is_something_else_is_refused)
{
	int other = memfd_create("other", MFD_CLOEXEC);

	ck_assert_ptr_null(shared_map(other));
	ck_assert_int_eq(errno, EPROTO);
	ck_assert_int_eq(ftruncate(other, 1 << 20), 0);
	ck_assert_ptr_null(shared_map(other));
	ck_assert_int_eq(errno, EPROTO);
	ck_assert_int_eq(pwrite(other, made, sizeof(*made), 0), sizeof(*made));
	ck_assert_ptr_null(shared_map(other)); /* the right head, the wrong size */
	close(other);
	ck_assert_ptr_null(shared_map(-1));
}
END_TEST

START_TEST(there_is_no_worker_beyond_the_last)
{
	shared_stats(made, 3);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("shared");
	TCase *t = tcase_create("shared");

	tcase_add_checked_fixture(t, make, end);
	tcase_add_test(t, what_one_process_counts_another_reads);
	tcase_add_test(t, each_worker_has_stats_of_its_own);
	tcase_add_test(t, ticket_keys_are_the_same_for_all);
	tcase_add_test(t, nobody_can_change_its_size);
	tcase_add_test(t, a_file_that_is_something_else_is_refused);
	tcase_add_test_raise_signal(t, there_is_no_worker_beyond_the_last, SIGABRT);
	suite_add_tcase(s, t);
	return run_suite(s);
}
