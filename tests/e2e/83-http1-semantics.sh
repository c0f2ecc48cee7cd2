#!/usr/bin/env bash
# HTTP/1.1 and 1.0 clients: what they may do, and what becomes of it.
. "$(dirname "$0")/lib.sh"

start_backend
ORIGIN=$(free_port)
start origin "$HEAPGATE" origin --listen "127.0.0.1:$ORIGIN"
wait_port "$ORIGIN" "$PID"
ports
cert
conf <<-CONF
	workers 1
	listen 127.0.0.1:$PORT tls cert=$CERT key=$KEY
	listen 127.0.0.1:$CLEAR
	route / app
	route host=origin.test / origin
	upstream app { server 127.0.0.1:$BACKEND_PORT }
	upstream origin { server 127.0.0.1:$ORIGIN }
	metrics 127.0.0.1:$METRICS
CONF
start_heapgate

cat >h1.py <<-'EOT'
	import socket, sys
	PORT = int(sys.argv[1])
	class Conn:
	    def __init__(self, text=b""):
	        self.s = socket.create_connection(("127.0.0.1", PORT), 10)
	        self.f = self.s.makefile("rb")
	        self.s.sendall(text)
	    def head(self):
	        line = self.f.readline()
	        assert line, "closed"
	        fields = {}
	        while True:
	            l = self.f.readline().rstrip(b"\r\n")
	            if not l:
	                return line.rstrip(b"\r\n"), fields
	            k, v = l.split(b": ", 1)
	            fields.setdefault(k, v)
	    def answer(self, body=True):
	        line, fields = self.head()
	        n = int(fields.get(b"content-length", 0))
	        if not body:
	            return line, fields, b""
	        if fields.get(b"transfer-encoding") == b"chunked":
	            text = b""
	            while True:
	                n = int(self.f.readline(), 16)
	                text += self.f.read(n + 2)[:n]
	                if not n:
	                    return line, fields, text
	        return line, fields, self.f.read(n)
	    def is_closed(self):
	        return self.f.read(1) == b""
	def req(path, *fields, method="GET", version="1.1", host="x", body=b""):
	    lines = ["%s %s HTTP/%s" % (method, path, version)]
	    lines += ["Host: " + host] if host is not None else []
	    return "\r\n".join(lines + list(fields)).encode() + b"\r\n\r\n" + body
EOT
check() { cat h1.py - | python3 - "$CLEAR"; }

it "keeps a connection, as each version has it"
check <<-'EOT'
	c = Conn()
	for _ in range(3):
	    c.s.sendall(req("/name"))
	    assert c.answer()[2] == b"backend\n"
	c.s.sendall(req("/name", "Connection: close"))
	line, fields, _ = c.answer()
	assert fields[b"connection"] == b"close" and c.is_closed()
	c = Conn(req("/name", version="1.0"))
	line, fields, body = c.answer()
	assert line.startswith(b"HTTP/1.") and body == b"backend\n" and c.is_closed()
	c = Conn(req("/name", "Connection: keep-alive", version="1.0"))
	assert c.answer()[1][b"connection"] == b"keep-alive"
	c.s.sendall(req("/name", version="1.0", host=None))
	assert c.answer()[2] == b"backend\n"
EOT

it "answers pipelined requests in their order"
check <<-'EOT'
	c = Conn(req("/delay/300") + req("/name") + req("/chunked/1000") +
	         req("/sum", "Content-Length: 5", method="POST", body=b"hello") +
	         req("/sum", "Transfer-Encoding: chunked", method="POST",
	             body=b"5\r\nhello\r\n0\r\n\r\n") +
	         req("/name", method="HEAD") + req("/status/204") + req("/status/304") +
	         req("/nowhere") + req("/bytes/100000") + req("/name", "Connection: close"))
	assert c.answer()[2] == b"late\n"
	assert c.answer()[2] == b"backend\n"
	assert len(c.answer()[2]) == 1000
	a, b = c.answer()[2], c.answer()[2]
	assert a == b and a.endswith(b" 5\n"), (a, b)
	assert c.answer(False)[0].startswith(b"HTTP/1.1 200")
	line, fields, _ = c.answer()
	assert b" 204 " in line and b"content-length" not in fields, (line, fields)
	assert b"transfer-encoding" not in fields
	assert b" 304 " in c.answer(False)[0]
	assert b" 404 " in c.answer()[0]
	assert len(c.answer()[2]) == 100000
	assert c.answer()[2] == b"backend\n" and c.is_closed()
EOT

