#include "server/metrics_inner.h"

/* What a worker takes of memory and CPU, and what its allocator does. */

/* at: a uint64_t in struct procfs_reading. */
static void print_process(struct exposition *e)
{
	each_worker (w, e) {
		const uint64_t *v = w->process ? metric_at(e, w->process) : NULL;

		if (!v || *v == PROCFS_UNKNOWN)
			continue;
		metric_worker_sample(e, w);
		metric_value(e, *v);
	}
}

static void print_faults(struct exposition *e)
{
	each_worker (w, e) {
		if (!w->process || w->process->minor_faults == PROCFS_UNKNOWN)
			continue;
		metric_worker_sample(e, w);
		metric_label(e, "kind", "minor");
		metric_value(e, w->process->minor_faults);
		metric_worker_sample(e, w);
		metric_label(e, "kind", "major");
		metric_value(e, w->process->major_faults);
	}
}

static void print_allocator_info(struct exposition *e)
{
	each_worker (w, e) {
		const struct stats *s = w->stats;

		if (!w->is_running || !s->allocator_name[0])
			continue;
		metric_worker_sample(e, w);
		metric_label(e, "allocator", s->allocator_name);
		metric_label(e, "version", s->allocator_version);
		metric_label(e, "regions", s->allocator_regions);
		metric_label(e, "path", s->allocator_path);
		metric_value(e, 1);
	}
}

/* at: a uint64_t in struct mem_stats. */
static void print_allocator(struct exposition *e)
{
	each_worker (w, e) {
		const uint64_t *v = metric_at(e, &w->stats->allocator);

		if (!w->is_running || *v == MEM_UNKNOWN)
			continue;
		metric_worker_sample(e, w);
		metric_value(e, *v);
	}
}

/* --- by owner -------------------------------------------------------- */

/* The tags before it are heapgate's own, one for each life. */
#define FIRST_LIBRARY MEM_NGHTTP2

/* Heapgate's own count as one owner, under its last tag. */
#define each_owner(tag)                                                                \
	for (unsigned int tag = FIRST_LIBRARY - 1; tag < MEM_N_TAGS; tag++)

/* field: offset of a counter in struct mem_counter. */
static uint64_t owner_sum(const struct metrics_worker *w, unsigned int tag,
			  size_t field)
{
	unsigned int first = tag < FIRST_LIBRARY ? 0 : tag;
	uint64_t sum = 0;

	for (unsigned int i = first; i <= tag; i++) {
		const char *counter = (const char *)&w->stats->mem.tag[i];

		sum += stat_get((const void *)(counter + field));
	}
	return sum;
}

/* at: a counter in struct mem_counter. */
static void print_owners(struct exposition *e)
{
	each_worker (w, e) {
		each_owner (tag) {
			metric_worker_sample(e, w);
			metric_label(e, "owner", mem_tag_owner(tag));
			metric_value(e, owner_sum(w, tag, e->f->at));
		}
	}
}

static void call_samples(struct exposition *e, const struct metrics_worker *w,
			 unsigned int tag)
{
	static const struct {
		const char *op;
		size_t field;
	} calls[] = {
		{"alloc", offsetof(struct mem_counter, allocs)},
		{"realloc", offsetof(struct mem_counter, reallocs)},
		{"free", offsetof(struct mem_counter, frees)},
	};

	for (unsigned int i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		metric_worker_sample(e, w);
		metric_label(e, "owner", mem_tag_owner(tag));
		metric_label(e, "op", calls[i].op);
		metric_value(e, owner_sum(w, tag, calls[i].field));
	}
}

static void print_calls(struct exposition *e)
{
	each_worker (w, e)
		each_owner (tag)
			call_samples(e, w, tag);
}

static void life_sample(struct exposition *e, const struct metrics_worker *w,
			unsigned int tag, const char *life, uint64_t bytes)
{
	metric_worker_sample(e, w);
	metric_label(e, "owner", mem_tag_owner(tag));
	metric_label(e, "life", life);
	metric_value(e, bytes);
}

/* A library's bytes are those of connections and the rest. The two counters
 * are not read at one moment, so the rest could seem negative. */
static void library_samples(struct exposition *e, const struct metrics_worker *w,
			    unsigned int tag)
{
	const struct mem_counters *c = &w->stats->mem;
	uint64_t live = mem_live(c, tag);
	uint64_t conn = stat_get(&c->tag[tag].conn_bytes);

	conn = conn < live ? conn : live;
	life_sample(e, w, tag, mem_life_name(MEM_LIFE_CONN), conn);
	life_sample(e, w, tag, mem_life_name(MEM_LIFE_WORKER), live - conn);
}

static void print_live(struct exposition *e)
{
	each_worker (w, e) {
		for (unsigned int tag = 0; tag < FIRST_LIBRARY; tag++)
			life_sample(e, w, tag, mem_life_name((enum mem_life)tag),
				    mem_live(&w->stats->mem, tag));
		for (unsigned int tag = FIRST_LIBRARY; tag < MEM_N_TAGS; tag++)
			library_samples(e, w, tag);
	}
}

/* Peaks of different lives are of different moments and have no sum. */
static void print_peaks(struct exposition *e)
{
	each_worker (w, e) {
		for (unsigned int tag = 0; tag < MEM_N_TAGS; tag++)
			life_sample(e, w, tag,
				    tag < FIRST_LIBRARY
					    ? mem_life_name((enum mem_life)tag)
					    : "all",
				    stat_get(&w->stats->mem.tag[tag].peak_bytes));
	}
}

