#include "lab/analysis.h"

#include <math.h>

#define MANY_VOID 0.34 /* of the runs */

/* --- numbers --------------------------------------------------------- */

static double value_of(const struct campaign *c, unsigned int arm, unsigned int round,
		       unsigned int m)
{
	const struct run *r = campaign_run(c, arm, round);

	return r ? measures[m].of(c, r) : NAN;
}

/* The same program ran twice in each round: both are what an arm is compared
 * with, since two tell better than one what the baseline takes. */
static double reference(const struct campaign *c, unsigned int arm, unsigned int round,
			unsigned int m)
{
	double one = value_of(c, ARM_BASELINE, round, m);
	double again = value_of(c, ARM_AGAIN, round, m);

	if (arm == ARM_AGAIN || isnan(again))
		return one;
	return isnan(one) ? again : sqrt(one * again);
}

double analysis_ratio(const struct campaign *c, unsigned int arm, unsigned int round,
		      unsigned int m)
{
	double ratio = value_of(c, arm, round, m) / reference(c, arm, round, m);

	return ratio > 0 && isfinite(ratio) ? ratio : NAN;
}

static int find_one(struct analysis *a, unsigned int arm, unsigned int m)
{
	const struct campaign *c = a->campaign;
	struct finding *f = &a->at[arm][m];
	double ratios[CAMPAIGN_MAX_ROUNDS], values[CAMPAIGN_MAX_ROUNDS];

	f->n = 0;
	for (unsigned int i = 0; i < c->n_rounds; i++) {
		double v = value_of(c, arm, i, m);

		ratios[i] = analysis_ratio(c, arm, i, m);
		if (!isnan(v))
			values[f->n++] = v;
	}
	f->median = statistics_median(values, f->n);
	return verdict_measure(&f->verdict, ratios, c->n_rounds,
			       c->seed + arm * N_MEASURES + m);
}

/*
 * Families for Holm's correction: the primary measure of all arms; all other
 * measures of all arms. The A/A arm is a test of the campaign, not of an
 * allocator, and has families of its own.
 */
static void decide(struct analysis *a, unsigned int from, unsigned int to, bool primary)
{
	struct verdict *family[STATISTICS_MAX_TESTS];
	unsigned int n = 0;

	for (unsigned int arm = from; arm < to; arm++)
		for (unsigned int m = 0; m < N_MEASURES; m++)
			if ((m == MEASURE_PRIMARY) == primary)
				family[n++] = &a->at[arm][m].verdict;
	verdict_decide(family, n, a->campaign->margin);
}

/* A difference that is no larger than what the baseline shows against itself
 * is not called one, however certain it looks. */
static void hold_to_noise(struct analysis *a, unsigned int m)
{
	const struct verdict *again = &a->at[ARM_AGAIN][m].verdict;

	for (unsigned int arm = ARM_AGAIN + 1; arm < a->campaign->arms.n; arm++) {
		struct verdict *v = &a->at[arm][m].verdict;

		if (v->word != VERDICT_SAME && v->ratio >= again->ci.low &&
		    v->ratio <= again->ci.high)
			v->word = VERDICT_INCONCLUSIVE;
	}
}

/* --- is it to be believed? ------------------------------------------- */

/* Where the next reason goes. */
static struct text *complain(struct analysis *a)
{
	if (a->why.len)
		text_z(&a->why, "; ");
	a->unreliable = true;
	return &a->why;
}

static void doubt(struct analysis *a)
{
	const struct campaign *c = a->campaign;
	const struct verdict *again = &a->at[ARM_AGAIN][MEASURE_PRIMARY].verdict;

	if (again->word == VERDICT_BETTER || again->word == VERDICT_WORSE)
		text_printf(complain(a),
			    "%s differed from itself: %.3f× (%g %% interval %.3f to "
			    "%.3f)",
			    c->arms.at[ARM_BASELINE].label, again->ratio,
			    100 * VERDICT_LEVEL, again->ci.low, again->ci.high);
	for (unsigned int i = 0; i < c->n_runs; i++)
		a->n_void += c->runs[i].why_void[0] != '\0';
	if (c->n_runs && a->n_void > MANY_VOID * c->n_runs)
		text_printf(complain(a), "%u of %u runs were void", a->n_void,
			    c->n_runs);
	a->n_rounds = campaign_n_complete(c);
	if (a->n_rounds < VERDICT_LEAST_PAIRS)
		text_printf(complain(a), "only %u whole rounds", a->n_rounds);
}

/* --- the sentence ---------------------------------------------------- */

