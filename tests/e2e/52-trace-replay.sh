#!/usr/bin/env bash
# A trace replayed on the allocator that it was recorded with needs the memory
# that the recorded process needed; what is no whole trace is refused.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/e2e/allocators.sh"

need h2load jq
file 1k 1K
file 64k 64K
start_nghttpd
cert

replay() { "$HEAPGATE" replay "$@" --json; }

traced_conf() {
	ports
	conf <<-CONF
		workers ${1:-1}
		listen 127.0.0.1:$PORT tls cert=$CERT key=$KEY
		route / h2
		upstream h2 { server 127.0.0.1:$NGHTTPD_PORT proto=h2c }
		metrics 127.0.0.1:$METRICS
	CONF
}

# record NAME: a trace of NAME's
record() {
	traced_conf
	start_heapgate --allocator "$1+trace=$TMPDIR/$1.trace,regions=heap"
	load 4000 400 10 "$URL/1k"
	load 500 50 10 "$URL/64k"
	stop "$HG"
}

# peak NAME: how far the replay's peak is from the recorded one, in percent
peak() {
	replay "$1.trace" >"$1.json"
	jq '(.replays[0].peak_bytes / .trace.peak_bytes - 1) * 100 | fabs' "$1.json"
}

for name in $ALLOCATORS; do
	it "$name: a trace of all calls, none of them lost"
	record "$name"
	off=$(peak "$name")
	is "$(jq .trace.lost "$name.json")" 0
	at_least "$(jq .trace.records "$name.json")" 100000 calls
	is "$(jq -r '.replays[0].allocator' "$name.json")" "$name,regions=heap"
	is "$(jq .replays[0].failed "$name.json")" 0

	# Both are anonymous memory less that of the process before its first
	# call. What one recording and one replay find is noise in part, more so on
	# a busy machine: three times is enough.
	it "$name: the replay's peak is within 10 % of the recorded one"
	for _ in 1 2; do
		jq -e "$off <= 10" <<<null >/dev/null && break
		rm "$name.trace"
		record "$name"
		off=$(peak "$name")
	done
	show "$(jq -c '{recorded: .trace.peak_bytes, replayed: .replays[0].peak_bytes, ns_per_call: .replays[0].ns_per_call}' "$name.json")"
	at_most "$off" 10 "percent"
done

it "one trace, several allocators, as a table"
OUT=$("$HEAPGATE" replay system.trace --allocator system --allocator hybrid,regions=heap)
has "$OUT" "recorded"
has "$OUT" "hybrid,regions=heap"

it "refuses what is cut off, foreign, damaged or not there"
head -c 100000 system.trace >cut.trace
exits 2 "$HEAPGATE" replay cut.trace
has "$OUT" "it is cut off at byte"
head -c 100 system.trace >head.trace
exits 2 "$HEAPGATE" replay head.trace
has "$OUT" "its head is not whole"
: >empty.trace
exits 2 "$HEAPGATE" replay empty.trace
exits 2 "$HEAPGATE" replay "$CERT"
has "$OUT" "this is no trace of heapgate"
cp system.trace more.trace
echo more >>more.trace
exits 2 "$HEAPGATE" replay more.trace
has "$OUT" "behind the end"
exits 2 "$HEAPGATE" replay nowhere.trace
exits 2 "$HEAPGATE" replay "$TMPDIR"
exits 2 "$HEAPGATE" replay system.trace --allocator nobody
exits 2 "$HEAPGATE" replay
exits 69 "$HEAPGATE" replay system.trace --allocator /nowhere.so

it "each worker has a file of its own by %p, and none shares one"
traced_conf 2
start_heapgate --allocator "hybrid+trace=$TMPDIR/w.%p.trace"
[ "$(echo w.*.trace | wc -w)" = 2 ] || flunk "$(echo w.*.trace)"
stop "$HG"
for f in w.*.trace; do replay "$f" >/dev/null; done
traced_conf 2
exits 69 timeout 20 "$HEAPGATE" -c "$CONF" --allocator "hybrid+trace=$TMPDIR/one.trace"
has "$OUT" "another process writes to"

it "refuses a file that it cannot write"
exits 69 timeout 20 "$HEAPGATE" -c "$CONF" --allocator "hybrid+trace=/nowhere/x.trace"
has "$OUT" "cannot write /nowhere/x.trace"
exits 69 "$HEAPGATE" -c "$CONF" --allocator "hybrid+trace="
has "$OUT" "a file name of 1 to 127 bytes must follow"
