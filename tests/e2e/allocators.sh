# allocators: what holds for each allocator, whatever is behind. Sourced after
# lib.sh.

ALLOCATORS="system jemalloc mimalloc tcmalloc hybrid"

# The library that an allocator is loaded from, as in /proc/PID/maps.
allocator_library() {
	case $1 in
	jemalloc) echo libjemalloc ;;
	mimalloc) echo libmimalloc ;;
	tcmalloc) echo libtcmalloc ;;
	esac
}

# only_allocator NAME PID: this process has mapped that library and no other.
only_allocator() {
	local mapped want
	mapped=$(maps "$2" | grep -oE 'lib(jemalloc|mimalloc|tcmalloc|tbbmalloc)' |
		sort -u | tr '\n' ' ' || true)
	want=$(allocator_library "$1")
	is "${mapped% }" "$want" "allocators mapped"
}

# serve_all NAME: wants an idle_timeout of 1s behind; 20,000 requests through a fresh heapgate, none fails, and
# what the metrics say of it is true and moves.
serve_all() {
	local name=$1 info before after rss conn stream
	it "$name is what the worker runs, alone"
	start_heapgate --allocator "$name"
	only_allocator "$name" "$(worker)"
	info=$(metrics | grep '^heapgate_allocator_info{')
	has "$info" "allocator=\"$name\""
	has "$info" 'version="'
	is "${info##* }" 1
	case $name in
	jemalloc | mimalloc | tcmalloc)
		has "$info" "$(allocator_library "$name")"
		has_not "$info" 'version=""' ;;
	esac

	conn=$(live_bytes life conn) stream=$(live_bytes life stream)

	it "$name serves 20,000 requests, none fails"
	before=$(metric 'heapgate_allocator_calls_total')
	load 20000 50 10 "$URL/1k"
	is "$LOAD_OK" 20000 "succeeded"
	is "$LOAD_FAILED" 0 "failed"

	it "$name shows in the metrics what it did"
	after=$(metric 'heapgate_allocator_calls_total')
	at_least "$after" "$((before + 20000))" "calls"
	rss=$(metric 'heapgate_memory_resident_bytes')
	at_least "$rss" $((1024 * 1024)) "resident bytes"
	# A sanitizer keeps freed memory for a while.
	[ -n "${SANITIZE:-}" ] || at_most "$rss" $((100 * 1024 * 1024)) "resident bytes"
	shows_live_bytes "$conn" "$stream"

	it "$name fails nothing and ends in order"
	is "$(metric 'heapgate_allocator_failures_total')" 0 "allocations that failed"
	code=0
	stop "$HG" || code=$?
	is $code 0 "exit code"
}

# live_bytes LABEL VALUE
live_bytes() { metric "heapgate_allocator_live_bytes\{.*$1=\"$2\""; }

# shows_live_bytes CONN STREAM: by owner and by life; they rise with open
# streams and return to the given bytes when all connections have gone.
shows_live_bytes() {
	local what conn=$1 stream=$2
	for what in boot worker; do
		at_least "$(live_bytes life $what)" 1 "live bytes of $what"
	done
	start_py held "$PORT" <<-'EOT'
		import sys, time, h2
		conns = [h2.Conn(int(sys.argv[1]), window=0) for _ in range(5)]
		for c in conns:
		    c.ask("/1k", 10)
		print("asked", flush=True)
		time.sleep(60)
	EOT
	soon 10 grep -q asked held.log
	soon 5 risen conn $((conn + 5 * 10000))
	soon 5 risen stream $((stream + 5 * 10 * 1000))
	for what in nghttp2 openssl libevent proxy; do
		at_least "$(live_bytes owner $what)" 1 "live bytes of $what"
	done
	stop "$PID" || true
	soon 10 fallen conn "$conn"
	soon 10 fallen stream "$stream"
}
risen() { [ "$(live_bytes life "$1")" -ge "$2" ]; }
fallen() { [ "$(live_bytes life "$1")" -le "$2" ]; }
