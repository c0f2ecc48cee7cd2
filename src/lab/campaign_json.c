#include <math.h>
#include <string.h>

#include "base/must.h"
#include "lab/campaign.h"

/* raw.json: a campaign whole, so that every table and chart can be made
 * again. Times are µs, memory bytes; what is unknown is left out. */

#define RAW_VERSION 2

/* --- out ------------------------------------------------------------- */

static const uint64_t *field_at(const struct reading *r, unsigned int i)
{
	return (const uint64_t *)(const void *)((const char *)r + i * sizeof(uint64_t));
}

static json_t *reading_json(const struct reading *r)
{
	json_t *o = json_object();

	for (unsigned int i = 0; i < READING_N_FIELDS; i++) {
		uint64_t v = *field_at(r, i);

		if (v != READING_UNKNOWN)
			json_object_set_new(o, reading_fields[i],
					    json_integer((json_int_t)v));
	}
	return o;
}

static json_t *samples_json(const struct run *r)
{
	json_t *a = json_array();

	for (unsigned int i = 0; i < r->n_samples; i++)
		json_array_append_new(a, json_pack("[III]",
						   (json_int_t)r->samples[i].at_us,
						   (json_int_t)r->samples[i].anon_bytes,
						   (json_int_t)r->samples[i].cpu_ns));
	return a;
}

static json_t *run_json(const struct run *r)
{
	json_t *phases = json_array();

	for (unsigned int i = 0; i < r->n_phases; i++)
		json_array_append_new(
			phases, json_pack("{so so}", "load",
					  load_result_json(&r->phases[i].load), "end",
					  reading_json(&r->phases[i].end)));
	return json_pack("{si si si si ss ss ss so so so sf sf sf sf}", "arm",
			 (int)r->arm, "round", (int)r->round, "place", (int)r->place,
			 "attempt", (int)r->attempt, "void", r->why_void,
			 "allocator_version", r->allocator_version, "allocator_path",
			 r->allocator_path, "base", reading_json(&r->base), "phases",
			 phases, "samples", samples_json(r), "steal", r->steal,
			 "cpu_pressure", r->cpu_pressure, "memory_pressure",
			 r->memory_pressure, "io_pressure", r->io_pressure);
}

static json_t *arms_json(const struct campaign *c)
{
	json_t *a = json_array();

	for (unsigned int i = 0; i < c->arms.n; i++)
		json_array_append_new(a, json_pack("{ss ss ss ss}", "spec",
						   c->arms.at[i].spec, "label",
						   c->arms.at[i].label, "version",
						   c->arms.at[i].version, "path",
						   c->arms.at[i].path));
	return a;
}

static json_t *phases_json(const struct campaign *c)
{
	json_t *a = json_array();

	for (unsigned int i = 0; i < c->n_phases; i++) {
		const struct load_phase *p = &c->phases[i];

		json_array_append_new(a, json_pack("{ss sI sf si sb}", "name", p->name,
						   "lasts_us", (json_int_t)p->lasts_us,
						   "factor", p->factor, "n_per_conn",
						   (int)p->n_per_conn, "alone",
						   (int)p->alone));
	}
	return a;
}

static json_t *gates_json(const struct campaign *c)
{
	json_t *a = json_array();

	for (unsigned int i = 0; i < c->n_gates; i++)
		json_array_append_new(a, json_string(c->gates[i]));
	return a;
}

static json_t *environment_json(const struct campaign *c)
{
	json_t *a = json_array();

	for (unsigned int i = 0; i < c->n_environment; i++)
		json_array_append_new(a, json_pack("[ss]", c->environment[i].name,
						   c->environment[i].value));
	return a;
}

