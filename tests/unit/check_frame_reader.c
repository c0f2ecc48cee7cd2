/*
 * What a server sends, cut into frames, however it comes.
 */
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <string.h>

#include "lab/frame_reader.h"
#include "runner.h"

/* An empty SETTINGS, a padded HEADERS with priority, a padded DATA of "abc", a
 * plain one of "de" that ends the stream, an empty one, a PING. */
static const char stream[] = "\0\0\0\x04\0\0\0\0\0"
			     "\0\0\x0b\x01\x2c\0\0\0\1"
			     "\2xxxxxhed\0\0"
			     "\0\0\6\0\x08\0\0\0\1"
			     "\2abc\0\0"
			     "\0\0\2\0\1\0\0\0\1de"
			     "\0\0\0\0\1\x80\0\0\3"
			     "\0\0\x08\x06\0\0\0\0\0pingpong";

static char said[256]; /* what was read, as text */

static void note(const struct frame *f)
{
	size_t n = strlen(said);

	snprintf(said + n, sizeof(said) - n, "%.*s%s", (int)f->n, (const char *)f->p,
		 f->ends ? (f->flags & NGHTTP2_FLAG_END_STREAM ? "!" : ".") : "");
}

static enum frame_result feed(struct frame_reader *r, const char *p, size_t len)
{
	enum frame_result got;
	struct frame f;

	while ((got = frame_reader_take(r, &p, &len, &f)) == FRAME_GOT)
		note(&f);
	return got;
}

START_TEST(however_it_is_cut_it_is_the_same)
{
	const size_t len = sizeof(stream) - 1;

	for (size_t i = 0; i <= len; i++) {
		for (size_t j = i; j <= len; j++) {
			struct frame_reader r;

			said[0] = '\0';
			frame_reader_init(&r);
			ck_assert_int_eq(feed(&r, stream, i), FRAME_MORE);
			ck_assert_int_eq(feed(&r, stream + i, j - i), FRAME_MORE);
			ck_assert_int_eq(feed(&r, stream + j, len - j), FRAME_MORE);
			ck_assert_str_eq(said, ".hed.abc.de!!pingpong.");
			frame_reader_fini(&r);
		}
	}
}
END_TEST

START_TEST(a_frame_tells_its_head)
{
	const char *p = stream + 9;
	size_t len = 20;
	struct frame_reader r;
	struct frame f;

	frame_reader_init(&r);
	ck_assert_int_eq(frame_reader_take(&r, &p, &len, &f), FRAME_GOT);
	ck_assert_uint_eq(f.type, NGHTTP2_HEADERS);
	ck_assert_uint_eq(f.flags, 0x2c);
	ck_assert_uint_eq(f.id, 1);
	ck_assert_uint_eq(f.len, 11);
	ck_assert_uint_eq(len, 0);
	frame_reader_fini(&r);
}
END_TEST

START_TEST(what_no_frame_may_be_is_bad)
{
	static const struct {
		const char *p;
		size_t len;
	} bad[] = {
		{"\0\x40\1\0\0\0\0\0\1", 9},     /* 16,385 bytes */
		{"\0\0\0\0\x08\0\0\0\1", 9},     /* no Pad Length */
		{"\0\0\2\0\x08\0\0\0\1\2a", 11}, /* more padding than bytes */
		{"\0\0\0\1\x08\0\0\0\1", 9},     /* the same of HEADERS */
		{"\0\0\2\1\x08\0\0\0\1\2a", 11},
		{"\0\0\4\1\x20\0\0\0\1xxxx", 13}, /* half a priority */
		{"\0\0\7\1\x28\0\0\0\1\2xxxxxa", 16},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct frame_reader r;

		frame_reader_init(&r);
		ck_assert_msg(feed(&r, bad[i].p, bad[i].len) == FRAME_BAD, "%zu", i);
		frame_reader_fini(&r);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("frame_reader");
	TCase *t = tcase_create("frames");

	tcase_add_checked_fixture(t, choose_system, NULL);
	tcase_add_test(t, however_it_is_cut_it_is_the_same);
	tcase_add_test(t, a_frame_tells_its_head);
	tcase_add_test(t, what_no_frame_may_be_is_bad);
	suite_add_tcase(s, t);
	return run_suite(s);
}
