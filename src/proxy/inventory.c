#include "proxy/inventory.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "proxy/back_h1.h"
#include "proxy/back_h2.h"
#include "proxy/front_h1.h"
#include "proxy/front_h2.h"
#include "proxy/stream.h"

#define CONNS_PER_LOOK 16 /* at the clock */
#define MAX_BACKS      4096

/* --- sums ---------------------------------------------------------------- */

static void total(struct inventory_sum *s)
{
	s->bytes = s->struct_bytes + s->nghttp2_bytes + s->tls_bytes + s->packed_bytes +
		   s->pending_bytes + s->held_bytes + s->stream_bytes + s->body_bytes;
}

static void add(struct inventory_sum *to, const struct inventory_sum *s)
{
	to->bytes += s->bytes;
	to->struct_bytes += s->struct_bytes;
	to->nghttp2_bytes += s->nghttp2_bytes;
	to->hpack_bytes += s->hpack_bytes;
	to->tls_bytes += s->tls_bytes;
	to->packed_bytes += s->packed_bytes;
	to->saved_bytes += s->saved_bytes;
	to->pending_bytes += s->pending_bytes;
	to->held_bytes += s->held_bytes;
	to->stream_bytes += s->stream_bytes;
	to->body_bytes += s->body_bytes;
	to->n_conns += s->n_conns;
	to->n_streams += s->n_streams;
}

/* --- streams ------------------------------------------------------------- */

static enum inventory_state state_of(const struct stream *s)
{
	if (s->tunnel)
		return INVENTORY_TUNNEL;
	if (s->answered)
		return INVENTORY_ANSWERS;
	return s->dispatched ? INVENTORY_WAITS : INVENTORY_ASKS;
}

static void name_stream(struct inventory_stream *to, const struct stream *s)
{
	to->id = s->a.h2.id;
	to->state = (uint8_t)state_of(s);
	to->status = s->answered ? s->res.status : 0;
	to->age_ms = (uint32_t)((s->gate->loop->now_us - s->started_us) / 1000);
	snprintf(to->method, sizeof(to->method), "%.*s", (int)s->req.method_text.len,
		 s->req.method_text.len ? s->req.method_text.p : "");
	snprintf(to->route, sizeof(to->route), "%.35s",
		 s->route && s->route->name ? s->route->name : "");
}

static void look_at_stream(struct inventory_stream *to, const struct stream *s)
{
	to->struct_bytes = sizeof(*s);
	to->arena_bytes = (uint32_t)s->arena.used_bytes;
	to->req_bytes = s->req_body.held_bytes;
	to->res_bytes = s->res_body.held_bytes;
	to->bytes = (uint64_t)to->struct_bytes + to->arena_bytes + to->req_bytes +
		    to->res_bytes;
}

/* Keeps those that hold most, in order. */
static void keep_stream(struct inventory_conn *c, const struct inventory_stream *k,
			const struct stream *s)
{
	unsigned int at = c->n_kept;

	while (at && c->streams[at - 1].bytes < k->bytes)
		at--;
	if (at == INVENTORY_STREAMS)
		return;
	if (c->n_kept < INVENTORY_STREAMS)
		c->n_kept++;
	memmove(&c->streams[at + 1], &c->streams[at],
		(c->n_kept - at - 1) * sizeof(*c->streams));
	c->streams[at] = *k;
	name_stream(&c->streams[at], s);
}

static void add_stream(struct inventory_conn *c, const struct stream *s)
{
	struct inventory_stream k = {.bytes = 0};

	look_at_stream(&k, s);
	c->sum.n_streams++;
	c->sum.stream_bytes += k.struct_bytes + k.arena_bytes;
	c->sum.body_bytes += k.req_bytes + k.res_bytes;
	keep_stream(c, &k, s);
}

/* --- connections --------------------------------------------------------- */

/* Keeps those that hold most, in order. */
static void keep_conn(struct inventory *inv, const struct inventory_conn *c)
{
	unsigned int at = inv->n_kept;

	while (at && inv->conns[at - 1].sum.bytes < c->sum.bytes)
		at--;
	if (at == INVENTORY_CONNS)
		return;
	if (inv->n_kept < INVENTORY_CONNS)
		inv->n_kept++;
	memmove(&inv->conns[at + 1], &inv->conns[at],
		(inv->n_kept - at - 1) * sizeof(*inv->conns));
	inv->conns[at] = *c;
}

