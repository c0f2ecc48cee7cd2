/*
 * bench_tls: TLS 1.3 connections with one HTTP/2 request each, as a client.
 *
 *     bench_tls full|resumed|idle PORT CONNECTIONS AT_ONCE [PATH]
 *
 * full: each connection makes a full handshake, asks once and goes.
 * resumed: each resumes by the latest ticket; the connections that were given
 *     the first ones are made ahead and do not count.
 * idle: the connections stay open after their answers.
 *
 * Says "ready", waits for a line on stdin, works, and says how many did as they
 * should, how many did not, and the seconds. Idle ones stay until a second line
 * or the end of stdin. A connection did as it should when its handshake was of
 * the kind asked for, with TLS_AES_128_GCM_SHA256, X25519 and h2, and its answer
 * was a complete 200. AT_ONCE of them are under way at the same time.
 *
 * h2load is not used for this: it cannot resume, and all of its connections
 * shake hands before the first one asks.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FRAME_HEAD 9
#define STALL_MS   20000 /* nothing happens for so long: give up */

enum { DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH, PING, GOAWAY };

struct slot {
	SSL *ssl;             /* NULL: nothing under way */
	SSL_SESSION *session; /* of the latest ticket; owned */
	int fd;
	int shaken;    /* the handshake is done, the request sent */
	int status_ok; /* a 200 has come */
	int ended;     /* kept open; what comes is not read */
	size_t left;   /* bytes of the frame's payload still to come */
	size_t n_head; /* bytes of head that are there */
	unsigned char head[FRAME_HEAD];
	int first; /* the payload's first byte is the next */
};

struct run {
	SSL_CTX *ctx;
	struct slot *slots;
	size_t n_slots;
	int epoll;
	int resume, keep;
	unsigned short port;
	size_t to_start, under_way, done, failed; /* connections */
	unsigned char request[1024];
	size_t request_len;
	char why[128]; /* the first failure */
};

static void die(const char *what)
{
	fprintf(stderr, "bench_tls: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* --- the request ---------------------------------------------------------- */

static size_t put_frame(unsigned char *to, size_t len, int type, int flags, int stream)
{
	const unsigned char head[FRAME_HEAD] = {
		len >> 16, len >> 8, len, type, flags, 0, 0, 0, stream,
	};

	memcpy(to, head, sizeof(head));
	return sizeof(head);
}

/* HPACK: a literal that is not indexed, the name by its index (below 15). */
static size_t put_field(unsigned char *to, int index, const char *value)
{
	size_t n = strlen(value);

	to[0] = index;
	to[1] = n;
	memcpy(to + 2, value, n);
	return n + 2;
}

static void make_request(struct run *r, const char *path)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
	unsigned char block[256], *p = r->request;
	char authority[32];
	size_t n = 0;

	block[n++] = 0x82; /* :method GET */
	block[n++] = 0x87; /* :scheme https */
	snprintf(authority, sizeof(authority), "127.0.0.1:%d", r->port);
	n += put_field(block + n, 1, authority);
	n += put_field(block + n, 4, path);
	memcpy(p, preface, sizeof(preface) - 1);
	p += sizeof(preface) - 1;
	p += put_frame(p, 0, SETTINGS, 0, 0);
	p += put_frame(p, n, HEADERS, 5, 1); /* END_STREAM, END_HEADERS */
	memcpy(p, block, n);
	r->request_len = p + n - r->request;
}

/* --- one connection ------------------------------------------------------- */

static int keep_session_cb(SSL *ssl, SSL_SESSION *session)
{
	struct slot *s = SSL_get_app_data(ssl);

	SSL_SESSION_free(s->session);
	s->session = session;
	return 1; /* it is ours now */
}

static void slot_close(struct slot *s)
{
	SSL_shutdown(s->ssl);
	close(s->fd);
	SSL_free(s->ssl);
	s->ssl = NULL;
}

static void slot_end(struct run *r, struct slot *s, const char *why)
{
	if (why && !r->failed++)
		snprintf(r->why, sizeof(r->why), "%s", why);
	r->done += !why;
	r->under_way--;
	s->ended = 1;
	if (why || !r->keep)
		slot_close(s);
}

static void slot_start(struct run *r, struct slot *s)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(r->port)};
	struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = s};
	SSL_SESSION *session = s->session;
	int one = 1;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	memset(s, 0, sizeof(*s));
	s->session = session;
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		die("connect");
	setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (fcntl(s->fd, F_SETFL, O_NONBLOCK) < 0 ||
	    epoll_ctl(r->epoll, EPOLL_CTL_ADD, s->fd, &ev) < 0)
		die("epoll");
	s->ssl = SSL_new(r->ctx);
	if (!s->ssl)
		die("SSL_new");
	SSL_set_app_data(s->ssl, s);
	SSL_set_fd(s->ssl, s->fd);
	if (r->resume) {
		/* OpenSSL lets a session be resumed once only; some servers give
		 * no new ticket to who has come with one. */
		session = SSL_SESSION_dup(s->session);
		SSL_set_session(s->ssl, session);
		SSL_SESSION_free(session);
	}
	r->to_start--;
	r->under_way++;
}

