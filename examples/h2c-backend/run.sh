#!/usr/bin/env bash
# HTTP/2 to the servers: many requests on one connection, trailers both ways.
. "$(dirname "$0")/../lib.sh"

start_origin
export GRPC_1=$ORIGIN
start_origin
export GRPC_2=$ORIGIN
start_origin
export APP=$ORIGIN PORT=0 METRICS_PORT=0
start_heapgate
grpc() { curl -sS --http2-prior-knowledge -H 'Host: grpc.example.com' "$@"; }
shows "this host: HTTP/2 to the server" "$(grpc "http://$LISTEN/headers")" \
	'"protocol":"HTTP/2"'
shows "any other: HTTP/1.1" "$(curl -sS "http://$LISTEN/headers")" '"protocol":"HTTP/1.1"'
got=$(nghttp -nv -H ':authority: grpc.example.com' -H 'te: trailers' \
	-H 'trailer: x-mine' -d /dev/null --trailer 'x-mine: 7' \
	"http://$LISTEN/trailers")
shows "the server's trailers arrive" "$got" "x-origin-trailer: done"
shows "and it got the client's" "$got" "x-mine: 7"

metric() {
	curl -sS "http://$METRICS/metrics" | grep "^$1{" | grep 'upstream="grpc"' |
		awk '{ n += $NF } END { print n + 0 }'
}
before=$(metric heapgate_upstream_requests_total)
h2load -n 1000 -c 10 -m 10 -H 'Host: grpc.example.com' \
	-H ':authority: grpc.example.com' "http://$LISTEN/bytes/1k" >"$TMP/load"
shows "1,000 requests" "$(cat "$TMP/load")" "1000 succeeded, 0 failed"
requests=$(($(metric heapgate_upstream_requests_total) - before))
conns=$(metric heapgate_upstream_connections_opened_total)
shows "all to the two servers" "$requests requests" "1000 requests"
[ "$conns" -le 40 ] || fail "$conns connections for $requests requests"
echo "  on $conns connections"
stop_heapgate