static json_t *campaign_json(const struct campaign *c)
{
	json_t *runs = json_array(), *o;

	for (unsigned int i = 0; i < c->n_runs; i++)
		json_array_append_new(runs, run_json(&c->runs[i]));
	o = json_pack("{si sI sI ss ss ss sf si si si sI sf sb sb si so so so so}",
		      "version", RAW_VERSION, "begun_wall_us",
		      (json_int_t)c->begun_wall_us, "took_us", (json_int_t)c->took_us,
		      "command", c->command, "workload", c->workload, "target",
		      c->target, "rate", c->rate, "n_conns", (int)c->n_conns,
		      "n_streams", (int)c->n_streams, "n_idle", (int)c->n_idle,
		      "duration_us", (json_int_t)c->duration_us, "margin", c->margin,
		      "h1", (int)c->h1, "is_partial", (int)c->is_partial, "n_rounds",
		      (int)c->n_rounds, "arms", arms_json(c), "phases", phases_json(c),
		      "gates", gates_json(c), "environment", environment_json(c));
	/* A seed has 64 bits, JSON's integers here 63. */
	if (o) {
		char seed[24];

		snprintf(seed, sizeof(seed), "%llu", (unsigned long long)c->seed);
		json_object_set_new(o, "seed", json_string(seed));
	}
	if (!o || json_object_set_new(o, "runs", runs) != 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}

int campaign_save(const struct campaign *c, const char *path, char *err, size_t err_cap)
{
	json_t *o = campaign_json(c);
	int rc = o ? json_dump_file(o, path, JSON_COMPACT) : -1;

	json_decref(o);
	if (rc != 0)
		snprintf(err, err_cap, "%s: cannot be written", path);
	return rc;
}

/* --- in -------------------------------------------------------------- */

static void take_reading(const json_t *o, struct reading *r)
{
	memset(r, 0xff, sizeof(*r));
	for (unsigned int i = 0; i < READING_N_FIELDS; i++) {
		json_t *v = json_object_get(o, reading_fields[i]);

		if (json_is_integer(v))
			*(uint64_t *)(uintptr_t)field_at(r, i) =
				(uint64_t)json_integer_value(v);
	}
}

#define COPY(to, from) snprintf(to, sizeof(to), "%s", from)

static int take_samples(const json_t *a, struct run *r)
{
	json_int_t at, anon, cpu;
	json_t *v;
	size_t i;

	json_array_foreach(a, i, v)
	{
		if (json_unpack(v, "[III]", &at, &anon, &cpu) != 0 ||
		    run_add_sample(r, (struct sample){(uint64_t)at, (uint64_t)anon,
						      (uint64_t)cpu}) != 0)
			return -1;
	}
	return 0;
}

static int take_run_phases(const json_t *a, struct run *r)
{
	json_t *v, *load, *end;
	size_t i;

	json_array_foreach(a, i, v)
	{
		struct run_phase *p = &r->phases[r->n_phases];

		if (r->n_phases == CAMPAIGN_MAX_PHASES ||
		    json_unpack(v, "{so so}", "load", &load, "end", &end) != 0 ||
		    load_result_parse(load, &p->load) != 0)
			return -1;
		take_reading(end, &p->end);
		r->n_phases++;
	}
	return 0;
}

static int take_run(json_t *o, struct campaign *c)
{
	struct run *r = campaign_add_run(c);
	const char *why, *version, *path;
	json_t *base, *phases, *samples;

	if (!r ||
	    json_unpack(o, "{si si si si ss ss ss so so so sF sF sF sF}", "arm",
			(int *)&r->arm, "round", (int *)&r->round, "place",
			(int *)&r->place, "attempt", (int *)&r->attempt, "void", &why,
			"allocator_version", &version, "allocator_path", &path, "base",
			&base, "phases", &phases, "samples", &samples, "steal",
			&r->steal, "cpu_pressure", &r->cpu_pressure, "memory_pressure",
			&r->memory_pressure, "io_pressure", &r->io_pressure) != 0)
		return -1;
	if (r->arm >= c->arms.n || r->round >= c->n_rounds)
		return -1;
	COPY(r->why_void, why);
	COPY(r->allocator_version, version);
	COPY(r->allocator_path, path);
	take_reading(base, &r->base);
	return take_run_phases(phases, r) == 0 ? take_samples(samples, r) : -1;
}

static int take_arms(json_t *a, struct campaign *c)
{
	const char *spec, *label, *version, *path;
	json_t *v;
	size_t i;

	json_array_foreach(a, i, v)
	{
		struct arm *arm = &c->arms.at[c->arms.n];

		if (c->arms.n == ARMS_MAX ||
		    json_unpack(v, "{ss ss ss ss}", "spec", &spec, "label", &label,
				"version", &version, "path", &path) != 0)
			return -1;
		COPY(arm->spec, spec);
		COPY(arm->label, label);
		COPY(arm->version, version);
		COPY(arm->path, path);
		c->arms.n++;
	}
	return c->arms.n > 2 ? 0 : -1;
}

static int take_phases(json_t *a, struct campaign *c)
{
	const char *name;
	json_int_t lasts;
	int alone;
	json_t *v;
	size_t i;

	json_array_foreach(a, i, v)
	{
		struct load_phase *p = &c->phases[c->n_phases];

		if (c->n_phases == CAMPAIGN_MAX_PHASES ||
		    json_unpack(v, "{ss sI sF si sb}", "name", &name, "lasts_us",
				&lasts, "factor", &p->factor, "n_per_conn",
				(int *)&p->n_per_conn, "alone", &alone) != 0)
			return -1;
		COPY(p->name, name);
		p->lasts_us = (uint64_t)lasts;
		p->alone = alone;
		c->n_phases++;
	}
	return 0;
}

static int take_gates(json_t *a, struct campaign *c)
{
	json_t *v;
	size_t i;

	json_array_foreach(a, i, v)
	{
		if (c->n_gates == CAMPAIGN_MAX_GATES || !json_is_string(v))
			return -1;
		COPY(c->gates[c->n_gates], json_string_value(v));
		c->n_gates++;
	}
	return 0;
}

static int take_environment(json_t *a, struct campaign *c)
{
	const char *name, *value;
	json_t *v;
	size_t i;

	json_array_foreach(a, i, v)
	{
		struct environment_entry *e = &c->environment[c->n_environment];

		if (c->n_environment == ENVIRONMENT_MAX ||
		    json_unpack(v, "[ss]", &name, &value) != 0)
			return -1;
		COPY(e->name, name);
		COPY(e->value, value);
		c->n_environment++;
	}
	return 0;
}

static int take_head(json_t *o, struct campaign *c)
{
	const char *command, *workload, *target, *seed;
	json_int_t begun, took, duration;
	int version, h1, is_partial;
	uint64_t n;

	if (json_unpack(o, "{si sI sI ss ss ss sF si si si sI sF sb sb si ss}",
			"version", &version, "begun_wall_us", &begun, "took_us", &took,
			"command", &command, "workload", &workload, "target", &target,
			"rate", &c->rate, "n_conns", (int *)&c->n_conns, "n_streams",
			(int *)&c->n_streams, "n_idle", (int *)&c->n_idle,
			"duration_us", &duration, "margin", &c->margin, "h1", &h1,
			"is_partial", &is_partial, "n_rounds", (int *)&c->n_rounds,
			"seed", &seed) != 0 ||
	    version != RAW_VERSION || c->n_rounds > CAMPAIGN_MAX_ROUNDS ||
	    !str_u64(str_z(seed), &n))
		return -1;
	c->begun_wall_us = (uint64_t)begun;
	c->took_us = (uint64_t)took;
	c->duration_us = (uint64_t)duration;
	c->seed = n;
	c->h1 = h1;
	c->is_partial = is_partial;
	COPY(c->command, command);
	COPY(c->workload, workload);
	COPY(c->target, target);
	return 0;
}

static int take_campaign(json_t *o, struct campaign *c)
{
	json_t *v;
	size_t i;

	if (take_head(o, c) != 0 || take_arms(json_object_get(o, "arms"), c) != 0 ||
	    take_phases(json_object_get(o, "phases"), c) != 0 ||
	    take_gates(json_object_get(o, "gates"), c) != 0 ||
	    take_environment(json_object_get(o, "environment"), c) != 0)
		return -1;
	json_array_foreach(json_object_get(o, "runs"), i,
			   v) if (take_run(v, c) != 0) return -1;
	return 0;
}

int campaign_load(struct campaign *c, const char *path, char *err, size_t err_cap)
{
	json_error_t e;
	json_t *o = json_load_file(path, 0, &e);
	int rc = -1;

	memset(c, 0, sizeof(*c));
	if (o)
		rc = take_campaign(o, c);
	if (!o)
		snprintf(err, err_cap, "%s: %s", path, e.text);
	else if (rc != 0)
		snprintf(err, err_cap, "%s: not the raw data of a campaign", path);
	if (rc != 0)
		campaign_fini(c);
	json_decref(o);
	return rc;
}
