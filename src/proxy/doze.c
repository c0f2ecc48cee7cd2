#include "proxy/doze.h"

#include "proxy/front_h2.h"

/* A page that is given back costs a fault of about 3 us when it is wanted again:
 * nothing, once in so long. */
#define QUIET_MS 2000

void doze_init(struct doze *d)
{
	list_init(&d->node);
}

void doze_begin(struct gate *g, struct doze *d)
{
	list_del(&d->node);
	d->since_ms = g->loop->now_ms;
	list_append(&g->quiet, &d->node);
}

void doze_end(struct doze *d)
{
	list_del(&d->node);
}

void doze_tick(struct gate *g)
{
	/* In the order in which they fell quiet. */
	while (!list_empty(&g->quiet)) {
		struct doze *d = container_of(g->quiet.next, struct doze, node);
		struct front_h2 *h = container_of(d, struct front_h2, doze);

		if (g->loop->now_ms - d->since_ms < QUIET_MS)
			return;
		list_del(&d->node);
		h2_vacate(&h->user);
	}
}
