#include "base/must.h"

#include <stdio.h>
#include <stdlib.h>

void must_fail(const char *file, int line, const char *cond)
{
	fprintf(stderr, "heapgate: bug at %s:%d: %s\n", file, line, cond);
	abort();
}
