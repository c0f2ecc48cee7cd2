/*
 * report: the files that a campaign leaves for people and programs, made of
 * its raw data alone: the same raw data gives the same bytes.
 *
 *   report.html   one file, no network; readable without JavaScript
 *   summary.json  docs/summary-schema.md
 *   samples.csv rounds.csv metrics.om bench.txt
 */
#ifndef HEAPGATE_REPORT_H
#define HEAPGATE_REPORT_H

#include "lab/gate_rule.h"

struct report {
	const struct analysis *analysis;
	const struct gate_rule *gates;
	unsigned int n_gates;
};

/* Returns: 0, or -1 with a reason in err. */
int report_write(const struct report *r, const char *dir, char *err,
		 size_t err_cap) MUST_USE;

/* report_files.c, report_json.c, report_html.c: one file each. */
void report_rounds_csv(const struct report *r, FILE *to);
void report_samples_csv(const struct report *r, FILE *to);
void report_openmetrics(const struct report *r, FILE *to);
void report_bench(const struct report *r, FILE *to);
void report_summary(const struct report *r, FILE *to);
void report_html(const struct report *r, FILE *to);

/* dygraphs, as it was found when heapgate was built; "" where it was not. */
extern const char report_dygraphs_js[];
extern const char report_dygraphs_css[];

#endif
