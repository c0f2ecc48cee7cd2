/*
 * gate_rule: a limit for an automatic build: "rss_avg<=1.05x", "cpu<60",
 * "rss_end<=20m". With x it is about the ratio to the baseline, and its whole
 * interval counts; without, about the median in the measure's unit (bytes, µs,
 * ms; k, m and g for bytes).
 */
#ifndef HEAPGATE_GATE_RULE_H
#define HEAPGATE_GATE_RULE_H

#include "lab/analysis.h"

struct gate_rule {
	char text[CAMPAIGN_GATE_BYTES];
	unsigned int measure;
	double limit;
	bool is_ratio;
};

enum gate_answer {
	GATE_HOLDS,     /* for every arm */
	GATE_UNDECIDED, /* the interval spans the limit, or no verdict at all */
	GATE_BROKEN,    /* by one arm or more */
};

/* Returns: false when text is no rule. */
bool gate_rule_parse(struct gate_rule *g, const char *text);
/* For all arms but the baseline and its twin. */
enum gate_answer gate_rule_ask(const struct gate_rule *g, const struct analysis *a);
const char *gate_answer_text(enum gate_answer answer);

#endif
