#include "upstream/health.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "http/h1.h"
#include "io/conn.h"

#define HEAD_BYTES 8192

static const struct h1_limits limits = {
	.line_bytes = 4096,
	.header_bytes = HEAD_BYTES,
	.n_headers = 100,
};

/* Of one server. */
struct check {
	struct health *health;
	struct server *server;
	struct timer timer; /* the next one; while there is a conn its deadline */
	struct conn *conn;  /* NULL: none under way */
	char *head;         /* HEAD_BYTES: what came of the answer */
	size_t n_head;
	struct h1 h1;
	struct message answer;
	struct arena arena;  /* of the answer */
	unsigned int n_same; /* results in a row that contradict the state */
	bool is_decided;     /* there was a first result */
};

struct health {
	struct loop *loop;
	const struct upstream_conf *conf;
	uint64_t random;
	unsigned int n_checks;
	struct check checks[];
};

/* 0 up to n - 1. Not for secrets: it only keeps the checks apart. */
static uint64_t random_below(struct health *h, uint64_t n)
{
	h->random = h->random * 6364136223846793005u + 1442695040888963407u;
	return n ? (h->random >> 33) % n : 0;
}

static void schedule(struct check *c)
{
	uint64_t every = c->health->conf->check_every_ms;

	timer_set(c->health->loop, &c->timer,
		  every - every / 10 + random_below(c->health, every / 5));
}

static void let_go(struct check *c)
{
	if (c->conn)
		conn_free(&c->conn);
	if (c->head)
		mem_free(MEM_CONN, c->head);
	c->head = NULL;
	c->n_head = 0;
	arena_fini(&c->arena);
}

/* why: NULL, it is well. */
static void finish(struct check *c, const char *why)
{
	const struct upstream_conf *conf = c->health->conf;
	struct server *s = c->server;
	bool is_down = why;

	let_go(c);
	stat_add(&s->stats->checks_total, 1);
	stat_add(&s->stats->checks_failed, is_down);
	c->n_same = is_down == s->check_down ? 0 : c->n_same + 1;
	if (!c->is_decided ||
	    c->n_same >= (is_down ? conf->check_fall : conf->check_rise)) {
		c->n_same = 0;
		server_set_check(s, is_down, why ? why : "it answers");
	}
	c->is_decided = true;
	schedule(c);
}

static void read_answer(struct check *c)
{
	for (;;) {
		size_t used = 0;
		unsigned int status;

		switch (h1_read_head(&c->h1, c->head, c->n_head, &used, &c->answer,
				     &c->arena)) {
		case H1_HEAD:
			break;
		case H1_MORE:
			if (c->n_head == HEAD_BYTES)
				finish(c, "its answer's head is too long");
			return;
		default:
			finish(c, "its answer is not HTTP/1");
			return;
		}
		status = c->answer.status;
		if (status >= 200 || status == 101) {
			finish(c, status >= 200 && status < 400 ? NULL : "bad status");
			return;
		}
		c->n_head -= used; /* a 1xx comes before the answer */
		memmove(c->head, c->head + used, c->n_head);
		h1_next(&c->h1);
		message_init(&c->answer);
		c->answer.method = METHOD_GET;
	}
}

static void on_input(struct conn *conn, char *data, size_t len)
{
	struct check *c = conn->owner;
	size_t room = HEAD_BYTES - c->n_head;

	memcpy(c->head + c->n_head, data, len < room ? len : room);
	c->n_head += len < room ? len : room;
	read_answer(c);
}

static void say(struct conn *conn, const char *z)
{
	conn_write(conn, z, strlen(z));
}

static void on_open(struct conn *conn)
{
	struct check *c = conn->owner;
	const struct server_conf *s = c->server->conf;

	if (s->proto == PROTO_H2) {
		finish(c, NULL);
		return;
	}
	conn_begin(conn);
	say(conn, "GET ");
	say(conn, c->health->conf->check_path);
	say(conn, " HTTP/1.1\r\nHost: ");
	say(conn, s->addr.len && !addr_port(&s->addr) ? "localhost" : s->text);
	say(conn, "\r\nUser-Agent: heapgate-check\r\nAccept: */*\r\n"
		  "Connection: close\r\n\r\n");
	conn_flush(conn); /* if it broke, on_end() follows */
}

static void on_writable(struct conn *conn)
{
	(void)conn;
}

static void on_end(struct conn *conn, enum conn_end why)
{
	static const char *const reasons[] = {
		[CONN_EOF] = "it closed without an answer",
		[CONN_RESET] = "connection reset",
		[CONN_TLS_ERROR] = "TLS handshake failed",
		[CONN_REFUSED] = "cannot connect",
		[CONN_TIMEOUT] = "timeout",
		[CONN_NO_MEMORY] = "no memory",
	};

	finish(conn->owner, reasons[why]);
}

static const struct conn_ops ops = {
	.on_open = on_open,
	.on_input = on_input,
	.on_writable = on_writable,
	.on_end = on_end,
};

static void begin(struct check *c)
{
	uint32_t every = c->health->conf->check_every_ms;
	struct loop *l = c->health->loop;
	struct server *s = c->server;
	const struct addr *to = server_addr(s);

	if (!to) { /* has no address yet, so it is out already */
		schedule(c);
		return;
	}
	arena_init(&c->arena, MEM_CONN, 1024);
	h1_init_response(&c->h1, &limits);
	message_init(&c->answer);
	c->answer.method = METHOD_GET;
	c->head = mem_alloc(MEM_CONN, HEAD_BYTES);
	/* on_open() needs c->conn, and is never called from inside this */
	if (c->head)
		c->conn = conn_connect(l, to, s->tls, s->tls_name, every, &ops, c);
	if (c->conn)
		timer_set(l, &c->timer, every);
	else
		finish(c, c->head ? "cannot connect" : "no memory");
}

static void on_timer(struct timer *t)
{
	struct check *c = container_of(t, struct check, timer);

	if (c->conn)
		finish(c, "timeout");
	else
		begin(c);
}

static void check_init(struct check *c, struct health *h, struct server *s)
{
	c->health = h;
	c->server = s;
	timer_init(&c->timer, on_timer);
	arena_init(&c->arena, MEM_CONN, 1024);
	timer_set(h->loop, &c->timer, random_below(h, h->conf->check_every_ms));
}

struct health *health_start(struct upstream *u)
{
	struct health *h;

	if (!u->conf->check_path)
		return NULL;
	h = mem_zalloc(MEM_WORKER, 1, sizeof(*h) + u->n_servers * sizeof(h->checks[0]));
	if (!h) {
		log_error("upstream %s: no memory for health checks", u->conf->name);
		return NULL;
	}
	h->loop = u->loop;
	h->conf = u->conf;
	h->random = clock_mono_us() ^ (uint64_t)getpid() << 32;
	h->n_checks = u->n_servers;
	for (unsigned int i = 0; i < h->n_checks; i++)
		check_init(&h->checks[i], h, &u->servers[i]);
	return h;
}

void health_stop(struct health **h)
{
	struct health *old = *h;

	*h = NULL;
	if (!old)
		return;
	for (unsigned int i = 0; i < old->n_checks; i++) {
		timer_stop(old->loop, &old->checks[i].timer);
		let_go(&old->checks[i]);
	}
	mem_free(MEM_WORKER, old);
}
