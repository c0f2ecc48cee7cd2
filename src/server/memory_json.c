#include "server/memory_json.h"

#include "server/memory_rss.h"
#include "server/shared.h"

static json_t *number(uint64_t v)
{
	return json_integer((json_int_t)v);
}

static void put(json_t *to, const char *key, uint64_t v)
{
	json_object_set_new(to, key, number(v));
}

static json_t *head_json(const struct crew *c, const struct seat *s)
{
	const struct stats *st = shared_stats(c->shared, s->number);

	return json_pack("{s:i, s:i, s:i, s:s, s:s, s:s}", "worker", (int)s->number,
			 "config", (int)c->number, "pid", (int)s->pid, "allocator",
			 st->allocator_name, "version", st->allocator_version,
			 "regions", st->allocator_regions);
}

/* --- RSS and counters ------------------------------------------------------ */

static json_t *parts_json(const struct memory_part *parts)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < MEMORY_N_PARTS; i++)
		if (parts[i].known)
			json_array_append_new(list,
					      json_pack("{s:s, s:I, s:s}", "part",
							memory_part_name(i), "bytes",
							(json_int_t)parts[i].bytes,
							"means", memory_part_text(i)));
	return list;
}

static void add_rss(json_t *to, const struct crew *c, struct seat *s,
		    const struct memory_answer *a, uint64_t now_ms)
{
	const struct stats *st = shared_stats(c->shared, s->number);
	const struct procfs_reading *now = &s->process.now;
	struct memory_part parts[MEMORY_N_PARTS];

	if (procfs_read(&s->process, now_ms, false) != 0 ||
	    now->anon_bytes == PROCFS_UNKNOWN)
		return;
	memory_explain(parts, now->anon_bytes, a->base_bytes, &st->mem, &st->allocator);
	json_object_set_new(
		to, "rss",
		json_pack("{s:I, s:I, s:I, s:I, s:o}", "resident",
			  (json_int_t)now->resident_bytes, "anonymous",
			  (json_int_t)now->anon_bytes, "file_and_shared",
			  (json_int_t)(now->resident_bytes - now->anon_bytes), "peak",
			  (json_int_t)now->peak_bytes, "parts", parts_json(parts)));
}

static json_t *owner_json(const struct mem_counter *c, enum mem_tag tag)
{
	json_t *o = json_pack("{s:s}", "owner", mem_tag_owner(tag));

	if ((unsigned int)tag < MEM_N_LIVES)
		json_object_set_new(o, "life",
				    json_string(mem_life_name((enum mem_life)tag)));
	else
		put(o, "of_connections", stat_get(&c->conn_bytes));
	put(o, "live", stat_get(&c->live_bytes));
	put(o, "peak", stat_get(&c->peak_bytes));
	put(o, "blocks", stat_get(&c->allocs) - stat_get(&c->frees));
	put(o, "calls", stat_get(&c->allocs) + stat_get(&c->reallocs));
	put(o, "asked", stat_get(&c->asked_bytes));
	put(o, "given", stat_get(&c->given_bytes));
	put(o, "failures", stat_get(&c->failures));
	return o;
}

static json_t *owners_json(const struct mem_counters *c)
{
	json_t *list = json_array();

	for (unsigned int tag = 0; tag < MEM_N_TAGS; tag++)
		json_array_append_new(list, owner_json(&c->tag[tag], tag));
	return list;
}

/* --- connections and streams ------------------------------------------------ */

static void add_sum(json_t *o, const struct inventory_sum *s)
{
	put(o, "bytes", s->bytes);
	put(o, "struct", s->struct_bytes);
	put(o, "nghttp2", s->nghttp2_bytes);
	put(o, "hpack", s->hpack_bytes);
	put(o, "tls", s->tls_bytes);
	put(o, "packed", s->packed_bytes);
	put(o, "folded", s->saved_bytes);
	put(o, "pending", s->pending_bytes);
	put(o, "held", s->held_bytes);
	put(o, "streams", s->stream_bytes);
	put(o, "bodies", s->body_bytes);
	put(o, "n_streams", s->n_streams);
}

static json_t *sum_json(const struct inventory_sum *s)
{
	json_t *o = json_object();

	put(o, "n", s->n_conns);
	add_sum(o, s);
	return o;
}

static json_t *stream_json(const struct inventory_stream *s)
{
	static const char *const states[] = {
		[INVENTORY_ASKS] = "asks",
		[INVENTORY_WAITS] = "waits",
		[INVENTORY_ANSWERS] = "answers",
		[INVENTORY_TUNNEL] = "tunnel",
	};
	json_t *o = json_pack("{s:i, s:s}", "id", (int)s->id, "state",
			      states[s->state <= INVENTORY_TUNNEL ? s->state : 0]);

	/* What a client sent may be no UTF-8: such a text is left out. */
	json_object_set_new(o, "method", json_string(s->method));
	json_object_set_new(o, "route", json_string(s->route));
	put(o, "status", s->status);
	put(o, "age_ms", s->age_ms);
	put(o, "bytes", s->bytes);
	put(o, "struct", s->struct_bytes);
	put(o, "arena", s->arena_bytes);
	put(o, "request_body", s->req_bytes);
	put(o, "answer_body", s->res_bytes);
	return o;
}

