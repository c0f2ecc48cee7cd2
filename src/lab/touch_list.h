/*
 * touch_list: how much of each large block of a trace was in RAM when it went,
 * in the order in which the blocks came.
 */
#ifndef HEAPGATE_TOUCH_LIST_H
#define HEAPGATE_TOUCH_LIST_H

#include "allocators/mem.h"

#define TOUCH_ALL UINT32_MAX /* nothing is known of it */

struct touch_list {
	uint32_t *bytes; /* from each block's first one on */
	size_t n;
	size_t cap;
};

/* A list of zeros is an empty one. */
void touch_list_fini(struct touch_list *l);
/* One more block, TOUCH_ALL of it. Returns: 0, or -1 without memory. */
int touch_list_add(struct touch_list *l) MUST_USE;

#endif
