/*
 * must: what can only be false through a bug of ours. Always on.
 *
 * Never for what a peer, a file or the operating system may do.
 */
#ifndef HEAPGATE_MUST_H
#define HEAPGATE_MUST_H

void must_fail(const char *file, int line, const char *cond)
	__attribute__((noreturn, cold));

#define must(cond)                                                                     \
	((__builtin_expect(!!(cond), 1)) ? (void)0                                     \
					 : must_fail(__FILE__, __LINE__, #cond))

#endif
