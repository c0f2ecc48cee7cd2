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

void backends_choose_wrapped(int i, const char *wraps)
{
	const char *comma = strchr(found[i], ',');
	char spec[256];

	snprintf(spec, sizeof(spec), "%.*s%s%s", (int)(comma - found[i]), found[i],
		 wraps, comma);
	backends_choose_spec(spec);
}

int backends_calls_of(void (*script)(void), const char *spec)
{
	const struct mem_counters *c;
	int status = 0, n = 0;
	pid_t pid = fork();

	if (pid == 0) {
		backends_choose_spec(spec);
		script();
		c = mem_counters();
		for (int i = 0; i < MEM_N_TAGS; i++)
			n += (int)(c->tag[i].allocs + c->tag[i].reallocs);
		_exit(n);
	}
	ck_assert(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status);
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
