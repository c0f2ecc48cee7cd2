#include "http/chars.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define T CHAR_TOKEN
#define V CHAR_VALUE
#define G CHAR_TARGET
#define H CHAR_HOST
#define A CHAR_AUTHORITY
#define N CHAR_NAME

/* Ranges must not overlap. Anything not named is a control or DEL. */
const uint8_t http_chars[256] = {
	['\t'] = V,
	[' '] = V,
	['!'] = T | V | G | H | A | N,
	['"'] = V | G,
	['#'] = T | V | N,
	['$'] = T | V | G | H | A | N,
	['%'] = T | V | G | A | N,
	['&' ... '\''] = T | V | G | H | A | N,
	['(' ... ')'] = V | G | H | A,
	['*' ... '+'] = T | V | G | H | A | N,
	[','] = V | G | H | A,
	['-' ... '.'] = T | V | G | H | A | N,
	['/'] = V | G,
	['0' ... '9'] = T | V | G | H | A | N,
	[':'] = V | G | A,
	[';'] = V | G | H | A,
	['<'] = V | G,
	['='] = V | G | H | A,
	['>' ... '?'] = V | G,
	['@'] = V | G | A,
	['A' ... 'Z'] = T | V | G | H | A,
	['['] = V | G | A,
	['\\'] = V | G,
	[']'] = V | G | A,
	['^'] = T | V | G | N,
	['_'] = T | V | G | H | A | N,
	['`'] = T | V | G | N,
	['a' ... 'z'] = T | V | G | H | A | N,
	['{'] = V | G,
	['|'] = T | V | G | N,
	['}'] = V | G,
	['~'] = T | V | G | H | A | N,
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

/* --- sixteen at once ------------------------------------------------------------
 *
 * Heads are made of few kinds of bytes. Those are looked at sixteen at once where
 * the processor has SSE2, as all of x86-64 has; what is left goes by the tables.
 */
#ifdef __SSE2__

#define LANES 16

static __m128i in_range(__m128i v, char from, char to)
{
	__m128i d = _mm_sub_epi8(v, _mm_set1_epi8(from));

	return _mm_cmpeq_epi8(_mm_min_epu8(d, _mm_set1_epi8((char)(to - from))), d);
}

static __m128i is_byte(__m128i v, char c)
{
	return _mm_cmpeq_epi8(v, _mm_set1_epi8(c));
}

static __m128i is_letter(__m128i v)
{
	return in_range(_mm_or_si128(v, _mm_set1_epi8(0x20)), 'a', 'z');
}

/* Letters, digits, '-', '.' and '_': of each class but CHAR_NAME, which has no
 * capitals. */
static __m128i is_plain(__m128i v, __m128i letters)
{
	return _mm_or_si128(_mm_or_si128(letters, in_range(v, '0', '9')),
			    _mm_or_si128(in_range(v, '-', '.'), is_byte(v, '_')));
}

static unsigned int bits(__m128i v)
{
	return (unsigned int)_mm_movemask_epi8(v);
}

static __m128i load(const char *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* All of 8 to 16 bytes, some of them twice. */
static __m128i load_short(struct str s)
{
	return _mm_unpacklo_epi64(
		_mm_loadl_epi64((const __m128i *)(const void *)s.p),
		_mm_loadl_epi64((const __m128i *)(const void *)(s.p + s.len - 8)));
}

static __m128i is_target(__m128i v)
{
	return _mm_andnot_si128(is_byte(v, '#'), in_range(v, '!', '~'));
}

/* Which bytes are of one of the classes; not all that are. */
static __m128i is_of(__m128i v, unsigned int classes)
{
	if (classes & CHAR_TARGET)
		return is_target(v);
	return is_plain(v, classes & CHAR_NAME ? in_range(v, 'a', 'z') : is_letter(v));
}

/* True only if all bytes are; may be false also when they are. */
static bool are_surely(struct str s, unsigned int classes)
{
	if (s.len < 8)
		return false;
	for (; s.len > LANES; s = str_of(s.p + LANES, s.len - LANES)) {
		if (bits(is_of(load(s.p), classes)) != 0xffff)
			return false;
		if (s.len < LANES + 8) /* the rest with some of these again */
			s = str_of(s.p - 8, s.len + 8);
	}
	return bits(is_of(load_short(s), classes)) == 0xffff;
}

/* All ones in the first n bytes. */
static __m128i first(unsigned int n)
{
	const __m128i at = _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
					 14, 15);

	return _mm_cmplt_epi8(at, _mm_set1_epi8((char)n));
}

/* Moves *at past plain bytes, folding them. */
static void fold_plain(char **at, const char *end)
{
	while (end - *at >= LANES) {
		__m128i v = load(*at);
		__m128i letters = is_letter(v);
		unsigned int others = ~bits(is_plain(v, letters)) | 1u << LANES;
		unsigned int n = (unsigned int)__builtin_ctz(others);
		__m128i low = _mm_and_si128(_mm_and_si128(letters, first(n)),
					    _mm_set1_epi8(0x20));

		_mm_storeu_si128((__m128i *)(void *)*at, _mm_or_si128(v, low));
		*at += n;
		if (n < LANES)
			return;
	}
}

/* Which of the bytes may not be in a field value. */
static unsigned int no_value(__m128i v)
{
	__m128i control = _mm_andnot_si128(is_byte(v, '\t'), in_range(v, 0, 0x1f));

	return bits(_mm_or_si128(control, is_byte(v, 0x7f)));
}

/* Behind where there is no LF, as far as can be told here. */
static const char *skip_to_lf(const char *p, const char *end)
{
	for (; end - p >= LANES; p += LANES) {
		unsigned int lf = bits(is_byte(load(p), '\n'));

		if (lf)
			return p + __builtin_ctz(lf);
	}
	return p;
}

/* How many bytes may be in a value, as far as can be told here. */
static size_t span_value(struct str s)
{
	size_t i = 0;

	for (; s.len - i >= LANES; i += LANES) {
		unsigned int no = no_value(load(s.p + i));

		if (no)
			return i + (size_t)__builtin_ctz(no);
	}
	if (s.len - i >= 8 && !no_value(load_short(str_of(s.p + i, s.len - i))))
		return s.len;
	return i;
}

#else

static bool are_surely(struct str s, unsigned int classes)
{
	(void)s;
	(void)classes;
	return false;
}

static void fold_plain(char **at, const char *end)
{
	(void)at;
	(void)end;
}

static const char *skip_to_lf(const char *p, const char *end)
{
	(void)end;
	return p;
}

static size_t span_value(struct str s)
{
	(void)s;
	return 0;
}

#endif

/* --- spans ---------------------------------------------------------------------- */

bool chars_are(struct str s, unsigned int classes)
{
	if (are_surely(s, classes))
		return true;
	for (size_t i = 0; i < s.len; i++)
		if (!char_is(s.p[i], classes))
			return false;
	return true;
}

const char *find_lf(const char *p, const char *end)
{
	for (p = skip_to_lf(p, end); p < end; p++)
		if (*p == '\n')
			return p;
	return NULL;
}

size_t token_fold(char *p, const char *end)
{
	char *at = p;
	char c;

	fold_plain(&at, end);
	while (at < end && (c = (char)http_token_lower[(unsigned char)*at]))
		*at++ = c;
	return (size_t)(at - p);
}

size_t value_span(struct str s)
{
	size_t i = span_value(s);

	while (i < s.len && char_is(s.p[i], CHAR_VALUE))
		i++;
	return i;
}
