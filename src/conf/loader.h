/*
 * loader: what is at hand while a config is loaded; gone afterwards, but for
 * the snapshot.
 */
#ifndef HEAPGATE_LOADER_H
#define HEAPGATE_LOADER_H

#include <glob.h>

#include "conf/directive.h"
#include "conf/report.h"
#include "conf/room.h"
#include "conf/snapshot.h"
#include "conf/statement.h"

#define LOADER_MAX_FILES      1000
#define LOADER_MAX_DEPTH      16 /* of includes, and of blocks */
#define LOADER_MAX_FILE_BYTES (16u << 20)

struct loader {
	struct snapshot *s;
	struct arena scratch_arena; /* texts, statements */
	struct room scratch;
	struct room keep; /* what the snapshot keeps */
	struct report report;
	jmp_buf no_memory;
	/* Held across a jump, let go of by loader_fini(). */
	int fd;                         /* -1: none */
	glob_t globs[LOADER_MAX_DEPTH]; /* one for each include in progress */
	unsigned int n_globs;
	unsigned int n_files;
	bool unknown_allocator; /* reported */
	/* Which statement made what, for errors found later. */
	const struct statement **listen_of; /* of s->listens[i] */
	const struct statement **route_of;
	const struct statement **upstream_of;
	const struct statement **error_page_of;
	const struct statement *experiment;          /* or NULL */
	const struct statement *seen[DIRECTIVE_MAX]; /* the last, by index */
};

/* The texts. name: of the file, "-" for stdin; at: the word that asks for it,
 * or NULL. Returns: NULL after having reported why not. */
const struct source *loader_read(struct loader *ld, const char *name,
				 const struct place *at);
const struct source *loader_text(struct loader *ld, const char *name, const char *text,
				 size_t len);

/* "heapgate.conf:12:5", for the snapshot to keep. */
const char *loader_where(struct loader *ld, const struct place *at);

/* Carries out the statements of a block: self is the struct that the block
 * fills in, title what errors call it ("" for the top). */
void loader_apply(struct loader *ld, enum block block, const char *title, void *self,
		  const struct statement *first);
/* Puts the defaults of a directive's arguments and of what may stand in its
 * block (BLOCK_NONE: only the arguments) into self. */
void loader_defaults(struct loader *ld, const struct directive *d, void *self);
void loader_block_defaults(struct loader *ld, enum block block, void *self);
/* How many workers each arm has, once all is read. */
void loader_settle_arms(struct loader *ld);
/* What only the whole config can tell. */
void loader_check(struct loader *ld, const struct source *source);

#endif
