#!/usr/bin/env bash
# A client that takes a 1 GiB answer slowly does not make the worker grow,
# whichever protocol is behind; nor does one that never opens its window.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/e2e/memory.sh"

[ -z "${SANITIZE:-}" ] || skip "a sanitizer keeps memory of its own"

file 1k 1K
file 1g 1G z
start_backend
start_nghttpd
cert

# slow_download PATH: at 1 MiB/s, watched for 10 s.
slow_download() {
	start_heapgate
	measure_idle "$2"
	start download curl -sS --http2 --cacert "$CERT" --limit-rate 1M \
		-o /dev/null "$URL$1"
	local client=$PID
	stays_small 10
	alive "$client" || flunk "the download ended early"
	stop "$client" || true
	stop "$HG"
}

it "from HTTP/1.1"
ports
simple_conf "127.0.0.1:$BACKEND_PORT"
slow_download /bytes/$((1 << 30)) /name

it "from h2c"
ports
simple_conf "127.0.0.1:$NGHTTPD_PORT proto=h2c"
slow_download /1g /1k

it "when 20 clients never open their windows"
ports
simple_conf "127.0.0.1:$BACKEND_PORT"
start_heapgate
measure_idle /name
py "$PORT" >stalled.log 2>&1 <<-'EOT' &
	import sys, time, h2
	conns = [h2.Conn(int(sys.argv[1]), window=0) for _ in range(20)]
	for c in conns:
	    c.ask("/bytes/1073741824", 5)
	print("asked", flush=True)
	time.sleep(60)
EOT
LIB_STARTED+=($!)
soon 10 grep -q asked stalled.log
sleep 3
kept=$((($(rss "$WORKER") - IDLE_KB) / 100))
show "$kept kB for each stalled stream"
at_most $kept 200 "kB for each stalled stream"
stays=$(rss "$WORKER")
sleep 2
at_most "$(rss "$WORKER")" $((stays + 512)) "kB resident two seconds later"
