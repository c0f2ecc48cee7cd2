/*
 * backend: what an allocator must be able to do to stand behind mem.h.
 *
 * One const instance at the end of one file per allocator; mem_backends lists
 * them. A backend is never asked about size 0, NULL, or sizes above
 * PTRDIFF_MAX: mem.c answers those. It is never torn down either, because
 * libraries free their last blocks in atexit handlers.
 */
#ifndef HEAPGATE_BACKEND_H
#define HEAPGATE_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a backend can say of itself; MEM_UNKNOWN where it cannot. */
#define MEM_UNKNOWN UINT64_MAX
struct mem_stats {
	uint64_t allocated; /* bytes in blocks the program holds */
	uint64_t active;    /* bytes in pages that hold such blocks */
	uint64_t resident;  /* bytes the backend believes are in RAM */
	uint64_t metadata;  /* bytes of the backend's own bookkeeping */
	uint64_t retained;  /* bytes of address space kept without RAM */
	uint64_t cached;    /* free bytes kept for reuse */
	uint64_t purged;    /* bytes given back to the OS so far */
};

enum mem_key_kind {
	MEM_KEY_NUMBER,  /* decimal, may be negative where min is */
	MEM_KEY_BOOL,    /* true, false, on, off, 1, 0 */
	MEM_KEY_BYTES,   /* 4096, 32k, 8m, 1g */
	MEM_KEY_SECONDS, /* 10 or 10s */
};

/* One key=value that a backend understands; a NULL name ends a list. */
struct mem_key {
	const char *name;
	enum mem_key_kind kind;
	int64_t min; /* least and greatest value, in the kind's base unit */
	int64_t max;
	const char *help; /* one line, for --help and docs */
};

struct mem_counter;

struct mem_backend {
	const char *name;
	const char *summary;        /* one line for --help and docs */
	const char *soname;         /* library to load; NULL: nothing to load */
	const char *package;        /* Debian package that has it, or NULL */
	bool regions;               /* default for regions=: bump (true) or heap */
	bool cells;                 /* its small blocks are cells without a head:
				     * pools take them as they are */
	const struct mem_key *keys; /* NULL: takes none */
	const char *tuned;          /* key=value,... that profile=tuned stands for */

	/* Fills in the functions of *self; 0, or -1 with a reason in err. */
	int (*load)(struct mem_backend *self, const char *lib, const char *prefix,
		    char *err, size_t err_cap);
	/* Applies one checked setting after load(); may change the functions
	 * of *self. 0, or -1 with a reason in err. NULL: no keys. */
	int (*set)(struct mem_backend *self, const char *key, int64_t value, char *err,
		   size_t err_cap);

	void *(*alloc)(size_t size);
	void *(*zalloc)(size_t size);
	void *(*realloc)(void *p, size_t size);
	void (*free)(void *p);
	size_t (*usable)(const void *p);
	/* All or none: as alloc and free, and count on the way what count.h says,
	 * with a connection's bytes or without. A free hears the tag (enum mem_tag)
	 * to name it in a complaint. The order is that of mem.h: what calls them
	 * jumps, and moves nothing. */
	void *(*alloc_counted)(struct mem_counter *c, size_t size);
	void *(*alloc_charged)(struct mem_counter *c, size_t size, int64_t *bytes);
	void (*free_counted)(unsigned int tag, void *p, struct mem_counter *c);
	void (*free_charged)(unsigned int tag, void *p, int64_t *bytes,
			     struct mem_counter *c);
	void (*stats)(struct mem_stats *out); /* NULL: cannot say */
	/* Bytes returned; NULL: cannot. May stop after some milliseconds:
	 * call again until it returns 0. */
	uint64_t (*purge)(void);
	/* Called about once a second while the process runs, to give unused
	 * memory back in bounded slices; NULL: nothing to do. Returns true
	 * while there is more to do later. */
	bool (*decay)(uint64_t now_ms);
	const char *(*version)(void); /* as the loaded library tells it */
};

/* All backends that have a name of their own, NULL at the end. */
extern const struct mem_backend *const mem_backends[];

extern const struct mem_backend backend_system;
extern const struct mem_backend backend_jemalloc;
extern const struct mem_backend backend_mimalloc;
extern const struct mem_backend backend_tcmalloc;
extern const struct mem_backend backend_hybrid;
/* Any malloc-compatible library, named by its absolute path. */
extern const struct mem_backend backend_path;

/* Lives: always. NULL: no backend has this name. */
const struct mem_backend *mem_backend_find(const char *name);

#endif
