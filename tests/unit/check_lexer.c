/*
 * Words, variables and includes.
 */
#include <check.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "conf/lexer.h"
#include "conf_try.h"
#include "runner.h"

/* Tokens of a text as one string: words in <>, and { } . for the rest, where
 * "." ends a statement and "!" is what cannot be. */
static const char *tokens(const char *text)
{
	static char out[1024];
	struct source source = {.name = "t", .dir = "", .text = str_z(text)};
	struct lexer l;
	struct token t;
	size_t at = 0;

	lexer_init(&l, &source);
	for (lexer_next(&l, &t); t.kind != TOKEN_EOF; lexer_next(&l, &t)) {
		static const char marks[] = {[TOKEN_OPEN] = '{',
					     [TOKEN_CLOSE] = '}',
					     [TOKEN_END] = '.',
					     [TOKEN_BAD] = '!'};

		if (t.kind == TOKEN_WORD)
			at += (size_t)snprintf(out + at, sizeof(out) - at, "<%.*s>",
					       STR_ARG(t.raw));
		else
			out[at++] = marks[t.kind];
	}
	out[at] = '\0';
	return out;
}

START_TEST(newline_and_semicolon_end_a_statement)
{
	ck_assert_str_eq(tokens("a b\nc;d"), "<a><b>.<c>.<d>");
	ck_assert_str_eq(tokens("a\r\nb\r\n"), "<a>.<b>.");
}
END_TEST

START_TEST(braces_need_no_blanks_around_them)
{
	ck_assert_str_eq(tokens("a{b 1;c 2}d"), "<a>{<b><1>.<c><2>}<d>");
}
END_TEST

START_TEST(hash_starts_a_comment_only_at_the_start_of_a_word)
{
	ck_assert_str_eq(tokens("a # b { ; \"\nc#d"), "<a>.<c#d>");
	ck_assert_str_eq(tokens("#"), "");
}
END_TEST

START_TEST(backslash_at_the_end_of_a_line_joins_the_next)
{
	ck_assert_str_eq(tokens("a \\\n b\\\nc"), "<a><b><c>");
	ck_assert_str_eq(tokens("a \\\r\n b"), "<a><b>");
	ck_assert_str_eq(tokens("a \\"), "<a><\\>");
}
END_TEST

START_TEST(quotes_and_variables_keep_their_word_together)
{
	ck_assert_str_eq(tokens("\"a b;{}#\" c=\"d e\""), "<\"a b;{}#\"><c=\"d e\">");
	ck_assert_str_eq(tokens("x${A:-b c;}y z"), "<x${A:-b c;}y><z>");
	ck_assert_str_eq(tokens("\"a\\\"b\" c"), "<\"a\\\"b\"><c>");
	ck_assert_str_eq(tokens("\"${A:-\"}\" c"), "<\"${A:-\"}\"><c>");
}
END_TEST

START_TEST(what_cannot_be_a_word_skips_the_rest_of_its_line)
{
	ck_assert_str_eq(tokens("a \"b\nc"), "<a>!.<c>");
	ck_assert_str_eq(tokens("a ${b\nc"), "<a>!.<c>");
	ck_assert_str_eq(tokens("a \x01 d\nc"), "<a>!.<c>");
	ck_assert_str_eq(tokens("\"a\\"), "!");
}
END_TEST

START_TEST(a_byte_order_mark_is_skipped)
{
	ck_assert_str_eq(tokens("\xEF\xBB\xBF"
				"a"),
			 "<a>");
}
END_TEST

START_TEST(tokens_know_their_line_and_column)
{
	struct source source = {.name = "t", .text = STR("a\n\t\\\n bc  dé f")};
	static const unsigned int want[][3] = {
		{1, 1, 1}, {1, 2, 1}, {3, 2, 2}, {3, 6, 3}, {3, 10, 1}};
	struct lexer l;
	struct token t;

	lexer_init(&l, &source);
	for (size_t i = 0; i < 5; i++) {
		lexer_next(&l, &t);
		ck_assert_uint_eq(t.at.line, want[i][0]);
		ck_assert_uint_eq(t.at.col, want[i][1]);
		ck_assert_uint_eq(t.at.width, want[i][2]);
	}
	lexer_next(&l, &t);
	ck_assert_int_eq(t.kind, TOKEN_EOF);
}
END_TEST

