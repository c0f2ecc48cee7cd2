#!/usr/bin/env bash
# Arms get the clients that their weights say, over IPv4 and IPv6, at random
# or by address, and also after one of their workers was replaced.
. "$(dirname "$0")/lib.sh"

start_backend
ports

. "$TOP/tests/e2e/experiment.sh"

kill_one_of() {
	local before
	before=$(restarts "$1")
	# shellcheck disable=SC2046
	set -- "$1" $(pids "$1")
	kill -9 "$2"
	soon 5 restarted "$1" $((before + 1))
	soon 5 is_ready
}

# The addresses of a row are divided evenly, so that even 50 of them meet the
# weights; 50 that have nothing to do with each other would by chance be up to
# 14 points off.
it "keeps each of 50 clients of IPv4 on its arm, and the shares"
arms_conf client_ip
start_heapgate
split 127.0.0.1 2000 50
stay
near a 0.6
near b 0.4
cp split before

it "keeps them after a worker was replaced"
kill_one_of a
kill_one_of b
split 127.0.0.1 1000 50
stay
python3 -c 'import json
a, b = (json.load(open(f))["arms_of"] for f in ("before", "split"))
assert a == b, (a, b)'

it "keeps them after a restart of all"
stop "$HG"
start_heapgate
split 127.0.0.1 200 50
python3 -c 'import json
a, b = (json.load(open(f))["arms_of"] for f in ("before", "split"))
assert a == b, (a, b)'

it "moves only clients at the border when a weight changes"
"$HEAPGATE" ctl -c "$CONF" experiment weight a=90 b=10 >/dev/null
split 127.0.0.1 500 50
stay
near a 0.9
python3 -c 'import json
a, b = (json.load(open(f))["arms_of"] for f in ("before", "split"))
assert all(b[c] == ["a"] for c in a if a[c] == ["a"])'

it "counts the split by clients and finds nothing wrong with it"
sleep 1.5
split 127.0.0.1 500 100
is "$(table counted)" clients
at_least "$(table sample_p)" 0.01 "p of the split"
stop "$HG"

it "divides connections at random, also after a worker was replaced"
arms_conf random
start_heapgate
sleep 1.5
split 127.0.0.1 4000 0
near a 0.6
near b 0.4
kill_one_of b
split 127.0.0.1 4000 0
near a 0.6
sleep 1.1
p=$(table sample_p)
show "  sample ratio: p = $p"
at_least "$p" 0.0001 "p of the split"
stop "$HG"

it "does the same over IPv6"
unshare -n true 2>/dev/null || skip "all but IPv6 shown: no network of our own here"
cat >six.sh <<'EOT'
ip link set lo up
ip -6 route add local fd00::/64 dev lo
EOT
unshare -n bash -e six.sh 2>/dev/null || skip "all but IPv6 shown: no IPv6 here"
cat >>six.sh <<'EOT'
. "$TOP/tests/e2e/lib.sh"
start_backend
ports
. "$TOP/tests/e2e/experiment.sh"
LISTEN='[::]'
arms_conf client_ip
start_heapgate
split fd00::1000 2000 50 fd00::1
stay
near a 0.6
cp split before
kill -9 $(workers)
soon 5 restarted a 2
soon 5 is_ready
split fd00::1000 2000 50 fd00::1
stay
cmp before split
# the same sockets serve IPv4
split 127.0.0.1 500 50
stay
near a 0.6
stop "$HG"
arms_conf random
start_heapgate
split fd00::1000 4000 0 fd00::1
near a 0.6
near b 0.4
EOT
mkdir six
TMPDIR=$TMPDIR/six TOP=$TOP B=$B unshare -n bash "$PWD/six.sh" || flunk "over IPv6"
