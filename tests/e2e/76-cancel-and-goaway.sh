#!/usr/bin/env bash
# What ends on one side ends on the other, at once and for what it is; GOAWAY
# and REFUSED_STREAM lose no request that may be asked again; a server that is
# gone without a word is found out.
. "$(dirname "$0")/lib.sh"

need python3
H1=$(free_port) H2=$(free_port)
ports
cert
conf <<-CONF
	workers 1
	listen 127.0.0.1:$PORT tls cert=$CERT key=$KEY
	listen 127.0.0.1:$CLEAR
	route /h1 h1
	route /h2 h2
	upstream h1 { server 127.0.0.1:$H1; retries 0; response_timeout 20s }
	upstream h2 { server 127.0.0.1:$H2 proto=h2c; retries 0; response_timeout 20s }
	limits { ping_timeout 500ms; idle_timeout 1s; header_timeout 2s }
	metrics 127.0.0.1:$METRICS
CONF
start_heapgate

# peers: a python script that has a client c, and starts servers of its own.
peers() {
	{
		cat <<-'EOT'
			import socket, struct, sys, time
			import h2
			from h2 import *
			from h2peer import *
			H1, H2, PORT, CLEAR = map(int, sys.argv[1:])
			c = h2.Conn(PORT)
		EOT
		cat
	} >script.py
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$TOP/tests:$TOP/tests/e2e \
		python3 script.py "$H1" "$H2" "$PORT" "$CLEAR"
}

it "a client's cancel reaches an HTTP/1 server within 100 ms"
peers <<-'EOT'
	s = H1Server(H1, lambda p: (p.head(), p.wait_eof()))
	sid = c.ask("/h1")
	soon(lambda: s.conns and s.conns[0].heads)
	assert not s.conns[0].ended
	c.send(frame(RST_STREAM, 0, sid, b"\0\0\0\x08"))
	assert soon(lambda: s.conns[0].ended) < 0.1
EOT

it "a client's cancel reaches an HTTP/2 server within 100 ms, as CANCEL"
peers <<-'EOT'
	s = H2Server(H2, lambda p: (p.greet(), p.serve()))
	sid = c.ask("/h2")
	soon(lambda: s.conns and s.conns[0].requests)
	c.send(frame(RST_STREAM, 0, sid, b"\0\0\0\x08"))
	assert soon(lambda: s.conns[0].resets) < 0.1
	assert s.conns[0].resets[1][1] == 8, s.conns[0].resets
EOT

it "a client's disconnect reaches the servers within 100 ms"
peers <<-'EOT'
	s1 = H1Server(H1, lambda p: (p.head(), p.wait_eof()))
	s2 = H2Server(H2, lambda p: (p.greet(), p.serve()))
	c.ask("/h1")
	c.ask("/h2")
	plain = socket.create_connection(("127.0.0.1", CLEAR))
	plain.sendall(b"GET /h2 HTTP/1.1\r\nhost: x\r\n\r\n")
	soon(lambda: s1.conns and s1.conns[0].heads)
	soon(lambda: s2.conns and len(s2.conns[0].requests) == 2)
	c.close()
	plain.close()
	assert soon(lambda: s1.conns[0].ended) < 0.1
	assert soon(lambda: len(s2.conns[0].resets) == 2) < 0.1
EOT

it "a server's reset reaches the client within 100 ms"
peers <<-'EOT'
	def serve(p):
	    p.greet()
	    sid = p.request()
	    p.answer(sid)
	    p.send(frame(DATA, 0, sid, b"part"))
	    time.sleep(0.2)
	    p.at = time.monotonic()
	    p.send(frame(RST_STREAM, 0, sid, b"\0\0\0\x02"))
	    p.serve()
	s = H2Server(H2, serve)
	sid = c.ask("/h2")
	got = c.wait(sid)
	took = time.monotonic() - s.conns[0].at
	assert got.reset is not None and not got.ended, vars(got)
	assert got.status == 200 and got.body == 4, vars(got)
	assert took < 0.1, took
EOT

it "an answer cut short is a reset, never an end"
peers <<-'EOT'
	def h1(p):
	    head = p.head()
	    if b"/h1/length" in head:
	        p.sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\npart")
	    else:
	        p.sock.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
	                       b"4\r\npart\r\n")
	    time.sleep(0.2)
	def h2s(p):
	    p.greet()
	    p.answer(p.request())
	    p.send(frame(DATA, 0, 1, b"part"))
	    time.sleep(0.2)
	s1, s2 = H1Server(H1, h1), H2Server(H2, h2s)
	for path in ("/h1/length", "/h1/chunked", "/h2"):
	    got = c.wait(c.ask(path))
	    assert got.reset and not got.ended and got.body == 4, (path, vars(got))
EOT

it "502 when a server resets before it answers"
peers <<-'EOT'
	def serve(p):
	    p.greet()
	    while True:
	        p.send(frame(RST_STREAM, 0, p.request(), b"\0\0\0\x02"))
	s = H2Server(H2, serve)
	assert c.wait(c.ask("/h2", method="POST")).status == 502
EOT

it "REFUSED_STREAM is asked again"
peers <<-'EOT'
	def serve(p):
	    p.greet()
	    p.send(frame(RST_STREAM, 0, p.request(), b"\0\0\0\x07"))
	    p.answer(p.request(), END_STREAM)
	    p.serve()
	s = H2Server(H2, serve)
	got = c.wait(c.ask("/h2", method="POST"))
	assert got.status == 200 and got.ended, vars(got)
EOT

