#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "campaign_case.h"
#include "lab/gate_rule.h"
#include "runner.h"

static struct campaign c;
static struct analysis a;
static char err[320];

static void make(double noise, double again, double jemalloc, double hybrid,
		 uint64_t seed)
{
	struct campaign_case how = {10, noise, {1, again, jemalloc, hybrid}, seed, 0};

	campaign_case_make(&c, &how);
	ck_assert_int_eq(analysis_init(&a, &c), 0);
}

static void drop(void)
{
	analysis_fini(&a);
	campaign_fini(&c);
	for (int tag = 0; tag < MEM_N_TAGS; tag++)
		ck_assert_uint_eq(mem_live(mem_counters(), tag), 0);
}

static enum verdict_word word(unsigned int arm, const char *measure)
{
	return a.at[arm][measure_find(measure)].verdict.word;
}

/* --- arms ------------------------------------------------------------ */

static int parse_arms(struct arm_list *l, const char *text, enum arm_profile profile)
{
	return arm_list_parse(l, "system", text, profile, err, sizeof(err));
}

START_TEST(settings_belong_to_the_arm_before_them)
{
	struct arm_list l;

	ck_assert_int_eq(parse_arms(&l,
				    "jemalloc+fail=9,hybrid,regions=heap,"
				    "profile=tuned,hybrid,/lib/x.so,prefix=je_",
				    ARM_PROFILE_AS_IS),
			 0);
	ck_assert_uint_eq(l.n, 6);
	ck_assert_str_eq(l.at[0].label, "system");
	ck_assert_str_eq(l.at[1].label, "system (again)");
	ck_assert_str_eq(l.at[1].spec, "system");
	ck_assert_str_eq(l.at[2].spec, "jemalloc+fail=9");
	ck_assert_str_eq(l.at[3].spec, "hybrid,regions=heap,profile=tuned");
	ck_assert_str_eq(l.at[4].spec, "hybrid");
	ck_assert_str_eq(l.at[5].spec, "/lib/x.so,prefix=je_");
}
END_TEST

START_TEST(profiles_make_arms_of_each)
{
	struct arm_list l;

	ck_assert_int_eq(parse_arms(&l, "jemalloc,mimalloc", ARM_PROFILE_BOTH), 0);
	ck_assert_uint_eq(l.n, 6);
	ck_assert_str_eq(l.at[3].spec, "jemalloc,profile=tuned");
	ck_assert_int_eq(parse_arms(&l, "jemalloc", ARM_PROFILE_TUNED), 0);
	ck_assert_uint_eq(l.n, 3);
	ck_assert_str_eq(l.at[2].spec, "jemalloc,profile=tuned");
}
END_TEST

START_TEST(an_arm_is_not_there_twice)
{
	struct arm_list l;

	ck_assert_int_eq(parse_arms(&l, "system,jemalloc,jemalloc", ARM_PROFILE_AS_IS),
			 0);
	ck_assert_uint_eq(l.n, 3);
	ck_assert_int_eq(parse_arms(&l, "system", ARM_PROFILE_AS_IS), -1);
}
END_TEST

START_TEST(wrong_arms_are_refused_with_the_reason)
{
	static const char *const wrong[] = {"",
					    ",",
					    "jemalloc,",
					    "jemaloc",
					    "jemalloc,,hybrid",
					    "hybrid,nothing=1"};
	struct arm_list l;

	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		err[0] = '\0';
		ck_assert_msg(parse_arms(&l, wrong[i], ARM_PROFILE_AS_IS) == -1,
			      "\"%s\" was taken", wrong[i]);
		ck_assert_str_ne(err, "");
	}
}
END_TEST

/* --- the plan -------------------------------------------------------- */

static int plan(const char *arms, uint64_t seconds, unsigned int rounds)
{
	memset(&c, 0, sizeof(c));
	c.duration_us = seconds * 1000000;
	ck_assert_int_eq(parse_arms(&c.arms, arms, ARM_PROFILE_AS_IS), 0);
	return campaign_plan(&c, rounds, err, sizeof(err));
}

