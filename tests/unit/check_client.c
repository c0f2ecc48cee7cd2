#include <errno.h>
#include <string.h>

#include "runner.h"
#include "server/client.h"

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

	ck_assert_uint_eq(client_parse_answer(str_z(answers[_i].answer), &body),
			  answers[_i].status);
	if (!answers[_i].body)
		return;
	ck_assert_uint_eq(body.len, strlen(answers[_i].body));
	ck_assert_mem_eq(body.p, answers[_i].body, body.len);
}
END_TEST

static const struct {
	const char *place;
	const char *addr; /* NULL: none */
} places[] = {
	{"http://127.0.0.1:9180", "127.0.0.1:9180"},
	{"http://127.0.0.1:9180/", "127.0.0.1:9180"},
	{"http://localhost:9180", "127.0.0.1:9180"},
	{"http://[::1]:9180/", "[::1]:9180"},
	{"/run/heapgate/admin.sock", "unix:/run/heapgate/admin.sock"},
	{"http://example.com:9180", NULL},
	{"http://127.0.0.1:9180/metrics", NULL},
	{"http://unix:/run/x", NULL},
	{"http://", NULL},
	{"https://127.0.0.1:9180", "unix:https://127.0.0.1:9180"},
};

START_TEST(a_place_is_an_address_or_a_socket)
{
	struct addr a = {.len = 0};
	char text[ADDR_TEXT_BYTES];

	ck_assert_int_eq(client_find(places[_i].place, &a), places[_i].addr != NULL);
	if (places[_i].addr)
		ck_assert_str_eq(addr_text(&a, text), places[_i].addr);
}
END_TEST

START_TEST(a_path_too_long_for_a_socket_says_so)
{
	char path[300];
	struct addr a;

	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	ck_assert(!client_find(path, &a));
	ck_assert_int_eq(errno, ENAMETOOLONG);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("client");
	TCase *t = tcase_create("client");

	tcase_add_loop_test(t, an_answer_is_status_and_body, 0,
			    (int)(sizeof(answers) / sizeof(*answers)));
	tcase_add_loop_test(t, a_place_is_an_address_or_a_socket, 0,
			    (int)(sizeof(places) / sizeof(*places)));
	tcase_add_test(t, a_path_too_long_for_a_socket_says_so);
	suite_add_tcase(s, t);
	return run_suite(s);
}
