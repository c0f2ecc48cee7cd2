/*
 * A conn that only collects what is written, instead of io/conn.c.
 */
#ifndef HEAPGATE_FUZZ_H2_WIRE_H
#define HEAPGATE_FUZZ_H2_WIRE_H

#include "h2_fields.h"
#include "io/conn.h"

static struct wire {
	struct conn conn;
	struct loop loop;
	struct octets out; /* what was written */
} wire;

static void wire_init(void)
{
	char err[256];

	must(mem_choose("system,regions=heap", err, sizeof(err)) == 0);
	arena_init(&wire.loop.tick, MEM_WORKER, 4096);
	wire.loop.frame = mem_alloc(MEM_WORKER, LOOP_FRAME_BYTES);
	must(wire.loop.frame);
	wire.conn.loop = &wire.loop;
}

bool conn_write(struct conn *c, const void *p, size_t len)
{
	must(c == &wire.conn);
	octets_add(&wire.out, p, len);
	return true;
}

bool conn_write_behind(struct conn *c, const void *head, size_t head_len, char *p,
		       size_t len)
{
	conn_write(c, head, head_len);
	return conn_write(c, p, len);
}

bool conn_can_write(const struct conn *c)
{
	(void)c;
	return true;
}

#endif
