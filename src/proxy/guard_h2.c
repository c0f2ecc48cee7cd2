#include "proxy/guard_h2.h"

/* This much more than what is allowed is still read. */
#define BOMB_FACTOR 4
#define BOMB_BYTES  (64 * 1024)
#define BOMB_FIELDS 512u

void guard_h2_limits(struct h2_conf *conf, const struct limits_conf *limits)
{
	conf->max_block_bytes =
		BOMB_BYTES + BOMB_FACTOR * (uint64_t)limits->head.header_bytes;
	conf->max_block_fields =
		BOMB_FIELDS + BOMB_FACTOR * (uint32_t)limits->head.n_headers;
}

void guard_h2_init(struct guard_h2 *g, struct gate *gate, struct h2_session *h2)
{
	g->gate = gate;
	g->h2 = h2;
	flood_init(&g->flood, &gate->limits->flood, gate->loop->now_ms);
}

void guard_h2_end(struct guard_h2 *g, uint32_t code, enum reject reason)
{
	if (g->h2->over)
		return;
	if (reason < REJECT_N)
		stat_add(&g->gate->stats->rejected[reason], 1);
	h2_end(g->h2, code);
}

bool guard_h2_charge(struct guard_h2 *g, enum flood_event e, uint32_t n)
{
	if (flood_spend(&g->flood, &g->gate->limits->flood, g->gate->loop->now_ms, e,
			n))
		return true;
	guard_h2_end(g, H2_ENHANCE_YOUR_CALM, flood_reason(e));
	return false;
}

static enum flood_event event_of(const struct h2_head *head)
{
	switch (head->type) {
	case H2_DATA:
		return head->length || (head->flags & H2_END_STREAM) ? FLOOD_DATA
								     : FLOOD_EMPTY;
	case H2_HEADERS:
		return FLOOD_HEADERS;
	case H2_CONTINUATION:
		return FLOOD_CONTINUATION;
	case H2_WINDOW_UPDATE:
		return FLOOD_WINDOW;
	case H2_SETTINGS:
		return FLOOD_SETTINGS;
	case H2_PING:
		return FLOOD_PING;
	case H2_PRIORITY:
		return FLOOD_PRIORITY;
	default:
		return FLOOD_OTHER;
	}
}

bool guard_h2_on_frame(struct guard_h2 *g, const struct h2_head *head)
{
	return guard_h2_charge(g, event_of(head), 1);
}

bool guard_h2_on_block(struct guard_h2 *g, uint32_t bytes)
{
	return guard_h2_charge(g, FLOOD_HEADER_KIB, bytes / 1024);
}

void guard_h2_on_fault(struct guard_h2 *g, uint32_t code)
{
	guard_h2_charge(g, code == H2_REFUSED_STREAM ? FLOOD_REFUSED : FLOOD_FAULT, 1);
}

void guard_h2_on_fail(struct guard_h2 *g, enum h2_fault why)
{
	static const enum reject reasons[] = {
		[H2_FAULT_PEER] = REJECT_BAD_REQUEST,
		[H2_FAULT_CONTROL] = REJECT_CONTROL_FLOOD,
		[H2_FAULT_HEADERS] = REJECT_HEADER_FLOOD,
		[H2_FAULT_MEMORY] = REJECT_NO_MEMORY,
	};

	stat_add(&g->gate->stats->rejected[reasons[why]], 1);
}
