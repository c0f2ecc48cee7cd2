#include "lab/origin.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "io/listen.h"
#include "lab/answer.h"
#include "proxy/front.h"
#include "server/exits.h"

struct origin {
	struct loop loop;
	struct gate gate;
	struct stats *stats;
	void *stats_block; /* what stats lies in */
	struct listener *listener;
	struct accesslog *log; /* -v, else NULL */
	SSL_CTX *tls;          /* NULL: cleartext */
	struct answers answers;
};

struct options {
	const char *listen;
	const char *cert;
	const char *key;
	bool verbose;
};

/* A backend must not be what a test of a proxy runs into: wide limits. */
static const struct limits_conf limits = {
	.connections = 100000,
	.streams = 1000,
	.head = {.line_bytes = 64 << 10, .header_bytes = 256 << 10, .n_headers = 1000},
	.stream_buffer_bytes = 256 << 10,
	.window_bytes = 16 << 20,
	.handshake_timeout_ms = 10000,
	.header_timeout_ms = 60000,
	.idle_timeout_ms = 3600000,
	.stream_timeout_ms = 3600000,
	.tunnel_timeout_ms = 3600000,
	.drain_timeout_ms = 1000,
};

static const char usage[] =
	"usage: heapgate origin [--listen ADDR] [--cert FILE --key FILE] [-v]\n"
	"\n"
	"A backend to test with: HTTP/1.1 and HTTP/2 on one port.\n"
	"\n"
	"  --listen ADDR   127.0.0.1:9001 if not given; port 0: a free one\n"
	"  --cert, --key   PEM files: TLS instead of cleartext\n"
	"  -v              a line on stdout for each request\n"
	"\n"
	"/ /bytes/N /chunked/N /delay/MS?bytes=N /drip?bytes=B&ms=M&n=N /sse?n=N&ms=M\n"
	"/echo /sink /headers /trailers /status/NNN /websocket /reset?bytes=N /close\n"
	"(N may end in k, m or g)\n";

/* Returns: 0 to go on, else the exit code plus 1. */
static int parse(int argc, char **argv, struct options *o)
{
	static const struct option words[] = {
		{"listen", required_argument, NULL, 'l'},
		{"cert", required_argument, NULL, 'c'},
		{"key", required_argument, NULL, 'k'},
		{"verbose", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int c;

	optind = 0;
	while ((c = getopt_long(argc, argv, "vh", words, NULL)) != -1) {
		switch (c) {
		case 'l':
			o->listen = optarg;
			break;
		case 'c':
			o->cert = optarg;
			break;
		case 'k':
			o->key = optarg;
			break;
		case 'v':
			o->verbose = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return EXITS_OK + 1;
		default:
			fputs(usage, stderr);
			return EXITS_USAGE + 1;
		}
	}
	if (optind == argc && !o->cert == !o->key)
		return 0;
	fputs(usage, stderr);
	return EXITS_USAGE + 1;
}

static int complain(const char *what, const char *why)
{
	fprintf(stderr, "heapgate origin: %s: %s\n", what, why);
	return -1;
}

static void accept_cb(int fd, const struct addr *peer, void *arg)
{
	struct origin *o = arg;

	front_accept(&o->gate, fd, peer, o->tls, 0);
}

static void signal_cb(int signal_number, void *arg)
{
	struct origin *o = arg;

	(void)signal_number;
	loop_stop(&o->loop);
}

static int open_tls(struct origin *o, const struct options *opt)
{
	struct tls_cert_conf cert = {.cert = opt->cert, .key = opt->key};
	struct tls_server_conf conf = {
		.certs = &cert,
		.n_certs = 1,
		.min_version = 12,
		.h1 = true,
		.h2 = true,
		.release_buffers = true,
	};
	char err[256] = "";

	if (!opt->cert)
		return 0;
	o->tls = tls_server_ctx(&conf, NULL, err, sizeof(err));
	return o->tls ? 0 : complain("TLS", err);
}

static int open_log(struct origin *o, const struct options *opt)
{
	struct accesslog_conf conf = {.path = "-", .format = ACCESSLOG_COMBINED};

	if (!opt->verbose)
		return 0;
	o->log = accesslog_open(&o->loop, &conf, "origin", 0);
	o->gate.log = o->log;
	return o->log ? 0 : complain("stdout", strerror(errno));
}

static int open_gate(struct origin *o)
{
	size_t bytes = stats_bytes(1, 1, 0);

	o->stats_block = mem_zalloc(MEM_WORKER, 1, bytes + 63);
	if (!o->stats_block)
		return complain("start", "no memory");
	o->stats = (void *)(((uintptr_t)o->stats_block + 63) & ~(uintptr_t)63);
	stats_init(o->stats, 1, 1, 0);
	gate_init(&o->gate, &o->loop, o->stats, &limits);
	answers_init(&o->answers);
	o->gate.dispatch = answer_stream;
	o->gate.handler = &o->answers;
	o->gate.server = "heapgate-origin";
	return 0;
}

static int open_listener(struct origin *o, const struct options *opt)
{
	char text[ADDR_TEXT_BYTES];
	struct addr addr;
	int fd;

	if (!addr_parse(&addr, opt->listen))
		return complain(opt->listen, "not an address");
	if (listen_open(&addr, 511, &fd, 1) != 0)
		return complain(opt->listen, strerror(errno));
	o->listener = listener_new(&o->loop, fd, accept_cb, o);
	if (!o->listener) {
		close(fd);
		return complain(opt->listen, "no memory");
	}
	printf("listening on %s\n", addr_text(&addr, text));
	fflush(stdout);
	return 0;
}

static int serve(struct origin *o, const struct options *opt)
{
	if (open_tls(o, opt) != 0 || open_gate(o) != 0 || open_log(o, opt) != 0 ||
	    loop_on_signal(&o->loop, SIGTERM, signal_cb, o) != 0 ||
	    loop_on_signal(&o->loop, SIGINT, signal_cb, o) != 0 ||
	    open_listener(o, opt) != 0)
		return EXITS_FAILURE;
	loop_run(&o->loop);
	return EXITS_OK;
}

static void close_all(struct origin *o)
{
	listener_free(&o->listener);
	if (o->gate.loop)
		gate_close_all(&o->gate);
	conn_free_lingering(&o->loop);
	accesslog_close(&o->log);
	loop_fini(&o->loop); /* frees what was let go in the last turn */
	if (o->gate.loop)
		gate_fini(&o->gate);
	if (o->tls)
		tls_ctx_free(&o->tls);
	mem_free(MEM_WORKER, o->stats_block);
}

/* As many connections as we may have. */
static void raise_fd_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0)
		return;
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
}

int origin_main(int argc, char **argv)
{
	struct options opt = {.listen = "127.0.0.1:9001"};
	int code = parse(argc, argv, &opt);
	struct origin *o;

	if (code)
		return code - 1;
	signal(SIGPIPE, SIG_IGN);
	raise_fd_limit();
	o = mem_zalloc(MEM_WORKER, 1, sizeof(*o));
	if (!o || loop_init(&o->loop) != 0) {
		mem_free(MEM_WORKER, o);
		complain("start", "no memory");
		return EXITS_INTERNAL;
	}
	code = serve(o, &opt);
	close_all(o);
	mem_free(MEM_WORKER, o);
	return code;
}
