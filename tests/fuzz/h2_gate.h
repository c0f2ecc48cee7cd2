/*
 * A gate of its own for the fuzzers of whole sessions: real fronts and backs
 * on real sockets, a loop that is turned by hand.
 */
#ifndef HEAPGATE_FUZZ_H2_GATE_H
#define HEAPGATE_FUZZ_H2_GATE_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/must.h"
#include "proxy/front.h"
#include "proxy/gate.h"
#include "proxy/reply.h"
#include "proxy/stream.h"
#include "server/hooks.h"

#define TURNS 12

struct bench {
	struct loop loop;
	struct gate gate;
	struct stats *stats;
	struct dirty tick;
	int turns;
};

static struct bench bench;

static const struct limits_conf bench_limits = {
	.connections = 100,
	.streams = 20,
	.head = {8192, 16384, 50},
	.body_bytes = 100000,
	.stream_buffer_bytes = 65536,
	.conn_buffer_bytes = 200000,
	.window_bytes = 100000,
	.handshake_timeout_ms = 10000,
	.header_timeout_ms = 10000,
	.idle_timeout_ms = 10000,
	.stream_timeout_ms = 10000,
	.tunnel_timeout_ms = 10000,
	.ping_timeout_ms = 10000,
	.flood = {10000, 5000},
};

static void bench_tick(struct dirty *d)
{
	if (--bench.turns > 0)
		loop_defer(&bench.loop, d);
	else
		loop_stop(&bench.loop);
}

static void bench_turn(int n)
{
	bench.turns = n;
	bench.loop.stopping = false;
	loop_defer(&bench.loop, &bench.tick);
	loop_run(&bench.loop);
}

/* The allocator; to be set before bench_init(). */
static const char *bench_spec = "system,regions=heap";

static void bench_init(void (*dispatch)(struct stream *s))
{
	char err[256];

	signal(SIGPIPE, SIG_IGN);
	must(mem_choose(bench_spec, err, sizeof(err)) == 0);
	must(hooks_install(err, sizeof(err)) == 0);
	must(loop_init(&bench.loop) == 0);
	bench.stats = aligned_alloc(64, stats_bytes(1, 1, 1));
	must(bench.stats);
	stats_init(bench.stats, 1, 1, 1);
	gate_init(&bench.gate, &bench.loop, bench.stats, &bench_limits);
	bench.gate.dispatch = dispatch;
	dirty_init(&bench.tick, bench_tick);
}

/* A client's connection. Returns: the client's end. */
static int bench_client(const void *data, size_t size)
{
	struct addr peer = {.sa = {.sa_family = AF_UNIX}};
	int fd[2], room = 1 << 20;

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) == 0);
	setsockopt(fd[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	peer.len = sizeof(peer.sa);
	front_accept(&bench.gate, fd[0], &peer, NULL, 0);
	/* Without memory it was closed at once. */
	if (size)
		must(write(fd[1], data, size) == (ssize_t)size || errno == EPIPE);
	return fd[1];
}

/* Nothing of any stream or front may be left. */
static void bench_end(int client)
{
	close(client);
	bench_turn(2);
	gate_close_all(&bench.gate);
	conn_free_lingering(&bench.loop);
	bench_turn(2);
	must(!bench.gate.n_fronts && !bench.gate.n_streams);
}

#endif
