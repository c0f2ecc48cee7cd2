#include "proxy/front.h"

#include <stdio.h>
#include <unistd.h>

#include "base/must.h"

#define FRONT_MAGIC 0x66726e74u /* "frnt" */

void front_init(struct front *f, struct gate *g, struct conn *c, unsigned int listener,
		const struct front_ops *ops)
{
	char text[ADDR_TEXT_BYTES];
	struct addr peer;

	f->magic = FRONT_MAGIC;
	f->ops = ops;
	f->gate = g;
	f->conn = c;
	f->listener = (uint16_t)listener;
	f->is_tls = conn_is_tls(c);
	list_init(&f->streams);
	list_append(&g->fronts, &f->node);
	conn_peer(c, &peer);
	addr_host_text(&peer, text);
	snprintf(f->client, sizeof(f->client), "%.47s", text);
	f->from = g->arriving;
	g->arriving = NULL;
	g->n_fronts++;
	stat_add(&stats_listener(g->stats, listener)->active, 1);
}

void front_fini(struct front *f)
{
	struct gate *g = f->gate;

	must(f->magic == FRONT_MAGIC && list_empty(&f->streams));
	f->magic = 0;
	dirty_fini(&f->dirty);
	timer_stop(g->loop, &f->timer);
	if (g->walk == &f->node)
		g->walk = f->node.next;
	list_del(&f->node);
	clients_leave(&g->clients, &f->from);
	g->n_fronts--;
	stat_sub(&stats_listener(g->stats, f->listener)->active, 1);
	if (g->draining && !g->n_fronts && g->on_idle)
		g->on_idle(g);
}

void front_count_bytes(struct front *f)
{
	const struct conn *c = f->conn;

	stat_add(&f->gate->stats->front_in_bytes, c->in_bytes - f->in_counted);
	stat_add(&f->gate->stats->front_out_bytes, c->out_bytes - f->out_counted);
	f->in_counted = c->in_bytes;
	f->out_counted = c->out_bytes;
}

static enum reject reason_of(unsigned int status)
{
	switch (status) {
	case 413:
		return REJECT_BODY_BYTES;
	case 414:
		return REJECT_URI_BYTES;
	case 431:
		return REJECT_HEADER_BYTES;
	case 503:
		return REJECT_NO_MEMORY;
	default:
		return REJECT_BAD_REQUEST;
	}
}

void front_count_refusal(struct front *f, unsigned int status)
{
	stat_add(&f->gate->stats->rejected[reason_of(status)], 1);
}

/* --- a socket whose protocol is not known yet -------------------------------- */

struct guest {
	struct gate *gate;
	struct conn *conn;
	struct client *from;
	struct list node;   /* in gate->guests */
	struct timer timer; /* in cleartext: the wait for the first bytes */
	unsigned int listener;
	uint8_t n; /* first bytes, too few to tell */
	char first[3];
};

/* Lets go of the guest; the conn goes on with whoever takes it. */
static struct conn *guest_leave(struct guest *guest)
{
	struct conn *c = guest->conn;

	list_del(&guest->node);
	timer_stop(guest->gate->loop, &guest->timer);
	guest->gate->n_fronts--;
	mem_free(MEM_CONN, guest);
	return c;
}

static void guest_reject(struct guest *guest, enum conn_end why)
{
	struct gate *g = guest->gate;
	struct conn *c;

	clients_leave(&g->clients, &guest->from);
	c = guest_leave(guest);
	if (conn_is_tls(c) && why == CONN_TLS_ERROR)
		stat_add(&g->stats->tls_handshakes_failed, 1);
	if (why == CONN_TIMEOUT)
		stat_add(&g->stats->rejected[REJECT_HANDSHAKE_TIMEOUT], 1);
	conn_free(&c);
	if (g->draining && !g->n_fronts && g->on_idle)
		g->on_idle(g);
}

static void guest_seat(struct guest *guest, bool h2, char *data, size_t len)
{
	struct gate *g = guest->gate;
	unsigned int listener = guest->listener;
	struct conn *c;

	g->arriving = guest->from;
	c = guest_leave(guest);
	if (h2)
		front_h2_start(g, c, listener, data, len);
	else
		front_h1_start(g, c, listener, data, len);
	clients_leave(&g->clients, &g->arriving); /* there was no front for it */
}

