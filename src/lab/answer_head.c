#include "lab/answer_head.h"

#include <string.h>

#include "base/str.h"

/* --- memory ---------------------------------------------------------- */

static void *malloc_cb(size_t size, void *user)
{
	(void)user;
	return mem_alloc(MEM_NGHTTP2, size);
}

static void free_cb(void *p, void *user)
{
	(void)user;
	mem_free(MEM_NGHTTP2, p);
}

static void *calloc_cb(size_t n, size_t size, void *user)
{
	(void)user;
	return mem_zalloc(MEM_NGHTTP2, n, size);
}

static void *realloc_cb(void *p, size_t size, void *user)
{
	(void)user;
	return mem_realloc(MEM_NGHTTP2, p, size);
}

int answer_head_init(struct answer_head *a)
{
	static nghttp2_mem mem = {NULL, malloc_cb, free_cb, calloc_cb, realloc_cb};

	*a = (struct answer_head){0};
	return nghttp2_hd_inflate_new2(&a->inflater, &mem) == 0 ? 0 : -1;
}

void answer_head_fini(struct answer_head *a)
{
	if (a->inflater)
		nghttp2_hd_inflate_del(a->inflater);
	a->inflater = NULL;
}

/* --- decoding -------------------------------------------------------- */

static uint16_t status_of(const uint8_t *v, size_t len)
{
	uint64_t n;

	if (len != 3 || !str_u64(str_of((const char *)v, len), &n))
		return 0;
	return (uint16_t)n;
}

static void on_field(struct answer_fields *f, const nghttp2_nv *nv)
{
	if (nv->namelen == 7 && memcmp(nv->name, ":status", 7) == 0) {
		f->status = status_of(nv->value, nv->valuelen);
	} else if (nv->namelen == 14 && memcmp(nv->name, "content-length", 14) == 0) {
		f->has_length = true;
		f->bad |= !str_u64(str_of((const char *)nv->value, nv->valuelen),
				   &f->length);
	}
}

static int inflate(struct answer_head *a, const uint8_t *p, size_t len, bool last)
{
	const uint8_t *end = p + len;

	for (;;) {
		nghttp2_nv nv;
		int flags = 0;
		ssize_t n = nghttp2_hd_inflate_hd2(a->inflater, &nv, &flags, p,
						   (size_t)(end - p), last);

		if (n < 0)
			return -1;
		p += n;
		if (flags & NGHTTP2_HD_INFLATE_EMIT)
			on_field(&a->now, &nv);
		else if ((flags & NGHTTP2_HD_INFLATE_FINAL) || p == end)
			break;
	}
	if (last)
		nghttp2_hd_inflate_end_headers(a->inflater);
	return 0;
}

/* --- what was seen --------------------------------------------------- */

/* RFC 7541 §5.1, of up to three bytes. */
static bool take_int(const uint8_t **p, const uint8_t *end, unsigned int bits,
		     size_t *v)
{
	size_t most = (1u << bits) - 1;

	if (*p == end)
		return false;
	*v = *(*p)++ & most;
	if (*v < most)
		return true;
	for (unsigned int shift = 0; *p < end && shift <= 7; shift += 7) {
		uint8_t b = *(*p)++;

		*v += (size_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return true;
	}
	return false;
}

static bool skip_string(const uint8_t **p, const uint8_t *end)
{
	size_t n;

	if (!take_int(p, end, 7, &n) || n > (size_t)(end - *p))
		return false;
	*p += n;
	return true;
}

/* False where it changes the table, or might. */
static bool keeps_table(const uint8_t *p, size_t n)
{
	const uint8_t *end = p + n;
	size_t index;

	while (p < end) {
		if (*p & 0x80) { /* §6.1: all of it is in a table */
			if (!take_int(&p, end, 7, &index))
				return false;
			continue;
		}
		if (*p & 0x60) /* §6.2.1 goes into the table; §6.3 sizes it */
			return false;
		if (!take_int(&p, end, 4, &index) ||
		    (!index && !skip_string(&p, end)) || !skip_string(&p, end))
			return false;
	}
	return true;
}

/* A whole block. Where it changes the table, what was seen may mean something else
 * now. */
static void remember(struct answer_head *a, const uint8_t *p, size_t n)
{
	if (!keeps_table(p, n)) {
		a->n_seen = 0;
	} else if (n <= ANSWER_HEAD_SEEN) {
		memcpy(a->seen, p, n);
		a->n_seen = n;
		a->meant = a->now;
	}
}

int answer_head_read(struct answer_head *a, const uint8_t *p, size_t n, bool last,
		     struct answer_fields *f)
{
	bool first = !a->in_block;

	if (first && last && n && n == a->n_seen && memcmp(p, a->seen, n) == 0) {
		*f = a->meant;
		return 0;
	}
	if (first)
		a->now = (struct answer_fields){0};
	a->in_block = !last;
	if (inflate(a, p, n, last) != 0)
		return -1;
	if (first && last)
		remember(a, p, n);
	else
		a->n_seen = 0; /* its parts may be cut anywhere: who knows */
	if (last)
		*f = a->now;
	return 0;
}
