/*
 * tcmalloc: gperftools', loaded at run time by its tc_ names and asked by the
 * C form of MallocExtension.
 */
#include <stdio.h>
#include <string.h>

#include "backend.h"
#include "library.h"

static struct {
	struct library lib;
	void *(*calloc)(size_t n, size_t size);
	const char *(*version)(int *major, int *minor, const char **patch);
	int (*get)(const char *property, size_t *value);
	int (*set)(const char *property, size_t value);
	void (*release)(void);
} tc;

static void *tcmalloc_zalloc(size_t size)
{
	return tc.calloc(1, size);
}

static uint64_t property(const char *name)
{
	size_t value = 0;

	return tc.get(name, &value) ? value : MEM_UNKNOWN;
}

static void tcmalloc_stats(struct mem_stats *out)
{
	uint64_t heap = property("generic.heap_size");
	uint64_t unmapped = property("tcmalloc.pageheap_unmapped_bytes");
	uint64_t free_pages = property("tcmalloc.pageheap_free_bytes");

	out->allocated = property("generic.current_allocated_bytes");
	out->retained = unmapped;
	if (heap == MEM_UNKNOWN || unmapped == MEM_UNKNOWN || free_pages == MEM_UNKNOWN)
		return;
	out->resident = heap - unmapped;
	out->active = heap - unmapped - free_pages;
	out->cached = out->resident - out->allocated;
}

static uint64_t tcmalloc_purge(void)
{
	uint64_t before = property("tcmalloc.pageheap_unmapped_bytes");

	tc.release();
	return property("tcmalloc.pageheap_unmapped_bytes") - before;
}

static const char *tcmalloc_version(void)
{
	static char version[64];
	int major = 0, minor = 0;
	const char *patch = "";

	tc.version(&major, &minor, &patch);
	snprintf(version, sizeof(version), "%d.%d%s", major, minor, patch ? patch : "");
	return version;
}

static int tcmalloc_load(struct mem_backend *self, const char *lib, const char *prefix,
			 char *err, size_t err_cap)
{
	(void)lib, (void)prefix;
	if (library_open(&tc.lib, self->soname, "tc_", self->package, err, err_cap) <
		    0 ||
	    library_bind(&tc.lib, self, &tc.calloc, err, err_cap) < 0)
		return -1;
	tc.version = library_find(&tc.lib, "version");
	tc.get = library_find_plain(&tc.lib, "MallocExtension_GetNumericProperty");
	tc.set = library_find_plain(&tc.lib, "MallocExtension_SetNumericProperty");
	tc.release = library_find_plain(&tc.lib, "MallocExtension_ReleaseFreeMemory");
	if (tc.version && tc.get && tc.set && tc.release)
		return 0;
	snprintf(err, err_cap, "%s has no MallocExtension: not tcmalloc", tc.lib.path);
	return -1;
}

static int tcmalloc_set(struct mem_backend *self, const char *key, int64_t value,
			char *err, size_t err_cap)
{
	const char *name = "tcmalloc.max_total_thread_cache_bytes";

	(void)self;
	if (strcmp(key, "aggressive_decommit") == 0)
		name = "tcmalloc.aggressive_memory_decommit";
	else if (strcmp(key, "heap_limit_mb") == 0)
		name = "tcmalloc.heap_limit_mb";
	if (tc.set(name, (size_t)value))
		return 0;
	snprintf(err, err_cap, "tcmalloc refused %s=%lld", key, (long long)value);
	return -1;
}

static const struct mem_key tcmalloc_keys[] = {
	{"max_total_thread_cache", MEM_KEY_BYTES, 512 << 10, 1 << 30,
	 "most bytes in thread caches: 512k to 1g"},
	{"aggressive_decommit", MEM_KEY_BOOL, 0, 1, "give free pages back at once"},
	{"heap_limit_mb", MEM_KEY_NUMBER, 0, 1 << 20, "most MiB of heap; 0: no limit"},
	{.name = NULL},
};

const struct mem_backend backend_tcmalloc = {
	.name = "tcmalloc",
	.summary = "gperftools', loaded from libtcmalloc_minimal.so.4",
	.soname = "libtcmalloc_minimal.so.4",
	.package = "libtcmalloc-minimal4",
	.keys = tcmalloc_keys,
	.tuned = "max_total_thread_cache=4m,aggressive_decommit=true",
	.load = tcmalloc_load,
	.set = tcmalloc_set,
	.zalloc = tcmalloc_zalloc,
	.stats = tcmalloc_stats,
	.purge = tcmalloc_purge,
	.version = tcmalloc_version,
};