START_TEST(a_key_is_what_stands_unquoted_before_an_equals_sign)
{
	ck_assert_uint_eq(word_key_len(STR("cert=a")), 4);
	ck_assert_uint_eq(word_key_len(STR("a_1=")), 3);
	ck_assert_uint_eq(word_key_len(STR("=a")), 0);
	ck_assert_uint_eq(word_key_len(STR("/a=b")), 0);
	ck_assert_uint_eq(word_key_len(STR("\"a=b\"")), 0);
	ck_assert_uint_eq(word_key_len(STR("${A}=b")), 0);
	ck_assert_uint_eq(word_key_len(STR("debug+fail=3")), 0);
	ck_assert_uint_eq(word_key_len(STR("abc")), 0);
}
END_TEST

/* --- words --------------------------------------------------------------- */

static char said[1024];

/* What a word means; NULL and said[] when it means nothing. */
static const char *meaning(const char *raw)
{
	static char out[256];
	struct source source = {.name = "t", .text = str_z(raw)};
	struct place at = {.source = &source, .line = 1, .col = 1, .width = 1};
	struct arena arena;
	jmp_buf no_memory;
	struct room room = {&arena, &no_memory};
	FILE *to = fmemopen(said, sizeof(said), "w");
	struct report report;
	const char *text;

	said[0] = '\0';
	arena_init(&arena, MEM_BOOT, 256);
	report_init(&report, to);
	ck_assert_int_eq(setjmp(no_memory), 0);
	text = word_expand(str_z(raw), &at, &room, &report);
	snprintf(out, sizeof(out), "%s", text ? text : "");
	arena_fini(&arena);
	fclose(to);
	return text ? out : NULL;
}

START_TEST(quotes_are_taken_off)
{
	ck_assert_str_eq(meaning("\"a b\""), "a b");
	ck_assert_str_eq(meaning("a\"b c\"d"), "ab cd");
	ck_assert_str_eq(meaning("\"\\\"\\\\\\$\""), "\"\\$");
	ck_assert_str_eq(meaning("\"\""), "");
	ck_assert_str_eq(meaning("a\\b"), "a\\b");
	ck_assert_str_eq(meaning("$a$"), "$a$");
}
END_TEST

START_TEST(an_unknown_escape_is_an_error)
{
	ck_assert_ptr_null(meaning("\"a\\nb\""));
	ck_assert_ptr_nonnull(strstr(said, "t:1:3: error: unknown escape \"\\n\""));
}
END_TEST

START_TEST(variables_are_put_in)
{
	setenv("TRY_A", "one two; { # \"", 1);
	setenv("TRY_EMPTY", "", 1);
	unsetenv("TRY_NONE");
	ck_assert_str_eq(meaning("${TRY_A}"), "one two; { # \"");
	ck_assert_str_eq(meaning("x\"${TRY_A}\"y"), "xone two; { # \"y");
	ck_assert_str_eq(meaning("${TRY_EMPTY}"), "");
	ck_assert_str_eq(meaning("${TRY_EMPTY:-d}"), "d");
	ck_assert_str_eq(meaning("${TRY_NONE:-}"), "");
	ck_assert_str_eq(meaning("${TRY_NONE:-a b}"), "a b");
	ck_assert_str_eq(meaning("${TRY_A:?no}"), "one two; { # \"");
	ck_assert_str_eq(meaning("\"\\${TRY_A}\""), "${TRY_A}");
}
END_TEST

START_TEST(a_variable_is_not_expanded_twice)
{
	setenv("TRY_A", "${TRY_B}", 1);
	setenv("TRY_B", "b", 1);
	ck_assert_str_eq(meaning("${TRY_A}"), "${TRY_B}");
}
END_TEST

