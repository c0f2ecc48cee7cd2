#include "allocators/vacate.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static bool is_zero(const uint64_t *w, size_t bytes)
{
	uint64_t any = 0;

	for (size_t i = 0; i < bytes / sizeof(*w) && !any; i += 8)
		any = w[i] | w[i + 1] | w[i + 2] | w[i + 3] | w[i + 4] | w[i + 5] |
		      w[i + 6] | w[i + 7];
	return !any;
}

size_t mem_vacate(void *p, size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = ((uintptr_t)p + page - 1) & ~(page - 1);
	uintptr_t to = ((uintptr_t)p + bytes) & ~(page - 1);
	void *at = (char *)p + (from - (uintptr_t)p);

	if (from >= to || !is_zero(at, to - from) ||
	    madvise(at, to - from, MADV_DONTNEED) != 0)
		return 0;
	return to - from;
}
