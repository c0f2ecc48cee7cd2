/*
 * exposition: a strict reader of Prometheus text and of OpenMetrics, so that
 * a test can ask for samples. Everything that the formats forbid fails the
 * test: names, labels, escapes, UTF-8, order, suffixes, duplicates, buckets
 * that shrink, no "# EOF".
 */
#ifndef HEAPGATE_EXPOSITION_H
#define HEAPGATE_EXPOSITION_H

#include <stdbool.h>

/* Reads a whole text; keeps its samples until the next call. */
void exposition_read(const char *text, bool openmetrics);
/* sample: `name{label="value",...}` as it stands in the text, value still
 * escaped. Fails the test when it is not there. */
double exposition_value(const char *sample);
bool exposition_has(const char *sample);
/* Samples whose name is this. */
unsigned int exposition_count(const char *name);
/* Calls f for each family, by its name in "# TYPE". */
void exposition_each_family(void (*f)(const char *name, void *arg), void *arg);

#endif
