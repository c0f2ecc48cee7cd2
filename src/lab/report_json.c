#include <jansson.h>
#include <math.h>

#include "base/clock.h"
#include "lab/report.h"

#define SUMMARY_VERSION 2

/* JSON has no NaN: null stands for what is not known. */
static json_t *number(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}

static json_t *finding_json(const struct analysis *a, unsigned int arm, unsigned int m)
{
	const struct finding *f = &a->at[arm][m];
	const struct verdict *v = &f->verdict;
	json_t *o =
		json_pack("{so si}", "median", number(f->median), "runs", (int)f->n);

	if (arm == ARM_BASELINE || !o)
		return o;
	json_object_set_new(o, "ratio", number(v->ratio));
	json_object_set_new(o, "low", number(v->ci.low));
	json_object_set_new(o, "high", number(v->ci.high));
	json_object_set_new(o, "pairs", json_integer(v->n));
	json_object_set_new(o, "p", number(v->p));
	json_object_set_new(o, "p_holm", number(v->p_holm));
	json_object_set_new(
		o, "verdict",
		json_string(a->unreliable ? "withheld" : verdict_text(v->word)));
	return o;
}

static json_t *arm_json(const struct analysis *a, unsigned int arm)
{
	const struct arm *x = &a->campaign->arms.at[arm];
	json_t *found = json_object();

	for (unsigned int m = 0; m < N_MEASURES; m++)
		json_object_set_new(found, measures[m].name, finding_json(a, arm, m));
	return json_pack("{ss ss ss ss ss so}", "label", x->label, "allocator", x->spec,
			 "version", x->version, "path", x->path, "role",
			 arm == ARM_BASELINE ? "baseline"
			 : arm == ARM_AGAIN  ? "again"
					     : "arm",
			 "measures", found);
}

static json_t *measures_json(void)
{
	json_t *o = json_object();

	for (unsigned int m = 0; m < N_MEASURES; m++)
		json_object_set_new(o, measures[m].name,
				    json_pack("{ss ss sb}", "unit", measures[m].unit,
					      "what", measures[m].what, "primary",
					      m == MEASURE_PRIMARY));
	return o;
}

static json_t *environment_json(const struct campaign *c)
{
	json_t *o = json_object();

	for (unsigned int i = 0; i < c->n_environment; i++)
		json_object_set_new(o, c->environment[i].name,
				    json_string(c->environment[i].value));
	return o;
}

static json_t *gates_json(const struct report *r)
{
	json_t *all = json_array();

	for (unsigned int i = 0; i < r->n_gates; i++)
		json_array_append_new(
			all, json_pack("{ss ss}", "rule", r->gates[i].text, "answer",
				       gate_answer_text(gate_rule_ask(&r->gates[i],
								      r->analysis))));
	return all;
}

void report_summary(const struct report *r, FILE *to)
{
	const struct analysis *a = r->analysis;
	const struct campaign *c = a->campaign;
	json_t *arms = json_array(), *o;
	char when[CLOCK_RFC3339_BYTES];

	for (unsigned int i = 0; i < c->arms.n; i++)
		json_array_append_new(arms, arm_json(a, i));
	o = json_pack("{si ss% ss sb ss% sb ss sf si si si sf sf ss so so so so}",
		      "version", SUMMARY_VERSION, "sentence", text_str(&a->sentence).p,
		      a->sentence.len, "begun", clock_rfc3339(c->begun_wall_us, when),
		      "unreliable", (int)a->unreliable, "unreliable_because",
		      text_str(&a->why).p, a->why.len, "partial", (int)c->is_partial,
		      "workload", c->workload, "rate", c->rate, "rounds_planned",
		      (int)c->n_rounds, "rounds_whole", (int)a->n_rounds, "runs_void",
		      (int)a->n_void, "margin", c->margin, "level", VERDICT_LEVEL,
		      "command", c->command, "measures", measures_json(), "arms", arms,
		      "environment", environment_json(c), "gates", gates_json(r));
	if (!o || json_dumpf(o, to, JSON_INDENT(2)) != 0)
		fputs("{}", to);
	fputc('\n', to);
	json_decref(o);
}
