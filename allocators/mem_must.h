/*
 * mem_must: how the memory layer stops on a bug of ours or a broken heap.
 *
 * The memory layer stands below src/base and keeps its own: the message goes
 * straight to fd 2 and nothing is allocated on the way.
 */
#ifndef HEAPGATE_MEM_MUST_H
#define HEAPGATE_MEM_MUST_H

/* Writes "heapgate: " and the message as one line, then aborts. */
void mem_die(const char *format, ...)
	__attribute__((noreturn, cold, format(printf, 1, 2)));

#define mem_must(cond)                                                                 \
	((__builtin_expect(!!(cond), 1))                                               \
		 ? (void)0                                                             \
		 : mem_die("bug at %s:%d: %s", __FILE__, __LINE__, #cond))

#define mem_likely(cond)   __builtin_expect(!!(cond), 1)
#define mem_unlikely(cond) __builtin_expect(!!(cond), 0)

#endif
