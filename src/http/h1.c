#include "http/chars.h"
#include "http/h1_inner.h"

static void init(struct h1 *h, const struct h1_limits *limits, bool is_response)
{
	memset(h, 0, sizeof(*h));
	h->limits = limits;
	h->is_response = is_response;
}

void h1_init_request(struct h1 *h, const struct h1_limits *limits)
{
	init(h, limits, false);
}

void h1_init_response(struct h1 *h, const struct h1_limits *limits)
{
	init(h, limits, true);
}

void h1_next(struct h1 *h)
{
	init(h, h->limits, h->is_response);
}

void h1_set_tunnel(struct h1 *h)
{
	h->framing = H1_TUNNEL;
	h->state = H1_AT_REST;
	h->keep_alive = false;
}

enum h1_result h1_fail(struct h1 *h, unsigned int status, const char *reason)
{
	h->status = (uint16_t)(h->is_response && status != 503 ? 502 : status);
	h->reason = reason;
	h->state = H1_AT_ERROR;
	h->keep_alive = false;
	return H1_ERROR;
}

void h1_scan_reset(struct h1 *h)
{
	h->scanned = 0;
	h->line_start = 0;
	h->n_lines = 0;
}

/* Only the section of a head has a first line that is not a field. */
static bool in_first_line(const struct h1 *h)
{
	return h->state == H1_AT_HEAD && !h->n_lines;
}

/* end: of the first line, as far as it has come. */
static enum h1_result check_bytes(struct h1 *h, size_t end)
{
	size_t first = h->line_start + (size_t)h->limits->line_bytes;

	if (end > first && first <= h->limits->header_bytes)
		return h1_fail(h, 414, "first line too long");
	if (end > h->limits->header_bytes)
		return h1_fail(h, 431, "header section too long");
	return H1_MORE;
}

/* Tells at the first byte that a peer does not speak HTTP/1 at all. */
static bool starts_wrong(const struct h1 *h, char c)
{
	if (h->is_response)
		return c != 'H';
	return !is_token(str_of(&c, 1)) && (c != '\r' || h->line_start);
}

/* The first line, which ends at end, is whole. */
static enum h1_result end_first_line(struct h1 *h, const char *data, size_t end)
{
	size_t len = end - h->line_start;

	if (len < 2 || data[end - 2] != '\r')
		return h1_fail(h, 400, "bare LF");
	h->line_start = (uint32_t)end;
	if (len > 2) /* one empty line before a request (RFC 9112 §2.2) */
		h->n_lines = 1;
	return H1_MORE;
}

static enum h1_result scan_first_line(struct h1 *h, const char *data, size_t len)
{
	const char *lf = find_lf(data + h->scanned, data + len);
	size_t end = lf ? (size_t)(lf - data) + 1 : len;
	enum h1_result r;

	if (starts_wrong(h, data[h->line_start]))
		return h1_fail(h, 400, "not HTTP/1");
	r = check_bytes(h, end);
	if (r != H1_MORE)
		return r;
	h->scanned = (uint32_t)end;
	return lf ? end_first_line(h, data, end) : H1_MORE;
}

/* The lines of fields, up to the empty one. */
static enum h1_result scan_fields(struct h1 *h, const char *data, size_t len)
{
	const uint32_t most = h->limits->n_headers + (h->state == H1_AT_HEAD);
	size_t at = h->scanned, start = h->line_start;

	while (at < len) {
		const char *lf = find_lf(data + at, data + len);

		at = lf ? (size_t)(lf - data) + 1 : len;
		if (at > h->limits->header_bytes)
			return h1_fail(h, 431, "header section too long");
		h->scanned = (uint32_t)at;
		if (!lf)
			return H1_MORE;
		if (at - start < 2 || data[at - 2] != '\r')
			return h1_fail(h, 400, "bare LF");
		if (at - start == 2)
			return H1_DONE;
		if (++h->n_lines > most)
			return h1_fail(h, 431, "too many fields");
		start = at;
		h->line_start = (uint32_t)at;
	}
	return H1_MORE;
}

enum h1_result h1_scan(struct h1 *h, const char *data, size_t len)
{
	while (h->scanned < len && in_first_line(h)) {
		enum h1_result r = scan_first_line(h, data, len);

		if (r != H1_MORE)
			return r;
	}
	return scan_fields(h, data, len);
}