START_TEST(a_variable_that_is_missing_is_an_error)
{
	unsetenv("TRY_NONE");
	ck_assert_ptr_null(meaning("ab${TRY_NONE}"));
	ck_assert_str_eq(
		said, "t:1:3: error: the environment variable TRY_NONE is not "
		      "set\n"
		      "    1 | ab${TRY_NONE}\n"
		      "      |   ^~~~~~~~~~~\n"
		      "      hint: ${TRY_NONE:-default} would stand for a default\n");
	ck_assert_ptr_null(meaning("${TRY_NONE:?say where it is}"));
	ck_assert_ptr_nonnull(strstr(said, "error: TRY_NONE: say where it is\n"));
	ck_assert_ptr_null(meaning("${TRY_NONE:?}"));
	ck_assert_ptr_nonnull(strstr(said, "TRY_NONE is not set"));
	setenv("TRY_EMPTY", "", 1);
	ck_assert_ptr_null(meaning("${TRY_EMPTY:?}"));
	ck_assert_ptr_nonnull(strstr(said, "TRY_EMPTY is empty"));
}
END_TEST

START_TEST(what_is_no_variable_is_an_error)
{
	static const char *const bad[] = {"${}",    "${1A}",  "${A-b}",
					  "${A:b}", "${A B}", "${:-x}"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_ptr_null(meaning(bad[i]));
		ck_assert_ptr_nonnull(strstr(said, "no variable is named"));
	}
}
END_TEST

START_TEST(a_variable_with_control_characters_is_an_error)
{
	setenv("TRY_A", "a\nb", 1);
	ck_assert_ptr_null(meaning("${TRY_A}"));
	ck_assert_ptr_nonnull(strstr(said, "TRY_A holds a control character"));
}
END_TEST

START_TEST(a_printed_word_means_what_it_meant)
{
	static const char *const texts[] = {"a",       "a b", "",    "a\"b",   "a\\b",
					    "${A}",    "#a",  "a;b", "{",      "a=b",
					    "/a/b:80", "*.x", "é",   "\\\"$\\"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char word[64];
		FILE *to = fmemopen(word, sizeof(word), "w");

		word_print(texts[i], to);
		fclose(to);
		ck_assert_str_eq(meaning(word), texts[i]);
		ck_assert_uint_eq(word_key_len(str_z(word)), 0);
	}
}
END_TEST

START_TEST(variables_never_make_new_words_or_keys)
{
	struct try t;

	setenv("TRY_A", "tls cert=x", 1);
	try_text(&t, "upstream u { server 127.0.0.1:1 }\nroute / u\n"
		     "listen 127.0.0.1:80 ${TRY_A}");
	ck_assert_str_eq(t.errors,
			 "t.conf:3:21: error: unknown word \"tls cert=x\" of listen\n"
			 "    3 | listen 127.0.0.1:80 ${TRY_A}\n"
			 "      |                     ^~~~~~~~\n"
			 "      hint: usage: listen ADDR [tls] [cert=FILE] [key=FILE] "
			 "[backlog=N] [min_version=1.2|1.3] [ciphers=TEXT] "
			 "[suites=TEXT] [h1=on|off] [h2=on|off] [tickets=on|off] "
			 "[release_buffers=on|off] [{ ... }]\n");
	try_end(&t);
}
END_TEST

/* --- nearest words ------------------------------------------------------- */

START_TEST(typing_errors_find_the_word_that_was_meant)
{
	static const char *const words[] = {"server", "balance", "streams",
					    "idle",   "check",   NULL};

	ck_assert_str_eq(nearest_word("serevr", words), "server");
	ck_assert_str_eq(nearest_word("servers", words), "server");
	ck_assert_str_eq(nearest_word("ballance", words), "balance");
	ck_assert_str_eq(nearest_word("stream", words), "streams");
	ck_assert_str_eq(nearest_word("idel", words), "idle");
	ck_assert_ptr_null(nearest_word("listen", words));
	ck_assert_ptr_null(nearest_word("x", words));
	ck_assert_ptr_null(nearest_word("", words));
	ck_assert_ptr_null(
		nearest_word("a-word-much-longer-than-any-directive", words));
}
END_TEST

/* --- includes ------------------------------------------------------------ */

START_TEST(includes_are_relative_to_the_file_they_stand_in)
{
	struct try t;

	try_dir_new();
	try_write("main.conf", "include sub/a.conf\n" REST);
	ck_assert_int_eq(mkdir(try_path("sub"), 0700), 0);
	try_write("sub/a.conf", "include b.conf; pid_file a.pid");
	try_write("sub/b.conf", "via b");
	try_file(&t, try_path("main.conf"));
	ck_assert_str_eq(t.errors, "");
	ck_assert_str_eq(t.s->via, "b");
	ck_assert_str_eq(t.s->pid_file, try_path("sub/a.pid"));
	try_end(&t);
	try_dir_free();
}
END_TEST

