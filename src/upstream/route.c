#include "upstream/route.h"

#include <string.h>

#include "base/must.h"

/*
 * Two hash tables, open addressing, at most half full: hosts by name, and
 * prefixes by host and path. Each host knows the next less specific one that
 * matches too, so a request costs one or two passes over its host name and
 * one over its path for each host in that chain.
 */

struct host {
	struct str name; /* lower case, without "*." and brackets */
	bool is_suffix;  /* "*.name" */
	uint32_t hash;
	uint32_t id;              /* 0: any */
	uint32_t longest;         /* bytes of its longest prefix */
	const struct host *wider; /* the next one to ask; NULL after "any" */
};

struct slot {
	uint32_t hash;
	uint32_t host;                 /* id */
	uint32_t len;                  /* of conf->prefix */
	const struct route_conf *conf; /* NULL: empty */
};

struct routes {
	struct host **hosts;
	struct slot *slots;
	uint32_t hosts_mask;
	uint32_t slots_mask;
	uint32_t n_hosts;
	uint32_t longest_suffix; /* bytes */
	struct host any;
};

#define HASH_START 2166136261u

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static uint32_t hash_byte(uint32_t h, char c)
{
	return (h ^ (unsigned char)c) * 16777619u;
}

/* Spreads a running hash over the table; which tells a suffix from a whole
 * host, or one host's prefixes from another's. */
static uint32_t hash_end(uint32_t h, uint32_t which)
{
	h ^= which * 0x9e3779b1u;
	h ^= h >> 16;
	h *= 0x7feb352du;
	return h ^ h >> 15;
}

/* Hosts are hashed from their end, so that one pass yields all suffixes. */
static uint32_t hash_host(struct str name, bool is_suffix)
{
	uint32_t h = HASH_START;

	for (size_t i = name.len; i-- > 0;)
		h = hash_byte(h, lower(name.p[i]));
	return hash_end(h, is_suffix);
}

static uint32_t hash_prefix(uint32_t host, struct str prefix)
{
	uint32_t h = HASH_START;

	for (size_t i = 0; i < prefix.len; i++)
		h = hash_byte(h, prefix.p[i]);
	return hash_end(h, host);
}

/* Without brackets, port and the root's dot. */
static struct str host_of(struct str authority)
{
	const char *end;

	if (authority.len && authority.p[0] == '[') {
		end = memchr(authority.p, ']', authority.len);
		if (end)
			return str_of(authority.p + 1, (size_t)(end - authority.p) - 1);
	}
	end = authority.len ? memchr(authority.p, ':', authority.len) : NULL;
	/* two colons and no brackets: an IPv6 address as it is */
	if (end &&
	    !memchr(end + 1, ':', authority.len - (size_t)(end - authority.p) - 1))
		authority.len = (size_t)(end - authority.p);
	if (authority.len > 1 && authority.p[authority.len - 1] == '.')
		authority.len--;
	return authority;
}

static struct host **host_slot(const struct routes *r, struct str name, bool is_suffix,
			       uint32_t hash)
{
	uint32_t i = hash & r->hosts_mask;

	for (; r->hosts[i]; i = (i + 1) & r->hosts_mask) {
		const struct host *h = r->hosts[i];

		if (h->hash == hash && h->is_suffix == is_suffix &&
		    str_eq_nocase(h->name, name))
			break;
	}
	return &r->hosts[i];
}

/* The longest "*.suffix" that name lies below; "any" if there is none. */
static const struct host *find_suffix(const struct routes *r, struct str name)
{
	const struct host *found = &r->any;
	uint32_t h = HASH_START;

	for (size_t i = name.len; i-- > 1;) {
		struct str tail = str_of(name.p + i, name.len - i);
		struct host *const *slot;

		if (tail.len > r->longest_suffix)
			break;
		h = hash_byte(h, lower(name.p[i]));
		if (name.p[i - 1] != '.')
			continue;
		slot = host_slot(r, tail, true, hash_end(h, true));
		if (*slot)
			found = *slot;
	}
	return found;
}

static const struct host *find_host(const struct routes *r, struct str name)
{
	struct host *const *slot;

	if (!r->n_hosts || !name.len)
		return &r->any;
	slot = host_slot(r, name, false, hash_host(name, false));
	return *slot ? *slot : find_suffix(r, name);
}

static struct slot *prefix_slot(const struct routes *r, uint32_t host,
				struct str prefix, uint32_t hash)
{
	uint32_t i = hash & r->slots_mask;

	for (; r->slots[i].conf; i = (i + 1) & r->slots_mask) {
		const struct slot *s = &r->slots[i];

		if (s->hash == hash && s->host == host && s->len == prefix.len &&
		    memcmp(s->conf->prefix, prefix.p, prefix.len) == 0)
			break;
	}
	return &r->slots[i];
}

