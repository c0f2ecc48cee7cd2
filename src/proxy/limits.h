/*
 * limits: what a client may ask of us, all of it bounded.
 */
#ifndef HEAPGATE_LIMITS_H
#define HEAPGATE_LIMITS_H

#include <stdint.h>

#include "http/h1.h"
#include "proxy/flood.h"

/* What an HTTP/2 answer may take before its client has shown that it reads. */
#define H2_FIRST_BYTES 8192u

struct limits_conf {
	uint32_t connections;          /* fronts per worker (20,000) */
	uint32_t client_connections;   /* … of one address; 0: no limit (5,000) */
	uint32_t streams;              /* open at once per front (128) */
	struct h1_limits head;         /* line, header bytes, count */
	uint64_t body_bytes;           /* request body; 0: no limit (0) */
	uint32_t stream_buffer_bytes;  /* body queued each way (64 KiB) */
	uint32_t conn_buffer_bytes;    /* of all answers of an h2 front (512 KiB) */
	uint32_t min_rate;             /* bytes/s of a slow client (100) */
	uint32_t window_bytes;         /* h2 connection window (1 MiB) */
	uint32_t handshake_timeout_ms; /* TLS and preface: 10 s */
	uint32_t header_timeout_ms;    /* a request's head: 10 s */
	uint32_t idle_timeout_ms;      /* a front without a stream: 60 s */
	uint32_t stream_timeout_ms;    /* no byte either way: 60 s */
	uint32_t tunnel_timeout_ms;    /* the same after an upgrade: 10 min */
	uint32_t drain_timeout_ms;     /* after SIGTERM: 30 s */
	uint32_t ping_timeout_ms;      /* for a PING's answer: 10 s */
	struct flood_conf flood;       /* 10,000 units, and 5,000 a second */
};

#endif
