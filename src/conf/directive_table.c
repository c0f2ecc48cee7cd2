/*
 * The table of directives.
 */
#include "conf/directive.h"

#include "conf/nouns.h"
#include "conf/snapshot.h"
#include "proxy/forward.h"

#define AT(type, member)                                                               \
	.offset = offsetof(struct type, member),                                       \
	.size = sizeof(((struct type *)0)->member)
#define SELF .offset = 0, .size = 0
#define KIB  1024ull
#define MIB  (1024 * KIB)
#define GIB  (1024 * MIB)
#define SEC  1000ull
#define HOUR (3600 * SEC)
#define DAY  (24 * HOUR)

/* --- the top ------------------------------------------------------------- */

static const struct argument allocator_args[] = {
	{.name = "SPEC",
	 .type = &value_spec,
	 .required = true,
	 .fallback = "system",
	 .help = "`system`, `jemalloc`, `mimalloc`, `tcmalloc`, `hybrid`, or the "
		 "absolute path of a library; wrappers follow with `+`: `+debug`, "
		 "`+fail=N`.",
	 AT(snapshot, allocator)},
	{.name = "KEY=VALUE",
	 .form = ARG_REST,
	 .type = &value_setting,
	 .help = "A setting: `regions=bump|heap`, `profile=default|tuned`, `prefix=` "
		 "for a library's function names, or one of the allocator's own "
		 "(docs/allocators.md).",
	 AT(snapshot, allocator)},
	{0}};
static const struct argument workers_args[] = {
	{.name = "auto|N",
	 .type = &value_workers,
	 .required = true,
	 .fallback = "auto",
	 .min = 1,
	 .max = 256,
	 .help = "How many; `auto`: one for each CPU that heapgate may run on.",
	 AT(snapshot, n_workers)},
	{0}};
static const struct argument user_args[] = {{.name = "NAME",
					     .type = &value_name,
					     .required = true,
					     .help = "The user.",
					     AT(snapshot, user)},
					    {0}};
static const struct argument pid_file_args[] = {{.name = "FILE",
						 .type = &value_file,
						 .required = true,
						 .help = "The file.",
						 AT(snapshot, pid_file)},
						{0}};
static const struct argument metrics_args[] = {
	{.name = "ADDR",
	 .type = &value_addr,
	 .required = true,
	 .help = "Where to listen, without TLS: keep it on a private address.",
	 AT(snapshot, metrics)},
	{0}};
static const struct argument admin_args[] = {{.name = "unix:PATH",
					      .type = &value_unix,
					      .required = true,
					      .help = "The socket's path.",
					      AT(snapshot, admin)},
					     {0}};
static const struct argument via_args[] = {
	{.name = "NAME",
	 .type = &value_token,
	 .required = true,
	 .fallback = "heapgate",
	 .help = "The name; `off`: none, so no Via and no Proxy-Status. "
		 "RFC 9110 wants a Via in requests.",
	 AT(snapshot, via)},
	{0}};
static const struct choice forwarded_choices[] = {{"replace", FORWARDED_REPLACE},
						  {"trust", FORWARDED_TRUST},
						  {"drop", FORWARDED_DROP},
						  {NULL, 0}};
static const struct argument forwarded_args[] = {
	{.name = "replace|trust|drop",
	 .type = &value_choice,
	 .required = true,
	 .fallback = "replace",
	 .choices = forwarded_choices,
	 .help = "`replace`: what the client sent is dropped, and the server is told "
		 "who it was; `trust`: what it sent is kept and added to; `drop`: the "
		 "server gets none. Trust only where every client is a proxy of yours.",
	 AT(snapshot, forwarded)},
	{0}};
static const struct argument tickets_args[] = {
	{.name = "rotate",
	 .form = ARG_KEY,
	 .type = &value_time,
	 .required = true,
	 .fallback = "1h",
	 .min = 10 * SEC,
	 .max = 7 * DAY,
	 .help = "How long a key seals new tickets; it opens old ones for two more "
		 "such periods.",
	 AT(snapshot, ticket_rotate_ms)},
	{0}};
static const struct choice access_choice[] = {{"access", 0}, {NULL, 0}};
static const struct choice error_choice[] = {{"error", 0}, {NULL, 0}};
static const struct choice format_choices[] = {{"combined", ACCESSLOG_COMBINED},
					       {"json", ACCESSLOG_JSON},
					       {"memory", ACCESSLOG_MEMORY},
					       {NULL, 0}};
static const struct choice level_choices[] = {
	{"debug", LOG_DEBUG}, {"info", LOG_INFO},   {"notice", LOG_NOTICE},
	{"warn", LOG_WARN},   {"error", LOG_ERROR}, {NULL, 0}};
