#!/usr/bin/env bash
# A stream's memory is all back when the stream ends and a connection's when
# it ends, for every allocator and both kinds of regions.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/e2e/allocators.sh"

need h2load
file 1k 1K
file 20k 20K
start_backend
start_nghttpd
cert

live() { metric "heapgate_allocator_live_bytes\{.*life=\"$1\""; }
live_all() { metric 'heapgate_allocator_live_bytes\{'; }

# All that a client may do, with bodies, trailers, failures and rude ends.
all_sorts() {
	load 2000 20 10 "$URL/1k"
	load 500 10 5 "$URL/name"
	load 300 10 3 "$URL/sum" -d "$WWW/20k"
	load 300 10 1 "http://127.0.0.1:$CLEAR/name" --h1
	get /trailers -o /dev/null
	get /sum -T - -o /dev/null <"$WWW/20k"
	get /status/404 -o /dev/null
	get /half/100000 -o /dev/null 2>/dev/null || true
	get /reset -o /dev/null
	get /never -o /dev/null --max-time 0.3 2>/dev/null || true
	get /bytes/100000000 -o /dev/null --max-time 0.2 2>/dev/null || true
	plain /bytes/100000000 -o /dev/null --max-time 0.2 2>/dev/null || true
	curl -sS --http2 -k "https://127.0.0.1:$PORT/name" --max-time 0.01 -o /dev/null \
		2>/dev/null || true
}

grown() { [ "$(live stream)" -gt "$1" ]; }
back_at_start() { [ "$(live stream)" = "$1" ] && [ "$(live conn)" = "$2" ]; }

for name in $ALLOCATORS; do
	for regions in bump heap; do
		ports
		conf <<-CONF
			workers 1
			listen 127.0.0.1:$PORT tls cert=$CERT key=$KEY
			listen 127.0.0.1:$CLEAR
			route /1k h2
			route / h1
			upstream h1 { server 127.0.0.1:$BACKEND_PORT; idle_timeout 1s }
			upstream h2 { server 127.0.0.1:$NGHTTPD_PORT proto=h2c
			              idle_timeout 1s }
			metrics 127.0.0.1:$METRICS
		CONF
		it "$name with regions=$regions gives back each stream and connection"
		start_heapgate --allocator "$name,regions=$regions"
		has "$(metrics)" "regions=\"$regions\""
		stream=$(live stream) conn=$(live conn)
		start held curl -sS --http2 --cacert "$CERT" "$URL/never"
		held=$PID
		soon 5 grown "$stream"
		all_sorts
		stop "$held" || true
		soon 10 back_at_start "$stream" "$conn"
		once=$(live_all)

		it "$name with regions=$regions keeps no more the second time"
		all_sorts
		soon 10 back_at_start "$stream" "$conn"
		again=$(live_all)
		show "stream $stream, conn $conn, all lives $once then $again bytes"
		at_most "$again" "$((once + 65536))" "live bytes in all"
		stop "$HG"
	done
done
