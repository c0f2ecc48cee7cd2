#include "io/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/log.h"
#include "base/must.h"

/* Sockets taken in one turn, so that a storm of connects leaves room for
 * those that are served already. */
#define ACCEPT_PER_TURN 64
/* What a drain takes at most: the queue of somaxconn's default. */
#define ACCEPT_PER_DRAIN 4096
/* How long to leave the queue alone when there are no file descriptors. */
#define STARVED_MS 100

struct listener {
	struct loop *loop;
	int fd; /* -1: closed by listener_drain() */
	void (*cb)(int fd, const struct addr *peer, void *arg);
	void *arg;
	struct event event;
	struct timer starved; /* set: accept() failed for want of resources */
	bool complained;      /* so that one shortage makes one line */
	bool paused;          /* by listener_pause() */
	bool in_accept;       /* accept_some() is on the stack */
	bool freed;           /* by the callback, from inside accept_some() */
};

static void close_all(const int *fds, unsigned int n)
{
	int saved = errno;

	for (unsigned int i = 0; i < n; i++)
		close(fds[i]);
	errno = saved;
}

static int set_flag(int fd, int level, int option, int on)
{
	return setsockopt(fd, level, option, &on, sizeof(on));
}

static bool is_any6(const struct addr *a)
{
	return a->sa.sa_family == AF_INET6 &&
	       IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr);
}

/* A socket bound to addr, not listening yet. -1 with errno set. */
static int bound(const struct addr *addr, bool reuseport)
{
	int fd = socket(addr->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			0);

	if (fd < 0)
		return -1;
	if (set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1) ||
	    (reuseport && set_flag(fd, SOL_SOCKET, SO_REUSEPORT, 1)) ||
	    (addr->sa.sa_family == AF_INET6 &&
	     set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, !is_any6(addr))) ||
	    bind(fd, &addr->sa, addr->len)) {
		close_all(&fd, 1);
		return -1;
	}
	return fd;
}

/* A kernel without IPv6 can still serve "any" by IPv4. */
static bool fall_back_to_in(struct addr *a)
{
	int port = addr_port(a);

	if (!is_any6(a) || (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL))
		return false;
	memset(a, 0, sizeof(*a));
	a->in.sin_family = AF_INET;
	a->len = sizeof(a->in);
	addr_set_port(a, port);
	return true;
}

static int open_one(struct addr *a, int backlog)
{
	int fd = bound(a, true);

	if (fd < 0)
		return -1;
	if (listen(fd, backlog)) {
		close_all(&fd, 1);
		return -1;
	}
	if (addr_port(a) == 0) {
		struct addr got = {.len = sizeof(got.in6)};

		if (getsockname(fd, &got.sa, &got.len)) {
			close_all(&fd, 1);
			return -1;
		}
		addr_set_port(a, addr_port(&got));
	}
	return fd;
}

int listen_more(struct addr *addr, int backlog, int *fds, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		fds[i] = open_one(addr, backlog);
		if (fds[i] < 0) {
			close_all(fds, i);
			return -1;
		}
	}
	return 0;
}

/* With SO_REUSEPORT a second process of the same user would take a share of
 * the first one's clients without any error. So ask without it first. */
static int probe(struct addr *addr)
{
	int fd = bound(addr, false);

	if (fd < 0 && fall_back_to_in(addr))
		fd = bound(addr, false);
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

/* A socket file that nobody listens on is what a crash left behind. Connecting
 * to any other file is refused as well, so look at its kind first. */
static bool unlink_stale(const struct addr *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct stat st;
	bool stale;

	if (fd < 0)
		return false;
	stale = lstat(addr->un.sun_path, &st) == 0 && S_ISSOCK(st.st_mode) &&
		connect(fd, &addr->sa, addr->len) && errno == ECONNREFUSED;
	close(fd);
	if (stale)
		unlink(addr->un.sun_path);
	errno = EADDRINUSE;
	return stale;
}

static int open_unix(const struct addr *addr, int backlog, int *fds, unsigned int n)
{
	fds[0] = bound(addr, false);
	if (fds[0] < 0 && errno == EADDRINUSE && unlink_stale(addr))
		fds[0] = bound(addr, false);
	if (fds[0] < 0)
		return -1;
	if (listen(fds[0], backlog)) {
		close_all(fds, 1);
		return -1;
	}
	for (unsigned int i = 1; i < n; i++) {
		fds[i] = fcntl(fds[0], F_DUPFD_CLOEXEC, 0);
		if (fds[i] < 0) {
			close_all(fds, i);
			return -1;
		}
	}
	return 0;
}

int listen_open(struct addr *addr, int backlog, int *fds, unsigned int n)
{
	must(addr->len && n > 0);
	if (addr->sa.sa_family == AF_UNIX)
		return open_unix(addr, backlog, fds, n);
	if (probe(addr))
		return -1;
	return listen_more(addr, backlog, fds, n);
}

static void watch(struct listener *ln)
{
	if (ln->fd < 0 || ln->paused || timer_is_set(&ln->starved))
		event_del(&ln->event);
	else if (event_add(&ln->event, NULL))
		timer_set(ln->loop, &ln->starved, STARVED_MS);
}

static void on_starved(struct timer *t)
{
	watch(container_of(t, struct listener, starved));
}

static bool is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS ||
	       error == ENOMEM;
}

