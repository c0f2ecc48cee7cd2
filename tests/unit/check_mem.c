#include "allocators/mem.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "allocators/memcheck.h"
#include "backends.h"

START_TEST(before_a_choice_every_allocation_fails)
{
	ck_assert_ptr_null(mem_alloc(MEM_BOOT, 1));
	ck_assert_ptr_null(mem_zalloc(MEM_CONN, 1, 1));
	ck_assert_ptr_null(mem_strdup(MEM_CONN, "x"));
	ck_assert_uint_eq(mem_counters()->tag[MEM_CONN].failures, 2);
	ck_assert_uint_eq(mem_counters()->tag[MEM_CONN].allocs, 0);
	mem_free(MEM_BOOT, NULL);
}
END_TEST

START_TEST(before_a_choice_a_free_aborts)
{
	char c;

	mem_free(MEM_BOOT, &c);
}
END_TEST

START_TEST(a_second_choice_is_refused)
{
	char err[200];

	backends_choose_spec("system");
	ck_assert_int_eq(mem_choose("hybrid", err, sizeof(err)), -1);
	ck_assert_ptr_nonnull(strstr(err, "chosen already"));
	ck_assert_str_eq(mem_info()->name, "system");
}
END_TEST

static const char *const good_specs[] = {
	"system",
	"hybrid,hardening=3,decay=10s",
	"hybrid+debug",
	"system+fail=7",
	"system+fail=every=100+debug",
	"system+fail=rate=0.01",
	"jemalloc,dirty_decay_ms=-1,background_thread=on",
	"jemalloc,profile=tuned",
	"tcmalloc,max_total_thread_cache=4m,regions=bump",
	"/usr/lib/libstdc++.so.6,prefix=my_",
	"/no/such+debugger/lib.so+debug",
	"system,trim_threshold=128k,profile=default",
	"system+bloat=10%",
	"/usr/lib/a+b.so+bloat=2.5%",
};

START_TEST(a_good_spec_is_accepted_without_loading)
{
	char err[200] = "";

	ck_assert_msg(mem_check_spec(good_specs[_i], err, sizeof(err)) == 0, "%s: %s",
		      good_specs[_i], err);
	ck_assert_str_eq(mem_info()->name, "");
}
END_TEST

static const struct {
	const char *spec;
	const char *says;
} bad_specs[] = {
	{"", "unknown allocator \"\""},
	{"jemallo", "jemalloc mimalloc tcmalloc hybrid or an absolute"},
	{"lib.so", "unknown allocator"},
	{"system+", "must follow"},
	{"system+trac", "unknown wrapper \"trac\""},
	{"system+fail", "unknown wrapper"},
	{"system+fail=", "wrapper fail"},
	{"system+fail=0", "wrapper fail"},
	{"system+fail=-3", "wrapper fail"},
	{"system+fail=3x", "wrapper fail"},
	{"system+fail=every=0", "wrapper fail"},
	{"system+fail=rate=1.5", "wrapper fail"},
	{"system+fail=rate=", "wrapper fail"},
	{"system+bloat=10", "wrapper bloat: \"10\" is not P%, from 1% to 100%"},
	{"system+bloat=0%", "wrapper bloat"},
	{"system+bloat=101%", "wrapper bloat"},
	{"system+bloat=nan%", "wrapper bloat"},
	{"system+bloat=%", "wrapper bloat"},
	{"system,hardening=1", "no key \"hardening\"; it takes regions"},
	{"system,prefix=je_", "no key \"prefix\""},
	{"hybrid,hardening=4", "hardening=4: 0 none"},
	{"hybrid,hardening=", "hardening=:"},
	{"hybrid,hardening", "is not key=value"},
	{"hybrid,decay=5m", "decay=5m: seconds"},
	{"hybrid,decay=99999999999999999999", "decay="},
	{"hybrid,regions=slab", "bump or heap"},
	{"hybrid,profile=fast", "default or tuned"},
	{"jemalloc,background_thread=maybe", "background_thread=maybe"},
	{"tcmalloc,max_total_thread_cache=1k", "512k to 1g"},
	{"tcmalloc,max_total_thread_cache=9999999999g", "512k to 1g"},
};

