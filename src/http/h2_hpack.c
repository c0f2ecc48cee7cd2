#include "http/h2_hpack.h"

#include <nghttp2/nghttp2.h>

#define PAGE_BYTES 4096u

/* The front of the page. nghttp2 keeps the pointer to mem, and has what it needs at
 * first behind it. */
struct page {
	nghttp2_mem mem;
	nghttp2_hd_inflater *in;
	struct h2_pack out;
};

static struct page *page_of(struct h2_hpack *k)
{
	return fold_block(&k->page);
}

/* --- memory ------------------------------------------------------------ */

/* nghttp2 runs, so the page is not folded. */
static bool is_on_page(const struct h2_hpack *k, const void *p)
{
	return (uintptr_t)p - k->page.at < PAGE_BYTES;
}

static void *malloc_cb(size_t size, void *user)
{
	struct h2_hpack *k = user;
	size_t room = (size + 15) & ~(size_t)15;

	if (!k->is_made && room <= PAGE_BYTES - k->used) {
		k->used += (uint16_t)room;
		return (char *)k->page.at + k->used - room;
	}
	return mem_alloc_for(MEM_NGHTTP2, size, &k->bytes);
}

static void free_cb(void *p, void *user)
{
	struct h2_hpack *k = user;

	if (!is_on_page(k, p))
		mem_free_for(MEM_NGHTTP2, p, &k->bytes);
}

static void *calloc_cb(size_t n, size_t size, void *user)
{
	void *p = !size || n <= SIZE_MAX / size ? malloc_cb(n * size, user) : NULL;

	return p ? memset(p, 0, n * size) : NULL;
}

/* Of what is on the page only the page's end is known. */
static void *leave_page(struct h2_hpack *k, const void *p, size_t size)
{
	size_t old = k->page.at + PAGE_BYTES - (uintptr_t)p;
	void *to = mem_alloc_for(MEM_NGHTTP2, size, &k->bytes);

	return to ? memcpy(to, p, old < size ? old : size) : NULL;
}

static void *realloc_cb(void *p, size_t size, void *user)
{
	struct h2_hpack *k = user;
	uint64_t mark = mem_mark(MEM_NGHTTP2);
	void *q;

	if (p && is_on_page(k, p))
		return leave_page(k, p, size);
	q = mem_realloc(MEM_NGHTTP2, p, size);
	k->bytes += mem_charge(MEM_NGHTTP2, mark);
	return q;
}

/* --- life ---------------------------------------------------------------- */

int h2_hpack_init(struct h2_hpack *k, bool huffman)
{
	uint64_t mark = mem_mark(MEM_NGHTTP2);
	struct page *page = mem_zalloc(MEM_NGHTTP2, 1, PAGE_BYTES);

	*k = (struct h2_hpack){.used = sizeof(*page)};
	fold_init(&k->page, page);
	k->bytes += mem_charge(MEM_NGHTTP2, mark);
	if (!page)
		return -1;
	page->mem = (nghttp2_mem){k, malloc_cb, free_cb, calloc_cb, realloc_cb};
	h2_pack_init(&page->out, huffman);
	if (nghttp2_hd_inflate_new2(&page->in, &page->mem) != 0)
		return -1;
	k->is_made = true;
	return 0;
}

void h2_hpack_fini(struct h2_hpack *k)
{
	bool was_folded = h2_hpack_is_folded(k);
	struct page *page = page_of(k);

	if (page && page->in)
		nghttp2_hd_inflate_del(page->in);
	/* Folded as long as could be, so the allocator gets it out of RAM. */
	if (was_folded)
		fold_discard(page, PAGE_BYTES);
	mem_free_for(MEM_NGHTTP2, page, &k->bytes);
	fold_init(&k->page, NULL);
	mem_charge_back(MEM_NGHTTP2, k->bytes);
	k->bytes = 0;
}

void h2_hpack_fold(struct h2_hpack *k)
{
	if (fold_is_empty(&k->page) || h2_hpack_is_folded(k))
		return;
	k->table_bytes = (uint32_t)h2_hpack_bytes(k);
	fold_pack(&k->page, PAGE_BYTES, MEM_CONN);
}

/* --- use ----------------------------------------------------------------- */

/* RFC 7541 §6.1, where the index is in one byte. */
static bool is_indexed(uint8_t c)
{
	return c > 0x80 && c < 0xff;
}

/* RFC 7541 §6.3. */
static bool is_table_size(uint8_t c)
{
	return (c & 0xe0) == 0x20;
}

/* Such a field, as most are, changes nothing: nghttp2 shows its table, and its decoder
 * hears nothing of it. */
static enum h2_hpack_got read_indexed(struct h2_hpack *k, uint8_t c, struct h2_field *f)
{
	const nghttp2_nv *nv =
		nghttp2_hd_inflate_get_table_entry(page_of(k)->in, c & 0x7fu);

	if (!nv)
		return H2_HPACK_BAD;
	f->name = str_of((const char *)nv->name, nv->namelen);
	f->value = str_of((const char *)nv->value, nv->valuelen);
	f->never_index = false;
	k->has_field = true;
	return H2_HPACK_FIELD;
}

static enum h2_hpack_got end_block(struct h2_hpack *k)
{
	if (k->is_decoding)
		nghttp2_hd_inflate_end_headers(page_of(k)->in);
	k->is_decoding = false;
	k->in_field = false;
	k->has_field = false;
	return H2_HPACK_END;
}

/* By nghttp2's decoder. */
static enum h2_hpack_got read_any(struct h2_hpack *k, const uint8_t **p, size_t *len,
				  bool last, struct h2_field *f)
{
	nghttp2_nv nv;
	int flags;
	ssize_t n = nghttp2_hd_inflate_hd2(page_of(k)->in, &nv, &flags, *p, *len, last);

	k->is_decoding = true;
	if (n < 0)
		return n == NGHTTP2_ERR_NOMEM ? H2_HPACK_NO_MEMORY : H2_HPACK_BAD;
	*p += n;
	*len -= (size_t)n;
	k->in_field = !(flags & NGHTTP2_HD_INFLATE_EMIT);
	if (k->in_field)
		return flags & NGHTTP2_HD_INFLATE_FINAL ? end_block(k) : H2_HPACK_MORE;
	f->name = str_of((const char *)nv.name, nv.namelen);
	f->value = str_of((const char *)nv.value, nv.valuelen);
	f->never_index = nv.flags & NGHTTP2_NV_FLAG_NO_INDEX;
	k->has_field = true;
	return H2_HPACK_FIELD;
}

enum h2_hpack_got h2_hpack_read(struct h2_hpack *k, const uint8_t **p, size_t *len,
				bool last, struct h2_field *f)
{
	if (k->in_field)
		return read_any(k, p, len, last, f);
	if (!*len)
		return last ? end_block(k) : H2_HPACK_MORE;
	if (is_indexed(**p)) {
		(*len)--;
		return read_indexed(k, *(*p)++, f);
	}
	/* Fields came before it, but nghttp2 may have seen none (§4.2). */
	if (k->has_field && is_table_size(**p))
		return H2_HPACK_BAD;
	return read_any(k, p, len, last, f);
}

struct h2_pack *h2_hpack_out(struct h2_hpack *k)
{
	return &page_of(k)->out;
}

size_t h2_hpack_bytes(const struct h2_hpack *k)
{
	const struct page *page = (const struct page *)k->page.at;

	if (h2_hpack_is_folded(k))
		return k->table_bytes;
	if (!k->is_made)
		return 0;
	return nghttp2_hd_inflate_get_dynamic_table_size(page->in) + page->out.bytes;
}
