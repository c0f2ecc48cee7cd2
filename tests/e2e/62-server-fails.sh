#!/usr/bin/env bash
# A server that is away, slow or wrong: the client gets 502, 503 or 504, or a
# stream that is reset when it was too late for a status; and no other stream
# suffers.
. "$(dirname "$0")/lib.sh"

start_backend
ports
cert
dead=$(free_port) dead2=$(free_port)
conf <<-CONF
	workers 1
	listen 127.0.0.1:$PORT tls cert=$CERT key=$KEY
	listen 127.0.0.1:$CLEAR
	route / app
	route /dead dead
	route /all-dead both
	route /half-dead two
	route /silent silent
	upstream app { server 127.0.0.1:$BACKEND_PORT; response_timeout 1s }
	upstream dead { server 127.0.0.1:$dead }
	upstream both { server 127.0.0.1:$dead; server 127.0.0.1:$dead2 }
	upstream two { server 127.0.0.1:$dead; server 127.0.0.1:$BACKEND_PORT }
	upstream silent { server 127.0.0.1:$BACKEND_PORT; response_timeout 300ms }
	metrics 127.0.0.1:$METRICS
	limits { stream_timeout 2s }
CONF
start_heapgate
code() { get "$1" -o /dev/null -w '%{http_code}' "${@:2}" 2>/dev/null || true; }
plain_code() { plain "$1" -o /dev/null -w '%{http_code}' "${@:2}" 2>/dev/null || true; }

it "502 when nothing listens there, when it closes, when it talks nonsense"
for path in /dead /reset /garbage /two-lengths; do
	is "$(code $path)" 502 "$path"
	is "$(plain_code $path)" 502 "$path over HTTP/1.1"
done

it "503 when all servers are out after they failed too often"
for _ in {1..8}; do code /all-dead >/dev/null; done
is "$(code /all-dead)" 503
is "$(plain_code /all-dead)" 503

it "goes on asking a server that is the only one"
for _ in {1..8}; do code /dead >/dev/null; done
is "$(code /dead)" 502

it "504 when it does not answer in time"
is "$(code /never)" 504
is "$(code /silent -X POST)" 404 "in time"

it "tries another server, so that the client sees nothing"
for _ in {1..10}; do is "$(code /half-dead)" 404; done

# What had come of the answer may be lost with its end.
it "resets the stream when the server ends in the middle of a body"
py "$PORT" <<-'EOT'
	import sys, h2
	for path in ("/half/100000", "/half-chunk"):
	    c = h2.Conn(int(sys.argv[1]))
	    s = c.wait(c.ask(path))
	    assert s.status in (200, None) and not s.ended and s.reset == 2, vars(s)
	    other = c.wait(c.ask("/name"))
	    assert other.ended and other.status == 200, vars(other)
	    assert not c.goaway
EOT

it "closes the connection when that happens to an HTTP/1.1 client"
for path in /half/100000 /half-chunk; do
	code=0
	plain $path -o /dev/null 2>/dev/null || code=$?
	case $code in
	18 | 52) ;; # a transfer cut short, or before its head
	*) flunk "curl ends with $code" ;;
	esac
done

it "reuses no connection that the server closed quietly"
for _ in {1..20}; do is "$(code /close-quietly)" 200; done
for _ in {1..20}; do is "$(code /close)" 200; done

it "tells in metrics what happened"
at_least "$(metric 'heapgate_http_requests_total\{.*code_class="5xx"')" 10
