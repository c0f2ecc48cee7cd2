#!/usr/bin/env bash
# Each allocator serves TLS HTTP/2 in front of nghttpd over h2c.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/e2e/allocators.sh"

need h2load
file 1k 1K
start_nghttpd
for name in $ALLOCATORS; do
	ports
	simple_conf "127.0.0.1:$NGHTTPD_PORT proto=h2c; idle_timeout 1s"
	serve_all "$name"
done
