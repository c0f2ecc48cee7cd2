#!/usr/bin/env bash
# What a client may ask is bounded, and the answer says which bound it was.
. "$(dirname "$0")/lib.sh"

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
		connections 30; streams 10; header_bytes 8k; line_bytes 900b
		body_bytes 100k
		header_timeout 1s; idle_timeout 2s; stream_timeout 2s
	}
	metrics 127.0.0.1:$METRICS
CONF
start_heapgate
head -c 20000 /dev/zero | tr '\0' a >long
head -c 200000 /dev/zero >body

# refused STATUS REASON PATH [ARG...]: over HTTP/2 and over HTTP/1.1, and counted
# once each; stdin is for both.
refused() {
	local status=$1 reason=$2 how before
	shift 2
	cat >stdin
	for how in get plain; do
		before=$(metric "heapgate_rejected_total.*$reason")
		is "$($how "$@" -o /dev/null -w '%{http_code}' <stdin || true)" \
			"$status" "by $how"
		is "$(metric "heapgate_rejected_total.*$reason")" $((before + 1)) \
			"$reason after $how"
	done
}

it "431 for too large a head"
refused 431 header_bytes /name -H "X-Long: $(cat long)" </dev/null

it "431 for too large a trailer section, none of it forwarded"
before=$(metric 'heapgate_rejected_total.*header_bytes')
py "$PORT" "$CLEAR" <<-'EOT'
	import socket, sys, h2
	tls, clear = map(int, sys.argv[1:])
	c = h2.Conn(tls)
	for fields in ([("x-%d" % i, "y" * 900) for i in range(12)],
	               [("x-%d" % i, "y") for i in range(200)]):
	    sid = c.ask("/sum", method="POST", end=False)
	    c.send(h2.frame(h2.DATA, 0, sid, b"body"))
	    c.send(h2.frame(h2.HEADERS, h2.END_STREAM | h2.END_HEADERS, sid,
	                    h2.block(fields)))
	    assert c.wait(sid).status == 431, vars(c.streams[sid])
	s = socket.create_connection(("127.0.0.1", clear), 10)
	s.sendall(b"POST /sum HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
	          b"4\r\nbody\r\n0\r\n" + b"x: y\r\n" * 200 + b"\r\n")
	got = s.recv(1000)
	assert b" 431 " in got.split(b"\r\n")[0], got
EOT
is "$(metric 'heapgate_rejected_total.*header_bytes')" $((before + 3))

it "414 for too long a target"
refused 414 uri_bytes "/$(head -c 1000 long)" </dev/null

it "413 for too large a body, announced or not"
refused 413 body_bytes /sum -T body </dev/null
refused 413 body_bytes /sum -T - <body

it "announces and keeps the bound of streams"
py "$PORT" <<-'EOT'
	import struct, sys, h2
	c = h2.Conn(int(sys.argv[1]))
	# Before the client can know: refused, so that it asks again.
	c.ask("/delay/300", 30)
	kind, flags, sid, payload = c.read_frame()
	assert kind == h2.SETTINGS, kind
	pairs = dict(struct.unpack(">HI", payload[i:i + 6])
	             for i in range(0, len(payload), 6))
	assert pairs.get(3) == 10, pairs
	for sid in c.streams:
	    c.wait(sid)
	ok = sum(s.ended and s.status == 200 for s in c.streams.values())
	refused = sum(s.reset == 7 for s in c.streams.values())
	assert (ok, refused) == (10, 20), (ok, refused)
	assert not c.goaway, c.goaway
	# As many as may be, again and again.
	for _ in range(3):
	    first = c.next_stream
	    c.ask("/name", 10)
	    for sid in range(first, c.next_stream, 2):
	        assert c.wait(sid).status == 200, vars(c.streams[sid])
	# Afterwards it is an error, of the stream or of the connection.
	c.ask("/delay/300", 11)
	assert c.outcome(c.next_stream - 2) in [("reset", 7), ("reset", 1),
	                                        ("goaway", 1)], c.outcome()
EOT

it "408 or a closed connection for a head that does not come"
py "$CLEAR" <<-'EOT'
	import socket, sys, time
	s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
	s.sendall(b"GET /name HTTP/1.1\r\nHost: x\r\n")
	began = time.time()
	got = s.recv(1000)
	assert 0.5 < time.time() - began < 5, time.time() - began
	assert not got or b" 408 " in got.split(b"\r\n")[0], got
EOT

it "closes an idle connection, with GOAWAY"
py "$PORT" <<-'EOT'
	import sys, time, h2
	c = h2.Conn(int(sys.argv[1]))
	c.wait_end(c.ask("/name"))
	began = time.time()
	try:
	    while True:
	        c.read_frame()
	except EOFError:
	    pass
	assert 1 < time.time() - began < 6, time.time() - began
	assert c.goaway and c.goaway[1] == 0, c.goaway
EOT

it "serves no more connections than it may, and the first ones on"
py "$CLEAR" <<-'EOT'
	import socket, sys
	def ask(s):
	    s.sendall(b"GET /name HTTP/1.1\r\nHost: x\r\n\r\n")
	    return s.recv(1000)
	socks = []
	for _ in range(40):
	    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5)
	    s.settimeout(3)
	    socks.append(s)
	served = 0
	for s in socks:
	    try:
	        served += ask(s).startswith(b"HTTP/1.1 200")
	    except OSError:
	        pass
	assert 25 <= served <= 30, served
EOT
at_least "$(metric 'heapgate_rejected_total.*conn_limit')" 10 "connections counted"
