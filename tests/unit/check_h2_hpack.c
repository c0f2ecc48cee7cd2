/* h2_hpack: both ways, folded and not; its tables' sizes; what it holds. */
#include "http/h2_hpack.h"

#include <check.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>

#include "runner.h"

#define N_MAX 60

static struct h2_hpack a, b; /* what a writes, b reads */
static bool folds;           /* both, before each call */

static void open_both(void)
{
	ck_assert_int_eq(h2_hpack_init(&a, true), 0);
	ck_assert_int_eq(h2_hpack_init(&b, true), 0);
}

static uint64_t live(void)
{
	return mem_live(mem_counters(), MEM_NGHTTP2);
}

static void close_both(void)
{
	ck_assert_int_eq((int64_t)live(), a.bytes + b.bytes);
	h2_hpack_fini(&a);
	h2_hpack_fini(&b);
	ck_assert_int_eq(a.bytes, 0);
	ck_assert_int_eq(b.bytes, 0);
	ck_assert_uint_eq(live(), 0);
	ck_assert_uint_eq(mem_live(mem_counters(), MEM_CONN), 0);
	ck_assert_uint_eq(mem_counters()->tag[MEM_NGHTTP2].conn_bytes, 0);
	ck_assert_uint_eq(mem_counters()->folded_bytes, 0);
}

static void choose_and_open(void)
{
	choose_allocator("hybrid"); /* whose pages can be folded */
	open_both();
}

static void fold_both(void)
{
	size_t n_a = h2_hpack_bytes(&a), n_b = h2_hpack_bytes(&b);

	if (!folds)
		return;
	h2_hpack_fold(&a);
	h2_hpack_fold(&b);
	h2_hpack_fold(&b); /* twice is once */
	ck_assert(h2_hpack_is_folded(&a) && h2_hpack_is_folded(&b));
	ck_assert_uint_eq(h2_hpack_bytes(&a), n_a);
	ck_assert_uint_eq(h2_hpack_bytes(&b), n_b);
}

static nghttp2_nv nv_of(const char *name, const char *value, bool never_index)
{
	return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value,
			    strlen(name), strlen(value),
			    never_index ? NGHTTP2_NV_FLAG_NO_INDEX
					: NGHTTP2_NV_FLAG_NONE};
}

static uint8_t block[1 << 17];

static size_t write_block(const nghttp2_nv *nv, size_t n)
{
	uint8_t *to;

	fold_both();
	to = h2_pack_begin(h2_hpack_out(&a), block);
	for (size_t i = 0; i < n; i++) {
		fold_both();
		to = h2_pack_field(h2_hpack_out(&a), to,
				   str_of((const char *)nv[i].name, nv[i].namelen),
				   str_of((const char *)nv[i].value, nv[i].valuelen),
				   nv[i].flags & NGHTTP2_NV_FLAG_NO_INDEX);
	}
	ck_assert(to > block);
	return (size_t)(to - block);
}

static void limit(uint32_t bytes)
{
	fold_both();
	h2_pack_limit(h2_hpack_out(&a), bytes);
}

