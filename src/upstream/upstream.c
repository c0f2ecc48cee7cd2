#include "upstream/upstream.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/must.h"
#include "upstream/balance.h"

#define RESOLVE_EVERY_MS 30000
/* While a server has no address at all. */
#define RESOLVE_SOON_MS 2000

#define N_ADDRS (sizeof(((struct server *)0)->addrs) / sizeof(struct addr))

/* --- health ---------------------------------------------------------- */

static const char *name_of(const struct server *s)
{
	return s->upstream->conf->name;
}

/* The gauge says up once it is known to be: a server that was taken out and
 * may be tried again is not, until the try succeeds. */
static void note_up(struct server *s)
{
	bool up = s->n_addrs && !s->check_down && !s->down_until_ms;

	atomic_store_explicit(&s->stats->up, up, memory_order_relaxed);
}

bool server_is_up(const struct server *s, uint64_t now_ms)
{
	return s->n_addrs && !s->check_down &&
	       (!s->down_until_ms || now_ms >= s->down_until_ms);
}

void server_on_success(struct server *s)
{
	if (!s->down_until_ms)
		return;
	s->down_until_ms = 0;
	s->n_fails = 0;
	note_up(s);
	log_notice("upstream %s: server %s is back", name_of(s), s->conf->text);
}

static void take_out(struct server *s, uint64_t now_ms)
{
	uint32_t for_ms = s->upstream->conf->fail_timeout_ms;
	bool was_out = s->down_until_ms;

	s->down_until_ms = now_ms + for_ms;
	note_up(s);
	if (!was_out)
		log_warn("upstream %s: server %s failed %u times, taken out for %u ms",
			 name_of(s), s->conf->text, s->n_fails, for_ms);
}

void server_on_failure(struct server *s, uint64_t now_ms)
{
	const struct upstream_conf *conf = s->upstream->conf;

	if (!conf->max_fails || s->upstream->n_servers == 1)
		return;
	/* one that is being tried again has no window: it failed, it stays out */
	if (!s->down_until_ms &&
	    (!s->n_fails || now_ms - s->fails_since_ms > conf->fail_timeout_ms)) {
		s->n_fails = 0;
		s->fails_since_ms = now_ms;
	}
	s->n_fails++;
	if (s->n_fails >= conf->max_fails)
		take_out(s, now_ms);
}

void server_set_check(struct server *s, bool is_down, const char *why)
{
	if (s->check_down == is_down)
		return;
	s->check_down = is_down;
	if (!is_down) {
		s->down_until_ms = 0;
		s->n_fails = 0;
	}
	note_up(s);
	log_write(is_down ? LOG_WARN : LOG_NOTICE,
		  "upstream %s: server %s is %s by check: %s", name_of(s),
		  s->conf->text, is_down ? "down" : "up", why);
}

struct server *upstream_pick(struct upstream *u, struct server *const *tried,
			     unsigned int n_tried)
{
	struct server *s = balance_pick(u, tried, n_tried, u->loop->now_ms);

	/* taken out and tried again: one request, not all of them at once */
	if (s && s->down_until_ms)
		s->down_until_ms = u->loop->now_ms + u->conf->fail_timeout_ms;
	return s;
}

/* --- addresses ------------------------------------------------------- */

const struct addr *server_addr(struct server *s)
{
	const struct addr *a = &s->addrs[s->addr_at];

	if (!s->n_addrs)
		return NULL;
	s->addr_at = (s->addr_at + 1) % s->n_addrs;
	return a;
}

static void set_addrs(struct server *s, const struct addr *addrs, unsigned int n)
{
	s->n_addrs = n < N_ADDRS ? n : N_ADDRS;
	memcpy(s->addrs, addrs, s->n_addrs * sizeof(*addrs));
	for (unsigned int i = 0; i < s->n_addrs; i++)
		addr_set_port(&s->addrs[i], s->conf->port);
	if (s->addr_at >= s->n_addrs)
		s->addr_at = 0;
	note_up(s);
}

static void on_resolved(void *arg, const struct addr *addrs, unsigned int n,
			const char *error)
{
	struct server *s = arg;

	if (n)
		set_addrs(s, addrs, n);
	else if (!s->resolve_failed)
		log_warn("upstream %s: cannot resolve %s: %s%s", name_of(s),
			 s->conf->host, error,
			 s->n_addrs ? "; the old addresses stay in use" : "");
	s->resolve_failed = !n;
	timer_set(s->upstream->loop, &s->resolve_timer,
		  s->n_addrs ? RESOLVE_EVERY_MS : RESOLVE_SOON_MS);
}