/* What is wrong with this handshake, or NULL. */
static const char *handshake_fault(const struct run *r, SSL *ssl)
{
	const unsigned char *alpn;
	unsigned int n;

	SSL_get0_alpn_selected(ssl, &alpn, &n);
	if (n != 2 || memcmp(alpn, "h2", 2) != 0)
		return "no h2 by ALPN";
	if (SSL_version(ssl) != TLS1_3_VERSION)
		return "not TLS 1.3";
	if (SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(ssl)) != 0x1301)
		return "not TLS_AES_128_GCM_SHA256";
	if (SSL_get_negotiated_group(ssl) != NID_X25519)
		return "not X25519";
	if (SSL_session_reused(ssl) != r->resume)
		return r->resume ? "not resumed" : "resumed";
	return NULL;
}

/* 0: done; 1: later; -1: never. */
static int ssl_result(SSL *ssl, int rv)
{
	int e = SSL_get_error(ssl, rv);

	if (rv > 0)
		return 0;
	return e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE ? 1 : -1;
}

/* A frame has ended. Returns 1 when it was the answer's last, -1 for a fault. */
static int frame_end(struct slot *s)
{
	int type = s->head[3], flags = s->head[4], stream = s->head[8];
	unsigned char ack[FRAME_HEAD];

	s->n_head = 0;
	if (type == SETTINGS && !(flags & 1)) {
		put_frame(ack, 0, SETTINGS, 1, 0);
		return SSL_write(s->ssl, ack, sizeof(ack)) > 0 ? 0 : -1;
	}
	if (type == GOAWAY || type == RST_STREAM)
		return -1;
	if (stream == 1 && (type == DATA || type == HEADERS) && (flags & 1))
		return s->status_ok ? 1 : -1;
	return 0;
}

/* Reads over frames. Returns as frame_end(). */
static int frames(struct slot *s, const unsigned char *p, size_t n)
{
	int rv = 0;

	while (n > 0 && rv == 0) {
		size_t take;

		if (s->n_head < FRAME_HEAD) {
			s->head[s->n_head++] = *p++;
			n--;
			if (s->n_head < FRAME_HEAD)
				continue;
			s->left = s->head[0] << 16 | s->head[1] << 8 | s->head[2];
			s->first = 1;
		}
		if (s->first && n > 0 && s->left > 0) {
			/* No table size was asked for, so :status is the first. */
			if (s->head[3] == HEADERS)
				s->status_ok = *p == 0x88;
			s->first = 0;
		}
		take = n < s->left ? n : s->left;
		p += take;
		n -= take;
		s->left -= take;
		if (s->left == 0)
			rv = frame_end(s);
	}
	return rv;
}

/* Takes a connection as far as it goes now. */
static void slot_drive(struct run *r, struct slot *s)
{
	unsigned char in[16384];
	const char *fault;
	int rv, n;

	if (!s->shaken) {
		rv = ssl_result(s->ssl, SSL_connect(s->ssl));
		if (rv == 1)
			return;
		fault = rv < 0 ? "the handshake failed" : handshake_fault(r, s->ssl);
		if (fault) {
			slot_end(r, s, fault);
			return;
		}
		s->shaken = 1;
		if (SSL_write(s->ssl, r->request, r->request_len) <= 0) {
			slot_end(r, s, "the request could not be sent");
			return;
		}
	}
	while ((n = SSL_read(s->ssl, in, sizeof(in))) > 0) {
		rv = frames(s, in, n);
		if (rv != 0) {
			slot_end(r, s, rv < 0 ? "the answer was no 200" : NULL);
			return;
		}
	}
	if (ssl_result(s->ssl, n) < 0)
		slot_end(r, s, "closed before the answer");
}

