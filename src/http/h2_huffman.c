#include "http/h2_huffman.h"

/* clang-format off */
/* How many bits each byte takes. The code is canonical: as long ones are numbered in
 * the order of their bytes, each length on from the one before. So it follows from
 * these. */
static const uint8_t n_bits[256] = {
	13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
	28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
	6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
	5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
	13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
	7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
	15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
	6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
	20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
	24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
	22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
	21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
	26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
	19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
	20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
	26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
};
/* clang-format on */

#define LONGEST 30

static uint32_t codes[256]; /* right-aligned; made at the first use */

static void make_codes(void)
{
	uint32_t code = 0;

	for (unsigned int len = 1; len <= LONGEST; len++, code <<= 1)
		for (unsigned int c = 0; c < 256; c++)
			if (n_bits[c] == len)
				codes[c] = code++;
}

size_t h2_huffman_len(struct str s)
{
	size_t bits = 0;

	for (size_t i = 0; i < s.len; i++)
		bits += n_bits[(uint8_t)s.p[i]];
	return (bits + 7) / 8;
}

static uint8_t *put_word(uint8_t *to, uint32_t v)
{
	to[0] = (uint8_t)(v >> 24);
	to[1] = (uint8_t)(v >> 16);
	to[2] = (uint8_t)(v >> 8);
	to[3] = (uint8_t)v;
	return to + 4;
}

uint8_t *h2_huffman_put(uint8_t *to, struct str s)
{
	const uint8_t *end = to + s.len; /* it must stay before */
	uint64_t held = 0;               /* its low n bits are not out yet; n < 32 */
	unsigned int n = 0;

	if (!codes[1])
		make_codes();
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = (uint8_t)s.p[i];

		held = held << n_bits[c] | codes[c];
		n += n_bits[c];
		if (n < 32)
			continue;
		n -= 32;
		if (end - to <= 4)
			return NULL;
		to = put_word(to, (uint32_t)(held >> n));
	}
	if (end - to <= (n + 7) / 8)
		return NULL;
	for (; n >= 8; n -= 8)
		*to++ = (uint8_t)(held >> (n - 8));
	if (n) /* filled up with ones (§5.2) */
		*to++ = (uint8_t)(held << (8 - n) | 0xffu >> n);
	return to;
}
