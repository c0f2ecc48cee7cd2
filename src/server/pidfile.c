#include "server/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PID_TEXT_BYTES 24

static int our_text(char text[PID_TEXT_BYTES])
{
	return snprintf(text, PID_TEXT_BYTES, "%ld\n", (long)getpid());
}

int pidfile_open(const char *path)
{
	char text[PID_TEXT_BYTES];
	int len = our_text(text), saved;
	int fd =
		open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = write(fd, text, (size_t)len);
	saved = n < 0 ? errno : ENOSPC;
	close(fd);
	if (n == len)
		return 0;
	unlink(path);
	errno = saved;
	return -1;
}

void pidfile_close(const char *path)
{
	char ours[PID_TEXT_BYTES], text[PID_TEXT_BYTES] = "";
	int len = our_text(ours);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n;

	if (fd < 0)
		return;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n == len && strcmp(text, ours) == 0)
		unlink(path);
}
