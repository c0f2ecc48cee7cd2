#!/usr/bin/env bash
# Our own answers: short, text or JSON as the client accepts, and Proxy-Status
# (RFC 9209) says what went wrong.
. "$(dirname "$0")/lib.sh"

start_backend
ports
cert
NOBODY=$(free_port) DEAF=$(free_port)
start_py deaf "$DEAF" <<-'EOT'
	import socket, sys, time
	s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
	while True:
	    c, _ = s.accept()
	    c.recv(1000)
	    c.sendall(b"\x15\x03\x01\x00\x02\x02\x28" * 9)
	    c.close()
EOT
wait_port "$DEAF" "$PID"
# HTTP/2 servers, each with a fault of its own.
FAULTS=(reset close malformed large nonsense goaway silent) H2=()
for _ in "${FAULTS[@]}"; do H2+=("$(free_port)"); done
export PYTHONPATH=$PYTHONPATH:$TOP/tests/e2e
start_py faults "${H2[@]}" <<-'EOT'
	import struct, sys, time
	from h2 import *
	from h2peer import H2Server
	def each(do):
	    def serve(p):
	        p.greet()
	        while True:
	            do(p, p.request())
	    return serve
	def reset(p, sid):
	    p.send(frame(RST_STREAM, 0, sid, struct.pack(">I", 2)))
	def close(p, sid):
	    raise EOFError
	def malformed(p, sid):
	    p.answer(sid, END_STREAM, [("Upper", "case")])
	def large(p, sid):
	    p.answer(sid, END_STREAM, [("x%d" % i, "y" * 999) for i in range(9)])
	def nonsense(p, sid):
	    p.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
	def goaway(p, sid):
	    p.send(frame(GOAWAY, 0, 0, struct.pack(">II", 0, 0)))
	*ports, mute = map(int, sys.argv[1:])
	for port, do in zip(ports, (reset, close, malformed, large, nonsense, goaway)):
	    H2Server(port, each(do))
	H2Server(mute, lambda p: time.sleep(3))
	time.sleep(1000)
EOT
for port in "${H2[@]}"; do wait_port "$port" "$PID"; done
conf <<-CONF
	workers 1
	via edge-1
	listen 127.0.0.1:$PORT tls cert=$CERT key=$KEY
	listen 127.0.0.1:$CLEAR
	route /app/ app
	route /nobody gone
	route /tls tls
	route /h2c h2c
	route host=app.test / app
	upstream app { server 127.0.0.1:$BACKEND_PORT; response_timeout 500ms }
	upstream gone { server 127.0.0.1:$NOBODY; max_fails 0 }
	upstream tls { server 127.0.0.1:$DEAF tls verify=off; max_fails 0 }
	upstream h2c { server 127.0.0.1:$NOBODY proto=h2c; max_fails 0 }
	route /tls2 tls2
	upstream tls2 { server 127.0.0.1:$DEAF proto=h2 verify=off; max_fails 0 }
	route /cert1 cert1
	upstream cert1 { server 127.0.0.1:$PORT tls sni=localhost; max_fails 0 }
	route /cert2 cert2
	upstream cert2 { server 127.0.0.1:$PORT proto=h2 sni=localhost; max_fails 0 }
	route /mute mute
	upstream mute {
		server 127.0.0.1:${H2[6]} proto=h2 verify=off
		connect_timeout 300ms; max_fails 0
	}
	$(for i in "${!FAULTS[@]}"; do
		echo "route /${FAULTS[i]} ${FAULTS[i]}"
		echo "upstream ${FAULTS[i]} {"
		echo "server 127.0.0.1:${H2[i]} proto=h2c; max_fails 0; retries 0 }"
	done)
	limits { line_bytes 500b; header_bytes 8k; ping_timeout 400ms }
	metrics 127.0.0.1:$METRICS
CONF
start_heapgate

