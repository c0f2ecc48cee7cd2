#!/usr/bin/env bash
# demo: one request through heapgate, then the same load through heapgate with
# each allocator in turn, and a table of what that cost; two allocators on one
# port, the weights changed while clients come; and a short comparison with its
# verdict. "make demo" runs it.
#
# Exit 0: every allocator was proven to be the one that ran, and no request
# failed. It takes less than a minute and leaves nothing running.
#
#   HEAPGATE=PATH     the program (build/heapgate)
#   ALLOCATORS="..."  which ones
#   REQUESTS=8000     in each run; RATE=200 a second on each of 40 connections
#   REPORT=DIR        of the comparison (build/demo-report)
set -eu -o pipefail
TOP=$(cd "$(dirname "$0")/../.." && pwd)
: "${B:=build}"
cd "$TOP"
: "${HEAPGATE:=$B/heapgate}"
: "${ALLOCATORS:=system jemalloc mimalloc tcmalloc hybrid}"
: "${REQUESTS:=8000}" "${RATE:=200}" "${REPORT:=$B/demo-report}"
HEAPGATE=$(realpath "$HEAPGATE")
export LC_ALL=C.UTF-8
CLIENTS=40 STREAMS=10 IDLE=1
SLOW=16 # seconds: after a round that took longer there is no second one

say() { printf '%s\n' "$*"; }
die() { printf 'demo: %s\n' "$*" >&2; exit 1; }
for c in curl h2load awk; do
	command -v $c >/dev/null || die "$c is missing; make deps installs it"
done
[ -x "$HEAPGATE" ] || die "$HEAPGATE is not there; make builds it"

TMP=$(mktemp -d "${TMPDIR:-/tmp}/heapgate-demo.XXXXXX")
ORIGIN='' HG='' LOAD=''
end() {
	local code=$? pid
	trap - EXIT
	for pid in $LOAD $HG $ORIGIN; do kill "$pid" 2>/dev/null || true; done
	for pid in $LOAD $HG $ORIGIN; do wait "$pid" 2>/dev/null || true; done
	rm -rf "$TMP"
	exit $code
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# until_seen FILE REGEX: what the group in the regex matched, once the process
# started last has written it there.
until_seen() {
	local found alive=1 end=$((SECONDS + 10))
	while [ $alive = 1 ] && [ $SECONDS -le $end ]; do
		kill -0 $! 2>/dev/null || alive=0
		found=$(sed -nE "s#.*$2.*#\\1#; T; p; q" "$1")
		[ -z "$found" ] || { echo "$found"; return; }
		sleep 0.05
	done
	cat "$1" >&2
	die "it did not start"
}

# --- the two servers -------------------------------------------------------

start_origin() {
	: >"$TMP/origin.log"
	"$HEAPGATE" origin --listen 127.0.0.1:0 >"$TMP/origin.log" 2>&1 &
	ORIGIN=$!
	ORIGIN_AT=$(until_seen "$TMP/origin.log" 'listening on ([^ ]+)')
}

write_conf() {
	cat >"$TMP/heapgate.conf" <<-CONF
		workers 1
		listen  127.0.0.1:0 tls cert=$TMP/tls.crt key=$TMP/tls.key
		route   / app
		upstream app { server $ORIGIN_AT }
		metrics 127.0.0.1:0
	CONF
}

# start_heapgate ARG...: sets HG, WORKER, URL and METRICS.
start_heapgate() {
	: >"$TMP/heapgate.log"
	"$HEAPGATE" -c "$TMP/heapgate.conf" "$@" >"$TMP/heapgate.log" 2>&1 &
	HG=$!
	METRICS=http://$(until_seen "$TMP/heapgate.log" 'metrics on ([^ ]+)')
	URL=https://$(until_seen "$TMP/heapgate.log" 'listens on ([^ ]+)')
	until_seen "$TMP/heapgate.log" 'supervisor: (ready)' >/dev/null
	read -r WORKER _ <"/proc/$HG/task/$HG/children" || [ -n "$WORKER" ]
}

stop_heapgate() {
	local code=0
	kill "$HG"
	wait "$HG" || code=$?
	HG=''
	[ $code = 0 ] || die "heapgate ended with $code"
}

# --- looking from outside --------------------------------------------------

cpu_ns() { local ns; read -r ns _ <"/proc/$WORKER/schedstat"; echo "$ns"; }

# Anonymous pages in RAM, without those that the kernel may take back at once
# (MADV_FREE): kB.
rss_kb() {
	awk '$1 == "Anonymous:" { a = $2 } $1 == "LazyFree:" { f = $2 }
		END { print a - f }' "/proc/$WORKER/smaps_rollup"
}

label() { sed -nE "s/.*[{,]$1=\"([^\"]*)\".*/\\1/p" <<<"$2"; }

# What an allocator's functions must come from.
library_of() {
	case $1 in
	system) echo '/libc.so.6' ;;
	hybrid) echo "$HEAPGATE" ;;
	*) echo "/lib$1" ;;
	esac
}

