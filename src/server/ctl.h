/*
 * ctl: "heapgate ctl": asks a running heapgate over its admin socket.
 */
#ifndef HEAPGATE_CTL_H
#define HEAPGATE_CTL_H

/* Returns: the exit code (enum exits). */
int ctl_main(int argc, char **argv);

#endif
