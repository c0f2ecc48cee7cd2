/*
 * Fuzzes the reading of HTTP/1 requests. What is accepted is written and read
 * again: it must be one request, the same one.
 */
#include <stdint.h>
#include <stdlib.h>

#include "h1_feed.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char err[256];

	(void)argc;
	(void)argv;
	must(mem_choose("system,regions=heap", err, sizeof(err)) == 0);
	return 0;
}

/* A form that fits what was read. */
static enum h1_body_form form_of(const struct h1 *h)
{
	if (h->framing == H1_CHUNKED)
		return H1_WRITE_CHUNKED;
	return h->framing == H1_LENGTH ? H1_WRITE_LENGTH : H1_WRITE_NONE;
}

/* The head as it would go to a server, read by a strict server. */
static void read_back(const struct feed *f)
{
	static const struct h1_limits wide = {1 << 20, 1 << 20, 2000};
	size_t cap = h1_head_bytes(&f->m);
	char *to = malloc(cap);
	struct feed back;
	size_t used;
	size_t n;

	must(to);
	n = h1_write_request(to, cap, &f->m, form_of(&f->h), !f->h.keep_alive);
	must(n);
	feed_init(&back, &wide, false, METHOD_OTHER);
	must(h1_read_head(&back.h, to, n, &used, &back.m, &back.a) == H1_HEAD);
	must(used == n);
	must(str_eq(back.m.method_text, f->m.method_text));
	must(str_eq(back.m.path, f->m.path));
	must(str_eq(back.m.authority, f->m.authority));
	must(str_eq(back.m.protocol, f->m.protocol));
	must(back.h.framing == f->h.framing);
	must(back.m.content_length == f->m.content_length || f->h.framing == H1_NONE);
	must(back.h.keep_alive == f->h.keep_alive);
	feed_fini(&back);
	free(to);
}

static void try_without_memory(const struct h1_limits *limits, const char *p,
			       size_t size, uint64_t hash)
{
	struct feed f;

	feed_init(&f, limits, false, METHOD_OTHER);
	f.a.cap_bytes = 1 + hash % 4096;
	feed_all(&f, p, size, size);
	feed_fini(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct h1_limits limits[] = {{8192, 32768, 100}, {32, 128, 4}};
	uint64_t hash = feed_hash(0xcbf29ce484222325, data, size);
	const struct h1_limits *l = &limits[hash % 8 == 0];
	const char *p = (const char *)data;
	struct feed whole, split;

	feed_init(&whole, l, false, METHOD_OTHER);
	feed_all(&whole, p, size, size + 1);
	feed_init(&split, l, false, METHOD_OTHER);
	feed_all(&split, p, size, 1 + (hash >> 8) % 7);
	feed_same(&whole, &split);
	if (whole.had_head)
		read_back(&whole);
	try_without_memory(l, p, size, hash >> 16);
	feed_fini(&whole);
	feed_fini(&split);
	return 0;
}
