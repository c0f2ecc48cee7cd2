#include "lab/request_head.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>

#include "base/must.h"
#include "lab/frame_reader.h"

#define TABLE_BYTES 4096u /* SETTINGS_HEADER_TABLE_SIZE, as long as nobody says */
#define PAIRS_MAX   6u

int request_heads_init(struct request_heads *h, const struct workload *w,
		       const struct request *extra, const char *scheme,
		       const char *authority)
{
	*h = (struct request_heads){.workload = w,
				    .extra = extra,
				    .scheme = scheme,
				    .authority = authority};
	h->made = mem_zalloc(MEM_WORKER, (size_t)w->n_requests + 1,
			     REQUEST_HEAD_KINDS * sizeof(*h->made));
	return h->made ? 0 : -1;
}

void request_heads_fini(struct request_heads *h)
{
	size_t n = h->made ? (size_t)h->workload->n_requests + 1 : 0;

	for (size_t i = 0; i < n * REQUEST_HEAD_KINDS; i++)
		mem_free(MEM_WORKER, (void *)(uintptr_t)h->made[i].p);
	mem_free(MEM_WORKER, h->made);
	h->made = NULL;
}

static nghttp2_nv pair(const char *name, const char *value)
{
	return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
			    .value = (uint8_t *)(uintptr_t)value,
			    .namelen = strlen(name),
			    .valuelen = strlen(value)};
}

/* digits: scratch. Returns: how many pairs. */
static size_t list(const struct request_heads *h, const struct request *r,
		   nghttp2_nv nv[PAIRS_MAX], char *digits, size_t cap)
{
	size_t n = 0;

	nv[n++] = pair(":method", r->method);
	/* Those that HPACK does not know would go into the table. */
	if (strcmp(r->method, "GET") != 0 && strcmp(r->method, "POST") != 0)
		nv[0].flags = NGHTTP2_NV_FLAG_NO_INDEX;
	nv[n++] = pair(":scheme", h->scheme);
	nv[n++] = pair(":authority", h->authority);
	nv[n++] = pair(":path", r->path);
	nv[n++] = pair("user-agent", "heapgate-load");
	/* A long stream does not know how long it will be. */
	if (r->body_bytes && (!h->workload->messages || r == h->extra)) {
		snprintf(digits, cap, "%llu", (unsigned long long)r->body_bytes);
		nv[n++] = pair("content-length", digits);
	}
	return n;
}

/* What a new deflater makes of the same list the n-th time. */
static ssize_t deflate(nghttp2_nv *nv, size_t n_nv, enum request_head_kind kind,
		       uint8_t *to, size_t cap)
{
	nghttp2_hd_deflater *d;
	ssize_t n;

	if (nghttp2_hd_deflate_new(&d, kind == REQUEST_HEAD_PLAIN ? 0 : TABLE_BYTES) !=
	    0)
		return -1;
	n = nghttp2_hd_deflate_hd(d, to, cap, nv, n_nv);
	if (n > 0 && kind == REQUEST_HEAD_NEXT)
		n = nghttp2_hd_deflate_hd(d, to, cap, nv, n_nv);
	nghttp2_hd_deflate_del(d);
	return n;
}

static struct str make(const struct request_heads *h, const struct request *r,
		       enum request_head_kind kind)
{
	nghttp2_nv nv[PAIRS_MAX];
	uint8_t block[H2_PAYLOAD_BYTES];
	char digits[24], *kept;
	size_t n_nv = list(h, r, nv, digits, sizeof(digits));
	ssize_t n = deflate(nv, n_nv, kind, block, sizeof(block));

	if (n <= 0)
		return str_of(NULL, 0);
	kept = mem_alloc(MEM_WORKER, (size_t)n);
	if (kept)
		memcpy(kept, block, (size_t)n);
	return str_of(kept, (size_t)n);
}

struct str request_heads_get(struct request_heads *h, const struct request *r,
			     enum request_head_kind kind)
{
	const struct workload *w = h->workload;
	size_t i = r == h->extra ? w->n_requests : (size_t)(r - w->requests);
	struct str *made;

	must(i <= w->n_requests);
	made = &h->made[i * REQUEST_HEAD_KINDS + kind];
	if (!made->p)
		*made = make(h, r, kind);
	return *made;
}
