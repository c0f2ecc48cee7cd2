#include "lab/campaign.h"

#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/random.h"
#include "lab/verdict.h"
#include "server/hooks.h"

/* --- the plan -------------------------------------------------------- */

#define OVERHEAD_US  500000u /* of a run: processes, connections */
#define LEAST_RUN_US 700000u /* of load, to see anything at 10 Hz */
#define FEW_ROUNDS   8u      /* p = 2/256: of 6, the primary's alone */
#define MANY_ROUNDS  16u     /* then rather longer runs */

/* Shares of a run. The factor is of the rate. */
static const struct {
	const char *name;
	double share;
	double factor;
	unsigned int n_per_conn;
} plan[] = {
	{"warm-up", 0.20, 1, 0}, /* seen, but not counted */
	{"steady", 0.35, 1, 0},  {"burst", 0.15, 2.5, 0},
	{"churn", 0.15, 1, 5},   {"idle", 0.15, 0, 0},
};
#define N_PLAN (sizeof(plan) / sizeof(*plan))

/* Processes of the same arm differ from their first moment on, and hardly more
 * the longer they run: more of them tell more than longer ones do. */
static unsigned int good_rounds(const struct campaign *c)
{
	uint64_t most = c->duration_us / (c->arms.n * (LEAST_RUN_US + OVERHEAD_US));

	if (most > MANY_ROUNDS)
		return MANY_ROUNDS;
	return most > FEW_ROUNDS ? (unsigned int)most : FEW_ROUNDS;
}

int campaign_plan(struct campaign *c, unsigned int n_rounds, char *err, size_t err_cap)
{
	uint64_t each;

	c->n_rounds = n_rounds ? n_rounds : good_rounds(c);
	each = c->duration_us / (c->n_rounds * c->arms.n);
	if (each < OVERHEAD_US + LEAST_RUN_US) {
		double least = (double)c->n_rounds * c->arms.n *
			       (OVERHEAD_US + LEAST_RUN_US) / 1e6;

		snprintf(err, err_cap,
			 "%u rounds of %u arms (the baseline runs twice) want "
			 "--duration %.0fs or more",
			 c->n_rounds, c->arms.n, least);
		return -1;
	}
	c->n_phases = N_PLAN;
	for (unsigned int i = 0; i < N_PLAN; i++) {
		struct load_phase *p = &c->phases[i];

		*p = (struct load_phase){.factor = plan[i].factor,
					 .n_per_conn = plan[i].n_per_conn,
					 .alone = plan[i].factor == 0};
		snprintf(p->name, sizeof(p->name), "%s", plan[i].name);
		p->lasts_us = (uint64_t)(plan[i].share * (double)(each - OVERHEAD_US));
		p->lasts_us -= p->lasts_us % 1000; /* as the child is told */
	}
	return 0;
}

uint64_t campaign_run_us(const struct campaign *c)
{
	uint64_t us = 0;

	for (unsigned int i = 0; i < c->n_phases; i++)
		us += c->phases[i].lasts_us;
	return us;
}

void campaign_order(const struct campaign *c, unsigned int round, unsigned int *order)
{
	struct random r;

	random_init(&r, c->seed * 1000003 + round);
	random_order(&r, order, c->arms.n);
}

/* --- runs ------------------------------------------------------------ */

struct run *campaign_add_run(struct campaign *c)
{
	if (c->n_runs == c->cap_runs) {
		unsigned int cap = c->cap_runs ? c->cap_runs * 2 : 16;
		struct run *grown =
			mem_realloc(MEM_WORKER, c->runs, cap * sizeof(*grown));

		if (!grown)
			return NULL;
		c->runs = grown;
		c->cap_runs = cap;
	}
	memset(&c->runs[c->n_runs], 0, sizeof(*c->runs));
	memset(&c->runs[c->n_runs].base, 0xff, sizeof(struct reading));
	return &c->runs[c->n_runs++];
}

int run_add_sample(struct run *r, struct sample s)
{
	if (r->n_samples == r->cap_samples) {
		unsigned int cap = r->cap_samples ? r->cap_samples * 2 : 64;
		struct sample *grown =
			mem_realloc(MEM_WORKER, r->samples, cap * sizeof(*grown));

		if (!grown)
			return -1;
		r->samples = grown;
		r->cap_samples = cap;
	}
	r->samples[r->n_samples++] = s;
	return 0;
}

const struct run *campaign_run(const struct campaign *c, unsigned int arm,
			       unsigned int round)
{
	for (unsigned int i = 0; i < c->n_runs; i++) {
		const struct run *r = &c->runs[i];

		if (r->arm == arm && r->round == round && !r->why_void[0])
			return r;
	}
	return NULL;
}

unsigned int campaign_n_complete(const struct campaign *c)
{
	unsigned int n = 0;

	for (unsigned int round = 0; round < c->n_rounds; round++) {
		unsigned int arm = 0;

		while (arm < c->arms.n && campaign_run(c, arm, round))
			arm++;
		n += arm == c->arms.n;
	}
	return n;
}

void campaign_fini(struct campaign *c)
{
	for (unsigned int i = 0; i < c->n_runs; i++)
		mem_free(MEM_WORKER, c->runs[i].samples);
	mem_free(MEM_WORKER, c->runs);
	c->runs = NULL;
	c->n_runs = c->cap_runs = 0;
}

/* --- the environment ------------------------------------------------- */

static void note(struct campaign *c, const char *name, const char *value)
{
	struct environment_entry *e = &c->environment[c->n_environment];

	if (c->n_environment == ENVIRONMENT_MAX || !value[0])
		return;
	snprintf(e->name, sizeof(e->name), "%s", name);
	snprintf(e->value, sizeof(e->value), "%s", value);
	e->value[strcspn(e->value, "\n")] = '\0';
	c->n_environment++;
}

/* The first line of a file, or what follows key and a colon in it. */
static void note_file(struct campaign *c, const char *name, const char *path,
		      const char *key)
{
	char line[512];
	FILE *f = fopen(path, "re");

	while (f && fgets(line, sizeof(line), f)) {
		char *colon = strchr(line, ':');

		if (!key) {
			note(c, name, line);
			break;
		}
		if (strncmp(line, key, strlen(key)) == 0 && colon) {
			note(c, name, colon + 1 + strspn(colon + 1, " \t"));
			break;
		}
	}
	if (f)
		fclose(f);
}

static void note_libraries(struct campaign *c)
{
	struct library_version v[HOOKS_N_LIBRARIES];

	hooks_versions(v);
	for (unsigned int i = 0; i < HOOKS_N_LIBRARIES; i++)
		note(c, v[i].name, v[i].running);
}

void campaign_look_round(struct campaign *c)
{
	struct utsname u;
	char text[160];

	note(c, "heapgate", HEAPGATE_VERSION);
	if (uname(&u) == 0) {
		snprintf(text, sizeof(text), "%.60s %.60s", u.sysname, u.release);
		note(c, "kernel", text);
		note(c, "machine", u.machine);
	}
	snprintf(text, sizeof(text), "%ld", sysconf(_SC_NPROCESSORS_ONLN));
	note(c, "CPUs", text);
	note_file(c, "CPU", "/proc/cpuinfo", "model name");
	note_file(c, "memory", "/proc/meminfo", "MemTotal");
	note_file(c, "transparent huge pages",
		  "/sys/kernel/mm/transparent_hugepage/enabled", NULL);
	note_file(c, "load average", "/proc/loadavg", NULL);
	note_libraries(c);
}
