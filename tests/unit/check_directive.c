/*
 * The table of directives: that all of it works, and that all of it is tested
 * here.
 */
#include <check.h>

#include "conf/directive.h"
#include "conf_try.h"
#include "runner.h"

/* What an argument does: the line that is written, in its block, and a part
 * of the effective config that is there with it and not without it; or, for
 * one that is wrong, a part of the error. */
struct trial {
	const char *block;     /* "", "limits", "upstream", "listen" */
	const char *directive; /* as directive_title() has it */
	const char *argument;
	const char *text;
	const char *printed; /* NULL: it is wrong */
	const char *error;
};

/* What a config needs besides a route. */
#define REST_LESS                                                                      \
	"listen 127.0.0.1:8080\n"                                                      \
	"upstream u { server 127.0.0.1:9001 }\n"

#define GOOD(block, directive, argument, text, printed)                                \
	{                                                                              \
		block, directive, argument, text, printed, NULL                        \
	}
#define BAD(block, directive, argument, text, error)                                   \
	{                                                                              \
		block, directive, argument, text, NULL, error                          \
	}

static const struct trial trials[] = {
	GOOD("", "allocator", "SPEC", "allocator jemalloc+debug",
	     "allocator jemalloc+debug\n"),
	BAD("", "allocator", "SPEC", "allocator jemaloc",
	    "t.conf:1:11: error: unknown allocator \"jemaloc\""),
	GOOD("", "allocator", "KEY=VALUE", "allocator hybrid regions=heap",
	     "allocator hybrid,regions=heap\n"),
	GOOD("", "allocator", "KEY=VALUE", "allocator regions=heap jemalloc",
	     "allocator jemalloc,regions=heap\n"),
	BAD("", "allocator", "KEY=VALUE", "allocator hybrid regions=none",
	    "regions=none: bump or heap"),
	BAD("", "allocator", "KEY=VALUE", "allocator hybrid regions=\"heap,x\"",
	    "is not a setting"),
	GOOD("", "workers", "auto|N", "workers 17", "workers 17\n"),
	BAD("", "workers", "auto|N", "workers 0",
	    "t.conf:1:9: error: workers: 0 is out of range: it goes from 1 to 256"),
	BAD("", "workers", "auto|N", "workers 257", "out of range"),
	BAD("", "workers", "auto|N", "workers many",
	    "\"many\" is not a number or auto"),
	BAD("", "workers", "auto|N", "workers 4k", "\"4k\" is not a number or auto"),
	GOOD("", "user", "NAME", "user www-data", "user www-data\n"),
	BAD("", "user", "NAME", "user \"a b\"", "\"a b\" is not a name"),
	GOOD("", "pid_file", "FILE", "pid_file /run/x.pid", "pid_file /run/x.pid\n"),
	BAD("", "pid_file", "FILE", "pid_file \"\"", "pid_file: is empty"),
	GOOD("", "via", "NAME", "via edge", "via edge\n"),
	BAD("", "via", "NAME", "via \"a b\"", "cannot stand in a header field"),
	GOOD("", "forwarded", "replace|trust|drop", "forwarded trust",
	     "forwarded trust\n"),
	BAD("", "forwarded", "replace|trust|drop", "forwarded true",
	    "forwarded: unknown word \"true\"; did you mean \"trust\"?"),
	GOOD("", "tickets", "rotate", "tickets rotate=20m", "tickets rotate=20m\n"),
	BAD("", "tickets", "rotate", "tickets rotate=1s",
	    "1s is out of range: it goes from 10s to 168h"),
	BAD("", "tickets", "rotate", "tickets", "tickets lacks its rotate="),
	GOOD("", "metrics", "ADDR", "metrics [::1]:9180", "metrics [::1]:9180\n"),
	BAD("", "metrics", "ADDR", "metrics localhost:80",
	    "\"localhost:80\" is not an address"),
	GOOD("", "admin", "unix:PATH", "admin \"unix:/a b\"", "admin \"unix:/a b\"\n"),
	GOOD("", "admin", "unix:PATH", "admin unix:/run/a.sock",
	     "admin unix:/run/a.sock\n"),
	BAD("", "admin", "unix:PATH", "admin 127.0.0.1:1",
	    "is not the address of a unix socket"),
	GOOD("", "log access", "access", "log access -", "log access - "),
	GOOD("", "log access", "FILE", "log access /a.log", "log access /a.log "),
	BAD("", "log access", "FILE", "log access", "log access lacks its FILE"),
	GOOD("", "log access", "format", "log access - format=json",
	     "log access - format=json\n"),
	GOOD("", "log access", "format", "log access - format=memory",
	     "log access - format=memory\n"),
	BAD("", "log access", "format", "log access - format=jsn",
	    "log access format=: unknown word \"jsn\"; did you mean \"json\"?"),
	BAD("", "log access", "access", "log acess -",
	    "unknown log \"acess\"; did you mean \"access\"?"),
	BAD("", "log access", "access", "log",
	    "log must be followed by \"access\" or \"error\""),
	GOOD("", "log error", "error", "log error /e", "log error /e level=notice\n"),
	GOOD("", "log error", "FILE", "log error /e.log", "log error /e.log "),
	BAD("", "log error", "FILE", "log error level=info",
	    "log error lacks its FILE"),
	GOOD("", "log error", "level", "log error - level=debug", "level=debug\n"),
	BAD("", "log error", "level", "log error - level=warning",
	    "did you mean \"warn\"?"),

	GOOD("", "listen", "ADDR", "listen :81", "listen :81 backlog=511\n"),
	GOOD("", "listen", "ADDR", "listen unix:/a", "listen unix:/a backlog"),
	BAD("", "listen", "ADDR", "listen 81", "listen: \"81\" is not an address"),
	BAD("", "listen", "ADDR", "listen", "listen lacks its ADDR"),
	GOOD("", "listen", "tls", "listen :81 tls cert=/c key=/k",
	     "listen :81 tls cert=/c key=/k "),
	BAD("", "listen", "tls", "listen :81 tls",
	    "listen with tls lacks a certificate"),
	GOOD("", "listen", "cert", "listen :81 cert=/c tls", "cert=/c key=/c "),
	BAD("", "listen", "cert", "listen :81 cert=/c", "cert= works with tls only"),
	GOOD("", "listen", "key", "listen :81 key=/k cert=/c tls", "key=/k "),
	BAD("", "listen", "key", "listen :81 tls key=/k", "key= without cert="),
	GOOD("", "listen", "backlog", "listen :81 backlog=7", "backlog=7\n"),
	BAD("", "listen", "backlog", "listen :81 backlog=0", "out of range"),
	GOOD("", "listen", "min_version", "listen :81 tls cert=/c min_version=1.3",
	     " min_version=1.3 "),
	BAD("", "listen", "min_version", "listen :81 tls cert=/c min_version=1.1",
	    "listen min_version=: unknown word \"1.1\""),
	GOOD("", "listen", "ciphers", "listen :81 tls cert=/c ciphers=HIGH",
	     " ciphers=HIGH "),
	BAD("", "listen", "ciphers", "listen :81 ciphers=HIGH",
	    "ciphers= works with tls only"),
	GOOD("", "listen", "suites", "listen :81 tls cert=/c suites=TLS_X",
	     " suites=TLS_X "),
	BAD("", "listen", "suites",
	    "listen :81 tls cert=/c suites=", "suites=: is empty"),
	GOOD("", "listen", "h1", "listen :81 tls cert=/c h1=off", " h1=off h2=on "),
	BAD("", "listen", "h1", "listen :81 tls cert=/c h1=no",
	    "\"no\" is neither on nor off"),
	GOOD("", "listen", "h2", "listen :81 tls cert=/c h2=off", " h1=on h2=off "),
	BAD("", "listen", "h2", "listen :81 tls cert=/c h1=off h2=off",
	    "listen with h1=off and h2=off serves nobody"),
	GOOD("", "listen", "tickets", "listen :81 tls cert=/c tickets=off",
	     " tickets=off "),
	BAD("", "listen", "tickets", "listen :81 tickets=on", "works with tls only"),
	GOOD("", "listen", "release_buffers",
	     "listen :81 tls cert=/c release_buffers=off", " release_buffers=off\n"),
	BAD("", "listen", "release_buffers", "listen :81 release_buffers=off",
	    "works with tls only"),
	GOOD("listen", "cert", "FILE", "cert /a; cert /b",
	     "{\n\tcert /a key=/a\n\tcert /b key=/b\n}\n"),
	GOOD("listen", "cert", "FILE", "cert /a", "tls cert=/a key=/a "),
	GOOD("listen", "cert", "key", "cert /a key=/k; cert /b", "\tcert /a key=/k\n"),
	BAD("listen", "cert", "FILE", "cert key=/k", "cert lacks its FILE"),

	GOOD("", "route", "PREFIX", "route /a u", "route /a u\n"),
	BAD("", "route", "PREFIX", "route a u", "\"a\" does not start with \"/\""),
	BAD("", "route", "PREFIX", "route /a?b u", "\"/a?b\" holds a \"?\""),
	GOOD("", "route", "UPSTREAM", "route /b u", "route /b u\n"),
	BAD("", "route", "UPSTREAM", "route /b", "route lacks its UPSTREAM"),
	BAD("", "route", "UPSTREAM", "route /b w",
	    "t.conf:1:10: error: route to unknown upstream \"w\""),
	GOOD("", "route", "host", "route host=A.Example / u",
	     "route host=a.example / u\n"),
	GOOD("", "route", "host", "route / u host=*.x", "route host=*.x / u\n"),
	BAD("", "route", "host", "route host=x:80 / u", "\"x:80\" is not a host"),
	BAD("", "route", "host", "route host=a.*.b / u", "is not a host"),

	GOOD("", "upstream", "NAME", "upstream a-b.c { server 127.0.0.1:1 }",
	     "upstream a-b.c {\n"),
	BAD("", "upstream", "NAME", "upstream a/b { server 127.0.0.1:1 }",
	    "\"a/b\" is not a name"),
	BAD("", "upstream", "NAME", "upstream a { }", "upstream \"a\" has no server"),
	BAD("", "upstream", "NAME", "upstream a", "upstream lacks its block"),
	GOOD("upstream", "server", "ADDR|HOST:PORT", "server [::1]:2",
	     "\tserver [::1]:2 weight=1 proto=h1\n"),
	GOOD("upstream", "server", "ADDR|HOST:PORT", "server unix:/s",
	     "\tserver unix:/s "),
	GOOD("upstream", "server", "ADDR|HOST:PORT", "server a.b-c:3",
	     "\tserver a.b-c:3 "),
	BAD("upstream", "server", "ADDR|HOST:PORT", "server localhost",
	    "\"localhost\" lacks a port"),
	BAD("upstream", "server", "ADDR|HOST:PORT", "server localhost:x",
	    "a port that is not one of 1 to 65535"),
	BAD("upstream", "server", "ADDR|HOST:PORT", "server a:0", "not one of"),
	BAD("upstream", "server", "ADDR|HOST:PORT", "server a:65536", "not one of"),
	BAD("upstream", "server", "ADDR|HOST:PORT", "server :80",
	    "\":80\" does not say on which host"),
	BAD("upstream", "server", "ADDR|HOST:PORT", "server 127.0.0.1:0",
	    "lacks a port"),
	BAD("upstream", "server", "ADDR|HOST:PORT", "server http://a:80",
	    "is neither an address nor a host"),
	GOOD("upstream", "server", "weight", "server a:1 weight=1000", " weight=1000 "),
	BAD("upstream", "server", "weight", "server a:1 weight=1001",
	    "server weight=: 1001 is out of range: it goes from 1 to 1000"),
	GOOD("upstream", "server", "proto", "server a:1 proto=h2c", " proto=h2c\n"),
	GOOD("upstream", "server", "proto", "server a:1 proto=h2",
	     " proto=h2 tls verify=on\n"),
	BAD("upstream", "server", "proto", "server a:1 proto=h2cc",
	    "unknown protocol \"h2cc\"; did you mean \"h2c\"?"),
	BAD("upstream", "server", "proto", "server a:1 tls proto=h2c",
	    "proto=h2c is HTTP/2 without TLS, but tls was asked for"),
	GOOD("upstream", "server", "tls", "server a:1 tls",
	     " proto=h1 tls verify=on\n"),
	BAD("upstream", "server", "tls", "server a:1 tl",
	    "unknown word \"tl\" of server; did you mean \"tls\"?"),
	GOOD("upstream", "server", "verify", "server a:1 tls verify=off",
	     " verify=off\n"),
	BAD("upstream", "server", "verify", "server a:1 verify=off",
	    "verify= works with tls only"),
	BAD("upstream", "server", "verify", "server unix:/s tls",
	    "has no name that its certificate could have"),
	GOOD("upstream", "server", "ca", "server a:1 tls ca=/ca.pem", " ca=/ca.pem\n"),
	BAD("upstream", "server", "ca", "server a:1 ca=/ca.pem",
	    "ca= works with tls only"),
	GOOD("upstream", "server", "sni", "server unix:/s tls sni=a.b", " sni=a.b\n"),
	BAD("upstream", "server", "sni", "server a:1 tls sni=a:b",
	    "server sni=: \"a:b\" is not a name"),
	GOOD("upstream", "server", "backup", "server a:1 backup", " backup\n"),
	BAD("upstream", "server", "backup", "server a:1 backup backup",
	    "\"backup\" is given twice"),
	GOOD("upstream", "balance", "round_robin|least_requests",
	     "balance least_requests", "\tbalance least_requests\n"),
	BAD("upstream", "balance", "round_robin|least_requests", "balance random",
	    "balance: unknown word \"random\""),
	GOOD("upstream", "connect_timeout", "TIME", "connect_timeout 50ms",
	     "\tconnect_timeout 50ms\n"),
	BAD("upstream", "connect_timeout", "TIME", "connect_timeout 0",
	    "0 is out of range: it goes from 1ms to 1h"),
	GOOD("upstream", "response_timeout", "TIME", "response_timeout 2h",
	     "\tresponse_timeout 2h\n"),
	BAD("upstream", "response_timeout", "TIME", "response_timeout 25h",
	    "out of range"),
	GOOD("upstream", "idle_timeout", "TIME", "idle_timeout 90s",
	     "\tidle_timeout 90s\n"),
	BAD("upstream", "idle_timeout", "TIME", "idle_timeout 90",
	    "idle_timeout: \"90\" has no unit"),
	GOOD("upstream", "idle", "N", "idle 0", "\tidle 0\n"),
	BAD("upstream", "idle", "N", "idle -1", "\"-1\" is not a number"),
	GOOD("upstream", "streams", "N", "streams 9", "\tstreams 9\n"),
	BAD("upstream", "streams", "N", "streams 0", "out of range"),
	GOOD("upstream", "max_fails", "N", "max_fails 0", "\tmax_fails 0\n"),
	BAD("upstream", "max_fails", "N", "max_fails 1001", "out of range"),
	GOOD("upstream", "fail_timeout", "TIME", "fail_timeout 3s",
	     "\tfail_timeout 3s\n"),
	BAD("upstream", "fail_timeout", "TIME", "fail_timeout 3d",
	    "\"3d\" has an unknown unit"),
	GOOD("upstream", "retries", "N", "retries 16", "\tretries 16\n"),
	BAD("upstream", "retries", "N", "retries 17", "out of range"),
	GOOD("upstream", "check", "GET", "check GET /", "\tcheck GET / every=2s"),
	BAD("upstream", "check", "GET", "check HEAD /", "unknown word \"HEAD\""),
	GOOD("upstream", "check", "PATH", "check GET /a?b", "\tcheck GET /a?b "),
	BAD("upstream", "check", "PATH", "check GET x", "does not start with"),
	GOOD("upstream", "check", "every", "check GET / every=500ms", " every=500ms "),
	BAD("upstream", "check", "every", "check GET / every=5",
	    "check every=: \"5\" has no unit"),
	GOOD("upstream", "check", "fall", "check GET / fall=9", " fall=9 "),
	BAD("upstream", "check", "fall", "check GET / fall=0", "out of range"),
	GOOD("upstream", "check", "rise", "check GET / rise=9", " rise=9\n"),
	BAD("upstream", "check", "rise", "check GET / rise=101", "out of range"),

	GOOD("limits", "connections", "N", "connections 5", "\tconnections 5\n"),
	BAD("limits", "connections", "N", "connections 5k", "\"5k\" is not a number"),
	GOOD("limits", "client_connections", "N", "client_connections 5",
	     "\tclient_connections 5\n"),
	BAD("limits", "client_connections", "N", "client_connections 5k",
	    "\"5k\" is not a number"),
	GOOD("limits", "streams", "N", "streams 1", "\tstreams 1\n"),
	BAD("limits", "streams", "N", "streams 99999999999999999999",
	    "99999999999999999999 is too large"),
	GOOD("limits", "line_bytes", "SIZE", "line_bytes 4k", "\tline_bytes 4k\n"),
	BAD("limits", "line_bytes", "SIZE", "line_bytes 33k",
	    "line_bytes is more than header_bytes"),
	GOOD("limits", "header_bytes", "SIZE", "header_bytes 5000b",
	     "\tline_bytes 5000b\n\theader_bytes 5000b\n"),
	BAD("limits", "header_bytes", "SIZE", "header_bytes 5000",
	    "\"5000\" has no unit"),
	GOOD("limits", "headers", "N", "headers 10000", "\theaders 10000\n"),
	BAD("limits", "headers", "N", "headers 10001", "out of range"),
	GOOD("limits", "body_bytes", "SIZE", "body_bytes 5g", "\tbody_bytes 5g\n"),
	BAD("limits", "body_bytes", "SIZE", "body_bytes 16mb",
	    "\"16mb\" has an unknown unit"),
	BAD("limits", "body_bytes", "SIZE", "body_bytes 17179869184g",
	    "17179869184g is too large"),
	GOOD("limits", "stream_buffer_bytes", "SIZE", "stream_buffer_bytes 4k",
	     "\tstream_buffer_bytes 4k\n"),
	BAD("limits", "stream_buffer_bytes", "SIZE", "stream_buffer_bytes 4095b",
	    "4095b is out of range: it goes from 4k to 64m"),
	GOOD("limits", "window_bytes", "SIZE", "window_bytes 65535b",
	     "\twindow_bytes 65535b\n"),
	BAD("limits", "window_bytes", "SIZE", "window_bytes 2g", "out of range"),
	GOOD("limits", "handshake_timeout", "TIME", "handshake_timeout 1s",
	     "\thandshake_timeout 1s\n"),
	BAD("limits", "handshake_timeout", "TIME", "handshake_timeout s",
	    "\"s\" is not a time"),
	GOOD("limits", "header_timeout", "TIME", "header_timeout 1m",
	     "\theader_timeout 1m\n"),
	BAD("limits", "header_timeout", "TIME", "header_timeout 1 m",
	    "unknown word \"m\" of header_timeout"),
	GOOD("limits", "idle_timeout", "TIME", "idle_timeout 61s",
	     "\tidle_timeout 61s\n"),
	BAD("limits", "idle_timeout", "TIME", "idle_timeout 1.5s",
	    "\"1.5s\" has an unknown unit"),
	GOOD("limits", "stream_timeout", "TIME", "stream_timeout 1h",
	     "\tstream_timeout 1h\n"),
	BAD("limits", "stream_timeout", "TIME", "stream_timeout",
	    "stream_timeout lacks its TIME"),
	GOOD("limits", "tunnel_timeout", "TIME", "tunnel_timeout 3h",
	     "\ttunnel_timeout 3h\n"),
	BAD("limits", "tunnel_timeout", "TIME", "tunnel_timeout 3", "tunnel_timeout"),
	GOOD("limits", "drain_timeout", "TIME", "drain_timeout 0",
	     "\tdrain_timeout 0\n"),
	BAD("limits", "drain_timeout", "TIME", "drain_timeout 1h {}",
	    "drain_timeout takes no block"),
	GOOD("limits", "conn_buffer_bytes", "SIZE", "conn_buffer_bytes 0",
	     "\tconn_buffer_bytes 0\n"),
	BAD("limits", "conn_buffer_bytes", "SIZE", "conn_buffer_bytes 9",
	    "\"9\" has no unit"),
	GOOD("limits", "min_rate", "SIZE", "min_rate 1k", "\tmin_rate 1k\n"),
	BAD("limits", "min_rate", "SIZE", "min_rate", "min_rate lacks its SIZE"),
	GOOD("limits", "ping_timeout", "TIME", "ping_timeout 3s",
	     "\tping_timeout 3s\n"),
	BAD("limits", "ping_timeout", "TIME", "ping_timeout 99ms", "out of range"),
	GOOD("limits", "flood_burst", "UNITS", "flood_burst 0", "\tflood_burst 0\n"),
	BAD("limits", "flood_burst", "UNITS", "flood_burst 1k",
	    "\"1k\" is not a number"),
	GOOD("limits", "flood_rate", "UNITS", "flood_rate 20000",
	     "\tflood_rate 20000\n"),
	BAD("limits", "flood_rate", "UNITS", "flood_rate",
	    "flood_rate lacks its UNITS"),
	GOOD("experiment", "arm", "NAME", "arm a", "\tarm a weight=1 workers="),
	BAD("experiment", "arm", "NAME", "arm \"a b\"", "\"a b\" is not a name"),
	BAD("experiment", "arm", "NAME", "arm y",
	    "t.conf:1:25: error: arm \"y\" is there twice"),
	BAD("experiment", "arm", "NAME", "arm weight=2", "arm lacks its NAME"),
	GOOD("experiment", "arm", "allocator",
	     "arm a allocator=hybrid+debug,regions=heap",
	     "arm a allocator=hybrid+debug,regions=heap weight=1 "),
	BAD("experiment", "arm", "allocator", "arm a allocator=jemaloc",
	    "t.conf:1:30: error: unknown allocator \"jemaloc\""),
	GOOD("experiment", "arm", "weight", "arm a weight=0", "arm a weight=0 "),
	GOOD("", "error_page", "CODE", "error_page 502 504 503 /x/5.html",
	     "error_page 502 504 503 /x/5.html\n"),
	BAD("", "error_page", "CODE", "error_page 502 399 /x.html",
	    "t.conf:1:16: error: error_page: \"399\" is not the code of an error"),
	BAD("", "error_page", "CODE", "error_page 600 /x.html", "codes are 400 to 599"),
	BAD("", "error_page", "CODE", "error_page 5xx /x.html", "\"5xx\" is not"),
	BAD("", "error_page", "CODE", "error_page 502 404 502 /x.html",
	    "502 is given twice"),
	BAD("", "error_page", "CODE", "error_page /x.html",
	    "usage: error_page CODE... FILE"),
	BAD("", "error_page", "CODE",
	    "error_page 400 401 402 403 404 405 406 407 408 409 410 411 412 413 414 "
	    "415 416 417 418 419 420 421 422 423 424 425 426 427 428 429 430 431 432 "
	    "/x.html",
	    "more than 32 codes in a line"),
	GOOD("", "error_page", "FILE", "error_page 404 /x.JSON",
	     "error_page 404 /x.JSON\n"),
	BAD("", "error_page", "FILE", "error_page 502 503",
	    "the name \"503\" does not tell its type"),
	BAD("", "error_page", "FILE", "error_page 502 /x.exe", "it must end in .html"),
	BAD("", "error_page", "FILE",
	    "error_page 502 503 /x.html; error_page 504 503 /y.txt",
	    "503 has another error page"),
	BAD("", "error_page", "FILE",
	    "error_page 502 /x.json; error_page 502 /x.html; error_page 502 /y.json",
	    "502 has another JSON page"),
	BAD("experiment", "arm", "weight", "arm a weight=1000001", "out of range"),
	GOOD("experiment", "arm", "workers", "arm a workers=7", " workers=7\n"),
	BAD("experiment", "arm", "workers", "arm a workers=0", "out of range"),
	GOOD("experiment", "assign", "random|client_ip", "assign client_ip",
	     "\tassign client_ip\n"),
	BAD("experiment", "assign", "random|client_ip", "assign clientip",
	    "did you mean \"client_ip\"?"),
	GOOD("experiment", "guard", "error_ratio|p99|rss", "guard rss <= 600m",
	     "guard rss <= 600m breaches=3 of=5\n"),
	BAD("experiment", "guard", "error_ratio|p99|rss", "guard p50 <= 1s",
	    "did you mean \"p99\"?"),
	GOOD("experiment", "guard", "<=", "guard p99 <= 50ms", "guard p99 <= 50ms "),
	BAD("experiment", "guard", "<=", "guard p99 < 50ms", "unknown word \"<\""),
	GOOD("experiment", "guard", "LIMIT", "guard error_ratio <= 0.5%",
	     "guard error_ratio <= 0.5% "),
	GOOD("experiment", "guard", "LIMIT", "guard p99 <= 1.25x",
	     "guard p99 <= 1.25x "),
	BAD("experiment", "guard", "LIMIT", "guard p99 <= 600m",
	    "p99 cannot be measured by \"600m\""),
	BAD("experiment", "guard", "LIMIT", "guard error_ratio <= 2x",
	    "error_ratio cannot be measured by \"2x\""),
	BAD("experiment", "guard", "LIMIT", "guard rss <= 0x", "\"0x\" is not a limit"),
	BAD("experiment", "guard", "LIMIT", "guard rss <= 1.2.3x",
	    "\"1.2.3x\" is not a limit"),
	BAD("experiment", "guard", "LIMIT", "guard rss <= 12", "is not a limit"),
	GOOD("experiment", "guard", "breaches", "guard rss <= 2x breaches=1",
	     "guard rss <= 2x breaches=1 of=5\n"),
	BAD("experiment", "guard", "breaches", "guard rss <= 2x breaches=6",
	    "breaches=6 is more than of=5"),
	GOOD("experiment", "guard", "of", "guard rss <= 2x of=32", "of=32\n"),
	BAD("experiment", "guard", "of", "guard rss <= 2x of=33", "out of range"),
	GOOD("experiment", "interval", "TIME", "interval 1s", "\tinterval 1s\n"),
	BAD("experiment", "interval", "TIME", "interval 999ms", "out of range"),
	GOOD("experiment", "header", "on|off", "header on", "\theader on\n"),
	BAD("experiment", "header", "on|off", "header yes",
	    "\"yes\" is neither on nor off"),
};