static const struct argument access_args[] = {
	{.name = "access",
	 .type = &value_choice,
	 .required = true,
	 .choices = access_choice,
	 .help = NULL,
	 SELF},
	{.name = "FILE",
	 .type = &value_file,
	 .required = true,
	 .help = "The file; `-` is standard output.",
	 AT(snapshot, access.path)},
	{.name = "format",
	 .form = ARG_KEY,
	 .type = &value_choice,
	 .fallback = "combined",
	 .choices = format_choices,
	 .help = "`combined` as web servers write it, `memory` the same and what "
		 "the request took of it, or `json`, one object a line.",
	 AT(snapshot, access.format)},
	{0}};
static const struct argument error_args[] = {
	{.name = "error",
	 .type = &value_choice,
	 .required = true,
	 .choices = error_choice,
	 .help = NULL,
	 SELF},
	{.name = "FILE",
	 .type = &value_file,
	 .required = true,
	 .fallback = "-",
	 .help = "The file; `-` is standard error.",
	 AT(snapshot, error_path)},
	{.name = "level",
	 .form = ARG_KEY,
	 .type = &value_choice,
	 .fallback = "notice",
	 .choices = level_choices,
	 .help = "The least that is logged.",
	 AT(snapshot, error_level)},
	{0}};

/* --- listen -------------------------------------------------------------- */

static const struct choice min_version_choices[] = {
	{"1.2", 12}, {"1.3", 13}, {NULL, 0}};
static const struct argument listen_args[] = {
	{.name = "ADDR",
	 .type = &value_listen,
	 .required = true,
	 .help = "Where; `:8443` is port 8443 of all addresses.",
	 SELF},
	{.name = "tls",
	 .form = ARG_FLAG,
	 .type = &value_flag,
	 .help = "TLS; without it HTTP/1.1 and h2c.",
	 AT(listen_conf, is_tls)},
	{.name = "cert",
	 .form = ARG_KEY,
	 .type = &value_first_cert,
	 .needs = "tls",
	 .help = "PEM file: the certificate, then the chain to its root.",
	 SELF},
	{.name = "key",
	 .form = ARG_KEY,
	 .type = &value_first_key,
	 .needs = "tls",
	 .help = "PEM file with its private key; without it the key is looked for "
		 "in the file of `cert=`.",
	 SELF},
	{.name = "backlog",
	 .form = ARG_KEY,
	 .type = &value_count,
	 .fallback = "511",
	 .min = 1,
	 .max = 65535,
	 .help = "How many connections may wait to be accepted, for each worker.",
	 AT(listen_conf, backlog)},
	{.name = "min_version",
	 .form = ARG_KEY,
	 .type = &value_choice,
	 .needs = "tls",
	 .fallback = "1.2",
	 .choices = min_version_choices,
	 .help = "The oldest TLS version taken.",
	 AT(listen_conf, tls.min_version)},
	{.name = "ciphers",
	 .form = ARG_KEY,
	 .type = &value_text,
	 .needs = "tls",
	 .help = "TLS 1.2 ciphers, as OpenSSL names them; without it a list of "
		 "those with forward secrecy.",
	 AT(listen_conf, tls.ciphers)},
	{.name = "suites",
	 .form = ARG_KEY,
	 .type = &value_text,
	 .needs = "tls",
	 .help = "TLS 1.3 suites; without it OpenSSL's.",
	 AT(listen_conf, tls.suites)},
	{.name = "h1",
	 .form = ARG_KEY,
	 .type = &value_bool,
	 .needs = "tls",
	 .fallback = "on",
	 .help = "Offer HTTP/1.1 by ALPN.",
	 AT(listen_conf, tls.h1)},
	{.name = "h2",
	 .form = ARG_KEY,
	 .type = &value_bool,
	 .needs = "tls",
	 .fallback = "on",
	 .help = "Offer HTTP/2 by ALPN.",
	 AT(listen_conf, tls.h2)},
	{.name = "tickets",
	 .form = ARG_KEY,
	 .type = &value_bool,
	 .needs = "tls",
	 .fallback = "on",
	 .help = "Session tickets, to resume without a full "
		 "handshake.",
	 AT(listen_conf, tls.tickets)},
	{.name = "release_buffers",
	 .form = ARG_KEY,
	 .type = &value_bool,
	 .needs = "tls",
	 .fallback = "on",
	 .help = "Give a connection's TLS buffers back while it is idle: less "
		 "memory, a little more CPU.",
	 AT(listen_conf, tls.release_buffers)},
	{0}};
static const struct argument cert_args[] = {
	{.name = "FILE",
	 .type = &value_file,
	 .required = true,
	 .help = "PEM file: the certificate, then the chain to its root.",
	 AT(tls_cert_conf, cert)},
	{.name = "key",
	 .form = ARG_KEY,
	 .type = &value_file,
	 .help = "PEM file with its private key; without it the key is looked for "
		 "in FILE.",
	 AT(tls_cert_conf, key)},
	{0}};