START_TEST(a_pattern_includes_all_it_matches_in_order_or_nothing)
{
	struct try t;

	try_dir_new();
	try_write("main.conf", "include none*.conf\n"
			       "listen 127.0.0.1:80; route / u\n"
			       "upstream u { include s*.conf }\n");
	try_write("s2.conf", "server 127.0.0.2:2");
	try_write("s1.conf", "server 127.0.0.1:1\n");
	try_file(&t, try_path("main.conf"));
	ck_assert_str_eq(t.errors, "");
	ck_assert_uint_eq(t.s->upstreams[0].n_servers, 2);
	ck_assert_str_eq(t.s->upstreams[0].servers[0].text, "127.0.0.1:1");
	ck_assert_str_eq(t.s->upstreams[0].servers[1].text, "127.0.0.2:2");
	try_end(&t);
	try_dir_free();
}
END_TEST

START_TEST(errors_in_an_included_file_say_who_includes_it)
{
	struct try t;
	char want[1024];

	try_dir_new();
	try_write("main.conf", REST "include a.conf\n");
	try_write("a.conf", "\nviaa x\n");
	try_file(&t, try_path("main.conf"));
	snprintf(want, sizeof(want),
		 "in a file included from %s/main.conf:4:\n"
		 "%s/a.conf:2:1: error: unknown directive \"viaa\"; did you mean "
		 "\"via\"?\n"
		 "    2 | viaa x\n"
		 "      | ^~~~\n",
		 try_dir, try_dir);
	ck_assert_str_eq(t.errors, want);
	try_end(&t);
	try_dir_free();
}
END_TEST

START_TEST(an_included_file_that_is_missing_is_an_error_at_its_line)
{
	struct try t;
	char want[1024];

	try_dir_new();
	try_write("main.conf", REST "\tinclude none.conf\n");
	try_file(&t, try_path("main.conf"));
	snprintf(want, sizeof(want),
		 "%s/main.conf:4:10: error: cannot read %s/none.conf: No such file or "
		 "directory\n"
		 "    4 | \tinclude none.conf\n"
		 "      | \t        ^~~~~~~~~\n",
		 try_dir, try_dir);
	ck_assert_str_eq(t.errors, want);
	try_end(&t);
	try_dir_free();
}
END_TEST

START_TEST(a_file_cannot_include_itself)
{
	struct try t;

	try_dir_new();
	try_write("a.conf", REST "include b.conf\n");
	try_write("b.conf", "include ./a.conf\n");
	try_file(&t, try_path("a.conf"));
	ck_assert_ptr_null(t.s);
	ck_assert_ptr_nonnull(strstr(t.errors, "/b.conf:1:9: error: cannot read"));
	ck_assert_ptr_nonnull(strstr(t.errors, "it includes itself"));
	try_end(&t);
	try_dir_free();
}
END_TEST

START_TEST(a_file_may_be_included_twice_side_by_side)
{
	struct try t;

	try_dir_new();
	try_write("a.conf", "listen 127.0.0.1:80\nroute / u; route /v v\n"
			    "upstream u { include s.conf }\n"
			    "upstream v { include s.conf }\n");
	try_write("s.conf", "server 127.0.0.1:1");
	try_file(&t, try_path("a.conf"));
	ck_assert_str_eq(t.errors, "");
	ck_assert_uint_eq(t.s->n_servers, 2);
	try_end(&t);
	try_dir_free();
}
END_TEST

START_TEST(includes_end_at_a_depth)
{
	struct try t;

	try_dir_new();
	for (int i = 0; i < 20; i++) {
		char name[32], text[48];

		snprintf(name, sizeof(name), "%d.conf", i);
		snprintf(text, sizeof(text), "include %d.conf\n", i + 1);
		try_write(name, text);
	}
	try_file(&t, try_path("0.conf"));
	ck_assert_ptr_nonnull(strstr(
		t.errors, "/15.conf:1:1: error: includes nested more than 16 deep"));
	try_end(&t);
	try_dir_free();
}
END_TEST

