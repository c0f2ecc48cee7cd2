/*
 * replay: "heapgate replay FILE": the calls of a trace on any allocator, each
 * in a process of its own.
 */
#ifndef HEAPGATE_REPLAY_H
#define HEAPGATE_REPLAY_H

/* Returns: the exit code. */
int replay_main(int argc, char **argv);
/* The child: "heapgate replay-run SPEC FILE TOUCH", what it measured goes to
 * LAUNCH_FIRST_FD. Nothing may be chosen before. Returns: the exit code. */
int replay_run_main(int argc, char **argv);

#endif
