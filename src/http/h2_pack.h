/*
 * h2_pack: packs the fields that one connection sends into header blocks (RFC 7541).
 *
 * Keeps what was sent last in a table that is fixed and small, and part of the
 * struct: no call allocates or fails. The peer's table holds no less (§4.4 evicts
 * from its end), so an index into ours is one into that.
 */
#ifndef HEAPGATE_H2_PACK_H
#define HEAPGATE_H2_PACK_H

#include "base/str.h"

/* What the peer's table holds until it says otherwise (RFC 9113 §6.5.2); more is
 * never used. */
#define H2_PACK_PEER_BYTES 4096u

#define H2_PACK_ENTRIES 32u /* a power of two */
#define H2_PACK_BYTES   1536u

/* A field that was sent, and may be again. */
struct h2_packed {
	uint32_t hash; /* of name and value */
	uint32_t name_hash;
	uint32_t next;      /* the one before it with such a hash */
	uint32_t next_name; /* … with such a name's */
	uint16_t at;        /* its name, then its value */
	uint16_t name_len;
	uint16_t value_len;
};

struct h2_pack {
	uint32_t n_added; /* ever; they are numbered from 1 on */
	uint32_t n;       /* the last so many are there */
	uint32_t bytes;   /* they take, by the count of §4.1 */
	uint32_t max;     /* … at most */
	uint32_t least;   /* of max since the last block */
	bool resized;     /* the next block must say so (§4.2) */
	bool huffman;
	uint32_t heads[H2_PACK_ENTRIES];
	uint32_t name_heads[H2_PACK_ENTRIES];
	struct h2_packed ring[H2_PACK_ENTRIES]; /* by number */
	char text[H2_PACK_BYTES];
};

/* huffman: shorter, for a line that is slow, by some work of both ends. */
void h2_pack_init(struct h2_pack *k, bool huffman);
/* The peer's SETTINGS_HEADER_TABLE_SIZE. */
void h2_pack_limit(struct h2_pack *k, uint32_t bytes);

/* A block is what h2_pack_begin() and any number of h2_pack_field() write, which
 * each return its end so far. It must be sent, and before the next. Room that they
 * may want: */
#define H2_PACK_ROOM 12u /* the first */
#define H2_PACK_FIELD_ROOM(n, v)                                                       \
	((size_t)(n) + (v) + 12) /* names, values of n, v bytes */

uint8_t *h2_pack_begin(struct h2_pack *k, uint8_t *to);
/* never_index: RFC 7541 §7.1.3. name: in lower case. */
uint8_t *h2_pack_field(struct h2_pack *k, uint8_t *to, struct str name,
		       struct str value, bool never_index);

#endif
