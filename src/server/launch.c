#include "server/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/exits.h"

#define TUNABLES "GLIBC_TUNABLES"

/* Is the name of name=value among the settings a=b:c=d? */
static bool is_set(const char *settings, const char *setting)
{
	size_t n = strcspn(setting, "=") + 1;

	for (const char *at = settings; at; at = strchr(at, ':')) {
		at += *at == ':';
		if (strncmp(at, setting, n) == 0)
			return true;
	}
	return false;
}

size_t launch_tunables(const char *users, const char *wanted, char *to, size_t cap)
{
	int n;

	if (!wanted || (users && is_set(users, wanted)))
		return 0;
	n = snprintf(to, cap, "%s%s%s", users && *users ? users : "",
		     users && *users ? ":" : "", wanted);
	return n > 0 ? (size_t)n : 0;
}

static void set_tunables(const char *spec)
{
	const char *users = getenv(TUNABLES);
	const char *wanted = spec ? mem_tunables(spec) : NULL;
	char value[4096];
	size_t n = launch_tunables(users, wanted, value, sizeof(value));

	if (n > 0 && n < sizeof(value))
		setenv(TUNABLES, value, 1);
}

/* First all out of the way, then each to its place: so that no number is
 * overwritten that is still to be copied. */
static int place_fds(const int *fds, unsigned int n)
{
	int end = LAUNCH_FIRST_FD + (int)n, away = end;

	for (unsigned int i = 0; i < n; i++)
		away = fds[i] >= away ? fds[i] + 1 : away;
	for (unsigned int i = 0; i < n; i++)
		if (dup3(fds[i], away + (int)i, O_CLOEXEC) < 0)
			return -1;
	for (unsigned int i = 0; i < n; i++)
		if (dup2(away + (int)i, LAUNCH_FIRST_FD + (int)i) < 0)
			return -1;
	/* What is ours closes itself; this is for what we inherited. */
	close_range((unsigned int)end, ~0u, 0);
	return 0;
}

/* The parent's handlers would write to the parent's loop; exec resets them,
 * but a signal may come before. */
static void reset_signals(bool worker)
{
	struct sigaction sa = {.sa_handler = SIG_DFL};

	for (int i = 1; i < NSIG; i++)
		if (i != SIGPIPE)
			sigaction(i, &sa, NULL);
	sa.sa_handler = SIG_IGN;
	if (worker)
		sigaction(SIGINT, &sa, NULL);
}

static void become(const struct launch *l, const sigset_t *mask)
	__attribute__((noreturn));
static void become(const struct launch *l, const sigset_t *mask)
{
	char **argv = (char **)(uintptr_t)l->argv;
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n > 0 && !l->path) {
		self[n] = '\0';
		argv[0] = self; /* what dladdr() calls functions of our own */
	}
	reset_signals(l->worker);
	set_tunables(l->spec);
	if (place_fds(l->fds, l->n_fds) == 0) {
		sigprocmask(SIG_SETMASK, mask, NULL);
		execv(l->path ? l->path : "/proc/self/exe", argv);
	}
	dprintf(STDERR_FILENO, "heapgate: cannot start anew: %s\n", strerror(errno));
	_exit(EXITS_INTERNAL);
}

pid_t launch_start(const struct launch *l)
{
	sigset_t all, old;
	pid_t pid;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	pid = fork();
	if (pid == 0)
		become(l, &old);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return pid;
}

void launch_open_std_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}
