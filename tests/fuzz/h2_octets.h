/*
 * Bytes that grow.
 */
#ifndef HEAPGATE_FUZZ_H2_OCTETS_H
#define HEAPGATE_FUZZ_H2_OCTETS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"

struct octets {
	char *p;
	size_t len;
	size_t cap;
};

static void octets_add(struct octets *t, const void *p, size_t len)
{
	if (!len)
		return;
	if (t->len + len > t->cap) {
		t->cap = 2 * (t->len + len);
		t->p = realloc(t->p, t->cap);
		must(t->p);
	}
	memcpy(t->p + t->len, p, len);
	t->len += len;
}

static void octets_fill(struct octets *t, size_t len)
{
	static const char zeros[256];

	for (; len > sizeof(zeros); len -= sizeof(zeros))
		octets_add(t, zeros, sizeof(zeros));
	octets_add(t, zeros, len);
}

static void octets_free(struct octets *t)
{
	free(t->p);
	*t = (struct octets){0};
}

#endif
