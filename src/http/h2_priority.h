/*
 * h2_priority: the Priority field (RFC 9218 §4, §5), a dictionary of RFC 8941 §3.2.
 */
#ifndef HEAPGATE_H2_PRIORITY_H
#define HEAPGATE_H2_PRIORITY_H

#include "base/str.h"

/* Sets what the value says, and nothing else; a value that is no dictionary says
 * nothing. urgency: 0 (first) to 7. */
void h2_priority(struct str value, uint8_t *urgency, bool *incremental);

#endif
