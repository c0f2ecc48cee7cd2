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

# slow_uploads WHAT SERVER CURL-OPTION: to each allocator at once.
slow_uploads() {
	local name
	for name in $ALLOCATORS; do
		ports
		simple_conf "$2"
		start_heapgate --allocator "$name"
		measure_idle /name
		start "upload-$name" curl -sS --cacert "$CERT" -T "$WWW/1g" \
			-o /dev/null "$3" "$URL/slow"
		watch "$name, $1" "$PID"
	done
}

it "from HTTP/2 and from HTTP/1.1"
slow_uploads "from h2" "127.0.0.1:$BACKEND_PORT" --http2
slow_uploads "from h1" "127.0.0.1:$BACKEND_PORT" --http1.1
stay_small 10

# A second heapgate makes an h2c server of the slow one, and is watched too.
it "to h2c"
ports
simple_conf "127.0.0.1:$BACKEND_PORT"
start_heapgate
measure_idle /name
watch "the second one" "$HG"
slow_uploads "to h2c" "127.0.0.1:$CLEAR proto=h2c" --http2
stay_small 10
