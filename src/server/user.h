/*
 * user: the one that workers run as.
 */
#ifndef HEAPGATE_USER_H
#define HEAPGATE_USER_H

#include <stddef.h>

#include "allocators/mem.h"

/*
 * Becomes this user, with its groups, for good. Only root can; as anybody
 * else it does nothing, because the config may be shared with a start by root.
 * Returns: 0; -1 with a one-line reason in err.
 */
int user_become(const char *name, char *err, size_t err_cap) MUST_USE;

#endif
