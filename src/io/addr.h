/*
 * addr: a socket address and its text form.
 */
#ifndef HEAPGATE_ADDR_H
#define HEAPGATE_ADDR_H

#include <stdbool.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <sys/un.h>

struct addr {
	socklen_t len; /* 0: none */
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	};
};

#define ADDR_TEXT_BYTES 128

/*
 * "127.0.0.1:80", "[::1]:80", ":80" (any, IPv6 and IPv4), "unix:/path".
 * Returns: false if it is none of these (a host name, say); *a is untouched.
 */
bool addr_parse(struct addr *a, const char *text);
/* As addr_parse() takes it; "" for none. Returns to. */
char *addr_text(const struct addr *a, char to[ADDR_TEXT_BYTES]);
/* The host alone, without brackets and port; "unix:" for a socket file. */
char *addr_host_text(const struct addr *a, char to[ADDR_TEXT_BYTES]);
int addr_port(const struct addr *a); /* 0: none */
void addr_set_port(struct addr *a, int port);
bool addr_eq(const struct addr *a, const struct addr *b);
/* ::ffff:1.2.3.4, as an IPv4 client looks on an IPv6 socket, becomes 1.2.3.4. */
void addr_unmap(struct addr *a);

#endif