START_TEST(a_plan_fits_its_duration)
{
	static const uint64_t seconds[] = {30, 60, 600, 3600};

	for (unsigned int i = 0; i < 4; i++) {
		uint64_t all;

		ck_assert_int_eq(plan("jemalloc", seconds[i], 0), 0);
		all = c.n_rounds * c.arms.n * (campaign_run_us(&c) + 500000);
		ck_assert_uint_ge(c.n_rounds, 8);
		ck_assert_uint_le(all, seconds[i] * 1000000);
		ck_assert_uint_ge(all, seconds[i] * 900000);
	}
}
END_TEST

START_TEST(a_minute_is_enough_for_three_arms)
{
	ck_assert_int_eq(plan("jemalloc,mimalloc,hybrid", 60, 0), 0);
	ck_assert_uint_ge(c.n_rounds, 8);
}
END_TEST

START_TEST(a_minute_has_more_rounds_before_longer_runs)
{
	ck_assert_int_eq(plan("jemalloc", 30, 0), 0);
	ck_assert_uint_eq(c.n_rounds, 8);
	ck_assert_int_eq(plan("jemalloc", 60, 0), 0);
	ck_assert_uint_eq(c.n_rounds, 16);
	ck_assert_int_eq(plan("jemalloc,mimalloc,hybrid", 60, 0), 0);
	ck_assert_uint_eq(c.n_rounds, 10);
	ck_assert_int_eq(plan("jemalloc", 600, 0), 0);
	ck_assert_uint_eq(c.n_rounds, 16);
}
END_TEST

START_TEST(a_plan_that_is_too_short_says_how_long_it_must_be)
{
	ck_assert_int_eq(plan("jemalloc", 10, 0), -1);
	ck_assert_ptr_nonnull(strstr(err, "--duration 29s"));
	ck_assert_int_eq(plan("jemalloc", 29, 0), 0);
}
END_TEST

START_TEST(each_round_has_every_arm_in_an_order_of_its_own)
{
	unsigned int order[ARMS_MAX], again[ARMS_MAX], seen = 0, first[4] = {0};

	ck_assert_int_eq(plan("jemalloc,hybrid", 60, 0), 0);
	for (unsigned int round = 0; round < 100; round++) {
		campaign_order(&c, round, order);
		campaign_order(&c, round, again);
		ck_assert_mem_eq(order, again, 4 * sizeof(*order));
		seen = 0;
		for (unsigned int i = 0; i < 4; i++)
			seen |= 1u << order[i];
		ck_assert_uint_eq(seen, 15);
		first[order[0]]++;
	}
	for (unsigned int i = 0; i < 4; i++)
		ck_assert_uint_ge(first[i], 10);
}
END_TEST

/* --- what is concluded ----------------------------------------------- */

START_TEST(an_arm_is_compared_with_both_runs_of_the_baseline)
{
	make(0, 1.02, 1.1, 1, 1);
	ck_assert_double_eq_tol(a.at[ARM_AGAIN][0].verdict.ratio, 1.02, 1e-6);
	ck_assert_double_eq_tol(a.at[2][0].verdict.ratio, 1.1 / sqrt(1.02), 1e-6);
	ck_assert_double_eq(analysis_ratio(&c, 2, 3, 0), a.at[2][0].verdict.ratio);
	strcpy(c.runs[ARM_AGAIN].why_void, "steal");
	ck_assert_double_eq_tol(analysis_ratio(&c, 2, 0, 0), 1.1, 1e-6);
	strcpy(c.runs[ARM_BASELINE].why_void, "steal");
	ck_assert(isnan(analysis_ratio(&c, 2, 0, 0)));
	drop();
}
END_TEST

/* What a round's runs have in common is not what an interval is about. */
START_TEST(intervals_hold_the_truth_though_rounds_differ)
{
	struct campaign_case how = {12, 0.02, {1, 1, 1.1, 0.8}, 0, 0.3};
	unsigned int hits = 0;

	for (how.seed = 1; how.seed <= 100; how.seed++) {
		campaign_case_make(&c, &how);
		ck_assert_int_eq(analysis_init(&a, &c), 0);
		for (unsigned int arm = 2; arm < 4; arm++) {
			struct interval ci = a.at[arm][0].verdict.ci;

			hits += ci.low <= how.effect[arm] && ci.high >= how.effect[arm];
			ck_assert_double_lt(ci.high / ci.low, 1.08);
		}
		drop();
	}
	ck_assert_uint_ge(hits, 194); /* 198 on average, at 99 % */
}
END_TEST

