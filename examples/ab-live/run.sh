#!/usr/bin/env bash
# Two allocators serve the same port; weights change while clients come, an arm
# is drained and comes back, and no request fails.
. "$(dirname "$0")/../lib.sh"

start_origin
export PORT=0 METRICS_PORT=0 APP=$ORIGIN ADMIN=$TMP/admin.sock
start_heapgate

ctl() { "$HEAPGATE" ctl -s "$ADMIN" "$@"; }
# share ARM: of the last 400 connections, in percent
share() {
	local n=0 arm
	for arm in $(sed -nE 's/^heapgate-arm: ([a-z]*).*/\1/p' "$TMP/headers"); do
		[ "$arm" != "$1" ] || n=$((n + 1))
	done
	echo $((n * 100 / 400))
}
visit() {
	: >"$TMP/headers"
	curl -sS -D "$TMP/headers" -o /dev/null -w '%{http_code}\n' -H 'Connection: close' \
		"http://$LISTEN/bytes/1k?[1-400]" | sort | uniq -c >"$TMP/codes"
	[ "$(awk '{ print $1, $2 }' "$TMP/codes")" = "400 200" ] ||
		fail "answers: $(cat "$TMP/codes")"
}

answer=$(curl -sSi "http://$LISTEN/bytes/10")
shows "an answer names its arm" "$answer" "heapgate-arm: "

visit
printf '  %-44s %s %%\n' "of 400 connections, with weights 50:50, b has" "$(share b)"
ctl experiment weight a=90 b=10 >/dev/null
visit
printf '  %-44s %s %%\n' "with 90:10" "$(share b)"
[ "$(share b)" -le 20 ] || fail "the weights count for nothing"

ctl experiment drain b >/dev/null
visit
[ "$(share b)" = 0 ] || fail "a drained arm gets clients"
shows "b drained" "$(ctl experiment)" "drained: asked for"
ctl experiment weight a=50 b=50 >/dev/null
ctl experiment resume b >/dev/null

# Weights change while h2load runs, over and over; nothing fails.
sleep 1.2
for _ in 1 2 3 4 5 6 7 8; do
	h2load -n 1500 -c 50 -m 1 "http://$LISTEN/bytes/1k" >"$TMP/load" &
	load=$!
	ctl experiment weight a=50 b=$((RANDOM % 50 + 50)) >/dev/null
	wait $load
	grep -q '1500 succeeded, 0 failed' "$TMP/load" || fail "$(cat "$TMP/load")"
done
echo "  12000 requests while the weights changed: 0 failed"

ctl experiment weight a=50 b=50 >/dev/null
sleep 1.5
h2load -n 4000 -c 200 -m 1 "http://$LISTEN/bytes/1k" >/dev/null
sleep 1.2
ctl experiment
curl -sS "http://$METRICS/metrics" >"$TMP/metrics"
shows "metrics have it by arm" "$(grep anon_bytes "$TMP/metrics")" 'arm="b"'
stop_heapgate
