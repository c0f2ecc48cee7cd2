#!/usr/bin/env bash
# A config that cannot work is refused before anything listens, with the line
# that is wrong; exit 78, or 69 when the allocator cannot be had.
. "$(dirname "$0")/lib.sh"

cert
ports
# wrong CODE LINE NEEDLE TEXT: this config ends so, and says so.
wrong() {
	it "refuses: $4"
	printf 'listen 127.0.0.1:%s\nroute / app\n%s\n' "$CLEAR" "$4" >"$CONF"
	case $4 in *upstream*) ;; *)
		echo 'upstream app { server 127.0.0.1:9 }' >>"$CONF" ;;
	esac
	exits "$1" timeout 20 "$HEAPGATE" -c "$CONF"
	[ "$2" = 0 ] || has "$OUT" "$CONF:$2:"
	has "$OUT" "$3"
	fails listening "$CLEAR"
}

wrong 78 3 'did you mean "workers"' 'wrokers 2'
wrong 78 3 'unknown' 'no_such_directive yes'
wrong 78 3 'serevr' 'upstream app { serevr 127.0.0.1:9 }'
wrong 78 3 'idle_timeout' 'limits { idle_timeout 10 }'
wrong 78 3 'idle_timeout' 'limits { idle_timeout 10k }'
wrong 78 3 'workers' 'workers many'
wrong 78 3 '/no/such/cert.pem' \
	"listen 127.0.0.1:$PORT tls cert=/no/such/cert.pem key=$KEY"
wrong 78 3 'key' "listen 127.0.0.1:$PORT tls cert=$CERT key=$CERT"
wrong 78 3 'nowhere' 'route /x nowhere'
wrong 78 3 '' 'upstream app { server 127.0.0.1:9'
wrong 69 3 'no_such_allocator' 'allocator no_such_allocator'
wrong 69 3 '/no/such/lib.so' 'allocator /no/such/lib.so'
wrong 69 3 'none_malloc' 'allocator /lib/x86_64-linux-gnu/libm.so.6,prefix=none_'

it "reports all errors at once, each with its line and a caret"
printf 'wrokers 1\nlisten 127.0.0.1:%s\nlimits { streams x }\n%s\n' \
	"$CLEAR" 'upstream app { serevr 127.0.0.1:9 }' >"$CONF"
exits 78 "$HEAPGATE" -c "$CONF"
for line in 1 3 4; do has "$OUT" "$CONF:$line:"; done
has "$OUT" '^'
has "$OUT" 'error:'

it "refuses a port that someone else has"
start holder python3 -m http.server --bind 127.0.0.1 "$PORT"
wait_port "$PORT" "$PID"
printf 'listen 127.0.0.1:%s\nlisten 127.0.0.1:%s\nroute / app\n%s\n' "$CLEAR" \
	"$PORT" 'upstream app { server 127.0.0.1:9 }' >"$CONF"
exits 78 timeout 20 "$HEAPGATE" -c "$CONF"
has "$OUT" "$PORT"
fails listening "$CLEAR"

it "refuses a file that is not there"
exits 78 "$HEAPGATE" -c "$TMPDIR/none.conf"
has "$OUT" none.conf

it "tests a config without running it"
printf 'listen 127.0.0.1:%s\nroute / app\nupstream app { server 127.0.0.1:9 }\n' \
	"$CLEAR" >"$CONF"
exits 0 "$HEAPGATE" -t -c "$CONF"
exits 0 "$HEAPGATE" -T -c "$CONF"
for word in workers listen limits upstream; do has "$OUT" $word; done
printf '%s\n' "$OUT" >"$TMPDIR/again.conf"

it "reads what it printed itself, and prints the same again"
exits 0 "$HEAPGATE" -T -c "$TMPDIR/again.conf"
is "$OUT" "$(cat "$TMPDIR/again.conf")"
