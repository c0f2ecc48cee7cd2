#!/usr/bin/env bash
# gRPC over TLS HTTP/2 to an h2c server: all four kinds of call, trailers-only
# answers, deadlines and cancelling.
. "$(dirname "$0")/lib.sh"

PYTHON=/usr/bin/python3
PEER=$TOP/tests/e2e/grpc_peer.py
$PYTHON -c 'import grpc' 2>/dev/null || skip "python3-grpcio is not installed"

SERVER=$(free_port)
start grpc $PYTHON "$PEER" server "$SERVER"
GRPC=$PID
wait_port "$SERVER" "$GRPC"
ports
simple_conf "127.0.0.1:$SERVER proto=h2c" "log access $TMPDIR/access.log format=json"
start_heapgate

it "carries calls of each kind, failures, deadlines and cancelling"
OUT=$($PYTHON "$PEER" client "ipv4:127.0.0.1:$PORT" "$CERT" 2>&1) || flunk "$OUT"
show "$OUT"
is "$(wc -l <<<"$OUT")" 6 "kinds"

it "leaves nothing behind"
soon 5 eval '[ "$(metric heapgate_streams_active)" = 0 ]'
is "$(metric heapgate_upstream_requests_active)" 0

it "says UNAVAILABLE when the server is gone"
stop "$GRPC" KILL || true
OUT=$($PYTHON "$PEER" client "ipv4:127.0.0.1:$PORT" "$CERT" 2>&1) && flunk "$OUT"
has "$OUT" UNAVAILABLE
