#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "allocators/mem.h"
#include "lab/answer.h"
#include "lab/origin.h"
#include "server/hooks.h"

#define MIB (1024 * 1024)

#ifdef __SANITIZE_ADDRESS__
#define KEEPS_FREED 1 /* so that its later use is seen */
#else
#define KEEPS_FREED 0
#endif

static pid_t origin;
static int port;
static char *got; /* what a client printed last */
static size_t got_len;
static char dir[512];

/* --- the origin, in a process of its own ------------------------------- */

/* "origin" and up to seven words more, NULL at the end. */
static int call_origin(const char *const *words)
{
	static char text[8][600];
	char *argv[9] = {text[0]};
	int n = 1;

	strcpy(text[0], "origin");
	for (; *words; words++, n++) {
		snprintf(text[n], sizeof(text[n]), "%s", *words);
		argv[n] = text[n];
	}
	return origin_main(n, argv);
}

/* In a child: everything as the program does it, and a look at what is left. */
static void be_origin(const char *const *words)
{
	char err[256] = "";
	int code;

	if (mem_choose("system", err, sizeof(err)) != 0 ||
	    hooks_install(err, sizeof(err)) != 0)
		_exit(99);
	code = call_origin(words);
	hooks_remove();
	for (int tag = 0; tag < MEM_N_TAGS; tag++)
		if (tag != MEM_OPENSSL && mem_live(mem_counters(), tag))
			code = 90 + tag;
	exit(code);
}

static void start_origin(void)
{
	const char *tmp = getenv("TMPDIR");
	char line[64] = "";
	int fds[2];
	FILE *f;

	snprintf(dir, sizeof(dir), "%s/check_origin.XXXXXX", tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(pipe(fds), 0);
	fflush(stdout);
	origin = fork();
	if (!origin) {
		const char *const words[] = {"--listen", "127.0.0.1:0", NULL};

		close(fds[0]);
		dup2(fds[1], STDOUT_FILENO);
		close(fds[1]);
		be_origin(words);
	}
	close(fds[1]);
	f = fdopen(fds[0], "r");
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
	ck_assert_int_eq(sscanf(line, "listening on 127.0.0.1:%d\n", &port), 1);
	fclose(f);
}

/* It ends in order, and all its memory is back. */
static void stop_origin(void)
{
	char command[600];
	int status = 0;

	kill(origin, SIGTERM);
	ck_assert_int_eq(waitpid(origin, &status, 0), origin);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
		      "the origin ended with %#x", (unsigned int)status);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
	free(got);
}

/* --- clients ----------------------------------------------------------- */

static const char *const protocols[] = {"--http1.1", "--http2-prior-knowledge"};

/* What a shell command prints; its exit code is returned. */
static int run(const char *format, ...)
{
	static const size_t cap = 40 * MIB;
	char command[2048];
	va_list ap;
	FILE *f;

	va_start(ap, format);
	vsnprintf(command, sizeof(command), format, ap);
	va_end(ap);
	if (!got)
		got = malloc(cap);
	f = popen(command, "r");
	ck_assert_ptr_nonnull(f);
	got_len = fread(got, 1, cap - 1, f);
	got[got_len] = '\0';
	return WEXITSTATUS(pclose(f));
}

/* curl by the protocol of this round of the test; 0 or curl's exit code. */
static int ask(int i, const char *path, const char *options)
{
	return run("curl -sS -m 20 %s %s 'http://127.0.0.1:%d%s' 2>%s/err",
		   protocols[i], options, port, path, dir);
}

static void is_pattern(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] != pattern_byte(i))
			ck_abort_msg("byte %zu of %zu differs", i, len);
}

static void has(const char *needle)
{
	ck_assert_msg(strstr(got, needle) != NULL, "no '%s' in: %s", needle, got);
}

/* A socket that has sent this and may be read from. */
static int raw(const char *request)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port)};
	struct timeval patience = {.tv_sec = 10};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	ck_assert_int_eq(write(fd, request, strlen(request)), (int)strlen(request));
	return fd;
}

/* All that comes until the end. */
static const char *read_all(int fd)
{
	static char text[8192];
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	close(fd);
	return text;
}

