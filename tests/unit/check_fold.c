/* A folded block is out of RAM, and is as before when it is wanted again. */
#include "allocators/fold.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "allocators/memcheck.h"
#include "backends.h"

#define TAG   MEM_CONN
#define BYTES ((size_t)4 * 4096) /* three whole pages at least, wherever it lies */

static struct fold f;
static unsigned char *block, copy[BYTES];

static uint64_t folded_bytes(void)
{
	return mem_counters()->folded_bytes;
}

static void begin(int i)
{
	ck_assert_int_eq(sysconf(_SC_PAGESIZE), 4096);
	backends_choose(i);
	block = mem_alloc(TAG, BYTES);
	ck_assert_ptr_nonnull(block);
	memset(block, 0, BYTES);
	fold_init(&f, block);
	ck_assert(!fold_is_empty(&f) && !fold_is_packed(&f));
}

static void end(void)
{
	mem_free(TAG, fold_block(&f));
	ck_assert_uint_eq(backends_live_bytes(), 0);
	ck_assert_uint_eq(folded_bytes(), 0);
}

/* One byte of each so many is another than zero. */
static void scatter(unsigned int one_of)
{
	for (size_t i = 0; i < BYTES; i++)
		block[i] = backends_random() % one_of ? 0 : (uint8_t)backends_random();
	memcpy(copy, block, BYTES);
}

/* Of the pages that lie wholly within the block. */
static size_t resident_bytes(void)
{
	size_t skip = -(uintptr_t)block & 4095u, n = 0;
	unsigned char in[BYTES / 4096];

	memset(in, 0, sizeof(in));
	ck_assert_int_eq(mincore(block + skip, (BYTES - skip) & ~4095u, in), 0);
	for (size_t i = 0; i < sizeof(in); i++)
		n += in[i] & 1u ? 4096u : 0u;
	return n;
}

START_TEST(a_packed_block_is_out_of_ram_and_comes_back_whole)
{
	static const unsigned int one_of[] = {3, 8, 30, 100, 1000, 100000};

	begin(_i);
	for (size_t k = 0; k < sizeof(one_of) / sizeof(*one_of); k++) {
		uint64_t live = backends_live_bytes();
		size_t n, packed;

		scatter(one_of[k]);
		n = fold_pack(&f, BYTES, TAG);
		if (one_of[k] <= 3 && !n)
			continue; /* two thirds of it are a matter of luck */
		ck_assert_uint_ge(n, BYTES - 4096);
		ck_assert(fold_is_packed(&f));
		ck_assert_uint_eq(resident_bytes(), 0);
		ck_assert_uint_eq(folded_bytes(), n);
		ck_assert_uint_eq(fold_saved_bytes(&f), n);
		packed = fold_packed_bytes(&f);
		ck_assert_uint_lt(packed, n);
		ck_assert_uint_eq(backends_live_bytes(), live + packed);

		ck_assert_ptr_eq(fold_block(&f), block);
		ck_assert_int_eq(memcmp(block, copy, BYTES), 0);
		ck_assert_uint_eq(fold_saved_bytes(&f) + fold_packed_bytes(&f), 0);
		ck_assert_uint_eq(backends_live_bytes(), live);
		ck_assert_uint_eq(folded_bytes(), 0);
		memset(block, 0xff, BYTES); /* a block as any other */
	}
	end();
}
END_TEST

START_TEST(zeros_take_next_to_nothing)
{
	begin(_i);
	ck_assert_uint_ge(fold_pack(&f, BYTES, TAG), BYTES - 4096);
	ck_assert_uint_le(fold_packed_bytes(&f), 128);
	ck_assert_uint_eq(resident_bytes(), 0);
	memcpy(copy, fold_block(&f), BYTES);
	for (size_t i = 0; i < BYTES; i++)
		ck_assert_int_eq(copy[i], 0);
	end();
}
END_TEST

START_TEST(each_byte_alone_comes_back)
{
	static const size_t at[] = {0, 1, 7, 8, 63, 64, 511, 512, 4095, 4096, 8191};

	begin(_i);
	for (size_t k = 0; k < 2 * sizeof(at) / sizeof(*at); k++) {
		size_t i = k & 1 ? BYTES - 1 - at[k / 2] : at[k / 2];

		memset(block, 0, BYTES);
		block[i] = 0x80;
		memcpy(copy, block, BYTES);
		ck_assert_uint_gt(fold_pack(&f, BYTES, TAG), 0);
		ck_assert_int_eq(memcmp(fold_block(&f), copy, BYTES), 0);
	}
	end();
}
END_TEST