/* --- route --------------------------------------------------------------- */

static const struct argument route_args[] = {
	{.name = "host",
	 .form = ARG_KEY,
	 .type = &value_host,
	 .help = "Only for this host, without a port; `*.example.com` takes all "
		 "hosts below it. An exact host wins over `*.`, and that over none.",
	 AT(route_conf, host)},
	{.name = "PREFIX",
	 .type = &value_prefix,
	 .required = true,
	 .help = "Where the path must start, in whole segments: `/api` takes "
		 "`/api` and `/api/x`, not `/apix`; `/api/` only what is "
		 "below. The longest wins.",
	 AT(route_conf, prefix)},
	{.name = "UPSTREAM",
	 .type = &value_name,
	 .required = true,
	 .help = "Who serves it.",
	 AT(route_conf, upstream)},
	{0}};

/* --- error_page ---------------------------------------------------------- */

static const struct argument error_page_args[] = {
	{.name = "CODE",
	 .form = ARG_LIST,
	 .type = &value_codes,
	 .required = true,
	 .help = "For answers with this status, 400 to 599; several may follow each "
		 "other. heapgate itself answers with 400, 404, 408, 413, 414, 431, "
		 "501, 502, 503, 504 and 505.",
	 SELF},
	{.name = "FILE",
	 .type = &value_page,
	 .required = true,
	 .help = "The body, at most 16k. The end of its name tells its type: "
		 "`.html`, `.htm`, `.json`, `.txt`, `.xml`, `.xhtml` or `.svg`.",
	 AT(error_page_conf, path)},
	{0}};

/* --- upstream ------------------------------------------------------------ */

static const struct argument upstream_args[] = {
	{.name = "NAME",
	 .type = &value_name,
	 .required = true,
	 .help = "The name that routes and metrics call it by.",
	 AT(upstream_conf, name)},
	{0}};
static const struct argument server_args[] = {
	{.name = "ADDR|HOST:PORT",
	 .type = &value_server,
	 .required = true,
	 .help = "Where it is. A host name is resolved anew as its DNS record "
		 "expires.",
	 SELF},
	{.name = "weight",
	 .form = ARG_KEY,
	 .type = &value_count,
	 .fallback = "1",
	 .min = 1,
	 .max = 1000,
	 .help = "Its share of the requests.",
	 AT(server_conf, weight)},
	{.name = "proto",
	 .form = ARG_KEY,
	 .syntax = "h1|h2c|h2",
	 .type = &value_proto,
	 .fallback = "h1",
	 .help = "`h1`: HTTP/1.1; `h2c`: HTTP/2 without TLS; `h2`: HTTP/2 over "
		 "TLS.",
	 SELF},
	{.name = "tls",
	 .form = ARG_FLAG,
	 .type = &value_flag,
	 .help = "HTTP/1.1 over TLS; `proto=h2` implies it.",
	 AT(server_conf, is_tls)},
	{.name = "verify",
	 .form = ARG_KEY,
	 .type = &value_bool,
	 .needs = "tls",
	 .fallback = "on",
	 .help = "Check its certificate and its name.",
	 AT(server_conf, tls.verify)},
	{.name = "ca",
	 .form = ARG_KEY,
	 .type = &value_file,
	 .needs = "tls",
	 .help = "PEM file with the authorities to believe; without it the "
		 "system's.",
	 AT(server_conf, tls.ca)},
	{.name = "sni",
	 .form = ARG_KEY,
	 .syntax = "HOST",
	 .type = &value_name,
	 .needs = "tls",
	 .help = "The name to ask for and to check; without it the HOST above.",
	 AT(server_conf, tls.name)},
	{.name = "backup",
	 .form = ARG_FLAG,
	 .type = &value_flag,
	 .help = "Used only while no other server is up.",
	 AT(server_conf, backup)},
	{0}};
static const struct choice balance_choices[] = {
	{"round_robin", BALANCE_ROUND_ROBIN},
	{"least_requests", BALANCE_LEAST_REQUESTS},
	{NULL, 0}};
static const struct argument balance_args[] = {
	{.name = "round_robin|least_requests",
	 .type = &value_choice,
	 .required = true,
	 .fallback = "round_robin",
	 .choices = balance_choices,
	 .help = "By turns, or the one that is doing least; both by weight.",
	 AT(upstream_conf, balance)},
	{0}};
