#include "lab/gate_rule.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Returns: the unit's factor; 0: there is no such unit here. */
static double factor_of(const char *unit, const char *of_measure)
{
	static const char letters[] = "kmg";
	const char *at;

	if (!*unit)
		return 1;
	at = strchr(letters, *unit);
	if (unit[1] || !at || strcmp(of_measure, "bytes") != 0)
		return 0;
	return pow(1024, (double)(at - letters) + 1);
}

bool gate_rule_parse(struct gate_rule *g, const char *text)
{
	size_t n = strcspn(text, "<");
	const char *number = text + n + 1;
	char name[32];
	double factor;
	char *end;
	int m;

	if (!text[n] || n >= sizeof(name) || strlen(text) >= sizeof(g->text))
		return false;
	snprintf(name, sizeof(name), "%.*s", (int)n, text);
	m = measure_find(name);
	if (m < 0)
		return false;
	number += *number == '=';
	g->limit = strtod(number, &end);
	if (end == number || !(g->limit > 0) || !isfinite(g->limit))
		return false;
	g->is_ratio = strcmp(end, "x") == 0;
	factor = g->is_ratio ? 1 : factor_of(end, measures[m].unit);
	g->limit *= factor;
	g->measure = (unsigned int)m;
	snprintf(g->text, sizeof(g->text), "%s", text);
	return factor > 0;
}

static enum gate_answer ask_arm(const struct gate_rule *g, const struct finding *f)
{
	if (!g->is_ratio)
		return isnan(f->median)        ? GATE_UNDECIDED
		       : f->median <= g->limit ? GATE_HOLDS
					       : GATE_BROKEN;
	if (f->verdict.n < VERDICT_LEAST_PAIRS)
		return GATE_UNDECIDED;
	if (f->verdict.ci.high <= g->limit)
		return GATE_HOLDS;
	return f->verdict.ci.low > g->limit ? GATE_BROKEN : GATE_UNDECIDED;
}

enum gate_answer gate_rule_ask(const struct gate_rule *g, const struct analysis *a)
{
	enum gate_answer worst = GATE_HOLDS;

	if (a->unreliable)
		return GATE_UNDECIDED;
	for (unsigned int arm = ARM_AGAIN + 1; arm < a->campaign->arms.n; arm++) {
		enum gate_answer one = ask_arm(g, &a->at[arm][g->measure]);

		worst = one > worst ? one : worst;
	}
	return worst;
}

const char *gate_answer_text(enum gate_answer answer)
{
	static const char *const words[] = {"holds", "undecided", "broken"};

	return words[answer];
}