static void ask(struct server *s)
{
	if (resolver_ask(s->upstream->resolver, s->conf->host, on_resolved, s))
		timer_set(s->upstream->loop, &s->resolve_timer, RESOLVE_SOON_MS);
}

static void on_resolve_timer(struct timer *t)
{
	ask(container_of(t, struct server, resolve_timer));
}

/* --- life ------------------------------------------------------------ */

/* What the certificate must be for: as configured, else the host, else the
 * address as text. */
static int name_tls(struct server *s)
{
	char text[ADDR_TEXT_BYTES];
	const char *name = s->conf->tls.name;

	if (!name)
		name = s->conf->host;
	if (!name)
		name = addr_host_text(&s->conf->addr, text);
	s->tls_name = mem_strdup(MEM_WORKER, name);
	return s->tls_name ? 0 : -1;
}

static int open_tls(struct server *s, char *err, size_t err_cap)
{
	struct tls_client_conf tls = s->conf->tls;
	char why[200] = "";

	if (!s->conf->is_tls)
		return 0;
	if (name_tls(s)) {
		snprintf(err, err_cap, "no memory");
		return -1;
	}
	tls.name = s->tls_name;
	tls.h2 = s->conf->proto == PROTO_H2;
	s->tls = tls_client_ctx(&tls, why, sizeof(why));
	if (s->tls)
		return 0;
	snprintf(err, err_cap, "server %s: %s", s->conf->text, why);
	return -1;
}

static void server_init(struct server *s, struct upstream *u,
			const struct server_conf *conf, struct server_stats *stats)
{
	s->conf = conf;
	s->upstream = u;
	s->stats = &stats[conf->index];
	list_init(&s->idle);
	list_init(&s->sessions);
	timer_init(&s->resolve_timer, on_resolve_timer);
}

static void find_addrs(struct server *s)
{
	if (!s->conf->host) {
		/* a socket file has no port, and an address has its own */
		s->addrs[0] = s->conf->addr;
		s->n_addrs = 1;
		note_up(s);
		return;
	}
	note_up(s);
	must(s->upstream->resolver);
	ask(s);
}

static struct upstream *alloc_upstream(const struct upstream_conf *conf)
{
	struct upstream *u = mem_zalloc(MEM_WORKER, 1, sizeof(*u));

	if (!u)
		return NULL;
	u->conf = conf;
	u->servers = mem_zalloc(MEM_WORKER, conf->n_servers, sizeof(*u->servers));
	if (u->servers)
		return u;
	mem_free(MEM_WORKER, u);
	return NULL;
}

struct upstream *upstream_new(struct loop *l, struct resolver *r,
			      const struct upstream_conf *conf,
			      struct server_stats *stats, char *err, size_t err_cap)
{
	struct upstream *u = alloc_upstream(conf);

	if (!u) {
		snprintf(err, err_cap, "no memory");
		return NULL;
	}
	u->loop = l;
	u->resolver = r;
	u->n_servers = conf->n_servers;
	for (unsigned int i = 0; i < u->n_servers; i++)
		server_init(&u->servers[i], u, &conf->servers[i], stats);
	for (unsigned int i = 0; i < u->n_servers; i++) {
		if (open_tls(&u->servers[i], err, err_cap)) {
			upstream_free(&u);
			return NULL;
		}
	}
	for (unsigned int i = 0; i < u->n_servers; i++)
		find_addrs(&u->servers[i]);
	return u;
}

static void server_fini(struct server *s)
{
	struct upstream *u = s->upstream;

	must(list_empty(&s->idle) && list_empty(&s->sessions));
	timer_stop(u->loop, &s->resolve_timer);
	if (s->conf->host && u->resolver)
		resolver_forget(u->resolver, s);
	if (s->tls)
		tls_ctx_free(&s->tls);
	if (s->tls_name)
		mem_free(MEM_WORKER, (void *)(uintptr_t)s->tls_name);
}

void upstream_free(struct upstream **u)
{
	struct upstream *old = *u;

	*u = NULL;
	if (!old)
		return;
	for (unsigned int i = 0; i < old->n_servers; i++)
		server_fini(&old->servers[i]);
	mem_free(MEM_WORKER, old->servers);
	mem_free(MEM_WORKER, old);
}
