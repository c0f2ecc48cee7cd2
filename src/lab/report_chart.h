/*
 * report_chart: the pictures of report.html. Intervals and dots are drawn
 * here, as SVG; curves are drawn by dygraphs and stand in tables as well.
 */
#ifndef HEAPGATE_REPORT_CHART_H
#define HEAPGATE_REPORT_CHART_H

#include "lab/report.h"

/* Text, with what HTML would take for its own replaced. */
void report_put_html(const char *text, FILE *to);
/* For each arm: its interval, the margin, and a dot for each round. */
void report_put_intervals(const struct report *r, unsigned int measure, FILE *to);
/* RSS over time, and its average by phase as a table. */
void report_put_time(const struct report *r, FILE *to);
/* Distribution of the latency in the steady phase. */
void report_put_latency(const struct report *r, FILE *to);
/* dygraphs and the data of both. */
void report_put_scripts(const struct report *r, FILE *to);

#endif
