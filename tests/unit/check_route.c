#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runner.h"
#include "upstream/route.h"

static struct arena arena;
static struct route_conf confs[20000];
static unsigned int n_confs;
static struct routes *routes;

static void start(void)
{
	choose_system();
	arena_init(&arena, MEM_BOOT, 1024);
}

static void end(void)
{
	arena_fini(&arena);
}

static void add(const char *host, const char *prefix)
{
	confs[n_confs] =
		(struct route_conf){.host = host, .prefix = prefix, .index = n_confs};
	n_confs++;
}

static void build(void)
{
	const struct route_conf *clash;

	routes = routes_build(&arena, confs, n_confs, &clash);
	ck_assert_ptr_nonnull(routes);
	ck_assert_ptr_null(clash);
}

/* The index of the route that is found, or -1. */
static int find(const char *authority, const char *path)
{
	const struct route_conf *r = routes_find(routes, str_z(authority), str_z(path));

	return r ? (int)r->index : -1;
}

START_TEST(a_prefix_ends_at_a_segment)
{
	add(NULL, "/api");
	build();
	ck_assert_int_eq(find("h", "/api"), 0);
	ck_assert_int_eq(find("h", "/api/"), 0);
	ck_assert_int_eq(find("h", "/api/x/y"), 0);
	ck_assert_int_eq(find("h", "/api?q"), 0);
	ck_assert_int_eq(find("h", "/apix"), -1);
	ck_assert_int_eq(find("h", "/ap"), -1);
	ck_assert_int_eq(find("h", "/x/api"), -1);
	ck_assert_int_eq(find("h", "/"), -1);
	ck_assert_int_eq(find("h", "/API"), -1);
}
END_TEST

START_TEST(a_prefix_with_a_slash_is_for_what_is_below)
{
	add(NULL, "/api/");
	build();
	ck_assert_int_eq(find("h", "/api/"), 0);
	ck_assert_int_eq(find("h", "/api/x"), 0);
	ck_assert_int_eq(find("h", "/api/?q"), 0);
	ck_assert_int_eq(find("h", "/api"), -1);
	ck_assert_int_eq(find("h", "/api?q=/api/"), -1);
}
END_TEST

START_TEST(the_longest_prefix_wins)
{
	add(NULL, "/");
	add(NULL, "/a");
	add(NULL, "/a/b/c");
	add(NULL, "/a/b/");
	build();
	ck_assert_int_eq(find("h", "/"), 0);
	ck_assert_int_eq(find("h", "/x"), 0);
	ck_assert_int_eq(find("h", "/a"), 1);
	ck_assert_int_eq(find("h", "/a/b"), 1);
	ck_assert_int_eq(find("h", "/a/b/"), 3);
	ck_assert_int_eq(find("h", "/a/b/cc"), 3);
	ck_assert_int_eq(find("h", "/a/b/c"), 2);
	ck_assert_int_eq(find("h", "/a/b/c/d"), 2);
	ck_assert_int_eq(find("h", "/a/b?/c"), 1);
	ck_assert_int_eq(find("h", "//a"), 0);
}
END_TEST

START_TEST(the_most_specific_host_wins)
{
	add(NULL, "/");
	add("*.example.com", "/");
	add("*.a.example.com", "/");
	add("x.a.example.com", "/");
	build();
	ck_assert_int_eq(find("other", "/"), 0);
	ck_assert_int_eq(find("example.com", "/"), 0);
	ck_assert_int_eq(find("b.example.com", "/"), 1);
	ck_assert_int_eq(find("c.b.example.com", "/"), 1);
	ck_assert_int_eq(find("a.example.com", "/"), 1);
	ck_assert_int_eq(find("y.a.example.com", "/"), 2);
	ck_assert_int_eq(find("x.a.example.com", "/"), 3);
	ck_assert_int_eq(find("y.x.a.example.com", "/"), 2);
	ck_assert_int_eq(find("xexample.com", "/"), 0);
	ck_assert_int_eq(find("", "/"), 0);
}
END_TEST

START_TEST(a_host_without_a_fitting_prefix_passes_the_request_on)
{
	add(NULL, "/any");
	add("*.example.com", "/suffix");
	add("www.example.com", "/exact");
	build();
	ck_assert_int_eq(find("www.example.com", "/exact"), 2);
	ck_assert_int_eq(find("www.example.com", "/suffix"), 1);
	ck_assert_int_eq(find("www.example.com", "/any"), 0);
	ck_assert_int_eq(find("www.example.com", "/none"), -1);
	ck_assert_int_eq(find("ftp.example.com", "/exact"), -1);
}
END_TEST