static long rss_kb(void)
{
	char name[64], line[256];
	long kb = -1;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/status", (int)origin);
	f = fopen(name, "r");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "VmRSS: %ld", &kb);
	if (f)
		fclose(f);
	return kb;
}

static void pause_ms(long ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

/* --- tests: each is run once for HTTP/1.1 and once for HTTP/2 ---------- */

START_TEST(bytes_are_the_pattern_and_as_many_as_asked)
{
	static const char *const sizes[] = {"0", "1", "1000", "64k", "65521", "3m"};
	static const size_t wants[] = {0, 1, 1000, 65536, 65521, 3 * MIB};

	for (size_t k = 0; k < 6; k++) {
		char path[32];

		snprintf(path, sizeof(path), "/bytes/%s", sizes[k]);
		ck_assert_int_eq(ask(_i, path, ""), 0);
		ck_assert_uint_eq(got_len, wants[k]);
		is_pattern(got, got_len);
	}
	ck_assert_int_eq(ask(_i, "/bytes/1000", "-D - -o /dev/null"), 0);
	has("content-length: 1000\r\n");
}
END_TEST

START_TEST(chunked_bytes_come_without_a_length)
{
	ck_assert_int_eq(ask(_i, "/chunked/1m", ""), 0);
	ck_assert_uint_eq(got_len, MIB);
	is_pattern(got, got_len);
	ck_assert_int_eq(ask(_i, "/chunked/10", "-D - -o /dev/null"), 0);
	ck_assert_ptr_null(strstr(got, "content-length"));
}
END_TEST

START_TEST(head_has_the_length_and_no_body)
{
	ck_assert_int_eq(ask(_i, "/bytes/5m", "-I"), 0);
	has(" 200");
	has("content-length: 5242880\r\n");
	ck_assert_int_eq(ask(_i, "/headers", "-I"), 0);
	has("content-type: application/json\r\n");
}
END_TEST

START_TEST(echo_gives_a_large_body_back_as_it_was)
{
	char options[1200];

	ck_assert_int_eq(run("head -c 20m /dev/urandom >%s/up", dir), 0);
	snprintf(options, sizeof(options),
		 "-H 'content-type: text/x-test' --data-binary @%s/up -D %s/head", dir,
		 dir);
	ck_assert_int_eq(ask(_i, "/echo", options), 0);
	ck_assert_uint_eq(got_len, 20 * MIB);
	ck_assert_int_eq(
		run("curl -sS %s --data-binary @%s/up http://127.0.0.1:%d/echo |"
		    " cmp - %s/up",
		    protocols[_i], dir, port, dir),
		0);
	ck_assert_int_eq(run("cat %s/head", dir), 0);
	has("content-type: text/x-test\r\n");
	ck_assert_int_eq(ask(_i, "/echo", ""), 0);
	ck_assert_uint_eq(got_len, 0);
}
END_TEST

START_TEST(a_body_without_a_length_is_echoed_too)
{
	ck_assert_int_eq(run("echo some text | curl -sS %s -T - -X POST "
			     "http://127.0.0.1:%d/echo",
			     protocols[_i], port),
			 0);
	ck_assert_str_eq(got, "some text\n");
}
END_TEST

START_TEST(sink_counts_and_sums_what_it_read)
{
	char options[600];

	ck_assert_int_eq(run("head -c 3m /dev/urandom >%s/up", dir), 0);
	snprintf(options, sizeof(options), "--data-binary @%s/up", dir);
	ck_assert_int_eq(ask(_i, "/sink", options), 0);
	has("{\"bytes\":3145728,\"sha256\":\"");
	ck_assert_int_eq(run("curl -sS %s %s http://127.0.0.1:%d/sink | "
			     "grep -q $(sha256sum <%s/up | cut -c1-64)",
			     protocols[_i], options, port, dir),
			 0);
	ck_assert_int_eq(ask(_i, "/sink", ""), 0);
	has("{\"bytes\":0,\"sha256\":\"e3b0c44298fc1c149afbf4c8996fb924"
	    "27ae41e4649b934ca495991b7852b855\"}");
}
END_TEST

/* By nghttp and not by curl 7.88, which hangs when an HTTP/2 answer ends before
 * its upload does, whoever the server is. */
START_TEST(an_upload_that_nobody_reads_does_not_block)
{
	ck_assert_int_eq(run("head -c 3m /dev/zero >%s/up", dir), 0);
	if (_i)
		ck_assert_int_eq(run("nghttp -t 20 -d %s/up "
				     "http://127.0.0.1:%d/chunked/3m",
				     dir, port),
				 0);
	else
		ck_assert_int_eq(run("curl -sS -m 20 --data-binary @%s/up "
				     "http://127.0.0.1:%d/chunked/3m",
				     dir, port),
				 0);
	ck_assert_uint_eq(got_len, 3 * MIB);
	is_pattern(got, got_len);
}
END_TEST

START_TEST(headers_come_back_as_json)
{
	ck_assert_int_eq(ask(_i, "/headers?x=1",
			     "-H 'x-a: one' -H 'X-B: \"two\"' -H 'x-a: three'"),
			 0);
	has("\"method\":\"GET\"");
	has("\"path\":\"/headers?x=1\"");
	has(_i ? "\"protocol\":\"HTTP/2\"" : "\"protocol\":\"HTTP/1.1\"");
	has("[\"x-a\",\"one\"],[\"x-b\",\"\\\"two\\\"\"],[\"x-a\",\"three\"]");
}
END_TEST

START_TEST(a_header_that_is_no_utf8_becomes_latin_1)
{
	ck_assert_int_eq(ask(_i, "/headers", "-H \"$(printf 'x-a: caf\\351')\""), 0);
	has("[\"x-a\",\"caf\xc3\xa9\"]");
}
END_TEST

START_TEST(status_is_what_was_asked)
{
	ck_assert_int_eq(ask(_i, "/status/503", "-w '%{http_code}'"), 0);
	has("503 Service Unavailable\n503");
	ck_assert_int_eq(ask(_i, "/status/204", "-w '%{http_code}'"), 0);
	ck_assert_str_eq(got, "204");
	ck_assert_int_eq(ask(_i, "/status/304", "-w '%{http_code}'"), 0);
	ck_assert_str_eq(got, "304");
	ck_assert_int_eq(ask(_i, "/status/199", "-o /dev/null -w '%{http_code}'"), 0);
	ck_assert_str_eq(got, "400");
}
END_TEST

START_TEST(what_makes_no_sense_is_refused)
{
	static const char *const paths[] = {"/bytes/",   "/bytes/-1",
					    "/bytes/1x", "/bytes/9223372036854775807k",
					    "/drip?n=0", "/delay/1?bytes=z",
					    "/sse?ms=x"};

	for (size_t k = 0; k < sizeof(paths) / sizeof(paths[0]); k++) {
		ck_assert_int_eq(ask(_i, paths[k], "-o /dev/null -w '%{http_code}'"),
				 0);
		ck_assert_msg(strcmp(got, "400") == 0, "%s: %s", paths[k], got);
	}
	ck_assert_int_eq(ask(_i, "/nowhere", "-o /dev/null -w '%{http_code}'"), 0);
	ck_assert_str_eq(got, "404");
	ck_assert_int_eq(ask(_i, "/bytesize", "-o /dev/null -w '%{http_code}'"), 0);
	ck_assert_str_eq(got, "404");
}
END_TEST

START_TEST(root_says_hello)
{
	ck_assert_int_eq(ask(_i, "/", ""), 0);
	has("hello");
}
END_TEST

START_TEST(delay_waits_before_the_head)
{
	double s = 0;

	ck_assert_int_eq(ask(_i, "/delay/200?bytes=10",
			     "-o /dev/null -w "
			     "'%{size_download} "
			     "%{time_starttransfer}'"),
			 0);
	ck_assert_int_eq(sscanf(got, "10 %lf", &s), 1);
	ck_assert_double_ge(s, 0.2);
}
END_TEST

START_TEST(drip_takes_its_time)
{
	double s = 0, first = 0;

	ck_assert_int_eq(ask(_i, "/drip?bytes=3&ms=50&n=5",
			     "-o /dev/null -w '%{size_download} %{time_starttransfer} "
			     "%{time_total}'"),
			 0);
	ck_assert_int_eq(sscanf(got, "15 %lf %lf", &first, &s), 2);
	ck_assert_double_ge(s - first, 0.15);
	ck_assert_int_eq(ask(_i, "/drip?bytes=100k&ms=1&n=9", ""), 0);
	ck_assert_uint_eq(got_len, 900 * 1024);
	is_pattern(got, got_len);
}
END_TEST

START_TEST(sse_sends_events)
{
	ck_assert_int_eq(ask(_i, "/sse?n=3&ms=20", "-D -"), 0);
	has("content-type: text/event-stream\r\n");
	has("id: 0\ndata: event 0\n\nid: 1\ndata: event 1\n\nid: 2\ndata: event 2\n\n");
	/* one without an end ends with the client */
	ck_assert_int_eq(ask(_i, "/sse?n=0&ms=1", "-m 0.3"), 28);
	has("event 3\n");
}
END_TEST

START_TEST(trailers_come_after_the_body)
{
	if (_i) {
		ck_assert_int_eq(
			run("nghttp -nv -H 'trailer: x-mine' -d /dev/null "
			    "--trailer 'x-mine: 7' http://127.0.0.1:%d/trailers",
			    port),
			0);
	} else {
		int fd = raw("POST /trailers HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n"
			     "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
			     "3\r\nabc\r\n0\r\nx-mine: 7\r\n\r\n");

		snprintf(got = malloc(9000), 9000, "%s", read_all(fd));
		has("trailers follow\n");
	}
	has("x-origin-trailer: done");
	has("x-mine: 7");
}
END_TEST

START_TEST(reset_breaks_off_in_the_body)
{
	/* 18: curl got a part; 92: its stream was reset */
	ck_assert_int_eq(ask(_i, "/reset?bytes=5000", ""), _i ? 92 : 18);
	ck_assert_uint_eq(got_len, 5000);
	is_pattern(got, got_len);
}
END_TEST

START_TEST(close_breaks_off_before_the_answer)
{
	/* 52: curl got nothing */
	ck_assert_int_eq(ask(_i, "/close", ""), _i ? 92 : 52);
	ck_assert_uint_eq(got_len, 0);
}
END_TEST

START_TEST(a_client_that_waits_for_100_gets_it)
{
	/* Without it curl would wait for the 10 s before it sends. */
	ck_assert_int_eq(ask(_i, "/echo",
			     "-H 'expect: 100-continue' --expect100-timeout 10 "
			     "-d hello -m 5"),
			 0);
	ck_assert_str_eq(got, "hello");
}
END_TEST

START_TEST(a_client_that_does_not_read_costs_a_bounded_amount)
{
	long before, after;
	pid_t client;

	ck_assert_int_eq(ask(_i, "/bytes/1m", ""), 0); /* warm */
	before = rss_kb();
	client = fork();
	if (!client) {
		char url[64];

		snprintf(url, sizeof(url), "http://127.0.0.1:%d/bytes/8g", port);
		execlp("curl", "curl", "-s", protocols[_i], "--limit-rate", "100k",
		       "-o", "/dev/null", url, (char *)NULL);
		_exit(127);
	}
	pause_ms(800);
	after = rss_kb();
	kill(client, SIGKILL);
	waitpid(client, NULL, 0);
	ck_assert_msg(KEEPS_FREED || after - before < 2048, "%ld kB before, %ld after",
		      before, after);
	ck_assert_int_eq(ask(_i, "/bytes/10", ""), 0);
}
END_TEST

START_TEST(clients_that_go_away_leave_nothing)
{
	static const char *const paths[] = {"/delay/60000", "/drip?n=1000", "/sse?n=0",
					    "/bytes/8g", "/chunked/8g"};

	for (size_t k = 0; k < sizeof(paths) / sizeof(paths[0]); k++)
		ck_assert_int_eq(ask(_i, paths[k], "-m 0.2 -o /dev/null"), 28);
	/* An upload that ends in the middle. Not by curl's -m: when that is over
	 * as curl 7.88 asks for more, it takes the upload for complete. */
	ck_assert_int_eq(
		run("head -c 100m /dev/zero | timeout 0.3 curl -s --limit-rate 1m %s"
		    " -T - -X POST http://127.0.0.1:%d/sink",
		    protocols[_i], port),
		124);
	ck_assert_int_eq(ask(_i, "/bytes/10", ""), 0);
}
END_TEST

START_TEST(a_thousand_requests_share_two_connections)
{
	ck_assert_int_eq(
		run("h2load -n 1000 -c 2 -m 10 %s http://127.0.0.1:%d/bytes/1k",
		    _i ? "" : "--h1", port),
		0);
	has("1000 succeeded, 0 failed");
	has("status codes: 1000 2xx");
}
END_TEST

START_TEST(two_pipelined_requests_get_two_answers)
{
	const char *all;

	if (_i)
		return;
	all = read_all(raw("GET /bytes/3 HTTP/1.1\r\nHost: a\r\n\r\n"
			   "GET /status/404 HTTP/1.1\r\nHost: a\r\n"
			   "Connection: close\r\n\r\n"));
	ck_assert_ptr_nonnull(strstr(all, "HTTP/1.1 200 OK\r\n"));
	ck_assert_ptr_nonnull(strstr(all, "HTTP/1.1 404 Not Found\r\n"));
}
END_TEST

/* "Hello" as RFC 6455 §5.7 has it, and its end. */
static const char hello[] = "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"
			    "\x88\x80\x37\xfa\x21\x3d";

START_TEST(a_websocket_gets_its_messages_back)
{
	int fd = raw("GET /websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
		     "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
		     "Sec-WebSocket-Protocol: chat, superchat\r\n"
		     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
	const char *text, *end;

	ck_assert_int_eq(write(fd, hello, sizeof(hello) - 1), (int)sizeof(hello) - 1);
	text = read_all(fd);
	ck_assert(strncmp(text, "HTTP/1.1 101 ", 13) == 0);
	ck_assert_ptr_nonnull(strstr(text, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
	ck_assert_ptr_nonnull(strstr(text, "sec-websocket-protocol: chat\r\n"));
	end = strstr(text, "\r\n\r\n") + 4;
	ck_assert_mem_eq(end, "\x81\x05Hello\x88\x00", 9);
}
END_TEST

START_TEST(a_websocket_is_no_place_for_a_plain_request)
{
	ck_assert_int_eq(ask(_i, "/websocket", "-i"), 0);
	has(" 426");
	has("sec-websocket-version: 13");
	ck_assert_int_eq(ask(_i, "/websocket", "-i -H 'Sec-WebSocket-Version: 13'"), 0);
	has(" 426");
}
END_TEST

START_TEST(a_websocket_of_another_version_is_told_ours)
{
	const char *text = read_all(
		raw("GET /websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
		    "Connection: Upgrade, close\r\nSec-WebSocket-Version: 8\r\n"
		    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"));

	ck_assert(strncmp(text, "HTTP/1.1 426 ", 13) == 0);
	text = read_all(
		raw("GET /websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
		    "Connection: Upgrade, close\r\nSec-WebSocket-Version: 13\r\n\r\n"));
	ck_assert(strncmp(text, "HTTP/1.1 400 ", 13) == 0);
}
END_TEST

START_TEST(it_ends_clean_while_a_client_does_not_close_its_end)
{
	int fd = raw("GET /bytes/3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	char buf[512];

	while (read(fd, buf, sizeof(buf)) > 0)
		;
	/* The fixture stops the origin, and looks whether all memory is back,
	 * before this process ends and with it the client. */
}
END_TEST

START_TEST(a_wrong_command_line_is_exit_2)
{
	const char *const half[] = {"--cert", "x", NULL};
	const char *const extra[] = {"something", NULL};

	ck_assert_int_eq(call_origin(half), 2);
	ck_assert_int_eq(call_origin(extra), 2);
}
END_TEST

START_TEST(a_port_in_use_is_exit_1)
{
	char text[64], err[256];
	const char *const words[] = {"--listen", text, NULL};

	ck_assert_int_eq(mem_choose("system", err, sizeof(err)), 0);
	snprintf(text, sizeof(text), "127.0.0.1:%d", port);
	ck_assert_int_eq(call_origin(words), 1);
}
END_TEST

START_TEST(over_tls_it_speaks_what_the_client_likes)
{
	pid_t old = origin;

	ck_assert_int_eq(
		run("openssl req -x509 -newkey ec -pkeyopt "
		    "ec_paramgen_curve:P-256 -nodes -keyout %s/key -out %s/cert "
		    "-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 "
		    "2>&1",
		    dir, dir),
		0);
	kill(old, SIGTERM);
	waitpid(old, NULL, 0);
	origin = fork();
	if (!origin) {
		char text[64], cert[600], key[600];
		const char *const words[] = {"--listen", text, "--cert", cert,
					     "--key",    key,  NULL};

		snprintf(text, sizeof(text), "127.0.0.1:%d", port);
		snprintf(cert, sizeof(cert), "%s/cert", dir);
		snprintf(key, sizeof(key), "%s/key", dir);
		be_origin(words);
	}
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(
			run("curl -sS -m 20 --retry 20 --retry-delay 1 "
			    "--retry-connrefused --cacert %s/cert %s -w "
			    "'%%{http_version} %%{size_download}' -o /dev/null "
			    "https://127.0.0.1:%d/bytes/100k",
			    dir, i ? "--http2" : "--http1.1", port),
			0);
		ck_assert_str_eq(got, i ? "2 102400" : "1.1 102400");
	}
}
END_TEST

static Suite *origin_suite(void)
{
	Suite *s = suite_create("origin");
	TCase *t = tcase_create("paths");
	TCase *p = tcase_create("program");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, start_origin, stop_origin);
	tcase_add_loop_test(t, bytes_are_the_pattern_and_as_many_as_asked, 0, 2);
	tcase_add_loop_test(t, chunked_bytes_come_without_a_length, 0, 2);
	tcase_add_loop_test(t, head_has_the_length_and_no_body, 0, 2);
	tcase_add_loop_test(t, echo_gives_a_large_body_back_as_it_was, 0, 2);
	tcase_add_loop_test(t, a_body_without_a_length_is_echoed_too, 0, 2);
	tcase_add_loop_test(t, sink_counts_and_sums_what_it_read, 0, 2);
	tcase_add_loop_test(t, an_upload_that_nobody_reads_does_not_block, 0, 2);
	tcase_add_loop_test(t, headers_come_back_as_json, 0, 2);
	tcase_add_loop_test(t, a_header_that_is_no_utf8_becomes_latin_1, 0, 2);
	tcase_add_loop_test(t, status_is_what_was_asked, 0, 2);
	tcase_add_loop_test(t, what_makes_no_sense_is_refused, 0, 2);
	tcase_add_loop_test(t, root_says_hello, 0, 2);
	tcase_add_loop_test(t, delay_waits_before_the_head, 0, 2);
	tcase_add_loop_test(t, drip_takes_its_time, 0, 2);
	tcase_add_loop_test(t, sse_sends_events, 0, 2);
	tcase_add_loop_test(t, trailers_come_after_the_body, 0, 2);
	tcase_add_loop_test(t, reset_breaks_off_in_the_body, 0, 2);
	tcase_add_loop_test(t, close_breaks_off_before_the_answer, 0, 2);
	tcase_add_loop_test(t, a_client_that_waits_for_100_gets_it, 0, 2);
	tcase_add_loop_test(t, a_client_that_does_not_read_costs_a_bounded_amount, 0,
			    2);
	tcase_add_loop_test(t, clients_that_go_away_leave_nothing, 0, 2);
	tcase_add_loop_test(t, a_thousand_requests_share_two_connections, 0, 2);
	tcase_add_loop_test(t, two_pipelined_requests_get_two_answers, 0, 2);
	tcase_add_test(t, a_websocket_gets_its_messages_back);
	tcase_add_loop_test(t, a_websocket_is_no_place_for_a_plain_request, 0, 2);
	tcase_add_test(t, a_websocket_of_another_version_is_told_ours);
	tcase_add_test(t, it_ends_clean_while_a_client_does_not_close_its_end);
	suite_add_tcase(s, t);
	tcase_set_timeout(p, 60);
	tcase_add_checked_fixture(p, start_origin, stop_origin);
	tcase_add_test(p, a_wrong_command_line_is_exit_2);
	tcase_add_test(p, a_port_in_use_is_exit_1);
	tcase_add_test(p, over_tls_it_speaks_what_the_client_likes);
	suite_add_tcase(s, p);
	return s;
}

int main(void)
{
	SRunner *r = srunner_create(origin_suite());
	int failed;

	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
