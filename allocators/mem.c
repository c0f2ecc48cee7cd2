#include "mem.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "library.h"
#include "mem_must.h"
#include "spec.h"
#include "wrap.h"

/* 0 counts nothing: only to measure what counting costs (make bench-accounting);
 * much of the program relies on it. */
#ifndef MEM_ACCOUNTING
#define MEM_ACCOUNTING 1
#endif

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

/* Of a backend that does not tell the usable bytes on the way. */
static struct mem_block measured_alloc(size_t size);
static size_t measured_free(void *p, unsigned int tag);

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
			.alloc_sized = measured_alloc,
			.free_sized = measured_free,
		},
	.counters = &first_counters,
};

static struct mem_block measured_alloc(size_t size)
{
	void *p = mem.b.alloc(size);

	return (struct mem_block){p, p ? mem.b.usable(p) : 0};
}

static size_t measured_free(void *p, unsigned int tag)
{
	size_t usable = mem.b.usable(p);

	(void)tag;
	mem.b.free(p);
	return usable;
}

/* One writer, so no locked instruction is needed. Compilers make three of the load
 * and store where one does, and there are a dozen for each block. */
static inline void add(_Atomic uint64_t *counter, uint64_t n)
{
	if (!MEM_ACCOUNTING)
		return;
#ifdef __x86_64__
	__asm__("addq %1, %0" : "+m"(*counter) : "er"(n) : "cc");
#else
	atomic_store_explicit(counter,
			      atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
#endif
}

static inline void grow_live(struct mem_counter *c, uint64_t n)
{
	uint64_t live = atomic_load_explicit(&c->live_bytes, memory_order_relaxed) + n;

	if (!MEM_ACCOUNTING)
		return;
	atomic_store_explicit(&c->live_bytes, live, memory_order_relaxed);
	if (live > atomic_load_explicit(&c->peak_bytes, memory_order_relaxed))
		atomic_store_explicit(&c->peak_bytes, live, memory_order_relaxed);
}

/* Its address in one register: else each counter's is computed by itself. */
static inline struct mem_counter *counter_of(enum mem_tag tag)
{
	struct mem_counter *c = &mem.counters->tag[tag];

	__asm__("" : "+r"(c));
	return c;
}

static inline void count(struct mem_counter *c, size_t size, size_t usable)
{
	add(&c->allocs, 1);
	add(&c->asked_bytes, size);
	add(&c->given_bytes, usable);
	grow_live(c, usable);
}

static inline void *count_alloc(struct mem_counter *c, void *p, size_t size)
{
	if (!MEM_ACCOUNTING)
		return p;
	if (mem_likely(p))
		count(c, size, mem.b.usable(p));
	else
		add(&c->failures, 1);
	return p;
}

static inline __attribute__((always_inline)) struct mem_block plain_alloc(
	struct mem_counter *c, size_t size)
{
	struct mem_block b;

	if (!MEM_ACCOUNTING)
		return (struct mem_block){mem.b.alloc(size), 0};
	b = mem.b.alloc_sized(size);
	if (mem_likely(b.p))
		count(c, size, b.usable);
	else
		add(&c->failures, 1);
	return b;
}

/* Sizes no backend is asked for: 0 becomes 1, the absurd is refused. */
static inline bool odd_size(size_t size)
{
	return mem_unlikely(size - 1 >= (size_t)PTRDIFF_MAX);
}

static void *refuse(enum mem_tag tag)
{
	add(&mem.counters->tag[tag].failures, 1);
	return NULL;
}

/* Wrappers want to know who calls; the plain path pays one branch. */
#define NOTE_CALLER(tag)                                                               \
	do {                                                                           \
		if (mem_unlikely(mem.wrapped))                                         \
			wrap_note_caller(tag, __builtin_return_address(0));            \
	} while (0)

/* What is not everyday: a wrapper that wants to know, a size of 0 or an absurd
 * one. */
static __attribute__((noinline, cold)) struct mem_block odd_alloc(enum mem_tag tag,
								  size_t size,
								  const void *site)
{
	if (mem.wrapped)
		wrap_note_caller(tag, site);
	if (size && odd_size(size))
		return (struct mem_block){refuse(tag), 0};
	return plain_alloc(counter_of(tag), size ? size : 1);
}

void *mem_alloc(enum mem_tag tag, size_t size)
{
	if (mem_unlikely(mem.wrapped || odd_size(size)))
		return odd_alloc(tag, size, __builtin_return_address(0)).p;
	return plain_alloc(counter_of(tag), size).p;
}

void *mem_alloc_for(enum mem_tag tag, size_t size, int64_t *bytes)
{
	struct mem_counter *c = counter_of(tag);
	struct mem_block b;

	if (mem_unlikely(mem.wrapped || odd_size(size)))
		b = odd_alloc(tag, size, __builtin_return_address(0));
	else
		b = plain_alloc(c, size);
	if (mem_unlikely(!b.p))
		return NULL;
	*bytes += (int64_t)b.usable;
	add(&c->conn_bytes, b.usable);
	return b.p;
}

void *mem_zalloc(enum mem_tag tag, size_t n, size_t size)
{
	size_t total;

	NOTE_CALLER(tag);
	if (__builtin_mul_overflow(n, size, &total))
		return refuse(tag);
	if (odd_size(total)) {
		if (total)
			return refuse(tag);
		total = 1;
	}
	return count_alloc(&mem.counters->tag[tag], mem.b.zalloc(total), total);
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
		return plain_alloc(c, size).p;
	before = MEM_ACCOUNTING ? mem.b.usable(p) : 0;
	q = mem.b.realloc(p, size);
	if (!q)
		return refuse(tag);
	if (!MEM_ACCOUNTING)
		return q;
	after = mem.b.usable(q);
	add(&c->reallocs, 1);
	add(&c->asked_bytes, size);
	add(&c->given_bytes, after);
	grow_live(c, after - before);
	return q;
}

/* Returns: the bytes that were usable. */
static inline uint64_t plain_free(struct mem_counter *c, enum mem_tag tag, void *p)
{
	uint64_t usable;

	if (!MEM_ACCOUNTING) {
		mem.b.free(p);
		return 0;
	}
	usable = mem.b.free_sized(p, tag);
	add(&c->frees, 1);
	add(&c->live_bytes, -usable);
	return usable;
}

void mem_free(enum mem_tag tag, void *p)
{
	if (!p)
		return;
	NOTE_CALLER(tag);
	plain_free(counter_of(tag), tag, p);
}

void mem_free_for(enum mem_tag tag, void *p, int64_t *bytes)
{
	struct mem_counter *c = counter_of(tag);
	uint64_t usable;

	if (!p)
		return;
	NOTE_CALLER(tag);
	usable = plain_free(c, tag, p);
	*bytes -= (int64_t)usable;
	add(&c->conn_bytes, -usable);
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
	add(&mem.counters->tag[tag].conn_bytes, (uint64_t)bytes);
	return bytes;
}

void mem_charge_back(enum mem_tag tag, int64_t bytes)
{
	add(&mem.counters->tag[tag].conn_bytes, -(uint64_t)bytes);
}

void mem_count_overflow(void)
{
	add(&mem.counters->region_overflows, 1);
}

void mem_count_folded(int64_t bytes)
{
	add(&mem.counters->folded_bytes, (uint64_t)bytes);
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
	if (!b.alloc_sized) {
		b.alloc_sized = measured_alloc;
		b.free_sized = measured_free;
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
