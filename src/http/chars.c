#include "http/chars.h"

#define T CHAR_TOKEN
#define V CHAR_VALUE
#define G CHAR_TARGET
#define H CHAR_HOST

/* Ranges must not overlap. Anything not named is a control or DEL. */
const uint8_t http_chars[256] = {
	['\t'] = V,
	[' '] = V,
	['!'] = T | V | G | H,
	['"'] = V | G,
	['#'] = T | V,
	['$'] = T | V | G | H,
	['%'] = T | V | G,
	['&' ... '\''] = T | V | G | H,
	['(' ... ')'] = V | G | H,
	['*' ... '+'] = T | V | G | H,
	[','] = V | G | H,
	['-' ... '.'] = T | V | G | H,
	['/'] = V | G,
	['0' ... '9'] = T | V | G | H,
	[':'] = V | G,
	[';'] = V | G | H,
	['<'] = V | G,
	['='] = V | G | H,
	['>' ... '@'] = V | G,
	['A' ... 'Z'] = T | V | G | H,
	['[' ... ']'] = V | G,
	['^'] = T | V | G,
	['_'] = T | V | G | H,
	['`'] = T | V | G,
	['a' ... 'z'] = T | V | G | H,
	['{'] = V | G,
	['|'] = T | V | G,
	['}'] = V | G,
	['~'] = T | V | G | H,
	[0x80 ... 0xff] = V,
};

/* clang-format off */
const uint8_t http_token_lower[256] = {
	['!'] = '!', ['#'] = '#', ['$'] = '$', ['%'] = '%', ['&'] = '&',
	['\''] = '\'', ['*'] = '*', ['+'] = '+', ['-'] = '-', ['.'] = '.',
	['^'] = '^', ['_'] = '_', ['`'] = '`', ['|'] = '|', ['~'] = '~',
	['0'] = '0', ['1'] = '1', ['2'] = '2', ['3'] = '3', ['4'] = '4',
	['5'] = '5', ['6'] = '6', ['7'] = '7', ['8'] = '8', ['9'] = '9',
	['A'] = 'a', ['B'] = 'b', ['C'] = 'c', ['D'] = 'd', ['E'] = 'e',
	['F'] = 'f', ['G'] = 'g', ['H'] = 'h', ['I'] = 'i', ['J'] = 'j',
	['K'] = 'k', ['L'] = 'l', ['M'] = 'm', ['N'] = 'n', ['O'] = 'o',
	['P'] = 'p', ['Q'] = 'q', ['R'] = 'r', ['S'] = 's', ['T'] = 't',
	['U'] = 'u', ['V'] = 'v', ['W'] = 'w', ['X'] = 'x', ['Y'] = 'y',
	['Z'] = 'z',
	['a'] = 'a', ['b'] = 'b', ['c'] = 'c', ['d'] = 'd', ['e'] = 'e',
	['f'] = 'f', ['g'] = 'g', ['h'] = 'h', ['i'] = 'i', ['j'] = 'j',
	['k'] = 'k', ['l'] = 'l', ['m'] = 'm', ['n'] = 'n', ['o'] = 'o',
	['p'] = 'p', ['q'] = 'q', ['r'] = 'r', ['s'] = 's', ['t'] = 't',
	['u'] = 'u', ['v'] = 'v', ['w'] = 'w', ['x'] = 'x', ['y'] = 'y',
	['z'] = 'z',
};

bool chars_are(struct str s, unsigned int classes)
{
	for (size_t i = 0; i < s.len; i++)
		if (!char_is(s.p[i], classes))
			return false;
	return true;
}

/* Whether a byte of w is a control, tab included, or DEL. Exact: a borrow can
 * only come from a byte that is one itself. */
static bool has_control(uint64_t w)
{
	const uint64_t ones = UINT64_MAX / 255;
	uint64_t del = w ^ ones * 0x7f;

	return (((w - ones * 0x20) & ~w) | ((del - ones) & ~del)) & ones * 0x80;
}

size_t value_span(struct str s)
{
	size_t i = 0;

	for (;;) {
		size_t stop = s.len - i < sizeof(uint64_t) ? s.len : i + sizeof(uint64_t);
		uint64_t w;

		if (stop - i == sizeof(w)) {
			memcpy(&w, s.p + i, sizeof(w));
			if (!has_control(w)) {
				i = stop;
				continue;
			}
		}
		for (; i < stop; i++)
			if (!char_is(s.p[i], CHAR_VALUE))
				return i;
		if (stop == s.len)
			return i;
	}
}