START_TEST(arms_that_differ_are_called_so)
{
	make(0.01, 1, 1.1, 0.8, 1);
	ck_assert(!a.unreliable);
	ck_assert_int_eq(word(2, "rss_avg"), VERDICT_WORSE);
	ck_assert_int_eq(word(3, "rss_avg"), VERDICT_BETTER);
	ck_assert_double_eq_tol(a.at[2][0].verdict.ratio, 1.1, 0.02);
	ck_assert_int_eq(word(2, "cpu"), VERDICT_SAME);
	ck_assert_ptr_nonnull(strstr(a.sentence.p, "jemalloc takes more memory"));
	ck_assert_ptr_nonnull(strstr(a.sentence.p, "hybrid takes less memory"));
	drop();
}
END_TEST

START_TEST(the_primary_measure_is_net_of_the_base)
{
	make(0, 1, 1.1, 1, 1);
	ck_assert_double_eq_tol(a.at[2][0].median, 8800000, 1);
	ck_assert_double_eq_tol(a.at[2][1].median, 10800000, 1);
	ck_assert_double_eq_tol(a.at[2][1].verdict.ratio, 1.08, 1e-6);
	drop();
}
END_TEST

START_TEST(lazyfree_does_not_count)
{
	struct campaign_case how = {10, 0, {1, 1, 1, 1}, 1, 0};
	struct run *r;

	campaign_case_make(&c, &how);
	r = &c.runs[2];
	for (unsigned int i = 1; i < r->n_phases; i++)
		r->phases[i].end.lazyfree_bytes = 4000000;
	/* Halfway through the steady phase half of it is there. */
	for (unsigned int i = 0; i < r->n_samples; i++) {
		uint64_t from = measure_phase_start(&c, 1);
		uint64_t at = r->samples[i].at_us;
		double part = (double)(at - from) / (double)c.phases[1].lasts_us;

		if (at <= from)
			part = 0;
		ck_assert_double_eq_tol(measure_net_of_lazyfree(r, i),
					10000000 - 4000000 * fmin(part, 1), 1);
	}
	campaign_fini(&c);
}
END_TEST

START_TEST(noise_alone_makes_no_winner)
{
	unsigned int called = 0, doubted = 0;

	for (uint64_t seed = 0; seed < 100; seed++) {
		make(0.05, 1, 1, 1, seed);
		called += !a.unreliable && (word(2, "rss_avg") >= VERDICT_BETTER ||
					    word(3, "rss_avg") >= VERDICT_BETTER);
		doubted += a.unreliable;
		drop();
	}
	ck_assert_uint_le(called, 10); /* 5 of 100 on average */
	ck_assert_uint_le(doubted, 10);
}
END_TEST

START_TEST(a_difference_no_larger_than_that_of_the_baseline_is_not_called)
{
	struct campaign_case how = {10, 0.002, {1, 1, 1.04, 1.2}, 1, 0};

	campaign_case_make(&c, &how);
	for (unsigned int i = ARM_AGAIN; i < c.n_runs; i += c.arms.n)
		for (unsigned int k = 0; k < c.runs[i].n_samples; k++)
			c.runs[i].samples[k].anon_bytes +=
				i / c.arms.n % 2 ? 600000 : (uint64_t)-200000;
	ck_assert_int_eq(analysis_init(&a, &c), 0);
	ck_assert(!a.unreliable);
	ck_assert_double_gt(a.at[ARM_AGAIN][0].verdict.ci.high, 1.05);
	ck_assert_double_lt(a.at[2][0].verdict.p_holm, 0.05);
	ck_assert_int_eq(word(2, "rss_avg"), VERDICT_INCONCLUSIVE);
	ck_assert_int_eq(word(3, "rss_avg"), VERDICT_WORSE);
	drop();
}
END_TEST

