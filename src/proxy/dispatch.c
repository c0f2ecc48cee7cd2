#include "proxy/dispatch.h"

#include "proxy/back.h"
#include "proxy/forward.h"
#include "proxy/gate.h"
#include "proxy/reply.h"
#include "proxy/stream.h"

#define MAX_TRIED (sizeof(((struct stream *)0)->tried) / sizeof(struct server *))

static int start(struct stream *s, struct server *server)
{
	s->sent_us = s->gate->loop->now_us;
	s->fault = NULL;
	return server->conf->proto == PROTO_H2 ? back_h2_start(s, server)
					       : back_h1_start(s, server);
}

/* Returns: 0, or the status to answer with. */
static unsigned int try_next(struct stream *s)
{
	struct upstream *u = s->route->to;
	unsigned int max = u->conf->retries + 1;
	bool one_was_up = false;

	if (max > MAX_TRIED)
		max = MAX_TRIED;
	while (s->n_tried < max) {
		struct server *server = upstream_pick(u, s->tried, s->n_tried);

		if (!server)
			break;
		one_was_up = true;
		s->tried[s->n_tried++] = server;
		if (start(s, server) == 0)
			return 0;
		server_on_failure(server, s->gate->loop->now_ms);
	}
	if (one_was_up)
		return 502;
	stat_add(&s->gate->stats->rejected[REJECT_NO_SERVER], 1);
	return 503;
}

void dispatch(struct stream *s)
{
	unsigned int status;

	if (s->req.method == METHOD_CONNECT &&
	    !str_eq(s->req.protocol, STR("websocket"))) {
		reply_error(s, 501); /* no tunnels but these (RFC 8441) */
		return;
	}
	s->route = routes_find(s->gate->routes, s->req.authority, s->req.path);
	if (!s->route) {
		stat_add(&s->gate->stats->rejected[REJECT_NO_ROUTE], 1);
		reply_error(s, 404);
		return;
	}
	if (forward_request(s) != 0) {
		stat_add(&s->gate->stats->rejected[REJECT_NO_MEMORY], 1);
		reply_error(s, 503);
		return;
	}
	status = try_next(s);
	if (status)
		reply_error(s, status);
}

/* Safe: the server has not seen the request, or may see it twice. */
static bool may_retry(const struct stream *s, enum stream_end why)
{
	if (s->req_taken || !s->route)
		return false;
	switch (why) {
	case STREAM_REFUSED:
	case STREAM_UNREACHABLE:
		return true;
	case STREAM_STALE: /* RFC 9112 §9.3.1 */
		return method_is_idempotent(s->req.method);
	default:
		return false;
	}
}

bool dispatch_retry(struct stream *s, int why)
{
	struct server *last = s->tried[s->n_tried - 1];

	if (!may_retry(s, (enum stream_end)why))
		return false;
	stream_reset_answer(s);
	if ((why == STREAM_STALE || why == STREAM_REFUSED) && !s->fresh) {
		/* Not the server's fault, as when it sends GOAWAY: ask it again,
		 * on a new connection. */
		s->fresh = true;
		return start(s, last) == 0;
	}
	if (s->n_tried > s->route->to->conf->retries || s->n_tried >= MAX_TRIED)
		return false;
	stat_add(&last->stats->retries, 1);
	return try_next(s) == 0;
}