static void look_at_conn(struct inventory_conn *to, const struct conn *c)
{
	to->sum.n_conns = 1;
	to->is_tls = conn_is_tls(c);
	to->sum.struct_bytes += sizeof(*c);
	to->sum.tls_bytes = c->tls_bytes > 0 ? (uint64_t)c->tls_bytes : 0;
	to->sum.packed_bytes = fold_packed_bytes(&c->tls);
	to->sum.saved_bytes = fold_saved_bytes(&c->tls);
	to->sum.pending_bytes = mem_usable(c->pending);
}

static void look_at_h1(struct inventory_conn *to, const struct h1_session *w)
{
	look_at_conn(to, w->conn);
	to->sum.held_bytes = mem_usable(w->held);
}

static void look_at_h2(struct inventory_conn *to, const struct h2_session *h2)
{
	look_at_conn(to, h2->conn);
	to->is_h2 = true;
	to->sum.nghttp2_bytes = h2->hpack.bytes > 0 ? (uint64_t)h2->hpack.bytes : 0;
	to->sum.hpack_bytes = h2_hpack_bytes(&h2->hpack);
	to->sum.held_bytes = h2_held_bytes(h2);
	to->sum.packed_bytes += fold_packed_bytes(&h2->hpack.page);
	to->sum.saved_bytes += fold_saved_bytes(&h2->hpack.page);
}

static void add_server(struct inventory *inv, struct inventory_conn *c,
		       const struct conn *conn)
{
	char text[ADDR_TEXT_BYTES];
	struct addr peer;

	conn_peer(conn, &peer);
	snprintf(c->peer, sizeof(c->peer), "%.47s", addr_text(&peer, text));
	c->is_server = true;
	total(&c->sum);
	add(&inv->servers, &c->sum);
	keep_conn(inv, c);
}

static void add_back_h1(struct inventory *inv, const struct back_h1 *b)
{
	struct inventory_conn c = {.sum = {.struct_bytes = sizeof(*b)}};

	look_at_h1(&c, &b->w);
	c.sum.n_streams = b->s != NULL;
	add_server(inv, &c, b->w.conn);
}

static void add_back_h2(struct inventory *inv, const struct back_h2 *b)
{
	struct inventory_conn c = {.sum = {.struct_bytes = sizeof(*b)}};

	look_at_h2(&c, &b->h2);
	c.sum.n_streams = b->n_streams;
	add_server(inv, &c, b->h2.conn);
}

static void add_front(struct inventory *inv, const struct front *f)
{
	struct inventory_conn c = {.is_server = false};

	if (f->is_h2) {
		const struct front_h2 *h = container_of(f, struct front_h2, f);

		c.sum.struct_bytes = sizeof(*h);
		look_at_h2(&c, &h->h2);
	} else {
		const struct front_h1 *h = container_of(f, struct front_h1, f);

		c.sum.struct_bytes = sizeof(*h);
		look_at_h1(&c, &h->w);
	}
	snprintf(c.peer, sizeof(c.peer), "%s", f->client);
	list_each (n, &f->streams) {
		const struct stream *s = container_of(n, struct stream, a.node);

		add_stream(&c, s);
		if (s->server && s->server->conf->proto == PROTO_H1)
			add_back_h1(inv, s->b.owner);
	}
	total(&c.sum);
	add(&inv->clients, &c.sum);
	keep_conn(inv, &c);
}

/* --- the walk ------------------------------------------------------------ */

void inventory_begin(struct inventory *inv, struct gate *g)
{
	memset(inv, 0, sizeof(*inv));
	g->walk = g->fronts.next;
}

bool inventory_step(struct inventory *inv, struct gate *g, uint64_t max_us)
{
	uint64_t end_us = clock_mono_us() + max_us;
	unsigned int n = 0;

	while (g->walk != &g->fronts) {
		if (++n % CONNS_PER_LOOK == 0 && clock_mono_us() >= end_us)
			return false;
		add_front(inv, container_of(g->walk, struct front, node));
		g->walk = g->walk->next;
	}
	g->walk = NULL;
	return true;
}

static void add_backs(struct inventory *inv, struct server *server, unsigned int *n)
{
	list_each (node, &server->idle)
		if ((*n)++ < MAX_BACKS)
			add_back_h1(inv, container_of(node, struct back_h1, node));
	list_each (node, &server->sessions)
		if ((*n)++ < MAX_BACKS)
			add_back_h2(inv, container_of(node, struct back_h2, node));
}

void inventory_add_servers(struct inventory *inv, struct upstream *const *upstreams,
			   unsigned int n)
{
	unsigned int seen = 0;

	for (unsigned int i = 0; i < n; i++)
		for (unsigned int k = 0; upstreams[i] && k < upstreams[i]->n_servers;
		     k++)
			add_backs(inv, &upstreams[i]->servers[k], &seen);
}