static json_t *conn_json(const struct inventory_conn *c, bool peers)
{
	json_t *o =
		json_pack("{s:s, s:s, s:b}", "side", c->is_server ? "server" : "client",
			  "protocol", c->is_h2 ? "h2" : "h1", "over_tls", c->is_tls);
	json_t *streams = json_array();

	if (peers || c->is_server)
		json_object_set_new(o, "peer", json_string(c->peer));
	add_sum(o, &c->sum);
	for (unsigned int i = 0; i < c->n_kept && i < INVENTORY_STREAMS; i++)
		json_array_append_new(streams, stream_json(&c->streams[i]));
	json_object_set_new(o, "largest_streams", streams);
	return o;
}

/* TLS of connections that no inventory sees: before and after their life as a
 * front or a back. */
static uint64_t unseen_bytes(const struct stats *st, const struct inventory *inv)
{
	uint64_t all = stat_get(&st->mem.tag[MEM_OPENSSL].conn_bytes);
	uint64_t seen = inv->clients.tls_bytes + inv->servers.tls_bytes;

	return all > seen ? all - seen : 0;
}

static void add_conns(json_t *to, const struct stats *st, const struct inventory *inv,
		      bool peers)
{
	json_t *top = json_array();

	json_object_set_new(to, "clients", sum_json(&inv->clients));
	json_object_set_new(to, "servers", sum_json(&inv->servers));
	put(to, "tls_in_handshake_or_closing", unseen_bytes(st, inv));
	for (unsigned int i = 0; i < inv->n_kept && i < INVENTORY_CONNS; i++)
		json_array_append_new(top, conn_json(&inv->conns[i], peers));
	json_object_set_new(to, "largest_connections", top);
}

/* --- sizes and lives ----------------------------------------------------------- */

static json_t *top_json(const struct mem_sizes *s)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < s->n_top && i < MEM_SIZES_TOP; i++)
		json_array_append_new(list,
				      json_pack("{s:I, s:I}", "bytes",
						(json_int_t)s->top[i].bytes, "calls",
						(json_int_t)s->top[i].calls));
	return list;
}

/* [{UNIT: 2^n, "calls": …}, …], those that are not 0. */
static json_t *powers_json(const uint64_t *by_power, unsigned int n, const char *unit)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < n; i++)
		if (by_power[i])
			json_array_append_new(
				list, json_pack("{s:I, s:I}", unit, (json_int_t)1 << i,
						"calls", (json_int_t)by_power[i]));
	return list;
}

static json_t *lives_json(const struct mem_sizes *s)
{
	json_t *o = json_object();

	put(o, "one_of", s->sample);
	put(o, "missed", s->n_missed);
	for (unsigned int tag = 0; tag < MEM_N_TAGS; tag++)
		json_object_set_new(
			o, mem_tag_name(tag),
			powers_json(s->life[tag], MEM_LIFE_POWERS, "up_to_us"));
	return o;
}

static void add_sizes(json_t *to, const struct mem_sizes *s)
{
	json_object_set_new(
		to, "sizes",
		json_pack("{s:I, s:I, s:o, s:o}", "calls", (json_int_t)s->calls,
			  "bytes", (json_int_t)s->bytes, "top", top_json(s), "up_to",
			  powers_json(s->by_power, MEM_SIZES_POWERS, "bytes")));
	if (s->sample)
		json_object_set_new(to, "lifetimes", lives_json(s));
}

/* --- both ---------------------------------------------------------------------- */

json_t *memory_json_worker(const struct crew *c, struct seat *s,
			   const struct memory_answer *a, bool peers, uint64_t now_ms)
{
	const struct stats *st = shared_stats(c->shared, s->number);
	json_t *o = head_json(c, s);

	if (!o)
		return NULL;
	add_rss(o, c, s, a, now_ms);
	json_object_set_new(o, "owners", owners_json(&st->mem));
	add_conns(o, st, &a->conns, peers);
	if (a->has_sizes)
		add_sizes(o, &a->sizes);
	put(o, "held_us", a->held_us);
	put(o, "longest_us", a->longest_us);
	put(o, "slices", a->n_slices);
	return o;
}

json_t *memory_json_purge(const struct crew *c, const struct seat *s,
			  const struct memory_answer *a)
{
	json_t *o = head_json(c, s);

	if (!o)
		return NULL;
	if (a->before_bytes != PROCFS_UNKNOWN && a->after_bytes != PROCFS_UNKNOWN) {
		put(o, "before", a->before_bytes);
		put(o, "after", a->after_bytes);
	}
	put(o, "purged", a->purged_bytes);
	put(o, "held_us", a->held_us);
	put(o, "longest_us", a->longest_us);
	put(o, "slices", a->n_slices);
	return o;
}
