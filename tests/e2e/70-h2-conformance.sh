#!/usr/bin/env bash
# RFC 9113 and RFC 7541, section by section: what a client may not send gets
# the error that the RFC names, and is counted; what it may send is answered.
. "$(dirname "$0")/lib.sh"

start_backend
ports
simple_conf "127.0.0.1:$BACKEND_PORT" \
	"limits { streams 10; header_timeout 3s; flood_burst 0 }"
start_heapgate

it "answers each frame as the RFCs say"
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$TOP/tests \
	python3 "$TOP/tests/e2e/conformance.py" "$CLEAR"

it "counts by code what it sent"
for code in PROTOCOL_ERROR FLOW_CONTROL_ERROR STREAM_CLOSED FRAME_SIZE_ERROR \
	COMPRESSION_ERROR; do
	at_least "$(metric "heapgate_h2_goaways_total.*out.*$code")" 1 "goaways, $code"
done
at_least "$(metric 'heapgate_h2_resets_total.*out.*PROTOCOL_ERROR')" 20 resets

at_least "$(metric 'heapgate_rejected_total.*bad_request')" 5 "refusals counted"

it "still serves"
is "$(get /name)" backend
