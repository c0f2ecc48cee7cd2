#!/usr/bin/env bash
# In steady state nothing allocates past the table: at most 1 call in 1,000
# requests, whatever the library.
. "$(dirname "$0")/lib.sh"

[ -z "${SANITIZE:-}" ] || skip "a sanitizer has malloc of its own"
[ -e "$STRAY" ] || skip "stray.so is not built"
need h2load
file 1k 1K
start_backend
start_nghttpd

# strays PID WHO: calls so far of libc's malloc and its kin.
strays() {
	tr -d '\0' <"$TMPDIR/stray.$1" | awk -v who="$2" \
		'who == "all" || $2 == who { n += $1 } END { print n + 0 }'
}

# few_strays ALLOCATOR WHO N URL
few_strays() {
	local before after
	load 500 10 10 "$4"
	before=$(strays "$WORKER" "$2")
	cp "$TMPDIR/stray.$WORKER" before
	load "$3" 10 10 "$4"
	is "$LOAD_OK" "$3" "succeeded"
	after=$(strays "$WORKER" "$2")
	show "$1: $((after - before)) stray calls in $3 requests, $before at start"
	[ $((after - before)) -le $(($3 / 1000)) ] || {
		diff <(tr -d '\0' <before) <(tr -d '\0' <"$TMPDIR/stray.$WORKER") | head -n 30
		flunk "$((after - before)) stray calls in $3 requests"
	}
}

for name in jemalloc mimalloc tcmalloc hybrid system; do
	who=all
	# Its own table is malloc; what libraries ask is stray all the same.
	[ $name != system ] || who=lib
	ports
	simple_conf "127.0.0.1:$NGHTTPD_PORT proto=h2c" \
		"route /name h1
		 upstream h1 { server 127.0.0.1:$BACKEND_PORT }
		 log access $TMPDIR/access.log format=json"
	export STRAY_OUT=$TMPDIR/stray LD_PRELOAD=$STRAY
	start_heapgate --allocator $name
	unset LD_PRELOAD STRAY_OUT
	WORKER=$(worker)
	it "$name, TLS HTTP/2 in front, h2c behind"
	few_strays $name $who 4000 "$URL/1k"
	it "$name, TLS HTTP/2 in front, HTTP/1.1 behind"
	few_strays $name $who 4000 "$URL/name"
	it "$name, HTTP/1.1 in front"
	few_strays $name $who 2000 "http://127.0.0.1:$CLEAR/1k" --h1
	stop "$HG"
done
