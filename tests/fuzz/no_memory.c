/*
 * Sessions in which memory runs out. The first four bytes say when and where:
 *
 *	0, 1  which allocation fails, counted from the connection on (0: none)
 *	2     how many later the next one fails (0: it was the only one)
 *	3     who speaks the rest: a client of HTTP/2 or HTTP/1, a server of
 *	      HTTP/2 or HTTP/1
 *
 * Nothing may crash, and when the connections are gone nothing may be left.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <sys/mman.h>

#include "h2_gate.h"
#include "proxy/back.h"
#include "sink.h"
#include "upstream/upstream.h"

#define HEAD_BYTES 4

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum speaker { CLIENT_H2, CLIENT_H1, SERVER_H2, SERVER_H1 };

static _Atomic uint64_t *orders; /* of +fail=file: calls until one fails */
static enum speaker speaker;
static struct server_conf server_conf[2];
static struct upstream_conf upstream_conf[2];
static struct upstream *upstreams[2]; /* HTTP/2, HTTP/1 */
static int listeners[2];

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
static const char ask_h2[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
			     "\0\0\0\4\0\0\0\0\0"
			     "\0\0\6\1\5\0\0\0\1\x82\x86\x84\x41\1x"
			     "\0\0\6\1\4\0\0\0\3\x83\x86\x84\x41\1x"
			     "\0\0\4\0\0\0\0\0\3body";
static const char ask_h1[] = "POST / HTTP/1.1\r\nhost: x\r\nx-some: field\r\n"
			     "transfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n";

/* --- what serves the clients ------------------------------------------------ */

static struct server *server_of(unsigned int i)
{
	return upstream_pick(upstreams[i], NULL, 0);
}

static void dispatch(struct stream *s)
{
	int rc;

	if (speaker == CLIENT_H2 || speaker == CLIENT_H1) {
		sink_attach(s);
		return;
	}
	s->sent_us = s->gate->loop->now_us;
	rc = speaker == SERVER_H2 ? back_h2_start(s, server_of(0))
				  : back_h1_start(s, server_of(1));
	if (rc != 0)
		reply_error(s, 502);
}

/* --- the bench -------------------------------------------------------------- */

static void open_server(unsigned int i, enum proto proto)
{
	struct server_conf *conf = &server_conf[i];
	struct sockaddr_in *in = (struct sockaddr_in *)(void *)&conf->addr.sa;
	char err[256];

	listeners[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	conf->addr.len = sizeof(*in);
	conf->text = "s";
	conf->weight = 1;
	conf->proto = proto;
	must(bind(listeners[i], &conf->addr.sa, conf->addr.len) == 0);
	must(getsockname(listeners[i], &conf->addr.sa, &conf->addr.len) == 0);
	must(listen(listeners[i], 64) == 0);
	upstream_conf[i] = (struct upstream_conf){
		.name = "u",
		.servers = conf,
		.n_servers = 1,
		.connect_timeout_ms = 10000,
		.response_timeout_ms = 10000,
		.idle_timeout_ms = 10000,
		.n_idle = 10,
		.n_streams = 100,
	};
	upstreams[i] = upstream_new(&bench.loop, NULL, &upstream_conf[i],
				    stats_server(bench.stats, 0), err, sizeof(err));
	must(upstreams[i]);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static char spec[64];
	int fd = memfd_create("orders", MFD_CLOEXEC);

	(void)argc;
	(void)argv;
	must(fd >= 0 && ftruncate(fd, 16) == 0);
	orders = mmap(NULL, 16, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	must(orders != MAP_FAILED);
	snprintf(spec, sizeof(spec), "system+fail=file=/proc/self/fd/%d,regions=heap",
		 fd);
	bench_spec = spec;
	bench_init(dispatch);
	close(fd);
	open_server(0, PROTO_H2);
	open_server(1, PROTO_H1);
	return 0;
}

static uint64_t live(void)
{
	static const enum mem_tag tags[] = {MEM_STREAM, MEM_CONN, MEM_NGHTTP2};
	uint64_t sum = 0;

	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		sum += mem_live(mem_counters(), tags[i]);
	return sum;
}

/* --- a session -------------------------------------------------------------- */

static uint64_t gap;

/* The next failure, when the last one is over. */
static void turn(int n)
{
	bench_turn(n);
	if (gap && !*orders)
		*orders = gap;
}

static void send_some(int fd, const uint8_t *data, size_t size)
{
	if (size)
		must(write(fd, data, size) > 0 || errno == EPIPE ||
		     errno == ECONNRESET);
}

static void from_client(int client, const uint8_t *data, size_t size)
{
	send_some(client, data, size / 2);
	turn(TURNS / 2);
	send_some(client, data + size / 2, size - size / 2);
	turn(TURNS);
}

static void from_server(int listener, const uint8_t *data, size_t size)
{
	struct linger cut = {1, 0};
	int server;

	turn(TURNS / 2);
	server = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	if (server < 0)
		return; /* there was no memory for a connection */
	setsockopt(server, SOL_SOCKET, SO_LINGER, &cut, sizeof(cut));
	send_some(server, data, size / 2);
	turn(TURNS / 2);
	send_some(server, data + size / 2, size - size / 2);
	turn(TURNS);
	close(server); /* by a reset: no port waits */
	turn(TURNS / 2);
}

/* A stream's second try makes a connection more. */
static void drop_waiting(int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, 0)) >= 0)
		close(fd);
}

static int begin(void)
{
	switch (speaker) {
	case CLIENT_H2:
		return bench_client(preface, sizeof(preface));
	case CLIENT_H1:
		return bench_client(NULL, 0);
	case SERVER_H2:
		return bench_client(ask_h2, sizeof(ask_h2) - 1);
	default:
		return bench_client(ask_h1, sizeof(ask_h1) - 1);
	}
}

static void run(const uint8_t *data, size_t size)
{
	int client = begin();

	if (speaker == CLIENT_H2 || speaker == CLIENT_H1)
		from_client(client, data, size);
	else
		from_server(listeners[speaker == SERVER_H1], data, size);
	*orders = 0;
	bench_end(client);
	back_h2_close_all(&bench.gate, server_of(0));
	back_h1_close_all(&bench.gate, server_of(1));
	drop_waiting(listeners[0]);
	drop_waiting(listeners[1]);
	bench_turn(2);
	gate_trim(&bench.gate);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool warm;
	uint64_t before;

	if (size < HEAD_BYTES || size > 65536)
		return 0;
	speaker = data[3] & 3;
	if (!warm)
		run(data + HEAD_BYTES, size - HEAD_BYTES);
	warm = true;
	before = live();
	gap = data[2];
	*orders = (uint64_t)(data[0] | data[1] << 8);
	run(data + HEAD_BYTES, size - HEAD_BYTES);
	must(live() == before);
	return 0;
}