static const struct choice get_choice[] = {{"GET", 0}, {NULL, 0}};
static const struct argument check_args[] = {
	{.name = "GET",
	 .type = &value_choice,
	 .required = true,
	 .choices = get_choice,
	 .help = NULL,
	 SELF},
	{.name = "PATH",
	 .type = &value_target,
	 .required = true,
	 .help = "What to ask for; an answer of 2xx or 3xx is good.",
	 AT(upstream_conf, check_path)},
	{.name = "every",
	 .form = ARG_KEY,
	 .type = &value_time,
	 .fallback = "2s",
	 .min = 100,
	 .max = HOUR,
	 .help = "How often each worker asks.",
	 AT(upstream_conf, check_every_ms)},
	{.name = "fall",
	 .form = ARG_KEY,
	 .type = &value_count,
	 .fallback = "3",
	 .min = 1,
	 .max = 100,
	 .help = "So many bad answers in a row take a server out.",
	 AT(upstream_conf, check_fall)},
	{.name = "rise",
	 .form = ARG_KEY,
	 .type = &value_count,
	 .fallback = "2",
	 .min = 1,
	 .max = 100,
	 .help = "So many good answers in a row bring it back.",
	 AT(upstream_conf, check_rise)},
	{0}};

/* A directive with one number: name, then what the number is. */
#define ONE(id, kind, word, standard, least, most, type_, member, text)                \
	static const struct argument id[] = {{.name = word,                            \
					      .type = &(kind),                         \
					      .required = true,                        \
					      .fallback = (standard),                  \
					      .min = (least),                          \
					      .max = (most),                           \
					      .help = (text),                          \
					      AT(type_, member)},                      \
					     {0}}

ONE(connect_timeout_args, value_time, "TIME", "5s", 1, HOUR, upstream_conf,
    connect_timeout_ms, "For the connection and its TLS handshake.");
ONE(response_timeout_args, value_time, "TIME", "60s", 1, DAY, upstream_conf,
    response_timeout_ms, "From the request sent to the first header.");
ONE(up_idle_timeout_args, value_time, "TIME", "60s", 1, DAY, upstream_conf,
    idle_timeout_ms, "How long a connection without a request is kept.");
ONE(idle_args, value_count, "N", "1024", 0, 65535, upstream_conf, n_idle,
    "How many, for each server and worker; 0: none is kept.");
ONE(up_streams_args, value_count, "N", "100", 1, 65535, upstream_conf, n_streams,
    "How many; the server's own limit counts once it is known.");
ONE(max_fails_args, value_count, "N", "3", 0, 1000, upstream_conf, max_fails,
    "How many within `fail_timeout`; 0: a server is never taken out.");
ONE(fail_timeout_args, value_time, "TIME", "10s", 1, DAY, upstream_conf,
    fail_timeout_ms,
    "The time in which failures are counted, and for which a "
    "server is then taken out.");
ONE(retries_args, value_count, "N", "1", 0, 16, upstream_conf, retries,
    "How many other servers are tried.");

/* --- limits -------------------------------------------------------------- */

ONE(connections_args, value_count, "N", "20000", 1, 10000000, limits_conf, connections,
    "How many, for each worker.");
ONE(client_connections_args, value_count, "N", "5000", 0, 10000000, limits_conf,
    client_connections,
    "How many, for each worker. 0: no limit, for a proxy of yours "
    "that stands before this one.");
ONE(streams_args, value_count, "N", "128", 1, 65535, limits_conf, streams,
    "How many, for each connection.");
ONE(line_bytes_args, value_bytes, "SIZE", "8k", 128, MIB, limits_conf, head.line_bytes,
    "Its length; a longer one is answered with 414.");
ONE(header_bytes_args, value_bytes, "SIZE", "32k", 512, 16 * MIB, limits_conf,
    head.header_bytes, "Its length; a longer one is answered with 431.");
ONE(headers_args, value_count, "N", "100", 1, 10000, limits_conf, head.n_headers,
    "How many; more are answered with 431.");
ONE(body_bytes_args, value_bytes, "SIZE", "0", 0, 1024 * GIB, limits_conf, body_bytes,
    "Its length; a longer one is answered with 413. 0: no limit.");
ONE(stream_buffer_args, value_bytes, "SIZE", "64k", 4 * KIB, 64 * MIB, limits_conf,
    stream_buffer_bytes, "How much, each way.");
ONE(conn_buffer_args, value_bytes, "SIZE", "512k", 0, GIB, limits_conf,
    conn_buffer_bytes, "How much, besides 8k of each answer.");
ONE(min_rate_args, value_bytes, "SIZE", "100b", 0, GIB, limits_conf, min_rate,
    "Bytes a second.");
ONE(window_bytes_args, value_bytes, "SIZE", "1m", 65535, 2 * GIB - 1, limits_conf,
    window_bytes, "The window.");
ONE(handshake_timeout_args, value_time, "TIME", "10s", 1, HOUR, limits_conf,
    handshake_timeout_ms, "From the accept to the end of the handshake.");
