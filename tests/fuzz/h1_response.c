/*
 * Fuzzes the reading of HTTP/1 responses, with 1xx before them, to several
 * methods. What is accepted is written and read again: it must be one
 * response, with the same framing.
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

static enum h1_body_form form_of(const struct h1 *h)
{
	static const enum h1_body_form forms[] = {
		[H1_NONE] = H1_WRITE_NONE,       [H1_LENGTH] = H1_WRITE_LENGTH,
		[H1_CHUNKED] = H1_WRITE_CHUNKED, [H1_CLOSE] = H1_WRITE_CLOSE,
		[H1_TUNNEL] = H1_WRITE_NONE,
	};

	return forms[h->framing];
}

static void start(struct feed *f, const struct h1_limits *l, uint64_t hash)
{
	static const enum method methods[] = {METHOD_GET, METHOD_HEAD, METHOD_POST,
					      METHOD_CONNECT};

	feed_init(f, l, true, methods[hash % 4]);
	if (hash / 4 % 4 == 0)
		f->m.protocol = STR("websocket");
}

/* The head as it would go to a client, read by a strict client. */
static void read_back(const struct feed *f)
{
	static const struct h1_limits wide = {1 << 20, 1 << 20, 2000};
	size_t cap = h1_head_bytes(&f->m);
	char *to = malloc(cap);
	struct feed back;
	size_t used;
	size_t n;

	must(to);
	n = h1_write_response(to, cap, &f->m, form_of(&f->h), !f->h.keep_alive, 1);
	must(n);
	feed_init(&back, &wide, true, f->m.method);
	back.m.protocol = f->m.protocol;
	must(h1_read_head(&back.h, to, n, &used, &back.m, &back.a) == H1_HEAD);
	must(used == n);
	must(back.m.status == f->m.status);
	must(back.h.framing == f->h.framing);
	must(back.m.no_body == f->m.no_body);
	feed_fini(&back);
	free(to);
}

/* As a back does: heads of 1xx are messages of their own. */
static void read_answer(struct feed *f, const char *p, size_t size, size_t step)
{
	for (int i = 0; i < 4; i++) {
		feed_all(f, p, size, step);
		if (!f->had_head || f->m.status >= 200 || f->m.status == 101)
			return;
		read_back(f);
		f->had_head = false;
		h1_next(&f->h);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct h1_limits limits[] = {{8192, 32768, 100}, {32, 128, 4}};
	uint64_t hash = feed_hash(0xcbf29ce484222325, data, size);
	const struct h1_limits *l = &limits[hash % 8 == 0];
	const char *p = (const char *)data;
	struct feed whole, split, poor;

	start(&whole, l, hash >> 3);
	read_answer(&whole, p, size, size + 1);
	start(&split, l, hash >> 3);
	read_answer(&split, p, size, 1 + (hash >> 8) % 7);
	feed_same(&whole, &split);
	if (whole.had_head)
		read_back(&whole);
	start(&poor, l, hash >> 3);
	poor.a.cap_bytes = 1 + (hash >> 16) % 4096;
	read_answer(&poor, p, size, size + 1);
	feed_fini(&whole);
	feed_fini(&split);
	feed_fini(&poor);
	return 0;
}
