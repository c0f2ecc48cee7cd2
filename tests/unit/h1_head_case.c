#include "h1_head_case.h"

#include <check.h>

struct h1_case c;

void setup(void)
{
	char err[256] = "";

	ck_assert_msg(mem_choose("system,regions=heap", err, sizeof(err)) == 0, "%s",
		      err);
	case_init(&c);
}

void teardown(void)
{
	case_fini(&c);
}

void again(bool response, enum method method)
{
	struct h1_limits limits = c.limits;

	case_fini(&c);
	if (response)
		case_init_response(&c, method);
	else
		case_init(&c);
	c.limits = limits;
}

enum h1_result head(const char *bytes, size_t len)
{
	size_t used = 0;

	c.result = h1_read_head(&c.h, bytes, len, &used, &c.m, &c.a);
	c.used = used;
	return c.result;
}

void accept_n(const char *bytes, size_t len)
{
	again(false, METHOD_OTHER);
	ck_assert_msg(head(bytes, len) == H1_HEAD, "%d %s: %s", c.h.status, c.h.reason,
		      bytes);
	ck_assert_uint_eq(c.used, len);
}

void refuse_n(const char *bytes, size_t len, unsigned int status)
{
	again(false, METHOD_OTHER);
	ck_assert_msg(head(bytes, len) == H1_ERROR, "%d: %s", c.result, bytes);
	ck_assert_msg(c.h.status == status, "%d %s: %s", c.h.status, c.h.reason, bytes);
	ck_assert_ptr_nonnull(c.h.reason);
	ck_assert(!c.h.keep_alive);
	ck_assert_uint_eq(c.used, 0);
	/* It stays refused. */
	ck_assert(head(GET HOST END, 26) == H1_ERROR);
}

void accept_answer(enum method method, const char *bytes)
{
	again(true, method);
	ck_assert_msg(head(bytes, strlen(bytes)) == H1_HEAD, "%s: %s", c.h.reason,
		      bytes);
	ck_assert_uint_eq(c.used, strlen(bytes));
}

void refuse_answer(enum method method, const char *bytes)
{
	again(true, method);
	ck_assert_msg(head(bytes, strlen(bytes)) == H1_ERROR, "%d: %s", c.result,
		      bytes);
	ck_assert_int_eq(c.h.status, 502);
}

void ck_str(struct str s, const char *z)
{
	ck_assert_msg(str_eq(s, str_z(z)), "\"%.*s\", not \"%s\"", STR_ARG(s), z);
}
