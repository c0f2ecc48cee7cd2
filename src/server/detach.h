/*
 * detach: leaves the terminal. The process that the user started waits until
 * the service is up, or exits with the code that it failed with.
 */
#ifndef HEAPGATE_DETACH_H
#define HEAPGATE_DETACH_H

#include "allocators/mem.h"

/*
 * Goes on in a child in a session of its own. Before any loop is made.
 * Returns, in the child: an fd for detach_done(); -1 when there is no process
 * to be had. In the parent it does not return.
 */
int detach_start(void) MUST_USE;
/* Lets the parent exit with this code, and lets go of the terminal if it is 0.
 * *fd becomes -1; nothing happens if it is already. */
void detach_done(int *fd, int code);

#endif
