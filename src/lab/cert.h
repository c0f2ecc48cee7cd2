/*
 * cert: "heapgate cert": a throw-away key and certificate, for trying things
 * out and for tests. Never for a service that anybody relies on.
 */
#ifndef HEAPGATE_CERT_H
#define HEAPGATE_CERT_H

/* Returns: the exit code (enum exits). */
int cert_main(int argc, char **argv);

#endif
