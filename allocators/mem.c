#include "mem.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "count.h"
#include "library.h"
#include "mem_must.h"
#include "spec.h"
#include "wrap.h"

const struct mem_backend *const mem_backends[] = {
	&backend_system,   &backend_jemalloc, &backend_mimalloc,
	&backend_tcmalloc, &backend_hybrid,   NULL,
};

static void *unset_alloc(size_t size)
{
	(void)size;
	return NULL;
}

static void *unset_realloc(void *p, size_t size)
{
	mem_die("realloc(%p, %zu) before an allocator was chosen", p, size);
}

static void unset_free(void *p)
{
	mem_die("free(%p) before an allocator was chosen", p);
}

static size_t unset_usable(const void *p)
{
	mem_die("usable(%p) before an allocator was chosen", p);
}

/* Of a backend that does not count on its way. */
static void *counted_alloc(struct mem_counter *c, size_t size);
static void counted_free(unsigned int tag, void *p, struct mem_counter *c);
static void *charged_alloc(struct mem_counter *c, size_t size, int64_t *bytes);
static void charged_free(unsigned int tag, void *p, int64_t *bytes,
			 struct mem_counter *c);

static struct mem_counters first_counters;

static struct {
	struct mem_backend b;          /* the chosen one, by value */
	struct mem_counters *counters; /* where to count */
	bool wrapped;                  /* tell wrappers who calls */
	bool chosen;
	struct mem_info info;
} mem = {
	.b =
		{
			.name = "unset",
			.alloc = unset_alloc,
			.zalloc = unset_alloc,
			.realloc = unset_realloc,
			.free = unset_free,
			.usable = unset_usable,
			.alloc_counted = counted_alloc,
			.free_counted = counted_free,
			.alloc_charged = charged_alloc,
			.free_charged = charged_free,
		},
	.counters = &first_counters,
};

static void *counted_alloc(struct mem_counter *c, size_t size)
{
	void *p = mem.b.alloc(size);

	if (!MEM_ACCOUNTING)
		return p;
	if (mem_likely(p))
		count_alloc(c, size, mem.b.usable(p));
	else
		count_add(&c->failures, 1);
	return p;
}

static uint64_t live_of(const struct mem_counter *c)
{
	return atomic_load_explicit(&c->live_bytes, memory_order_relaxed);
}

static void *charged_alloc(struct mem_counter *c, size_t size, int64_t *bytes)
{
	uint64_t before = live_of(c);
	void *p = counted_alloc(c, size);

	count_charge(c, bytes, live_of(c) - before);
	return p;
}

static void counted_free(unsigned int tag, void *p, struct mem_counter *c)
{
	(void)tag;
	if (MEM_ACCOUNTING)
		count_free(c, mem.b.usable(p));
	mem.b.free(p);
}

static void charged_free(unsigned int tag, void *p, int64_t *bytes,
			 struct mem_counter *c)
{
	uint64_t before = live_of(c);

	counted_free(tag, p, c);
	count_discharge(c, bytes, before - live_of(c));
}

/* Its address in one register: else each counter's is computed by itself. */
static inline struct mem_counter *counter_of(enum mem_tag tag)
{
	struct mem_counter *c = &mem.counters->tag[tag];

	__asm__("" : "+r"(c));
	return c;
}

/* Sizes no backend is asked for: 0 becomes 1, the absurd is refused. */
static inline bool odd_size(size_t size)
{
	return mem_unlikely(size - 1 >= (size_t)PTRDIFF_MAX);
}

static void *refuse(enum mem_tag tag)
{
	count_add(&mem.counters->tag[tag].failures, 1);
	return NULL;
}

/* Wrappers want to know who calls; the plain path pays one branch. */
#define NOTE_CALLER(tag)                                                               \
	do {                                                                           \
		if (mem_unlikely(mem.wrapped))                                         \
			wrap_note_caller(tag, __builtin_return_address(0));            \
	} while (0)

/* What is not everyday: a wrapper that wants to know, a size of 0 or an absurd
 * one. bytes: NULL for mem_alloc(). */
static __attribute__((noinline, cold)) void *odd_alloc(enum mem_tag tag, size_t size,
						       int64_t *bytes, const void *site)
{
	if (mem.wrapped)
		wrap_note_caller(tag, site);
	if (size && odd_size(size))
		return refuse(tag);
	size = size ? size : 1;
	return bytes ? charged_alloc(counter_of(tag), size, bytes)
		     : counted_alloc(counter_of(tag), size);
}

void *mem_alloc(enum mem_tag tag, size_t size)
{
	if (mem_unlikely(mem.wrapped || odd_size(size)))
		return odd_alloc(tag, size, NULL, __builtin_return_address(0));
	if (!MEM_ACCOUNTING)
		return mem.b.alloc(size);
	return mem.b.alloc_counted(counter_of(tag), size);
}

