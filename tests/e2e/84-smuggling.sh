#!/usr/bin/env bash
# No known way to smuggle a request gets one past heapgate: one in, at most one
# out, by a strict reading of the very bytes that the server received.
. "$(dirname "$0")/lib.sh"

SERVER=$(free_port)
ports
simple_conf "127.0.0.1:$SERVER"
start_heapgate

it "sends on at most what was asked, and nothing that was hidden in it"
OUT=$(python3 "$TOP/tests/e2e/smuggling.py" "$SERVER" "$PORT" "$CLEAR")
show "$OUT"
is "$(wc -l <<<"$OUT")" 1 "lines"
at_least "${OUT%% *}" 250 "messages"
at_least "$(metric 'heapgate_rejected_total.*bad_request')" 100 "refusals counted"
