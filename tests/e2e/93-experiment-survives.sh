#!/usr/bin/env bash
# An experiment never takes the service down: not when all workers of an arm
# are killed under load, not when they die again and again, not when weights
# change, not when an arm is drained.
. "$(dirname "$0")/lib.sh"
need h2load

start_backend
ports
. "$TOP/tests/e2e/experiment.sh"
ARM_A='allocator=system weight=50 workers=2' ARM_B='allocator=hybrid weight=50 workers=2'
arms_conf random
start_heapgate

# asks until the file "enough" is there; one line for each answer: its status,
# its arm, how long it took
ask_on() {
	while [ ! -e enough ]; do
		curl -s --max-time 10 -o /dev/null -D headers.$1 \
			-w '%{http_code} %{time_total}\n' "http://127.0.0.1:$CLEAR/name" \
			>answer.$1 || true
		echo "$(cat answer.$1) $(sed -nE 's/^heapgate-arm: (.).*/\1/p' headers.$1)"
	done >asked.$1
}
connections() { metric "heapgate_connections\\{worker=\"[0-9]+\",arm=\"$1\""; }

it "loses only its connections when all workers of an arm are killed under load"
h2load -t 1 -n 400000 -c 24 -m 1 "http://127.0.0.1:$CLEAR/name" >h2load.log 2>&1 &
loader=$!
LIB_STARTED+=($loader)
connected() { [ "$(metric 'heapgate_connections\{')" -ge 24 ]; }
soon 10 connected
of_a=$(connections a)
of_b=$(connections b)
show "  $of_a connections on a, $of_b on b"
at_least "$of_b" 1
ask_on 1 & asker=$!
LIB_STARTED+=($asker)
sleep 0.3
# shellcheck disable=SC2046
kill -9 $(pids b)
soon 5 restarted b 2
soon 5 is_ready
sleep 1
touch enough
wait $asker
kill $loader 2>/dev/null || true
# h2load says at its end what became of each connection; it is not waited for,
# for those that were lost count as done: what counts is that a goes on.
at_least "$(connections a)" 0
is "$(restarts a)" 0 "restarts of a"
is "$(awk '$1 != 200 && $3 == "a"' asked.1 | wc -l)" 0 "failures of a"
at_most "$(awk '$1 != 200' asked.1 | wc -l)" 2 "failures, of those asked meanwhile"
at_least "$(wc -l <asked.1)" 8 "answers meanwhile"
at_most "$(awk '{ print $2 }' asked.1 | sort -n | tail -n 1)" 3 "longest wait, s"
wait $loader 2>/dev/null || true
rm enough

it "fails exactly as many requests as the dead arm's connections had"
h2load -t 1 -n 20000 -c 20 -m 5 "http://127.0.0.1:$CLEAR/name" >h2load.log 2>&1 &
loader=$!
LIB_STARTED+=($loader)
connected() { [ "$(metric 'heapgate_connections\{')" -ge 20 ]; }
soon 10 connected
of_b=$(connections b)
# shellcheck disable=SC2046
kill -9 $(pids b)
wait $loader || true
ok=$(sed -nE 's/^requests:.* ([0-9]+) succeeded.*/\1/p' h2load.log)
show "  $of_b of 20 connections were on b; $ok of 20000 requests succeeded"
at_least "$ok" $(((20 - of_b) * 1000)) "requests that succeeded"
soon 5 is_ready

it "gives the clients of an arm whose workers keep dying to the baseline"
kill_b() {
	local pid
	for pid in $(workers); do
		if tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q ' hybrid '; then
			kill -9 "$pid"
		fi
	done 2>/dev/null
	true
}
while [ ! -e enough ]; do
	kill_b
	sleep 0.1
done &
killer=$!
LIB_STARTED+=($killer)
down() { [ "$(table state b)" = down ]; }
soon 15 down
split 127.0.0.1 50 0
is "$(share a)" 1.0 "share of the baseline"
is "$(table state a)" serving
touch enough
wait $killer
rm enough
back() { [ "$(table state b)" = serving ] && is_ready; }
soon 15 back
split 127.0.0.1 400 0
at_least "$(share b)" 0.3 "share of b once it is back"