void *mem_alloc_for(enum mem_tag tag, size_t size, int64_t *bytes)
{
	if (mem_unlikely(mem.wrapped || odd_size(size)))
		return odd_alloc(tag, size, bytes, __builtin_return_address(0));
	if (!MEM_ACCOUNTING)
		return mem.b.alloc(size);
	return mem.b.alloc_charged(counter_of(tag), size, bytes);
}

void *mem_zalloc(enum mem_tag tag, size_t n, size_t size)
{
	size_t total;
	void *p;

	NOTE_CALLER(tag);
	if (__builtin_mul_overflow(n, size, &total))
		return refuse(tag);
	if (odd_size(total)) {
		if (total)
			return refuse(tag);
		total = 1;
	}
	p = mem.b.zalloc(total);
	if (!p)
		return refuse(tag);
	if (MEM_ACCOUNTING)
		count_alloc(counter_of(tag), total, mem.b.usable(p));
	return p;
}

void *mem_realloc(enum mem_tag tag, void *p, size_t size)
{
	struct mem_counter *c = &mem.counters->tag[tag];
	size_t before, after;
	void *q;

	NOTE_CALLER(tag);
	if (odd_size(size)) {
		if (size)
			return refuse(tag);
		size = 1;
	}
	if (!p)
		return MEM_ACCOUNTING ? mem.b.alloc_counted(c, size)
				      : mem.b.alloc(size);
	before = MEM_ACCOUNTING ? mem.b.usable(p) : 0;
	q = mem.b.realloc(p, size);
	if (!q)
		return refuse(tag);
	if (!MEM_ACCOUNTING)
		return q;
	after = mem.b.usable(q);
	count_add(&c->reallocs, 1);
	count_add(&c->asked_bytes, size);
	count_add(&c->given_bytes, after);
	count_live(c, after - before);
	return q;
}

static __attribute__((noinline, cold)) void odd_free(enum mem_tag tag, void *p,
						     int64_t *bytes, const void *site)
{
	wrap_note_caller(tag, site);
	if (bytes)
		charged_free(tag, p, bytes, counter_of(tag));
	else
		counted_free(tag, p, counter_of(tag));
}

void mem_free(enum mem_tag tag, void *p)
{
	if (!p)
		return;
	if (mem_unlikely(mem.wrapped))
		odd_free(tag, p, NULL, __builtin_return_address(0));
	else if (MEM_ACCOUNTING)
		mem.b.free_counted(tag, p, counter_of(tag));
	else
		mem.b.free(p);
}

void mem_free_for(enum mem_tag tag, void *p, int64_t *bytes)
{
	if (!p)
		return;
	if (mem_unlikely(mem.wrapped))
		odd_free(tag, p, bytes, __builtin_return_address(0));
	else if (MEM_ACCOUNTING)
		mem.b.free_charged(tag, p, bytes, counter_of(tag));
	else
		mem.b.free(p);
}

char *mem_strdup(enum mem_tag tag, const char *s)
{
	size_t n = strlen(s) + 1;
	char *copy = mem_alloc(tag, n);

	return copy ? memcpy(copy, s, n) : NULL;
}

size_t mem_usable(const void *p)
{
	return p ? mem.b.usable(p) : 0;
}

bool mem_stats(struct mem_stats *out)
{
	if (!mem.b.stats)
		return false;
	memset(out, 0xff, sizeof(*out)); /* every field MEM_UNKNOWN */
	mem.b.stats(out);
	return true;
}

uint64_t mem_purge(void)
{
	return mem.b.purge ? mem.b.purge() : 0;
}

bool mem_decay(uint64_t now_ms)
{
	return mem.b.decay ? mem.b.decay(now_ms) : false;
}

void mem_counters_move(struct mem_counters *to)
{
	if (to == mem.counters)
		return;
	memcpy(to, mem.counters, sizeof(*to));
	mem.counters = to;
}

const struct mem_counters *mem_counters(void)
{
	return mem.counters;
}

uint64_t mem_mark(enum mem_tag tag)
{
	return mem_live(mem.counters, tag);
}

int64_t mem_charge(enum mem_tag tag, uint64_t before)
{
	int64_t bytes = (int64_t)(mem_live(mem.counters, tag) - before);

	if (!MEM_ACCOUNTING)
		return 0;
	count_add(&mem.counters->tag[tag].conn_bytes, (uint64_t)bytes);
	return bytes;
}

void mem_charge_back(enum mem_tag tag, int64_t bytes)
{
	count_add(&mem.counters->tag[tag].conn_bytes, -(uint64_t)bytes);
}