START_TEST(what_does_not_pay_stays)
{
	begin(_i);
	scatter(1);
	ck_assert_uint_eq(fold_pack(&f, BYTES, TAG), 0);
	ck_assert(!fold_is_packed(&f));
	ck_assert_ptr_eq(fold_block(&f), block);
	ck_assert_int_eq(memcmp(block, copy, BYTES), 0);
	end();
}
END_TEST

START_TEST(only_pages_that_are_wholly_the_blocks_go)
{
	size_t first;

	begin(_i);
	first = -(uintptr_t)block & 4095u; /* bytes before a page begins */
	ck_assert_uint_eq(fold_pack(&f, first + 4095, TAG), 0);
	ck_assert_uint_eq(fold_pack(&f, first + 4096, TAG), 4096);
	ck_assert_uint_eq(fold_pack(&f, BYTES, TAG), 0); /* it is packed already */
	fold_unpack(&f);
	ck_assert_uint_eq(fold_pack(&f, first + 12287, TAG), 8192);
	end();
}
END_TEST

START_TEST(no_block_is_no_block)
{
	backends_choose(_i);
	fold_init(&f, NULL);
	ck_assert(fold_is_empty(&f));
	ck_assert_uint_eq(fold_pack(&f, BYTES, TAG), 0);
	ck_assert_ptr_null(fold_block(&f));
}
END_TEST

START_TEST(what_was_discarded_leaves_ram)
{
	begin(_i);
	memset(block, 'x', BYTES);
	ck_assert_uint_ge(resident_bytes(), BYTES - 4096);
	fold_discard(block, BYTES);
	ck_assert_uint_eq(resident_bytes(), 0);
	memset(block, 'y', BYTES);
	end();
}
END_TEST

START_TEST(a_touch_of_a_packed_block_is_a_report)
{
#ifdef MEMCHECK_ASAN
	begin(_i);
	fold_pack(&f, BYTES, TAG);
	ck_assert(__asan_address_is_poisoned(block + BYTES / 2));
	fold_unpack(&f);
	ck_assert_ptr_null(__asan_region_is_poisoned(block, BYTES));
	end();
#endif
}
END_TEST

/* --- no memory ------------------------------------------------------------- */

static bool got_block, was_packed, is_whole;

static void script(void)
{
	got_block = was_packed = false;
	is_whole = true;
	block = mem_zalloc(TAG, 1, BYTES);
	if (!block)
		return;
	got_block = true;
	fold_init(&f, block);
	block[BYTES / 2] = 7;
	was_packed = fold_pack(&f, BYTES, TAG) > 0;
	block = fold_block(&f);
	is_whole = block[BYTES / 2] == 7 && block[BYTES / 2 + 1] == 0;
	mem_free(TAG, block);
}

static void check_that_it_stays(void)
{
	ck_assert(!(got_block && was_packed));
	ck_assert(is_whole);
}

static const char *const failing[] = {"system,regions=heap", "hybrid,regions=heap"};

START_TEST(without_memory_it_is_not_packed)
{
	backends_fail_each(script, failing[_i], check_that_it_stays);
}
END_TEST

int main(int argc, char **argv)
{
	TCase *t = tcase_create("fold");
	Suite *s;
	int n;

	(void)argc;
	backends_start(argv);
	n = backends_count();
	s = suite_create("fold");
	tcase_set_timeout(t, 30);
	tcase_add_loop_test(t, a_packed_block_is_out_of_ram_and_comes_back_whole, 0, n);
	tcase_add_loop_test(t, zeros_take_next_to_nothing, 0, n);
	tcase_add_loop_test(t, each_byte_alone_comes_back, 0, n);
	tcase_add_loop_test(t, what_does_not_pay_stays, 0, n);
	tcase_add_loop_test(t, only_pages_that_are_wholly_the_blocks_go, 0, n);
	tcase_add_loop_test(t, no_block_is_no_block, 0, n);
	tcase_add_loop_test(t, what_was_discarded_leaves_ram, 0, n);
	tcase_add_loop_test(t, a_touch_of_a_packed_block_is_a_report, 0, n);
	tcase_add_loop_test(t, without_memory_it_is_not_packed, 0, 2);
	suite_add_tcase(s, t);
	return backends_run(s);
}