static void check_field(const struct h2_field *f, const nghttp2_nv *nv)
{
	ck_assert(str_eq(f->name, str_of((const char *)nv->name, nv->namelen)));
	ck_assert(str_eq(f->value, str_of((const char *)nv->value, nv->valuelen)));
	ck_assert_int_eq(f->never_index, (nv->flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0);
}

/* The block in pieces of step bytes. */
static void read_block(const nghttp2_nv *nv, size_t n, size_t len, size_t step)
{
	enum h2_hpack_got got = H2_HPACK_MORE;
	size_t n_got = 0;

	for (size_t at = 0; at < len; at += step) {
		const uint8_t *p = block + at;
		size_t left = step < len - at ? step : len - at;
		bool last = at + left == len;
		struct h2_field f;

		do {
			ck_assert_int_ne(got, H2_HPACK_END);
			fold_both();
			got = h2_hpack_read(&b, &p, &left, last, &f);
			if (got != H2_HPACK_FIELD)
				continue;
			ck_assert_uint_lt(n_got, n);
			check_field(&f, &nv[n_got++]);
		} while (got == H2_HPACK_FIELD);
		ck_assert_int_eq(got, last ? H2_HPACK_END : H2_HPACK_MORE);
		ck_assert_uint_eq(left, 0);
		ck_assert_ptr_eq(p, block + (last ? len : at + step));
	}
	ck_assert_uint_eq(n_got, n);
}

static char large[3000];

static size_t make_fields(nghttp2_nv *nv)
{
	memset(large, 'l', sizeof(large) - 1);
	nv[0] = nv_of(":status", "200", false);
	nv[1] = nv_of("x-first", "a value", false);
	nv[2] = nv_of("x-first", "", false);
	nv[3] = nv_of("authorization", "secret", true);
	nv[4] = nv_of("x-bits", "\xff\xfe\x01", false);
	nv[5] = nv_of("x-large", large, false);
	nv[6] = nv_of("x-first", "a value", false);
	return 7;
}

START_TEST(what_is_written_is_read)
{
	nghttp2_nv nv[N_MAX];
	size_t n = make_fields(nv), len = 0, first = 0;

	folds = _i;
	for (size_t step = 1; step < 40; step++) {
		len = write_block(nv, n);
		read_block(nv, n, len, step);
		ck_assert_uint_eq(h2_hpack_bytes(&a), h2_hpack_bytes(&b));
		if (!first)
			first = len;
	}
	ck_assert_uint_lt(len, first - 20); /* by the table */
	/* Both of x-first, and x-bits, 32 each for themselves; x-large is too large
	 * to be kept. */
	ck_assert_uint_eq(h2_hpack_bytes(&a), (7 + 7) + 7 + (6 + 3) + 3 * 32);
}
END_TEST

/* What packs may keep less than what unpacks, never more. */
START_TEST(tables_drop_their_oldest)
{
	nghttp2_nv nv[3];
	char value[80];

	folds = _i;
	for (int i = 0; i < 300; i++) {
		snprintf(value, sizeof(value), "%070d", i);
		nv[0] = nv_of("x-count", value, false);
		nv[1] = nv_of(":status", "204", false);
		nv[2] = nv_of("x-count", value, i % 7 == 0);
		read_block(nv, 3, write_block(nv, 3), 1000);
		ck_assert_uint_le(h2_hpack_bytes(&a), h2_hpack_bytes(&b));
		ck_assert_uint_le(h2_hpack_bytes(&b), H2_PACK_PEER_BYTES);
	}
	ck_assert_uint_gt(h2_hpack_bytes(&a), H2_PACK_BYTES);
	ck_assert_uint_gt(h2_hpack_bytes(&b), H2_PACK_PEER_BYTES - 200);
}
END_TEST

static void write_and_read(void)
{
	nghttp2_nv nv[N_MAX];
	size_t n = make_fields(nv);

	read_block(nv, n, write_block(nv, n), 100);
	read_block(nv, n, write_block(nv, n), 100);
}

START_TEST(the_peer_sets_the_size_of_the_table)
{
	folds = _i;
	write_and_read();
	ck_assert_uint_gt(h2_hpack_bytes(&a), 120);
	limit(100);
	ck_assert_uint_le(h2_hpack_bytes(&a), 100);
	write_and_read();
	ck_assert_uint_gt(h2_hpack_bytes(&b), 0);
	ck_assert_uint_le(h2_hpack_bytes(&b), 100);
	limit(0);
	ck_assert_uint_eq(h2_hpack_bytes(&a), 0);
	write_and_read();
	ck_assert_uint_eq(h2_hpack_bytes(&b), 0);
	/* Two changes before a block: it tells both. */
	limit(4096);
	write_and_read();
	ck_assert_uint_gt(h2_hpack_bytes(&b), 120);
	limit(0);
	limit(4096);
	write_and_read();
	ck_assert_uint_eq(h2_hpack_bytes(&a), h2_hpack_bytes(&b));
	/* More than we ever use, which b would not take. */
	limit(UINT32_MAX);
	for (int i = 0; i < 20; i++) {
		char value[700];
		nghttp2_nv nv;

		memset(value, 'a' + i, sizeof(value) - 1);
		value[sizeof(value) - 1] = '\0';
		nv = nv_of("x-a", value, false);
		read_block(&nv, 1, write_block(&nv, 1), 1000);
		ck_assert_uint_le(h2_hpack_bytes(&a), H2_PACK_PEER_BYTES);
	}
}
END_TEST

static enum h2_hpack_got read_raw(const char *bytes, size_t len, bool last)
{
	const uint8_t *p = (const uint8_t *)bytes;
	struct h2_field f;
	enum h2_hpack_got got;

	do
		got = h2_hpack_read(&b, &p, &len, last, &f);
	while (got == H2_HPACK_FIELD);
	return got;
}

#define P(literal) literal, sizeof(literal) - 1

START_TEST(what_is_no_block_is_told)
{
	static const struct {
		const char *p;
		size_t len;
	} bad[] = {
		{P("\x80")}, /* index 0 */
		{P("\xbe")}, /* of an empty table */
		{P("\xff\xff\xff\xff\xff\xff\x01")},
		{P("\x3f\xe2\x1f")}, /* a table of 4097 */
		{P("\x82\x20")},     /* a size behind a field */
		{P("\x82\x84\x01")}, /* cut off */
		{P("\x00\x01"
		   "a\x81\x00")}, /* padding that is none */
		{P("\x00\x01"
		   "a\x85\xff\xff\xff\xff\xff")}, /* EOS */
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		h2_hpack_fini(&b);
		ck_assert_int_eq(h2_hpack_init(&b, true), 0);
		ck_assert_msg(read_raw(bad[i].p, bad[i].len, true) == H2_HPACK_BAD,
			      "%zu", i);
	}
	h2_hpack_fini(&b);
	ck_assert_int_eq(h2_hpack_init(&b, true), 0);
	ck_assert_int_eq(read_raw("", 0, false), H2_HPACK_MORE);
	ck_assert_int_eq(read_raw("", 0, true), H2_HPACK_END);
	ck_assert_int_eq(read_raw(P("\x3f\xe1\x1f\x82"), true),
			 H2_HPACK_END); /* 4096 */
	ck_assert_int_eq(read_raw(P("\x20\x3f\xe1\x1f\x82"), true), H2_HPACK_END);
}
END_TEST

START_TEST(a_table_size_may_only_lead_a_block)
{
	ck_assert_int_eq(read_raw(P("\x82"), true), H2_HPACK_END);
	/* What the last block had does not count, nor where this one is cut. */
	ck_assert_int_eq(read_raw(P("\x20"), false), H2_HPACK_MORE);
	ck_assert_int_eq(read_raw(P("\x3f"), false), H2_HPACK_MORE);
	ck_assert_int_eq(read_raw(P("\xe1\x1f"), false), H2_HPACK_MORE);
	ck_assert_int_eq(read_raw(P("\x82"), false), H2_HPACK_MORE);
	ck_assert_int_eq(read_raw(P(""), true), H2_HPACK_END);
	ck_assert_int_eq(read_raw(P("\x20"), false), H2_HPACK_MORE);
	ck_assert_int_eq(read_raw(P(""), true), H2_HPACK_END);
	ck_assert_int_eq(read_raw(P("\x20"), true), H2_HPACK_END);
	ck_assert_int_eq(read_raw(P("\x82"), false), H2_HPACK_MORE);
	ck_assert_int_eq(read_raw(P(""), false), H2_HPACK_MORE);
	ck_assert_int_eq(read_raw(P("\x20"), true), H2_HPACK_BAD);
}
END_TEST

/* Its name is needed longer than the entry that the name was taken from, and one read
 * before is whole until then. */
START_TEST(a_field_may_push_out_the_entry_it_is_named_by)
{
	static const uint8_t bytes[] = "\xbe\x7e\x02ww\xbe";
	const uint8_t *p = bytes;
	size_t left = sizeof(bytes) - 1;
	nghttp2_nv first = nv_of("n", "v", false), second = nv_of("n", "ww", false);
	struct h2_field f;

	/* Room for one: n: v, then n: ww. */
	ck_assert_int_eq(read_raw(P("\x3f\x09\x40\x01n\x01v"), true), H2_HPACK_END);
	ck_assert_uint_eq(h2_hpack_bytes(&b), 34);
	ck_assert_int_eq(h2_hpack_read(&b, &p, &left, true, &f), H2_HPACK_FIELD);
	check_field(&f, &first);
	ck_assert_uint_eq(left, 5);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(h2_hpack_read(&b, &p, &left, true, &f),
				 H2_HPACK_FIELD);
		check_field(&f, &second);
		ck_assert_uint_eq(h2_hpack_bytes(&b), 35);
	}
	ck_assert_int_eq(h2_hpack_read(&b, &p, &left, true, &f), H2_HPACK_END);
}
END_TEST