/* The next socket of the queue, or -1 with errno set. */
static int accept_one(struct listener *ln, struct addr *peer)
{
	int fd;

	peer->len = sizeof(peer->un);
	fd = accept4(ln->fd, &peer->sa, &peer->len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return -1;
	if (peer->len <= sizeof(sa_family_t) || peer->sa.sa_family == AF_UNIX)
		return fd;
	addr_unmap(peer);
	set_flag(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	return fd;
}

static void starve(struct listener *ln)
{
	if (!ln->complained)
		log_error("accept: %s; new connections wait", strerror(errno));
	ln->complained = true;
	timer_set(ln->loop, &ln->starved, STARVED_MS);
}

/* Takes up to n sockets, until the queue is empty or the callback has paused
 * or ended the listener. drain: a pause counts for nothing. */
static void accept_some(struct listener *ln, unsigned int n, bool drain)
{
	bool outer = ln->in_accept;

	ln->in_accept = true;
	while (n-- && ln->fd >= 0 && (drain || !ln->paused)) {
		struct addr peer = {0};
		int fd = accept_one(ln, &peer);

		if (fd >= 0) {
			ln->complained = false;
			ln->cb(fd, &peer, ln->arg);
		} else if (is_shortage(errno)) {
			starve(ln);
			break;
		} else if (errno == EAGAIN || errno == EBADF || errno == EINVAL) {
			break;
		} /* else it is about the one connection that was lost */
	}
	ln->in_accept = outer;
}

/* Frees what the callback has ended. Returns: whether it did. */
static bool release(struct listener *ln)
{
	if (!ln->freed || ln->in_accept)
		return ln->freed;
	mem_free(MEM_WORKER, ln);
	return true;
}

static void on_readable_cb(evutil_socket_t fd, short what, void *arg)
{
	struct listener *ln = arg;

	(void)fd;
	(void)what;
	loop_turn(ln->loop);
	accept_some(ln, ACCEPT_PER_TURN, false);
	if (!release(ln))
		watch(ln);
}

struct listener *listener_new(struct loop *l, int fd,
			      void (*cb)(int fd, const struct addr *peer, void *arg),
			      void *arg)
{
	struct listener *ln = mem_zalloc(MEM_WORKER, 1, sizeof(*ln));

	if (!ln)
		return NULL;
	ln->loop = l;
	ln->fd = fd;
	ln->cb = cb;
	ln->arg = arg;
	timer_init(&ln->starved, on_starved);
	if (event_assign(&ln->event, l->base, fd, EV_READ | EV_PERSIST, on_readable_cb,
			 ln) ||
	    event_add(&ln->event, NULL)) {
		mem_free(MEM_WORKER, ln);
		return NULL;
	}
	return ln;
}

static void stop(struct listener *ln)
{
	if (ln->fd < 0)
		return;
	event_del(&ln->event);
	timer_stop(ln->loop, &ln->starved);
	close(ln->fd);
	ln->fd = -1;
}

void listener_drain(struct listener *ln)
{
	if (ln->fd < 0)
		return;
	accept_some(ln, ACCEPT_PER_DRAIN, true);
	stop(ln);
	release(ln);
}

void listener_pause(struct listener *ln, bool paused)
{
	ln->paused = paused;
	if (!ln->in_accept)
		watch(ln);
}

void listener_free(struct listener **ln)
{
	struct listener *old = *ln;

	*ln = NULL;
	if (!old)
		return;
	stop(old);
	if (old->in_accept)
		old->freed = true;
	else
		mem_free(MEM_WORKER, old);
}
