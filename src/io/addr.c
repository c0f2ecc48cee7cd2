#include "io/addr.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

static bool parse_port(const char *text, in_port_t *port)
{
	uint64_t v;

	if (!str_u64(str_z(text), &v) || v > 65535)
		return false;
	*port = htons((uint16_t)v);
	return true;
}

static bool parse_unix(struct addr *a, const char *path)
{
	size_t n = strlen(path);

	if (n < 1 || n >= sizeof(a->un.sun_path))
		return false;
	a->un.sun_family = AF_UNIX;
	memcpy(a->un.sun_path, path, n + 1);
	a->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
	return true;
}

static bool parse_in6(struct addr *a, const char *host, in_port_t port)
{
	if (inet_pton(AF_INET6, host, &a->in6.sin6_addr) != 1)
		return false;
	a->in6.sin6_family = AF_INET6;
	a->in6.sin6_port = port;
	a->len = sizeof(a->in6);
	return true;
}

static bool parse_in(struct addr *a, const char *host, in_port_t port)
{
	if (inet_pton(AF_INET, host, &a->in.sin_addr) != 1)
		return false;
	a->in.sin_family = AF_INET;
	a->in.sin_port = port;
	a->len = sizeof(a->in);
	return true;
}

bool addr_parse(struct addr *a, const char *text)
{
	const char *colon = strrchr(text, ':');
	struct addr to;
	char host[64];
	in_port_t port;
	size_t n;
	bool ok;

	memset(&to, 0, sizeof(to));
	if (strncmp(text, "unix:", 5) == 0) {
		ok = parse_unix(&to, text + 5);
	} else {
		if (!colon || !parse_port(colon + 1, &port))
			return false;
		n = (size_t)(colon - text);
		if (n >= sizeof(host))
			return false;
		memcpy(host, text, n);
		host[n] = '\0';
		if (n == 0) {
			ok = parse_in6(&to, "::", port);
		} else if (host[0] == '[' && host[n - 1] == ']') {
			host[n - 1] = '\0';
			ok = parse_in6(&to, host + 1, port);
		} else {
			ok = parse_in(&to, host, port);
		}
	}
	if (ok)
		*a = to;
	return ok;
}

static bool is_unix(const struct addr *a)
{
	return a->len && a->sa.sa_family == AF_UNIX;
}

static bool is_in6(const struct addr *a)
{
	return a->len && a->sa.sa_family == AF_INET6;
}

static const char *unix_path(const struct addr *a)
{
	/* the client's end of a unix socket has no path at all */
	return a->len > offsetof(struct sockaddr_un, sun_path) ? a->un.sun_path : "";
}

char *addr_host_text(const struct addr *a, char to[ADDR_TEXT_BYTES])
{
	if (is_unix(a))
		snprintf(to, ADDR_TEXT_BYTES, "unix:");
	else if (is_in6(a))
		inet_ntop(AF_INET6, &a->in6.sin6_addr, to, ADDR_TEXT_BYTES);
	else if (a->len)
		inet_ntop(AF_INET, &a->in.sin_addr, to, ADDR_TEXT_BYTES);
	else
		to[0] = '\0';
	return to;
}

char *addr_text(const struct addr *a, char to[ADDR_TEXT_BYTES])
{
	char host[ADDR_TEXT_BYTES];

	addr_host_text(a, host);
	if (is_unix(a))
		snprintf(to, ADDR_TEXT_BYTES, "unix:%.108s", unix_path(a));
	else if (is_in6(a))
		snprintf(to, ADDR_TEXT_BYTES, "[%.64s]:%d", host, addr_port(a));
	else if (a->len)
		snprintf(to, ADDR_TEXT_BYTES, "%.64s:%d", host, addr_port(a));
	else
		to[0] = '\0';
	return to;
}

int addr_port(const struct addr *a)
{
	if (!a->len || is_unix(a))
		return 0;
	return ntohs(is_in6(a) ? a->in6.sin6_port : a->in.sin_port);
}

void addr_set_port(struct addr *a, int port)
{
	if (!a->len || is_unix(a))
		return;
	if (is_in6(a))
		a->in6.sin6_port = htons((uint16_t)port);
	else
		a->in.sin_port = htons((uint16_t)port);
}

bool addr_eq(const struct addr *a, const struct addr *b)
{
	if (!a->len || !b->len)
		return a->len == b->len;
	if (a->sa.sa_family != b->sa.sa_family)
		return false;
	if (is_unix(a))
		return strcmp(unix_path(a), unix_path(b)) == 0;
	if (addr_port(a) != addr_port(b))
		return false;
	if (is_in6(a))
		return memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, 16) == 0 &&
		       a->in6.sin6_scope_id == b->in6.sin6_scope_id;
	return a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
}

void addr_unmap(struct addr *a)
{
	struct sockaddr_in in = {.sin_family = AF_INET};

	if (!is_in6(a) || !IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr))
		return;
	in.sin_port = a->in6.sin6_port;
	memcpy(&in.sin_addr, a->in6.sin6_addr.s6_addr + 12, 4);
	a->in = in;
	a->len = sizeof(in);
}
