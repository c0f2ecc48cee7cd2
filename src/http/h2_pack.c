#include "http/h2_pack.h"

#include "http/h2_huffman.h"
#include "http/h2_static.h"

#define ENTRY_BYTES 32u /* §4.1: what an entry counts beside its name and value */

/* §6: the first bits of each form, and how many are left for a number. */
enum form {
	INDEXED = 0x80,
	INDEXING = 0x40,
	TABLE_SIZE = 0x20,
	NEVER_INDEXED = 0x10,
	NOT_INDEXED = 0x00,
};

void h2_pack_init(struct h2_pack *k, bool huffman)
{
	memset(k, 0, sizeof(*k));
	k->max = H2_PACK_PEER_BYTES;
	k->least = k->max;
	k->huffman = huffman;
}

/* --- the table ------------------------------------------------------------- */

static struct h2_packed *entry(struct h2_pack *k, uint32_t number)
{
	return &k->ring[number % H2_PACK_ENTRIES];
}

static bool is_there(const struct h2_pack *k, uint32_t number)
{
	return k->n_added - number < k->n;
}

static void evict(struct h2_pack *k)
{
	const struct h2_packed *e = entry(k, k->n_added - k->n + 1);

	k->bytes -= e->name_len + e->value_len + ENTRY_BYTES;
	k->n--; /* links to it end where is_there() does */
}

void h2_pack_limit(struct h2_pack *k, uint32_t bytes)
{
	if (bytes > H2_PACK_PEER_BYTES)
		bytes = H2_PACK_PEER_BYTES;
	if (bytes == k->max)
		return;
	k->max = bytes;
	if (bytes < k->least)
		k->least = bytes;
	k->resized = true;
	while (k->bytes > k->max)
		evict(k);
}

/* Where len bytes of text fit in one piece behind the newest; -1: not yet. */
static int32_t find_room(struct h2_pack *k, size_t len)
{
	const struct h2_packed *newest = entry(k, k->n_added);
	uint32_t end, oldest;

	if (!k->n)
		return 0;
	end = newest->at + newest->name_len + newest->value_len;
	oldest = entry(k, k->n_added - k->n + 1)->at;
	if (oldest >= end)
		return oldest - end >= len ? (int32_t)end : -1;
	if (H2_PACK_BYTES - end >= len)
		return (int32_t)end;
	return oldest >= len ? 0 : -1;
}

static void add(struct h2_pack *k, struct str name, struct str value,
		uint32_t name_hash, uint32_t hash)
{
	size_t len = name.len + value.len;
	struct h2_packed *e;
	int32_t at;

	while (k->n && k->bytes + len + ENTRY_BYTES > k->max)
		evict(k);
	if (k->n == H2_PACK_ENTRIES)
		evict(k);
	while ((at = find_room(k, len)) < 0)
		evict(k);
	e = entry(k, ++k->n_added);
	*e = (struct h2_packed){.hash = hash,
				.name_hash = name_hash,
				.next = k->heads[hash % H2_PACK_ENTRIES],
				.next_name = k->name_heads[name_hash % H2_PACK_ENTRIES],
				.at = (uint16_t)at,
				.name_len = (uint16_t)name.len,
				.value_len = (uint16_t)value.len};
	k->heads[hash % H2_PACK_ENTRIES] = k->n_added;
	k->name_heads[name_hash % H2_PACK_ENTRIES] = k->n_added;
	memcpy(k->text + at, name.p, name.len);
	if (value.len)
		memcpy(k->text + at + name.len, value.p, value.len);
	k->n++;
	k->bytes += (uint32_t)len + ENTRY_BYTES;
}

/* §2.3.3. */
static unsigned int index_of(const struct h2_pack *k, uint32_t number)
{
	return number ? H2_N_STATIC + 1 + k->n_added - number : 0;
}

/* The entry with this name and value; 0: none. */
static uint32_t find(struct h2_pack *k, struct str name, struct str value,
		     uint32_t hash)
{
	uint32_t i = k->heads[hash % H2_PACK_ENTRIES];

	for (; is_there(k, i); i = entry(k, i)->next) {
		const struct h2_packed *e = entry(k, i);

		if (e->hash == hash && e->name_len == name.len &&
		    e->value_len == value.len &&
		    bytes_eq(k->text + e->at, name.p, name.len) &&
		    bytes_eq(k->text + e->at + name.len, value.p, value.len))
			return i;
	}
	return 0;
}