#define N_TRIALS (sizeof(trials) / sizeof(trials[0]))

/* The text in its block, with what a config needs around it. */
static void complete(char *to, size_t cap, const char *block, const char *text)
{
	if (strcmp(block, "upstream") == 0)
		snprintf(to, cap,
			 "upstream t { %s; server 127.0.0.1:9 }\nroute / u\n" REST_LESS,
			 text);
	else if (strcmp(block, "listen") == 0)
		snprintf(to, cap, "listen :444 tls { %s }\nroute / u\n" REST_LESS,
			 text);
	else if (strcmp(block, "experiment") == 0)
		snprintf(to, cap,
			 "experiment { %s; arm y; arm z }\nroute / u\n" REST_LESS,
			 text);
	else if (*block)
		snprintf(to, cap, "%s { %s }\nroute / u\n" REST_LESS, block, text);
	else if (strncmp(text, "route ", 6) == 0)
		snprintf(to, cap, "%s\n" REST_LESS, text);
	else
		snprintf(to, cap, "%s\nroute / u\n" REST_LESS, text);
}

START_TEST(an_argument_does_what_its_trial_says)
{
	const struct trial *r = &trials[_i];
	char text[1024];
	struct try t;

	complete(text, sizeof(text), r->block, r->text);
	try_text(&t, text);
	if (r->error) {
		ck_assert_ptr_null(t.s);
		ck_assert_msg(strstr(t.errors, r->error) != NULL,
			      "%s: wanted \"%s\", got:\n%s", r->text, r->error,
			      t.errors);
	} else {
		ck_assert_msg(t.s != NULL, "%s: %s", r->text, t.errors);
		ck_assert_msg(strstr(t.printed, r->printed) != NULL,
			      "%s: wanted \"%s\", got:\n%s", r->text, r->printed,
			      t.printed);
	}
	try_end(&t);
}
END_TEST