static void guest_on_open(struct conn *c)
{
	struct guest *guest = c->owner;
	struct stats *st = guest->gate->stats;

	if (!conn_is_tls(c))
		return; /* the first bytes will tell */
	stat_add(c->resumed ? &st->tls_handshakes_resumed : &st->tls_handshakes_new, 1);
	guest_seat(guest, c->is_h2, NULL, 0);
}

/* "PRI" begins the preface of HTTP/2 (RFC 9113 §3.4) and no method of
 * HTTP/1 that anybody serves. */
static void guest_on_input(struct conn *c, char *data, size_t len)
{
	struct guest *guest = c->owner;
	size_t n = guest->n;
	char first[sizeof(guest->first)];

	if (n + len < sizeof(first) && memcmp(data, "PRI" + n, len) == 0) {
		memcpy(guest->first + n, data, len);
		guest->n = (uint8_t)(n + len);
		return;
	}
	/* Bytes that came one by one go in front again: a read is shorter
	 * than the loop's buffer by that much. */
	if (n) {
		must(data == c->loop->in && len + n <= LOOP_IN_BYTES + LOOP_IN_SLACK);
		memcpy(first, guest->first, n);
		memmove(data + n, data, len);
		memcpy(data, first, n);
		len += n;
	}
	guest_seat(guest, len >= 3 && memcmp(data, "PRI", 3) == 0, data, len);
}

static void guest_on_writable(struct conn *c)
{
	(void)c;
}

static void guest_on_end(struct conn *c, enum conn_end why)
{
	guest_reject(c->owner, why);
}

static const struct conn_ops guest_ops = {.on_open = guest_on_open,
					  .on_input = guest_on_input,
					  .on_writable = guest_on_writable,
					  .on_end = guest_on_end};

static void guest_timeout_cb(struct timer *t)
{
	guest_reject(container_of(t, struct guest, timer), CONN_TIMEOUT);
}

/* Returns: false when this client has enough connections. */
static bool client_may_enter(struct gate *g, const struct addr *peer,
			     struct client **from)
{
	uint32_t max = g->limits->client_connections;

	*from = clients_enter(&g->clients, peer);
	if (!max || !*from || (*from)->n_conns <= max)
		return true;
	clients_leave(&g->clients, from);
	stat_add(&g->stats->rejected[REJECT_CLIENT_LIMIT], 1);
	return false;
}

void front_accept(struct gate *g, int fd, const struct addr *peer, SSL_CTX *ctx,
		  unsigned int listener)
{
	uint32_t ms = g->limits->handshake_timeout_ms;
	struct client *from;
	struct guest *guest;
	struct conn *c;

	stat_add(&stats_listener(g->stats, listener)->accepted, 1);
	if (g->n_fronts >= g->limits->connections) {
		stat_add(&g->stats->rejected[REJECT_CONN_LIMIT], 1);
		close(fd);
		return;
	}
	if (!client_may_enter(g, peer, &from)) {
		close(fd);
		return;
	}
	guest = mem_alloc(MEM_CONN, sizeof(*guest));
	if (!guest) {
		clients_leave(&g->clients, &from);
		stat_add(&g->stats->rejected[REJECT_NO_MEMORY], 1);
		close(fd);
		return;
	}
	*guest = (struct guest){.gate = g, .from = from, .listener = listener};
	timer_init(&guest->timer, guest_timeout_cb);
	list_append(&g->guests, &guest->node);
	g->n_fronts++;
	c = conn_accepted(g->loop, fd, peer, ctx, ms, &guest_ops, guest);
	guest->conn = c;
	if (!c) {
		stat_add(&g->stats->rejected[REJECT_NO_MEMORY], 1);
		clients_leave(&g->clients, &guest->from);
		guest_leave(guest);
		return;
	}
	if (ctx)
		return;
	/* In cleartext the wait for the first bytes takes the same time. */
	timer_set(g->loop, &guest->timer, ms);
}

void front_drop_guests(struct gate *g)
{
	while (!list_empty(&g->guests))
		guest_reject(container_of(g->guests.next, struct guest, node),
			     CONN_RESET);
}