START_TEST(only_regular_files_are_included)
{
	struct try t;

	try_text(&t, REST "include /dev/zero\ninclude /\n");
	ck_assert_ptr_nonnull(strstr(t.errors, "/dev/zero: not a regular file"));
	ck_assert_ptr_nonnull(strstr(t.errors, "cannot read /: it is a directory"));
	try_end(&t);
}
END_TEST

START_TEST(include_takes_one_path)
{
	struct try t;

	try_text(&t, REST "include\ninclude a b\ninclude \"\"\ninclude a {}\n");
	for (int line = 4; line <= 7; line++) {
		char want[128];

		snprintf(want, sizeof(want),
			 "t.conf:%d:1: error: include takes one path or pattern", line);
		ck_assert_ptr_nonnull(strstr(t.errors, want));
	}
	try_end(&t);
}
END_TEST

START_TEST(a_brace_closes_only_what_its_own_file_opened)
{
	struct try t;

	try_dir_new();
	try_write("a.conf", "upstream u { include b.conf }\n");
	try_write("b.conf", "server 127.0.0.1:1 }\n");
	try_file(&t, try_path("a.conf"));
	ck_assert_ptr_nonnull(
		strstr(t.errors, "b.conf:1:20: error: \"}\" closes nothing"));
	try_end(&t);
	try_dir_free();
}
END_TEST

START_TEST(a_config_that_cannot_be_read_is_one_error)
{
	struct try t;

	try_file(&t, "/nowhere/h.conf");
	ck_assert_str_eq(t.errors, "/nowhere/h.conf: error: cannot read the config: No "
				   "such file or directory\n");
	try_file(&t, "/");
	ck_assert_str_eq(t.errors,
			 "/: error: cannot read the config: it is a directory\n");
}
END_TEST

static Suite *lexer_suite(void)
{
	Suite *s = suite_create("lexer");
	TCase *words = tcase_create("words");
	TCase *files = tcase_create("files");

	tcase_add_checked_fixture(words, choose_system, NULL);
	tcase_add_checked_fixture(files, choose_system, NULL);
	tcase_add_test(words, newline_and_semicolon_end_a_statement);
	tcase_add_test(words, braces_need_no_blanks_around_them);
	tcase_add_test(words, hash_starts_a_comment_only_at_the_start_of_a_word);
	tcase_add_test(words, backslash_at_the_end_of_a_line_joins_the_next);
	tcase_add_test(words, quotes_and_variables_keep_their_word_together);
	tcase_add_test(words, what_cannot_be_a_word_skips_the_rest_of_its_line);
	tcase_add_test(words, a_byte_order_mark_is_skipped);
	tcase_add_test(words, tokens_know_their_line_and_column);
	tcase_add_test(words, a_key_is_what_stands_unquoted_before_an_equals_sign);
	tcase_add_test(words, quotes_are_taken_off);
	tcase_add_test(words, an_unknown_escape_is_an_error);
	tcase_add_test(words, variables_are_put_in);
	tcase_add_test(words, a_variable_is_not_expanded_twice);
	tcase_add_test(words, a_variable_that_is_missing_is_an_error);
	tcase_add_test(words, what_is_no_variable_is_an_error);
	tcase_add_test(words, a_variable_with_control_characters_is_an_error);
	tcase_add_test(words, a_printed_word_means_what_it_meant);
	tcase_add_test(words, variables_never_make_new_words_or_keys);
	tcase_add_test(words, typing_errors_find_the_word_that_was_meant);
	tcase_add_test(files, includes_are_relative_to_the_file_they_stand_in);
	tcase_add_test(files, a_pattern_includes_all_it_matches_in_order_or_nothing);
	tcase_add_test(files, errors_in_an_included_file_say_who_includes_it);
	tcase_add_test(files, an_included_file_that_is_missing_is_an_error_at_its_line);
	tcase_add_test(files, a_file_cannot_include_itself);
	tcase_add_test(files, a_file_may_be_included_twice_side_by_side);
	tcase_add_test(files, includes_end_at_a_depth);
	tcase_add_test(files, only_regular_files_are_included);
	tcase_add_test(files, include_takes_one_path);
	tcase_add_test(files, a_brace_closes_only_what_its_own_file_opened);
	tcase_add_test(files, a_config_that_cannot_be_read_is_one_error);
	suite_add_tcase(s, words);
	suite_add_tcase(s, files);
	return s;
}

int main(void)
{
	return run_suite(lexer_suite());
}
