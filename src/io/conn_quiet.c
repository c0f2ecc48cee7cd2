#include "base/clock.h"
#include "io/conn_inner.h"

/* A page that is given back costs a fault of some microseconds when it is wanted
 * again: nothing, once in so long. */
#define QUIET_MS 2000
/* Of the loop's time, at a stretch: thousands may fall quiet together. */
#define SLICE_US 2000

static bool has_what_folds(const struct conn *c)
{
	return conn_is_tls(c) || c->ops->on_quiet;
}

static uint32_t quiet_ms(const struct conn *c)
{
	return (uint32_t)c->loop->now_ms - c->stirred_ms;
}

void conn_await_quiet(struct conn *c)
{
	uint32_t ms = quiet_ms(c);

	if (c->state == CONN_OPEN && !conn_is_over(c) && !timer_is_set(&c->timer) &&
	    has_what_folds(c))
		timer_set(c->loop, &c->timer, ms < QUIET_MS ? QUIET_MS - ms : 0);
}

static void fold_one(struct conn *c)
{
	if (c->state != CONN_OPEN || conn_is_over(c) || quiet_ms(c) < QUIET_MS)
		return; /* if it goes on its timer is set again */
	conn_fold_tls(c);
	if (c->ops->on_quiet)
		c->ops->on_quiet(c);
}

static void fold_cb(struct dirty *d)
{
	struct loop *l = container_of(d, struct loop, folding);
	uint64_t end_us = clock_mono_us() + SLICE_US;
	struct list *n;

	while ((n = list_pop(&l->quiet))) {
		fold_one(container_of(n, struct conn, node));
		if (clock_mono_us() >= end_us)
			break;
	}
	if (!list_empty(&l->quiet))
		loop_defer(l, d);
}

void conn_on_quiet_timer(struct conn *c)
{
	struct loop *l = c->loop;

	if (quiet_ms(c) < QUIET_MS) {
		conn_await_quiet(c);
		return;
	}
	if (!l->folding.flush)
		dirty_init(&l->folding, fold_cb);
	list_del(&c->node);
	list_append(&l->quiet, &c->node);
	loop_defer(l, &l->folding);
}