it "loses nothing when weights change under load"
for i in 1 2 3; do ask_on $i & askers[$i]=$!; LIB_STARTED+=("${askers[$i]}"); done
for i in {1..15}; do
	"$HEAPGATE" ctl -c "$CONF" experiment weight a=$((i % 2 * 100)) b=$((100 - i % 2 * 100)) >/dev/null
	sleep 0.1
done
touch enough
wait "${askers[@]}"
cat asked.1 asked.2 asked.3 >asked
show "  $(wc -l <asked) answers, $(grep -c 'a$' asked) of a, $(grep -c 'b$' asked) of b"
is "$(awk '$1 != 200' asked | wc -l)" 0 "failures"
at_least "$(grep -c 'a$' asked)" 10
at_least "$(grep -c 'b$' asked)" 10
rm enough

it "loses nothing when an arm is drained and resumed"
"$HEAPGATE" ctl -c "$CONF" experiment weight a=50 b=50 >/dev/null
old=$(pids b | sort | tr '\n' ' ')
for i in 1 2; do ask_on $i & askers[$i]=$!; LIB_STARTED+=("${askers[$i]}"); done
sleep 0.3
"$HEAPGATE" ctl -c "$CONF" experiment drain b >/dev/null
is_ready >/dev/null || flunk "not ready while it drains"
sleep 0.7
is "$(table state b)" drained
is "$(metric 'heapgate_arm_drained\{arm="b"')" 1
split 127.0.0.1 100 0
is "$(share a)" 1.0 "share of the baseline"
# its workers were replaced, and nobody calls that a crash
fresh() { [ "$(pids b | sort | tr '\n' ' ')" != "$old" ]; }
soon 5 fresh
before=$(restarts b)
"$HEAPGATE" ctl -c "$CONF" experiment resume b >/dev/null
sleep 0.5
touch enough
wait "${askers[1]}" "${askers[2]}"
is "$(awk '$1 != 200' asked.1 asked.2 | wc -l)" 0 "failures"
is "$(restarts b)" "$before" "restarts"
split 127.0.0.1 400 0
at_least "$(share b)" 0.3 "share of b"
rm enough

it "keeps weights and drains over a reload that does not touch the arms"
"$HEAPGATE" ctl -c "$CONF" experiment weight a=70 b=30 >/dev/null
"$HEAPGATE" ctl -c "$CONF" experiment drain b >/dev/null
sed -i 's/^\t*via.*//; $a via other' "$CONF"
"$HEAPGATE" ctl -c "$CONF" reload
is "$(table weight a)" 70
is "$(table state b)" drained

it "takes arms away and brings more at a reload"
ARM_A='allocator=system weight=1' ARM_B='allocator=system weight=1'
arms_conf random 'arm c allocator=hybrid weight=2 workers=3'
"$HEAPGATE" ctl -c "$CONF" reload
sleep 0.5
split 127.0.0.1 1000 0
at_least "$(share c)" 0.42
at_most "$(share c)" 0.58
simple_conf "127.0.0.1:$BACKEND_PORT" "admin unix:$TMPDIR/admin.sock"
"$HEAPGATE" ctl -s "$TMPDIR/admin.sock" reload
exits 1 "$HEAPGATE" ctl -s "$TMPDIR/admin.sock" experiment
has "$OUT" "no experiment"
for _ in {1..100}; do is "$(plain /name -o /dev/null -w '%{http_code}')" 200; done
ARM_A='allocator=system weight=60' ARM_B='allocator=hybrid weight=40 workers=4'
arms_conf client_ip
"$HEAPGATE" ctl -s "$TMPDIR/admin.sock" reload
sleep 0.5
split 127.0.0.1 500 50
stay
near a 0.6
stop "$HG"
