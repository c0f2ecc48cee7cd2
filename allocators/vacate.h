/*
 * vacate: lets go of the pages below a block that stays.
 */
#ifndef HEAPGATE_VACATE_H
#define HEAPGATE_VACATE_H

#include <stddef.h>

/*
 * The pages that lie wholly within p[0..bytes) need not be kept in RAM while all
 * of them is zero, which is seen to first; they read as zero ever after. So the
 * content never changes, whatever mapping a backend took the block from.
 * Returns: bytes of whole pages that were zero, so given back.
 */
size_t mem_vacate(void *p, size_t bytes);

#endif
