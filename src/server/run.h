/*
 * run: the commands that serve: heapgate with a config file, and "heapgate
 * proxy", which makes up its config from the command line.
 */
#ifndef HEAPGATE_RUN_H
#define HEAPGATE_RUN_H

/* "heapgate [-c FILE] …" with its options. Returns: the exit code. */
int run_main(int argc, char **argv);
/* "heapgate proxy FROM TO…". Returns: the exit code. */
int run_proxy_main(int argc, char **argv);

#endif
