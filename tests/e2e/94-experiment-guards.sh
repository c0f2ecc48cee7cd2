#!/usr/bin/env bash
# An arm that breaks a guard is drained and its clients go to the baseline; one
# that is no worse than the baseline is not. All that is counted or written
# says its arm.
. "$(dirname "$0")/lib.sh"

start_backend
ports
. "$TOP/tests/e2e/experiment.sh"

# ask ADDRESS N PATH: N requests on one connection from there; the last arm
ask() {
	curl -s --interface "$1" -o /dev/null -D - \
		"http://127.0.0.1:$CLEAR$3?[1-$2]" | tr -d '\r' |
		sed -nE 's/^heapgate-arm: //p' | tail -n 1
}

drained() { [ "$(table state b)" = drained ]; }

it "drains an arm that takes too much memory, and only that"
# A sanitizer takes so much for itself that nobody has twice as much.
if [ -z "${SANITIZE:-}" ]; then
	ARM_A='allocator=hybrid weight=50' ARM_B='allocator=tcmalloc weight=50'
	arms_conf random 'arm c allocator=hybrid weight=50
	guard rss <= 2x breaches=2 of=3
	guard p99 <= 100s'
	start_heapgate
	is "$(table state b)" serving
	soon 10 drained
	has "$(table verdict b)" "drained: rss <= 2x broken in 2 of 3 intervals: rss"
	has "$(cat heapgate.log)" "arm b is drained: rss <= 2x"
	is "$(table state c)" serving
	soon 5 is_ready
	split 127.0.0.1 300 0
	is "$(share b)" 0 "share of b"
	# what b had goes to a, and c has what it had
	at_least "$(share a)" 0.55
	at_least "$(share c)" 0.22
	is "$(metric 'heapgate_arm_drained\{arm="b"')" 1
	stop "$HG"
fi

it "drains an arm that answers with errors"
ARM_A='allocator=system weight=50' ARM_B='allocator=hybrid weight=50'
arms_conf client_ip 'guard error_ratio <= 1% breaches=2 of=3'
sed -i "\$a log access $TMPDIR/access.log format=json" "$CONF"
start_heapgate
split 127.0.0.1 60 30
client() {
	python3 -c 'import json, sys
print([c for c, a in json.load(open("split"))["arms_of"].items() if a == sys.argv[1:]][0])' "$1"
}
of_a=$(client a) of_b=$(client b)
fail_on() { # ADDRESS...: until b is drained
	local end=$((SECONDS + 45)) c
	until drained; do
		for c; do ask "$c" 150 /status/503 >/dev/null; done
		[ $SECONDS -lt $end ] || return 1
	done
}
fail_on "$of_b" || flunk "it was not drained"
has "$(table verdict b)" "error_ratio <= 1%"
is "$(ask "$of_b" 1 /name)" a "arm of b's client"
is "$(ask "$of_a" 1 /name)" a "arm of a's client"

it "writes the arm into each line of the log, and counts by it"
is "$(grep -c '"arm":"b"' access.log)" "$(metric 'heapgate_http_requests_total\{worker="1",arm="b"')"
is "$(grep -vc '"arm":"[ab]"' access.log || true)" 0 "lines without an arm"
# connections, memory, requests, durations: nothing of a worker lacks its arm
is "$(metrics | grep 'worker="' | grep -vc 'arm="[ab]"' || true)" 0 "samples without an arm"
at_least "$(metric 'heapgate_memory_anon_bytes\{worker="0",arm="a"')" 100000
at_least "$(metric 'heapgate_memory_anon_bytes\{worker="1",arm="b"')" 100000
at_least "$(metric 'heapgate_request_duration_seconds_count\{arm="b"')" 100

it "does not drain an arm for what the baseline suffers too"
"$HEAPGATE" ctl -c "$CONF" experiment resume b >/dev/null
is "$(table state b)" serving
sleep 1.2
for _ in {1..4}; do
	for c in "$of_a" "$of_b" "$of_a"; do ask "$c" 150 /status/503 >/dev/null; done
	sleep 0.8
done
is "$(table state b)" serving
stop "$HG"

it "withholds its verdict when the split is not what was asked"
ARM_A='allocator=system weight=50' ARM_B='allocator=hybrid weight=50'
arms_conf client_ip
start_heapgate
sleep 1.5
# clients of a and none of b
python3 - "$CLEAR" <<'EOT'
import socket, sys
G = 0x9e3779b9
for n in range(1, 400):
    a = 0x7f000100 + n
    if a * G % 2**32 >= 2**31:
        continue
    s = socket.socket()
    s.bind((socket.inet_ntoa(a.to_bytes(4, "big")), 0))
    s.connect(("127.0.0.1", int(sys.argv[1])))
    s.sendall(b"GET /name HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    head = b""
    while piece := s.recv(65536):
        head += piece
    assert b"heapgate-arm: a" in head, head
EOT
has "$(table verdict b)" "withheld: the split is not what was asked"
at_most "$(table sample_p)" 0.001
OUT=$("$HEAPGATE" ctl -c "$CONF" experiment)
has "$OUT" "it is not what was asked"

it "says what is wrong with a command"
exits 1 "$HEAPGATE" ctl -c "$CONF" experiment weight x=1
has "$OUT" 'no arm "x"'
exits 1 "$HEAPGATE" ctl -c "$CONF" experiment weight a=many
has "$OUT" 'no weight from 0 to 1000000: "many"'
exits 1 "$HEAPGATE" ctl -c "$CONF" experiment weight a=0 b=0
has "$OUT" "at least one arm"
exits 1 "$HEAPGATE" ctl -c "$CONF" experiment drain a
has "$OUT" "the baseline cannot be drained"
exits 2 "$HEAPGATE" ctl -c "$CONF" experiment weight
exits 2 "$HEAPGATE" ctl -c "$CONF" experiment frobnicate b
is "$(table weight b)" 50
# over TCP one can look, and nothing else
is "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$METRICS/experiment")" 200
is "$(curl -s -o /dev/null -w '%{http_code}' -d '' \
	"http://127.0.0.1:$METRICS/experiment/weight?a=1")" 404
is "$(table weight a)" 50

it "refuses an allocator that an arm cannot have"
arms_conf random 'arm c allocator=/nowhere/lib.so'
exits 69 "$HEAPGATE" -t -c "$CONF"
has "$OUT" "/nowhere/lib.so"
