#!/usr/bin/env bash
# One client cannot take all connections, nor hold one by being slow.
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
		client_connections 20; handshake_timeout 20s; header_timeout 1s
		stream_timeout 1s; min_rate 20k; line_bytes 500b
	}
	metrics 127.0.0.1:$METRICS
CONF
start_heapgate

it "closes what a client opens beyond client_connections, and no other's"
py "$CLEAR" "$PORT" <<-'EOT'
	import socket, sys, time
	clear, tls = int(sys.argv[1]), int(sys.argv[2])
	def connect(port, source):
	    s = socket.create_connection(("127.0.0.1", port), 5, (source, 0))
	    s.settimeout(2)
	    return s
	def served(s):
	    try:
	        s.sendall(b"GET /name HTTP/1.1\r\nHost: x\r\n\r\n")
	        return s.recv(1000).startswith(b"HTTP/1.1 200")
	    except OSError:
	        return False
	# Those that never say a word count too.
	silent = [connect(tls, "127.0.0.2") for _ in range(10)]
	mine = [connect(clear, "127.0.0.2") for _ in range(15)]
	time.sleep(0.2)
	n = sum(served(s) for s in mine)
	assert n == 10, n
	other = [connect(clear, "127.0.0.3") for _ in range(20)]
	n = sum(served(s) for s in other)
	assert n == 20, n
	# What is closed makes room.
	for s in silent:
	    s.close()
	time.sleep(0.2)
	n = sum(served(connect(clear, "127.0.0.2")) for _ in range(5))
	assert n == 5, n
EOT
is "$(metric 'heapgate_rejected_total.*reason="client_limit"')" 5

it "ends a slow writer with 408 and a slow reader with a cut"
py "$CLEAR" <<-'EOT'
	import socket, sys, time
	port = int(sys.argv[1])
	s = socket.create_connection(("127.0.0.1", port), 10)
	s.sendall(b"POST /sum HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
	began, got = time.time(), b""
	s.settimeout(0.2)
	while time.time() - began < 8:
	    try:
	        s.sendall(b"x" * 100)
	        got += s.recv(1000)
	        break
	    except socket.timeout:
	        pass
	    except OSError:
	        break
	took = time.time() - began
	assert took < 4, took
	assert b" 408 " in got.split(b"\r\n")[0], got

	s = socket.socket()
	s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
	s.connect(("127.0.0.1", port))
	s.sendall(b"GET /bytes/50000000 HTTP/1.1\r\nHost: x\r\n\r\n")
	began, n = time.time(), 0
	while time.time() - began < 20:
	    try:
	        part = s.recv(500)
	    except OSError:
	        break
	    if not part:
	        break
	    n += len(part)
	    time.sleep(0.1)
	assert time.time() - began < 15 and n < 50000000, (time.time() - began, n)
EOT
at_least "$(metric 'heapgate_rejected_total.*reason="slow"')" 2

it "says 414, 431, 408 and 400 over HTTP/1.1, and counts each by its reason"
py "$CLEAR" <<-'EOT'
	import socket, sys
	def ask(text):
	    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
	    s.sendall(text)
	    got = b""
	    while True:
	        part = s.recv(1000)
	        if not part:
	            return got.split(b"\r\n")[0]
	        got += part
	H = b" HTTP/1.1\r\nHost: x\r\n"
	assert b" 414 " in ask(b"GET /" + b"a" * 600 + H + b"\r\n")
	assert b" 431 " in ask(b"GET /" + H + b"X: y\r\n" * 200 + b"\r\n")
	assert b" 400 " in ask(b"GET /" + H + b"X : y\r\n\r\n")
	assert b" 408 " in ask(b"GET /" + H)
EOT
for reason in uri_bytes header_bytes bad_request header_timeout; do
	at_least "$(metric "heapgate_rejected_total.*reason=\"$reason\"")" 1 $reason
done