/* --- all of them ---------------------------------------------------------- */

/* Makes n connections, at_once of them under way; resumes by each slot's ticket.
 * A slot of a run that keeps is used once. */
static void run_all(struct run *r, size_t n, size_t at_once)
{
	struct epoll_event events[256];
	size_t next = 0;

	r->to_start = n;
	while (r->to_start > 0 && r->under_way < at_once)
		slot_start(r, &r->slots[next++]);
	while (r->under_way > 0) {
		int k = epoll_wait(r->epoll, events, 256, STALL_MS);

		if (k <= 0)
			die("nothing happens");
		for (int i = 0; i < k; i++) {
			struct slot *s = events[i].data.ptr;
			size_t before = r->under_way;

			ERR_clear_error();
			if (s->ended)
				continue;
			slot_drive(r, s);
			if (r->under_way < before && r->to_start > 0)
				slot_start(r, r->keep ? &r->slots[next++] : s);
		}
	}
}

static SSL_CTX *make_ctx(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (!ctx || !SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) ||
	    !SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256") ||
	    !SSL_CTX_set1_groups_list(ctx, "X25519") ||
	    SSL_CTX_set_alpn_protos(ctx, (const unsigned char *)"\2h2", 3))
		die("TLS settings");
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT |
						    SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, keep_session_cb);
	return ctx;
}

static void wait_line(void)
{
	char c = 0;

	while (read(STDIN_FILENO, &c, 1) == 1 && c != '\n')
		;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* A ticket for each slot, by full handshakes. */
static void prime(struct run *r)
{
	run_all(r, r->n_slots, r->n_slots);
	for (size_t i = 0; i < r->n_slots; i++)
		if (!r->slots[i].session && !r->failed++)
			snprintf(r->why, sizeof(r->why), "no ticket was given");
	if (r->failed) {
		fprintf(stderr, "bench_tls: %zu of %zu first connections: %s\n",
			r->failed, r->n_slots, r->why);
		exit(1);
	}
	r->done = 0;
	r->resume = 1;
}

int main(int argc, char **argv)
{
	struct run r = {.epoll = epoll_create1(EPOLL_CLOEXEC)};
	const char *mode = argc > 1 ? argv[1] : "";
	size_t n = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
	size_t at_once = argc > 4 ? strtoul(argv[4], NULL, 10) : 0;
	double began;

	if (n < 1 || at_once < 1 ||
	    (strcmp(mode, "full") && strcmp(mode, "resumed") && strcmp(mode, "idle"))) {
		fprintf(stderr, "usage: bench_tls full|resumed|idle PORT CONNECTIONS "
				"AT_ONCE [PATH]\n");
		return 2;
	}
	at_once = at_once < n ? at_once : n;
	r.port = atoi(argv[2]);
	r.keep = strcmp(mode, "idle") == 0;
	r.n_slots = r.keep ? n : at_once;
	r.slots = calloc(r.n_slots, sizeof(*r.slots));
	r.ctx = make_ctx();
	make_request(&r, argc > 5 ? argv[5] : "/1k");
	if (!r.slots)
		die("memory");
	if (strcmp(mode, "resumed") == 0)
		prime(&r);
	puts("ready");
	fflush(stdout);
	wait_line();
	began = seconds();
	run_all(&r, n, at_once);
	printf("%zu %zu %.6f%s%s\n", r.done, r.failed, seconds() - began,
	       r.failed ? " " : "", r.why);
	fflush(stdout);
	if (r.keep)
		wait_line();
	for (size_t i = 0; i < r.n_slots; i++) {
		if (r.slots[i].ssl)
			slot_close(&r.slots[i]);
		SSL_SESSION_free(r.slots[i].session);
	}
	SSL_CTX_free(r.ctx);
	return r.failed > 0;
}
