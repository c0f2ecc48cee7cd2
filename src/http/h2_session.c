#include "http/h2_session.h"

#include <string.h>

#include "base/log.h"
#include "base/must.h"

/* --- the pages of a session ------------------------------------------------ */

#define PAGE_BYTES  4096u
#define PAGES_BYTES (2 * PAGE_BYTES)

/* nghttp2 runs, so they are not packed. */
static char *pages_of(const struct h2_user *u)
{
	return (char *)u->pages.at;
}

static bool is_on_pages(const struct h2_user *u, const void *p)
{
	return !fold_is_empty(&u->pages) && (uintptr_t)p - u->pages.at < PAGES_BYTES;
}

/* While the session is made: a block of a page is the first page, smaller ones
 * share the second. All is zero. Returns: NULL when it has no place there. */
static void *take_of_pages(struct h2_user *u, size_t size)
{
	size_t at = PAGE_BYTES + u->small_bytes;

	if (u->is_made || fold_is_empty(&u->pages))
		return NULL;
	if (size == PAGE_BYTES && !u->has_first) {
		u->has_first = true;
		return pages_of(u);
	}
	size = (size + 15) & ~(size_t)15;
	if (size > PAGES_BYTES - at)
		return NULL;
	u->small_bytes += (uint16_t)size;
	return pages_of(u) + at;
}

static void begin_pages(struct h2_user *u)
{
	uint64_t mark = mem_mark(MEM_NGHTTP2);

	fold_init(&u->pages,
		  u->kit->no_pages ? NULL : mem_zalloc(MEM_NGHTTP2, 1, PAGES_BYTES));
	u->bytes += mem_charge(MEM_NGHTTP2, mark);
}

static void end_pages(struct h2_user *u)
{
	size_t used = u->small_bytes + (u->has_first ? PAGE_BYTES : 0);

	u->is_made = true;
	if (!fold_is_empty(&u->pages) && used < PAGES_BYTES / 4 * 3)
		u->kit->no_pages = true;
}

/* folded: as long as could be; so the allocator gets them out of RAM. */
static void free_pages(struct h2_user *u, bool folded)
{
	if (folded && !fold_is_empty(&u->pages))
		fold_discard(pages_of(u), PAGES_BYTES);
	mem_free_for(MEM_NGHTTP2, fold_block(&u->pages), &u->bytes);
	fold_init(&u->pages, NULL);
}

/* --- memory ------------------------------------------------------------ */

static void *malloc_cb(size_t size, void *user)
{
	struct h2_user *u = user;
	void *p = take_of_pages(u, size);

	return p ? p : mem_alloc_for(MEM_NGHTTP2, size, &u->bytes);
}

static void free_cb(void *p, void *user)
{
	struct h2_user *u = user;

	if (p == u->loop->frame) {
		u->has_frame = false;
		return;
	}
	if (is_on_pages(u, p)) {
		/* A table that was outgrown; the others stay till the end. */
		if (p == pages_of(u) && u->is_made)
			fold_discard(p, PAGE_BYTES);
		return;
	}
	if (p && p == (void *)u->table.at)
		fold_init(&u->table, NULL);
	mem_free_for(MEM_NGHTTP2, p, &u->bytes);
}

static void *calloc_cb(size_t n, size_t size, void *user)
{
	struct h2_user *u = user;
	uint64_t mark = mem_mark(MEM_NGHTTP2);
	void *p = n <= PAGE_BYTES && size <= PAGE_BYTES ? take_of_pages(u, n * size)
							: NULL;

	if (p)
		return p;
	p = mem_zalloc(MEM_NGHTTP2, n, size);
	u->bytes += mem_charge(MEM_NGHTTP2, mark);
	if (p && n * size >= PAGE_BYTES) {
		fold_init(&u->table, p);
		u->table_bytes = (uint32_t)(n * size);
	}
	return p;
}

static bool is_frame_buffer(size_t size)
{
	return size > H2_CHUNK_BYTES && size <= LOOP_FRAME_BYTES;
}

static bool may_share_frame(void)
{
	return nghttp2_version(0)->version_num == 0x013400; /* 1.52.0 */
}

