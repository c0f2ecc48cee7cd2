/*
 * words: numbers with units, as the command lines of the lab take them.
 */
#ifndef HEAPGATE_WORDS_H
#define HEAPGATE_WORDS_H

#include "base/str.h"

/* A number that is not negative, "1.5". */
bool words_number(const char *text, double *out);
/* "10s" "500ms" "2m" "1.5s"; more than 0, up to a day. */
bool words_time(struct str text, uint64_t *us);

#endif
