#!/usr/bin/env bash
# A server that takes a 1 GiB request body slowly does not make the worker
# grow.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/e2e/memory.sh"

[ -z "${SANITIZE:-}" ] || skip "a sanitizer keeps memory of its own"

file 1g 1G z
start_backend --rate 1048576
ports
simple_conf "127.0.0.1:$BACKEND_PORT"
start_heapgate

# slow_upload CURL-OPTION...
slow_upload() {
	measure_idle /name
	start upload curl -sS --cacert "$CERT" -T "$WWW/1g" -o /dev/null "$@" "$URL/slow"
	local client=$PID
	stays_small 10
	alive "$client" || flunk "the upload ended early"
	stop "$client" || true
}

it "from HTTP/2"
slow_upload --http2
it "from HTTP/1.1"
slow_upload --http1.1
