/*
 * cost_exec: preloaded into a heapgate, starts its workers by the command in
 * COST_WRAP (words between single spaces) instead of by themselves. The
 * supervisor starts workers by way of /proc/self/exe, where valgrind would
 * find itself.
 */
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_WORDS 64

static int wrapped(char *command, const char *exe, char *const argv[])
{
	char *words[MAX_WORDS], *rest = command;
	int n = 0;

	while (n < MAX_WORDS - 16 && (words[n] = strsep(&rest, " ")) != NULL)
		n++;
	words[n++] = (char *)(unsigned long)exe;
	for (int i = 1; argv[i] && n < MAX_WORDS - 1; i++)
		words[n++] = argv[i];
	words[n] = NULL;
	return execvp(words[0], words);
}

int execv(const char *path, char *const argv[])
{
	int (*next)(const char *, char *const *);
	const char *wrap = getenv("COST_WRAP");
	char exe[PATH_MAX], command[1024];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (n > 0 && wrap && argv[1] && strcmp(argv[1], "worker") == 0 &&
	    strcmp(path, "/proc/self/exe") == 0) {
		exe[n] = '\0';
		snprintf(command, sizeof(command), "%s", wrap);
		unsetenv("LD_PRELOAD");
		return wrapped(command, exe, argv);
	}
	*(void **)(&next) = dlsym(RTLD_NEXT, "execv");
	return next(path, argv);
}