START_TEST(a_baseline_that_differs_from_itself_withholds_everything)
{
	make(0.01, 1.1, 1.3, 0.8, 1);
	ck_assert(a.unreliable);
	ck_assert_ptr_nonnull(strstr(a.sentence.p, "No verdict"));
	ck_assert_ptr_nonnull(strstr(a.sentence.p, "system differed from itself"));
	ck_assert_ptr_null(strstr(a.sentence.p, "takes less"));
	drop();
}
END_TEST

START_TEST(void_runs_do_not_count_and_many_of_them_make_doubt)
{
	struct campaign_case how = {10, 0.01, {1, 1, 1.1, 1}, 1, 0};

	campaign_case_make(&c, &how);
	strcpy(c.runs[2].why_void, "steal");
	c.runs[2].samples[3].anon_bytes *= 1000;
	ck_assert_int_eq(analysis_init(&a, &c), 0);
	ck_assert(!a.unreliable);
	ck_assert_uint_eq(a.n_void, 1);
	ck_assert_uint_eq(a.n_rounds, 9);
	ck_assert_uint_eq(a.at[2][0].verdict.n, 9);
	ck_assert_double_eq_tol(a.at[2][0].verdict.ratio, 1.1, 0.02);
	analysis_fini(&a);
	for (unsigned int i = 0; i < c.n_runs; i += 2)
		strcpy(c.runs[i].why_void, "steal");
	ck_assert_int_eq(analysis_init(&a, &c), 0);
	ck_assert(a.unreliable);
	drop();
}
END_TEST

START_TEST(a_second_attempt_takes_the_place_of_a_void_run)
{
	struct campaign_case how = {10, 0.01, {1, 1, 1.1, 1}, 1, 0};
	struct run *r;

	campaign_case_make(&c, &how);
	strcpy(c.runs[2].why_void, "steal");
	r = campaign_add_run(&c);
	*r = c.runs[2];
	r->why_void[0] = '\0';
	r->attempt = 1;
	c.runs[2].samples = NULL;
	ck_assert_ptr_eq(campaign_run(&c, 2, 0), r);
	ck_assert_uint_eq(campaign_n_complete(&c), 10);
	campaign_fini(&c);
}
END_TEST

START_TEST(few_rounds_give_no_verdict)
{
	struct campaign_case how = {10, 0.001, {1, 1, 2, 0.5}, 1, 0};

	campaign_case_make(&c, &how);
	c.n_runs = 5 * c.arms.n;
	for (unsigned int i = c.n_runs; i < 10 * c.arms.n; i++)
		mem_free(MEM_WORKER, c.runs[i].samples);
	c.is_partial = true;
	ck_assert_int_eq(analysis_init(&a, &c), 0);
	ck_assert(a.unreliable);
	ck_assert_ptr_nonnull(strstr(a.sentence.p, "Partial (5 of 10 rounds)"));
	ck_assert_ptr_nonnull(strstr(a.sentence.p, "only 5 whole rounds"));
	drop();
}
END_TEST

START_TEST(latencies_of_a_crowded_host_are_left_out)
{
	struct campaign_case how = {10, 0.01, {1, 1, 1, 1}, 1, 0};

	campaign_case_make(&c, &how);
	for (unsigned int i = 0; i < c.n_runs; i++)
		c.runs[i].cpu_pressure = 0.8;
	ck_assert_int_eq(analysis_init(&a, &c), 0);
	ck_assert(isnan(a.at[2][measure_find("p99")].median));
	ck_assert_int_eq(word(2, "p99"), VERDICT_INCONCLUSIVE);
	ck_assert_int_eq(word(2, "rss_avg"), VERDICT_SAME);
	drop();
}
END_TEST

/* --- gates ----------------------------------------------------------- */

static enum gate_answer ask(const char *text)
{
	struct gate_rule g;

	ck_assert_msg(gate_rule_parse(&g, text), "%s", text);
	return gate_rule_ask(&g, &a);
}

