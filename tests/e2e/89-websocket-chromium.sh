#!/usr/bin/env bash
# WebSocket by a real browser, over TLS HTTP/2 (RFC 8441), to a server that knows
# only HTTP/1.1.
. "$(dirname "$0")/lib.sh"
need node chromium

H1=$(free_port) H2C=$(free_port)
start ws node "$TOP/tests/e2e/ws_peer.js" server "$H1" "$H2C"
wait_port "$H1" "$PID"
ports
simple_conf "127.0.0.1:$H1" "log access $TMPDIR/access.json format=json"
start_heapgate

it "opens WebSockets on the HTTP/2 connection of the page"
mkdir profile
start chromium chromium --headless --no-sandbox --disable-gpu --disable-quic \
	--no-first-run --disable-background-networking --disable-component-update \
	--disable-sync --disable-dev-shm-usage --disable-breakpad \
	--ignore-certificate-errors --user-data-dir="$TMPDIR/profile" \
	--remote-debugging-port=0 "https://localhost:$PORT/page"
BROWSER=$PID
soon 40 grep -q ^report "$TMPDIR/ws.log"
is "$(grep ^report "$TMPDIR/ws.log")" "report 1000,1000,1000 refused"
stop "$BROWSER" || true
soon 5 eval '[ "$(metric heapgate_streams_active)" = 0 ]'
tunnels() { grep -c '"CONNECT".*"HTTP/2","status":200' access.json; }
soon 5 eval '[ "$(tunnels)" = 3 ]'