# says CODE ERROR PATH [ARG...]: over HTTP/2 and over HTTP/1.1
says() {
	local code=$1 error=$2 path=$3
	shift 3
	is "$(get "$path" -o body -D head -w '%{http_code}' "$@" || true)" "$code"
	has "$(tr -d '\r' <head)" "proxy-status: edge-1; error=$error"
	has "$(cat body)" "$code "
	is "$(plain "$path" -o body -D head -w '%{http_code}' "$@" || true)" "$code"
	has "$(tr -d '\r' <head)" "proxy-status: edge-1; error=$error"
}

it "says which error it was"
says 404 destination_not_found /nowhere
says 502 connection_refused /nobody
says 502 tls_protocol_error /tls
says 502 connection_refused /h2c
says 414 http_request_error "/app/$(printf 'a%.0s' {1..600})"
A="-H Host:app.test"
says 502 http_protocol_error /garbage $A
says 502 http_protocol_error /two-lengths $A
says 502 connection_terminated /reset $A
says 504 http_response_timeout /never $A

it "says which error an HTTP/2 server made"
says 502 tls_protocol_error /tls2
says 502 tls_certificate_error /cert1
says 502 tls_certificate_error /cert2
says 504 connection_timeout /mute
says 502 connection_terminated /reset
says 502 connection_terminated /close
says 502 http_protocol_error /malformed
says 502 http_response_header_section_size /large
says 502 http_protocol_error /nonsense
says 502 destination_unavailable /goaway
says 504 connection_read_timeout /silent

it "does not say so of a server's own answer"
is "$(get /status/502 $A -o /dev/null -D head -w '%{http_code}')" 502
has_not "$(cat head)" proxy-status

it "answers in text, or in JSON to who wants that"
is "$(get /nowhere)" "404 Not Found"
is "$(get /nowhere -H 'Accept: application/json')" '{"status":404,"error":"Not Found"}'
is "$(get /nowhere -H 'Accept: application/json' -o /dev/null -w '%{content_type}')" \
	application/json
is "$(get /nowhere -I -o /dev/null -w '%{size_download}')" 0

it "answers with pages of one's own, HTML or JSON as the client accepts"
printf '<p>out to lunch' >sorry.html
printf '{"sorry":true}' >sorry.json
printf 'no such thing' >none.txt
cat >>"$CONF" <<-CONF
	error_page 502 503 504 sorry.html
	error_page 502 sorry.json
	error_page 404 none.txt
CONF
"$HEAPGATE" -t -c "$CONF" || flunk "the config is refused"
kill -HUP "$HG"
soon 30 eval '[ "$(get /nobody)" = "<p>out to lunch" ]'
# page CODE TYPE BODY PATH [ARG...]: over HTTP/2 and over HTTP/1.1
page() {
	local code=$1 type=$2 body=$3 how
	shift 3
	for how in get plain; do
		is "$($how "$@" -o body -D head -w '%{http_code} %{content_type}')" \
			"$code $type" "$how"
		is "$(cat body)" "$body" "$how"
		has "$(tr -d '\r' <head)" "content-length: ${#body}"
	done
}
J='Accept: application/json'
page 502 text/html '<p>out to lunch' /nobody
page 502 application/json '{"sorry":true}' /nobody -H "$J"
page 504 text/html '<p>out to lunch' /never $A
is "$(get /never $A -H "$J")" '{"status":504,"error":"Gateway Timeout"}'
page 404 text/plain 'no such thing' /nowhere
has "$(tr -d '\r' <head)" "proxy-status: edge-1; error=destination_not_found"
is "$(get /nobody -I -o /dev/null -w '%{size_download}')" 0

it "leaves a server's own errors alone"
has_not "$(get /status/502 $A)" lunch

it "reads the pages once, and at a reload"
printf 'later' >sorry.html
page 502 text/html '<p>out to lunch' /nobody
kill -HUP "$HG"
soon 30 eval '[ "$(get /nobody)" = later ]'

it "keeps what it has when a page is no good"
head -c 20000 /dev/zero >sorry.html
exits 78 "$HEAPGATE" -t -c "$CONF"
has "$OUT" ":1: error: the error page "
has "$OUT" "sorry.html is larger than 16k"
kill -HUP "$HG"
soon 30 grep -q "is larger than 16k" heapgate.log
page 502 text/html later /nobody
