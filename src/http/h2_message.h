/*
 * h2_message: a message's head as HTTP/2 has it, pseudo-headers and fields: made of
 * what came, and made into what is sent.
 */
#ifndef HEAPGATE_H2_MESSAGE_H
#define HEAPGATE_H2_MESSAGE_H

#include "http/h2_pack.h"
#include "http/h2_rules.h"

/*
 * Takes a received field into m: pseudo-headers to their places, others to headers
 * or trailers, copied into the arena. It is good by h2_rules.
 * Returns: 0, or -1 when there is no memory.
 */
int h2_take_field(struct message *m, struct arena *a, bool trailers,
		  const struct h2_field *f) MUST_USE;
/* What follows from a whole head: method, version. */
void h2_end_head(struct message *m);

/* Bytes that the block of a message's head, or of its trailers, may take. */
size_t h2_head_room(const struct message *m);
size_t h2_trailers_room(const struct message *m);
/* Packs it. Returns: its end. */
uint8_t *h2_pack_request(struct h2_pack *k, uint8_t *to, const struct message *m);
uint8_t *h2_pack_answer(struct h2_pack *k, uint8_t *to, const struct message *m);
uint8_t *h2_pack_trailers(struct h2_pack *k, uint8_t *to, const struct message *m);

#endif