/* Indexes of one byte end at 126. */
START_TEST(each_index_of_a_full_table_is_read)
{
	char bytes[] = "\x40\x01n\x01v";

	for (int i = 0; i < 120; i++) {
		bytes[4] = (char)i;
		ck_assert_int_eq(read_raw(bytes, 5, true), H2_HPACK_END);
	}
	ck_assert_uint_gt(h2_hpack_bytes(&b) + 34, H2_PACK_PEER_BYTES);
	for (int i = 0; i < 120; i++) {
		uint8_t of_two[] = {0xff, (uint8_t)(62 + i - 127)};
		uint8_t of_one = (uint8_t)(0x80 + 62 + i);
		bool far = 62 + i >= 127;
		const uint8_t *p = far ? of_two : &of_one;
		size_t left = far ? 2 : 1;
		char newest_first = (char)(119 - i);
		struct h2_field f;

		ck_assert_int_eq(h2_hpack_read(&b, &p, &left, false, &f),
				 H2_HPACK_FIELD);
		ck_assert(str_eq(f.name, STR("n")));
		ck_assert(str_eq(f.value, str_of(&newest_first, 1)));
	}
	ck_assert_int_eq(read_raw(P("\xff\x37"), false), H2_HPACK_BAD); /* 182 */
}
END_TEST

