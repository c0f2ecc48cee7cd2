#!/usr/bin/env bash
# Each allocator serves TLS HTTP/2 in front of nginx over HTTP/1.1.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/e2e/allocators.sh"

need h2load
file 1k 1K
start_nginx
for name in $ALLOCATORS; do
	ports
	simple_conf "127.0.0.1:$NGINX_PORT; idle_timeout 1s"
	serve_all "$name"
done