START_TEST(a_bad_spec_is_refused_with_the_reason)
{
	char err[300] = "";

	ck_assert_int_eq(mem_check_spec(bad_specs[_i].spec, err, sizeof(err)), -1);
	ck_assert_msg(strstr(err, bad_specs[_i].says), "%s: %s", bad_specs[_i].spec,
		      err);
	ck_assert_ptr_null(strchr(err, '\n'));
	ck_assert_int_eq(mem_choose(bad_specs[_i].spec, err, sizeof(err)), -1);
}
END_TEST

START_TEST(a_spec_of_any_length_is_no_overflow)
{
	char spec[5000], err[64];

	memset(spec, 'x', sizeof(spec));
	for (size_t n = 200; n < sizeof(spec); n += 7) {
		spec[n] = '\0';
		spec[0] = n % 2 ? '/' : 'x';
		ck_assert_int_eq(mem_choose(spec, err, sizeof(err)), -1);
		ck_assert_uint_lt(strlen(err), sizeof(err));
		spec[n] = 'x';
	}
}
END_TEST

START_TEST(a_missing_library_is_an_error_that_names_it)
{
	char err[300] = "";

	ck_assert_int_eq(mem_choose("/no/such/lib.so", err, sizeof(err)), -1);
	ck_assert_ptr_nonnull(strstr(err, "/no/such/lib.so"));
	ck_assert_ptr_null(mem_alloc(MEM_BOOT, 1));
}
END_TEST

START_TEST(a_library_without_malloc_is_refused)
{
	char err[300] = "";

	ck_assert_int_eq(
		mem_choose("/usr/lib/x86_64-linux-gnu/libm.so.6", err, sizeof(err)),
		-1);
	ck_assert_msg(strstr(err, "defines no malloc") != NULL, "%s", err);
}
END_TEST

/* What this program is started as to see a fresh process's choice. */
static int choose_and_tell(const char *spec)
{
	char err[300] = "";

	if (mem_choose(spec, err, sizeof(err)) == 0)
		puts("chosen");
	else
		puts(err);
	return 0;
}

START_TEST(jemalloc_without_static_tls_names_the_cure)
{
	char command[300], line[400] = "", self[200] = "";
	FILE *f;

	ck_assert_int_gt(readlink("/proc/self/exe", self, sizeof(self) - 1), 0);
	snprintf(command, sizeof(command),
		 "env -u GLIBC_TUNABLES '%s' --choose jemalloc 2>&1", self);
	f = popen(command, "r");
	ck_assert_ptr_nonnull(f);
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
	pclose(f);
	ck_assert_msg(strcmp(line, "chosen\n") == 0 ||
			      strstr(line, mem_tunables("jemalloc")) ||
			      strstr(line, "apt install libjemalloc2"),
		      "%s", line);
}
END_TEST

START_TEST(only_who_may_need_it_asks_for_tunables)
{
	ck_assert_ptr_null(mem_tunables("system"));
	ck_assert_ptr_null(mem_tunables("hybrid+debug"));
	ck_assert_ptr_null(mem_tunables("no such"));
	ck_assert_ptr_nonnull(strstr(mem_tunables("jemalloc+debug"), "glibc.rtld."));
	ck_assert_ptr_nonnull(mem_tunables("/x/libfoo.so"));
}
END_TEST

START_TEST(what_was_chosen_is_proven_by_its_file)
{
	const struct mem_info *info;
	char name[32] = "";

	backends_choose(_i);
	info = mem_info();
	ck_assert_str_eq(info->spec, backends_spec(_i));
	sscanf(info->spec, "%31[a-z]", name);
	if (info->spec[0] == '/')
		ck_assert_ptr_nonnull(strstr(info->path, "tbbmalloc"));
	else if (strcmp(name, "system") != 0 && strcmp(name, "hybrid") != 0)
		ck_assert_ptr_nonnull(strstr(info->path, name));
	ck_assert_int_eq(info->path[0], '/');
	ck_assert_int_ne(info->version[0], '\0');
	ck_assert_int_eq(info->regions, strstr(info->spec, "bump") != NULL);
}
END_TEST

