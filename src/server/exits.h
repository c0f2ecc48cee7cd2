/*
 * exits: what the program's exit codes mean; docs/admin.md has them too.
 */
#ifndef HEAPGATE_EXITS_H
#define HEAPGATE_EXITS_H

enum exits {
	EXITS_OK = 0,
	EXITS_FAILURE = 1,    /* something went wrong at run time */
	EXITS_USAGE = 2,      /* the command line makes no sense */
	EXITS_ALLOCATOR = 69, /* EX_UNAVAILABLE: the allocator cannot be had */
	EXITS_INTERNAL = 70,  /* EX_SOFTWARE: a bug, or no memory at start */
	EXITS_CONFIG = 78,    /* EX_CONFIG: the config, or what it asks of this host */
};

#endif
