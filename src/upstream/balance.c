#include "upstream/balance.h"

struct wish {
	struct upstream *u;
	struct server *const *tried;
	unsigned int n_tried;
	uint64_t now_ms;
	bool backup; /* candidates are backups, or none is */
	bool again;  /* those in tried may be candidates */
};

static bool is_tried(const struct wish *w, const struct server *s)
{
	for (unsigned int i = 0; i < w->n_tried; i++)
		if (w->tried[i] == s)
			return true;
	return false;
}

static bool is_candidate(const struct wish *w, const struct server *s)
{
	return s->conf->backup == w->backup && server_is_up(s, w->now_ms) &&
	       (w->again || !is_tried(w, s));
}

/* <0: a has less to do for its weight than b. */
static int compare_load(const struct server *a, const struct server *b)
{
	uint64_t x = (uint64_t)a->n_requests * b->conf->weight;
	uint64_t y = (uint64_t)b->n_requests * a->conf->weight;

	return (x > y) - (x < y);
}

static const struct server *least_loaded(const struct wish *w)
{
	const struct server *least = NULL;

	for (unsigned int i = 0; i < w->u->n_servers; i++) {
		const struct server *s = &w->u->servers[i];

		if (is_candidate(w, s) && (!least || compare_load(s, least) < 0))
			least = s;
	}
	return least;
}

/* like: only servers with as little to do as this one, or NULL: all. */
static struct server *round_robin(const struct wish *w, const struct server *like)
{
	struct server *best = NULL;
	int total = 0;

	for (unsigned int i = 0; i < w->u->n_servers; i++) {
		struct server *s = &w->u->servers[i];

		if (!is_candidate(w, s) || (like && compare_load(s, like) > 0))
			continue;
		s->current_weight += (int)s->conf->weight;
		total += (int)s->conf->weight;
		if (!best || s->current_weight > best->current_weight)
			best = s;
	}
	if (best)
		best->current_weight -= total;
	return best;
}

static struct server *choose(const struct wish *w)
{
	const struct server *least;

	if (w->u->conf->balance == BALANCE_ROUND_ROBIN)
		return round_robin(w, NULL);
	least = least_loaded(w);
	return least ? round_robin(w, least) : NULL;
}

struct server *balance_pick(struct upstream *u, struct server *const *tried,
			    unsigned int n_tried, uint64_t now_ms)
{
	struct wish w = {.u = u, .tried = tried, .n_tried = n_tried, .now_ms = now_ms};

	for (int kind = 0; kind < (n_tried ? 4 : 2); kind++) {
		struct server *s;

		w.backup = kind & 1;
		w.again = kind & 2;
		s = choose(&w);
		if (s)
			return s;
	}
	return NULL;
}
