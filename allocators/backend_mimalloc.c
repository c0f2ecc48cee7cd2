/*
 * mimalloc: Microsoft's, loaded at run time by its mi_ names.
 */
#include <stdio.h>
#include <string.h>

#include "backend.h"
#include "library.h"

/* mi_option_t of mimalloc 2.0.x; the header is not needed to build. */
enum {
	MI_OPTION_EAGER_COMMIT = 3,
	MI_OPTION_RESET_DELAY = 15,
};

static struct {
	struct library lib;
	char version[16];
	void *(*calloc)(size_t n, size_t size);
	int (*version_number)(void);
	void (*collect)(bool force);
	void (*process_info)(size_t *, size_t *, size_t *, size_t *, size_t *, size_t *,
			     size_t *, size_t *);
	void (*option_set)(int option, long value);
} mi;

static void *mimalloc_zalloc(size_t size)
{
	return mi.calloc(1, size);
}

static size_t committed_bytes(void)
{
	size_t ms[3], rss, peak_rss, commit = 0, peak_commit, faults;

	mi.process_info(&ms[0], &ms[1], &ms[2], &rss, &peak_rss, &commit, &peak_commit,
			&faults);
	return commit;
}

/* What 2.0.x reports as current RSS is the committed memory: it is passed on
 * as what it is. What is in use it does not tell. */
static void mimalloc_stats(struct mem_stats *out)
{
	if (mi.process_info)
		out->active = committed_bytes();
}

static uint64_t mimalloc_purge(void)
{
	size_t before = mi.process_info ? committed_bytes() : 0, after;

	mi.collect(true);
	after = mi.process_info ? committed_bytes() : 0;
	return before > after ? before - after : 0;
}

static const char *mimalloc_version(void)
{
	int n = mi.version_number();

	/* 209 is 2.0.9 and 2120 is 2.1.20, as mimalloc.h writes them. */
	snprintf(mi.version, sizeof(mi.version), "%d.%d.%d",
		 n >= 1000 ? n / 1000 : n / 100, n >= 1000 ? n / 100 % 10 : n / 10 % 10,
		 n >= 1000 ? n % 100 : n % 10);
	return mi.version;
}

static int mimalloc_load(struct mem_backend *self, const char *lib, const char *prefix,
			 char *err, size_t err_cap)
{
	(void)lib, (void)prefix;
	if (library_open(&mi.lib, self->soname, "mi_", self->package, err, err_cap) <
		    0 ||
	    library_bind(&mi.lib, self, &mi.calloc, err, err_cap) < 0)
		return -1;
	mi.version_number = library_find(&mi.lib, "version");
	mi.collect = library_find(&mi.lib, "collect");
	mi.process_info = library_find(&mi.lib, "process_info");
	mi.option_set = library_find(&mi.lib, "option_set");
	if (mi.version_number && mi.collect && mi.option_set)
		return 0;
	snprintf(err, err_cap, "%s has no mi_version: not mimalloc", mi.lib.path);
	return -1;
}

static int mimalloc_set(struct mem_backend *self, const char *key, int64_t value,
			char *err, size_t err_cap)
{
	int option = MI_OPTION_RESET_DELAY;

	(void)self;
	if (mi.version_number() / 10 != 20) {
		snprintf(err, err_cap,
			 "%s: option numbers are known for mimalloc 2.0 only", key);
		return -1;
	}
	if (strcmp(key, "eager_commit") == 0)
		option = MI_OPTION_EAGER_COMMIT;
	mi.option_set(option, (long)value);
	return 0;
}

static const struct mem_key mimalloc_keys[] = {
	{"reset_delay", MEM_KEY_NUMBER, 0, 1 << 30, "ms until unused pages are reset"},
	{"eager_commit", MEM_KEY_BOOL, 0, 1, "commit whole segments at once"},
	{.name = NULL},
};

const struct mem_backend backend_mimalloc = {
	.name = "mimalloc",
	.summary = "Microsoft's, loaded from libmimalloc.so.2",
	.soname = "libmimalloc.so.2",
	.package = "libmimalloc2.0",
	.keys = mimalloc_keys,
	.tuned = "reset_delay=10",
	.load = mimalloc_load,
	.set = mimalloc_set,
	.zalloc = mimalloc_zalloc,
	.stats = mimalloc_stats,
	.purge = mimalloc_purge,
	.version = mimalloc_version,
};
