#include "lab/child.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "server/exits.h"

#define WORDS_MAX 48

/* --- life ------------------------------------------------------------ */

static void become(const char *const *argv, int pipe_fd, int out_fd, int log_fd)
	__attribute__((noreturn));
static void become(const char *const *argv, int pipe_fd, int out_fd, int log_fd)
{
	const char *words[WORDS_MAX + 2] = {"heapgate"};
	unsigned int n = 1;

	for (; argv[n - 1] && n <= WORDS_MAX; n++)
		words[n] = argv[n - 1];
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGINT, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	/* Both were opened above any number that is placed here. */
	dup2(log_fd, STDOUT_FILENO);
	dup2(log_fd, STDERR_FILENO);
	dup2(pipe_fd, out_fd);
	close_range(out_fd > 2 ? (unsigned int)out_fd + 1 : 3, ~0u, 0);
	execv("/proc/self/exe", (char **)(uintptr_t)words);
	_exit(EXITS_INTERNAL);
}

static int away(int fd)
{
	int up = fcntl(fd, F_DUPFD_CLOEXEC, 10);

	close(fd);
	return up;
}

int child_start(struct child *c, const char *const *argv, int out_fd, int log_fd)
{
	int fds[2];

	*c = (struct child){.out = -1};
	if (pipe2(fds, O_CLOEXEC) != 0)
		return -1;
	fds[0] = away(fds[0]);
	fds[1] = away(fds[1]);
	fflush(NULL);
	c->pid = fork();
	if (c->pid == 0)
		become(argv, fds[1], out_fd, log_fd);
	close(fds[1]);
	if (c->pid < 0) {
		close(fds[0]);
		c->pid = 0;
		return -1;
	}
	c->out = fds[0];
	return 0;
}

bool child_has_ended(struct child *c)
{
	if (c->pid && waitpid(c->pid, NULL, WNOHANG) == c->pid)
		c->pid = 0;
	return !c->pid;
}

static bool ends_within(struct child *c, int timeout_ms)
{
	for (int ms = 0; ms <= timeout_ms; ms += 5) {
		if (child_has_ended(c))
			return true;
		usleep(5000);
	}
	return false;
}

void child_stop(struct child *c, int timeout_ms)
{
	if (c->pid && !child_has_ended(c)) {
		kill(c->pid, SIGTERM);
		if (!ends_within(c, timeout_ms)) {
			kill(c->pid, SIGKILL);
			ends_within(c, 1000);
		}
	}
	if (c->out >= 0)
		close(c->out);
	mem_free(MEM_WORKER, c->text);
	*c = (struct child){.out = -1};
}

/* --- what it says ---------------------------------------------------- */

/* Returns: bytes read, 0 at the end or for want of memory. */
static ssize_t read_more(struct child *c)
{
	ssize_t n;

	if (c->cap - c->len < 4096) {
		size_t cap = c->cap ? c->cap * 2 : 16384;
		char *grown = mem_realloc(MEM_WORKER, c->text, cap);

		if (!grown)
			return 0;
		c->text = grown;
		c->cap = cap;
	}
	do
		n = read(c->out, c->text + c->len, c->cap - c->len - 1);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		c->len += (size_t)n;
	return n > 0 ? n : 0;
}

static bool cut_line(struct child *c, char **line)
{
	char *end = c->len ? memchr(c->text, '\n', c->len) : NULL;
	size_t n;

	if (!end)
		return false;
	n = (size_t)(end - c->text) + 1;
	*end = '\0';
	*line = mem_alloc(MEM_TICK, n);
	if (*line)
		memcpy(*line, c->text, n);
	memmove(c->text, end + 1, c->len - n);
	c->len -= n;
	return *line;
}

int child_line(struct child *c, int timeout_ms, char **line)
{
	struct pollfd p = {.fd = c->out, .events = POLLIN};

	while (!cut_line(c, line)) {
		if (poll(&p, 1, timeout_ms) <= 0)
			return 0;
		if (!read_more(c))
			return -1;
		timeout_ms = 0;
	}
	return 1;
}

/* --- ports and questions --------------------------------------------- */

unsigned int child_free_port(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	unsigned int port = 0;

	if (fd < 0)
		return 0;
	if (bind(fd, (struct sockaddr *)&a, len) == 0 &&
	    getsockname(fd, (struct sockaddr *)&a, &len) == 0)
		port = ntohs(a.sin_port);
	close(fd);
	return port;
}

static int connect_to(unsigned int port, int timeout_ms)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons((uint16_t)port),
				.sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct timeval tv = {.tv_sec = timeout_ms / 1000,
			     .tv_usec = timeout_ms % 1000 * 1000};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	close(fd);
	return -1;
}

int child_get(unsigned int port, const char *path, int timeout_ms, char **body)
{
	struct text answer;
	char part[16384];
	const char *blank;
	int fd = connect_to(port, timeout_ms), status = 0;
	ssize_t n;

	if (body)
		*body = NULL;
	if (fd < 0)
		return 0;
	text_init(&answer, MEM_WORKER);
	/* 1.0: the end of the connection ends the answer. */
	dprintf(fd, "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n", path);
	while ((n = read(fd, part, sizeof(part))) > 0)
		text_add(&answer, part, (size_t)n);
	close(fd);
	blank = answer.p ? strstr(answer.p, "\r\n\r\n") : NULL;
	if (blank && !answer.failed && strncmp(answer.p, "HTTP/1.", 7) == 0) {
		status = atoi(answer.p + 9);
		if (body)
			*body = mem_strdup(MEM_WORKER, blank + 4);
	}
	text_fini(&answer);
	return status;
}
