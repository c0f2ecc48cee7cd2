#!/usr/bin/env bash
# What heapgate counts as in use is what the allocator itself says, within 1 %:
# all owners together, with 1,000 connections there after a load has gone.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/e2e/allocators.sh"

need h2load
file 1k 1K
start_nghttpd
cert
ADMIN=$TMPDIR/admin.sock

# Sets COUNTED, OWN and BLOCKS: all of one reading.
read_figures() {
	read -r COUNTED OWN BLOCKS < <(metrics | awk '
		/^heapgate_allocator_live_bytes/ { live += $NF }
		/^heapgate_allocator_allocated_bytes/ { own += $NF; found = 1 }
		/^heapgate_allocator_calls_total.*op="alloc"/ { n += $NF }
		/^heapgate_allocator_calls_total.*op="free"/ { n -= $NF }
		END { printf "%d %s %d\n", live, found ? own : "unknown", n }')
}

# The allocator's figure is up to a second old, glibc's some more: agree when it
# has been asked after the last call. glibc counts each block's head of 8 bytes too.
agree() {
	read_figures
	[ "$1" != system ] || COUNTED=$((COUNTED + 8 * BLOCKS))
	OFF=$(awk "BEGIN { d = ($COUNTED - $OWN) * 100 / $OWN; print d < 0 ? -d : d }")
	awk "BEGIN { exit !($OFF <= 1) }"
}

for name in $ALLOCATORS; do
	# A sanitizer is the system's allocator then, and does not say.
	[ -z "${SANITIZE:-}" ] || [ "$name" != system ] || continue
	ports
	conf <<-CONF
		workers 1
		listen 127.0.0.1:$PORT tls cert=$CERT key=$KEY
		route / h2
		upstream h2 { server 127.0.0.1:$NGHTTPD_PORT proto=h2c }
		metrics 127.0.0.1:$METRICS
		admin unix:$ADMIN
	CONF
	start_heapgate --allocator "$name"
	load 4000 400 10 "$URL/1k"
	start_py held "$PORT" <<-'EOT'
		import sys, time, h2
		conns = []
		for _ in range(1000):
		    c = h2.Conn(int(sys.argv[1]))
		    c.wait_end(c.ask("/1k"))
		    conns.append(c)
		print("asked", flush=True)
		time.sleep(60)
	EOT
	soon 30 grep -q asked held.log
	if [ "$name" = mimalloc ]; then
		it "mimalloc does not say"
		read_figures
		is "$OWN" unknown
	else
		it "$name says what the counters say, within 1 %"
		# What is kept for the next calls, as in jemalloc's cache, is not in use.
		"$HEAPGATE" ctl -s "$ADMIN" purge >/dev/null
		for _ in {1..40}; do
			agree "$name" && break
			sleep 0.5
		done
		at_most "$OFF" 1 "% between $COUNTED counted and $OWN"
		at_least "$COUNTED" 20000000 "bytes in use"
		show "$name: counted $COUNTED, its own figure $OWN, $OFF % off"
	fi
	stop "$PID" || true
	stop "$HG"
done
