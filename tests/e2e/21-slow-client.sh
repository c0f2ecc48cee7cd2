#!/usr/bin/env bash
# A client that takes a 1 GiB answer slowly does not make the worker grow,
# whichever allocator it runs and whichever protocol is behind; nor does one
# that never opens its window.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/e2e/allocators.sh"
. "$TOP/tests/e2e/memory.sh"

[ -z "${SANITIZE:-}" ] || skip "a sanitizer keeps memory of its own"

file 1k 1K
file 1g 1G z
start_backend
start_nghttpd
cert

# slow_downloads WHAT SERVER PATH SMALL: 1 MiB/s from each allocator at once.
slow_downloads() {
	local name
	for name in $ALLOCATORS; do
		ports
		simple_conf "$2"
		start_heapgate --allocator "$name"
		measure_idle "$4"
		start "download-$name" curl -sS --http2 --cacert "$CERT" \
			--limit-rate 1M -o /dev/null "$URL$3"
		watch "$name, $1" "$PID"
	done
}

it "from HTTP/1.1, and from h2c"
slow_downloads h1 "127.0.0.1:$BACKEND_PORT" /bytes/$((1 << 30)) /name
slow_downloads h2c "127.0.0.1:$NGHTTPD_PORT proto=h2c" /1g /1k
stay_small 10

it "when 20 clients never open their windows"
ports
simple_conf "127.0.0.1:$BACKEND_PORT"
start_heapgate
measure_idle /name
start_py stalled "$PORT" <<-'EOT'
	import sys, time, h2
	conns = [h2.Conn(int(sys.argv[1]), window=0) for _ in range(20)]
	for c in conns:
	    c.ask("/bytes/1073741824", 5)
	    c.read_frame()  # their SETTINGS, or we are sent away
	print("asked", flush=True)
	time.sleep(100)
EOT
soon 10 grep -q asked stalled.log
# In RAM or folded: they are quiet, but for a PING now and then.
held() { echo $(($(rss "$WORKER") + $(metric heapgate_allocator_folded_bytes) / 1024)); }
# All have begun once nothing has changed for two seconds, but for a page or two.
settled() {
	local before
	before=$(held)
	sleep 2
	[ "$(held)" -le $((before + 16)) ]
}
soon 20 settled
before=$(held)
show "$(((before - IDLE_KB) / 100)) kB for each stalled stream"
at_most $(((before - IDLE_KB) / 100)) 150 "kB for each stalled stream"
sleep 5
at_most "$(held)" $((before + 64)) "kB five seconds later"