START_TEST(a_block_leaves_nothing_behind_but_the_table)
{
	int64_t before = b.bytes;
	char bytes[103] = "\x04\x64"; /* a path, not to be indexed */

	memset(bytes + 2, 'p', 100);
	bytes[102] = (char)0x82;
	for (size_t len = 102; len <= 103; len++) {
		ck_assert_int_eq(read_raw(bytes, len, false), H2_HPACK_MORE);
		ck_assert_int_gt(b.bytes, before);
		ck_assert_int_eq(read_raw(P(""), true), H2_HPACK_END);
		ck_assert_int_eq(b.bytes, before);
	}
}
END_TEST

START_TEST(what_it_holds_is_counted_to_the_byte)
{
	nghttp2_nv nv[N_MAX];
	size_t n = make_fields(nv);

	ck_assert_int_ge(a.bytes, 4096);
	ck_assert_uint_eq(h2_hpack_bytes(&a), 0);
	for (int i = 0; i < 20; i++) {
		read_block(nv, n, write_block(nv, n), 7);
		ck_assert_int_eq((int64_t)live(), a.bytes + b.bytes);
		ck_assert_uint_eq(mem_counters()->tag[MEM_NGHTTP2].conn_bytes, live());
		h2_hpack_fold(&a);
		ck_assert_uint_gt(mem_counters()->folded_bytes, 0);
	}
	ck_assert_int_eq(a.bytes, 4096); /* what packs asks for no more */
	ck_assert_int_gt(b.bytes, 4096);
	ck_assert(h2_hpack_is_folded(&a)); /* it may end so */
}
END_TEST

START_TEST(one_that_was_never_used_ends_too)
{
	struct h2_hpack none = {.used = 0};

	h2_hpack_fold(&none);
	ck_assert(!h2_hpack_is_folded(&none));
	ck_assert_uint_eq(h2_hpack_bytes(&none), 0);
	h2_hpack_fini(&none);
	h2_hpack_fold(&a);
}
END_TEST

/* --- without memory -------------------------------------------------------- */

#define N_CALLS 60

/* Returns: false when memory was missing. */
static bool try_all(void)
{
	nghttp2_nv nv[N_MAX];
	size_t n = make_fields(nv);
	const uint8_t *p = block;
	struct h2_field f;
	enum h2_hpack_got got;
	size_t left;

	if (h2_hpack_init(&a, true) != 0)
		return false;
	left = write_block(nv, n);
	while ((got = h2_hpack_read(&a, &p, &left, true, &f)) == H2_HPACK_FIELD)
		;
	ck_assert(got == H2_HPACK_END || got == H2_HPACK_NO_MEMORY);
	return got == H2_HPACK_END;
}

START_TEST(each_allocation_may_fail)
{
	char spec[64];
	bool done, failed;

	snprintf(spec, sizeof(spec), "system+fail=%d,regions=heap", _i + 1);
	choose_allocator(spec);
	done = try_all();
	failed = mem_counters()->tag[MEM_NGHTTP2].failures != 0;
	ck_assert(done == !failed);
	ck_assert(_i >= 4 || failed);           /* there are some */
	ck_assert(_i < N_CALLS - 1 || !failed); /* and all were tried */
	h2_hpack_fini(&a);
	ck_assert_int_eq(a.bytes, 0);
	ck_assert_uint_eq(live(), 0);
	ck_assert_uint_eq(mem_counters()->tag[MEM_NGHTTP2].conn_bytes, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("h2_hpack");
	TCase *t = tcase_create("h2_hpack"), *fails = tcase_create("no memory");

	tcase_add_checked_fixture(t, choose_and_open, close_both);
	tcase_add_loop_test(t, what_is_written_is_read, 0, 2);
	tcase_add_loop_test(t, tables_drop_their_oldest, 0, 2);
	tcase_add_loop_test(t, the_peer_sets_the_size_of_the_table, 0, 2);
	tcase_add_test(t, what_is_no_block_is_told);
	tcase_add_test(t, a_table_size_may_only_lead_a_block);
	tcase_add_test(t, a_field_may_push_out_the_entry_it_is_named_by);
	tcase_add_test(t, each_index_of_a_full_table_is_read);
	tcase_add_test(t, a_block_leaves_nothing_behind_but_the_table);
	tcase_add_test(t, what_it_holds_is_counted_to_the_byte);
	tcase_add_test(t, one_that_was_never_used_ends_too);
	suite_add_tcase(s, t);
	tcase_add_loop_test(fails, each_allocation_may_fail, 0, N_CALLS);
	suite_add_tcase(s, fails);
	return run_suite(s);
}
