/*
 * Blocks that were made once are right on every connection, in any order.
 */
#include <nghttp2/nghttp2.h>
#include <stdio.h>

#include "lab/request_head.h"
#include "runner.h"

static const struct request requests[] = {
	{"GET", "/", 0, 1},
	{"POST", "/upload?a=b", 4096, 1},
	{"DELETE", "/thing", 0, 1},
	{"GET", "/index.html", 0, 1},
};
#define N_REQUESTS (sizeof(requests) / sizeof(*requests))
static const struct request extra = {"GET", "/extra", 0, 1};
static const struct workload workload = {
	.name = "w", .requests = requests, .n_requests = N_REQUESTS};
static struct request_heads heads;

static void start_heads(void)
{
	choose_system();
	ck_assert_int_eq(request_heads_init(&heads, &workload, &extra, "https",
					    "example.org:8443"),
			 0);
}

static void stop_heads(void)
{
	request_heads_fini(&heads);
	ck_assert_int_eq(mem_live(mem_counters(), MEM_WORKER), 0);
}

/* "name: value" lines. */
static void decode(nghttp2_hd_inflater *in, struct str block, char *to, size_t cap)
{
	const uint8_t *p = (const uint8_t *)block.p, *end = p + block.len;
	size_t n = 0;

	to[0] = '\0';
	for (;;) {
		nghttp2_nv nv;
		int flags = 0;
		ssize_t used = nghttp2_hd_inflate_hd2(in, &nv, &flags, p,
						      (size_t)(end - p), 1);

		ck_assert_int_ge(used, 0);
		p += used;
		if (flags & NGHTTP2_HD_INFLATE_EMIT)
			n += (size_t)snprintf(to + n, cap - n, "%s: %s\n", nv.name,
					      nv.value);
		if (flags & NGHTTP2_HD_INFLATE_FINAL)
			break;
	}
	nghttp2_hd_inflate_end_headers(in);
}

static void expect(nghttp2_hd_inflater *in, const struct request *r,
		   enum request_head_kind kind)
{
	char got[512], want[512], length[64] = "";

	if (r->body_bytes)
		snprintf(length, sizeof(length), "content-length: %llu\n",
			 (unsigned long long)r->body_bytes);
	snprintf(want, sizeof(want),
		 ":method: %s\n:scheme: https\n:authority: example.org:8443\n"
		 ":path: %s\nuser-agent: heapgate-load\n%s",
		 r->method, r->path, length);
	decode(in, request_heads_get(&heads, r, kind), got, sizeof(got));
	ck_assert_str_eq(got, want);
}

START_TEST(a_connection_may_begin_with_any_and_go_on_with_any)
{
	for (size_t first = 0; first < N_REQUESTS; first++) {
		nghttp2_hd_inflater *in;

		ck_assert_int_eq(nghttp2_hd_inflate_new(&in), 0);
		expect(in, &requests[first], REQUEST_HEAD_FIRST);
		for (size_t i = 0; i < 3 * N_REQUESTS; i++)
			expect(in, &requests[i % N_REQUESTS], REQUEST_HEAD_NEXT);
		expect(in, &extra, REQUEST_HEAD_NEXT);
		ck_assert_uint_eq(nghttp2_hd_inflate_get_num_table_entries(in), 61 + 2);
		nghttp2_hd_inflate_del(in);
	}
}
END_TEST

START_TEST(a_server_may_turn_its_table_off_at_any_time)
{
	nghttp2_hd_inflater *in;

	ck_assert_int_eq(nghttp2_hd_inflate_new(&in), 0);
	expect(in, &extra, REQUEST_HEAD_FIRST);
	expect(in, &requests[1], REQUEST_HEAD_NEXT);
	ck_assert_int_eq(nghttp2_hd_inflate_change_table_size(in, 0), 0);
	for (size_t i = 0; i < N_REQUESTS; i++)
		expect(in, &requests[i], REQUEST_HEAD_PLAIN);
	ck_assert_uint_eq(nghttp2_hd_inflate_get_num_table_entries(in), 61);
	nghttp2_hd_inflate_del(in);
}
END_TEST

START_TEST(what_follows_is_short)
{
	size_t first = request_heads_get(&heads, &extra, REQUEST_HEAD_FIRST).len;
	size_t next = request_heads_get(&heads, &extra, REQUEST_HEAD_NEXT).len;

	ck_assert_uint_gt(first, 30);
	ck_assert_uint_lt(next, 12);
}
END_TEST

START_TEST(a_path_that_fits_in_no_frame_has_none)
{
	static char path[20000];
	const struct request r = {"GET", path, 0, 1};
	const struct workload w = {.name = "w", .requests = &r, .n_requests = 1};
	struct request_heads h;

	memset(path, '~', sizeof(path) - 1);
	ck_assert_int_eq(request_heads_init(&h, &w, &extra, "http", "a"), 0);
	ck_assert_ptr_null(request_heads_get(&h, &r, REQUEST_HEAD_NEXT).p);
	request_heads_fini(&h);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("request_head");
	TCase *t = tcase_create("heads");

	tcase_add_checked_fixture(t, start_heads, stop_heads);
	tcase_add_test(t, a_connection_may_begin_with_any_and_go_on_with_any);
	tcase_add_test(t, a_server_may_turn_its_table_off_at_any_time);
	tcase_add_test(t, what_follows_is_short);
	tcase_add_test(t, a_path_that_fits_in_no_frame_has_none);
	suite_add_tcase(s, t);
	return run_suite(s);
}
