#include "server/detach.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "server/exits.h"

/* The child's word, or that it ended without one. */
static int wait_for_code(int fd)
{
	unsigned char code;
	ssize_t n;

	do
		n = read(fd, &code, 1);
	while (n < 0 && errno == EINTR);
	return n == 1 ? code : EXITS_INTERNAL;
}

int detach_start(void)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) != 0)
		return -1;
	pid = fork();
	if (pid > 0) {
		close(fds[1]);
		_exit(wait_for_code(fds[0]));
	}
	close(fds[0]);
	if (pid < 0) {
		close(fds[1]);
		return -1;
	}
	setsid();
	return fds[1];
}

static void leave_terminal(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++)
		if (i == STDIN_FILENO || isatty(i))
			dup2(fd, i);
	close(fd);
}

void detach_done(int *fd, int code)
{
	unsigned char byte = (unsigned char)code;

	if (*fd < 0)
		return;
	if (code == EXITS_OK)
		leave_terminal();
	if (write(*fd, &byte, 1) != 1)
		errno = 0; /* the parent was killed: nobody waits */
	close(*fd);
	*fd = -1;
}