# prove ALLOCATOR: the worker says that it runs it and from where, and its map
# of memory has that file and no other allocator. Sets VERSION and FROM.
prove() {
	local info mapped others
	info=$(curl -fsS "$METRICS/metrics" | grep '^heapgate_allocator_info{')
	VERSION=$(label version "$info") FROM=$(label path "$info")
	[ "$(label allocator "$info")" = "$1" ] && [ "${info##* }" = 1 ] ||
		die "$1 was asked for, the worker runs: $info"
	[ -n "$VERSION" ] || die "$1 has no version: $info"
	case $FROM in *"$(library_of "$1")"*) ;; *) die "$1 is from $FROM" ;; esac
	mapped=$(awk '$6 ~ /^\// { print $6 }' "/proc/$WORKER/maps" | sort -u)
	grep -qxF "$(realpath "$FROM")" <<<"$mapped" ||
		die "$FROM is not mapped by the worker"
	others=$(grep -E '/lib(jemalloc|mimalloc|tcmalloc|tbbmalloc)' <<<"$mapped" |
		grep -vxF "$(realpath "$FROM")" || true)
	[ -z "$others" ] || die "the worker of $1 has mapped $others too"
}

# --- one request -----------------------------------------------------------

show_one() {
	say "== one request, TLS HTTP/2"
	say "\$ curl -i --http2 --cacert tls.crt $URL/"
	curl -sS -i --http2 --cacert "$TMP/tls.crt" "$URL/" | tr -d '\r' >"$TMP/one"
	sed 's/^/  /' "$TMP/one"
	head -n 1 "$TMP/one" | grep -q '^HTTP/2 200' || die "that is not HTTP/2 200"
	grep -qi '^via: .*heapgate' "$TMP/one" || die "there is no Via"
	say "\$ curl $METRICS/metrics | grep allocator_info"
	curl -fsS "$METRICS/metrics" | grep '^heapgate_allocator_info{' | sed 's/^/  /'
	say
}

# --- the same load for each ------------------------------------------------

# run ALLOCATOR ROUND: a fresh heapgate, the load, a pause; a line for the table.
run() {
	local before after start peak now idle ok failed us
	start_heapgate --allocator "$1"
	curl -sS -o /dev/null --http2 --cacert "$TMP/tls.crt" "$URL/"
	prove "$1"
	start=$(rss_kb) peak=$start before=$(cpu_ns)
	h2load -t 1 -n "$REQUESTS" -c $CLIENTS -m $STREAMS --rps "$RATE" "$URL/bytes/1k" \
		"$URL/bytes/16k" "$URL/delay/20?bytes=4k" >"$TMP/load" 2>&1 &
	LOAD=$!
	while kill -0 "$LOAD" 2>/dev/null; do
		now=$(rss_kb)
		[ "$now" -le "$peak" ] || peak=$now
		sleep 0.05
	done
	wait "$LOAD" || { cat "$TMP/load" >&2; die "h2load failed"; }
	LOAD=''
	after=$(cpu_ns)
	sleep $IDLE
	idle=$(rss_kb)
	stop_heapgate
	ok=$(sed -nE 's/^status codes: ([0-9]+) 2xx.*/\1/p' "$TMP/load")
	failed=$((REQUESTS - ${ok:-0}))
	us=$(awk "BEGIN { printf \"%.1f\", ($after - $before) / 1000 / $REQUESTS }")
	say "$2 $1 $REQUESTS $failed $us $start $peak $idle ${VERSION%%-*} $FROM" \
		>>"$TMP/runs"
	printf '  round %s  %-9s %6d requests, %d failed, %5.1f µs of CPU each\n' \
		"$2" "$1" "$REQUESTS" "$failed" "$us"
}

table() {
	awk -v order="$ALLOCATORS" '
	function range(what, a, form, per) {
		lo = sprintf(form, least[what, a] / per)
		hi = sprintf(form, most[what, a] / per)
		return lo == hi ? lo : lo " – " hi
	}
	function note(what, a, v) {
		if (!((what, a) in least) || v < least[what, a]) least[what, a] = v
		if (!((what, a) in most) || v > most[what, a]) most[what, a] = v
	}
	# awk counts bytes or characters; the dash has one column either way
	function pad(s, n,  plain) {
		plain = s
		gsub(/–/, "-", plain)
		while (length(plain) < n) { s = s " "; plain = plain " " }
		return s
	}
	{
		requests[$2] += $3; failed[$2] += $4; version[$2] = $9; path[$2] = $10
		note("us", $2, $5); note("start", $2, $6); note("peak", $2, $7)
		note("idle", $2, $8)
	}
	END {
		print pad("", 10) pad("", 10) pad("", 9) pad("", 7) pad("CPU µs", 14) \
			"anonymous RSS of the worker, MiB"
		print pad("allocator", 10) pad("version", 10) pad("requests", 9) \
			pad("failed", 7) pad("per request", 14) pad("start", 12) \
			pad("load", 12) pad("idle", 12) "from"
		n = split(order, name, " ")
		for (i = 1; i <= n; i++) {
			a = name[i]
			print pad(a, 10) pad(version[a], 10) pad(requests[a], 9) \
				pad(failed[a], 7) pad(range("us", a, "%.1f", 1), 14) \
				pad(range("start", a, "%.1f", 1024), 12) \
				pad(range("peak", a, "%.1f", 1024), 12) \
				pad(range("idle", a, "%.1f", 1024), 12) path[a]
		}
	}' "$TMP/runs"
}

