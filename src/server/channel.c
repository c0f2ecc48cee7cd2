#include "server/channel.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

int channel_open(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
			  fds);
}

int channel_send_with(int fd, enum channel_word word, const void *p, size_t len)
{
	unsigned char byte = (unsigned char)word;
	struct iovec parts[] = {{&byte, 1}, {(void *)(uintptr_t)p, len}};
	struct msghdr m = {.msg_iov = parts, .msg_iovlen = 2};
	ssize_t n;

	do
		n = sendmsg(fd, &m, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)len + 1 ? 0 : -1;
}

int channel_send(int fd, enum channel_word word)
{
	return channel_send_with(fd, word, NULL, 0);
}

enum channel_word channel_recv_with(int fd, void *to, size_t cap, size_t *len)
{
	unsigned char byte;
	struct iovec parts[] = {{&byte, 1}, {to, cap}};
	struct msghdr m = {.msg_iov = parts, .msg_iovlen = 2};
	ssize_t n;

	*len = 0;
	do
		n = recvmsg(fd, &m, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return CHANNEL_NOTHING;
	if (n <= 0)
		return CHANNEL_CLOSED;
	if (!(m.msg_flags & MSG_TRUNC))
		*len = (size_t)n - 1;
	return byte >= CHANNEL_READY && byte <= CHANNEL_PURGE ? byte : CHANNEL_NOTHING;
}

enum channel_word channel_recv(int fd)
{
	size_t len;

	return channel_recv_with(fd, NULL, 0, &len);
}
