#include "lab/frame_reader.h"

#include <string.h>

#define PRIORITY_BYTES 5u

void frame_reader_init(struct frame_reader *r)
{
	*r = (struct frame_reader){0};
}

void frame_reader_fini(struct frame_reader *r)
{
	mem_free(MEM_CONN, r->part);
	r->part = NULL;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void begin(struct frame_reader *r, const uint8_t *h)
{
	struct h2_head head;

	h2_get_head(h, &head);
	r->now = (struct frame){.len = head.length,
				.type = head.type,
				.flags = head.flags,
				.id = (uint32_t)head.id};
	r->left = r->now.len;
	r->pad = 0;
	r->wants_pad = r->now.type == H2_DATA && (r->now.flags & H2_PADDED);
	r->n_head = H2_HEAD_BYTES;
}

/* Returns: true when the payload comes next. */
static bool take_head(struct frame_reader *r, const char **p, size_t *len)
{
	size_t n = least(*len, H2_HEAD_BYTES - r->n_head);

	if (r->n_head == H2_HEAD_BYTES)
		return true;
	if (n == H2_HEAD_BYTES) {
		begin(r, (const uint8_t *)*p);
	} else {
		memcpy(r->head + r->n_head, *p, n);
		r->n_head += (uint8_t)n;
		if (r->n_head == H2_HEAD_BYTES)
			begin(r, r->head);
	}
	*p += n;
	*len -= n;
	return r->n_head == H2_HEAD_BYTES;
}

static enum frame_result take_pad_length(struct frame_reader *r, const char **p,
					 size_t *len)
{
	if (!r->left)
		return FRAME_BAD;
	if (!*len)
		return FRAME_MORE;
	r->pad = (uint8_t) * *p;
	r->left--;
	(*p)++;
	(*len)--;
	r->wants_pad = false;
	return r->pad <= r->left ? FRAME_GOT : FRAME_BAD;
}

static enum frame_result take_part(struct frame_reader *r, const char **p, size_t *len,
				   struct frame *f)
{
	size_t n, body = 0;

	if (r->wants_pad) {
		enum frame_result got = take_pad_length(r, p, len);

		if (got != FRAME_GOT)
			return got;
	}
	if (r->left && !*len)
		return FRAME_MORE;
	n = least(*len, r->left);
	if (r->left > r->pad)
		body = least(n, r->left - r->pad);
	*f = r->now;
	f->p = (const uint8_t *)*p;
	f->n = body;
	r->left -= (uint32_t)n;
	f->ends = !r->left;
	*p += n;
	*len -= n;
	if (f->ends)
		r->n_head = 0;
	return FRAME_GOT;
}

/* Takes padding and priority off a HEADERS frame. */
static enum frame_result strip(struct frame *f)
{
	size_t pad = 0;

	if (f->flags & H2_PADDED) {
		if (!f->n)
			return FRAME_BAD;
		pad = *f->p++;
		f->n--;
	}
	if (f->flags & H2_HAS_PRIORITY) {
		if (f->n < PRIORITY_BYTES)
			return FRAME_BAD;
		f->p += PRIORITY_BYTES;
		f->n -= PRIORITY_BYTES;
	}
	if (pad > f->n)
		return FRAME_BAD;
	f->n -= pad;
	return FRAME_GOT;
}

static enum frame_result take_whole(struct frame_reader *r, const char **p, size_t *len,
				    struct frame *f)
{
	size_t n = least(*len, r->left);
	const uint8_t *payload = (const uint8_t *)*p;

	if (n < r->now.len) { /* it comes in pieces */
		if (!r->part)
			r->part = mem_alloc(MEM_CONN, H2_PAYLOAD_BYTES);
		if (!r->part)
			return FRAME_BAD;
		memcpy(r->part + r->now.len - r->left, *p, n);
		payload = r->part;
	}
	r->left -= (uint32_t)n;
	*p += n;
	*len -= n;
	if (r->left)
		return FRAME_MORE;
	r->n_head = 0;
	*f = r->now;
	f->p = payload;
	f->n = f->len;
	f->ends = true;
	return f->type == H2_HEADERS ? strip(f) : FRAME_GOT;
}

enum frame_result frame_reader_take(struct frame_reader *r, const char **p, size_t *len,
				    struct frame *f)
{
	if (!take_head(r, p, len))
		return FRAME_MORE;
	if (r->now.len > H2_PAYLOAD_BYTES)
		return FRAME_BAD;
	return r->now.type == H2_DATA ? take_part(r, p, len, f)
				      : take_whole(r, p, len, f);
}
