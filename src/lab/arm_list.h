/*
 * arm_list: the arms of a comparison, as the command line names them:
 *
 *     jemalloc,mimalloc,hybrid,regions=heap,/usr/lib/libx.so+debug
 *
 * A word of the form key=value is a setting of the arm before it.
 */
#ifndef HEAPGATE_ARM_LIST_H
#define HEAPGATE_ARM_LIST_H

#include "base/str.h"

#define ARMS_MAX 16

struct arm {
	char spec[256];   /* for mem_choose(); also its name in tables */
	char label[272];  /* spec, or "system (again)" for the A/A arm */
	char version[64]; /* as the worker has proven it; "" until then */
	char path[256];   /* likewise */
};

enum arm_profile { ARM_PROFILE_AS_IS, ARM_PROFILE_TUNED, ARM_PROFILE_BOTH };

struct arm_list {
	struct arm at[ARMS_MAX]; /* 0: the baseline, 1: the baseline again */
	unsigned int n;
};
#define ARM_BASELINE 0u
#define ARM_AGAIN    1u

/*
 * The baseline twice, then the arms of text that are not the baseline's spec.
 * Checks each spec's form; loads nothing. Returns: 0, or -1 with a one-line
 * reason in err.
 */
int arm_list_parse(struct arm_list *l, const char *baseline, const char *text,
		   enum arm_profile profile, char *err, size_t err_cap);

#endif
