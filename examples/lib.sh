# lib: what the examples' run.sh share. To be sourced first:
#
#	. "$(dirname "$0")/../lib.sh"
#
# Ports are free ones, files are in a temporary directory, and all that was
# started ends with the script, which fails where something is not as it says.
#
#   start_origin [ARG...]    the test backend; $ORIGIN is its address
#   start_heapgate [ARG...]  with the heapgate.conf beside run.sh; sets $HG,
#                            $LISTEN (its first listener), $METRICS
#   stop_heapgate            drains; it must exit 0
#   shows WHAT TEXT NEEDLE   TEXT contains NEEDLE; says so, or fails

set -eu -o pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
: "${HEAPGATE:=$HERE/../../${B:-build}/heapgate}"
HEAPGATE=$(realpath "$HEAPGATE")
export LC_ALL=C.UTF-8
TMP=$(mktemp -d "${TMPDIR:-/tmp}/heapgate-example.XXXXXX")
PIDS=() HG=''

fail() { printf 'failed: %s\n' "$*" >&2; exit 1; }

end() {
	local code=$? pid
	trap - EXIT
	for pid in $HG "${PIDS[@]}"; do kill "$pid" 2>/dev/null || true; done
	wait
	rm -rf "$TMP"
	[ $code != 0 ] || echo "${HERE##*/}: all shown"
	exit $code
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# until_seen FILE REGEX: what its group matched, once the process started last
# has written it.
until_seen() {
	local found alive=1 end=$((SECONDS + 10))
	while [ $alive = 1 ] && [ $SECONDS -le $end ]; do
		kill -0 $! 2>/dev/null || alive=0
		found=$(sed -nE "s#.*$2.*#\\1#; T; p; q" "$1")
		[ -z "$found" ] || { echo "$found"; return; }
		sleep 0.05
	done
	cat "$1" >&2
	fail "it did not start"
}

start_origin() {
	local log
	log=$TMP/origin.${#PIDS[@]}
	: >"$log"
	"$HEAPGATE" origin --listen 127.0.0.1:0 "$@" >"$log" 2>&1 &
	PIDS+=($!)
	ORIGIN=$(until_seen "$log" 'listening on ([^ ]+)')
}

start_heapgate() {
	: >"$TMP/log"
	"$HEAPGATE" -c "$HERE/heapgate.conf" "$@" >"$TMP/log" 2>&1 &
	HG=$!
	until_seen "$TMP/log" 'supervisor: (ready)' >/dev/null
	LISTEN=$(until_seen "$TMP/log" 'listens on ([^ ]+)')
	METRICS=$(sed -nE 's/.*metrics on ([^ ]+).*/\1/p' "$TMP/log")
}

stop_heapgate() {
	local code=0
	kill "$HG"
	wait "$HG" || code=$?
	HG=''
	[ $code = 0 ] || { cat "$TMP/log" >&2; fail "heapgate ended with $code"; }
}

shows() {
	case $2 in
	*"$3"*) printf '  %-44s %s\n' "$1" "$3" ;;
	*) fail "$1: no '$3' in: $2" ;;
	esac
}
