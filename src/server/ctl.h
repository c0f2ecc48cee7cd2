/*
 * ctl: "heapgate ctl": asks a running heapgate over its admin socket.
 */
#ifndef HEAPGATE_CTL_H
#define HEAPGATE_CTL_H

#include "base/text.h"

/* Returns: the exit code (enum exits). */
int ctl_main(int argc, char **argv);

/*
 * Takes an HTTP/1.1 answer apart, of which all bytes are there. Returns: its
 * status, 0 if it is none. body: within the answer.
 */
unsigned int ctl_parse_answer(struct str answer, struct str *body);

#endif
