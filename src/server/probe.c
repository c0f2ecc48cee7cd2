#include "server/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "allocators/spec.h"
#include "server/exits.h"
#include "server/launch.h"

#define FAIL(...) (snprintf(out->reason, sizeof(out->reason), __VA_ARGS__), false)

static void try_it(const char *spec, struct probe *out)
{
	char plain[512] = "";
	void *p;

	if (mem_check_spec(spec, out->reason, sizeof(out->reason)) != 0)
		return;
	/* A trace must be that of who serves. The text is shorter: checked. */
	spec_without_trace(spec, plain);
	if (mem_choose(plain, out->reason, sizeof(out->reason)) != 0)
		return;
	p = mem_alloc(MEM_BOOT, 64);
	if (!p) {
		/* It may have been told to fail the first call: a worker
		 * would get no further. */
		snprintf(out->reason, sizeof(out->reason),
			 "%s gives no memory: the first call failed", spec);
		return;
	}
	mem_free(MEM_BOOT, p);
	out->info = *mem_info();
	out->ok = true;
}

int probe_main(int argc, char **argv)
{
	struct probe out;

	if (argc != 2)
		return EXITS_USAGE;
	memset(&out, 0, sizeof(out));
	try_it(argv[1], &out);
	/* less than PIPE_BUF: whole or not at all */
	if (write(LAUNCH_FIRST_FD, &out, sizeof(out)) != sizeof(out))
		return EXITS_INTERNAL;
	return out.ok ? EXITS_OK : EXITS_ALLOCATOR;
}

static ssize_t read_all(int fd, void *to, size_t cap)
{
	size_t len = 0;
	ssize_t n;

	while (len < cap) {
		n = read(fd, (char *)to + len, cap - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

static int wait_for(pid_t pid)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

bool probe_allocator(const char *spec, struct probe *out)
{
	const char *argv[] = {"heapgate", "probe", spec, NULL};
	int fds[2], status;
	ssize_t n;
	pid_t pid;

	memset(out, 0, sizeof(*out));
	if (pipe2(fds, O_CLOEXEC) != 0)
		return FAIL("no pipe: %s", strerror(errno));
	pid = launch_start(&(struct launch){
		.argv = argv, .spec = spec, .fds = &fds[1], .n_fds = 1});
	close(fds[1]);
	n = pid < 0 ? 0 : read_all(fds[0], out, sizeof(*out));
	close(fds[0]);
	if (pid < 0)
		return FAIL("no process: %s", strerror(errno));
	status = wait_for(pid);
	if (n == (ssize_t)sizeof(*out))
		return out->ok;
	memset(out, 0, sizeof(*out));
	if (WIFSIGNALED(status))
		return FAIL("%s crashed the process that tried it (%s)", spec,
			    strsignal(WTERMSIG(status)));
	return FAIL("%s ended the process that tried it", spec);
}
