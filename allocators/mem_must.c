#include "mem_must.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void mem_die(const char *format, ...)
{
	char line[512] = "heapgate: ";
	size_t at = strlen(line);
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line + at, sizeof(line) - at - 1, format, args);
	va_end(args);
	if (n > 0)
		at = (size_t)n < sizeof(line) - at - 1 ? at + (size_t)n
						       : sizeof(line) - 2;
	line[at++] = '\n';
	if (write(STDERR_FILENO, line, at) < 0)
		_exit(70);
	abort();
}
