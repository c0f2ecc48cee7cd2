#!/usr/bin/env bash
# TLS: sessions resume on any worker, ALPN picks the protocol, a server behind
# may speak TLS too and is checked.
. "$(dirname "$0")/lib.sh"

start_backend
ports
WORKERS=2 simple_conf "127.0.0.1:$BACKEND_PORT"
start_heapgate
client() { openssl s_client -connect "127.0.0.1:$PORT" -CAfile "$CERT" "$@" 2>&1; }

it "resumes a session on whichever worker, TLS 1.3 and 1.2"
for version in -tls1_3 -tls1_2; do
	(printf 'GET /name HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'; sleep 0.5) |
		client $version -quiet -sess_out session >first.out
	[ -s session ] || flunk "no session came" "$(cat first.out)"
	reused=0
	for _ in {1..10}; do
		got=$(printf 'GET /name HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' |
			client $version -sess_in session -ign_eof)
		case $got in *Reused,*) reused=$((reused + 1)) ;; esac
	done
	is $reused 10 "sessions reused with $version"
done
at_least "$(metric 'heapgate_tls_handshakes_total\{.*result="resumed"')" 20

it "gives a new ticket to a client that resumed: each is to be used once"
(printf 'GET /name HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'; sleep 0.5) |
	client -tls1_3 -quiet -sess_out once >/dev/null
got=$( (printf 'GET /name HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'; sleep 0.5) |
	client -tls1_3 -sess_in once -ign_eof)
has "$got" "Reused,"
has "$got" "New Session Ticket arrived"

it "picks the protocol by ALPN, HTTP/1.1 without it"
has "$(client -alpn h2,http/1.1 </dev/null)" "ALPN protocol: h2"
has "$(client -alpn http/1.1 </dev/null)" "ALPN protocol: http/1.1"
has "$(client </dev/null)" "No ALPN negotiated"
is "$(get /name --no-alpn)" backend

it "refuses what is older than TLS 1.2"
code=0
client -tls1_1 -cipher DEFAULT@SECLEVEL=0 </dev/null >old.out || code=$?
[ $code != 0 ] || has_not "$(cat old.out)" "Cipher is ECDHE"

it "compresses nothing, so that a length tells no secret (CRIME)"
has "$(client -tls1_2 -comp </dev/null || true)" "Compression: NONE"

it "speaks TLS HTTP/2 to a server, and checks who it is"
file 1k 1K
NGHTTPD_PORT=$(free_port)
start nghttpd nghttpd -a 127.0.0.1 -d "$WWW" "$NGHTTPD_PORT" "$KEY" "$CERT"
wait_port "$NGHTTPD_PORT" "$PID"
ports
conf <<-CONF
	workers 1
	listen 127.0.0.1:$PORT tls cert=$CERT key=$KEY
	route / checked
	route /wrong wrong
	route /any any
	upstream checked { server 127.0.0.1:$NGHTTPD_PORT proto=h2 tls ca=$CERT sni=localhost }
	upstream wrong { server 127.0.0.1:$NGHTTPD_PORT proto=h2 tls ca=$CERT sni=wrong.test }
	upstream any { server 127.0.0.1:$NGHTTPD_PORT proto=h2 tls verify=off }
	metrics 127.0.0.1:$METRICS
CONF
start_heapgate
is "$(get /1k | sha256sum)" "$(sha256sum <"$WWW/1k")"
is "$(get /any -o /dev/null -w '%{http_code}')" 404
is "$(get /wrong -o /dev/null -w '%{http_code}')" 502
