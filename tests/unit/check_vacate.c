/* A block whose pages were given back is still there, and reads as before. */
#include "allocators/vacate.h"

#include <check.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "allocators/mem.h"
#include "tests/unit/runner.h"

#define PAGE 4096u

static char *block;

static void choose_hybrid(void)
{
	char error[200];

	ck_assert_int_eq(mem_choose("hybrid", error, sizeof(error)), 0);
	block = mem_alloc(MEM_CONN, 2 * PAGE);
	ck_assert_ptr_nonnull(block);
	ck_assert_uint_eq((uintptr_t)block % PAGE, 0);
	memset(block, 0, 2 * PAGE);
}

static void drop(void)
{
	mem_free(MEM_CONN, block);
}

static unsigned int n_resident(void)
{
	unsigned char in[2];

	ck_assert_int_eq(mincore(block, 2 * PAGE, in), 0);
	return (in[0] & 1u) + (in[1] & 1u);
}

START_TEST(pages_of_zeros_leave_ram_and_read_as_zero)
{
	ck_assert_uint_eq(n_resident(), 2);
	ck_assert_uint_eq(mem_vacate(block, 2 * PAGE), 2 * PAGE);
	ck_assert_uint_eq(n_resident(), 0);
	for (unsigned int i = 0; i < 2 * PAGE; i++)
		ck_assert_int_eq(block[i], 0);
	block[PAGE] = 'x'; /* is a block as any other */
	ck_assert_int_eq(block[PAGE], 'x');
}
END_TEST

START_TEST(one_byte_that_is_not_zero_keeps_them_all)
{
	static const unsigned int at[] = {0, 7, 8, 4095, 4096, 8191};

	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		block[at[i]] = 1;
		ck_assert_uint_eq(mem_vacate(block, 2 * PAGE), 0);
		ck_assert_uint_eq(n_resident(), 2);
		ck_assert_int_eq(block[at[i]], 1);
		block[at[i]] = 0;
	}
}
END_TEST

START_TEST(only_pages_that_are_wholly_the_blocks_go)
{
	block[0] = 'a';
	block[2 * PAGE - 1] = 'z';
	ck_assert_uint_eq(mem_vacate(block + 1, 2 * PAGE - 2), 0);
	ck_assert_uint_eq(mem_vacate(block, PAGE - 1), 0);
	ck_assert_uint_eq(mem_vacate(block + 8, 2 * PAGE - 9), 0);
	block[2 * PAGE - 1] = 0;
	ck_assert_uint_eq(mem_vacate(block + 8, 2 * PAGE - 8), PAGE);
	ck_assert_uint_eq(n_resident(), 1);
	ck_assert_int_eq(block[0], 'a');
}
END_TEST

static Suite *vacate_suite(void)
{
	Suite *s = suite_create("vacate");
	TCase *c = tcase_create("pages");

	tcase_add_checked_fixture(c, choose_hybrid, drop);
	tcase_add_test(c, pages_of_zeros_leave_ram_and_read_as_zero);
	tcase_add_test(c, one_byte_that_is_not_zero_keeps_them_all);
	tcase_add_test(c, only_pages_that_are_wholly_the_blocks_go);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return run_suite(vacate_suite());
}