START_TEST(an_argument_is_not_there_without_its_trial)
{
	const struct trial *r = &trials[_i];
	struct try t;

	if (r->error)
		return;
	try_text(&t, "route / u\n" REST_LESS);
	ck_assert_ptr_nonnull(t.s);
	if (strncmp(r->text, "route ", 6) == 0 || strcmp(r->argument, "tls") == 0)
		ck_assert_str_eq(t.errors, "");
	else
		ck_assert_msg(strstr(t.printed, r->printed) == NULL,
			      "%s: \"%s\" is there anyway", r->text, r->printed);
	try_end(&t);
}
END_TEST

static unsigned int count_trials(const char *block, const char *title,
				 const char *argument, bool good)
{
	unsigned int n = 0;

	for (size_t i = 0; i < N_TRIALS; i++)
		n += strcmp(trials[i].block, block) == 0 &&
		     strcmp(trials[i].directive, title) == 0 &&
		     strcmp(trials[i].argument, argument) == 0 &&
		     !trials[i].error == good;
	return n;
}

/* Each argument, with what it does and with what it refuses. */
static void expect_trials(const char *block, const struct directive *d)
{
	char title[VALUE_TEXT_BYTES];

	directive_title(d, title);
	for (const struct argument *a = d->args; a->name; a++) {
		ck_assert_msg(count_trials(block, title, a->name, true) > 0,
			      "%s %s has no trial that is good", title, a->name);
		if (strcmp(a->name, "error") == 0 || strcmp(a->name, "key") == 0)
			continue;
		ck_assert_msg(count_trials(block, title, a->name, false) > 0,
			      "%s %s has no trial that is wrong", title, a->name);
	}
}

