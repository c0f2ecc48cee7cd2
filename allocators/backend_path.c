/*
 * path: any malloc-compatible library, named by its absolute path; prefix=
 * when its functions have one (libtbbmalloc.so.2: prefix=scalable_).
 */
#include <stdio.h>
#include <string.h>

#include "backend.h"
#include "library.h"

/* oneTBB's scalable_allocation_command: TBBMALLOC_CLEAN_ALL_BUFFERS. */
#define TBB_CLEAN_ALL 0

static struct {
	struct library lib;
	char prefix[32];
	char version[64];
	void *(*calloc)(size_t n, size_t size);
	int (*tbb_command)(int command, void *param);
} any;

static void *path_zalloc(size_t size)
{
	return any.calloc(1, size);
}

static uint64_t path_purge(void)
{
	any.tbb_command(TBB_CLEAN_ALL, NULL);
	return 0; /* it does not tell */
}

/* No call is common to all libraries: the version in the file's name, as in
 * libfoo.so.2.8, is all there is without one of its own. */
static const char *path_version(void)
{
	char path[512];
	const char *so;

	library_path_of((const void *)any.calloc, path, sizeof(path));
	so = strstr(path, ".so.");
	snprintf(any.version, sizeof(any.version), "%s", so ? so + 4 : "");
	return any.version;
}

static int path_load(struct mem_backend *self, const char *lib, const char *prefix,
		     char *err, size_t err_cap)
{
	snprintf(any.prefix, sizeof(any.prefix), "%s", prefix);
	if (library_open(&any.lib, lib, any.prefix, NULL, err, err_cap) < 0 ||
	    library_bind(&any.lib, self, &any.calloc, err, err_cap) < 0)
		return -1;
	any.tbb_command = library_find_plain(&any.lib, "scalable_allocation_command");
	if (any.tbb_command)
		self->purge = path_purge;
	return 0;
}

const struct mem_backend backend_path = {
	.name = "path",
	.summary = "any malloc-compatible library, by its absolute path",
	.load = path_load,
	.zalloc = path_zalloc,
	.version = path_version,
};
