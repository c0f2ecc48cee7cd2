/*
 * h2_hpack: the field sections of one connection, both ways (RFC 7541). What we send
 * is packed by h2_pack; what strangers send is unpacked by nghttp2.
 *
 * All of it lies on a page of its own, which is folded while the connection is quiet
 * (allocators/fold.h). Any call but h2_hpack_bytes() and those below it unfolds.
 */
#ifndef HEAPGATE_H2_HPACK_H
#define HEAPGATE_H2_HPACK_H

#include "allocators/fold.h"
#include "http/h2_pack.h"
#include "http/h2_rules.h"

struct h2_hpack {
	struct fold page;     /* or empty */
	int64_t bytes;        /* held for it */
	uint32_t table_bytes; /* while it is folded; see h2_hpack_bytes() */
	uint16_t used;        /* bytes of the page */
	bool is_made : 1;     /* the page takes no more */
	/* Of the block that is being read: */
	bool is_decoding : 1; /* nghttp2 has seen some of it */
	bool in_field : 1;    /* and has begun with a field */
	bool has_field : 1;   /* one has been read */
};

/* huffman: see h2_pack_init(). Returns: 0, or -1 without memory; h2_hpack_fini() is
 * due either way. */
int h2_hpack_init(struct h2_hpack *k, bool huffman) MUST_USE;
void h2_hpack_fini(struct h2_hpack *k);

enum h2_hpack_got {
	H2_HPACK_FIELD,
	H2_HPACK_MORE, /* the input is used up */
	H2_HPACK_END,  /* and was the last: the block is whole */
	H2_HPACK_BAD,  /* COMPRESSION_ERROR (RFC 9113 §4.3) */
	H2_HPACK_NO_MEMORY,
};

/* Takes a field off the front of a block. last: nothing of the block comes behind
 * this input. Sets name, value and never_index of f; lives: until the next call. After
 * H2_HPACK_BAD and H2_HPACK_NO_MEMORY there is none. */
enum h2_hpack_got h2_hpack_read(struct h2_hpack *k, const uint8_t **p, size_t *len,
				bool last, struct h2_field *f) MUST_USE;

/* For what is sent. Lives: until it is folded. */
struct h2_pack *h2_hpack_out(struct h2_hpack *k);

/* Nothing of it is on the stack, and the connection is quiet. */
void h2_hpack_fold(struct h2_hpack *k);

static inline bool h2_hpack_is_folded(const struct h2_hpack *k)
{
	return fold_is_packed(&k->page);
}

/* What its two dynamic tables take, by the count of RFC 7541 §4.1. */
size_t h2_hpack_bytes(const struct h2_hpack *k);

#endif
