#!/usr/bin/env bash
# WebSocket: a client over HTTP/1.1, over TLS and over HTTP/2, to servers of
# HTTP/1.1 and of HTTP/2.
. "$(dirname "$0")/lib.sh"
need node

PEER=$TOP/tests/e2e/ws_peer.js
H1=$(free_port) H2C=$(free_port)
start ws node "$PEER" server "$H1" "$H2C"
wait_port "$H1" "$PID"
wait_port "$H2C" "$PID"
ports
cert
ORIGIN=$(free_port)
start origin "$HEAPGATE" origin --listen "127.0.0.1:$ORIGIN"
wait_port "$ORIGIN" "$PID"
conf <<-CONF
	workers 1
	listen 127.0.0.1:$PORT tls cert=$CERT key=$KEY
	listen 127.0.0.1:$CLEAR
	route host=h1.test / one
	route host=h2.test / two
	route host=origin1.test / origin1
	route host=origin2.test / origin2
	upstream origin1 { server 127.0.0.1:$ORIGIN }
	upstream origin2 { server 127.0.0.1:$ORIGIN proto=h2c }
	upstream one { server 127.0.0.1:$H1 }
	upstream two { server 127.0.0.1:$H2C proto=h2c }
	limits { tunnel_timeout 2s; stream_timeout 1s }
	metrics 127.0.0.1:$METRICS
CONF
start_heapgate

clients() {
	OUT=$(timeout 60 node "$PEER" client "$PORT" "$CLEAR" "$CERT" "$@" 2>&1) || flunk "$OUT"
	show "$OUT"
}

it "carries messages both ways, and the chosen subprotocol"
clients echo

it "does so to heapgate's own origin, by HTTP/1.1 and by HTTP/2"
export WS_HOSTS='origin1.test origin2.test' WS_PATH=/websocket
clients echo eager
for host in $WS_HOSTS; do
	for how in get plain; do
		is "$($how /websocket -H "Host: $host" -o /dev/null -w '%{http_code}')" 426
	done
done
unset WS_HOSTS WS_PATH

it "passes on what comes before the answer"
clients eager

it "lets either side end it"
clients server_closes half_close

it "shows a broken tunnel as broken"
clients cut

it "passes a refusal on, and takes no 101 without its proof"
clients refusal wrong_proof

it "ends a tunnel that is silent for tunnel_timeout, not stream_timeout"
before=$(metric 'heapgate_rejected_total.*"slow"')
clients silence
at_least "$(metric 'heapgate_rejected_total.*"slow"')" $((before + 6)) "silent ones counted"
soon 5 eval '[ "$(metric heapgate_streams_active)" = 0 ]'
is "$(metric heapgate_upstream_requests_active)" 0

it "keeps a bounded amount for those who do not read"
W=$(worker)
most=0
watch() { # PID
	while alive "$1"; do
		now=$(rss "$W")
		[ "$now" -le "$most" ] || most=$now
		sleep 0.1
	done
}
before=$(rss "$W")
for who in stall flood; do
	clients $who &
	watch $!
	wait $!
	at_least "$(metric heapgate_upstream_requests_total)" 60 "tunnels"
	[ -n "${SANITIZE:-}" ] || at_most $((most - before)) 16384 "kB more: $who"
done
