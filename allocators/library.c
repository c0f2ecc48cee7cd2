#include "library.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#define FAIL(...) (snprintf(err, err_cap, __VA_ARGS__), -1)

static int explain(const char *name, const char *package, const char *why, char *err,
		   size_t err_cap)
{
	if (strstr(why, "static TLS")) {
		if (getauxval(AT_SECURE))
			return FAIL(
				"%s needs static TLS space, and glibc ignores "
				"GLIBC_TUNABLES in a setcap or setuid binary; grant "
				"ambient capabilities instead (systemd: "
				"AmbientCapabilities=CAP_NET_BIND_SERVICE)",
				name);
		return FAIL("%s needs static TLS space: start the process with "
			    "GLIBC_TUNABLES=glibc.rtld.optional_static_tls=4096 in its "
			    "environment",
			    name);
	}
	if (package && strstr(why, "No such file"))
		return FAIL("%s is not installed: apt install %s", name, package);
	return FAIL("cannot load %s: %s", name, why);
}

int library_open(struct library *lib, const char *name, const char *prefix,
		 const char *package, char *err, size_t err_cap)
{
	const struct link_map *map;

	lib->prefix = prefix;
	lib->handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	if (!lib->handle)
		return explain(name, package, dlerror(), err, err_cap);
	if (dlinfo(lib->handle, RTLD_DI_LINKMAP, &map) != 0)
		return FAIL("cannot tell where %s was loaded from", name);
	snprintf(lib->path, sizeof(lib->path), "%s", map->l_name);
	return 0;
}

void library_path_of(const void *function, char *path, size_t path_cap)
{
	char resolved[4096];
	Dl_info info;

	path[0] = '\0';
	if (!dladdr(function, &info) || !info.dli_fname)
		return;
	snprintf(path, path_cap, "%s",
		 realpath(info.dli_fname, resolved) ? resolved : info.dli_fname);
}

/* dlsym also answers with what the library's own dependencies define, libc's
 * malloc for one: only a symbol of this very file counts. */
void *library_find_plain(const struct library *lib, const char *name)
{
	void *symbol = dlsym(lib->handle, name);
	Dl_info info;

	if (!symbol || !dladdr(symbol, &info) || !info.dli_fname)
		return NULL;
	return strcmp(info.dli_fname, lib->path) == 0 ? symbol : NULL;
}

void *library_find(const struct library *lib, const char *name)
{
	char full[96];

	snprintf(full, sizeof(full), "%s%s", lib->prefix, name);
	return library_find_plain(lib, full);
}

static size_t (*find_usable(const struct library *lib))(const void *)
{
	static const char *const names[] = {"malloc_usable_size", "usable_size",
					    "msize", "malloc_size"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		void *found = library_find(lib, names[i]);

		if (found)
			return (size_t(*)(const void *))found;
	}
	return NULL;
}

int library_bind(const struct library *lib, struct mem_backend *b,
		 void *(**calloc_out)(size_t, size_t), char *err, size_t err_cap)
{
	b->alloc = (void *(*)(size_t))library_find(lib, "malloc");
	b->realloc = (void *(*)(void *, size_t))library_find(lib, "realloc");
	b->free = (void (*)(void *))library_find(lib, "free");
	b->usable = find_usable(lib);
	*calloc_out = (void *(*)(size_t, size_t))library_find(lib, "calloc");
	if (b->alloc && b->realloc && b->free && *calloc_out && b->usable)
		return 0;
	return FAIL("%s defines no %s%s", lib->path, lib->prefix,
		    !b->alloc      ? "malloc (has its functions a prefix? prefix=...)"
		    : !b->realloc  ? "realloc"
		    : !b->free     ? "free"
		    : !*calloc_out ? "calloc"
				   : "malloc_usable_size, usable_size or msize");
}