/* Where there is no memory. Returns: NULL when it is gone, or too small. */
static void *take_spare(struct h2_kit *k, size_t size)
{
	void *spare = k->spare;

	if (size > H2_SPARE_BYTES)
		return NULL;
	k->spare = NULL;
	return spare;
}

/* old: bytes that may be read at p. */
static void *move(struct h2_user *u, void *p, size_t old, void *to, size_t size)
{
	if (!to)
		return NULL;
	if (p)
		memcpy(to, p, old < size ? old : size);
	if (!is_on_pages(u, p))
		mem_free(MEM_NGHTTP2, p);
	return to;
}

static void *resize(struct h2_user *u, void *p, size_t size)
{
	size_t old = 0;
	void *q;

	if (is_on_pages(u, p)) {
		old = u->pages.at + PAGES_BYTES - (uintptr_t)p;
		q = move(u, p, old, mem_alloc(MEM_NGHTTP2, size), size);
	} else {
		old = mem_usable(p);
		q = mem_realloc(MEM_NGHTTP2, p, size);
	}
	return q ? q : move(u, p, old, take_spare(u->kit, size), size);
}

static void *realloc_cb(void *p, size_t size, void *user)
{
	struct h2_user *u = user;
	uint64_t mark;
	void *q;

	if (!u->kit->spare)
		u->kit->spare = mem_alloc(MEM_NGHTTP2, H2_SPARE_BYTES);
	mark = mem_mark(MEM_NGHTTP2);
	if (!p && !u->has_frame && is_frame_buffer(size) && may_share_frame()) {
		u->has_frame = true;
		return u->loop->frame;
	}
	must(p != u->loop->frame); /* it is never grown */
	if (p && p == (void *)u->table.at)
		fold_init(&u->table, NULL);
	q = resize(u, p, size);
	if (!q)
		u->is_torn = true;
	u->bytes += mem_charge(MEM_NGHTTP2, mark);
	return q;
}

/* --- a session --------------------------------------------------------- */

int h2_session_new(struct h2_user *u, struct h2_kit *kit, bool is_server)
{
	nghttp2_mem mem = {u, malloc_cb, free_cb, calloc_cb, realloc_cb};
	int rc;

	u->kit = kit;
	begin_pages(u);
	rc = (is_server ? nghttp2_session_server_new3 : nghttp2_session_client_new3)(
		&u->session, kit->callbacks, u, kit->option, &mem);
	if (rc == 0)
		end_pages(u);
	return rc;
}

void h2_session_del(struct h2_user *u)
{
	bool was_folded = u->is_folded;
	nghttp2_session *session = h2_session(u);

	u->session = NULL;
	u->is_made = false;
	if (!session || !u->is_torn) { /* one that was never made is no ruin */
		nghttp2_session_del(session);
		free_pages(u, was_folded);
	} else {
		log_warn("no memory: an HTTP/2 session of %lld bytes is abandoned",
			 (long long)u->bytes);
	}
}

void h2_fold(struct h2_user *u)
{
	if (!u->session || u->is_folded)
		return;
	u->hpack_bytes = (uint32_t)h2_hpack_bytes(u);
	if (fold_pack(&u->pages, PAGES_BYTES, MEM_CONN))
		u->is_folded = true;
	if (!fold_is_empty(&u->table) && fold_pack(&u->table, u->table_bytes, MEM_CONN))
		u->is_folded = true;
}

void h2_unfold(struct h2_user *u)
{
	fold_block(&u->pages);
	fold_block(&u->table);
	u->is_folded = false;
	conn_stir(u->conn);
}

size_t h2_hpack_bytes(const struct h2_user *u)
{
	if (u->is_folded)
		return u->hpack_bytes;
	return nghttp2_session_get_hd_inflate_dynamic_table_size(u->session) +
	       nghttp2_session_get_hd_deflate_dynamic_table_size(u->session);
}

size_t h2_packed_bytes(const struct h2_user *u)
{
	return fold_packed_bytes(&u->pages) + fold_packed_bytes(&u->table);
}

size_t h2_saved_bytes(const struct h2_user *u)
{
	return fold_saved_bytes(&u->pages) + fold_saved_bytes(&u->table);
}
