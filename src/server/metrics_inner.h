/*
 * metrics_inner: between metrics.c, which knows the formats, and the tables
 * of families in metrics_processes.c, metrics_memory.c and metrics_traffic.c.
 */
#ifndef HEAPGATE_METRICS_INNER_H
#define HEAPGATE_METRICS_INNER_H

#include "server/metrics.h"

enum metric_type {
	METRIC_COUNTER, /* samples end in _total */
	METRIC_GAUGE,
	METRIC_INFO, /* one sample of 1 that ends in _info */
	METRIC_HISTOGRAM,
};

struct exposition;

struct family {
	const char *name; /* without _total and _info */
	enum metric_type type;
	const char *labels; /* for the docs: "worker arm" */
	const char *help;   /* one sentence without quotes and line ends */
	void (*print)(struct exposition *e);
	size_t at;           /* offset of a value; what in, print knows */
	unsigned int digits; /* values are 10^-digits of the unit */
};

/* Each ends with a family without a name. */
extern const struct family metrics_of_processes[];
extern const struct family metrics_of_memory[];
extern const struct family metrics_of_traffic[];

struct exposition {
	struct text *to;
	const struct metrics_view *v;
	const struct family *f;
	bool openmetrics;
	bool announced; /* HELP and TYPE of f are out */
	bool labelled;  /* the sample has a label already */
};

#define each_worker(w, e)                                                              \
	for (const struct metrics_worker *w = (e)->v->workers;                         \
	     w < (e)->v->workers + (e)->v->n_workers; w++)

/* What f->at says, counted from base. */
static inline const void *metric_at(const struct exposition *e, const void *base)
{
	return (const char *)base + e->f->at;
}

static inline uint64_t metric_counter_at(const struct exposition *e, const void *base)
{
	return stat_get((const _Atomic uint64_t *)metric_at(e, base));
}

/* One sample: sample(), label() for each label, then one value. suffix: ""
 * but for a histogram's. */
void metric_sample(struct exposition *e, const char *suffix);
void metric_label(struct exposition *e, const char *name, const char *value);
void metric_label_u64(struct exposition *e, const char *name, uint64_t value);
/* In units of 10^-f->digits. */
void metric_value(struct exposition *e, uint64_t v);
void metric_value_ratio(struct exposition *e, double v);

/* metric_sample() with the labels worker= and arm=. */
void metric_worker_sample(struct exposition *e, const struct metrics_worker *w);
/* A whole histogram of µs; label: as in arm="a". */
void metric_histogram(struct exposition *e, const struct histogram *h,
		      const char *label, const char *value);

#endif
