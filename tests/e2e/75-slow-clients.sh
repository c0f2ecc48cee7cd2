#!/usr/bin/env bash
# Clients that take their time: each is sent away within its timeout, and is
# counted.
. "$(dirname "$0")/lib.sh"

need openssl
start_backend
ports
cert
conf <<-CONF
	workers 1
	listen 127.0.0.1:$PORT tls cert=$CERT key=$KEY
	listen 127.0.0.1:$CLEAR
	route / app
	upstream app { server 127.0.0.1:$BACKEND_PORT }
	limits {
		handshake_timeout 1s; header_timeout 1s; idle_timeout 2s
		stream_timeout 2s; min_rate 1k
	}
	metrics 127.0.0.1:$METRICS
CONF
start_heapgate

# slow PORT REASON: the script on stdin has a socket s; heapgate must end it
# within 6 s and count it.
slow() {
	local before
	before=$(metric "heapgate_rejected_total.*\"$2\"")
	{
		cat <<-'EOT'
			import select, socket, struct, sys, time
			import h2
			from h2 import *
			PORT = int(sys.argv[1])
			s = socket.create_connection(("127.0.0.1", PORT), 10)
			HEAD = h2.request("/name", "x", scheme="http")
			BIG = h2.request("/bytes/10000000", "x", scheme="http")
			POST = h2.request("/sum", "x", "POST", "http",
			                  [("content-length", "1000000")])
			HELLO = h2.PREFACE + h2.settings([]) + frame(SETTINGS, ACK, 0)
			began = time.time()
			def drip(one, wait):
			    "one() again and again until the other side has closed"
			    while True:
			        assert time.time() - began < 6, "still open"
			        try:
			            if one:
			                s.sendall(one())
			            time.sleep(wait)
			            if select.select([s], [], [], 0)[0] and not s.recv(65536):
			                break
			        except OSError:
			            break
			    print("closed after %.1f s" % (time.time() - began))
		EOT
		cat
	} >script.py
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$TOP/tests python3 script.py "$1" ||
		flunk "$2"
	at_least "$(metric "heapgate_rejected_total.*\"$2\"")" $((before + 1)) "$2"
}

it "a TLS handshake that does not begin"
slow "$PORT" handshake_timeout <<<'drip(None, 0.2)'
it "a TLS handshake that stops in its first record"
slow "$PORT" handshake_timeout <<<'
s.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
drip(None, 0.2)'
it "a TLS handshake byte by byte"
slow "$PORT" handshake_timeout <<<'
it = iter(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(1000))
drip(lambda: bytes([next(it)]), 0.1)'
it "cleartext that says nothing"
slow "$CLEAR" handshake_timeout <<<'drip(None, 0.2)'
it "a preface that stops"
slow "$CLEAR" header_timeout <<<'
s.sendall(PREFACE[:10])
drip(None, 0.2)'
it "a preface and no SETTINGS"
slow "$CLEAR" header_timeout <<<'
s.sendall(PREFACE)
drip(None, 0.2)'
it "a preface byte by byte"
slow "$CLEAR" header_timeout <<<'
it = iter(PREFACE + h2.settings([(1, 2)] * 30))
drip(lambda: bytes([next(it)]), 0.1)'
it "HTTP/2 headers without their end"
slow "$CLEAR" header_timeout <<<'
s.sendall(HELLO + frame(HEADERS, END_STREAM, 1, HEAD))
drip(None, 0.2)'
it "an HTTP/2 header block byte by byte"
slow "$CLEAR" header_timeout <<<'
s.sendall(HELLO)
it = iter(frame(HEADERS, 5, 1, HEAD + block([("x", "y" * 100)])))
drip(lambda: bytes([next(it)]), 0.1)'
it "HTTP/1 headers byte by byte"
slow "$CLEAR" header_timeout <<<'
it = iter(b"GET /name HTTP/1.1\r\nhost: " + b"x" * 1000)
drip(lambda: bytes([next(it)]), 0.1)'
it "an HTTP/2 body that stops"
slow "$CLEAR" slow <<<'
s.sendall(HELLO + frame(HEADERS, END_HEADERS, 1, POST) + frame(DATA, 0, 1, b"x"))
def one():
    raise OSError if time.time() - began > 5.5 else BlockingIOError
data = b""
while b"\x00\x00\x04\x03" not in data and b"408" not in data and time.time() - began < 6:
    if select.select([s], [], [], 0.2)[0]:
        data += s.recv(65536)
assert time.time() - began < 6'
it "an HTTP/2 body byte by byte"
slow "$CLEAR" slow <<<'
s.sendall(HELLO + frame(HEADERS, END_HEADERS, 1, POST))
got = b""
while not got or got[3] != RST_STREAM and b"\x00\x00\x01" != got[6:9] and len(got) < 120:
    assert time.time() - began < 6, got
    s.sendall(frame(DATA, 0, 1, b"x"))
    if select.select([s], [], [], 0.1)[0]:
        got += s.recv(65536)'
it "an HTTP/2 answer read byte by byte"
slow "$CLEAR" slow <<<'
s.sendall(PREFACE + h2.settings([(4, 1)]) + frame(SETTINGS, ACK, 0) +
          frame(HEADERS, 5, 1, BIG))
drip(lambda: frame(WINDOW_UPDATE, 0, 1, b"\0\0\0\1"), 0.1)'
it "an HTTP/1 answer that is not read"
slow "$CLEAR" slow <<<'
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
s.sendall(b"GET /bytes/50000000 HTTP/1.1\r\nhost: x\r\n\r\n")
time.sleep(4.5)
n = 0
try:
    while more := len(s.recv(1 << 20)):
        n += more
except OSError:
    pass
assert n < 50000000, n'
it "an HTTP/2 connection that does nothing"
slow "$CLEAR" idle_timeout <<<'
s.sendall(HELLO + frame(HEADERS, 5, 1, HEAD))
drip(None, 0.2)'

it "renegotiation is refused, at no more than the cost of an alert"
before=$(metric 'heapgate_tls_handshakes_total.*"new"')
for _ in 1 2 3; do
	{ sleep 0.3; echo R; sleep 0.5; echo R; sleep 0.3; } |
		timeout 10 openssl s_client -connect "127.0.0.1:$PORT" -tls1_2 \
			-alpn http/1.1 >reneg.out 2>&1 || true
	has "$(cat reneg.out)" "no renegotiation"
done
is $(($(metric 'heapgate_tls_handshakes_total.*"new"') - before)) 3 "handshakes"

it "still serves"
is "$(get /name)" backend
