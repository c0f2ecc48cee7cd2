#!/usr/bin/env bash
# Each allocator by its word, one by its path, and what the metrics say of it.
. "$(dirname "$0")/../lib.sh"

start_origin
export PORT=0 METRICS_PORT=0 APP=$ORIGIN

# value NAME LABEL: of the metric that has this label.
value() {
	awk -v name="heapgate_$1{" -v label="$2" \
		'index($0, name) == 1 && index($0, label) { n += $NF } END { print n + 0 }' \
		"$TMP/metrics"
}

# try SPEC NAME
try() {
	local info worker
	start_heapgate --allocator "$1"
	h2load -n 500 -c 5 -m 5 "http://$LISTEN/bytes/4k" >"$TMP/load"
	grep -q '500 succeeded, 0 failed' "$TMP/load" || fail "$1: requests failed"
	sleep 1.1 # what the allocator says of itself is asked once a second
	curl -sS "http://$METRICS/metrics" >"$TMP/metrics"
	info=$(grep '^heapgate_allocator_info{' "$TMP/metrics")
	shows "$1" "$info" "allocator=\"$2\""
	printf '    version %s, regions %s\n    from %s\n' \
		"$(sed -E 's/.*version="([^"]*)".*/\1/' <<<"$info")" \
		"$(sed -E 's/.*regions="([^"]*)".*/\1/' <<<"$info")" \
		"$(sed -E 's/.*path="([^"]*)".*/\1/' <<<"$info")"
	printf '    live bytes: proxy %d, nghttp2 %d, libevent %d; of streams %d\n' \
		"$(value allocator_live_bytes 'owner="proxy"')" \
		"$(value allocator_live_bytes 'owner="nghttp2"')" \
		"$(value allocator_live_bytes 'owner="libevent"')" \
		"$(value allocator_live_bytes 'life="stream"')"
	[ "$(value allocator_calls_total 'op="alloc"')" -ge 500 ] ||
		fail "$1: the table counted fewer calls than there were requests"
	stop_heapgate
}

for name in system jemalloc mimalloc tcmalloc hybrid; do try $name $name; done
try jemalloc,regions=bump jemalloc
try hybrid,regions=heap hybrid
lib=$(PATH=$PATH:/sbin:/usr/sbin ldconfig -p |
	awk '$1 == "libtbbmalloc.so.2" && !n++ { print $NF }')
[ -z "$lib" ] || try "$lib,prefix=scalable_" "$lib"

code=0
"$HEAPGATE" -c "$HERE/heapgate.conf" --allocator /nowhere/lib.so >"$TMP/log" 2>&1 || code=$?
shows "one that does not exist" "exit $code: $(cat "$TMP/log")" "exit 69"