START_TEST(no_other_allocator_is_mapped)
{
	static const char *const libs[] = {"jemalloc", "mimalloc", "tcmalloc",
					   "tbbmalloc"};
	char line[600];
	FILE *f;

	backends_choose(_i);
	f = fopen("/proc/self/maps", "r");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f))
		for (size_t i = 0; i < sizeof(libs) / sizeof(*libs); i++)
			ck_assert_msg(!strstr(line, libs[i]) ||
					      strstr(backends_spec(_i), libs[i]),
				      "%s", line);
	fclose(f);
}
END_TEST

START_TEST(size_zero_gives_a_block_and_null_is_no_block)
{
	void *p, *q;

	backends_choose(_i);
	p = mem_alloc(MEM_CONN, 0);
	q = mem_zalloc(MEM_CONN, 0, 8);
	ck_assert_ptr_nonnull(p);
	ck_assert_ptr_nonnull(q);
	ck_assert_ptr_ne(p, q);
	p = mem_realloc(MEM_CONN, p, 0);
	ck_assert_ptr_nonnull(p);
	mem_free(MEM_CONN, p);
	mem_free(MEM_CONN, q);
	mem_free(MEM_CONN, NULL);
	ck_assert_uint_eq(mem_usable(NULL), 0);
	ck_assert_uint_eq(backends_live_bytes(), 0);
}
END_TEST

START_TEST(absurd_sizes_are_refused_and_counted)
{
	void *p;

	backends_choose(_i);
	p = mem_alloc(MEM_TICK, 10);
	ck_assert_ptr_null(mem_alloc(MEM_TICK, SIZE_MAX));
	ck_assert_ptr_null(mem_alloc(MEM_TICK, (size_t)PTRDIFF_MAX + 1));
	ck_assert_ptr_null(mem_zalloc(MEM_TICK, SIZE_MAX / 2, 3));
	ck_assert_ptr_null(mem_zalloc(MEM_TICK, SIZE_MAX, 1));
	ck_assert_ptr_null(mem_realloc(MEM_TICK, p, SIZE_MAX - 4));
	ck_assert_uint_eq(mem_counters()->tag[MEM_TICK].failures, 5);
	ck_assert_uint_eq(mem_counters()->tag[MEM_TICK].allocs, 1);
	mem_free(MEM_TICK, p);
	ck_assert_uint_eq(backends_live_bytes(), 0);
}
END_TEST

static const size_t sizes[] = {1,     7,      16,      24,      40,     64,    100,
			       152,   175,    224,     256,     1000,   1024,  2048,
			       2049,  4096,   8192,    16384,   16584,  16896, 32768,
			       32769, 100000, 1048576, 1048577, 5000000};
#define N_SIZES (sizeof(sizes) / sizeof(*sizes))

static bool all_bytes_are(const char *p, size_t n, char byte)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != byte)
			return false;
	return true;
}

START_TEST(zalloc_is_zero_also_where_others_have_been)
{
	char *p[4];

	backends_choose(_i);
	for (size_t i = 0; i < N_SIZES; i++) {
		for (int round = 0; round < 3; round++) {
			for (int k = 0; k < 4; k++) {
				p[k] = mem_zalloc(MEM_CONN, 1, sizes[i]);
				ck_assert(all_bytes_are(p[k], sizes[i], 0));
				memset(p[k], 0x5a, sizes[i]);
			}
			for (int k = 0; k < 4; k++)
				mem_free(MEM_CONN, p[k]);
			mem_purge();
		}
	}
}
END_TEST