START_TEST(case_port_and_dot_of_the_host_do_not_matter)
{
	add("www.example.com", "/");
	add("*.example.org", "/");
	build();
	ck_assert_int_eq(find("WWW.Example.COM", "/"), 0);
	ck_assert_int_eq(find("www.example.com:8443", "/"), 0);
	ck_assert_int_eq(find("www.example.com.", "/"), 0);
	ck_assert_int_eq(find("www.example.com.:80", "/"), 0);
	ck_assert_int_eq(find("A.EXAMPLE.ORG:1", "/"), 1);
	ck_assert_int_eq(find("www.example.com.evil", "/"), -1);
	ck_assert_int_eq(find(".", "/"), -1);
	ck_assert_int_eq(find(":80", "/"), -1);
}
END_TEST

START_TEST(an_ipv6_host_is_found_with_and_without_brackets)
{
	add("[::1]", "/");
	add("2001:db8::2", "/");
	build();
	ck_assert_int_eq(find("[::1]", "/"), 0);
	ck_assert_int_eq(find("[::1]:8443", "/"), 0);
	ck_assert_int_eq(find("[2001:DB8::2]:1", "/"), 1);
	ck_assert_int_eq(find("[::2]:8443", "/"), -1);
	ck_assert_int_eq(find("[::1", "/"), -1);
	ck_assert_int_eq(find("[]", "/"), -1);
}
END_TEST

START_TEST(a_request_without_a_path_is_for_the_host)
{
	add("h", "/");
	add("h", "/x");
	build();
	ck_assert_int_eq(find("h", "*"), 0);
	ck_assert_int_eq(find("h", ""), 0);
}
END_TEST

START_TEST(no_routes_find_nothing)
{
	build();
	ck_assert_int_eq(find("h", "/"), -1);
}
END_TEST

START_TEST(equal_routes_are_told)
{
	const struct route_conf *clash = NULL;

	add("a.example", "/x");
	add("b.example", "/x");
	add("A.EXAMPLE", "/x");
	ck_assert_ptr_null(routes_build(&arena, confs, n_confs, &clash));
	ck_assert_ptr_eq(clash, &confs[2]);
	n_confs = 2;
	add("*.a.example", "/x"); /* not the same as a.example */
	build();
}
END_TEST

START_TEST(without_memory_there_is_no_table_and_no_clash)
{
	char spec[32], err[128];
	const struct route_conf *clash = &confs[0];

	snprintf(spec, sizeof(spec), "system+fail=%d,regions=heap", _i);
	ck_assert_msg(mem_choose(spec, err, sizeof(err)) == 0, "%s", err);
	arena_init(&arena, MEM_BOOT, 1024);
	add("a", "/");
	add("b", "/");
	ck_assert_ptr_null(routes_build(&arena, confs, n_confs, &clash));
	ck_assert_ptr_null(clash);
	arena_fini(&arena);
	ck_assert_uint_eq(mem_live(mem_counters(), MEM_BOOT), 0);
}
END_TEST

/* --- against a slow but plain answer --------------------------------- */

static bool host_fits(const char *host, const char *name, int *rank)
{
	size_t h, n = strlen(name);

	if (!host) {
		*rank = 0;
		return true;
	}
	h = strlen(host);
	if (strncmp(host, "*.", 2) != 0) {
		*rank = 1000;
		return strcmp(host, name) == 0;
	}
	*rank = (int)h;
	return n > h - 1 && strcmp(name + n - (h - 1), host + 1) == 0;
}

static bool prefix_fits(const char *prefix, const char *path)
{
	size_t n = strlen(prefix);

	if (strncmp(prefix, path, n) != 0)
		return false;
	return prefix[n - 1] == '/' || path[n] == '/' || path[n] == '\0';
}

static int find_plainly(const char *name, const char *path)
{
	int best = -1, best_rank = -1, rank;
	size_t best_len = 0;

	for (unsigned int i = 0; i < n_confs; i++) {
		size_t len = strlen(confs[i].prefix);

		if (!host_fits(confs[i].host, name, &rank) ||
		    !prefix_fits(confs[i].prefix, path))
			continue;
		if (rank > best_rank || (rank == best_rank && len > best_len)) {
			best = (int)i;
			best_rank = rank;
			best_len = len;
		}
	}
	return best;
}

