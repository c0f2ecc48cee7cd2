/*
 * dispatch: finds the upstream of a stream, a server of it, and a back to it;
 * tries again elsewhere where that is safe.
 */
#ifndef HEAPGATE_DISPATCH_H
#define HEAPGATE_DISPATCH_H

#include <stdbool.h>

struct stream;

/* For gate->dispatch in a worker. */
void dispatch(struct stream *s);
/* For gate->retry: why is an enum stream_end. */
bool dispatch_retry(struct stream *s, int why);

#endif
