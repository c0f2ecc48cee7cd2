#!/usr/bin/env bash
# A server that takes a 1 GiB request body slowly does not make the worker
# grow, whichever allocator it runs, and whichever protocol is in front and
# behind.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/e2e/allocators.sh"
. "$TOP/tests/e2e/memory.sh"

[ -z "${SANITIZE:-}" ] || skip "a sanitizer keeps memory of its own"

file 1g 1G z
start_backend --rate 1048576
cert

# slow_uploads SERVER CURL-OPTION...: to each allocator at once, watched for
# 10 s.
slow_uploads() {
	local name server=$1 clients=() gates=() pid
	shift
	for name in $ALLOCATORS; do
		ports
		simple_conf "$server"
		start_heapgate --allocator "$name"
		gates+=("$HG")
		measure_idle /name
		watch "$name"
		start "upload-$name" curl -sS --cacert "$CERT" -T "$WWW/1g" \
			-o /dev/null "$@" "$URL/slow"
		clients+=("$PID")
	done
	stay_small 10
	for pid in "${clients[@]}"; do
		alive "$pid" || flunk "an upload ended early"
		stop "$pid" || true
	done
	for pid in "${gates[@]}"; do stop "$pid"; done
}

it "from HTTP/2 to HTTP/1.1"
watch_none
slow_uploads "127.0.0.1:$BACKEND_PORT" --http2
it "from HTTP/1.1 to HTTP/1.1"
watch_none
slow_uploads "127.0.0.1:$BACKEND_PORT" --http1.1

# A second heapgate makes an h2c server of the slow one, and is watched too.
it "from HTTP/2 to h2c"
watch_none
ports
simple_conf "127.0.0.1:$BACKEND_PORT"
start_heapgate
measure_idle /name
watch "the second one"
slow_uploads "127.0.0.1:$CLEAR proto=h2c" --http2