ONE(header_timeout_args, value_time, "TIME", "10s", 1, HOUR, limits_conf,
    header_timeout_ms, "From its first byte to its last.");
ONE(idle_timeout_args, value_time, "TIME", "60s", 1, DAY, limits_conf, idle_timeout_ms,
    "How long it is kept.");
ONE(stream_timeout_args, value_time, "TIME", "60s", 1, DAY, limits_conf,
    stream_timeout_ms, "How long no byte may move either way.");
ONE(tunnel_timeout_args, value_time, "TIME", "10m", 1, DAY, limits_conf,
    tunnel_timeout_ms, "How long no byte may move either way.");
ONE(drain_timeout_args, value_time, "TIME", "30s", 0, DAY, limits_conf,
    drain_timeout_ms, "How long; then the rest is cut off.");
ONE(ping_timeout_args, value_time, "TIME", "10s", 100, HOUR, limits_conf,
    ping_timeout_ms, "How long the answer may take; then the connection is closed.");
ONE(flood_burst_args, value_count, "UNITS", "10000", 0, 1000000000, limits_conf,
    flood.burst, "How much at once. 0: no limit.");
ONE(flood_rate_args, value_count, "UNITS", "5000", 0, 1000000000, limits_conf,
    flood.per_s, "How much comes back each second.");

static const struct argument no_args[] = {{0}};

/* --- experiment ---------------------------------------------------------- */

static const struct argument arm_args[] = {
	{.name = "NAME",
	 .type = &value_name,
	 .required = true,
	 .help = "What metrics, logs and the header call it.",
	 AT(arm_conf, name)},
	{.name = "allocator",
	 .form = ARG_KEY,
	 .type = &value_spec,
	 .help = "What its workers run, settings and all: "
		 "`hybrid+debug,regions=heap`; without it what `allocator` says.",
	 AT(arm_conf, allocator)},
	{.name = "weight",
	 .form = ARG_KEY,
	 .type = &value_count,
	 .fallback = "1",
	 .min = 0,
	 .max = 1000000,
	 .help = "Its share of the clients, of the sum of all weights.",
	 AT(arm_conf, weight)},
	{.name = "workers",
	 .form = ARG_KEY,
	 .type = &value_count,
	 .min = 1,
	 .max = 256,
	 .help = "How many; without it an even part of `workers`, at least 1. "
		 "Memory can be compared only where a worker of each arm has about "
		 "as much to do.",
	 AT(arm_conf, workers)},
	{0}};
static const struct choice assign_choices[] = {
	{"random", ASSIGN_RANDOM}, {"client_ip", ASSIGN_CLIENT_IP}, {NULL, 0}};
static const struct argument assign_args[] = {
	{.name = "random|client_ip",
	 .type = &value_choice,
	 .required = true,
	 .fallback = "random",
	 .choices = assign_choices,
	 .help = "`random`: each connection anew; `client_ip`: a client stays with "
		 "its arm, also over a restart.",
	 AT(experiment_conf, assign)},
	{0}};
static const struct choice metric_choices[] = {{"error_ratio", GUARD_ERROR_RATIO},
					       {"p99", GUARD_P99},
					       {"rss", GUARD_RSS},
					       {NULL, 0}};
static const struct choice at_most_choice[] = {{"<=", 0}, {NULL, 0}};
static const struct argument guard_args[] = {
	{.name = "error_ratio|p99|rss",
	 .type = &value_choice,
	 .required = true,
	 .choices = metric_choices,
	 .help = "`error_ratio`: answers with 5xx, or none, of all; `p99`: of the "
		 "duration of requests; `rss`: anonymous RSS of the arm's largest "
		 "worker.",
	 AT(guard_conf, metric)},
	{.name = "<=",
	 .type = &value_choice,
	 .required = true,
	 .choices = at_most_choice,
	 .help = NULL,
	 SELF},
	{.name = "LIMIT",
	 .type = &value_limit,
	 .required = true,
	 .help = "`1.25x`: so many times what the first arm has (p99, rss); `0.5%` "
		 "(error_ratio); `50ms`, `2s` (p99); `600m`, `1g` (rss).",
	 SELF},
	{.name = "breaches",
	 .form = ARG_KEY,
	 .type = &value_count,
	 .fallback = "3",
	 .min = 1,
	 .max = 32,
	 .help = "In so many of the last `of=` intervals that could be judged, to "
		 "drain the arm.",
	 AT(guard_conf, breaches)},
	{.name = "of",
	 .form = ARG_KEY,
	 .type = &value_count,
	 .fallback = "5",
	 .min = 1,
	 .max = 32,
	 .help = "How many intervals are looked back.",
	 AT(guard_conf, of)},
	{0}};
