#!/usr/bin/env bash
# What heapgate says of itself, and the exit codes of a wrong command line.
. "$(dirname "$0")/lib.sh"

it "tells its version and what it was built with"
exits 0 "$HEAPGATE" -V
has "$OUT" "heapgate"
for name in nghttp2 OpenSSL libevent c-ares jansson; do
	has "${OUT,,}" "${name,,}"
done
for name in system jemalloc mimalloc tcmalloc hybrid; do has "$OUT" $name; done

it "explains itself"
exits 0 "$HEAPGATE" --help
for word in proxy origin cert -t -T -V --allocator; do has "$OUT" "$word"; done

it "exits 2 when it is called wrongly"
exits 2 "$HEAPGATE" --no-such-option
exits 2 "$HEAPGATE" no-such-command
exits 2 "$HEAPGATE" proxy

it "makes a key and a certificate that fit"
exits 0 "$HEAPGATE" cert --out "$TMPDIR/made"
crt=$TMPDIR/made/tls.crt key=$TMPDIR/made/tls.key
is "$(openssl x509 -in "$crt" -noout -pubkey)" "$(openssl pkey -in "$key" -pubout)"
is "$(stat -c %a "$key")" 600 "mode of the key"

it "proxies without a file"
start_backend
ports
start heapgate "$HEAPGATE" proxy "127.0.0.1:$CLEAR" "127.0.0.1:$BACKEND_PORT"
HG=$PID
wait_port "$CLEAR" "$HG"
is "$(plain /name)" backend
code=0
stop "$HG" || code=$?
is $code 0 "exit code"

it "answers by itself as an origin"
start origin "$HEAPGATE" origin --listen "127.0.0.1:$PORT"
wait_port "$PORT" "$PID"
is "$(curl -sS -o /dev/null -w '%{http_code} %{size_download}' \
	"http://127.0.0.1:$PORT/bytes/1000")" "200 1000"
