/* h2_priority: what values of the Priority field say, and what they do not. */
#include "http/h2_priority.h"

#include <check.h>
#include <stdlib.h>

#include "runner.h"

/* What was there is left as it is. */
#define U 9

static const struct {
	const char *value;
	uint8_t urgency;
	int incremental; /* -1: as it was */
} rows[] = {
	{"", U, -1},
	{"u=0", 0, -1},
	{"u=7", 7, -1},
	{"i", U, 1},
	{"i=?1", U, 1},
	{"i=?0", U, 0},
	{"u=5, i", 5, 1},
	{"u=5,i", 5, 1},
	{"i,u=5", 5, 1},
	{"  u=5 \t, \t i  ", 5, 1},
	{"u=2, u=6", 6, -1},
	{"i, i=?0", U, 0},
	/* Parameters, and members that nobody knows. */
	{"u=2;x", 2, -1},
	{"u=2;x=1;y", 2, -1},
	{"i;x", U, 1},
	{"i;x=2", U, 1},
	{"i=?1;x", U, 1},
	{"a, u=2, b=1, *c, d-e_f.g=(1 2)", 2, -1},
	{"uu=2, ui, iu=2, ii", U, -1},
	{"x=\"a\", u=2", 2, -1},
	/* A range or a type that they have not. */
	{"u=8", U, -1},
	{"u=10", U, -1},
	{"u=-1", U, -1},
	{"u=1.0", U, -1},
	{"u", U, -1},
	{"u=?1", U, -1},
	{"u=\"1\"", U, -1},
	{"u=a", U, -1},
	{"i=1", U, -1},
	{"i=yes", U, -1},
	{"i=1, u=3", 3, -1},
	/* No dictionary: nothing of it counts. */
	{",", U, -1},
	{"u=1,", U, -1},
	{",u=1", U, -1},
	{"u=1,,i", U, -1},
	{"U=1", U, -1},
	{"u=1, I", U, -1},
	{"u=1, =2", U, -1},
	{"u=1, 2", U, -1},
	{"u=1 i", U, -1},
	{"u =1", U, -1},
	{"i ?1", U, -1},
	{"u=1, i?", U, -1},
	{"u=1, i\"", U, -1},
	{"u=1, a:b", U, -1},
	{"u=", U, -1},
	{"i=", U, -1},
	{"u=1, i=", U, -1},
	{"\x80", U, -1},
};

START_TEST(each_value_says_what_it_says)
{
	for (int was = 0; was < 2; was++) {
		/* In a block of its own size, so that a sanitizer sees a read behind
		 * it. */
		size_t len = strlen(rows[_i].value);
		char *value = malloc(len + !len);
		uint8_t urgency = U;
		bool incremental = was;

		ck_assert_ptr_nonnull(value);
		memcpy(value, rows[_i].value, len);
		h2_priority(str_of(value, len), &urgency, &incremental);
		ck_assert_msg(urgency == rows[_i].urgency, "%s: %u", rows[_i].value,
			      urgency);
		ck_assert_msg(
			incremental ==
				(rows[_i].incremental < 0 ? was : rows[_i].incremental),
			"%s: %d", rows[_i].value, incremental);
		free(value);
	}
}
END_TEST

START_TEST(no_value_says_nothing)
{
	uint8_t urgency = 3;
	bool incremental = true;

	h2_priority(str_of(NULL, 0), &urgency, &incremental);
	ck_assert_uint_eq(urgency, 3);
	ck_assert(incremental);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("h2_priority");
	TCase *t = tcase_create("h2_priority");

	tcase_add_loop_test(t, each_value_says_what_it_says, 0,
			    (int)(sizeof(rows) / sizeof(rows[0])));
	tcase_add_test(t, no_value_says_nothing);
	suite_add_tcase(s, t);
	return run_suite(s);
}