it "relays 100-continue, and says it for an answer of its own"
check <<-'EOT'
	c = Conn(req("/sum", "Expect: 100-continue", "Content-Length: 5", method="POST"))
	assert b" 100 " in c.head()[0]
	c.s.sendall(b"hello")
	assert c.answer()[2].endswith(b" 5\n")
	c = Conn(req("/sink", "Expect: 100-continue", "Content-Length: 5", method="POST",
	             host="origin.test"))
	assert b" 100 " in c.head()[0]
	c.s.sendall(b"hello")
	assert b'"bytes":5' in c.answer()[2]
	# A body that nobody asked for is not taken for a request.
	c = Conn(req("/status/403", "Expect: 100-continue", "Content-Length: 31",
	             method="POST", body=req("/name")))
	line = c.answer()[0]
	while b" 100 " in line:
	    line = c.answer()[0]
	assert b" 403 " in line, line
	c = Conn(req("/sum", "Expect: 100-continue", "Content-Length: 0", method="POST",
	             version="1.0"))
	assert b" 200 " in c.head()[0]
EOT

it "relays 103, but not to HTTP/1.0"
check <<-'EOT'
	c = Conn(req("/early"))
	line, fields = c.head()
	assert b" 103 " in line and b"preload" in fields[b"link"], (line, fields)
	assert c.answer()[2] == b"after the hint\n"
	c = Conn(req("/early", version="1.0"))
	assert c.answer()[2] == b"after the hint\n"
EOT

it "chunks for 1.1, closes for 1.0, drops bodies for HEAD"
check <<-'EOT'
	line, fields, body = Conn(req("/chunked/5000")).answer()
	assert fields[b"transfer-encoding"] == b"chunked" and len(body) == 5000
	c = Conn(req("/chunked/5000", version="1.0"))
	line, fields = c.head()
	assert b"transfer-encoding" not in fields and b"content-length" not in fields
	assert len(c.f.read()) == 5000
	c = Conn(req("/bytes/5000", method="HEAD") + req("/name"))
	assert c.answer(False)[1][b"content-length"] == b"5000"
	assert c.answer()[2] == b"backend\n"
EOT

it "takes absolute-form, and its authority for Host"
check <<-'EOT'
	text = Conn(req("http://b.test/request", host="a.test")).answer()[2]
	assert b"GET /request HTTP/1.1" in text and b"host: b.test" in text.lower(), text
	assert b"a.test" not in text, text
	text = Conn(req("http://b.test?x=y", host="a.test")).answer()[0]
	assert b" 404 " in text, text
EOT

it "refuses what Host may not be"
check <<-'EOT'
	for text in (req("/name", host=None), req("/name", "Host: y"),
	             req("/name", host="a b"), req("/name", host="a/b"),
	             req("/name", host="u@a"), req("/name", host="a:b:c")):
	    c = Conn(text)
	    assert b" 400 " in c.answer()[0], text
	    assert c.is_closed()
EOT

it "passes on no field that is of one connection only"
check <<-'EOT'
	text = Conn(req("/request", "Connection: close, X-Mine, X-Other", "X-Mine: 1",
	                "x-other: 2", "Keep-Alive: timeout=5", "Proxy-Connection: x",
	                "TE: gzip", "Upgrade: h2c", "X-Public: 3",
	                "HTTP2-Settings: AAMAAABk")).answer()[2].lower()
	for gone in (b"x-mine", b"x-other", b"keep-alive", b"proxy-connection", b"gzip",
	             b"upgrade", b"http2-settings", b"connection"):
	    assert gone not in text, (gone, text)
	assert b"x-public: 3" in text and b"via: 1.1 heapgate" in text, text
	fields = Conn(req("/hop")).answer()[1]
	for gone in (b"x-private", b"keep-alive", b"upgrade", b"connection"):
	    assert gone not in fields, fields
	assert fields[b"x-public"] == b"yes"
EOT

it "joins a cookie that HTTP/2 has split"
py "$PORT" <<-'EOT'
	import sys, h2
	class C(h2.Conn):
	    text = b""
	    def read_frame(self):
	        f = super().read_frame()
	        self.text += f[3] if f[0] == h2.DATA else b""
	        return f
	c = C(int(sys.argv[1]))
	c.wait(c.ask("/request", extra=[("cookie", "a=1"), ("x", "y"), ("cookie", "b=2"),
	                                ("cookie", "c=3")]))
	assert c.text.lower().count(b"cookie") == 1, c.text
	assert b"a=1; b=2; c=3" in c.text, c.text
EOT

it "upholds a whole body both ways at once"
head -c 3000000 /dev/urandom >body
is "$(plain /echo -T body -H 'Expect:' | sha256sum)" "$(sha256sum <body)"
is "$(plain /echo -T - -H 'Expect:' <body | sha256sum)" "$(sha256sum <body)"
