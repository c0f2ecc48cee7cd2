#include "proxy/gate.h"

#include <string.h>

#include "proxy/back_h1.h"
#include "proxy/back_h2.h"
#include "proxy/front.h"
#include "proxy/front_h1.h"
#include "proxy/front_h2.h"
#include "proxy/stream.h"

void gate_init(struct gate *g, struct loop *l, struct stats *stats,
	       const struct limits_conf *limits)
{
	memset(g, 0, sizeof(*g));
	g->loop = l;
	g->stats = stats;
	g->limits = limits;
	g->server = "heapgate";
	list_init(&g->fronts);
	list_init(&g->guests);
	clients_init(&g->clients);
	pool_init(&g->streams, "streams", MEM_STREAM, sizeof(struct stream));
	pool_init(&g->fronts_h1, "fronts_h1", MEM_CONN, sizeof(struct front_h1));
	pool_init(&g->fronts_h2, "fronts_h2", MEM_CONN, sizeof(struct front_h2));
	pool_init(&g->backs_h1, "backs_h1", MEM_CONN, sizeof(struct back_h1));
	pool_init(&g->backs_h2, "backs_h2", MEM_CONN, sizeof(struct back_h2));
	front_h2_conf(&g->front_h2, limits);
	back_h2_conf(&g->back_h2, limits);
}

void gate_close_all(struct gate *g)
{
	front_drop_guests(g);
	while (!list_empty(&g->fronts)) {
		struct front *f = container_of(g->fronts.next, struct front, node);

		f->ops->free(f);
	}
}

void gate_fini(struct gate *g)
{
	clients_fini(&g->clients);
	pool_fini(&g->streams);
	pool_fini(&g->fronts_h1);
	pool_fini(&g->fronts_h2);
	pool_fini(&g->backs_h1);
	pool_fini(&g->backs_h2);
}

void gate_trim(struct gate *g)
{
	pool_trim(&g->streams);
	pool_trim(&g->fronts_h1);
	pool_trim(&g->fronts_h2);
	pool_trim(&g->backs_h1);
	pool_trim(&g->backs_h2);
}

void gate_drain(struct gate *g)
{
	g->draining = true;
	list_each_safe (n, &g->fronts) {
		struct front *f = container_of(n, struct front, node);

		f->ops->drain(f);
	}
	if (!g->n_fronts && g->on_idle)
		g->on_idle(g);
}
