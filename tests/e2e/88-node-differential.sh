#!/usr/bin/env bash
# What Node's parser would refuse, or read in another way, does not come through.
. "$(dirname "$0")/lib.sh"
need node

SERVER=$(free_port) DIRECT=$(free_port)
ports
simple_conf "127.0.0.1:$SERVER"
start_heapgate

it "reads requests as Node does, or refuses them"
OUT=$(node "$TOP/tests/e2e/node_diff.js" "$CLEAR" "$SERVER" "$DIRECT" "${ROUNDS:-3000}") ||
	flunk "$OUT"
show "$OUT"
at_least "$(sed -E 's/.*"same":([0-9]+).*/\1/' <<<"$OUT")" 500 "read alike"
