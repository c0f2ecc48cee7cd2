#include "dns.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/addr.h"
#include "runner.h"

#define HEAD_BYTES 12
#define TYPE_A     1
#define TYPE_AAAA  28

/* One record for the name in the question. */
static size_t put_record(unsigned char *to, int type, const char *text)
{
	static const unsigned char head[] = {0xc0, HEAD_BYTES, 0, 0, 0, 1,
					     0,    0,          0, 1, 0, 0};
	size_t n = type == TYPE_A ? 4 : 16;

	memcpy(to, head, sizeof(head));
	to[3] = (unsigned char)type;
	to[11] = (unsigned char)n;
	ck_assert_int_eq(
		inet_pton(type == TYPE_A ? AF_INET : AF_INET6, text, to + sizeof(head)),
		1);
	return sizeof(head) + n;
}

/* RFC 1035 §4.1: the question comes back, the answers behind it. */
static size_t answer(const struct dns *d, unsigned char *p, size_t len)
{
	size_t at = HEAD_BYTES;
	const char *const *texts;
	int type;

	while (at < len && p[at])
		at += p[at] + 1u;
	at += 5; /* the root's label, type, class */
	ck_assert_uint_le(at, len);
	type = p[at - 3];
	texts = type == TYPE_A ? d->in : d->in6;
	p[2] = 0x84;
	p[3] = d->refuse ? 3 : 0;
	memset(p + 6, 0, 6);
	for (; !d->refuse && (type == TYPE_A || type == TYPE_AAAA) && *texts; texts++) {
		at += put_record(p + at, type, *texts);
		p[7]++;
	}
	return at;
}

static void on_query(int fd, void *arg)
{
	struct dns *d = arg;
	unsigned char packet[2048];
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	ssize_t n = recvfrom(fd, packet, 512, 0, (struct sockaddr *)&from, &from_len);

	if (n < HEAD_BYTES)
		return;
	d->n_queries++;
	if (d->mute)
		return;
	sendto(fd, packet, answer(d, packet, (size_t)n), 0, (struct sockaddr *)&from,
	       from_len);
}

void dns_start(struct dns *d)
{
	struct addr a;

	ck_assert(addr_parse(&a, "127.0.0.1:0"));
	d->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(d->fd, 0);
	ck_assert_int_eq(bind(d->fd, &a.sa, a.len), 0);
	ck_assert_int_eq(getsockname(d->fd, &a.sa, &a.len), 0);
	snprintf(d->where, sizeof(d->where), "127.0.0.1:%d", addr_port(&a));
	d->event = loop_watch(&test_loop, d->fd, on_query, d);
	ck_assert_ptr_nonnull(d->event);
}

void dns_stop(struct dns *d)
{
	loop_unwatch(&d->event);
	close(d->fd);
}
