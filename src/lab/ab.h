/*
 * ab: "heapgate ab": compares allocators offline; docs/comparing.md.
 */
#ifndef HEAPGATE_AB_H
#define HEAPGATE_AB_H

/* Exit codes beside those of server/exits.h. */
#define AB_GATE_BROKEN    3
#define AB_GATE_UNDECIDED 4

/* Returns: the exit code. */
int ab_main(int argc, char **argv);

#endif
