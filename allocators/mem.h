/*
 * mem: the one table of functions that every allocation goes through.
 *
 * A process chooses its allocator once, with mem_choose(), before any library
 * allocates. Until then the table is a backend that fails every call, so a
 * wrong start order shows at once. The edge cases (size 0, NULL, overflow)
 * are taken here; a backend is never asked about them.
 *
 * Every call carries a tag: who allocates. heapgate's own blocks are tagged
 * by their life, a library's blocks by the library. A block is freed with the
 * tag it was allocated with.
 *
 * Needs libc only, includes nothing from src/. One thread for each process.
 */
#ifndef HEAPGATE_MEM_H
#define HEAPGATE_MEM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend.h"

#define MUST_USE __attribute__((warn_unused_result))

/* How long a block lives; see docs/memory.md. */
enum mem_life {
	MEM_LIFE_BOOT,   /* until the config snapshot is dropped */
	MEM_LIFE_WORKER, /* until the worker exits */
	MEM_LIFE_CONN,   /* until the connection is closed */
	MEM_LIFE_STREAM, /* until both halves of a stream are closed */
	MEM_LIFE_TICK,   /* until the next event callback */
	MEM_N_LIVES,
};

/* Who owns a block. The first five are heapgate's own, one for each life. */
enum mem_tag {
	MEM_BOOT,
	MEM_WORKER,
	MEM_CONN,
	MEM_STREAM,
	MEM_TICK,
	MEM_NGHTTP2,
	MEM_OPENSSL,
	MEM_LIBEVENT,
	MEM_CARES,
	MEM_JANSSON,
	MEM_N_TAGS,
};

/* Written by the one thread of the process, read by any process. */
struct mem_counter {
	_Atomic uint64_t allocs;      /* blocks handed out */
	_Atomic uint64_t reallocs;    /* blocks resized */
	_Atomic uint64_t frees;       /* blocks taken back */
	_Atomic uint64_t failures;    /* calls answered with NULL */
	_Atomic uint64_t asked_bytes; /* sum of all sizes asked for */
	_Atomic uint64_t given_bytes; /* sum of what the size classes made of them */
	_Atomic uint64_t live_bytes;  /* usable bytes handed out now */
	_Atomic uint64_t peak_bytes;  /* highest live_bytes so far */
	_Atomic uint64_t conn_bytes;  /* of a library's live bytes, connections' */
};

struct mem_counters {
	struct mem_counter tag[MEM_N_TAGS];
	_Atomic uint64_t region_overflows; /* blocks past a soft cap */
	_Atomic uint64_t folded_bytes;     /* of live blocks, not in RAM; fold.h */
};

/* What was chosen, and the proof of it. */
struct mem_info {
	char spec[256];   /* as asked for: "jemalloc+debug,regions=heap" */
	char name[256];   /* the backend's name or the library's path */
	char version[64]; /* as the library itself tells; "" if it cannot */
	char path[512];   /* file the functions come from (dladdr) */
	bool regions;     /* true: bump and slab; false: heap twins */
	bool cells;       /* see struct mem_backend */
};

/*
 * Choose the allocator of this process: NAME[+WRAP...][,key=value...], see
 * docs/allocators.md. Once only, before anything else allocates.
 * Returns: 0; -1 with a one-line reason in err (the process cannot go on).
 */
int mem_choose(const char *spec, char *err, size_t err_cap) MUST_USE;

/* Check a spec's form without loading anything. Returns as mem_choose(). */
int mem_check_spec(const char *spec, char *err, size_t err_cap) MUST_USE;

/* What GLIBC_TUNABLES must hold when a process that will choose spec is
 * exec'ed ("name=value"), or NULL if nothing. Lives: always. */
const char *mem_tunables(const char *spec);
/* Names of environment variables that steer some allocator, "" if none. */
void mem_environment(char *names, size_t cap);

/* Lives: as long as the process. */
const struct mem_info *mem_info(void);

/*
 * Count in *to from now on (a shared mapping, say); what was counted so far
 * is carried over. Lives: *to must outlive the process's last free.
 */
void mem_counters_move(struct mem_counters *to);
const struct mem_counters *mem_counters(void);

/* Owns: the caller, until mem_free() with the same tag. NULL: no memory.
 * A size of 0 gives a block of 1 byte. */
void *mem_alloc(enum mem_tag tag, size_t size) MUST_USE;
void *mem_zalloc(enum mem_tag tag, size_t n, size_t size) MUST_USE;
void *mem_realloc(enum mem_tag tag, void *p, size_t size) MUST_USE;
char *mem_strdup(enum mem_tag tag, const char *s) MUST_USE;
void mem_free(enum mem_tag tag, void *p);
size_t mem_usable(const void *p);

/* Backend verbs; see struct mem_backend. stats: false if it cannot say. */
bool mem_stats(struct mem_stats *out);
uint64_t mem_purge(void);
bool mem_decay(uint64_t now_ms);

/* Usable bytes that are out under this tag now. */
static inline uint64_t mem_live(const struct mem_counters *c, enum mem_tag tag)
{
	return atomic_load_explicit(&c->tag[tag].live_bytes, memory_order_relaxed);
}

/*
 * What a library allocated during one call is a connection's: before = mem_mark(tag);
 * call; conn_bytes += mem_charge(tag, before); at its end mem_charge_back(tag, sum).
 */
uint64_t mem_mark(enum mem_tag tag);
int64_t mem_charge(enum mem_tag tag, uint64_t before);
void mem_charge_back(enum mem_tag tag, int64_t bytes);

/* The same for one block: its usable bytes go to *bytes, or are taken off. */
void *mem_alloc_for(enum mem_tag tag, size_t size, int64_t *bytes) MUST_USE;
void mem_free_for(enum mem_tag tag, void *p, int64_t *bytes);

/* One more block was taken past a region's soft cap. */
void mem_count_overflow(void);
/* So many bytes of live blocks left RAM; below 0: they are back. */
void mem_count_folded(int64_t bytes);

/* Names for metrics: "proxy" "nghttp2" …, "boot" "worker" … */
const char *mem_tag_owner(enum mem_tag tag);
const char *mem_life_name(enum mem_life life);
/* For complaints: the life if it is ours, else the library. Any number. */
const char *mem_tag_name(unsigned int tag);

#endif
