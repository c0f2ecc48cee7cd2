/*
 * wrap_trace: +trace=FILE, one record for each call; see trace.h.
 *
 * A call leaves its record in a ring of 1 MiB; a thread of its own writes it
 * to the file, some ten times a second, and allocates nothing. When the file
 * is slower than the program, records are lost, and counted.
 */
#ifndef HEAPGATE_WRAP_TRACE_H
#define HEAPGATE_WRAP_TRACE_H

#include "mem.h"

/*
 * Takes the place of *b. path: "%p" in it stands for the process id; spec is
 * what was asked for, for the head of the file. The file is made anew; it is
 * whole when the process has ended by exit().
 * Returns: 0; -1 with a one-line reason in err.
 */
int wrap_trace(struct mem_backend *b, const char *path, const char *spec, char *err,
	       size_t err_cap);

struct trace_counts {
	uint64_t records;
	uint64_t lost;
};
/* Returns: false if nothing is traced. */
bool mem_trace_counts(struct trace_counts *out);

#endif