void mem_count_overflow(void)
{
	count_add(&mem.counters->region_overflows, 1);
}

void mem_count_folded(int64_t bytes)
{
	count_add(&mem.counters->folded_bytes, (uint64_t)bytes);
}

const struct mem_info *mem_info(void)
{
	return &mem.info;
}

static void describe(const char *text, const struct spec *spec,
		     const struct mem_backend *plain)
{
	struct mem_info *info = &mem.info;
	const char *version = plain->version ? plain->version() : "";

	snprintf(info->spec, sizeof(info->spec), "%s", text);
	snprintf(info->name, sizeof(info->name), "%s",
		 spec->lib[0] ? spec->lib : plain->name);
	snprintf(info->version, sizeof(info->version), "%s", version);
	library_path_of((void *)plain->alloc, info->path, sizeof(info->path));
	info->regions = spec->regions;
	info->cells = plain->cells;
}

int mem_choose(const char *text, char *err, size_t err_cap)
{
	struct mem_backend b;
	struct spec spec;
	int wraps;

	if (mem.chosen) {
		snprintf(err, err_cap, "the allocator is chosen already: %s",
			 mem.info.spec);
		return -1;
	}
	if (spec_parse(text, &spec, err, err_cap) < 0)
		return -1;
	b = *spec.backend;
	if (b.load(&b, spec.lib, spec.prefix, err, err_cap) < 0)
		return -1;
	for (unsigned int i = 0; i < spec.n_settings; i++)
		if (b.set(&b, spec.settings[i].key->name, spec.settings[i].value, err,
			  err_cap) < 0)
			return -1;
	describe(text, &spec, &b);
	wraps = wrap_stack(&spec, text, &b, err, err_cap);
	if (wraps < 0)
		return -1;
	mem.wrapped = wraps > 0;
	if (!b.alloc_counted) {
		b.alloc_counted = counted_alloc;
		b.free_counted = counted_free;
		b.alloc_charged = charged_alloc;
		b.free_charged = charged_free;
	}
	mem.b = b;
	mem.chosen = true;
	return 0;
}

int mem_check_spec(const char *text, char *err, size_t err_cap)
{
	struct spec spec;

	return spec_parse(text, &spec, err, err_cap);
}

const char *mem_tunables(const char *text)
{
	struct spec spec;
	char err[256];

	if (spec_parse(text, &spec, err, sizeof(err)) < 0)
		return NULL;
	if (spec.backend != &backend_jemalloc && spec.backend != &backend_path)
		return NULL;
	return "glibc.rtld.optional_static_tls=4096";
}

void mem_environment(char *names, size_t cap)
{
	static const char *const prefixes[] = {"MALLOC_", "MIMALLOC_", "TCMALLOC_",
					       "TBB_MALLOC_",
					       "GLIBC_TUNABLES=glibc.malloc"};
	size_t at = 0;

	names[0] = '\0';
	for (char **e = environ; *e; e++)
		for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
			if (!strncmp(*e, prefixes[i], strlen(prefixes[i])) && at < cap)
				at += (size_t)snprintf(names + at, cap - at, "%s%.*s",
						       at ? " " : "",
						       (int)strcspn(*e, "="), *e);
}

const struct mem_backend *mem_backend_find(const char *name)
{
	for (int i = 0; mem_backends[i]; i++)
		if (strcmp(mem_backends[i]->name, name) == 0)
			return mem_backends[i];
	return NULL;
}

const char *mem_tag_owner(enum mem_tag tag)
{
	static const char *const names[MEM_N_TAGS] = {
		[MEM_BOOT] = "proxy",      [MEM_WORKER] = "proxy",
		[MEM_CONN] = "proxy",      [MEM_STREAM] = "proxy",
		[MEM_TICK] = "proxy",      [MEM_NGHTTP2] = "nghttp2",
		[MEM_OPENSSL] = "openssl", [MEM_LIBEVENT] = "libevent",
		[MEM_CARES] = "cares",     [MEM_JANSSON] = "jansson",
	};

	return names[tag];
}

const char *mem_life_name(enum mem_life life)
{
	static const char *const names[MEM_N_LIVES] = {
		[MEM_LIFE_BOOT] = "boot", [MEM_LIFE_WORKER] = "worker",
		[MEM_LIFE_CONN] = "conn", [MEM_LIFE_STREAM] = "stream",
		[MEM_LIFE_TICK] = "tick",
	};

	return names[life];
}

const char *mem_tag_name(unsigned int tag)
{
	if (tag >= MEM_N_TAGS)
		return "unknown";
	return tag < MEM_N_LIVES ? mem_life_name((enum mem_life)tag)
				 : mem_tag_owner((enum mem_tag)tag);
}
