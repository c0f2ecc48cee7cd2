#include "io/resolve.h"

#include <ares.h>
#include <netdb.h>
#include <string.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#define N_ADDRS 16
/* First wait for an answer; c-ares doubles it with each try. */
#define TRY_MS  1000
#define N_TRIES 3

/* A socket of c-ares, from its first to its last sock_state_cb. */
struct socket_watch {
	struct list node;
	struct resolver *resolver;
	struct event event;
	ares_socket_t fd;
	short what;
};

struct question {
	struct list node;
	struct resolver *resolver;
	void (*cb)(void *arg, const struct addr *addrs, unsigned int n,
		   const char *error); /* NULL: forgotten */
	void *arg;
	unsigned int n;
	const char *error; /* a constant of c-ares */
	struct addr addrs[N_ADDRS];
};

struct resolver {
	struct loop *loop;
	ares_channel channel;
	struct list sockets;
	struct list asked;    /* c-ares works on it */
	struct list answered; /* to be told from the loop */
	struct event timeout; /* when c-ares wants to be called next */
	struct event tell;    /* at once, when something is answered */
};

static void set_timeout(struct resolver *r)
{
	struct timeval tv, *next = ares_timeout(r->channel, NULL, &tv);

	if (next)
		event_add(&r->timeout, next);
	else
		event_del(&r->timeout);
}

static void on_socket_cb(evutil_socket_t fd, short what, void *arg)
{
	struct socket_watch *w = arg;
	struct resolver *r = w->resolver;

	loop_turn(r->loop);
	/* w may be gone after this */
	ares_process_fd(r->channel, what & EV_READ ? fd : ARES_SOCKET_BAD,
			what & EV_WRITE ? fd : ARES_SOCKET_BAD);
	set_timeout(r);
}

static void on_timeout_cb(evutil_socket_t fd, short what, void *arg)
{
	struct resolver *r = arg;

	(void)fd;
	(void)what;
	loop_turn(r->loop);
	ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	set_timeout(r);
}

static struct socket_watch *find_socket(struct resolver *r, ares_socket_t fd)
{
	list_each (n, &r->sockets) {
		struct socket_watch *w = container_of(n, struct socket_watch, node);

		if (w->fd == fd)
			return w;
	}
	return NULL;
}

static void drop_socket(struct socket_watch *w)
{
	event_del(&w->event);
	list_del(&w->node);
	mem_free(MEM_WORKER, w);
}

static void socket_state_cb(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct resolver *r = arg;
	struct socket_watch *w = find_socket(r, fd);

	if (!readable && !writable) {
		if (w)
			drop_socket(w);
		return;
	}
	if (w) {
		event_del(&w->event);
	} else {
		/* without memory the question ends by its timeout */
		w = mem_zalloc(MEM_WORKER, 1, sizeof(*w));
		if (!w)
			return;
		w->resolver = r;
		w->fd = fd;
		list_push(&r->sockets, &w->node);
	}
	w->what = (short)((readable ? EV_READ : 0) | (writable ? EV_WRITE : 0));
	event_assign(&w->event, r->loop->base, fd, (short)(w->what | EV_PERSIST),
		     on_socket_cb, w);
	event_add(&w->event, NULL);
}

static void take_addrs(struct question *q, const struct ares_addrinfo *info)
{
	for (const struct ares_addrinfo_node *n = info->nodes; n && q->n < N_ADDRS;
	     n = n->ai_next) {
		struct addr *a = &q->addrs[q->n];

		if (n->ai_family == AF_INET)
			a->len = sizeof(a->in);
		else if (n->ai_family == AF_INET6)
			a->len = sizeof(a->in6);
		else
			continue;
		memcpy(&a->sa, n->ai_addr, a->len);
		addr_set_port(a, 0);
		q->n++;
	}
}

static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
	static const struct timeval now;
	struct question *q = arg;
	struct resolver *r = q->resolver;

	(void)timeouts;
	if (status == ARES_SUCCESS)
		take_addrs(q, info);
	if (info)
		ares_freeaddrinfo(info);
	if (!q->n)
		q->error =
			ares_strerror(status == ARES_SUCCESS ? ARES_ENODATA : status);
	list_del(&q->node);
	list_append(&r->answered, &q->node);
	event_add(&r->tell, &now);
}

static void tell_cb(evutil_socket_t fd, short what, void *arg)
{
	struct resolver *r = arg;
	struct list *n;

	(void)fd;
	(void)what;
	loop_turn(r->loop);
	while ((n = list_pop(&r->answered))) {
		struct question *q = container_of(n, struct question, node);

		if (q->cb)
			q->cb(q->arg, q->addrs, q->n, q->error);
		mem_free(MEM_WORKER, q);
	}
}

int resolver_ask(struct resolver *r, const char *host,
		 void (*cb)(void *arg, const struct addr *addrs, unsigned int n,
			    const char *error),
		 void *arg)
{
	struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC,
					    .ai_socktype = SOCK_STREAM};
	struct question *q = mem_zalloc(MEM_WORKER, 1, sizeof(*q));

	if (!q)
		return -1;
	q->resolver = r;
	q->cb = cb;
	q->arg = arg;
	list_append(&r->asked, &q->node);
	ares_getaddrinfo(r->channel, host, NULL, &hints, on_answer, q);
	set_timeout(r);
	return 0;
}

static void forget(struct list *questions, void *arg)
{
	list_each (n, questions) {
		struct question *q = container_of(n, struct question, node);

		if (q->arg == arg)
			q->cb = NULL;
	}
}

void resolver_forget(struct resolver *r, void *arg)
{
	forget(&r->asked, arg);
	forget(&r->answered, arg);
}

int resolver_set_servers(struct resolver *r, const char *list)
{
	return ares_set_servers_ports_csv(r->channel, list) == ARES_SUCCESS ? 0 : -1;
}

struct resolver *resolver_new(struct loop *l)
{
	static char lookups[] = "fb"; /* /etc/hosts, then DNS */
	struct resolver *r = mem_zalloc(MEM_WORKER, 1, sizeof(*r));
	struct ares_options o = {
		.timeout = TRY_MS,
		.tries = N_TRIES,
		.lookups = lookups,
		.sock_state_cb = socket_state_cb,
		.sock_state_cb_data = r,
	};
	int which = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
		    ARES_OPT_SOCK_STATE_CB;

	if (!r)
		return NULL;
	r->loop = l;
	list_init(&r->sockets);
	list_init(&r->asked);
	list_init(&r->answered);
	event_assign(&r->timeout, l->base, -1, 0, on_timeout_cb, r);
	event_assign(&r->tell, l->base, -1, 0, tell_cb, r);
	if (ares_init_options(&r->channel, &o, which) == ARES_SUCCESS)
		return r;
	mem_free(MEM_WORKER, r);
	return NULL;
}

void resolver_free(struct resolver **r)
{
	struct resolver *old = *r;
	struct list *n;

	*r = NULL;
	if (!old)
		return;
	ares_destroy(old->channel); /* answers all, closes all sockets */
	while ((n = list_pop(&old->answered)))
		mem_free(MEM_WORKER, container_of(n, struct question, node));
	while (!list_empty(&old->sockets))
		drop_socket(container_of(old->sockets.next, struct socket_watch, node));
	event_del(&old->timeout);
	event_del(&old->tell);
	mem_free(MEM_WORKER, old);
}
