#!/usr/bin/env bash
# Each allocation of a session (connect, TLS, a GET, a POST with a body, close)
# fails once, in a worker that runs: no crash, nothing left of it, a proper
# error or a closed connection for its client, and nothing for others. SWEEP=1
# tries each call of all four kinds; else it is one in five of the last.
. "$(dirname "$0")/lib.sh"

need python3
cert
O1=$(free_port) O2=$(free_port)
start origin "$HEAPGATE" origin --listen "127.0.0.1:$O1"
wait_port "$O1" "$PID"
start origin-tls "$HEAPGATE" origin --listen "127.0.0.1:$O2" --cert "$CERT" --key "$KEY"
wait_port "$O2" "$PID"
# The servers' connections end at once, so that each session makes one.
ports
conf <<-CONF
	workers 1
	listen 127.0.0.1:$PORT tls cert=$CERT key=$KEY
	route host=h1.test / h1
	route host=h2c.test / h2c
	route host=tls.test / tls
	route / others
	upstream h1 { server 127.0.0.1:$O1; idle_timeout 1ms }
	upstream h2c { server 127.0.0.1:$O1 proto=h2c; idle_timeout 1ms }
	upstream tls { server 127.0.0.1:$O2 proto=h2 verify=off; idle_timeout 1ms }
	upstream others { server 127.0.0.1:$O1 }
	metrics 127.0.0.1:$METRICS
CONF
truncate -s 16 orders
start_heapgate --allocator "${ALLOCATOR:-system}+fail=file=$TMPDIR/orders"

# sweep HOST PROTOCOL STEP FIRST
sweep() {
	local said
	said=$(python3 "$TOP/tests/e2e/sweep.py" orders "$PORT" "$METRICS" "$(worker)" "$@") ||
		flunk "$said"
	show "$said"
	at_most "$(jq '.live_after - .live_before' <<<"$said")" 16384 "bytes more in use"
	at_least "$(jq .failed <<<"$said")" 20 "calls that failed"
}

# Up to a call or so before 600 it is the client's connection and its TLS.
it "a client by HTTP/2, a server by HTTP/2"
sweep h2c.test h2 1 1
it "a client by HTTP/2, a server by HTTP/1.1"
sweep h1.test h2 1 "${SWEEP:-600}"
it "a client by HTTP/1.1, a server by HTTP/1.1"
sweep h1.test h1 1 "${SWEEP:-600}"
it "a client by HTTP/2, a server by HTTP/2 over TLS"
sweep tls.test h2 "${SWEEP:-5}" "${SWEEP:-600}"
it "trailers both ways, by HTTP/2: none is lost with the rest looking whole"
sweep h2c.test trailers 1 "${SWEEP:-600}"
at_least "$(metric 'heapgate_rejected_total.*no_memory')" 1 "refusals counted"