START_TEST(blocks_are_aligned_as_their_size_asks)
{
	void *p[5];

	backends_choose(_i);
	for (size_t size = 1; size < 70000; size += size < 1024 ? 1 : size / 50) {
		for (int i = 0; i < 5; i++) {
			p[i] = mem_alloc(MEM_CONN, size);
			ck_assert_uint_eq((uintptr_t)p[i] % 8, 0);
			ck_assert_uint_eq((uintptr_t)p[i] % (size % 16 ? 8 : 16), 0);
			ck_assert_uint_ge(mem_usable(p[i]), size);
		}
		for (int i = 0; i < 5; i++)
			mem_free(MEM_CONN, p[i]);
	}
}
END_TEST

START_TEST(realloc_keeps_the_content)
{
	char *p;

	backends_choose(_i);
	for (size_t a = 0; a < N_SIZES; a++) {
		for (size_t b = 0; b < N_SIZES; b++) {
			size_t less = sizes[a] < sizes[b] ? sizes[a] : sizes[b];

			p = mem_alloc(MEM_STREAM, sizes[a]);
			memset(p, 'a', sizes[a]);
			p = mem_realloc(MEM_STREAM, p, sizes[b]);
			ck_assert_ptr_nonnull(p);
			ck_assert(all_bytes_are(p, less, 'a'));
			memset(p, 'b', sizes[b]);
			mem_free(MEM_STREAM, p);
		}
	}
	ck_assert_uint_eq(backends_live_bytes(), 0);
}
END_TEST

START_TEST(counters_add_up)
{
	const struct mem_counter *c;
	uint64_t live = 0;
	char *p[64];

	backends_choose(_i);
	c = &mem_counters()->tag[MEM_NGHTTP2];
	for (int i = 0; i < 64; i++) {
		p[i] = mem_alloc(MEM_NGHTTP2, 100u + (unsigned int)i);
		live += mem_usable(p[i]);
	}
	ck_assert_uint_eq(c->allocs, 64);
	ck_assert_uint_eq(c->asked_bytes, 64 * 100 + 63 * 64 / 2);
	ck_assert_uint_eq(c->live_bytes, live);
	ck_assert_uint_eq(c->peak_bytes, live);
	live -= mem_usable(p[0]);
	p[0] = mem_realloc(MEM_NGHTTP2, p[0], 9000);
	live += mem_usable(p[0]);
	ck_assert_uint_eq(c->reallocs, 1);
	ck_assert_uint_eq(c->live_bytes, live);
	for (int i = 0; i < 64; i++)
		mem_free(MEM_NGHTTP2, p[i]);
	ck_assert_uint_eq(c->frees, 64);
	ck_assert_uint_eq(c->live_bytes, 0);
	ck_assert_uint_eq(c->peak_bytes, live);
	ck_assert_uint_eq(mem_counters()->tag[MEM_OPENSSL].allocs, 0);
}
END_TEST

START_TEST(counters_can_move_to_a_shared_mapping)
{
	struct mem_counters *shared;
	void *p;

	backends_choose(_i);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	p = mem_alloc(MEM_WORKER, 500);
	mem_counters_move(shared);
	ck_assert_ptr_eq(mem_counters(), shared);
	ck_assert_uint_eq(mem_live(shared, MEM_WORKER), mem_usable(p));
	mem_counters_move(shared);
	mem_free(MEM_WORKER, p);
	ck_assert_uint_eq(mem_live(shared, MEM_WORKER), 0);
	ck_assert_uint_eq(shared->tag[MEM_WORKER].allocs, 1);
}
END_TEST

START_TEST(what_a_call_allocated_is_charged_to_a_connection)
{
	const struct mem_counter *c;
	uint64_t before;
	int64_t a, b;
	void *p, *q;

	backends_choose(_i);
	c = &mem_counters()->tag[MEM_OPENSSL];
	q = mem_alloc(MEM_OPENSSL, 5000);
	before = mem_mark(MEM_OPENSSL);
	p = mem_alloc(MEM_OPENSSL, 300);
	a = mem_charge(MEM_OPENSSL, before);
	ck_assert_int_eq(a, (int64_t)mem_usable(p));
	ck_assert_uint_eq(c->conn_bytes, (uint64_t)a);
	before = mem_mark(MEM_OPENSSL);
	mem_free(MEM_OPENSSL, q);
	b = mem_charge(MEM_OPENSSL, before);
	ck_assert_int_lt(b, 0);
	mem_charge_back(MEM_OPENSSL, a + b);
	ck_assert_uint_eq(c->conn_bytes, 0);
	mem_free(MEM_OPENSSL, p);
}
END_TEST

