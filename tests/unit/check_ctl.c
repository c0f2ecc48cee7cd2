#include <string.h>

#include "runner.h"
#include "server/ctl.h"

static const struct {
	const char *answer;
	unsigned int status;
	const char *body;
} answers[] = {
	{"HTTP/1.1 200 OK\r\nA: b\r\n\r\nhello", 200, "hello"},
	{"HTTP/1.1 503 Service Unavailable\r\n\r\n", 503, ""},
	{"HTTP/1.1 422 x\r\nA: b\r\n\r\na\r\n\r\nb", 422, "a\r\n\r\nb"},
	{"HTTP/1.1 200 OK\r\nA: b\r\n", 0, NULL},
	{"HTTP/1.1 2x0 OK\r\n\r\n", 0, NULL},
	{"HTTP/1.1\r\n\r\n", 0, NULL},
	{"HTTP/2 200\r\n\r\nx", 0, NULL},
	{"nonsense", 0, NULL},
	{"", 0, NULL},
};

START_TEST(an_answer_is_status_and_body)
{
	struct str body = {NULL, 0};

	ck_assert_uint_eq(ctl_parse_answer(str_z(answers[_i].answer), &body),
			  answers[_i].status);
	if (!answers[_i].body)
		return;
	ck_assert_uint_eq(body.len, strlen(answers[_i].body));
	ck_assert_mem_eq(body.p, answers[_i].body, body.len);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ctl");
	TCase *t = tcase_create("ctl");

	tcase_add_loop_test(t, an_answer_is_status_and_body, 0,
			    (int)(sizeof(answers) / sizeof(*answers)));
	suite_add_tcase(s, t);
	return run_suite(s);
}
