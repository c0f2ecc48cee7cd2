/*
 * error_page: bodies of one's own for the errors that heapgate itself answers
 * with. Files are read once, when a worker starts.
 */
#ifndef HEAPGATE_ERROR_PAGE_H
#define HEAPGATE_ERROR_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "allocators/mem.h"
#include "base/str.h"

/* An answer of ours is copied for each client that has not taken it yet. */
#define ERROR_PAGE_BYTES 16384
#define ERROR_PAGE_FIRST 400 /* the codes that may have one, … */
#define ERROR_PAGE_LAST  599 /* … both included */
#define ERROR_PAGE_CODES 32  /* most of one line of the config */
#define ERROR_PAGE_MAX   200 /* lines */

struct error_page_conf {
	const char *path;
	const char *where; /* file:line:col, for messages */
	unsigned int n_codes;
	uint16_t codes[ERROR_PAGE_CODES];
	bool json; /* by its name */
};

struct error_page {
	const char *type; /* Content-Type */
	struct str body;
};

/* All pages of a process. */
struct error_pages;

/* The content type that a file's name tells. Returns: NULL for none. */
const char *error_page_type(const char *path);
bool error_page_is_json(const char *path);
/* Whether the file can be one. to: ERROR_PAGE_BYTES + 1, or NULL.
 * Returns: its bytes, or -1 with the reason in err. */
long error_page_read(const char *path, char *to, char *err, size_t cap) MUST_USE;

/* A file that cannot be read any more is said so in the log and left out: the
 * config was checked, and a worker must be able to start anew. Returns: NULL
 * without memory. Owns: the caller, error_pages_free(). */
struct error_pages *error_pages_new(const struct error_page_conf *confs,
				    unsigned int n) MUST_USE;
void error_pages_free(struct error_pages **all);
/*
 * The page for a client that wants JSON, or does not. A JSON page is for who
 * wants JSON, and for all when the code has no other. all may be NULL.
 * Returns: NULL for none. Lives: as long as all.
 */
const struct error_page *error_pages_find(const struct error_pages *all,
					  unsigned int status, bool json);

#endif