# --- two allocators on one port --------------------------------------------

# accepted ARM: connections so far
accepted() {
	curl -fsS "$METRICS/metrics" | awk -v arm="arm=\"$1\"" '
		/^heapgate_connections_accepted_total\{/ && index($0, arm) { n += $NF }
		END { print n + 0 }'
}

# share: since the last time; sets A and B
share() {
	local a b
	a=$(accepted a) b=$(accepted b)
	say "  $1: $((a - A)) connections to a, $((b - B)) to b"
	A=$a B=$b
}

show_switch() {
	local ok failed
	cat >>"$TMP/heapgate.conf" <<-CONF
		admin unix:$TMP/admin.sock
		experiment {
			arm a allocator=jemalloc weight=50 workers=1
			arm b allocator=hybrid weight=50 workers=1
			assign random
		}
	CONF
	start_heapgate
	say "== two allocators on one port: half of the connections each, then 90 to 10,"
	say "   then b drained, while clients come and go"
	"$HEAPGATE" load "$URL/" --workload tls-churn --rate 300 --duration 4500ms \
		--json >"$TMP/load" &
	LOAD=$!
	A=$(accepted a) B=$(accepted b)
	sleep 1.4
	share "at 50:50"
	say "\$ heapgate ctl experiment weight a=90 b=10"
	"$HEAPGATE" ctl -s "$TMP/admin.sock" experiment weight a=90 b=10 >/dev/null
	sleep 1.4
	share "at 90:10"
	say "\$ heapgate ctl experiment drain b"
	"$HEAPGATE" ctl -s "$TMP/admin.sock" experiment drain b >/dev/null
	sleep 1.4
	share "b drained"
	wait "$LOAD" || die "the load generator failed"
	LOAD=''
	ok=$(sed -E 's/.*"ok":([0-9]+).*/\1/' "$TMP/load")
	failed=$(sed -E 's/.*"planned":([0-9]+).*/\1/' "$TMP/load")
	failed=$((failed - ok))
	say "  $ok requests answered meanwhile, $failed failed"
	[ "$failed" = 0 ] || die "$failed requests failed while the weights changed"
	stop_heapgate
	say
}

# --- a short comparison ----------------------------------------------------

# It says itself what it found, if only that nothing can be said.
show_comparison() {
	say "== a comparison of 20 seconds, the shortest that can have a verdict"
	say "\$ heapgate ab --arms hybrid --baseline system --rounds 6 --duration 22s"
	"$HEAPGATE" ab --arms hybrid --baseline system --rounds 6 --duration 22s \
		--out "$REPORT" >"$TMP/ab" 2>"$TMP/ab.err" ||
		{ cat "$TMP/ab.err" >&2; die "heapgate ab failed"; }
	sed -n '/^rss_avg:/,/^rss_avg_gross:/p' "$TMP/ab" | sed '$d; s/^/  /'
	say
	tail -n 2 "$TMP/ab" | sed '1s/$/\n/' | fold -s -w 86 | sed 's/ *$//'
	say
}

"$HEAPGATE" cert --out "$TMP" >/dev/null
start_origin
write_conf
start_heapgate --allocator hybrid
show_one
stop_heapgate

say "== the same load for each allocator: $REQUESTS requests at $((CLIENTS * RATE))/s on" \
	"$CLIENTS connections"
began=$SECONDS rounds=1
for a in $ALLOCATORS; do run "$a" 1; done
if [ $((SECONDS - began)) -le $SLOW ]; then
	rounds=2
	backwards=''
	for a in $ALLOCATORS; do backwards="$a $backwards"; done
	for a in $backwards; do run "$a" 2; done
fi
say
table
cat <<-NOTE

	a – b: the two rounds; their distance is noise, so a smaller difference between
	two allocators means nothing here. start: after one request. load: the highest of
	samples each 50 ms. idle: ${IDLE} s after the last connection closed. RSS is
	anonymous pages less LazyFree; what an allocator takes at start is in all three
	(subtract it to compare what requests cost). The load is a third each of
	/bytes/1k, /bytes/16k and /delay/20?bytes=4k. CPU includes $CLIENTS TLS handshakes.

	What this does not show: hours of uptime, other traffic than this, a busy machine,
	tuned allocators (each runs with its defaults), latency. No winner follows from it.
NOTE
[ $rounds = 2 ] || say "This machine is slow: there was only one round, so no ranges."
failed=$(awk '{ n += $4 } END { print n + 0 }' "$TMP/runs")
[ "$failed" = 0 ] || die "$failed requests failed"
say
show_switch
show_comparison
say "Every allocator was proven, by its own word and by /proc/PID/maps; no request failed."
