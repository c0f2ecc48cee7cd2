/*
 * count: what is counted of a block that goes out or comes back. For mem.c, and
 * for a backend that counts on its short path, where nothing need be kept across
 * a call.
 *
 * One thread of one process writes, so no locked instruction is needed.
 */
#ifndef HEAPGATE_COUNT_H
#define HEAPGATE_COUNT_H

#include "mem.h"

/* 0 counts nothing: only to measure what counting costs (make bench-accounting);
 * much of the program relies on it. */
#ifndef MEM_ACCOUNTING
#define MEM_ACCOUNTING 1
#endif

/* Compilers make three instructions of the load and store where one does, and there
 * are a dozen for each block. */
static inline void count_add(_Atomic uint64_t *counter, uint64_t n)
{
	if (!MEM_ACCOUNTING)
		return;
#ifdef __x86_64__
	__asm__("addq %1, %0" : "+m"(*counter) : "er"(n) : "cc");
#else
	atomic_store_explicit(counter,
			      atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
#endif
}

static inline void count_sub(_Atomic uint64_t *counter, uint64_t n)
{
	if (!MEM_ACCOUNTING)
		return;
#ifdef __x86_64__
	__asm__("subq %1, %0" : "+m"(*counter) : "er"(n) : "cc");
#else
	count_add(counter, -n);
#endif
}

/* Compared where it stands. */
static inline bool count_below(const _Atomic uint64_t *counter, uint64_t n)
{
#ifdef __x86_64__
	bool below;

	__asm__("cmpq %2, %1" : "=@ccb"(below) : "m"(*counter), "er"(n));
	return below;
#else
	return atomic_load_explicit(counter, memory_order_relaxed) < n;
#endif
}

static inline void count_live(struct mem_counter *c, uint64_t n)
{
	uint64_t live;

	if (!MEM_ACCOUNTING)
		return;
	count_add(&c->live_bytes, n);
	live = atomic_load_explicit(&c->live_bytes, memory_order_relaxed);
	if (count_below(&c->peak_bytes, live))
		atomic_store_explicit(&c->peak_bytes, live, memory_order_relaxed);
}

static inline void count_alloc(struct mem_counter *c, size_t asked, size_t usable)
{
	count_add(&c->allocs, 1);
	count_add(&c->asked_bytes, asked);
	count_add(&c->given_bytes, usable);
	count_live(c, usable);
}

static inline void count_free(struct mem_counter *c, size_t usable)
{
	count_add(&c->frees, 1);
	count_sub(&c->live_bytes, usable);
}

/* Of these so many more are a connection's, or fewer; see mem_alloc_for(). */
static inline void count_charge(struct mem_counter *c, int64_t *bytes, size_t usable)
{
	if (!MEM_ACCOUNTING)
		return;
	*bytes += (int64_t)usable;
	count_add(&c->conn_bytes, usable);
}

static inline void count_discharge(struct mem_counter *c, int64_t *bytes, size_t usable)
{
	if (!MEM_ACCOUNTING)
		return;
	*bytes -= (int64_t)usable;
	count_sub(&c->conn_bytes, usable);
}

#endif
