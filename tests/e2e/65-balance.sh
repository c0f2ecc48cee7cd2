#!/usr/bin/env bash
# Several servers share the work: in turn by weight, or the least busy first.
. "$(dirname "$0")/lib.sh"

names=(one two three)
declare -a port
for i in 0 1 2; do
	start_backend --name "${names[i]}"
	port[i]=$BACKEND_PORT
done
ports
cert
conf <<-CONF
	workers 1
	listen 127.0.0.1:$PORT tls cert=$CERT key=$KEY
	route / turns
	route /weighted weighted
	route /delay least
	route /status least
	upstream turns {
		server 127.0.0.1:${port[0]}
		server 127.0.0.1:${port[1]}
		server 127.0.0.1:${port[2]}
	}
	upstream weighted {
		server 127.0.0.1:${port[0]} weight=3
		server 127.0.0.1:${port[1]} weight=1
	}
	upstream least {
		balance least_requests
		server 127.0.0.1:${port[0]}
		server 127.0.0.1:${port[1]}
	}
	metrics 127.0.0.1:$METRICS
CONF
start_heapgate
# who PATH N: how often each server answered.
who() {
	get "$1?[1-$2]" -D - -o /dev/null |
		sed -nE 's/^x-server: ([a-z]+).*/\1/p' | sort | uniq -c |
		awk '{ printf "%s=%d ", $2, $1 }'
}

it "takes turns"
is "$(who /name 30)" "one=10 three=10 two=10 "

it "takes turns by weight"
is "$(who /weighted 40)" "one=30 two=10 "

it "gives to the least busy while one is held up"
start held curl -sS --http2 --cacert "$CERT" "$URL/delay/4000" -D -
held=$PID
sleep 0.5
is "$(who /status/200 10 | wc -w)" 1 "servers that answered"
wait "$held"
busy=$(sed -nE 's/^x-server: ([a-z]+).*/\1/p' held.log)
start held curl -sS --http2 --cacert "$CERT" "$URL/delay/3000" -D -
sleep 0.5
got=$(who /status/200 10)
wait "$PID"
busy=$(sed -nE 's/^x-server: ([a-z]+).*/\1/p' held.log)
has_not "$got" "$busy"