static char *random_words(char sep, int max, bool lead)
{
	static const char *const words[] = {"a", "b", "aa", "ab"};
	int n = rand() % (max + 1);
	char *to = arena_alloc(&arena, 64);

	to[0] = '\0';
	for (int i = 0; i < n; i++) {
		char word[8];

		snprintf(word, sizeof(word), "%s%c", words[rand() % 4], sep);
		strcat(to, word);
	}
	if (lead) { /* "/a/b/" or "/a/b" */
		memmove(to + 1, to, strlen(to) + 1);
		to[0] = sep;
	}
	if (to[0] && to[1] && (!lead || rand() % 2))
		to[strlen(to) - 1] = '\0';
	return to;
}

static bool is_new(const char *host, const char *prefix)
{
	for (unsigned int i = 0; i < n_confs; i++)
		if (!confs[i].host == !host && strcmp(confs[i].prefix, prefix) == 0 &&
		    (!host || strcmp(confs[i].host, host) == 0))
			return false;
	return true;
}

static char *random_host(void)
{
	char *host = random_words('.', 3, false);

	if (!host[0])
		return NULL;
	if (rand() % 2) {
		memmove(host + 2, host, strlen(host) + 1);
		host[0] = '*';
		host[1] = '.';
	}
	return host;
}

START_TEST(the_answer_is_that_of_a_search_through_all)
{
	srand((unsigned int)_i);
	for (int i = 0; i < 60; i++) {
		char *host = random_host(), *prefix = random_words('/', 3, true);

		if (is_new(host, prefix))
			add(host, prefix);
	}
	build();
	for (int i = 0; i < 3000; i++) {
		char *name = random_words('.', 5, false);
		char *path = random_words('/', 5, true);

		ck_assert_msg(find(name, path) == find_plainly(name, path),
			      "%s %s: %d, not %d", name, path, find(name, path),
			      find_plainly(name, path));
	}
}
END_TEST

/* --- cost ------------------------------------------------------------ */

static double ns_per_find(void)
{
	struct timespec from, to;
	double best = 1e9;

	for (int round = 0; round < 20; round++) {
		double ns;

		clock_gettime(CLOCK_MONOTONIC, &from);
		for (int i = 0; i < 500; i++)
			ck_assert_int_ge(find("h5.example.com:8443", "/p5/a/b/c?d=e"),
					 0);
		clock_gettime(CLOCK_MONOTONIC, &to);
		ns = (double)(to.tv_sec - from.tv_sec) * 1e9 +
		     (double)(to.tv_nsec - from.tv_nsec);
		best = ns < best ? ns : best;
	}
	return best / 500;
}

START_TEST(ten_thousand_routes_cost_what_ten_do)
{
	double few, many;
	uint64_t allocs;

	for (int i = 0; i < 10; i++)
		add(arena_printf(&arena, "h%d.example.com", i),
		    arena_printf(&arena, "/p%d", i));
	build();
	few = ns_per_find();
	for (int i = 10; i < 10000; i++)
		add(arena_printf(&arena, "h%d.example.com", i),
		    arena_printf(&arena, "/p%d", i));
	build();
	allocs = mem_counters()->tag[MEM_BOOT].allocs;
	many = ns_per_find();
	ck_assert_uint_eq(mem_counters()->tag[MEM_BOOT].allocs, allocs);
	/* going through all would be about 1,000 times as slow */
	ck_assert_msg(many < 20 * few, "%f ns, then %f ns", few, many);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("route");
	TCase *t = tcase_create("finding");
	TCase *oom = tcase_create("without memory");

	tcase_add_checked_fixture(t, start, end);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_prefix_ends_at_a_segment);
	tcase_add_test(t, a_prefix_with_a_slash_is_for_what_is_below);
	tcase_add_test(t, the_longest_prefix_wins);
	tcase_add_test(t, the_most_specific_host_wins);
	tcase_add_test(t, a_host_without_a_fitting_prefix_passes_the_request_on);
	tcase_add_test(t, case_port_and_dot_of_the_host_do_not_matter);
	tcase_add_test(t, an_ipv6_host_is_found_with_and_without_brackets);
	tcase_add_test(t, a_request_without_a_path_is_for_the_host);
	tcase_add_test(t, no_routes_find_nothing);
	tcase_add_test(t, equal_routes_are_told);
	tcase_add_loop_test(t, the_answer_is_that_of_a_search_through_all, 1, 6);
	tcase_add_test(t, ten_thousand_routes_cost_what_ten_do);
	suite_add_tcase(s, t);
	tcase_set_timeout(oom, 60);
	tcase_add_loop_test(oom, without_memory_there_is_no_table_and_no_clash, 1, 6);
	suite_add_tcase(s, oom);
	return run_suite(s);
}
