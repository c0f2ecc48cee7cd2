#include "base/must.h"
#include "http/chars.h"
#include "http/h1_inner.h"

#define MAX_SIZE_DIGITS 16
/* Of all chunk extensions of a message; nobody has a use for any. */
#define MAX_EXT_BYTES 4096

/* Hands out what is there of a body or a chunk. */
static enum h1_result read_data(struct h1 *h, const char *data, size_t len,
				size_t *used, struct str *out)
{
	size_t n = len;

	if (h->state != H1_AT_REST && n > h->left_bytes)
		n = (size_t)h->left_bytes;
	if (!n)
		return H1_MORE;
	*out = str_of(data, n);
	*used += n;
	if (h->state == H1_AT_REST)
		return H1_DATA;
	h->left_bytes -= n;
	if (!h->left_bytes)
		h->state = h->framing == H1_CHUNKED ? H1_AT_DATA_CR : H1_AT_DONE;
	return H1_DATA;
}

static enum h1_result size_digit(struct h1 *h, char c)
{
	unsigned int d = hex_digit(c);

	if (d > 15)
		return h1_fail(h, 400, "bad chunk size");
	/* Zeros count too: no endless sizes. */
	if (h->n_digits++ >= MAX_SIZE_DIGITS || h->left_bytes > INT64_MAX >> 4)
		return h1_fail(h, 400, "chunk size too large");
	h->left_bytes = h->left_bytes << 4 | d;
	h->state = H1_AT_SIZE;
	return H1_MORE;
}

static enum h1_result after_size(struct h1 *h, char c)
{
	if (c == '\r')
		h->state = H1_AT_SIZE_LF;
	else if (c == ';')
		h->state = H1_AT_EXT_START;
	else if (c == ' ' || c == '\t')
		h->state = H1_AT_EXT_BLANK;
	else
		return size_digit(h, c);
	h->ext_bytes++;
	return H1_MORE;
}

/* RFC 9112 §7.1.1, loosely: a name must follow the first ';'. */
static enum h1_result ext_byte(struct h1 *h, char c)
{
	bool blank = c == ' ' || c == '\t';

	if (h->ext_bytes++ >= MAX_EXT_BYTES)
		return h1_fail(h, 400, "chunk extensions too long");
	if (h->state == H1_AT_EXT && c == '\r')
		h->state = H1_AT_SIZE_LF;
	else if (h->state == H1_AT_EXT_BLANK && c == ';')
		h->state = H1_AT_EXT_START;
	else if (h->state == H1_AT_EXT_START && char_is(c, CHAR_TOKEN))
		h->state = H1_AT_EXT;
	else if (!blank && !(h->state == H1_AT_EXT && char_is(c, CHAR_VALUE)))
		return h1_fail(h, 400, "bad chunk extension");
	return H1_MORE;
}

static enum h1_result end_size_line(struct h1 *h, char c)
{
	if (c != '\n')
		return h1_fail(h, 400, "bare CR");
	h->n_digits = 0;
	h->state = h->left_bytes ? H1_AT_BODY : H1_AT_TRAILERS;
	if (!h->left_bytes)
		h1_scan_reset(h);
	return H1_MORE;
}

/* Takes one byte between the data of two chunks. */
static enum h1_result step(struct h1 *h, char c)
{
	switch (h->state) {
	case H1_AT_SIZE_START:
		return size_digit(h, c);
	case H1_AT_SIZE:
		return after_size(h, c);
	case H1_AT_SIZE_LF:
		return end_size_line(h, c);
	case H1_AT_DATA_CR:
	case H1_AT_DATA_LF:
		if (c != (h->state == H1_AT_DATA_CR ? '\r' : '\n'))
			return h1_fail(h, 400, "chunk data longer than its size");
		h->state = h->state == H1_AT_DATA_CR ? H1_AT_DATA_LF : H1_AT_SIZE_START;
		return H1_MORE;
	default:
		return ext_byte(h, c);
	}
}

/* The trailer section p[0..end) is whole and in the arena. */
static enum h1_result parse_trailers(struct h1 *h, char *p, const char *end,
				     struct fields *to)
{
	while (p < end - 2) {
		struct field f;
		const char *why = h1_parse_field(&p, end, &f);

		if (why)
			return h1_fail(h, 400, why);
		/* These would change what has been decided already. */
		if (f.id == FIELD_CONTENT_LENGTH || f.id == FIELD_HOST ||
		    f.id == FIELD_TRANSFER_ENCODING)
			return h1_fail(h, 400, "framing or routing in a trailer");
		if (!field_is_bad_trailer(&f))
			fields_push(to, f);
	}
	return H1_DONE;
}

static enum h1_result read_trailers(struct h1 *h, const char *data, size_t len,
				    size_t *used, struct message *m, struct arena *a)
{
	enum h1_result r = h1_scan(h, data, len);
	size_t n = h->scanned;
	char *p;

	if (r != H1_DONE)
		return r;
	if (n > 2) {
		p = arena_bytes(a, n);
		if (!p || fields_room(&m->trailers, a, h->n_lines) < 0)
			return h1_fail(h, 503, "no memory");
		memcpy(p, data, n);
		if (parse_trailers(h, p, p + n, &m->trailers) == H1_ERROR)
			return H1_ERROR;
	}
	*used += n;
	h->state = H1_AT_DONE;
	return H1_DONE;
}

enum h1_result h1_read_body(struct h1 *h, const char *data, size_t len, size_t *used,
			    struct str *out, struct message *m, struct arena *a)
{
	*used = 0;
	must(h->state != H1_AT_HEAD);
	for (;;) {
		switch (h->state) {
		case H1_AT_BODY:
		case H1_AT_REST:
			return read_data(h, data + *used, len - *used, used, out);
		case H1_AT_TRAILERS:
			return read_trailers(h, data + *used, len - *used, used, m, a);
		case H1_AT_DONE:
			return H1_DONE;
		case H1_AT_ERROR:
			return H1_ERROR;
		default:
			if (*used == len)
				return H1_MORE;
			if (step(h, data[(*used)++]) == H1_ERROR)
				return H1_ERROR;
		}
	}
}

enum h1_result h1_read_eof(struct h1 *h)
{
	if (h->state == H1_AT_DONE || h->state == H1_AT_REST)
		return H1_DONE;
	if (h->state == H1_AT_ERROR)
		return H1_ERROR;
	return h1_fail(h, 400, "message cut short");
}