START_TEST(strdup_copies)
{
	char *s;

	backends_choose(_i);
	s = mem_strdup(MEM_BOOT, "heapgate");
	ck_assert_str_eq(s, "heapgate");
	mem_free(MEM_BOOT, s);
}
END_TEST

/* The accounting against the allocator's own figure, where it has one. */
START_TEST(the_allocator_says_the_same_as_the_counters)
{
	static void *p[8000];
	struct mem_stats before, after;
	uint64_t live, told;

	backends_choose(_i);
#ifdef MEMCHECK_ASAN
	if (strncmp(backends_spec(_i), "system", 6) == 0)
		return; /* it is not glibc's malloc then */
#endif
	if (!mem_stats(&before) || before.allocated == MEM_UNKNOWN)
		return;
	for (int i = 0; i < 8000; i++)
		p[i] = mem_alloc(MEM_CONN, 100 + backends_random() % 4000);
	ck_assert(mem_stats(&after));
	live = backends_live_bytes();
	told = after.allocated - before.allocated;
	ck_assert_msg(told > live * 99 / 100 && told < live * 101 / 100,
		      "counted %llu, told %llu", (unsigned long long)live,
		      (unsigned long long)told);
	for (int i = 0; i < 8000; i++)
		mem_free(MEM_CONN, p[i]);
}
END_TEST

START_TEST(stats_and_purge_tell_what_is_known)
{
	struct mem_stats s;
	void *p[200];

	backends_choose(_i);
	for (int i = 0; i < 200; i++) {
		p[i] = mem_alloc(MEM_CONN, 50000);
		memset(p[i], 1, 50000);
	}
	if (mem_stats(&s) && s.active != MEM_UNKNOWN && s.active)
		ck_assert_uint_ge(s.active, 200 * 50000);
	for (int i = 0; i < 200; i++)
		mem_free(MEM_CONN, p[i]);
	mem_purge();
	for (uint64_t t = 1; mem_decay(t * 1000) && t < 100; t++)
		;
	if (mem_stats(&s) && strncmp(backends_spec(_i), "hybrid", 6) == 0)
		ck_assert_uint_eq(s.allocated, 0);
}
END_TEST

static size_t resident_bytes(void)
{
	unsigned long size, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	ck_assert_int_eq(fscanf(f, "%lu %lu", &size, &resident), 2);
	fclose(f);
	return resident * 4096;
}

START_TEST(purge_gives_memory_back_where_the_allocator_can)
{
	static void *p[2000];
	size_t full, end;

	backends_choose(_i);
	for (int i = 0; i < 2000; i++) {
		p[i] = mem_alloc(MEM_CONN, 20000);
		memset(p[i], 1, 20000);
	}
	full = resident_bytes();
	for (int i = 0; i < 2000; i++)
		mem_free(MEM_CONN, p[i]);
	while (mem_purge() > 0 && strncmp(backends_spec(_i), "hybrid", 6) == 0)
		;
	end = resident_bytes();
#ifndef MEMCHECK_ASAN
	if (backends_spec(_i)[0] != '/' && !strstr(backends_spec(_i), "mimalloc"))
		ck_assert_msg(end + 30000000 < full, "%zu of %zu", end, full);
#endif
	ck_assert_uint_gt(full, 0);
	ck_assert_uint_gt(end, 0);
}
END_TEST

