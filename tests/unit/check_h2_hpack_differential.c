/*
 * h2_hpack beside nghttp2's inflater alone, which sees each byte: both find the same
 * fields, tables of the same size and the same end, however the blocks are cut.
 */
#include "http/h2_hpack.h"

#include <check.h>
#include <nghttp2/nghttp2.h>
#include <stdlib.h>

#include "base/random.h"
#include "http/h2_huffman.h"
#include "runner.h"

#define P(literal) literal, sizeof(literal) - 1

/* ck_assert() writes a line to a file each time; these are millions. */
#define want(is_so)                                                                    \
	do {                                                                           \
		if (!(is_so))                                                          \
			ck_abort_msg("%s", #is_so);                                    \
	} while (0)

/* --- both readers --------------------------------------------------------- */

static struct h2_hpack ours;
static nghttp2_hd_inflater *theirs;
static struct random numbers;
static bool folds; /* ours, now and then */

static struct {
	unsigned int n_fields, n_ends, n_bad;
	unsigned int n_far; /* fields by an index of more than one byte */
} seen;

static uint32_t any(uint32_t below)
{
	return (uint32_t)random_below(&numbers, below);
}

static bool one_in(uint32_t n)
{
	return !any(n);
}

static void open_both(void)
{
	want(h2_hpack_init(&ours, true) == 0);
	want(nghttp2_hd_inflate_new(&theirs) == 0);
}

static void close_both(void)
{
	h2_hpack_fini(&ours);
	want(!mem_live(mem_counters(), MEM_NGHTTP2));
	nghttp2_hd_inflate_del(theirs);
}

/* As h2_hpack_read(). */
static enum h2_hpack_got read_theirs(const uint8_t **p, size_t *len, bool last,
				     struct h2_field *f)
{
	nghttp2_nv nv;
	int flags;
	ssize_t n = nghttp2_hd_inflate_hd2(theirs, &nv, &flags, *p, *len, last);

	if (n < 0)
		return H2_HPACK_BAD;
	*p += n;
	*len -= (size_t)n;
	if (flags & NGHTTP2_HD_INFLATE_EMIT) {
		f->name = str_of((const char *)nv.name, nv.namelen);
		f->value = str_of((const char *)nv.value, nv.valuelen);
		f->never_index = nv.flags & NGHTTP2_NV_FLAG_NO_INDEX;
		return H2_HPACK_FIELD;
	}
	if (!(flags & NGHTTP2_HD_INFLATE_FINAL))
		return H2_HPACK_MORE;
	nghttp2_hd_inflate_end_headers(theirs);
	return H2_HPACK_END;
}

static void check_field(const struct h2_field *f, const struct h2_field *theirs_f)
{
	want(str_eq(f->name, theirs_f->name));
	want(str_eq(f->value, theirs_f->value));
	want(f->never_index == theirs_f->never_index);
	seen.n_fields++;
}

/* What is at bytes, by both. Returns: what both say. */
static enum h2_hpack_got read_all(const uint8_t *bytes, size_t len, bool last)
{
	const uint8_t *p = bytes, *q = bytes;
	size_t p_left = len, q_left = len;
	enum h2_hpack_got got;

	do {
		struct h2_field f, g = {0};

		if (folds && one_in(10))
			h2_hpack_fold(&ours);
		got = h2_hpack_read(&ours, &p, &p_left, last, &f);
		want(got == read_theirs(&q, &q_left, last, &g));
		if (got == H2_HPACK_BAD)
			break;
		if (got == H2_HPACK_FIELD)
			check_field(&f, &g);
		want(p == q);
		want(p_left == q_left);
		want(h2_hpack_bytes(&ours) ==
		     nghttp2_hd_inflate_get_dynamic_table_size(theirs));
	} while (got == H2_HPACK_FIELD);
	seen.n_ends += got == H2_HPACK_END;
	seen.n_bad += got == H2_HPACK_BAD;
	return got;
}

/* The same of a copy that is exactly as long as it says, so that a sanitizer sees each
 * byte too many. */
static enum h2_hpack_got read_piece(const uint8_t *bytes, size_t len, bool last)
{
	uint8_t *copy = malloc(len ? len : 1);
	enum h2_hpack_got got;

	want(copy);
	memcpy(copy, bytes, len);
	got = read_all(len ? copy : NULL, len, last);
	free(copy);
	return got;
}

/* --- blocks ----------------------------------------------------------------- */

static uint8_t block[1 << 17];
static size_t block_len;

static void put(uint8_t c)
{
	block[block_len++] = c;
}

static void put_bytes(const char *p, size_t len)
{
	memcpy(block + block_len, p, len);
	block_len += len;
}

/* In pieces of at most so many bytes, some of them empty. */
static enum h2_hpack_got read_pieces(size_t most)
{
	enum h2_hpack_got got;
	size_t at = 0;

	do {
		size_t n = any((uint32_t)most + 1);
		bool last;

		if (n > block_len - at)
			n = block_len - at;
		last = at + n == block_len && !one_in(4);
		got = read_piece(block + at, n, last);
		want(got == H2_HPACK_BAD || (got == H2_HPACK_END) == last);
		at += n;
	} while (got == H2_HPACK_MORE);
	return got;
}

/* --- each short block --------------------------------------------------------- */

static const struct word {
	const char *p;
	size_t len;
} words[] = {
	{P("")},
	{P("\x82")}, /* by an index that is there */
	{P("\xbd")}, /* the last of the static table */
	{P("\xbe")}, /* of the dynamic one */
	{P("\xbf")},
	{P("\xfe")}, /* the last of one byte */
	{P("\x80")}, /* by index 0 */
	{P("\xff\x00")},
	{P("\x40\x01n\x01v")}, /* to be indexed */
	{P("\x7e\x01w")},      /* with a name of the dynamic table */
	{P("\x0f\x2f\x00")},   /* the same, not to be indexed */
	{P("\x10\x01n\x00")},  /* never to be */
	{P("\x20")},           /* sizes of the table: none */
	{P("\x3f\x09")},       /* room for one entry */
	{P("\x3f\xe2\x1f")},   /* too large */
	{P("\x40\x01n\x05v")}, /* takes what comes next */
};

#define N_WORDS (sizeof(words) / sizeof(words[0]))

/* Twice, as what a block leaves behind shows in the next. cut: where; 0: at each
 * byte. */
static void read_cut(size_t cut, bool has_entry)
{
	enum h2_hpack_got got = H2_HPACK_END;

	open_both();
	if (has_entry)
		got = read_all((const uint8_t *)"\x40\x01m\x01u", 5, true);
	for (int i = 0; i < 2 && got == H2_HPACK_END; i++) {
		size_t step = cut ? cut : 1, at = 0;

		for (got = H2_HPACK_MORE; got == H2_HPACK_MORE; at += step) {
			if (at)
				step = cut ? block_len - at : 1;
			if (step > block_len - at)
				step = block_len - at;
			got = read_piece(block + at, step, at + step == block_len);
		}
	}
	close_both();
}

START_TEST(each_block_of_few_words_is_read_alike)
{
	for (size_t i = 0; i < N_WORDS * N_WORDS; i++) {
		block_len = 0;
		put_bytes(words[_i].p, words[_i].len);
		put_bytes(words[i / N_WORDS].p, words[i / N_WORDS].len);
		put_bytes(words[i % N_WORDS].p, words[i % N_WORDS].len);
		for (size_t cut = 0; cut <= block_len; cut++) {
			read_cut(cut, false);
			read_cut(cut, true);
		}
	}
	ck_assert_uint_gt(seen.n_bad, 0);
}
END_TEST

/* --- long ones ------------------------------------------------------------------ */

/* Has read what was written so far but what is wrong, and so knows which indexes there
 * are. */
static nghttp2_hd_inflater *guide;
static size_t n_guided;
static bool is_terse; /* short fields, of which the table takes many */

static void follow(void)
{
	nghttp2_nv nv;
	int flags = NGHTTP2_HD_INFLATE_EMIT;

	while (flags & NGHTTP2_HD_INFLATE_EMIT) {
		ssize_t n = nghttp2_hd_inflate_hd2(guide, &nv, &flags, block + n_guided,
						   block_len - n_guided, 0);

		if (n < 0)
			break;
		n_guided += (size_t)n;
	}
	n_guided = block_len;
}

/* §5.1; now and then longer than need be. */
static void put_number(uint8_t form, unsigned int bits, uint32_t v)
{
	uint32_t most = (1u << bits) - 1;

	if (v < most) {
		put((uint8_t)(form | v));
		return;
	}
	put((uint8_t)(form | most));
	for (v -= most; v >= 128; v >>= 7)
		put((uint8_t)(v | 128));
	if (one_in(8)) {
		put((uint8_t)(v | 128));
		v = 0;
	}
	put((uint8_t)v);
}

static void put_text(void)
{
	static const uint32_t most[] = {1, 4, 4, 4, 40, 4500};
	char text[4500];
	uint32_t len = any(is_terse ? 3 : most[one_in(100) ? 5 : any(5)]);
	struct str s = str_of(text, len);

	for (uint32_t i = 0; i < len; i++)
		text[i] = (char)('a' + any(3));
	if (h2_huffman_len(s) < len && one_in(2)) {
		put_number(0x80, 7, (uint32_t)h2_huffman_len(s));
		block_len = (size_t)(h2_huffman_put(block + block_len, s) - block);
	} else {
		put_number(0, 7, len);
		put_bytes(text, len);
	}
}

static uint32_t any_index(void)
{
	uint32_t n = (uint32_t)nghttp2_hd_inflate_get_num_table_entries(guide);

	return 1 + (one_in(3) ? n - 1 - any(8) : any(n));
}

static void put_literal(void)
{
	static const struct {
		uint8_t form;
		unsigned int bits;
	} all[] = {{0x40, 6}, {0x40, 6}, {0x40, 6}, {0x00, 4}, {0x10, 4}};
	uint32_t i = any(5), index = one_in(2) ? 0 : any_index();

	put_number(all[i].form, all[i].bits, index);
	if (!index)
		put_text();
	put_text();
}

static void put_indexed(void)
{
	uint32_t index = any_index();

	seen.n_far += index >= 127;
	put_number(0x80, 7, index);
}

static void put_size(void)
{
	static const uint32_t sizes[] = {0, 33, 70, 500, 4096, 4096, 4096};

	put_number(0x20, 5, one_in(3) ? any(4097) : sizes[any(7)]);
}

/* What no packer writes. */
static void put_wrong(void)
{
	uint32_t n = (uint32_t)nghttp2_hd_inflate_get_num_table_entries(guide);

	switch (any(6)) {
	case 0:
		put_size(); /* behind fields */
		break;
	case 1:
		put_number(0x20, 5, 4097 + any(3));
		break;
	case 2:
		put_number(0x80, 7, n + 1 + any(2));
		break;
	case 3:
		put_number(0x40, 6, n + 1 + any(2));
		break;
	case 4:
		put(0x80);
		break;
	default:
		put((uint8_t)any(256));
		break;
	}
}

static void make_block(bool wrong)
{
	uint32_t n = one_in(10) ? any(80) : any(12);

	block_len = 0;
	n_guided = 0;
	for (uint32_t i = !is_terse && one_in(12) ? 1 + any(2) : 0; i; i--)
		put_size();
	follow();
	for (uint32_t i = 0; i < n && block_len < sizeof(block) / 4; i++) {
		if (wrong && one_in(100)) {
			put_wrong();
			n_guided = block_len;
			continue;
		}
		if (one_in(3))
			put_literal();
		else
			put_indexed();
		follow();
	}
	nghttp2_hd_inflate_end_headers(guide);
}

static void damage(void)
{
	if (!block_len)
		return;
	switch (any(3)) {
	case 0:
		block[any((uint32_t)block_len)] ^= (uint8_t)(1u << any(8));
		break;
	case 1:
		block[any((uint32_t)block_len)] = (uint8_t)any(256);
		break;
	default:
		block_len = any((uint32_t)block_len);
		break;
	}
}

/* One connection. */
static void read_many(bool wrong)
{
	static const size_t most[] = {1, 3, 20, sizeof(block)};
	enum h2_hpack_got got = H2_HPACK_END;

	is_terse = one_in(3);
	open_both();
	want(nghttp2_hd_inflate_new(&guide) == 0);
	for (int i = 0; i < 60 && got == H2_HPACK_END; i++) {
		make_block(wrong);
		if (wrong && one_in(12))
			damage();
		got = read_pieces(most[any(4)]);
		want(wrong || got == H2_HPACK_END);
	}
	nghttp2_hd_inflate_del(guide);
	close_both();
}

#define N_CONNECTIONS 100

START_TEST(what_a_packer_may_write_is_read_alike)
{
	random_init(&numbers, (uint64_t)_i);
	folds = _i % 2;
	for (int i = 0; i < N_CONNECTIONS; i++)
		read_many(false);
	ck_assert_uint_eq(seen.n_bad, 0);
	ck_assert_uint_eq(seen.n_ends, N_CONNECTIONS * 60);
	ck_assert_uint_gt(seen.n_fields, seen.n_ends);
	ck_assert_uint_gt(seen.n_far, 100);
}
END_TEST

START_TEST(what_is_wrong_or_damaged_is_told_alike)
{
	random_init(&numbers, (uint64_t)_i);
	folds = _i % 2;
	for (int i = 0; i < 10 * N_CONNECTIONS; i++)
		read_many(true);
	ck_assert_uint_gt(seen.n_bad, N_CONNECTIONS);
	ck_assert_uint_gt(seen.n_ends, N_CONNECTIONS);
}
END_TEST

static void choose_hybrid(void)
{
	choose_allocator("hybrid"); /* whose pages can be folded */
}

int main(void)
{
	Suite *s = suite_create("h2_hpack_differential");
	TCase *few = tcase_create("few words"), *t = tcase_create("many");

	tcase_set_timeout(few, 60);
	tcase_add_checked_fixture(few, choose_system, NULL);
	tcase_add_loop_test(few, each_block_of_few_words_is_read_alike, 0, N_WORDS);
	suite_add_tcase(s, few);
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, choose_hybrid, NULL);
	tcase_add_loop_test(t, what_a_packer_may_write_is_read_alike, 0, 4);
	tcase_add_loop_test(t, what_is_wrong_or_damaged_is_told_alike, 0, 4);
	suite_add_tcase(s, t);
	return run_suite(s);
}
