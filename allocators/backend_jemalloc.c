/*
 * jemalloc: loaded at run time, asked and steered by mallctl.
 *
 * Debian's build wants 2.6 KB of static TLS, more than glibc keeps for late
 * libraries: mem_tunables() names the cure.
 */
#include <stdio.h>
#include <string.h>

#include "backend.h"
#include "library.h"

#define MIB_MAX 4

/* jemalloc's MALLCTL_ARENAS_ALL: "every arena" as an index. */
#define ALL_ARENAS 4096

struct mib {
	size_t path[MIB_MAX];
	size_t len;
};

static struct {
	struct library lib;
	void *(*calloc)(size_t n, size_t size);
	int (*ctl)(const char *, void *, size_t *, void *, size_t);
	int (*to_mib)(const char *, size_t *, size_t *);
	int (*by_mib)(const size_t *, size_t, void *, size_t *, void *, size_t);
	struct mib epoch, allocated, active, resident, metadata, retained, purge;
} je;

static void *jemalloc_zalloc(size_t size)
{
	return je.calloc(1, size);
}

static void look_up(struct mib *m, const char *name)
{
	m->len = MIB_MAX;
	if (je.to_mib(name, m->path, &m->len) != 0)
		m->len = 0;
}

static uint64_t read_bytes(const struct mib *m)
{
	size_t value = 0, len = sizeof(value);

	if (!m->len || je.by_mib(m->path, m->len, &value, &len, NULL, 0) != 0)
		return MEM_UNKNOWN;
	return value;
}

static void jemalloc_stats(struct mem_stats *out)
{
	uint64_t epoch = 1;
	size_t len = sizeof(epoch);

	/* The figures are those of the last epoch: begin a new one. */
	if (!je.epoch.len || je.by_mib(je.epoch.path, je.epoch.len, &epoch, &len,
				       &epoch, sizeof(epoch)) != 0)
		return;
	out->allocated = read_bytes(&je.allocated);
	out->active = read_bytes(&je.active);
	out->resident = read_bytes(&je.resident);
	out->metadata = read_bytes(&je.metadata);
	out->retained = read_bytes(&je.retained);
	if (out->resident != MEM_UNKNOWN && out->active != MEM_UNKNOWN &&
	    out->metadata != MEM_UNKNOWN &&
	    out->resident >= out->active + out->metadata)
		out->cached = out->resident - out->active - out->metadata;
}

static uint64_t jemalloc_purge(void)
{
	struct mem_stats before = {.resident = 0}, after = {.resident = 0};

	jemalloc_stats(&before);
	je.ctl("thread.tcache.flush", NULL, NULL, NULL, 0);
	je.by_mib(je.purge.path, je.purge.len, NULL, NULL, NULL, 0);
	jemalloc_stats(&after);
	return before.resident > after.resident ? before.resident - after.resident : 0;
}

static const char *jemalloc_version(void)
{
	const char *version = "";
	size_t len = sizeof(version);

	je.ctl("version", &version, &len, NULL, 0);
	return version;
}

static void look_up_all(void)
{
	look_up(&je.epoch, "epoch");
	look_up(&je.allocated, "stats.allocated");
	look_up(&je.active, "stats.active");
	look_up(&je.resident, "stats.resident");
	look_up(&je.metadata, "stats.metadata");
	look_up(&je.retained, "stats.retained");
	look_up(&je.purge, "arena.0.purge");
	je.purge.path[1] = ALL_ARENAS;
}

static int jemalloc_load(struct mem_backend *self, const char *lib, const char *prefix,
			 char *err, size_t err_cap)
{
	(void)lib;
	if (library_open(&je.lib, self->soname, prefix, self->package, err, err_cap) <
		    0 ||
	    library_bind(&je.lib, self, &je.calloc, err, err_cap) < 0)
		return -1;
	je.ctl = library_find(&je.lib, "mallctl");
	je.to_mib = library_find(&je.lib, "mallctlnametomib");
	je.by_mib = library_find(&je.lib, "mallctlbymib");
	if (!je.ctl || !je.to_mib || !je.by_mib) {
		snprintf(err, err_cap, "%s has no mallctl: not jemalloc", je.lib.path);
		return -1;
	}
	look_up_all();
	return 0;
}

/* The default for arenas to come and the one arena that is there already. */
static int set_decay(const char *key, ssize_t ms)
{
	char name[64];

	snprintf(name, sizeof(name), "arenas.%s", key);
	if (je.ctl(name, NULL, NULL, &ms, sizeof(ms)) != 0)
		return -1;
	snprintf(name, sizeof(name), "arena.0.%s", key);
	return je.ctl(name, NULL, NULL, &ms, sizeof(ms));
}

static int jemalloc_set(struct mem_backend *self, const char *key, int64_t value,
			char *err, size_t err_cap)
{
	bool on = value != 0;
	int rc;

	(void)self;
	if (strcmp(key, "background_thread") == 0)
		rc = je.ctl(key, NULL, NULL, &on, sizeof(on));
	else
		rc = set_decay(key, (ssize_t)value);
	if (rc == 0)
		return 0;
	snprintf(err, err_cap, "jemalloc refused %s=%lld", key, (long long)value);
	return -1;
}

static const struct mem_key jemalloc_keys[] = {
	{"background_thread", MEM_KEY_BOOL, 0, 1, "purge from a thread of its own"},
	{"dirty_decay_ms", MEM_KEY_NUMBER, -1, 1 << 30,
	 "ms until unused pages go back; 0 at once, -1 never"},
	{"muzzy_decay_ms", MEM_KEY_NUMBER, -1, 1 << 30,
	 "ms from lazily freed to truly freed; 0 at once, -1 never"},
	{.name = NULL},
};

const struct mem_backend backend_jemalloc = {
	.name = "jemalloc",
	.summary = "FreeBSD's and Meta's, loaded from libjemalloc.so.2",
	.soname = "libjemalloc.so.2",
	.package = "libjemalloc2",
	.keys = jemalloc_keys,
	.tuned = "background_thread=true,dirty_decay_ms=1000,muzzy_decay_ms=0",
	.load = jemalloc_load,
	.set = jemalloc_set,
	.zalloc = jemalloc_zalloc,
	.stats = jemalloc_stats,
	.purge = jemalloc_purge,
	.version = jemalloc_version,
};