START_TEST(what_steers_an_allocator_from_outside_is_named)
{
	char names[64];

	unsetenv("MALLOC_CONF");
	mem_environment(names, sizeof(names));
	ck_assert_str_eq(names, "");
	setenv("MALLOC_CONF", "narenas:1", 1);
	setenv("MIMALLOC_VERBOSE", "1", 1);
	mem_environment(names, sizeof(names));
	ck_assert_str_eq(names, "MALLOC_CONF MIMALLOC_VERBOSE");
	mem_environment(names, 8);
	ck_assert_str_eq(names, "MALLOC_");
}
END_TEST

START_TEST(each_tag_and_life_has_a_name)
{
	for (int i = 0; i < MEM_N_TAGS; i++)
		ck_assert_int_eq(strcmp(mem_tag_owner((enum mem_tag)i), "proxy") == 0,
				 i < MEM_N_LIVES);
	ck_assert_str_eq(mem_tag_owner(MEM_JANSSON), "jansson");
	ck_assert_str_eq(mem_life_name(MEM_LIFE_STREAM), "stream");
	ck_assert_str_eq(mem_tag_name(MEM_TICK), "tick");
	ck_assert_str_eq(mem_tag_name(99), "unknown");
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof(*(array))))

static TCase *spec_case(void)
{
	TCase *t = tcase_create("spec");

	tcase_add_test(t, before_a_choice_every_allocation_fails);
	tcase_add_test_raise_signal(t, before_a_choice_a_free_aborts, SIGABRT);
	tcase_add_test(t, a_second_choice_is_refused);
	tcase_add_loop_test(t, a_good_spec_is_accepted_without_loading, 0,
			    COUNT(good_specs));
	tcase_add_loop_test(t, a_bad_spec_is_refused_with_the_reason, 0,
			    COUNT(bad_specs));
	tcase_add_test(t, a_spec_of_any_length_is_no_overflow);
	tcase_add_test(t, a_missing_library_is_an_error_that_names_it);
	tcase_add_test(t, a_library_without_malloc_is_refused);
	tcase_add_test(t, jemalloc_without_static_tls_names_the_cure);
	tcase_add_test(t, only_who_may_need_it_asks_for_tunables);
	tcase_add_test(t, what_steers_an_allocator_from_outside_is_named);
	tcase_add_test(t, each_tag_and_life_has_a_name);
	return t;
}

static TCase *backend_case(void)
{
	TCase *t = tcase_create("backends");
	int n = backends_count();

	tcase_set_timeout(t, 30);
	tcase_add_loop_test(t, what_was_chosen_is_proven_by_its_file, 0, n);
	tcase_add_loop_test(t, no_other_allocator_is_mapped, 0, n);
	tcase_add_loop_test(t, size_zero_gives_a_block_and_null_is_no_block, 0, n);
	tcase_add_loop_test(t, absurd_sizes_are_refused_and_counted, 0, n);
	tcase_add_loop_test(t, zalloc_is_zero_also_where_others_have_been, 0, n);
	tcase_add_loop_test(t, blocks_are_aligned_as_their_size_asks, 0, n);
	tcase_add_loop_test(t, realloc_keeps_the_content, 0, n);
	tcase_add_loop_test(t, counters_add_up, 0, n);
	tcase_add_loop_test(t, counters_can_move_to_a_shared_mapping, 0, n);
	tcase_add_loop_test(t, what_a_call_allocated_is_charged_to_a_connection, 0, n);
	tcase_add_loop_test(t, strdup_copies, 0, n);
	tcase_add_loop_test(t, the_allocator_says_the_same_as_the_counters, 0, n);
	tcase_add_loop_test(t, stats_and_purge_tell_what_is_known, 0, n);
	tcase_add_loop_test(t, purge_gives_memory_back_where_the_allocator_can, 0, n);
	return t;
}

int main(int argc, char **argv)
{
	Suite *s;

	if (argc == 3 && strcmp(argv[1], "--choose") == 0)
		return choose_and_tell(argv[2]);
	backends_start(argv);
	s = suite_create("mem");
	suite_add_tcase(s, spec_case());
	suite_add_tcase(s, backend_case());
	return backends_run(s);
}
