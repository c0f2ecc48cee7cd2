/*
 * h2_session: frames in any order, and owners that do anything meanwhile. Nothing is
 * said of what it answers; but what it holds must agree, always.
 */
#include "h2_case.h"

#include "http/h2_inner.h"

#include <stdlib.h>

#define N_STEPS 400

static uint32_t seed;

static uint32_t any(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % below;
}

/* --- what must agree ------------------------------------------------------- */

static unsigned int n_found;
static uint64_t n_allowed; /* bytes that the peer lets us send */

static bool find_again(struct h2_session *h, struct h2_stream *s, int64_t arg)
{
	(void)arg;
	n_found++;
	ck_assert_ptr_eq(h2_find(h, s->id), s);
	ck_assert(!s->in_ended || !s->out_ended || s->reset_due);
	ck_assert(!s->reset_due || list_empty(&s->ready));
	ck_assert(!s->reset_due || !list_empty(&s->due) || h->over);
	ck_assert(!s->head_due || !list_empty(&s->due) || h->over);
	ck_assert(h->now != s || !s->reset_due);
	return true;
}

static void check_all(void)
{
	struct h2_session *h = &the.h;
	unsigned int n_open = 0;

	n_found = 0;
	h2_each(h, find_again, 0);
	for (unsigned int i = 0; i < the.n_streams; i++)
		n_open += the.streams[i].open;
	ck_assert_uint_eq(n_found, h->n_streams);
	ck_assert_uint_eq(n_open, h->n_streams);
	ck_assert_int_ge(h->out_window, 0);
	ck_assert_uint_le(the.n_on_sent, n_allowed);
	list_each (n, &h->due)
		ck_assert_ptr_eq(n->next->prev, n);
	list_each (n, &h->ready)
		ck_assert_ptr_eq(n->next->prev, n);
}

/* Once nothing is in the middle of a frame, each byte of the connection's window is
 * somewhere. */
static void check_window(void)
{
	int64_t n = the.h.in_window + (int64_t)the.h.in_taken;

	for (unsigned int i = 0; i < the.n_streams; i++)
		n += the.streams[i].n_data; /* kept */
	ck_assert(the.h.over || n == the.conf.window_bytes);
}

/* --- the owner --------------------------------------------------------------- */

static struct h2_case_stream *any_open(void)
{
	unsigned int n = the.n_streams, from = n ? any(n) : 0;

	for (unsigned int i = 0; i < n; i++) {
		struct h2_case_stream *s = &the.streams[(from + i) % n];

		if (s->open)
			return s;
	}
	return NULL;
}

static void consume(struct h2_case_stream *s, uint32_t n)
{
	s->n_data -= n;
	h2_consume(&the.h, &s->h2, n);
}

static void on_data(struct h2_case_stream *s)
{
	if (!any(10))
		h2_reset(&the.h, &s->h2, H2_CANCEL);
}

static void give_back(struct h2_case_stream *s)
{
	h2_consume_conn(&the.h, s->n_data);
	s->n_data = 0;
}

static void on_close(struct h2_case_stream *s)
{
	struct h2_case_stream *other = any_open();

	give_back(s);
	if (other && !any(8))
		h2_reset(&the.h, &other->h2, H2_INTERNAL_ERROR);
	if (!the.conf.is_server && !any(3) && the.n_streams < 1000 && !the.h.got_goaway)
		h2_case_ask(any(2));
}

static void inform(struct h2_case_stream *s)
{
	static struct message info;

	message_init(&info);
	info.status = 103;
	(void)!h2_inform(&the.h, &s->h2, &info);
}

static void act(struct h2_case_stream *s)
{
	switch (any(8)) {
	case 0:
		h2_reset(&the.h, &s->h2, any(3));
		break;
	case 1:
	case 2:
		if (the.conf.is_server && !s->m.status)
			h2_case_answer(s->h2.id, any(30000), any(2));
		else if (!s->body.ended && s->h2.id)
			h2_case_more(s->h2.id, any(30000), any(3) == 0);
		break;
	case 3:
		if (the.conf.is_server && !s->m.status)
			inform(s);
		break;
	case 4:
		if (!s->h2.head_due)
			h2_widen(&the.h, &s->h2, any(60000));
		break;
	case 5:
		h2_data(&the.h, &s->h2);
		break;
	default:
		consume(s, any(s->n_data + 1));
		break;
	}
}

static void on_sent(struct h2_case_stream *s)
{
	struct h2_case_stream *other = any_open();

	(void)s;
	if (other && !any(3))
		act(other);
}

/* --- the peer ------------------------------------------------------------------ */

static uint32_t next_id;

/* One that may still get something, or 0; seldom any. */
static uint32_t any_id(void)
{
	for (int i = 0; i < 5; i++) {
		struct h2_case_stream *s = any_open();

		if (s && !s->h2.in_ended && !s->h2.head_due)
			return (uint32_t)s->h2.id;
	}
	return !any(300) && next_id > 1 ? any(next_id / 2) * 2 + 1 : 0;
}

