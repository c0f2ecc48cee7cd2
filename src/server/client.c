#include "server/client.h"

#include <errno.h>
#include <stdio.h>
#include <sys/time.h>
#include <unistd.h>

#define REQUEST_BYTES 4096

static bool find_socket(const char *path, struct addr *to)
{
	char text[ADDR_TEXT_BYTES];

	errno = ENAMETOOLONG;
	if (strlen(path) + sizeof("unix:") > sizeof(text))
		return false;
	snprintf(text, sizeof(text), "unix:%s", path);
	return addr_parse(to, text);
}

bool client_find(const char *place, struct addr *to)
{
	static const char scheme[] = "http://", name[] = "localhost:";
	char text[ADDR_TEXT_BYTES];
	const char *host = place + sizeof(scheme) - 1;
	bool is_local;
	int len;

	if (strncmp(place, scheme, sizeof(scheme) - 1) != 0)
		return find_socket(place, to);
	is_local = strncmp(host, name, sizeof(name) - 1) == 0;
	len = snprintf(text, sizeof(text), "%s%s", is_local ? "127.0.0.1:" : "",
		       is_local ? host + sizeof(name) - 1 : host);
	errno = EINVAL;
	if (len <= 0 || (size_t)len >= sizeof(text))
		return false;
	if (text[len - 1] == '/')
		text[len - 1] = '\0';
	return strncmp(text, "unix:", 5) != 0 && addr_parse(to, text);
}

static int connect_to(const struct addr *to, unsigned int timeout_ms)
{
	const struct timeval patience = {.tv_sec = timeout_ms / 1000,
					 .tv_usec = timeout_ms % 1000 * 1000};
	int fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), saved;

	if (fd < 0)
		return fd;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, &to->sa, to->len) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static int send_all(int fd, const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int recv_all(int fd, struct text *to)
{
	char piece[16384];
	ssize_t n;

	while ((n = recv(fd, piece, sizeof(piece), 0)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		text_add(to, piece, (size_t)n);
	}
	errno = ENOMEM;
	return to->failed ? -1 : 0;
}

unsigned int client_parse_answer(struct str answer, struct str *body)
{
	const char *end = memmem(answer.p, answer.len, "\r\n\r\n", 4);
	uint64_t status;

	if (!end || answer.len < 12 || memcmp(answer.p, "HTTP/1.1 ", 9) != 0 ||
	    !str_u64(str_of(answer.p + 9, 3), &status))
		return 0;
	*body = str_of(end + 4, answer.len - (size_t)(end + 4 - answer.p));
	return (unsigned int)status;
}

unsigned int client_ask(const struct addr *to, const char *method, const char *path,
			unsigned int timeout_ms, struct text *answer, struct str *body)
{
	char request[REQUEST_BYTES];
	unsigned int status = 0;
	int fd, saved;
	int n = snprintf(request, sizeof(request),
			 "%s %s HTTP/1.1\r\nHost: admin\r\nContent-Length: 0\r\n"
			 "Connection: close\r\n\r\n",
			 method, path);

	text_reset(answer);
	errno = ENAMETOOLONG;
	fd = n < REQUEST_BYTES ? connect_to(to, timeout_ms) : -1;
	if (fd < 0)
		return 0;
	if (send_all(fd, request, (size_t)n) == 0 && recv_all(fd, answer) == 0) {
		status = client_parse_answer(text_str(answer), body);
		errno = EPROTO;
	}
	saved = errno;
	close(fd);
	errno = saved == EAGAIN ? ETIMEDOUT : saved;
	return status;
}
