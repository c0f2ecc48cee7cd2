#include "h1_corpus.h"

#define H   "Host: a\r\n"
#define TE  "Transfer-Encoding: chunked\r\n"
#define R1  "HTTP/1.1 200 OK\r\n"
#define REQ "POST / HTTP/1.1\r\n" H

#define Q(name, bytes)                                                                 \
	{                                                                              \
		name, {bytes, sizeof(bytes) - 1}, METHOD_OTHER                         \
	}
#define A(name, method, bytes)                                                         \
	{                                                                              \
		name, {bytes, sizeof(bytes) - 1}, METHOD_##method                      \
	}

/* clang-format off */
const struct h1_sample h1_requests[] = {
	Q("get", "GET / HTTP/1.1\r\n" H "\r\n"),
	Q("browser", "GET /a/b?c=d&e=%20f HTTP/1.1\r\nHost: example.org:8443\r\n"
	  "User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: text/html,*/*;q=0.8\r\n"
	  "Accept-Language: de,en;q=0.5\r\nCookie: a=b; c=\"d\"\r\n"
	  "Connection: keep-alive\r\nUpgrade-Insecure-Requests: 1\r\n\r\n"),
	Q("one-zero", "GET / HTTP/1.0\r\n\r\n"),
	Q("one-zero-keep", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
	Q("close", "GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n"),
	Q("length", REQ "Content-Length: 5\r\n\r\nhello"),
	Q("length-zero", REQ "Content-Length: 0\r\n\r\n"),
	Q("length-twice", REQ "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
	Q("length-differs", REQ "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"),
	Q("length-list", REQ "Content-Length: 5, 5\r\n\r\nhello"),
	Q("length-signed", REQ "Content-Length: +5\r\n\r\nhello"),
	Q("length-huge", REQ "Content-Length: 99999999999999999999\r\n\r\nhello"),
	Q("length-short", REQ "Content-Length: 10\r\n\r\nhello"),
	Q("chunked", REQ TE "\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"),
	Q("chunked-empty", REQ TE "\r\n0\r\n\r\n"),
	Q("chunked-trailers", REQ TE "Trailer: x\r\n\r\n5\r\nhello\r\n0\r\nx: y\r\n"
	  "Grpc-Status: 0\r\n\r\n"),
	Q("chunked-extensions", REQ TE "\r\n5;a=b;c=\"d e\"\r\nhello\r\n0;f\r\n\r\n"),
	Q("chunked-bad-size", REQ TE "\r\n5x\r\nhello\r\n0\r\n\r\n"),
	Q("chunked-overflow", REQ TE "\r\nfffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
	Q("chunked-long-data", REQ TE "\r\n5\r\nhello!\r\n0\r\n\r\n"),
	Q("chunked-bare-lf", REQ TE "\r\n5\nhello\n0\n\n"),
	Q("chunked-lf-extension", REQ TE "\r\n5;a\nhello\r\n0\r\n\r\n"),
	Q("chunked-trailer-length", REQ TE "\r\n0\r\nContent-Length: 5\r\n\r\n"),
	Q("chunked-trailer-fold", REQ TE "\r\n0\r\nx: y\r\n z\r\n\r\n"),
	Q("chunked-one-zero", "POST / HTTP/1.0\r\n" TE "\r\n0\r\n\r\n"),
	Q("cl-te", REQ "Content-Length: 5\r\n" TE "\r\n0\r\n\r\n"),
	Q("te-cl", REQ TE "Content-Length: 5\r\n\r\n0\r\n\r\n"),
	Q("te-te", REQ TE "Transfer-Encoding: cow\r\n\r\n0\r\n\r\n"),
	Q("te-unknown", REQ "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
	Q("te-gzip", REQ "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
	Q("te-space", REQ "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
	Q("te-tab", REQ "Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n"),
	Q("te-vertical-tab", REQ "Transfer-Encoding: \x0b" "chunked\r\n\r\n0\r\n\r\n"),
	Q("te-folded", REQ "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"),
	Q("te-quoted", REQ "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),
	Q("te-list-end", REQ "Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n"),
	Q("expect", "PUT /x HTTP/1.1\r\n" H
	  "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nab"),
	Q("expect-other", REQ "Expect: x\r\n\r\n"),
	Q("upgrade", "GET /ws HTTP/1.1\r\n" H "Connection: Upgrade\r\n"
	  "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
	  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"),
	Q("upgrade-h2c", "GET / HTTP/1.1\r\n" H "Connection: Upgrade, HTTP2-Settings\r\n"
	  "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"),
	Q("absolute", "GET http://b/c?d HTTP/1.1\r\nHost: b\r\n\r\n"),
	Q("absolute-other-host", "GET http://b/c HTTP/1.1\r\n" H "\r\n"),
	Q("absolute-query", "GET http://b?d HTTP/1.1\r\nHost: b\r\n\r\n"),
	Q("absolute-userinfo", "GET http://u@b/ HTTP/1.1\r\nHost: b\r\n\r\n"),
	Q("connect", "CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n"),
	Q("options", "OPTIONS * HTTP/1.1\r\n" H "\r\n"),
	Q("fragment", "GET /a#b HTTP/1.1\r\n" H "\r\n"),
	Q("path-high-byte", "GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n"),
	Q("path-space", "GET /a b HTTP/1.1\r\n" H "\r\n"),
	Q("no-host", "GET / HTTP/1.1\r\n\r\n"),
	Q("two-hosts", "GET / HTTP/1.1\r\n" H "Host: b\r\n\r\n"),
	Q("bad-host", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
	Q("empty-host", "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
	Q("one-two", "GET / HTTP/1.2\r\n" H "\r\n"),
	Q("two-zero", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
	Q("nine", "GET /\r\n"),
	Q("bare-lf", "GET / HTTP/1.1\nHost: a\n\n"),
	Q("bare-cr", "GET / HTTP/1.1\r\n" H "X: a\rY: b\r\n\r\n"),
	Q("cr-first", "\rGET / HTTP/1.1\r\n" H "\r\n"),
	Q("empty-line-first", "\r\nGET / HTTP/1.1\r\n" H "\r\n"),
	Q("two-empty-lines-first", "\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n"),
	Q("folded", "GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n"),
	Q("space-first-field", "GET / HTTP/1.1\r\n X: a\r\n" H "\r\n"),
	Q("empty-name", "GET / HTTP/1.1\r\n" H ": a\r\n\r\n"),
	Q("no-colon", "GET / HTTP/1.1\r\n" H "abc\r\n\r\n"),
	Q("nul", "GET / HTTP/1.1\r\n" H "x: a\0b\r\n\r\n"),
	Q("tls", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
	Q("pipelined", "GET /1 HTTP/1.1\r\n" H "\r\nGET /2 HTTP/1.1\r\n" H "\r\n"),
	Q("smuggled", REQ "Content-Length: 0\r\n\r\nGET /2 HTTP/1.1\r\n" H "\r\n"),
	Q("odd-method", "M-SEARCH * HTTP/1.1\r\n" H "\r\n"),
	Q("te-trailers", REQ "TE: trailers\r\nConnection: te, x-y\r\nX-Y: z\r\n"
	  "Content-Length: 1\r\n\r\nx"),
};
const size_t n_h1_requests = sizeof(h1_requests) / sizeof(h1_requests[0]);

const struct h1_sample h1_responses[] = {
	A("length", GET, R1 "Content-Length: 5\r\n\r\nhello"),
	A("length-more", GET, R1 "Content-Length: 5\r\n\r\nhello, world"),
	A("length-short", GET, R1 "Content-Length: 5\r\n\r\nhell"),
	A("length-zero", GET, R1 "Content-Length: 0\r\n\r\n"),
	A("length-twice", GET, R1 "Content-Length: 1\r\nContent-Length: 1\r\n\r\na"),
	A("length-differs", GET, R1 "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
	A("typical", GET, R1 "Server: nginx/1.22.1\r\n"
	  "Date: Sun, 22 Nov 2026 12:00:00 GMT\r\nContent-Type: text/html\r\n"
	  "Content-Length: 5\r\nLast-Modified: Sat, 21 Nov 2026 12:00:00 GMT\r\n"
	  "Connection: keep-alive\r\nETag: \"65-5\"\r\nAccept-Ranges: bytes\r\n\r\nhello"),
	A("chunked", GET, R1 TE "\r\n5\r\nhello\r\n0\r\n\r\n"),
	A("chunked-trailers", POST, R1 TE "Trailer: x\r\n\r\n3;a=b\r\nabc\r\n0\r\n"
	  "Grpc-Status: 0\r\nGrpc-Message: OK\r\n\r\n"),
	A("chunked-short", GET, R1 TE "\r\n5\r\nhel"),
	A("chunked-bad", GET, R1 TE "\r\nx\r\nhel"),
	A("until-close", GET, R1 "\r\nall there is"),
	A("until-close-one-zero", GET, "HTTP/1.0 200 OK\r\n\r\nall there is"),
	A("one-zero-keep", GET, "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n"
	  "Content-Length: 1\r\n\r\na"),
	A("one-zero-chunked", GET, "HTTP/1.0 200 OK\r\n" TE "\r\n0\r\n\r\n"),
	A("head", HEAD, R1 "Content-Length: 5\r\n\r\n"),
	A("head-with-body", HEAD, R1 "Content-Length: 5\r\n\r\nhello"),
	A("not-modified", GET, "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n"),
	A("no-content", GET, "HTTP/1.1 204 No Content\r\n\r\n"),
	A("no-content-length", GET, "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"),
	A("no-content-chunked", GET, "HTTP/1.1 204 No Content\r\n" TE "\r\n0\r\n\r\n"),
	A("continue", POST, "HTTP/1.1 100 Continue\r\n\r\n" R1 "Content-Length: 0\r\n\r\n"),
	A("early-hints", GET, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
	A("switch-unasked", GET, "HTTP/1.1 101 Switching Protocols\r\n"
	  "Connection: upgrade\r\nUpgrade: websocket\r\n\r\nabc"),
	A("connect", CONNECT, R1 "\r\nabc"),
	A("connect-refused", CONNECT, "HTTP/1.1 403 \r\nContent-Length: 1\r\n\r\na"),
	A("cl-te", GET, R1 "Content-Length: 5\r\n" TE "\r\n0\r\n\r\n"),
	A("te-gzip", GET, R1 "Transfer-Encoding: gzip\r\n\r\nabc"),
	A("no-reason", GET, "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"),
	A("empty-reason", GET, "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"),
	A("status-short", GET, "HTTP/1.1 20 OK\r\n\r\n"),
	A("status-999", GET, "HTTP/1.1 999 OK\r\n\r\n"),
	A("one-two", GET, "HTTP/1.2 200 OK\r\n\r\n"),
	A("two", GET, "HTTP/2 200 OK\r\n\r\n"),
	A("icy", GET, "ICY 200 OK\r\n\r\n"),
	A("bare-lf", GET, "HTTP/1.1 200 OK\nContent-Length: 0\n\n"),
	A("folded", GET, R1 "A: b\r\n c\r\nContent-Length: 0\r\n\r\n"),
	A("split", GET, R1 "A: b\r\rSet-Cookie: x\r\nContent-Length: 0\r\n\r\n"),
	A("space-colon", GET, R1 "Content-Length : 0\r\n\r\n"),
	A("empty-line-first", GET, "\r\n" R1 "Content-Length: 0\r\n\r\n"),
	A("two-responses", GET, R1 "Content-Length: 1\r\n\r\na" R1
	  "Content-Length: 1\r\n\r\nb"),
	A("set-cookies", GET, R1 "Set-Cookie: a\r\nSet-Cookie: b\r\n"
	  "Content-Length: 0\r\n\r\n"),
};
const size_t n_h1_responses = sizeof(h1_responses) / sizeof(h1_responses[0]);
