/*
 * top: "heapgate top": what arms and workers do now, in a terminal.
 */
#ifndef HEAPGATE_TOP_H
#define HEAPGATE_TOP_H

#include <jansson.h>
#include <stdbool.h>

#include "server/screen.h"

/* Returns: the exit code (enum exits). */
int top_main(int argc, char **argv);

/* Gives the lines of the table one by one. root: of /history.json. */
void top_print(const json_t *root, bool workers,
	       void (*put)(void *arg, enum screen_style style, const char *line),
	       void *arg);

#endif
