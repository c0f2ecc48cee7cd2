#include "proxy/flood.h"

#include "base/must.h"

#define UNIT 1000 /* of left: so that a millisecond's share is whole */

/*
 * A unit is about what an empty frame costs us: a microsecond. With the
 * default burst of 10,000 a client may reset 90 unanswered streams at once,
 * never more than 100, and then one for each that it lets be answered.
 */
static const struct {
	uint16_t cost;
	uint8_t reason; /* enum reject */
} events[FLOOD_N_EVENTS] = {
	[FLOOD_HEADERS] = {4, REJECT_HEADER_FLOOD},
	[FLOOD_CONTINUATION] = {20, REJECT_HEADER_FLOOD},
	[FLOOD_HEADER_KIB] = {4, REJECT_HEADER_FLOOD},
	[FLOOD_DATA] = {1, REJECT_EMPTY_FLOOD},
	[FLOOD_EMPTY] = {20, REJECT_EMPTY_FLOOD},
	[FLOOD_WINDOW] = {2, REJECT_WINDOW_FLOOD},
	[FLOOD_TINY_WINDOW] = {20, REJECT_WINDOW_FLOOD},
	[FLOOD_SETTINGS] = {100, REJECT_CONTROL_FLOOD},
	[FLOOD_PING] = {10, REJECT_CONTROL_FLOOD},
	[FLOOD_PRIORITY] = {10, REJECT_CONTROL_FLOOD},
	[FLOOD_OTHER] = {10, REJECT_CONTROL_FLOOD},
	[FLOOD_REFUSED] = {20, REJECT_RESET_FLOOD},
	[FLOOD_LATE_CANCEL] = {25, REJECT_RESET_FLOOD},
	[FLOOD_CANCEL] = {110, REJECT_RESET_FLOOD},
	[FLOOD_FAULT] = {110, REJECT_RESET_FLOOD},
};

static const uint16_t gains[FLOOD_N_GAINS] = {
	[FLOOD_GAIN_ANSWER] = 110, [FLOOD_GAIN_DATA] = 4, /* for two WINDOW_UPDATEs,
							     stream and connection */
};

/* DATA frames of at least so many bytes cost nothing. */
#define WORTH_BYTES 32

static void cap(struct flood *f, const struct flood_conf *conf)
{
	if (f->left > (int64_t)conf->burst * UNIT)
		f->left = (int64_t)conf->burst * UNIT;
}

void flood_init(struct flood *f, const struct flood_conf *conf, uint64_t now_ms)
{
	f->left = (int64_t)conf->burst * UNIT;
	f->at_ms = now_ms;
}

bool flood_spend(struct flood *f, const struct flood_conf *conf, uint64_t now_ms,
		 enum flood_event e, uint32_t n)
{
	if (!conf->burst)
		return true;
	if (now_ms > f->at_ms) {
		f->left += (int64_t)(now_ms - f->at_ms) * conf->per_s;
		f->at_ms = now_ms;
		cap(f, conf);
	}
	f->left -= (int64_t)events[e].cost * n * UNIT;
	return f->left >= 0;
}

void flood_gain(struct flood *f, const struct flood_conf *conf, enum flood_gain g)
{
	f->left += gains[g] * UNIT;
	cap(f, conf);
}

void flood_gain_bytes(struct flood *f, const struct flood_conf *conf, uint32_t bytes)
{
	if (bytes > WORTH_BYTES)
		bytes = WORTH_BYTES;
	f->left += (int64_t)bytes * events[FLOOD_DATA].cost * UNIT / WORTH_BYTES;
	cap(f, conf);
}

uint32_t flood_cost(enum flood_event e)
{
	must(e < FLOOD_N_EVENTS);
	return events[e].cost;
}

enum reject flood_reason(enum flood_event e)
{
	must(e < FLOOD_N_EVENTS);
	return (enum reject)events[e].reason;
}
