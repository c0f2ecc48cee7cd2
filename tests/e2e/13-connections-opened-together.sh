#!/usr/bin/env bash
# Several h2c connections to a server that are opened at the same moment: each
# sends its own preface, though all pack their frames in one buffer.
. "$(dirname "$0")/lib.sh"

need h2load
file 1k 1K
start_nghttpd
ports
simple_conf "127.0.0.1:$NGHTTPD_PORT proto=h2c; streams 10"

it "loses none of the first requests"
for _ in 1 2 3; do
	start_heapgate
	load 1000 50 10 "$URL/1k"
	is "$LOAD_OK" 1000 "succeeded"
	at_least "$(metric heapgate_upstream_connections_opened_total)" 20 "connections behind"
	stop "$HG"
done
