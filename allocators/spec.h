/*
 * spec: the text that names an allocator, taken apart and checked.
 *
 *     NAME[+WRAP...][,key=value...]
 *
 * Loads nothing and allocates nothing.
 */
#ifndef HEAPGATE_SPEC_H
#define HEAPGATE_SPEC_H

#include "backend.h"

#define SPEC_MAX_SETTINGS 16

struct spec_setting {
	const struct mem_key *key;
	int64_t value;
};

struct spec {
	const struct mem_backend *backend;
	char lib[256];       /* absolute path, "" for a named backend */
	char prefix[32];     /* of the library's functions, "" for none */
	bool regions;        /* bump (true) or heap */
	bool debug;          /* +debug */
	uint64_t fail_nth;   /* +fail=N: the Nth call fails; 0: off */
	uint64_t fail_every; /* +fail=every=N: each Nth fails; 0: off */
	double fail_rate;    /* +fail=rate=P: this share fails; 0: off */
	char fail_file[128]; /* +fail=file=PATH; "": off */
	double bloat;        /* +bloat=P%: this share more is kept; 0: off */
	char trace[128];     /* +trace=FILE; "": off */
	bool sizes;          /* sizes=on */
	uint32_t lifetimes;  /* lifetimes=N: of 1 block in N; 0: off */
	unsigned int n_settings;
	struct spec_setting settings[SPEC_MAX_SETTINGS];
};

/* Returns: 0; -1 with a one-line reason in err, *out is undefined. */
int spec_parse(const char *text, struct spec *out, char *err, size_t err_cap)
	__attribute__((warn_unused_result));

/* The same without +trace=…: for who only wants to see whether the allocator
 * can be had. to: as long as text. */
void spec_without_trace(const char *text, char *to);

#endif