/* The longest prefix of path in this host: looked up before and after each
 * slash, and at the end. */
static const struct route_conf *find_prefix(const struct routes *r,
					    const struct host *in, struct str path)
{
	const struct route_conf *found = NULL, *at;
	uint32_t h = HASH_START;

	for (size_t i = 0; i <= path.len && i <= in->longest; i++) {
		bool after = i > 0 && path.p[i - 1] == '/';
		bool before = i == path.len || path.p[i] == '/';

		if (after || (before && i > 0)) {
			at = prefix_slot(r, in->id, str_of(path.p, i),
					 hash_end(h, in->id))
				     ->conf;
			if (at)
				found = at;
		}
		if (i < path.len)
			h = hash_byte(h, path.p[i]);
	}
	return found;
}

static struct str path_alone(struct str path)
{
	for (size_t i = 0; i < path.len; i++)
		if (path.p[i] == '?' || path.p[i] == '#')
			path.len = i;
	/* "*" of OPTIONS, nothing at all of CONNECT: the host as a whole */
	return path.len && path.p[0] == '/' ? path : STR("/");
}

const struct route_conf *routes_find(const struct routes *r, struct str authority,
				     struct str path)
{
	const struct host *h = find_host(r, host_of(authority));

	path = path_alone(path);
	for (; h; h = h->wider) {
		const struct route_conf *found = find_prefix(r, h, path);

		if (found)
			return found;
	}
	return NULL;
}

/* --- building -------------------------------------------------------- */

static uint32_t table_size(unsigned int n)
{
	uint32_t size = 4;

	while (size < 2 * n)
		size *= 2;
	return size;
}

static struct str conf_host(const struct route_conf *c, bool *is_suffix)
{
	struct str name = str_z(c->host);

	*is_suffix = str_starts(name, STR("*."));
	return *is_suffix ? str_of(name.p + 2, name.len - 2) : host_of(name);
}

/* The host that c names, made when it is new. NULL: no memory. */
static struct host *put_host(struct routes *r, struct arena *a,
			     const struct route_conf *c)
{
	struct host **slot, *h;
	struct str name;
	bool is_suffix;
	uint32_t hash;

	if (!c->host)
		return &r->any;
	name = conf_host(c, &is_suffix);
	hash = hash_host(name, is_suffix);
	slot = host_slot(r, name, is_suffix, hash);
	if (*slot)
		return *slot;
	h = arena_zalloc(a, sizeof(*h));
	if (!h)
		return NULL;
	h->name = name;
	h->is_suffix = is_suffix;
	h->hash = hash;
	h->id = ++r->n_hosts;
	if (is_suffix && name.len > r->longest_suffix)
		r->longest_suffix = (uint32_t)name.len;
	*slot = h;
	return h;
}

/* Returns: 0; 1 when an equal route is there; -1 without memory. */
static int put_route(struct routes *r, struct arena *a, const struct route_conf *c)
{
	struct host *h = put_host(r, a, c);
	struct str prefix = str_z(c->prefix);
	struct slot *slot;
	uint32_t hash;

	must(c->prefix[0] == '/');
	if (!h)
		return -1;
	hash = hash_prefix(h->id, prefix);
	slot = prefix_slot(r, h->id, prefix, hash);
	if (slot->conf)
		return 1;
	*slot = (struct slot){hash, h->id, (uint32_t)prefix.len, c};
	if (prefix.len > h->longest)
		h->longest = (uint32_t)prefix.len;
	return 0;
}

static void link_hosts(struct routes *r)
{
	for (uint32_t i = 0; i <= r->hosts_mask; i++)
		if (r->hosts[i])
			r->hosts[i]->wider = find_suffix(r, r->hosts[i]->name);
}

struct routes *routes_build(struct arena *a, struct route_conf *confs, unsigned int n,
			    const struct route_conf **clash)
{
	struct routes *r = arena_zalloc(a, sizeof(*r));
	uint32_t size = table_size(n);

	*clash = NULL;
	if (!r)
		return NULL;
	r->hosts_mask = r->slots_mask = size - 1;
	r->hosts = arena_zalloc(a, size * sizeof(*r->hosts));
	r->slots = arena_zalloc(a, size * sizeof(*r->slots));
	if (!r->hosts || !r->slots)
		return NULL;
	for (unsigned int i = 0; i < n; i++) {
		int code = put_route(r, a, &confs[i]);

		if (code > 0)
			*clash = &confs[i];
		if (code)
			return NULL;
	}
	link_hosts(r);
	return r;
}
