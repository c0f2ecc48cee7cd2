# memory: watching what a worker keeps. Sourced after lib.sh.

# stays_small SECONDS: the worker's RSS stays within 4 MiB of $IDLE_KB.
stays_small() {
	local end=$((SECONDS + $1)) now most=0
	while [ $SECONDS -lt $end ]; do
		now=$(rss "$WORKER")
		[ "$now" -le "$most" ] || most=$now
		at_most "$now" $((IDLE_KB + 4096)) "kB resident, idle $IDLE_KB"
		sleep 0.2
	done
	show "idle $IDLE_KB kB, at most $most kB"
}

# measure_idle PATH: after one request, so that what is touched once is not
# counted as kept.
measure_idle() {
	get "$1" -o /dev/null
	WORKER=$(worker)
	sleep 0.5
	IDLE_KB=$(rss "$WORKER")
}
