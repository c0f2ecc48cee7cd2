#!/usr/bin/env bash
# Trailers go both ways, and informational answers reach the client.
. "$(dirname "$0")/lib.sh"

start_backend
ports
simple_conf "127.0.0.1:$BACKEND_PORT"
start_heapgate

it "passes an answer's trailers to HTTP/2 and to HTTP/1.1"
has "$(get /trailers -D - -o /dev/null)$(get /trailers -v 2>&1)" "x-sum: 42"
has "$(curl -sS --raw -H 'TE: trailers' "http://127.0.0.1:$CLEAR/trailers")" "x-sum: 42"

it "passes a request's trailers to the server"
py "$PORT" "$CLEAR" <<-'EOT'
	import socket, sys, h2
	c = h2.Conn(int(sys.argv[1]))
	sid = c.ask("/trailers", method="POST", end=False,
	            extra=[("te", "trailers"), ("trailer", "x-up")])
	c.send(h2.frame(h2.DATA, 0, sid, b"body"))
	c.send(h2.frame(h2.HEADERS, h2.END_STREAM | h2.END_HEADERS, sid,
	                h2.block([("x-up", "from-the-client")])))
	s = c.wait(sid)
	assert s.ended and s.status == 200 and s.blocks == 2, vars(s)

	s = socket.create_connection(("127.0.0.1", int(sys.argv[2])), 10)
	s.sendall(b"POST /trailers HTTP/1.1\r\nHost: x\r\nTE: trailers\r\n"
	          b"Connection: TE, close\r\nTrailer: x-up\r\n"
	          b"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n"
	          b"x-up: from-the-client\r\n\r\n")
	got = b""
	while True:
	    part = s.recv(65536)
	    if not part:
	        break
	    got += part
	assert b"x-up: from-the-client" in got, got
EOT

it "passes 103 Early Hints on, then the answer"
py "$PORT" <<-'EOT'
	import sys, h2
	c = h2.Conn(int(sys.argv[1]))
	s = c.wait(c.ask("/early"))
	assert s.ended and s.status == 200 and s.blocks == 2, vars(s)
EOT

it "answers Expect: 100-continue"
is "$(head -c 2000 /dev/zero | plain /sum -H 'Expect: 100-continue' -T - |
	cut -d' ' -f2)" 2000