START_TEST(every_argument_of_every_directive_is_tested)
{
	static const enum block blocks[] = {BLOCK_TOP, BLOCK_LISTEN, BLOCK_UPSTREAM,
					    BLOCK_LIMITS, BLOCK_EXPERIMENT};
	unsigned int n = 0;

	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		const struct directive *d = NULL;

		while ((d = directive_next(blocks[i], d))) {
			expect_trials(block_name(blocks[i]), d);
			n++;
		}
	}
	while (directives[n].name)
		n++;
	ck_assert_uint_ge(n, 40);
	for (n = 0; directives[n].name; n++)
		ck_assert_msg(directives[n].blocks != 0, "%s stands nowhere",
			      directives[n].name);
}
END_TEST

START_TEST(every_trial_is_of_something_in_the_table)
{
	for (size_t i = 0; i < N_TRIALS; i++) {
		bool found = false;

		for (const struct directive *d = directives; d->name; d++) {
			char title[VALUE_TEXT_BYTES];

			directive_title(d, title);
			for (const struct argument *a = d->args; a->name; a++)
				found |= strcmp(title, trials[i].directive) == 0 &&
					 strcmp(a->name, trials[i].argument) == 0;
		}
		ck_assert_msg(found, "%s %s", trials[i].directive, trials[i].argument);
	}
}
END_TEST