static void say_ratio(struct text *t, const struct verdict *v)
{
	text_printf(t, "%.2f× (%g %% interval %.2f to %.2f)", v->ratio,
		    100 * VERDICT_LEVEL, v->ci.low, v->ci.high);
}

static void say_arm(struct analysis *a, unsigned int arm)
{
	const struct verdict *v = &a->at[arm][MEASURE_PRIMARY].verdict;
	struct text *t = &a->sentence;

	text_printf(t, "%s ", a->campaign->arms.at[arm].label);
	switch (v->word) {
	case VERDICT_BETTER:
		text_z(t, "takes less memory, ");
		break;
	case VERDICT_WORSE:
		text_z(t, "takes more memory, ");
		break;
	case VERDICT_SAME:
		text_printf(t, "takes the same within %g %%, ",
			    100 * a->campaign->margin);
		break;
	case VERDICT_INCONCLUSIVE:
		text_z(t, "is not shown to differ, nor to be the same");
		if (!v->n)
			return;
		text_z(t, ": ");
	}
	say_ratio(t, v);
}

static void say(struct analysis *a)
{
	const struct campaign *c = a->campaign;
	struct text *t = &a->sentence;

	if (c->is_partial)
		text_printf(t, "Partial (%u of %u rounds). ", a->n_rounds, c->n_rounds);
	if (a->unreliable) {
		text_printf(t, "No verdict: %.*s.", STR_ARG(text_str(&a->why)));
		return;
	}
	text_printf(t, "Against %s, over %u rounds of %s: ",
		    c->arms.at[ARM_BASELINE].label, a->n_rounds, c->workload);
	for (unsigned int arm = ARM_AGAIN + 1; arm < c->arms.n; arm++) {
		text_z(t, arm > ARM_AGAIN + 1 ? "; " : "");
		say_arm(a, arm);
	}
	text_char(t, '.');
	if (a->at[ARM_AGAIN][MEASURE_PRIMARY].verdict.word == VERDICT_INCONCLUSIVE)
		text_printf(t,
			    " Even %s and itself could not be shown to be within %g %% "
			    "of each other: small differences stay unseen here.",
			    c->arms.at[ARM_BASELINE].label, 100 * c->margin);
}

/* --- life ------------------------------------------------------------ */

int analysis_init(struct analysis *a, const struct campaign *c)
{
	memset(a, 0, sizeof(*a));
	a->campaign = c;
	text_init(&a->why, MEM_WORKER);
	text_init(&a->sentence, MEM_WORKER);
	for (unsigned int arm = 0; arm < c->arms.n; arm++)
		for (unsigned int m = 0; m < N_MEASURES; m++)
			if (find_one(a, arm, m) != 0)
				return -1;
	for (int primary = 0; primary < 2; primary++) {
		decide(a, ARM_AGAIN, ARM_AGAIN + 1, primary);
		decide(a, ARM_AGAIN + 1, c->arms.n, primary);
	}
	for (unsigned int m = 0; m < N_MEASURES; m++)
		hold_to_noise(a, m);
	doubt(a);
	say(a);
	return a->sentence.failed || a->why.failed ? -1 : 0;
}

void analysis_fini(struct analysis *a)
{
	text_fini(&a->why);
	text_fini(&a->sentence);
}

/* --- the table ------------------------------------------------------- */

static void print_row(const struct analysis *a, unsigned int arm, unsigned int m,
		      FILE *to)
{
	const struct finding *f = &a->at[arm][m];
	const struct verdict *v = &f->verdict;
	char text[48];

	fprintf(to, "  %-32.32s %12s", a->campaign->arms.at[arm].label,
		measure_text(f->median, measures[m].unit, text, sizeof(text)));
	if (arm == ARM_BASELINE || !v->n) {
		fputc('\n', to);
		return;
	}
	fprintf(to, "  %6.3fx", v->ratio);
	if (v->n > 1)
		fprintf(to, "  %6.3f to %6.3f  p=%.3f", v->ci.low, v->ci.high,
			v->p_holm);
	fprintf(to, "  %s\n",
		arm == ARM_AGAIN ? "(A/A)"
		: a->unreliable  ? "withheld"
				 : verdict_text(v->word));
}

void analysis_print(const struct analysis *a, FILE *to)
{
	for (unsigned int m = 0; m < N_MEASURES; m++) {
		fprintf(to, "%s: %s%s\n", measures[m].name, measures[m].what,
			m == MEASURE_PRIMARY ? " [primary]" : "");
		for (unsigned int arm = 0; arm < a->campaign->arms.n; arm++)
			print_row(a, arm, m, to);
	}
	fprintf(to, "\n%s%.*s\n", a->unreliable ? "UNRELIABLE. " : "",
		STR_ARG(text_str(&a->sentence)));
}