it "GOAWAY: what the server did not look at goes to a new connection"
peers <<-'EOT'
	def serve(p):
	    p.greet()
	    first, second = p.request(), p.request() if p.number == 0 else None
	    if p.number == 0:
	        p.send(frame(GOAWAY, 0, 0, struct.pack(">II", first, 0)))
	        time.sleep(0.1)
	    p.answer(first, END_STREAM, [("x-number", str(p.number))])
	    p.serve()
	s = H2Server(H2, serve)
	one = c.ask("/h2", method="POST")
	two = c.ask("/h2", method="POST")
	for sid in (one, two):
	    got = c.wait(sid)
	    assert got.status == 200 and got.ended, (sid, vars(got))
	assert len(s.conns) == 2, len(s.conns)
EOT

it "a client's GOAWAY lets its streams finish, then the connection is closed"
peers <<-'EOT'
	def serve(p):
	    p.greet()
	    sid = p.request()
	    time.sleep(0.2)
	    p.answer(sid, END_STREAM)
	    p.serve()
	s = H2Server(H2, serve)
	sid = c.ask("/h2")
	c.send(frame(GOAWAY, 0, 0, bytes(8)))
	got = c.wait(sid)
	assert got.status == 200 and got.ended, vars(got)
	began = time.monotonic()
	assert c.outcome(timeout=3) in (("closed",), ("goaway", 0))
	assert time.monotonic() - began < 1
EOT

it "504 when a server neither speaks nor answers PING; its connection is closed"
peers <<-'EOT'
	def serve(p):
	    p.greet()
	    while True:
	        p.read_frame(pong=False)
	s = H2Server(H2, serve)
	began = time.monotonic()
	got = c.wait(c.ask("/h2", method="POST"))
	took = time.monotonic() - began
	assert got.status == 504, vars(got)
	assert 0.9 < took < 3, took
	assert len(s.conns[0].pings) == 1
	soon(lambda: s.conns[0].ended)
EOT

it "a slow server that answers PING is waited for"
peers <<-'EOT'
	def serve(p):
	    p.greet()
	    sid = p.request()
	    end = time.monotonic() + 2.5
	    p.sock.settimeout(0.1)
	    while time.monotonic() < end:
	        try:
	            p.read_frame()
	        except TimeoutError:
	            pass
	    p.sock.settimeout(20)
	    p.answer(sid, END_STREAM)
	    p.serve()
	s = H2Server(H2, serve)
	got = c.wait(c.ask("/h2", method="POST"))
	assert got.status == 200, vars(got)
	assert s.conns[0].pings
EOT

it "504 when a server never sends SETTINGS"
peers <<-'EOT'
	s = H2Server(H2, lambda p: p.serve() if p._read(24) else None)
	def serve(p):
	    p._read(24)
	    while p.sock.recv(65536):
	        pass
	s.do = serve
	began = time.monotonic()
	assert c.wait(c.ask("/h2", method="POST")).status == 504
	assert time.monotonic() - began < 3
EOT

it "a client that is gone without a word is found out by PING"
peers <<-'EOT'
	s = H2Server(H2, lambda p: (p.greet(), p.serve()))
	c.ask("/h2")
	while c.read_frame()[0] != SETTINGS:
	    pass
	soon(lambda: s.conns and s.conns[0].requests)
	# reads nothing, answers nothing, closes nothing
	soon(lambda: s.conns[0].resets, 6)
EOT
at_least "$(metric 'heapgate_rejected_total.*ping_timeout')" 3 "PING timeouts"

it "a client that never acknowledges SETTINGS is sent away"
peers <<-'EOT'
	c.close()
	s = socket.create_connection(("127.0.0.1", CLEAR), 20)
	s.sendall(h2.PREFACE + h2.settings([]))
	data = b""
	while True:
	    more = s.recv(65536)
	    if not more:
	        break
	    data += more
	assert b"\0\0\0\x04" in data[-20:], data  # GOAWAY, SETTINGS_TIMEOUT
EOT

it "502 for interim answers without end"
peers <<-'EOT'
	def serve(p):
	    p.greet()
	    sid = p.request()
	    while sid not in p.resets:
	        p.send(frame(HEADERS, END_HEADERS, sid, b"\x08\x03103" +
	                     h2.block([("link", "x")])))
	        p.sock.settimeout(0.01)
	        try:
	            p.read_frame()
	        except TimeoutError:
	            pass
	s = H2Server(H2, serve)
	got = c.wait(c.ask("/h2", method="POST"))
	assert got.status == 502 and got.blocks < 50, vars(got)
EOT

it "a more urgent answer comes first (RFC 9218)"
peers <<-'EOT'
	body = b"x" * 16000
	def serve(p):
	    p.greet()
	    sids = [p.request() for _ in range(3)]
	    for sid in sids:
	        p.answer(sid)
	        p.send(frame(DATA, END_STREAM, sid, body[:6000]))
	    p.serve()
	s = H2Server(H2, serve)
	c.close()
	c = h2.Conn(PORT, window=0)
	for u in ("u=7", "u=3", "u=0"):
	    c.ask("/h2", extra=[("priority", u)])
	while not all(st.blocks for st in c.streams.values()):
	    c.read_frame()
	time.sleep(0.2)
	c.send(h2.settings([(4, 65535)]))
	order = []
	while len(order) < 3:
	    kind, flags, sid, _ = c.read_frame()
	    if kind == DATA and flags & END_STREAM:
	        order.append(sid)
	assert order == [5, 3, 1], order
EOT