START_TEST(every_directive_has_help_and_an_example_that_works)
{
	for (const struct directive *d = directives; d->name; d++) {
		char text[1024];
		struct try t;

		ck_assert_ptr_nonnull(d->help);
		ck_assert_ptr_nonnull(d->example);
		ck_assert(strncmp(d->example, d->name, strlen(d->name)) == 0);
		complete(text, sizeof(text), block_name((enum block)d->blocks),
			 d->example);
		if (strncmp(d->example, "route ", 6) == 0)
			strcat(text, "upstream app { server 127.0.0.1:3 }\n");
		try_text(&t, text);
		ck_assert_msg(t.s != NULL, "%s", t.errors);
		try_end(&t);
	}
}
END_TEST

START_TEST(every_default_is_in_its_range)
{
	for (const struct directive *d = directives; d->name; d++) {
		for (const struct argument *a = d->args; a->name; a++) {
			uint64_t to[64] = {0};
			struct value_in in = {.arg = a, .text = a->fallback, .dir = ""};

			if (!a->fallback || !a->type->number)
				continue;
			ck_assert_msg(a->type->parse(&in, to), "%s %s: %s", d->name,
				      a->name, in.reason);
		}
	}
}
END_TEST

START_TEST(every_argument_that_is_kept_has_room_in_its_struct)
{
	for (const struct directive *d = directives; d->name; d++) {
		unsigned int n = 0;

		for (const struct argument *a = d->args; a->name; a++, n++)
			if (a->type->number)
				ck_assert_uint_gt(a->size, 0);
		ck_assert_uint_le(n, DIRECTIVE_MAX_ARGS);
	}
}
END_TEST

