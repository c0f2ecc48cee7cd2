#!/usr/bin/env bash
# The least config; and the same without any config.
. "$(dirname "$0")/../lib.sh"

start_origin
export PORT=0 APP=$ORIGIN
start_heapgate
shows "HTTP/1.1 client" "$(curl -sSi --http1.1 "http://$LISTEN/")" "HTTP/1.1 200 OK"
shows "HTTP/2 client, the same port" \
	"$(curl -sSi --http2-prior-knowledge "http://$LISTEN/")" "HTTP/2 200"
got=$(curl -sS "http://$LISTEN/headers")
shows "the server learns the client" "$got" '["x-forwarded-for","127.0.0.1"]'
shows "and who stands between" "$got" '["via","1.1 heapgate"]'
shows "no route, no upstream: a server that is gone" \
	"$(kill "${PIDS[0]}"; sleep 0.2; curl -sSi "http://$LISTEN/")" " 502 "
stop_heapgate

start_origin
"$HEAPGATE" proxy 127.0.0.1:0 "$ORIGIN" >"$TMP/log" 2>&1 &
HG=$!
until_seen "$TMP/log" 'supervisor: (ready)' >/dev/null
LISTEN=$(until_seen "$TMP/log" 'listens on ([^ ]+)')
shows "heapgate proxy FROM TO" "$(curl -sS "http://$LISTEN/")" "hello"
stop_heapgate
