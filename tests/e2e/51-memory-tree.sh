#!/usr/bin/env bash
# /memory shows workers, their largest connections and the streams of these,
# and its parts add up to what the kernel says; /memory/purge gives back, and
# holds the hybrid's loop for 5 ms at most at a stretch.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/e2e/allocators.sh"

need h2load jq
file 1k 1K
start_backend
start_nghttpd
cert

ADMIN=$TMPDIR/admin.sock
memory() { curl -fsS "http://127.0.0.1:$METRICS/memory" -H 'Accept: application/json'; }
by_admin() { curl -fsS --unix-socket "$ADMIN" "http://admin$1" "${@:2}"; }
ctl() { "$HEAPGATE" ctl -s "$ADMIN" "$@"; }
# of QUERY: is QUERY true of what /memory says?
of() { is "$(jq -r "$1" <<<"$SAYS")" true "$1 of $(head -c 3000 <<<"$SAYS")"; }
clients() { [ "$(memory | jq '.workers[0].clients.n')" = "$1" ]; }

for name in $ALLOCATORS; do
	ports
	conf <<-CONF
		workers 1
		listen 127.0.0.1:$PORT tls cert=$CERT key=$KEY
		listen 127.0.0.1:$CLEAR
		route /1k h2
		route / h1
		upstream h1 { server 127.0.0.1:$BACKEND_PORT }
		upstream h2 { server 127.0.0.1:$NGHTTPD_PORT proto=h2c }
		metrics 127.0.0.1:$METRICS
		admin unix:$ADMIN
	CONF
	it "$name: the largest connection and its stream, byte by byte"
	start_heapgate --allocator "$name,sizes=on,lifetimes=7"
	load 3000 50 10 "$URL/1k"
	load 100 5 5 "$URL/name"
	start held curl -sS --http2 --cacert "$CERT" "$URL/never"
	held=$PID
	soon 5 clients 1
	SAYS=$(memory)
	of '.workers | length == 1'
	of '.workers[0].allocator == "'"$name"'"'
	of '.workers[0].clients.n_streams == 1'
	of '[.workers[0].largest_connections[] | select(.side == "client")] | length == 1'
	TOP_CLIENT='[.workers[0].largest_connections[] | select(.side == "client")][0]'
	of "$TOP_CLIENT | .protocol == \"h2\" and .over_tls and .n_streams == 1"
	of "$TOP_CLIENT | .nghttp2 > 4000 and .tls > 8000 and .streams > 500"
	of "$TOP_CLIENT | .bytes == .struct + .nghttp2 + .tls + .packed + .pending + .held + .streams + .bodies"
	of "$TOP_CLIENT.largest_streams[0] | .state == \"waits\" and .method == \"GET\" and .bytes == .struct + .arena + .request_body + .answer_body"
	of '.workers[0].servers.n >= 2'

	it "$name: the parts of its anonymous memory add up to the kernel's figure"
	of '.workers[0].rss | ([.parts[].bytes] | add) == .anonymous'
	of '.workers[0].rss | .resident == .anonymous + .file_and_shared'
	of '[.workers[0].rss.parts[].part] | index("asked") == 0 and (index("rest") > 2)'
	of '([.workers[0].owners[].live] | add) as $live | ([.workers[0].rss.parts[] | select(.part == "asked" or .part == "rounding").bytes] | add) as $parts | ($live - $parts | fabs) < 20000'

	it "$name: sizes, the most frequent first, and how long blocks live"
	of '.workers[0].sizes.top | length == 20 and .[0].calls >= .[19].calls'
	of '([.workers[0].sizes.up_to[].calls] | add) <= .workers[0].sizes.calls'
	of '.workers[0].sizes.top[0].calls >= 3100' # each request takes some
	of '.workers[0].lifetimes | .one_of == 7 and (.nghttp2 | length) > 0'

	it "$name: addresses of clients are for the admin socket alone"
	of '[.workers[0].largest_connections[] | select(.side == "client" and has("peer"))] | length == 0'
	SAYS=$(by_admin /memory)
	of '[.workers[0].largest_connections[] | select(.side == "client" and .peer == "127.0.0.1")] | length == 1'
	is "$(curl -s -o /dev/null -w '%{http_code}' -X POST "http://127.0.0.1:$METRICS/memory/purge")" 404

	it "$name: the same as text"
	has "$(ctl memory)" "asked for by the program and in use"
	has "$(curl -sS -H 'Accept: text/plain' "http://127.0.0.1:$METRICS/memory")" "client"
	has "$(curl -sS "http://127.0.0.1:$METRICS/memory?format=text")" "h2 tls"

	it "$name: gives back when told to, and says how long that took"
	load 2000 200 10 "$URL/1k"
	SAYS=$(by_admin /memory/purge -X POST)
	show "$(jq -c '.workers[0] | {allocator, before, after, held_us, longest_us, slices}' <<<"$SAYS")"
	of '.workers[0] | .before > 0 and .after <= .before and .slices > 0 and .held_us >= .longest_us'
	if [ "$name" = hybrid ]; then
		of '.workers[0] | .after < .before'
		# A slice that lost the processor to somebody else is no slice.
		for _ in 1 2 3 4 5; do
			load 2000 200 10 "$URL/1k"
			SAYS=$(by_admin /memory/purge -X POST)
			longest=$(jq '.workers[0].longest_us' <<<"$SAYS")
			[ "$longest" -gt 5000 ] || break
		done
		at_most "$longest" 5000 "us in one slice"
	fi
	has "$(ctl purge 0)" "us at most at a stretch"
	exits 1 ctl purge 7
	exits 2 ctl purge x
	stop "$held" || true # else the worker waits for its answer
	stop "$HG"
done

it "the access log says what a request took"
ports
simple_conf "127.0.0.1:$BACKEND_PORT" "log access $TMPDIR/access.json format=json"
start_heapgate
get /bytes/100 -o /dev/null
get /bytes/400000 -o /dev/null
logged() { [ "$(grep -c mem_peak access.json)" = 2 ]; }
soon 5 logged
SAYS=$(jq -s . access.json)
# A body that comes after its head is read into a block of 16 KiB first, and into
# blocks of up to 64 KiB then: into how many, depends on how fast it comes.
of '.[0] | .mem_peak > 1000 and .mem_peak < 24000 and .allocs >= 3 and .allocs < 30'
of '.[1] | .mem_peak > 17000 and .mem_peak < 200000 and .allocs > 15'
stop "$HG"

it "a worker that does not answer is named, and the others are shown"
ports
WORKERS=2 simple_conf "127.0.0.1:$BACKEND_PORT"
start_heapgate
deaf=$(worker)
kill -STOP "$deaf"
SAYS=$(memory)
kill -CONT "$deaf"
of '[.workers[] | select(.error == "no answer")] | length == 1'
of '[.workers[] | select(.rss)] | length == 1'