START_TEST(usage_lines_show_what_may_be_left_out)
{
	char usage[512];

	directive_usage(directive_find(BLOCK_UPSTREAM, "server", NULL), usage,
			sizeof(usage));
	ck_assert_str_eq(usage, "server ADDR|HOST:PORT [weight=N] [proto=h1|h2c|h2] "
				"[tls] [verify=on|off] [ca=FILE] [sni=HOST] [backup]");
	directive_usage(directive_find(BLOCK_TOP, "limits", NULL), usage,
			sizeof(usage));
	ck_assert_str_eq(usage, "limits { ... }");
	directive_usage(directive_find(BLOCK_TOP, "tickets", NULL), usage,
			sizeof(usage));
	ck_assert_str_eq(usage, "tickets rotate=TIME");
}
END_TEST

START_TEST(a_name_may_mean_different_things_in_different_blocks)
{
	const struct directive *up = directive_find(BLOCK_UPSTREAM, "streams", NULL);
	const struct directive *limits = directive_find(BLOCK_LIMITS, "streams", NULL);

	ck_assert_ptr_nonnull(up);
	ck_assert_ptr_nonnull(limits);
	ck_assert_ptr_ne(up, limits);
	ck_assert_ptr_null(directive_find(BLOCK_TOP, "streams", NULL));
	ck_assert_ptr_null(directive_find(BLOCK_TOP, "log", NULL));
	ck_assert_ptr_null(directive_find(BLOCK_TOP, "log", "x"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("directive");
	TCase *t = tcase_create("directive");

	tcase_add_checked_fixture(t, choose_system, NULL);
	tcase_add_loop_test(t, an_argument_does_what_its_trial_says, 0, N_TRIALS);
	tcase_add_loop_test(t, an_argument_is_not_there_without_its_trial, 0, N_TRIALS);
	tcase_add_test(t, every_argument_of_every_directive_is_tested);
	tcase_add_test(t, every_trial_is_of_something_in_the_table);
	tcase_add_test(t, every_directive_has_help_and_an_example_that_works);
	tcase_add_test(t, every_default_is_in_its_range);
	tcase_add_test(t, every_argument_that_is_kept_has_room_in_its_struct);
	tcase_add_test(t, usage_lines_show_what_may_be_left_out);
	tcase_add_test(t, a_name_may_mean_different_things_in_different_blocks);
	suite_add_tcase(s, t);
	return run_suite(s);
}
