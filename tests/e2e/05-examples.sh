#!/usr/bin/env bash
# Each example runs and proves what it says.
. "$(dirname "$0")/lib.sh"

need curl h2load nghttp
for run in "$TOP"/examples/*/run.sh; do
	name=${run%/run.sh}
	it "runs examples/${name##*/}"
	HEAPGATE=$HEAPGATE "$run" >"$TMPDIR/example.log" 2>&1 ||
		flunk "it exits $?" "$(cat "$TMPDIR/example.log")"
	has "$(tail -n 1 "$TMPDIR/example.log")" "${name##*/}: all shown"
done
