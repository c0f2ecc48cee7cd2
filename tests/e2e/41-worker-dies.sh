#!/usr/bin/env bash
# A worker is killed: the others serve on, a new one is there within a second
# and is counted, and no connection that was not its own is lost.
. "$(dirname "$0")/lib.sh"

start_backend
ports
WORKERS=2 simple_conf "127.0.0.1:$BACKEND_PORT"
start_heapgate
is "$(workers | wc -l)" 2 "workers"

it "serves on while one is killed and replaced"
old=$(workers)
victim=$(head -n 1 <<<"$old")
(
	for _ in {1..150}; do
		get /name -o /dev/null -w '%{http_code}\n' --max-time 5 || echo failed
	done
) >codes 2>&1 &
asker=$!
LIB_STARTED+=($asker)
sleep 0.3
kill -9 "$victim"
began=$EPOCHREALTIME
replaced() { [ "$(workers | grep -vcx "$victim")" = 2 ]; }
until replaced; do
	at_most "$(awk "BEGIN { print $EPOCHREALTIME - $began }")" 1 "seconds"
	sleep 0.02
done
wait $asker
# The one connection that the victim may have been serving is lost with it.
show "$(grep -v 200 codes || true)"
at_most "$(grep -cx failed codes || true)" 1 "requests that failed"
is "$(grep -cxE '200|failed' codes)" 150 "requests"

it "counts it"
at_least "$(metric 'heapgate_worker_restarts_total')" 1 "restarts"

it "has two that both serve"
for pid in $(workers); do alive "$pid" || flunk "$pid is dead"; done
is "$(workers | wc -l)" 2 "workers"
for pid in $(workers); do is "$(<"/proc/$pid/comm")" heapgate; done

it "lives on when all of them are killed at once"
kill -9 $(workers)
soon 5 get /name -o /dev/null --max-time 2

it "still ends in order"
code=0
stop "$HG" || code=$?
is $code 0 "exit code"