static void send_data(void)
{
	uint32_t id = any_id();
	size_t len = any(3) ? any(3000) : 0;
	static uint8_t p[4000];

	if (!id || the.h.in_window < 8000)
		return;
	p[0] = (uint8_t)any(256);
	h2_case_frame(H2_DATA, any(6) ? 0 : H2_END_STREAM, id, p, len);
	id = any_id();
	if (id)
		h2_case_frame(H2_DATA, H2_PADDED, id, p, 1 + p[0] + any(50));
}

static void send_setting(void)
{
	static const uint32_t tables[] = {0, 100, 4096, 8192};

	if (any(2))
		h2_case_setting(H2_INITIAL_WINDOW_SIZE, any(70000));
	else
		h2_case_setting(H2_HEADER_TABLE_SIZE, tables[any(4)]);
}

static void send_head(void)
{
	if (!the.conf.is_server) {
		static const char *const words[] = {"x-t", "1", NULL};

		uint32_t id = any_id();

		if (!id)
			return;
		if (any(4))
			h2_case_ok(any(4) ? 0 : H2_END_STREAM, id);
		else
			h2_case_head(H2_END_STREAM, id, words);
		return;
	}
	if (any(2))
		h2_case_get(next_id);
	else
		h2_case_post(next_id);
	next_id += 2;
}

static void come(void)
{
	uint32_t id = any_id();

	switch (any(12)) {
	case 0:
	case 1:
	case 2:
		send_head();
		break;
	case 3:
	case 4:
	case 5:
		send_data();
		break;
	case 6:
		if (id)
			h2_case_window(id, 1 + any(40000));
		break;
	case 7:
	case 8: {
		uint32_t n = 1 + any(40000);

		n_allowed += n;
		h2_case_window(0, n);
		break;
	}
	case 9:
		send_setting();
		break;
	case 10:
		h2_case_frame(H2_PING, 0, 0, P("12345678"));
		break;
	default:
		if (id && !any(3))
			h2_case_frame(H2_RST_STREAM, 0, id, P("\0\0\0\x08"));
		break;
	}
}

static void step(void)
{
	struct h2_case_stream *s = any_open();

	switch (any(10)) {
	case 0:
	case 1:
		if (s)
			act(s);
		break;
	case 2:
		h2_case_turn();
		break;
	case 3:
		if (!the.conf.is_server && the.n_streams < 1000 && !the.h.got_goaway) {
			h2_case_ask(any(2));
			h2_case_turn();
			next_id = the.n_streams * 2 + 1;
		}
		break;
	default:
		come();
		break;
	}
}

static void run(bool is_server)
{
	(is_server ? h2_case_server : h2_case_client)();
	h2_case_open();
	the.conf.max_streams = 20;
	h2_case_greet();
	n_allowed = 65535;
	next_id = 1;
	the.keeps = true;
	the.on_data = on_data;
	the.on_close = on_close;
	the.on_sent = on_sent;
	for (unsigned int i = 0; i < N_STEPS && !the.h.over && the.n_streams < 1000;
	     i++) {
		h2_case_clear();
		step();
		check_all();
		check_window();
	}
	if (!the.h.over && !any(3)) {
		h2_case_frame(H2_GOAWAY, 0, 0, P("\0\0\0\x21\0\0\0\0"));
		check_all();
	}
	the.on_close = give_back;
	for (struct h2_case_stream *s; !the.h.over && (s = any_open());) {
		h2_reset(&the.h, &s->h2, H2_CANCEL);
		h2_case_turn();
		check_window();
	}
	h2_case_turn();
	check_all();
	ck_assert(!the.h.over || h2_is_over(&the.h));
	if (!the.h.over)
		ck_assert(list_empty(&the.h.due) && list_empty(&the.h.ready));
	h2_case_close();
}

/* Seeds of one test. */
#define N_RUNS 40

START_TEST(whatever_comes_the_books_of_a_server_agree)
{
	for (uint32_t i = 0; i < N_RUNS; i++) {
		seed = 1 + (uint32_t)_i * N_RUNS + i;
		run(true);
	}
}
END_TEST

START_TEST(whatever_comes_the_books_of_a_client_agree)
{
	for (uint32_t i = 0; i < N_RUNS; i++) {
		seed = 1 + (uint32_t)_i * N_RUNS + i;
		run(false);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("h2_random");
	TCase *t = tcase_create("h2_random");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, whatever_comes_the_books_of_a_server_agree, 0, 4);
	tcase_add_loop_test(t, whatever_comes_the_books_of_a_client_agree, 0, 4);
	suite_add_tcase(s, t);
	return run_suite(s);
}
