/*
 * h2_static: the static table of RFC 7541 Appendix A, to look up by name.
 */
#ifndef HEAPGATE_H2_STATIC_H
#define HEAPGATE_H2_STATIC_H

#include "base/str.h"

#define H2_N_STATIC 61u

/* Of a few of its bytes: names and values that differ may have the same. */
static inline uint32_t h2_hash(struct str s)
{
	const uint64_t odd = 0x9e3779b97f4a7c15;
	uint64_t a = 0, b = 0;

	if (s.len >= 8) {
		memcpy(&a, s.p, 8);
		memcpy(&b, s.p + s.len - 8, 8);
	} else if (s.len >= 4) {
		memcpy(&a, s.p, 4);
		memcpy(&b, s.p + s.len - 4, 4);
	} else if (s.len) {
		a = (uint8_t)s.p[0];
		b = (uint64_t)(uint8_t)s.p[s.len / 2] << 8 | (uint8_t)s.p[s.len - 1];
	}
	a = (a ^ (b << 29 | b >> 35) ^ s.len) * odd;
	return (uint32_t)(a >> 32);
}

/* Index of the first entry with this name, whose hash it is; 0: none. */
unsigned int h2_static_name(struct str name, uint32_t hash);
/* From the first with its name on: the entry with this value too; 0: none. */
unsigned int h2_static_value(unsigned int first, struct str value);

#endif
