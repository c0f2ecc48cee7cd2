/*
 * guard_h2: charges a client's budget (flood.h) for what it makes its session do,
 * and ends the session when the budget is overdrawn.
 */
#ifndef HEAPGATE_GUARD_H2_H
#define HEAPGATE_GUARD_H2_H

#include "http/h2_session.h"
#include "proxy/flood.h"
#include "proxy/gate.h"

struct guard_h2 {
	struct gate *gate;
	struct h2_session *h2;
	struct flood flood;
};

void guard_h2_init(struct guard_h2 *g, struct gate *gate, struct h2_session *h2);

/* The largest header block that is read to its end: in conf. A head that is too
 * large is answered with 431, but not read for ever. */
void guard_h2_limits(struct h2_conf *conf, const struct limits_conf *limits);

/* Charges the client. Returns: false when the session is over. */
bool guard_h2_charge(struct guard_h2 *g, enum flood_event e, uint32_t n);
/* Ends the session with this code; REJECT_N: nothing to count. */
void guard_h2_end(struct guard_h2 *g, uint32_t code, enum reject reason);

/* What the session tells of the client; see struct h2_ops. */
bool guard_h2_on_frame(struct guard_h2 *g, const struct h2_head *head);
bool guard_h2_on_block(struct guard_h2 *g, uint32_t bytes);
void guard_h2_on_fault(struct guard_h2 *g, uint32_t code);
void guard_h2_on_fail(struct guard_h2 *g, enum h2_fault why);

static inline void guard_h2_gain(struct guard_h2 *g, enum flood_gain gain)
{
	flood_gain(&g->flood, &g->gate->limits->flood, gain);
}

#endif
