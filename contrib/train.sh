#!/usr/bin/env bash
# train: lets a heapgate that counts its own branches do what it is for, so that the
# compiler lays the paths that are taken close together. "make release" runs it between
# its two builds; the counts are written as the processes end.
#
#   contrib/train.sh HEAPGATE
#
# Each way in meets each way out (clients of HTTP/1.1, h2c, TLS HTTP/2; servers of
# HTTP/1.1, h2c, TLS HTTP/2), with many requests at once and with one, with small
# answers, large ones and uploads; then each allocator that is there gets a little.
set -eu -o pipefail
HEAPGATE=$(realpath "$1")
TMP=$(mktemp -d "${TMPDIR:-/tmp}/heapgate-train.XXXXXX")
PIDS=()
end() {
	local code=$? pid
	trap - EXIT
	for pid in "${PIDS[@]}"; do kill "$pid" 2>/dev/null || true; done
	for pid in "${PIDS[@]}"; do wait "$pid" 2>/dev/null || true; done
	rm -rf "$TMP"
	exit $code
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
cd "$TMP"

die() {
	printf 'train: %s\n' "$*" >&2
	tail -n 5 ./*.log >&2 || true
	exit 1
}

# start NAME COMMAND...: in the background, until it has said where it listens.
start() {
	local log=$1.log i
	shift
	rm -f "$log"
	"$@" >"$log" 2>&1 &
	PIDS+=($!)
	for ((i = 0; i < 200; i++)); do
		! grep -Eqs 'listening on|: ready' "$log" || return 0
		kill -0 "${PIDS[-1]}" 2>/dev/null || break
		sleep 0.05
	done
	die "$1 does not start"
}

# ports FILE: of all addresses that it has told, in the order of the config.
ports() { sed -nE 's/.*listen(s|ing) on [0-9.]+:([0-9]+)( .*)?$/\2/p' "$1"; }

# load SECONDS URL [OPTION...]
load() {
	"$HEAPGATE" load "$2" --duration "$1s" "${@:3}" >load.log 2>&1 ||
		die "the load on $2 failed"
}

gate() { # ALLOCATOR
	local n=${#PIDS[@]}
	start gate "$HEAPGATE" -c gate.conf --allocator "$1"
	mapfile -t PORT < <(ports gate.log)
	TLS_H1=https://127.0.0.1:${PORT[0]}/bytes/1k
	TLS_H2C=https://127.0.0.2:${PORT[1]}/bytes/1k
	TLS_TLS=https://127.0.0.3:${PORT[2]}/bytes/1k
	CLEAR=http://127.0.0.1:${PORT[3]}/bytes/1k
	[ $n -lt ${#PIDS[@]} ] && [ ${#PORT[@]} -ge 4 ] || die "no ports"
}

gate_end() {
	kill "${PIDS[-1]}"
	wait "${PIDS[-1]}" || die "heapgate ended with an error"
	unset 'PIDS[-1]'
}

"$HEAPGATE" cert >cert.log 2>&1 || die "no certificate"
start origin "$HEAPGATE" origin --listen 127.0.0.1:0
start origin-tls "$HEAPGATE" origin --listen 127.0.0.1:0 --cert tls.crt --key tls.key
cat >gate.conf <<EOF
workers 1
listen 127.0.0.1:0 tls cert=tls.crt key=tls.key
listen 127.0.0.2:0 tls cert=tls.crt key=tls.key
listen 127.0.0.3:0 tls cert=tls.crt key=tls.key
listen 127.0.0.1:0
metrics 127.0.0.1:0
route host=127.0.0.2 / h2c
route host=127.0.0.3 / tls
route / h1
upstream h1 { server 127.0.0.1:$(ports origin.log) }
upstream h2c { server 127.0.0.1:$(ports origin.log) proto=h2c }
upstream tls {
    server 127.0.0.1:$(ports origin-tls.log) tls proto=h2 verify=off
}
EOF

gate hybrid
for url in "$TLS_H1" "$TLS_H2C"; do
	load 1 "$url" --rate 2000
	load 1 "$url" --rate 400 --connections 1 --streams 1
	load 1 "$url" --workload browse --rate 600
	load 1 "$url" --workload upload --rate 40
done
load 1 "$TLS_TLS" --workload api --rate 1000
load 1 "$TLS_H1" --h1 --rate 1000
load 1 "$TLS_H1" --workload tls-churn --rate 200
load 1 "$TLS_H2C" --workload grpc-stream --rate 1000
load 1 "$CLEAR" --h1 --workload browse --rate 600
load 1 "$CLEAR" --workload api --rate 1000
gate_end
for allocator in system jemalloc mimalloc tcmalloc; do
	"$HEAPGATE" -t -c gate.conf --allocator $allocator >/dev/null 2>&1 || continue
	gate $allocator
	load 1 "$TLS_H1" --workload api --rate 1000
	gate_end
done