static double backlog_us(double pressure, unsigned int phase, unsigned int n_slow,
			 uint64_t slow_us, unsigned int n_usual, uint64_t usual_us)
{
	struct run r = {.n_phases = 5, .cpu_pressure = pressure};
	struct campaign_case how = {.n_rounds = 1, .effect = {1, 1, 1, 1}, .seed = 1};
	double us;

	campaign_case_make(&c, &how);
	for (unsigned int i = 0; i < n_usual; i++)
		for (unsigned int k = 0; k < 5; k++)
			latencies_add(&r.phases[k].load.latency, usual_us);
	for (unsigned int i = 0; i < n_slow; i++)
		latencies_add(&r.phases[phase].load.latency, slow_us);
	us = measure_backlog_us(&c, &r);
	campaign_fini(&c);
	return us;
}

/* Places in the plan. */
#define STEADY 1
#define BURST  2
#define CHURN  3

START_TEST(requests_that_pile_up_on_a_crowded_host_are_noticed)
{
	double us = backlog_us(0.9, BURST, 5, 400000, 100, 1000);

	ck_assert_double_ge(us, 300000);
	ck_assert_double_le(us, 500000);
	ck_assert_double_gt(backlog_us(0.9, STEADY, 5, 400000, 100, 1000), 0);
	/* not on a quiet host: there it is the arm's own doing */
	ck_assert_double_eq(backlog_us(0.3, BURST, 5, 400000, 100, 1000), 0);
	/* handshakes */
	ck_assert_double_eq(backlog_us(0.9, CHURN, 5, 400000, 100, 1000), 0);
	/* a few, and not for long */
	ck_assert_double_eq(backlog_us(0.9, BURST, 5, 400000, 1000, 1000), 0);
	ck_assert_double_eq(backlog_us(0.9, BURST, 5, 60000, 100, 1000), 0);
	/* a server that is as slow as that */
	ck_assert_double_eq(backlog_us(0.9, BURST, 5, 400000, 100, 200000), 0);
}
END_TEST

START_TEST(gates_hold_break_or_are_undecided)
{
	make(0.01, 1, 1.1, 0.8, 1);
	ck_assert_int_eq(ask("rss_avg<=1.2x"), GATE_HOLDS);
	ck_assert_int_eq(ask("rss_avg<=1.05x"), GATE_BROKEN);
	ck_assert_int_eq(ask("rss_avg<=1.1x"), GATE_UNDECIDED);
	ck_assert_int_eq(ask("rss_avg<20m"), GATE_HOLDS);
	ck_assert_int_eq(ask("rss_avg<=8000k"), GATE_BROKEN);
	ck_assert_int_eq(ask("cpu<=60"), GATE_HOLDS);
	ck_assert_int_eq(ask("p99<=0.5"), GATE_BROKEN);
	a.unreliable = true;
	ck_assert_int_eq(ask("rss_avg<=1.2x"), GATE_UNDECIDED);
	drop();
}
END_TEST

START_TEST(what_is_no_gate_is_refused)
{
	static const char *const wrong[] = {"",        "rss_avg",  "rss<=1x",
					    "cpu<=",   "cpu<=20m", "rss_avg<=1.05y",
					    "cpu<=-1", "cpu<=nan", "rss_avg>=1x",
					    "cpu<=0",  "<=1x"};
	struct gate_rule g;

	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		ck_assert_msg(!gate_rule_parse(&g, wrong[i]), "\"%s\"", wrong[i]);
}
END_TEST

/* --- raw data -------------------------------------------------------- */

static bool same_file(const char *one, const char *other)
{
	char command[256];

	snprintf(command, sizeof(command), "cmp '%s' '%s'", one, other);
	return system(command) == 0;
}

