/*
 * pidfile: where service managers and scripts find our pid.
 */
#ifndef HEAPGATE_PIDFILE_H
#define HEAPGATE_PIDFILE_H

#include "allocators/mem.h"

/* Writes our pid. Returns: 0, or -1 with errno set. */
int pidfile_open(const char *path) MUST_USE;
/* Removes it, if our pid is still what it says. */
void pidfile_close(const char *path);

#endif
