/*
 * Fuzzes what a server sends on an HTTP/2 connection, to three requests of an
 * HTTP/2 client.
 */
#include "h2_gate.h"
#include "proxy/back.h"
#include "upstream/upstream.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct server_conf server_conf = {.text = "s", .weight = 1, .proto = PROTO_H2};
static struct upstream_conf upstream_conf = {
	.name = "u",
	.servers = &server_conf,
	.n_servers = 1,
	.connect_timeout_ms = 10000,
	.response_timeout_ms = 10000,
	.idle_timeout_ms = 10000,
	.n_streams = 100,
};
static struct upstream *upstream;
static int listener;

static void dispatch(struct stream *s)
{
	struct server *server = upstream_pick(upstream, NULL, 0);

	s->sent_us = s->gate->loop->now_us;
	if (!server || back_h2_start(s, server) != 0)
		reply_error(s, 502);
}

static void listen_somewhere(struct addr *a)
{
	struct sockaddr_in *in = (struct sockaddr_in *)(void *)&a->sa;

	listener = socket(AF_INET, SOCK_STREAM, 0);
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	a->len = sizeof(*in);
	must(listener >= 0 && bind(listener, &a->sa, a->len) == 0);
	must(getsockname(listener, &a->sa, &a->len) == 0 && listen(listener, 64) == 0);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char err[256];

	(void)argc;
	(void)argv;
	bench_init(dispatch);
	listen_somewhere(&server_conf.addr);
	upstream = upstream_new(&bench.loop, NULL, &upstream_conf,
				stats_server(bench.stats, 0), err, sizeof(err));
	must(upstream);
	return 0;
}

/* Three requests; the last one has a body that does not end. */
static int ask(void)
{
	static const char bytes[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
				    "\0\0\0\4\0\0\0\0\0"
				    "\0\0\6\1\5\0\0\0\1\x82\x86\x84\x41\1x"
				    "\0\0\6\1\5\0\0\0\3\x82\x86\x84\x41\1x"
				    "\0\0\6\1\4\0\0\0\5\x83\x86\x84\x41\1x"
				    "\0\0\4\0\0\0\0\0\5body";

	return bench_client(bytes, sizeof(bytes) - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct linger cut = {1, 0};
	int client, server;

	if (size > 65536)
		return 0;
	client = ask();
	bench_turn(TURNS / 2);
	server = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	must(server >= 0);
	setsockopt(server, SOL_SOCKET, SO_LINGER, &cut, sizeof(cut));
	if (size)
		must(write(server, data, size) > 0);
	bench_turn(TURNS);
	close(server); /* by a reset: no port waits */
	bench_turn(TURNS / 2);
	bench_end(client);
	back_h2_close_all(&bench.gate, upstream_pick(upstream, NULL, 0));
	bench_turn(1);
	return 0;
}
