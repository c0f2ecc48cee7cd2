#include "server/channel.h"

#include <errno.h>
#include <sys/socket.h>

int channel_open(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
			  fds);
}

int channel_send(int fd, enum channel_word word)
{
	unsigned char byte = (unsigned char)word;
	ssize_t n;

	do
		n = send(fd, &byte, 1, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n == 1 ? 0 : -1;
}

enum channel_word channel_recv(int fd)
{
	unsigned char byte;
	ssize_t n;

	do
		n = recv(fd, &byte, 1, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return CHANNEL_NOTHING;
	if (n <= 0)
		return CHANNEL_CLOSED;
	return byte >= CHANNEL_READY && byte <= CHANNEL_REOPEN ? byte : CHANNEL_NOTHING;
}
