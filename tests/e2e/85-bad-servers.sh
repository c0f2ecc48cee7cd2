#!/usr/bin/env bash
# Whatever a server does wrong, no client takes a part of an answer for the whole
# of it, and no answer goes to another request than its own.
. "$(dirname "$0")/lib.sh"

H1=$(free_port) H2C=$(free_port)
ports
cert
conf <<-CONF
	workers 1
	listen 127.0.0.1:$PORT tls cert=$CERT key=$KEY
	listen 127.0.0.1:$CLEAR
	route host=h1.test / one
	route host=h2.test / two
	upstream one { server 127.0.0.1:$H1; max_fails 0 }
	upstream two { server 127.0.0.1:$H2C proto=h2c; max_fails 0 }
	limits { stream_timeout 3s }
	metrics 127.0.0.1:$METRICS
CONF
start_heapgate
before=$(rss "$(worker)")

it "answers 502, or cuts the answer visibly short"
OUT=$(python3 "$TOP/tests/e2e/bad_server.py" "$H1" "$H2C" "$PORT" "$CLEAR" ${FAULTS:-})
show "$OUT"
is "$(wc -l <<<"$OUT")" 1 "lines"
at_least "${OUT%% *}" 250 "faults looked at"

it "keeps nothing of what they sent"
after=$(rss "$(worker)")
[ -n "${SANITIZE:-}" ] || at_most $((after - before)) 8192 "kB more than before"