START_TEST(raw_data_come_back_as_they_were)
{
	char dir[] = "/tmp/check_campaign.XXXXXX", one[64], two[64];
	struct campaign back;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(one, sizeof(one), "%s/one.json", dir);
	snprintf(two, sizeof(two), "%s/two.json", dir);
	make(0.05, 1, 1.1, 0.9, 3);
	c.seed = UINT64_MAX;
	campaign_look_round(&c);
	ck_assert_uint_ge(c.n_environment, 8);
	ck_assert_int_eq(campaign_save(&c, one, err, sizeof(err)), 0);
	ck_assert_msg(campaign_load(&back, one, err, sizeof(err)) == 0, "%s", err);
	ck_assert_uint_eq(back.n_runs, c.n_runs);
	ck_assert_uint_eq(back.seed, UINT64_MAX);
	for (unsigned int i = 0; i < c.n_runs; i++)
		for (unsigned int m = 0; m < N_MEASURES; m++) {
			double x = measures[m].of(&c, &c.runs[i]);
			double y = measures[m].of(&back, &back.runs[i]);

			ck_assert(x == y || (isnan(x) && isnan(y)));
		}
	ck_assert_int_eq(campaign_save(&back, two, err, sizeof(err)), 0);
	ck_assert(same_file(one, two));
	campaign_fini(&back);
	ck_assert_int_eq(campaign_load(&back, "/nowhere", err, sizeof(err)), -1);
	unlink(one);
	unlink(two);
	rmdir(dir);
	drop();
}
END_TEST

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	fputs(text, f);
	fclose(f);
}

START_TEST(other_files_are_no_raw_data)
{
	char path[] = "/tmp/check_campaign.XXXXXX";
	struct campaign back;

	close(mkstemp(path));
	put(path, "not JSON");
	ck_assert_int_eq(campaign_load(&back, path, err, sizeof(err)), -1);
	put(path, "{\"version\":1,\"arms\":[]}");
	ck_assert_int_eq(campaign_load(&back, path, err, sizeof(err)), -1);
	ck_assert_ptr_nonnull(strstr(err, "not the raw data"));
	unlink(path);
}
END_TEST

static void add_parts(Suite *s)
{
	TCase *t = tcase_create("parts");

	tcase_add_checked_fixture(t, choose_system, NULL);
	tcase_add_test(t, settings_belong_to_the_arm_before_them);
	tcase_add_test(t, profiles_make_arms_of_each);
	tcase_add_test(t, an_arm_is_not_there_twice);
	tcase_add_test(t, wrong_arms_are_refused_with_the_reason);
	tcase_add_test(t, a_plan_fits_its_duration);
	tcase_add_test(t, a_minute_is_enough_for_three_arms);
	tcase_add_test(t, a_minute_has_more_rounds_before_longer_runs);
	tcase_add_test(t, a_plan_that_is_too_short_says_how_long_it_must_be);
	tcase_add_test(t, each_round_has_every_arm_in_an_order_of_its_own);
	tcase_add_test(t, gates_hold_break_or_are_undecided);
	tcase_add_test(t, what_is_no_gate_is_refused);
	tcase_add_test(t, raw_data_come_back_as_they_were);
	tcase_add_test(t, other_files_are_no_raw_data);
	suite_add_tcase(s, t);
}

int main(void)
{
	Suite *s = suite_create("campaign");
	TCase *t = tcase_create("conclusions");

	add_parts(s);
	tcase_add_checked_fixture(t, choose_system, NULL);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, an_arm_is_compared_with_both_runs_of_the_baseline);
	tcase_add_test(t, intervals_hold_the_truth_though_rounds_differ);
	tcase_add_test(t, arms_that_differ_are_called_so);
	tcase_add_test(t, the_primary_measure_is_net_of_the_base);
	tcase_add_test(t, lazyfree_does_not_count);
	tcase_add_test(t, noise_alone_makes_no_winner);
	tcase_add_test(t,
		       a_difference_no_larger_than_that_of_the_baseline_is_not_called);
	tcase_add_test(t, a_baseline_that_differs_from_itself_withholds_everything);
	tcase_add_test(t, void_runs_do_not_count_and_many_of_them_make_doubt);
	tcase_add_test(t, a_second_attempt_takes_the_place_of_a_void_run);
	tcase_add_test(t, few_rounds_give_no_verdict);
	tcase_add_test(t, latencies_of_a_crowded_host_are_left_out);
	tcase_add_test(t, requests_that_pile_up_on_a_crowded_host_are_noticed);
	suite_add_tcase(s, t);
	return run_suite(s);
}
