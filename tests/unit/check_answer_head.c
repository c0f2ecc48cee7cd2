/*
 * What a client remembers of answers must be what it would have decoded.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "lab/answer_head.h"
#include "runner.h"

static nghttp2_nv nv(const char *name, const char *value)
{
	return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
			    .value = (uint8_t *)(uintptr_t)value,
			    .namelen = strlen(name),
			    .valuelen = strlen(value)};
}

static nghttp2_hd_deflater *server;
static struct answer_head head;

static void start_both(void)
{
	choose_system();
	ck_assert_int_eq(nghttp2_hd_deflate_new(&server, 4096), 0);
	ck_assert_int_eq(answer_head_init(&head), 0);
}

static void stop_both(void)
{
	nghttp2_hd_deflate_del(server);
	answer_head_fini(&head);
	ck_assert_int_eq(mem_live(mem_counters(), MEM_NGHTTP2), 0);
}

static struct answer_fields pass(nghttp2_nv *fields, size_t n, size_t cut)
{
	struct answer_fields f = {0};
	uint8_t block[1024];
	ssize_t len = nghttp2_hd_deflate_hd(server, block, sizeof(block), fields, n);

	ck_assert_int_gt(len, 0);
	if (cut && cut < (size_t)len) {
		ck_assert_int_eq(answer_head_read(&head, block, cut, false, &f), 0);
		ck_assert_int_eq(answer_head_read(&head, block + cut, (size_t)len - cut,
						  true, &f),
				 0);
	} else {
		ck_assert_int_eq(answer_head_read(&head, block, (size_t)len, true, &f),
				 0);
	}
	return f;
}

START_TEST(any_answers_are_read_as_they_were_sent)
{
	struct random r;
	unsigned int n_remembered = 0;

	random_init(&r, 1);
	for (unsigned int i = 0; i < 20000; i++) {
		static const char *const statuses[] = {"200", "204", "404", "418"};
		const char *status = statuses[random_below(&r, 10) ? 0 : i % 4];
		bool has_length = random_below(&r, 20);
		char length[24], extra[24];
		nghttp2_nv fields[4] = {nv(":status", status)};
		size_t n = 1, cut = random_below(&r, 50) ? 0 : 1 + random_below(&r, 20);
		struct answer_fields f;

		snprintf(length, sizeof(length), "%u",
			 random_below(&r, 10) ? 1024 : (unsigned int)i);
		snprintf(extra, sizeof(extra), "%u",
			 random_below(&r, 10) ? 7 : (unsigned int)i);
		if (has_length)
			fields[n++] = nv("content-length", length);
		fields[n++] = nv("server", extra);
		if (!random_below(&r, 7))
			fields[n++] = nv("set-cookie", extra);
		f = pass(fields, n, cut);
		ck_assert_uint_eq(f.status, (unsigned int)atoi(status));
		ck_assert_int_eq(f.has_length, has_length);
		if (has_length)
			ck_assert_uint_eq(f.length, (unsigned int)atoi(length));
		n_remembered += head.n_seen != 0;
	}
	ck_assert_uint_gt(n_remembered, 10000);
}
END_TEST

START_TEST(the_same_bytes_mean_another_thing_when_the_table_has_changed)
{
	/* 200 by index 62, after "x: 1" was put there by another block. */
	static const uint8_t put_status[] = "\x48\003200", get[] = "\xbe",
			     put_other[] = "\x40\001x\0011";
	struct answer_fields f;

	ck_assert_int_eq(answer_head_read(&head, put_status, 5, true, &f), 0);
	ck_assert_int_eq(answer_head_read(&head, get, 1, true, &f), 0);
	ck_assert_uint_eq(f.status, 200);
	ck_assert_uint_eq(head.n_seen, 1);
	ck_assert_int_eq(answer_head_read(&head, put_other, 5, true, &f), 0);
	ck_assert_int_eq(answer_head_read(&head, get, 1, true, &f), 0);
	ck_assert_uint_eq(f.status, 0);
}
END_TEST

START_TEST(fields_that_are_no_numbers_are_told)
{
	nghttp2_nv fields[] = {nv(":status", "2xx"), nv("content-length", "many")};
	struct answer_fields f = pass(fields, 2, 0);

	ck_assert_uint_eq(f.status, 0);
	ck_assert(f.bad);
}
END_TEST

START_TEST(what_is_no_hpack_is_an_error)
{
	struct answer_fields f;

	ck_assert_int_eq(answer_head_read(&head, (const uint8_t *)"\x80", 1, true, &f),
			 -1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("answer_head");
	TCase *t = tcase_create("fields");

	tcase_add_checked_fixture(t, start_both, stop_both);
	tcase_add_test(t, any_answers_are_read_as_they_were_sent);
	tcase_add_test(t, the_same_bytes_mean_another_thing_when_the_table_has_changed);
	tcase_add_test(t, fields_that_are_no_numbers_are_told);
	tcase_add_test(t, what_is_no_hpack_is_an_error);
	suite_add_tcase(s, t);
	return run_suite(s);
}
