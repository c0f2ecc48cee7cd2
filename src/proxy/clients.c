#include "proxy/clients.h"

#include <string.h>
#include <sys/random.h>

#include "allocators/mem.h"
#include "base/must.h"

#define FIRST_BUCKETS 64

void clients_init(struct clients *all)
{
	*all = (struct clients){0};
	if (getrandom(all->seed, sizeof(all->seed), GRND_NONBLOCK) < 0)
		all->seed[0] = (uintptr_t)all;
	all->seed[1] |= 1;
}

void clients_fini(struct clients *all)
{
	must(!all->n_clients);
	mem_free(MEM_WORKER, all->buckets);
	all->buckets = NULL;
	all->n_buckets = 0;
}

/* Returns: false when it has no address. */
static bool key_of(const struct addr *peer, uint64_t *key)
{
	const uint8_t *ip;

	if (peer->sa.sa_family == AF_INET) {
		*key = 0xffff00000000u | peer->in.sin_addr.s_addr;
		return true;
	}
	if (peer->sa.sa_family != AF_INET6)
		return false;
	ip = peer->in6.sin6_addr.s6_addr;
	if (IN6_IS_ADDR_V4MAPPED(&peer->in6.sin6_addr)) {
		uint32_t v4;

		memcpy(&v4, ip + 12, sizeof(v4));
		*key = 0xffff00000000u | v4;
	} else {
		memcpy(key, ip, sizeof(*key));
	}
	return true;
}

static struct client **bucket_of(const struct clients *all, uint64_t key)
{
	uint64_t h = (key ^ all->seed[0]) * all->seed[1];

	h = (h ^ h >> 32) * all->seed[1];
	return &all->buckets[h >> 32 & (all->n_buckets - 1)];
}

static int grow(struct clients *all)
{
	struct clients more = *all;

	more.n_buckets = all->n_buckets ? all->n_buckets * 2 : FIRST_BUCKETS;
	more.buckets = mem_zalloc(MEM_WORKER, more.n_buckets, sizeof(*more.buckets));
	if (!more.buckets)
		return -1;
	for (uint32_t i = 0; i < all->n_buckets; i++) {
		struct client *c = all->buckets[i];

		while (c) {
			struct client *next = c->next;
			struct client **to = bucket_of(&more, c->key);

			c->next = *to;
			*to = c;
			c = next;
		}
	}
	mem_free(MEM_WORKER, all->buckets);
	*all = more;
	return 0;
}

static struct client *client_new(struct clients *all, uint64_t key)
{
	struct client *c = mem_alloc(MEM_CONN, sizeof(*c));
	struct client **to;

	if (!c)
		return NULL;
	to = bucket_of(all, key);
	*c = (struct client){.next = *to, .key = key};
	*to = c;
	all->n_clients++;
	return c;
}

struct client *clients_enter(struct clients *all, const struct addr *peer)
{
	struct client *c;
	uint64_t key;

	if (!key_of(peer, &key))
		return NULL;
	/* Without memory for more buckets the old ones do. */
	if (all->n_clients >= all->n_buckets && grow(all) != 0 && !all->n_buckets)
		return NULL;
	c = *bucket_of(all, key);
	while (c && c->key != key)
		c = c->next;
	if (!c)
		c = client_new(all, key);
	if (c)
		c->n_conns++;
	return c;
}

void clients_leave(struct clients *all, struct client **cp)
{
	struct client *c = *cp;
	struct client **at;

	*cp = NULL;
	if (!c || --c->n_conns)
		return;
	at = bucket_of(all, c->key);
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	all->n_clients--;
	mem_free(MEM_CONN, c);
}
