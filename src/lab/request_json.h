/*
 * request_json: the head of a request as JSON, for whoever wants to see what
 * a proxy made of it.
 *
 *   {"method":"GET","scheme":"http","authority":"a","path":"/headers",
 *    "protocol":"HTTP/2","headers":[["accept","*"],…]}
 */
#ifndef HEAPGATE_REQUEST_JSON_H
#define HEAPGATE_REQUEST_JSON_H

#include "base/str.h"

struct stream;

/* With a newline at its end. Fields are in the order in which they came; what
 * is no UTF-8 is read as Latin-1. Lives: as long as the stream. Returns: with
 * p NULL when there is no memory. */
struct str request_json(struct stream *s);

#endif
