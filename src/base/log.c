#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

/* A line is written by one write() of at most PIPE_BUF bytes, so that the
 * lines of several workers on one pipe or file never mix. */
#define LINE_BYTES 2048

static const char *const words[] = {
	[LOG_DEBUG] = "debug", [LOG_INFO] = "info",   [LOG_NOTICE] = "notice",
	[LOG_WARN] = "warn",   [LOG_ERROR] = "error",
};

static struct {
	int fd;
	enum log_level least;
	bool is_file;
	unsigned long lost;
	char who[64];
	char path[PATH_MAX];
} sink = {.fd = STDERR_FILENO, .least = LOG_NOTICE, .who = "heapgate"};

static int open_file(const char *path)
{
	return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
}

static void close_old(void)
{
	if (sink.is_file)
		close(sink.fd);
	sink.is_file = false;
	sink.fd = STDERR_FILENO;
}

int log_open(const char *path, enum log_level least, const char *who)
{
	int fd = -1;

	if (path && strcmp(path, "-") != 0) {
		if (strlen(path) >= sizeof(sink.path)) {
			errno = ENAMETOOLONG;
			return -1;
		}
		fd = open_file(path);
		if (fd < 0)
			return -1;
	}
	close_old();
	if (fd >= 0) {
		sink.fd = fd;
		sink.is_file = true;
		strcpy(sink.path, path);
	}
	sink.least = least;
	snprintf(sink.who, sizeof(sink.who), "%s", who);
	return 0;
}

void log_reopen(void)
{
	int fd;

	if (!sink.is_file)
		return;
	fd = open_file(sink.path);
	if (fd < 0) {
		log_error("cannot reopen %s: %s; the old file stays in use", sink.path,
			  strerror(errno));
		return;
	}
	close(sink.fd);
	sink.fd = fd;
}

/* What peers send may be in a message; it must not start a line of its own or
 * talk to a terminal. */
static void mask_controls(char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)p[i] < 0x20 || p[i] == 0x7f)
			p[i] = '?';
}

void log_write(enum log_level level, const char *format, ...)
{
	char line[LINE_BYTES], when[CLOCK_RFC3339_BYTES];
	int saved = errno, head, n;
	size_t len;
	ssize_t put;
	va_list ap;

	if (level < sink.least)
		return;
	head = snprintf(line, sizeof(line),
			"%s %s %s: ", clock_rfc3339(clock_wall_us(), when),
			words[level], sink.who);
	errno = saved; /* for %m */
	va_start(ap, format);
	n = vsnprintf(line + head, sizeof(line) - (size_t)head, format, ap);
	va_end(ap);
	len = (size_t)head + (n > 0 ? (size_t)n : 0);
	if (len > sizeof(line) - 1)
		len = sizeof(line) - 1;
	mask_controls(line + head, len - (size_t)head);
	line[len++] = '\n'; /* in the place of the NUL */
	do
		put = write(sink.fd, line, len);
	while (put < 0 && errno == EINTR);
	if (put != (ssize_t)len)
		sink.lost++;
	errno = saved;
}

unsigned long log_lost(void)
{
	return sink.lost;
}

int log_level_of(const char *word)
{
	for (unsigned int i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strcmp(word, words[i]) == 0)
			return (int)i;
	return -1;
}
