/*
 * origin: the test backend: HTTP/1.1 and HTTP/2 on one port, in cleartext or
 * over TLS; lab/answer.h has the paths. One process, one loop.
 */
#ifndef HEAPGATE_ORIGIN_H
#define HEAPGATE_ORIGIN_H

/*
 * "heapgate origin [--listen ADDR] [--cert FILE --key FILE] [-v]". Prints
 * "listening on ADDR" with the real port once it serves; ends by SIGTERM or
 * SIGINT. The allocator is chosen and the hooks are installed before.
 * argv[0]: "origin". Returns: the exit code (enum exits).
 */
int origin_main(int argc, char **argv);

#endif