static void print_overflows(struct exposition *e)
{
	each_worker (w, e) {
		metric_worker_sample(e, w);
		metric_value(e, stat_get(&w->stats->mem.region_overflows) +
					stat_get(&w->stats->region_overflow));
	}
}

static void print_folded(struct exposition *e)
{
	each_worker (w, e) {
		metric_worker_sample(e, w);
		metric_value(e, stat_get(&w->stats->mem.folded_bytes));
	}
}

static void print_fragmentation(struct exposition *e)
{
	each_worker (w, e) {
		const struct procfs_reading *p = w->process;
		uint64_t live = 0, anon;

		for (unsigned int tag = 0; tag < MEM_N_TAGS; tag++)
			live += mem_live(&w->stats->mem, tag);
		live -= stat_get(&w->stats->mem.folded_bytes);
		if (!p || p->anon_bytes == PROCFS_UNKNOWN || !live)
			continue;
		anon = p->anon_bytes;
		if (p->lazyfree_bytes != PROCFS_UNKNOWN && p->lazyfree_bytes < anon)
			anon -= p->lazyfree_bytes;
		metric_worker_sample(e, w);
		metric_value_ratio(e, (double)anon / (double)live);
	}
}

#define COUNTER METRIC_COUNTER
#define GAUGE   METRIC_GAUGE

#define ALLOCATOR(name, what)                                                          \
	{                                                                              \
		"heapgate_allocator_" #name "_bytes", GAUGE, "worker arm", what,       \
			print_allocator, offsetof(struct mem_stats, name), 0           \
	}
#define MEMORY(name, field, what)                                                      \
	{                                                                              \
		"heapgate_memory_" name "_bytes", GAUGE, "worker arm", what,           \
			print_process, offsetof(struct procfs_reading, field), 0       \
	}
#define OWNER(name, field, what)                                                       \
	{                                                                              \
		"heapgate_allocator_" name, COUNTER, "worker arm owner", what,         \
			print_owners, offsetof(struct mem_counter, field), 0           \
	}

const struct family metrics_of_memory[] = {
	{"heapgate_allocator", METRIC_INFO, "worker arm allocator version regions path",
	 "The allocator that the worker has proven to run.", print_allocator_info, 0,
	 0},
	MEMORY("resident", resident_bytes,
	       "RSS of the worker: anonymous, file and shared pages in RAM."),
	MEMORY("anon", anon_bytes, "Anonymous RSS: heap and stack; includes LazyFree."),
	MEMORY("peak", peak_bytes, "Highest RSS since the worker started."),
	MEMORY("virtual", virtual_bytes, "Address space of the worker."),
	MEMORY("lazyfree", lazyfree_bytes,
	       "Given back by MADV_FREE but not yet taken by the kernel."),
	MEMORY("proportional", proportional_bytes,
	       "PSS: shared pages are divided by the processes that share them."),
	{"heapgate_page_faults", COUNTER, "worker arm kind",
	 "Page faults: minor, or major (from disk).", print_faults, 0, 0},
	{"heapgate_cpu_seconds", COUNTER, "worker arm",
	 "CPU time of the worker, user and system.", print_process,
	 offsetof(struct procfs_reading, cpu_ns), 9},
	{"heapgate_threads", GAUGE, "worker arm",
	 "Threads of the worker: 1, and those of its allocator.", print_process,
	 offsetof(struct procfs_reading, n_threads), 0},

	ALLOCATOR(allocated, "In blocks that are in use, as the allocator says."),
	ALLOCATOR(active, "In pages that hold such blocks, as the allocator says."),
	ALLOCATOR(resident, "In RAM, as the allocator believes."),
	ALLOCATOR(metadata, "The allocator's own bookkeeping."),
	ALLOCATOR(retained, "Address space kept without RAM."),
	ALLOCATOR(cached, "Free and kept for reuse."),
	{"heapgate_allocator_purged_bytes", COUNTER, "worker arm",
	 "Given back to the system so far.", print_allocator,
	 offsetof(struct mem_stats, purged), 0},

	{"heapgate_allocator_calls", COUNTER, "worker arm owner op",
	 "Calls that were served: alloc, realloc, free.", print_calls, 0, 0},
	OWNER("asked_bytes", asked_bytes, "Sum of the sizes asked for."),
	OWNER("failures", failures, "Calls answered with no memory."),
	{"heapgate_allocator_live_bytes", GAUGE, "worker arm owner life",
	 "Usable bytes handed out now.", print_live, 0, 0},
	{"heapgate_allocator_peak_bytes", GAUGE, "worker arm owner life",
	 "Highest live bytes since the worker started.", print_peaks, 0, 0},
	{"heapgate_allocator_folded_bytes", GAUGE, "worker arm",
	 "Of live bytes, those whose pages are not in RAM: what quiet connections "
	 "hold is folded.",
	 print_folded, 0, 0},
	{"heapgate_allocator_fragmentation_ratio", GAUGE, "worker arm",
	 "Anonymous RSS less LazyFree, for each live byte that is not folded.",
	 print_fragmentation, 0, 0},
	{"heapgate_region_overflow", COUNTER, "worker arm",
	 "Blocks that a region passed on because of its soft cap.", print_overflows, 0,
	 0},
	{NULL, METRIC_GAUGE, NULL, NULL, NULL, 0, 0},
};
