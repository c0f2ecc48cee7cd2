# experiment: what the tests of experiments share; to be sourced after lib.sh
# and after "ports", with a server on $BACKEND_PORT.
#
#   arms_conf ASSIGN [STATEMENTS]   two arms, a and b, on $CLEAR; $ARM_A and
#                          $ARM_B are the rest of their lines
#   split HOST N ADDRESSES [FIRST]   split.py; its answer is in the file "split"
#   share ARM              of "split";  near ARM SHARE: within 3 points
#   stay                   each address has met one arm only
#   table KEY [ARM]        a figure of the experiment
#   pids ARM               its workers

LISTEN=127.0.0.1
ARM_A='allocator=system weight=60 workers=2' ARM_B='allocator=hybrid weight=40'

arms_conf() {
	conf <<-CONF
		listen $LISTEN:$CLEAR
		route / app
		upstream app { server 127.0.0.1:$BACKEND_PORT }
		metrics 127.0.0.1:$METRICS
		admin unix:$TMPDIR/admin.sock
		experiment {
			arm a $ARM_A
			arm b $ARM_B
			assign $1
			header on
			interval 1s
			${2:-}
		}
	CONF
}

split() {
	python3 "$TOP/tests/e2e/split.py" "$1" "$CLEAR" "$2" "$3" "${4:-127.0.0.1}" >split
}

share() {
	python3 -c 'import json, sys
print(json.load(open("split"))["shares"].get(sys.argv[1], 0))' "$1"
}

near() {
	local got
	got=$(share "$1")
	show "  $1 has $got, wanted $2"
	at_most "$got" "$2 + 0.03" "share of $1"
	at_least "$got" "$2 - 0.03" "share of $1"
}

stay() {
	python3 -c 'import json
arms = json.load(open("split"))["arms_of"]
moved = {c: a for c, a in arms.items() if len(a) != 1}
assert not moved, moved
print("  %d clients, each on one arm" % len(arms))'
}

table() {
	curl -fsS --unix-socket "$TMPDIR/admin.sock" http://a/experiment | python3 -c '
import json, sys
t = json.load(sys.stdin)
if len(sys.argv) > 2:
    t = [a for a in t["arms"] if a["arm"] == sys.argv[2]][0]
print(t[sys.argv[1]])' "$@"
}

pids() {
	curl -fsS --unix-socket "$TMPDIR/admin.sock" http://a/workers | python3 -c '
import json, sys
for w in json.load(sys.stdin):
    if w["arm"] == sys.argv[1] and w["pid"]:
        print(w["pid"])' "$1"
}

is_ready() { curl -fs "http://127.0.0.1:$METRICS/readyz"; }
restarts() { metric "heapgate_worker_restarts_total\\{arm=\"$1\""; }
restarted() { [ "$(restarts "$1")" -ge "$2" ]; }
