#include "lab/load_result.h"

#include <stddef.h>
#include <string.h>

double load_result_error_share(const struct load_result *r)
{
	uint64_t bad = r->other_status + r->failed + r->unfinished;

	return r->planned ? (double)bad / (double)r->planned : 0;
}

double load_result_cpu_share(const struct load_result *r)
{
	return r->lasted_us ? (double)r->cpu_us / (double)r->lasted_us : 0;
}

/* --- JSON ------------------------------------------------------------ */

/* clang-format off */
#define NUMBER(field) {#field, offsetof(struct load_result, field)}
/* clang-format on */
static const struct {
	const char *name;
	size_t at;
} numbers[] = {
	NUMBER(begun_us), NUMBER(lasted_us),    NUMBER(planned),  NUMBER(started),
	NUMBER(ok),       NUMBER(other_status), NUMBER(failed),   NUMBER(unfinished),
	NUMBER(conns),    NUMBER(conns_failed), NUMBER(in_bytes), NUMBER(out_bytes),
	NUMBER(cpu_us),
};
#define N_NUMBERS (sizeof(numbers) / sizeof(*numbers))

json_t *load_result_json(const struct load_result *r)
{
	json_t *o = json_pack("{ss so so}", "name", r->name, "latency",
			      latencies_json(&r->latency), "late",
			      latencies_json(&r->late));

	for (unsigned int i = 0; o && i < N_NUMBERS; i++) {
		const void *p = (const char *)r + numbers[i].at;

		json_object_set_new(o, numbers[i].name,
				    json_integer((json_int_t) * (const uint64_t *)p));
	}
	return o;
}

int load_result_parse(const json_t *from, struct load_result *r)
{
	json_t *latency, *late, *v;
	const char *name;

	memset(r, 0, sizeof(*r));
	if (json_unpack((json_t *)from, "{ss so so}", "name", &name, "latency",
			&latency, "late", &late) != 0)
		return -1;
	snprintf(r->name, sizeof(r->name), "%s", name);
	for (unsigned int i = 0; i < N_NUMBERS; i++) {
		void *p = (char *)r + numbers[i].at;

		v = json_object_get(from, numbers[i].name);
		if (!json_is_integer(v))
			return -1;
		*(uint64_t *)p = (uint64_t)json_integer_value(v);
	}
	return latencies_parse(latency, &r->latency) == 0 &&
			       latencies_parse(late, &r->late) == 0
		       ? 0
		       : -1;
}

/* --- for people ------------------------------------------------------ */

void load_result_print(const struct load_result *r, FILE *to)
{
	static const double quantiles[] = {0.5, 0.75, 0.9, 0.95, 0.99, 0.999};
	double s = (double)r->lasted_us / 1e6;
	uint64_t n = r->latency.n;

	fprintf(to, "%s: %.1f s, %llu requests due, %llu ok (%.1f/s)", r->name, s,
		(unsigned long long)r->planned, (unsigned long long)r->ok,
		s > 0 ? (double)r->ok / s : 0);
	fprintf(to, ", %llu other status, %llu failed, %llu unfinished\n",
		(unsigned long long)r->other_status, (unsigned long long)r->failed,
		(unsigned long long)r->unfinished);
	fprintf(to, "  connections %llu (%llu failed), in %.1f MB, out %.1f MB\n",
		(unsigned long long)r->conns, (unsigned long long)r->conns_failed,
		(double)r->in_bytes / 1e6, (double)r->out_bytes / 1e6);
	fprintf(to, "  latency from when each was due, ms: mean %.3f",
		n ? (double)r->latency.sum / (double)n / 1e3 : 0);
	for (unsigned int i = 0; i < sizeof(quantiles) / sizeof(*quantiles); i++)
		fprintf(to, "  p%g %.3f", quantiles[i] * 100,
			latencies_quantile(&r->latency, quantiles[i]) / 1e3);
	fprintf(to, "\n  generator: %.0f %% of a core, p99 late by %.3f ms\n",
		100 * load_result_cpu_share(r),
		latencies_quantile(&r->late, 0.99) / 1e3);
}