static uint32_t find_name(struct h2_pack *k, struct str name, uint32_t hash)
{
	uint32_t i = k->name_heads[hash % H2_PACK_ENTRIES];

	for (; is_there(k, i); i = entry(k, i)->next_name) {
		const struct h2_packed *e = entry(k, i);

		if (e->name_hash == hash && e->name_len == name.len &&
		    bytes_eq(k->text + e->at, name.p, name.len))
			return i;
	}
	return 0;
}

/* --- forms ----------------------------------------------------------------- */

/* §5.1. */
static uint8_t *put_number(uint8_t *to, unsigned int form, unsigned int bits, size_t v)
{
	size_t most = (1u << bits) - 1;

	if (v < most) {
		*to++ = (uint8_t)(form | v);
		return to;
	}
	*to++ = (uint8_t)(form | most);
	for (v -= most; v >= 128; v >>= 7)
		*to++ = (uint8_t)(v | 128);
	*to++ = (uint8_t)v;
	return to;
}

/* How long it will be is known when it is there, or asked for where that takes more
 * than a byte to say. Returns: NULL where it would be no shorter. */
static uint8_t *put_huffman(uint8_t *to, struct str s)
{
	uint8_t *end;

	if (s.len > 126)
		return h2_huffman_put(put_number(to, 0x80, 7, h2_huffman_len(s)), s);
	end = h2_huffman_put(to + 1, s);
	if (end)
		*to = (uint8_t)(0x80 | (end - to - 1));
	return end;
}

/* §5.2. */
static uint8_t *put_string(const struct h2_pack *k, uint8_t *to, struct str s)
{
	uint8_t *end = k->huffman ? put_huffman(to, s) : NULL;

	if (end)
		return end;
	to = put_number(to, 0, 7, s.len);
	if (s.len)
		memcpy(to, s.p, s.len);
	return to + s.len;
}

static uint8_t *put_literal(const struct h2_pack *k, uint8_t *to, enum form form,
			    unsigned int name_index, struct str name, struct str value)
{
	to = put_number(to, form, form == INDEXING ? 6 : 4, name_index);
	if (!name_index)
		to = put_string(k, to, name);
	return put_string(k, to, value);
}

uint8_t *h2_pack_begin(struct h2_pack *k, uint8_t *to)
{
	if (!k->resized)
		return to;
	if (k->least < k->max)
		to = put_number(to, TABLE_SIZE, 5, k->least);
	k->resized = false;
	k->least = k->max;
	return put_number(to, TABLE_SIZE, 5, k->max);
}

/* --- fields ---------------------------------------------------------------- */

/* By index in the static table: what differs from message to message would only push
 * others out. */
static const bool varies[H2_N_STATIC + 1] = {
	[4] = true,  /* :path */
	[21] = true, /* age */
	[28] = true, /* content-length */
	[30] = true, /* content-range */
	[34] = true, /* etag */
	[40] = true, /* if-modified-since */
	[41] = true, /* if-none-match */
	[46] = true, /* location */
	[55] = true, /* set-cookie */
};

/* Who can make us send guesses beside a secret learns it from what is indexed
 * (§7.1). A cookie of some length cannot be guessed at once. */
static bool is_secret(unsigned int index, struct str value)
{
	switch (index) {
	case 23: /* authorization */
	case 49: /* proxy-authorization */
		return true;
	case 32: /* cookie */
		return value.len < 20;
	default:
		return false;
	}
}

static bool fits(const struct h2_pack *k, size_t len)
{
	return len <= H2_PACK_BYTES / 2 && len + ENTRY_BYTES <= k->max;
}

uint8_t *h2_pack_field(struct h2_pack *k, uint8_t *to, struct str name,
		       struct str value, bool never_index)
{
	uint32_t name_hash = h2_hash(name);
	uint32_t hash = name_hash * 31 + h2_hash(value);
	uint32_t same = never_index ? 0 : find(k, name, value, hash);
	unsigned int index, both;
	bool never, is_kept;

	if (same) /* none of those is secret */
		return put_number(to, INDEXED, 7, index_of(k, same));
	index = h2_static_name(name, name_hash);
	both = index ? h2_static_value(index, value) : 0;
	never = never_index || is_secret(index, value);
	is_kept = !never && !varies[index];
	if (both && !never)
		return put_number(to, INDEXED, 7, both);
	if (!index)
		index = index_of(k, find_name(k, name, name_hash));
	if (!is_kept || !fits(k, name.len + value.len))
		return put_literal(k, to, never ? NEVER_INDEXED : NOT_INDEXED, index,
				   name, value);
	to = put_literal(k, to, INDEXING, index, name, value);
	add(k, name, value, name_hash, hash);
	return to;
}
