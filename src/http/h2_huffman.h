/*
 * h2_huffman: the static code of RFC 7541 Appendix B, one way: for what we send.
 */
#ifndef HEAPGATE_H2_HUFFMAN_H
#define HEAPGATE_H2_HUFFMAN_H

#include "base/str.h"

/* Bytes that it takes, padding included. */
size_t h2_huffman_len(struct str s);
/* Writes so many bytes, where they are fewer than s has. Returns: their end; or NULL,
 * and then less than s.len bytes at to are anyone's guess. */
uint8_t *h2_huffman_put(uint8_t *to, struct str s);

#endif
