/*
 * digest: the few hashes and random texts that protocols ask for.
 */
#ifndef HEAPGATE_DIGEST_H
#define HEAPGATE_DIGEST_H

#include "base/str.h"

#define DIGEST_SHA1_BASE64_BYTES 29 /* 28 characters and a NUL */
#define DIGEST_NONCE_BYTES       25 /* 24 characters and a NUL */

/* SHA-1 of a, then b, as base64. Returns: 0, or -1 if OpenSSL cannot. */
int digest_sha1_base64(struct str a, struct str b, char to[DIGEST_SHA1_BASE64_BYTES]);
/* 16 random bytes as base64. Returns: 0, or -1 if there is no randomness. */
int digest_nonce(char to[DIGEST_NONCE_BYTES]);

#endif
