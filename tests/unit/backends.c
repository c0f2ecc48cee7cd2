#include "backends.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TBB "/usr/lib/x86_64-linux-gnu/libtbbmalloc.so.2"

static const char *const wanted[] = {
	"system,regions=heap",
	"system,regions=bump",
	"jemalloc,regions=heap",
	"jemalloc,regions=bump",
	"mimalloc,regions=heap",
	"mimalloc,regions=bump",
	"tcmalloc,regions=heap",
	"tcmalloc,regions=bump",
	"hybrid,regions=heap",
	"hybrid,regions=bump",
	"hybrid,hardening=0,regions=bump",
	"hybrid,hardening=2,regions=heap",
	"hybrid,hardening=3,regions=heap",
	TBB ",prefix=scalable_,regions=heap",
	TBB ",prefix=scalable_,regions=bump",
};
#define N_WANTED ((int)(sizeof(wanted) / sizeof(*wanted)))

static const char *found[N_WANTED];
static int n_found;
static bool started;

/* Loaded libraries keep a little to the end, by the C library's malloc. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libtcmalloc\nleak:libjemalloc\nleak:libmimalloc\n";
}

const char *__lsan_default_options(void);
const char *__lsan_default_options(void)
{
	return "print_suppressions=0";
}

/* In these suites the counters tell of leaks; looking for them at the end of
 * some hundred processes would take most of the time. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return started;
}

static void probe(const char *spec)
{
	char err[256];
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (mem_choose(spec, err, sizeof(err)) == 0)
			_exit(0);
		printf("skip: %s: %s\n", spec, err);
		fflush(stdout);
		_exit(1);
	}
	if (waitpid(pid, &status, 0) == pid && status == 0)
		found[n_found++] = spec;
}

void backends_start(char **argv)
{
	const char *need = mem_tunables("jemalloc");
	const char *have = getenv("GLIBC_TUNABLES");
	char both[512];

	if (!have || !strstr(have, need)) {
		snprintf(both, sizeof(both), "%s%s%s", have ? have : "",
			 have ? ":" : "", need);
		setenv("GLIBC_TUNABLES", both, 1);
		execv("/proc/self/exe", argv);
		perror("exec");
		exit(1);
	}
	started = true;
	for (int i = 0; i < N_WANTED; i++)
		probe(wanted[i]);
}

int backends_count(void)
{
	return n_found;
}

const char *backends_spec(int i)
{
	return found[i];
}

void backends_choose_spec(const char *spec)
{
	char err[256] = "";

	ck_assert_msg(mem_choose(spec, err, sizeof(err)) == 0, "%s: %s", spec, err);
}

void backends_choose(int i)
{
	backends_choose_spec(found[i]);
}

static void choose_wrapped(const char *plain, const char *wraps)
{
	const char *comma = strchr(plain, ',');
	char spec[256];

	snprintf(spec, sizeof(spec), "%.*s%s%s", (int)(comma - plain), plain, wraps,
		 comma);
	backends_choose_spec(spec);
}

void backends_choose_wrapped(int i, const char *wraps)
{
	choose_wrapped(found[i], wraps);
}

/* Exit code of f in a process of its own. */
static int in_child(int (*f)(void (*script)(void), const char *spec, int n),
		    void (*script)(void), const char *spec, int n)
{
	int status = 0;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(f(script, spec, n));
	ck_assert(waitpid(pid, &status, 0) == pid);
	ck_assert_msg(WIFEXITED(status), "%s: call %d failing: signal %d", spec, n,
		      WTERMSIG(status));
	return WEXITSTATUS(status);
}

static int count_calls(void (*script)(void), const char *spec, int n)
{
	const struct mem_counters *c = mem_counters();

	(void)n;
	backends_choose_spec(spec);
	script();
	n = 0;
	for (int i = 0; i < MEM_N_TAGS; i++)
		n += (int)(c->tag[i].allocs + c->tag[i].reallocs);
	return n;
}

int backends_calls_of(void (*script)(void), const char *spec)
{
	return in_child(count_calls, script, spec, 0);
}

static void (*check_failed)(void);

static int fail_one(void (*script)(void), const char *spec, int n)
{
	char wrap[32];

	snprintf(wrap, sizeof(wrap), "+fail=%d", n);
	choose_wrapped(spec, wrap);
	script();
	check_failed();
	return backends_live_bytes() == 0 ? 0 : 1;
}

void backends_fail_each(void (*script)(void), const char *spec, void (*check)(void))
{
	int n = backends_calls_of(script, spec);

	ck_assert_int_gt(n, 0);
	ck_assert_int_lt(n, 255);
	check_failed = check;
	for (int k = 1; k <= n; k++)
		ck_assert_msg(in_child(fail_one, script, spec, k) == 0,
			      "%s: call %d of %d failing: a leak or a failed check",
			      spec, k, n);
}

uint64_t backends_live_bytes(void)
{
	uint64_t sum = 0;

	for (int i = 0; i < MEM_N_TAGS; i++)
		sum += mem_live(mem_counters(), (enum mem_tag)i);
	return sum;
}

uint32_t backends_random(void)
{
	static uint64_t state = 0x9e3779b97f4a7c15;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

int backends_run(Suite *s)
{
	SRunner *r = srunner_create(s);
	int failed;

	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