ONE(interval_args, value_time, "TIME", "10s", SEC, HOUR, experiment_conf, interval_ms,
    "How long one is.");
static const struct argument header_args[] = {
	{.name = "on|off",
	 .type = &value_bool,
	 .required = true,
	 .fallback = "off",
	 .help = "`on`: `heapgate-arm: NAME`, to see it from outside.",
	 AT(experiment_conf, header)},
	{0}};

/* --- the table ----------------------------------------------------------- */

#define IN_UPSTREAM   .blocks = BLOCK_UPSTREAM
#define IN_LIMITS     .blocks = BLOCK_LIMITS
#define IN_EXPERIMENT .blocks = BLOCK_EXPERIMENT

const struct directive directives[] = {
	{.name = "allocator",
	 .blocks = BLOCK_TOP,
	 .args = allocator_args,
	 .help = "The memory allocator of the workers. One that cannot be loaded is "
		 "an error, never replaced by another.",
	 .example = "allocator jemalloc+debug regions=heap"},
	{.name = "workers",
	 .blocks = BLOCK_TOP,
	 .args = workers_args,
	 .help = "Worker processes; each has one thread, one event loop, one heap.",
	 .example = "workers 4"},
	{.name = "user",
	 .blocks = BLOCK_TOP,
	 .args = user_args,
	 .help = "Who the workers run as, when heapgate is started as root. Without "
		 "it they run as whoever started heapgate.",
	 .example = "user nobody"},
	{.name = "pid_file",
	 .blocks = BLOCK_TOP,
	 .at_start = true,
	 .args = pid_file_args,
	 .help = "Write the supervisor's process id to a file.",
	 .example = "pid_file /run/heapgate/heapgate.pid"},
	{.name = "via",
	 .blocks = BLOCK_TOP,
	 .args = via_args,
	 .help = "What heapgate calls itself in the Via field (RFC 9110 §7.6.3).",
	 .example = "via edge-1"},
	{.name = "forwarded",
	 .blocks = BLOCK_TOP,
	 .args = forwarded_args,
	 .help = "What becomes of the X-Forwarded-For, -Proto and -Host that a "
		 "client sends.",
	 .example = "forwarded trust"},
	{.name = "tickets",
	 .blocks = BLOCK_TOP,
	 .args = tickets_args,
	 .help = "The keys of TLS session tickets, which all workers share.",
	 .example = "tickets rotate=12h"},
	{.name = "metrics",
	 .blocks = BLOCK_TOP,
	 .args = metrics_args,
	 .help = "Serve the dashboard, /metrics, /livez and /readyz.",
	 .example = "metrics 127.0.0.1:9180"},
	{.name = "admin",
	 .blocks = BLOCK_TOP,
	 .args = admin_args,
	 .help = "The control socket.",
	 .example = "admin unix:/run/heapgate/admin.sock"},
	{.name = "log",
	 .sub = "access",
	 .blocks = BLOCK_TOP,
	 .args = access_args,
	 .help = "One line for each request. Without it none is written.",
	 .example = "log access /var/log/heapgate/access.log format=json"},
	{.name = "log",
	 .sub = "error",
	 .blocks = BLOCK_TOP,
	 .args = error_args,
	 .help = "What heapgate has to say of itself.",
	 .example = "log error /var/log/heapgate/error.log level=info"},
	{.name = "listen",
	 .blocks = BLOCK_TOP,
	 .args = listen_args,
	 .noun = &noun_listen,
	 .block = BLOCK_LISTEN,
	 .repeatable = true,
	 .help = "Where clients connect. With TLS the client chooses HTTP/2 or "
		 "HTTP/1.1 by ALPN; without it by its first bytes. At least one is "
		 "needed.",
	 .example = "listen 127.0.0.1:8081 backlog=1024"},
	{.name = "cert",
	 .blocks = BLOCK_LISTEN,
	 .args = cert_args,
	 .noun = &noun_cert,
	 .repeatable = true,
	 .help = "One of several certificates; the client's SNI chooses. The first "
		 "one is for who sends none or another.",
	 .example = "cert /etc/ssl/b.example.crt key=/etc/ssl/b.example.key"},
	{.name = "limits",
	 .blocks = BLOCK_TOP,
	 .args = no_args,
	 .noun = &noun_limits,
	 .block = BLOCK_LIMITS,
	 .needs_block = true,
	 .help = "What a client may ask of heapgate.",
	 .example = "limits { connections 5000; body_bytes 16m }"},
	{.name = "connections",
	 .args = connections_args,
	 IN_LIMITS,
	 .help = "Connections of clients at once.",
	 .example = "connections 5000"},
	{.name = "client_connections",
	 .args = client_connections_args,
	 IN_LIMITS,
	 .help = "Connections at once of one client: an IPv4 address, or 64 bits of "
		 "an IPv6 address.",
	 .example = "client_connections 100"},
	{.name = "streams",
	 .args = streams_args,
	 IN_LIMITS,
	 .help = "Requests at once on one HTTP/2 connection.",
	 .example = "streams 250"},
	{.name = "line_bytes",
	 .args = line_bytes_args,
	 IN_LIMITS,
	 .help = "The request line. No more than `header_bytes`, and by default "
		 "that if it is less.",
	 .example = "line_bytes 16k"},
	{.name = "header_bytes",
	 .args = header_bytes_args,
	 IN_LIMITS,
	 .help = "The head of a request, also its trailer section.",
	 .example = "header_bytes 64k"},
	{.name = "headers",
	 .args = headers_args,
	 IN_LIMITS,
	 .help = "Fields in a head or a trailer section.",
	 .example = "headers 60"},
	{.name = "body_bytes",
	 .args = body_bytes_args,
	 IN_LIMITS,
	 .help = "The body of a request.",
	 .example = "body_bytes 16m"},
	{.name = "stream_buffer_bytes",
	 .args = stream_buffer_args,
	 IN_LIMITS,
	 .help = "Body kept for a reader that is slower than its writer.",
	 .example = "stream_buffer_bytes 128k"},
	{.name = "window_bytes",
	 .args = window_bytes_args,
	 IN_LIMITS,
	 .help = "HTTP/2 flow control: what a client may send on one connection "
		 "before any of it was passed on.",
	 .example = "window_bytes 4m"},
	{.name = "handshake_timeout",
	 .args = handshake_timeout_args,
	 IN_LIMITS,
	 .help = "The TLS handshake and the HTTP/2 preface.",
	 .example = "handshake_timeout 5s"},
	{.name = "header_timeout",
	 .args = header_timeout_args,
	 IN_LIMITS,
	 .help = "The head of a request.",
	 .example = "header_timeout 5s"},
	{.name = "idle_timeout",
	 .args = idle_timeout_args,
	 IN_LIMITS,
	 .help = "A client's connection without a request.",
	 .example = "idle_timeout 2m"},
	{.name = "stream_timeout",
	 .args = stream_timeout_args,
	 IN_LIMITS,
	 .help = "A request that has stalled.",
	 .example = "stream_timeout 5m"},
	{.name = "tunnel_timeout",
	 .args = tunnel_timeout_args,
	 IN_LIMITS,
	 .help = "A WebSocket that is silent.",
	 .example = "tunnel_timeout 1h"},
	{.name = "drain_timeout",
	 .args = drain_timeout_args,
	 IN_LIMITS,
	 .help = "At the end requests in progress may finish.",
	 .example = "drain_timeout 10s"},
	{.name = "conn_buffer_bytes",
	 .args = conn_buffer_args,
	 IN_LIMITS,
	 .help = "All answers of an HTTP/2 connection together that the client has "
		 "not taken yet.",
	 .example = "conn_buffer_bytes 2m"},
	{.name = "min_rate",
	 .args = min_rate_args,
	 IN_LIMITS,
	 .help = "A client that has more to take, or to send of a body whose length it "
		 "has told, must do so at this rate over each `stream_timeout`.",
	 .example = "min_rate 1k"},
	{.name = "ping_timeout",
	 .args = ping_timeout_args,
	 IN_LIMITS,
	 .help = "An HTTP/2 peer that has been silent while requests wait is sent a "
		 "PING: a server after this time, a client after `idle_timeout`.",
	 .example = "ping_timeout 3s"},
	{.name = "flood_burst",
	 .args = flood_burst_args,
	 IN_LIMITS,
	 .help = "What an HTTP/2 client makes us do for nothing, in units of about a "
		 "microsecond (docs/security.md). One that has used up its budget "
		 "gets GOAWAY with ENHANCE_YOUR_CALM.",
	 .example = "flood_burst 50000"},
	{.name = "flood_rate",
	 .args = flood_rate_args,
	 IN_LIMITS,
	 .help = "How fast that budget comes back.",
	 .example = "flood_rate 20000"},
	{.name = "upstream",
	 .blocks = BLOCK_TOP,
	 .args = upstream_args,
	 .noun = &noun_upstream,
	 .block = BLOCK_UPSTREAM,
	 .needs_block = true,
	 .repeatable = true,
	 .help = "A group of servers that serve the same. At least one is needed.",
	 .example = "upstream files { server 127.0.0.1:9003 }"},
	{.name = "server",
	 .args = server_args,
	 .noun = &noun_server,
	 .repeatable = true,
	 IN_UPSTREAM,
	 .help = "One server of the group. At least one is needed.",
	 .example = "server app1.example.com:443 proto=h2 weight=2"},
	{.name = "balance",
	 .args = balance_args,
	 IN_UPSTREAM,
	 .help = "Which server gets the next request.",
	 .example = "balance least_requests"},
	{.name = "connect_timeout",
	 .args = connect_timeout_args,
	 IN_UPSTREAM,
	 .help = "How long connecting may take.",
	 .example = "connect_timeout 1s"},
	{.name = "response_timeout",
	 .args = response_timeout_args,
	 IN_UPSTREAM,
	 .help = "How long a server may think; then the client gets 504.",
	 .example = "response_timeout 5m"},
	{.name = "idle_timeout",
	 .args = up_idle_timeout_args,
	 IN_UPSTREAM,
	 .help = "Connections kept for reuse. Less than what the servers have, or "
		 "they close them just when they are needed.",
	 .example = "idle_timeout 30s"},
	{.name = "idle",
	 .args = idle_args,
	 IN_UPSTREAM,
	 .help = "HTTP/1.1 connections kept for reuse.",
	 .example = "idle 32"},
	{.name = "streams",
	 .args = up_streams_args,
	 IN_UPSTREAM,
	 .help = "Requests at once on one HTTP/2 connection to a server.",
	 .example = "streams 200"},
	{.name = "max_fails",
	 .args = max_fails_args,
	 IN_UPSTREAM,
	 .help = "Failures to connect that take a server out for a while.",
	 .example = "max_fails 5"},
	{.name = "fail_timeout",
	 .args = fail_timeout_args,
	 IN_UPSTREAM,
	 .help = "The time that belongs to `max_fails`.",
	 .example = "fail_timeout 30s"},
	{.name = "retries",
	 .args = retries_args,
	 IN_UPSTREAM,
	 .help = "A request that no server has seen goes to another one when its "
		 "server cannot be reached.",
	 .example = "retries 2"},
	{.name = "check",
	 .args = check_args,
	 IN_UPSTREAM,
	 .help = "Ask the servers whether they are well. Without it only failures "
		 "to connect count.",
	 .example = "check GET /healthz every=5s fall=2 rise=2"},
	{.name = "route",
	 .blocks = BLOCK_TOP,
	 .args = route_args,
	 .noun = &noun_route,
	 .repeatable = true,
	 .help = "Which upstream serves a request, by host and path. The order of "
		 "the lines does not matter. At least one is needed; what no route "
		 "takes is answered with 404.",
	 .example = "route host=static.example.com /img app"},
	{.name = "error_page",
	 .blocks = BLOCK_TOP,
	 .args = error_page_args,
	 .noun = &noun_error_page,
	 .repeatable = true,
	 .help = "A page of yours for errors that heapgate itself answers with; what "
		 "a server says is never touched. A JSON file is for clients whose "
		 "Accept names application/json, and for all when the code has no "
		 "other file; another file is for all who do not ask for JSON. Without "
		 "a page a line of text goes out, or JSON to who asks for it. Files "
		 "are read when heapgate starts and at each reload.",
	 .example = "error_page 502 503 504 /etc/heapgate/sorry.html"},
	{.name = "experiment",
	 .blocks = BLOCK_TOP,
	 .args = no_args,
	 .noun = &noun_experiment,
	 .block = BLOCK_EXPERIMENT,
	 .needs_block = true,
	 .help = "Several allocators serve at once, side by side "
		 "(docs/experiments.md). "
		 "At least two arms are needed; the first one is the baseline.",
	 .example = "experiment { arm a allocator=system weight=90; "
		    "arm b allocator=hybrid weight=10 }"},
	{.name = "arm",
	 .args = arm_args,
	 .noun = &noun_arm,
	 .repeatable = true,
	 IN_EXPERIMENT,
	 .help = "Workers of one allocator setting.",
	 .example = "arm c allocator=hybrid,regions=heap weight=50 workers=2"},
	{.name = "assign",
	 .args = assign_args,
	 IN_EXPERIMENT,
	 .help = "Which arm gets a connection.",
	 .example = "assign client_ip"},
	{.name = "guard",
	 .args = guard_args,
	 .noun = &noun_guard,
	 .repeatable = true,
	 IN_EXPERIMENT,
	 .help = "An arm that breaks it, while the baseline does not, is drained: its "
		 "clients go to the baseline.",
	 .example = "guard p99 <= 1.25x breaches=3 of=5"},
	{.name = "interval",
	 .args = interval_args,
	 IN_EXPERIMENT,
	 .help = "How often the arms are compared and the guards judged.",
	 .example = "interval 30s"},
	{.name = "header",
	 .args = header_args,
	 IN_EXPERIMENT,
	 .help = "Each answer names its arm.",
	 .example = "header on"},
	{.name = NULL}};

_Static_assert(sizeof(directives) / sizeof(directives[0]) <= DIRECTIVE_MAX,
	       "arrays by directive index must hold all");
