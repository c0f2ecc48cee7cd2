#include "server/about.h"

#include "server/hooks.h"
#include "server/probe.h"

static void print_libraries(FILE *to)
{
	struct library_version v[HOOKS_N_LIBRARIES];

	hooks_versions(v);
	fprintf(to, "\n%-10s %-16s %s\n", "library", "built with", "running");
	for (unsigned int i = 0; i < HOOKS_N_LIBRARIES; i++)
		fprintf(to, "%-10s %-16s %s\n", v[i].name, v[i].built, v[i].running);
}

static void print_allocator(FILE *to, const struct mem_backend *b)
{
	struct probe probe;

	if (!probe_allocator(b->name, &probe)) {
		fprintf(to, "%-10s cannot be had: %s\n", b->name, probe.reason);
		return;
	}
	fprintf(to, "%-10s %-16.16s %s\n", b->name,
		probe.info.version[0] ? probe.info.version : "-", probe.info.path);
}

static void print_allocators(FILE *to)
{
	fprintf(to, "\n%-10s %-16s %s\n", "allocator", "version", "from");
	for (unsigned int i = 0; mem_backends[i]; i++)
		print_allocator(to, mem_backends[i]);
}

static const char *compiler(void)
{
#if defined(__clang__)
	return "clang " __clang_version__;
#else
	return "gcc " __VERSION__;
#endif
}

void about_print(FILE *to)
{
	fprintf(to, "heapgate " HEAPGATE_VERSION "\n");
	print_libraries(to);
	print_allocators(to);
	fprintf(to, "\nfeatures   tls h1 h2 h2c regions wrappers=debug,fail%s%s\n",
#if defined(__SANITIZE_ADDRESS__)
		" asan",
#else
		"",
#endif
#if defined(HEAPGATE_DEBUG)
		" debug"
#else
		""
#endif
	);
	fprintf(to, "compiler   %s\n", compiler());
}
