#!/usr/bin/env bash
# SIGUSR2: another binary takes over, and no client notices. One that cannot
# leaves the old one as it was.
. "$(dirname "$0")/lib.sh"

start_backend
ports
cp "$HEAPGATE" heapgate
ORIGINAL=$HEAPGATE HEAPGATE=$TMPDIR/heapgate
cert
conf <<-CONF
	workers 2
	listen 127.0.0.1:$PORT tls cert=$CERT key=$KEY
	listen 127.0.0.1:$CLEAR
	listen unix:$TMPDIR/listen.sock
	route / app
	upstream app { server 127.0.0.1:$BACKEND_PORT }
	metrics 127.0.0.1:$METRICS
	admin unix:$TMPDIR/admin.sock
	pid_file $TMPDIR/pid
	limits { drain_timeout 5s }
CONF
start_heapgate
is "$(cat pid)" "$HG"

unix_get() { curl -s --unix-socket listen.sock -o /dev/null -w '%{http_code}' http://a/name; }
replace() { rm -f heapgate.new; "$@" >heapgate.new; chmod +x heapgate.new; mv heapgate.new heapgate; }
said() { grep -q "$1" heapgate.log; }

it "goes on when the new binary cannot start"
replace printf '#!/bin/sh\nexit 3\n'
kill -USR2 "$HG"
soon 5 said 'new binary ended with exit code 3; this one goes on'
is "$(get /name -o /dev/null -w '%{http_code}')" 200
is "$(unix_get)" 200

it "goes on when the new binary does not like the config"
replace cat "$ORIGINAL"
cp "$CONF" good
echo 'frobnicate' >>"$CONF"
kill -USR2 "$HG"
soon 5 said 'new binary ended with exit code 78'
cp good "$CONF"
is "$(get /name -o /dev/null -w '%{http_code}')" 200

it "goes on when the new binary's workers cannot start"
sed "s|^workers 2|workers 2\nlog access $TMPDIR/none/access.log|" good >"$CONF"
kill -USR2 "$HG"
ended() { [ "$(grep -c 'new binary ended' heapgate.log)" = 3 ]; }
soon 5 ended
cp good "$CONF"
is "$(unix_get)" 200
is "$("$ORIGINAL" ctl -c "$CONF" ready >/dev/null; echo $?)" 0
is "$(cat pid)" "$HG"

it "hands over while clients come, and none of them fails"
openssl s_client -connect 127.0.0.1:$PORT -alpn h2 -tls1_2 -sess_out session \
	</dev/null >/dev/null 2>&1
for i in 1 2; do
	while [ ! -e enough ]; do
		get /name -o /dev/null -w '%{http_code}\n' --max-time 5 || echo failed
		plain /name -o /dev/null -w '%{http_code}\n' --max-time 5 || echo failed
		unix_get
		echo
	done >codes.$i 2>&1 &
	askers[i]=$!
	LIB_STARTED+=("${askers[i]}")
done
sleep 0.3
OLD=$HG
kill -USR2 "$OLD"
taken() { [ "$(cat pid)" != "$OLD" ]; }
soon 10 taken
HG=$(cat pid)
LIB_STARTED+=("$HG")
code=0
wait "$OLD" || code=$?
is $code 0 "exit code of the old one"
sleep 1
touch enough
wait "${askers[@]}"
show "  $(cat codes.* | wc -l) answers"
is "$(cat codes.* | sort -u)" 200
at_least "$(cat codes.* | wc -l)" 10 "answers"

it "is all there afterwards: workers, endpoints, socket files, tickets"
alive "$HG" || flunk "the new one is gone"
is "$(workers | wc -l)" 2 "workers"
is "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$METRICS/readyz")" 200
is "$("$ORIGINAL" ctl -c "$CONF" workers | wc -l)" 3
is "$(unix_get)" 200
has "$(openssl s_client -connect 127.0.0.1:$PORT -alpn h2 -tls1_2 -sess_in session \
	</dev/null 2>/dev/null | tr -d '\0')" "Reused, TLSv1.2"

it "can be told everything that the first one could"
echo 'via other' >>"$CONF"
has "$("$ORIGINAL" ctl -c "$CONF" reload)" "config 3 is in use"
OLD=$HG
kill -USR2 "$HG"
soon 10 taken
soon 10 gone "$OLD"
HG=$(cat pid)
LIB_STARTED+=("$HG")
is "$(get /name -o /dev/null -w '%{http_code}')" 200
kill "$HG"
soon 10 gone "$HG"
[ ! -e admin.sock ] && [ ! -e listen.sock ] && [ ! -e pid ] || flunk "files are left"

it "keeps clients on their arms"
. "$TOP/tests/e2e/experiment.sh"
arms_conf client_ip
sed -i "\$a pid_file $TMPDIR/pid" "$CONF"
start_heapgate
split 127.0.0.1 200 50
cp split before
OLD=$HG
kill -USR2 "$HG"
soon 10 taken
wait "$OLD"
HG=$(cat pid)
LIB_STARTED+=("$HG")
split 127.0.0.1 200 50
cmp before split
